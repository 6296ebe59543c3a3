//! What reading the backlog revealed about the command rather than the session: mistakes of the
//! person who ran it. It is known before anything is recorded, and is reported only to that person.

use std::sync::OnceLock;

/// Findings about the command while reading the backlog. Empty if there are none.
#[derive(Debug, Default)]
pub(crate) struct BacklogNotes {
    missing: OnceLock<(Vec<u64>, Vec<String>)>,
    labels: OnceLock<Vec<String>>,
}

impl BacklogNotes {
    /// Records issues that were requested by number and are not in the backlog, and warnings about
    /// the backlog.
    pub(crate) fn note_missing(&self, issues: Vec<u64>, warnings: Vec<String>) {
        // A backlog that is read again gives the same result.
        let _ = self.missing.set((issues, warnings));
    }

    /// Records the labels of the forge if no issue carries the requested one.
    pub(crate) fn note_labels(&self, labels: Vec<String>) {
        let _ = self.labels.set(labels);
    }

    /// Returns the values passed to [`BacklogNotes::note_missing`].
    pub(crate) fn missing(&self) -> Option<&(Vec<u64>, Vec<String>)> {
        self.missing.get()
    }

    /// Returns the labels passed to [`BacklogNotes::note_labels`].
    pub(crate) fn labels(&self) -> &[String] {
        self.labels.get().map_or(&[], Vec::as_slice)
    }
}
