//! What reading the backlog brought to light that is about the command and not about the session: what the person who typed it
//! got wrong. It is known before anything is recorded, and is told to that person only.

use std::sync::OnceLock;

/// What reading the backlog brought to light. Empty as long as nothing did.
#[derive(Debug, Default)]
pub(crate) struct BacklogNotes {
    missing: OnceLock<(Vec<u64>, Vec<String>)>,
    labels: OnceLock<Vec<String>>,
}

impl BacklogNotes {
    /// Notes issues that were asked for by number and are not in the backlog, and what was odd about the backlog.
    pub(crate) fn note_missing(&self, issues: Vec<u64>, warnings: Vec<String>) {
        // A backlog that is read again tells the same.
        let _ = self.missing.set((issues, warnings));
    }

    /// Notes the labels of the forge, where no issue carries the one that was asked for.
    pub(crate) fn note_labels(&self, labels: Vec<String>) {
        let _ = self.labels.set(labels);
    }

    /// Returns what [`BacklogNotes::note_missing`] was told.
    pub(crate) fn missing(&self) -> Option<&(Vec<u64>, Vec<String>)> {
        self.missing.get()
    }

    /// Returns what [`BacklogNotes::note_labels`] was told.
    pub(crate) fn labels(&self) -> &[String] {
        self.labels.get().map_or(&[], Vec::as_slice)
    }
}
