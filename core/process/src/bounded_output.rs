//! Keeps the beginning and the end of a text of any length.
//!
//! A build prints what it does at its start and what went wrong at its end, so a quarter of the
//! space is for the head and the rest for the tail. The bytes between them are only counted.

use std::collections::VecDeque;

/// Collects lines into at most `bytes_max` bytes (plus one line with the number of omitted bytes).
pub(super) struct BoundedOutput {
    head_max: usize,
    tail_max: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    n_left_out: u64,
}

impl BoundedOutput {
    pub(super) fn new(bytes_max: usize) -> Self {
        let head_max = bytes_max / 4;
        Self {
            head_max,
            tail_max: bytes_max - head_max,
            head: Vec::new(),
            tail: VecDeque::new(),
            n_left_out: 0,
        }
    }

    pub(super) fn push(&mut self, text: &str) {
        // The head is closed once the tail contains something.
        let room = if self.tail.is_empty() {
            self.head_max - self.head.len()
        } else {
            0
        };
        let (head, rest) = text.as_bytes().split_at(room.min(text.len()));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let n_over = self.tail.len().saturating_sub(self.tail_max);
        self.tail.drain(..n_over);
        self.n_left_out += n_over as u64;
    }

    /// Returns the kept text. A character that was cut in two becomes a replacement character.
    pub(super) fn into_text(mut self) -> String {
        if self.n_left_out > 0 {
            self.head
                .extend_from_slice(format!("\n… {} bytes omitted …\n", self.n_left_out).as_bytes());
        }
        self.head.extend(self.tail);
        String::from_utf8(self.head)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes_max: usize, pieces: &[&str], expected: &str) {
        let mut output = BoundedOutput::new(bytes_max);
        pieces.iter().for_each(|piece| output.push(piece));
        assert_eq!(output.into_text(), expected);
    }

    #[test]
    fn short_output_is_kept_unchanged() {
        check(8, &[], "");
        check(8, &["ab", "cdef", "gh"], "abcdefgh");
    }

    #[test]
    fn a_quarter_of_the_head_and_the_tail_are_kept() {
        check(8, &["abcdefghi"], "ab\n… 1 bytes omitted …\ndefghi");
        check(
            8,
            &["a", "bcdefg", "hijkl", "m"],
            "ab\n… 5 bytes omitted …\nhijklm",
        );
        check(0, &["abc"], "\n… 3 bytes omitted …\n");
    }

    #[test]
    fn a_character_cut_in_two_is_replaced() {
        check(4, &["äöü"], "\u{fffd}\n… 2 bytes omitted …\n\u{fffd}ü");
    }
}
