//! Reads lines from a pipe in bounded memory, regardless of what is written into it.
//!
//! ```text
//! pipe ──fill()──► chunk (16 KiB) ──pop()──► line (at most 1 MiB, the rest is dropped)
//! ```
//!
//! `fill` may be cancelled at any await without losing a byte, so a reader can wait for two pipes
//! at once.

use std::ops::Range;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest line that is delivered whole. Agents print a whole file as one JSON line; one mebibyte
/// is enough for those, and even the worst case of 256 agents fits into a small machine.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Most bytes per read; a pipe holds four times as many.
const CHUNK_BYTES: usize = 16 << 10;

/// A line without its terminator.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CutLine {
    pub(super) text: String,
    pub(super) truncated: bool,
}

pub(super) struct LineReader<R> {
    pipe: Option<R>,
    chunk: Box<[u8]>,
    unread: Range<usize>,
    line: Vec<u8>,
    truncated: bool,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(super) fn new(pipe: R) -> Self {
        let chunk = vec![0; CHUNK_BYTES].into_boxed_slice();
        Self {
            pipe: Some(pipe),
            chunk,
            unread: 0..0,
            line: Vec::new(),
            truncated: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Closes the pipe; bytes that were already read are still delivered.
    pub(super) fn close(&mut self) {
        self.pipe = None;
    }

    /// Waits for more bytes or the end of the pipe. Must be called when `pop` returns nothing.
    pub(super) async fn fill(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let n_bytes = pipe.read(&mut self.chunk).await.unwrap_or(0);
        self.unread = 0..n_bytes;
        if n_bytes == 0 {
            self.pipe = None;
        }
    }

    /// Returns the next complete line, or the rest at the end of the pipe.
    pub(super) fn pop(&mut self) -> Option<CutLine> {
        let unread = self.unread.clone();
        if let Some(length) = self.chunk[unread.clone()]
            .iter()
            .position(|byte| *byte == b'\n')
        {
            let end = unread.start + length;
            self.unread = end + 1..unread.end;
            self.keep(unread.start..end);
            return Some(self.finish());
        }
        self.unread = 0..0;
        self.keep(unread);
        (self.pipe.is_none() && !self.line.is_empty()).then(|| self.finish())
    }

    fn keep(&mut self, bytes: Range<usize>) {
        let bytes = &self.chunk[bytes];
        let room = LINE_BYTES_MAX - self.line.len();
        self.truncated |= room < bytes.len();
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn finish(&mut self) -> CutLine {
        let mut bytes = std::mem::take(&mut self.line);
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        CutLine {
            text,
            truncated: std::mem::take(&mut self.truncated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(input: &[u8], expected: &[(&str, bool)]) {
        let mut reader = LineReader::new(input);
        let mut lines = Vec::new();
        loop {
            while let Some(line) = reader.pop() {
                lines.push((line.text, line.truncated));
            }
            if !reader.is_open() {
                break;
            }
            reader.fill().await;
        }
        let expected: Vec<_> = expected
            .iter()
            .map(|(text, truncated)| ((*text).to_owned(), *truncated))
            .collect();
        assert_eq!(lines, expected);
    }

    #[tokio::test]
    async fn lines_come_whole_and_a_partial_last_one_is_delivered() {
        check(b"", &[]).await;
        check(
            b"a\n\nb\r\nlast",
            &[("a", false), ("", false), ("b", false), ("last", false)],
        )
        .await;
        check(b"a\n", &[("a", false)]).await;
    }

    #[tokio::test]
    async fn bytes_that_are_not_text_are_replaced() {
        check(b"a\xff\xfeb\0\n", &[("a\u{fffd}\u{fffd}b\0", false)]).await;
    }

    #[tokio::test]
    async fn only_a_line_longer_than_the_limit_is_cut_and_marked() {
        let whole = "x".repeat(LINE_BYTES_MAX);
        check(
            format!("{whole}\n{whole}y\nnext").as_bytes(),
            &[(&whole, false), (&whole, true), ("next", false)],
        )
        .await;
    }
}
