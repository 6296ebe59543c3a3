//! The end of a program's output, which explains how it ended.

use std::collections::VecDeque;

use autoissue_plugin_sdk::Source;

/// Number of last lines that are kept.
const N_LINES_MAX: usize = 20;
/// Maximum length of a kept line, in bytes.
const LINE_BYTES_MAX: usize = 300;

/// The last lines of both streams that are not empty, in the order in which they arrived.
#[derive(Debug, Default)]
pub(crate) struct LastLines(VecDeque<(Source, String)>);

impl LastLines {
    pub(crate) fn push(&mut self, source: Source, text: &str) {
        if self.0.len() == N_LINES_MAX {
            self.0.pop_front();
        }
        let end = text.floor_char_boundary(LINE_BYTES_MAX);
        let cut = if end < text.len() { "…" } else { "" };
        self.0.push_back((source, format!("{}{cut}", &text[..end])));
    }

    /// Returns the lines, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().map(|(_, text)| text.as_str())
    }

    /// Returns the lines of one stream, oldest first.
    pub(crate) fn of(&self, source: Source) -> impl DoubleEndedIterator<Item = &str> {
        let lines = self.0.iter().filter(move |(it, _)| *it == source);
        lines.map(|(_, text)| text.as_str())
    }
}
