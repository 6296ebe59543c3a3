//! The journal for the dashboard: opened once, read on threads that may block, and reopened after a
//! failure.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use autoissue_core::bus::Envelope;
use autoissue_core::engine::Event;
use autoissue_core::journal::{Journal, JournalError, SessionId, SessionRow};
use autoissue_core::recorded::RecordedError;

/// Number of events read at a time.
const N_EVENTS_READ: usize = 1_000;

/// The journal of a state directory, for reading.
#[derive(Clone)]
pub(crate) struct Archive {
    state_dir: PathBuf,
    open: Arc<Mutex<Option<Journal>>>,
}

/// Why the journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// The journal's own error.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An event has a type that this release does not know.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    /// The reading thread panicked.
    #[error("internal error: reading the journal panicked")]
    Defect,
}

impl Archive {
    /// Creates an archive for a state directory. The journal need not exist yet.
    pub(crate) fn new(state_dir: PathBuf) -> Self {
        Self {
            state_dir,
            open: Arc::default(),
        }
    }

    pub(crate) fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Reads from the journal on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        body: impl FnOnce(&Journal) -> Result<T, ArchiveError> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let archive = self.clone();
        let reading = tokio::task::spawn_blocking(move || archive.read_blocking(body));
        reading.await.unwrap_or(Err(ArchiveError::Defect))
    }

    fn read_blocking<T>(
        &self,
        body: impl FnOnce(&Journal) -> Result<T, ArchiveError>,
    ) -> Result<T, ArchiveError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let journal = match open.take() {
            Some(journal) => journal,
            None => Journal::open_read_only(&self.state_dir)?,
        };
        let answer = body(&journal)?;
        // An empty journal may be a placeholder for one that is still to be created.
        if !journal.sessions(None, 1)?.is_empty() {
            *open = Some(journal);
        }
        Ok(answer)
    }

    /// Returns sessions, newest first.
    pub(crate) async fn sessions(&self, limit: usize) -> Result<Vec<SessionRow>, ArchiveError> {
        self.read(move |journal| Ok(journal.sessions(None, limit)?))
            .await
    }

    /// Finds the only session whose id starts with `prefix`.
    pub(crate) async fn session(&self, prefix: String) -> Result<SessionRow, ArchiveError> {
        self.read(move |journal| Ok(journal.session(&prefix)?))
            .await
    }

    /// Reads some of the events after a number; none if there are none yet.
    pub(crate) async fn events(
        &self,
        session: SessionId,
        after_seq: u64,
    ) -> Result<Vec<Envelope<Event>>, ArchiveError> {
        self.read(move |journal| {
            let stored = journal.read(&session, after_seq, N_EVENTS_READ)?;
            let parse = |stored: &autoissue_core::journal::StoredEvent| {
                let event = serde_json::from_str(&stored.body).map_err(|source| {
                    RecordedError::Unreadable {
                        session: session.to_string(),
                        seq: stored.seq,
                        source,
                    }
                })?;
                Ok(Envelope {
                    seq: stored.seq,
                    at_ms: stored.at_ms,
                    event,
                })
            };
            stored.iter().map(parse).collect()
        })
        .await
    }
}
