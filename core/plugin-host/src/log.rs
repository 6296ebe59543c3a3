//! What a plugin says: lines for the log, and its last words.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fault::one_line;

/// Most characters of a plugin's last words: the end of a traceback.
const WORDS_CHARS_MAX: usize = 500;
/// Longest line of standard output or error, in bytes; longer ones are broken.
const LINE_BYTES_MAX: usize = 4_096;

/// The log of one instance: as many lines as its limit allows for a call. Clones share it.
#[derive(Clone)]
pub(crate) struct Log(Arc<Mutex<State>>);

struct State {
    plugin: Arc<str>,
    n_lines_left: u32,
    /// The end of what it said about errors.
    last_words: String,
    /// The beginnings of a line of standard output and of one of standard error.
    begun: [Vec<u8>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Where a program prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Printed {
    Output,
    Error,
}

impl Log {
    pub(crate) fn new(plugin: &Arc<str>, n_lines: u32) -> Self {
        Self(Arc::new(Mutex::new(State {
            plugin: plugin.clone(),
            n_lines_left: n_lines,
            last_words: String::new(),
            begun: [Vec::new(), Vec::new()],
        })))
    }

    /// Logs a line. Lines over the limit are dropped, but the text of a panic is always kept for
    /// the message.
    pub(crate) fn line(&self, level: Level, message: &str) {
        self.lock().line(level, message);
    }

    /// Logs printed text, line by line.
    pub(crate) fn print(&self, printed: Printed, bytes: &[u8]) {
        let mut state = self.lock();
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        for part in lines.flat_map(|line| line.chunks(LINE_BYTES_MAX)) {
            let begun = &mut state.begun[printed as usize];
            begun.extend(part);
            if part.ends_with(b"\n") || LINE_BYTES_MAX <= begun.len() {
                state.end_line(printed);
            }
        }
    }

    /// Ends a call: returns its last words, and allows the next call as many lines.
    pub(crate) fn renew(&self, n_lines: u32) -> Option<String> {
        let mut state = self.lock();
        for printed in [Printed::Output, Printed::Error] {
            state.end_line(printed);
        }
        state.n_lines_left = n_lines;
        let words = std::mem::take(&mut state.last_words);
        Some(words.trim().to_owned()).filter(|words| !words.is_empty())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave anything half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn line(&mut self, level: Level, message: &str) {
        let line = one_line(message);
        let plugin = &*self.plugin;
        if 0 < self.n_lines_left {
            self.n_lines_left -= 1;
            match level {
                Level::Trace => tracing::trace!(plugin, "{line}"),
                Level::Debug => tracing::debug!(plugin, "{line}"),
                Level::Info => tracing::info!(plugin, "{line}"),
                Level::Warn => tracing::warn!(plugin, "{line}"),
                Level::Error => tracing::error!(plugin, "{line}"),
            }
        }
        if level == Level::Error {
            self.last_words = line;
        }
    }

    /// Logs a line that was printed. A runtime prints on standard error why it aborts, in one line
    /// or in many, of which those at the end say most.
    fn end_line(&mut self, printed: Printed) {
        let bytes = std::mem::take(&mut self.begun[printed as usize]);
        let text = String::from_utf8_lossy(&bytes);
        if text.trim().is_empty() {
            return;
        }
        match printed {
            Printed::Output => self.line(Level::Info, &text),
            Printed::Error => {
                let mut words = std::mem::take(&mut self.last_words);
                self.line(Level::Error, &text);
                words.extend([" ", &self.last_words]);
                let n_chars = words.chars().count();
                self.last_words = words
                    .chars()
                    .skip(n_chars.saturating_sub(WORDS_CHARS_MAX))
                    .collect();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_text_is_logged_by_line_and_the_last_error_is_kept() {
        let log = Log::new(&"a".into(), 3);
        log.print(Printed::Output, b"hello ");
        log.print(Printed::Error, b"Traceback:\n  line 1\n");
        log.print(Printed::Output, b"world\n");
        assert_eq!(log.lock().n_lines_left, 0, "three lines");
        log.print(Printed::Error, b"ValueError: no title");
        assert_eq!(
            log.renew(5).as_deref(),
            Some("Traceback: line 1 ValueError: no title")
        );
        assert_eq!(log.lock().n_lines_left, 5);
        assert_eq!(log.renew(5), None, "they are kept for one call");
    }

    #[test]
    fn a_line_without_an_end_takes_little_memory() {
        let log = Log::new(&"a".into(), 0);
        log.print(Printed::Output, &vec![b'x'; 10 << 20]);
        assert!(log.lock().begun[0].capacity() <= 2 * LINE_BYTES_MAX);
    }
}
