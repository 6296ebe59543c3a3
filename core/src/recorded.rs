//! Sessions as stored in the journal: what `status`, `show`, `metrics` and `resume` read.

use autoissue_engine::Event;
use autoissue_journal::{Journal, JournalError, SessionRow, StoredEvent};

use crate::bus::Envelope;
use crate::chronicle::Chronicle;

/// A session read from the journal.
#[derive(Debug)]
pub struct Recorded {
    /// Its row.
    pub row: SessionRow,
    /// Its events, in order.
    pub events: Vec<Envelope<Event>>,
    /// Their history, with the engine's state that results from them.
    pub chronicle: Chronicle,
}

/// Why a session cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// The journal cannot return it.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An event is of a kind that this build does not know.
    #[error("session `{session}` has an event {seq} that this build of autoissue cannot read")]
    Unreadable {
        /// Session.
        session: String,
        /// Number of the event.
        seq: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl RecordedError {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Journal(error) => error.hint(),
            Self::Unreadable { .. } => {
                Some("use the build of autoissue that wrote it, or a newer one".to_owned())
            }
        }
    }
}

/// How many events are read from the journal at a time.
const N_EVENTS_READ: usize = 1_000;

impl Recorded {
    /// Reads a session.
    ///
    /// # Errors
    /// Fails if the journal is damaged, or was written by a newer release.
    pub fn read(journal: &Journal, row: SessionRow) -> Result<Self, RecordedError> {
        let mut events = Vec::new();
        let chronicle = chronicle(journal, &row, |envelope| events.push(envelope))?;
        Ok(Self {
            row,
            events,
            chronicle,
        })
    }
}

/// Returns the history that a session's events make, and passes each of them on.
///
/// # Errors
/// Fails if the journal is damaged, or was written by a newer release.
pub fn chronicle(
    journal: &Journal,
    row: &SessionRow,
    mut keep: impl FnMut(Envelope<Event>),
) -> Result<Chronicle, RecordedError> {
    let mut chronicle = Chronicle::opened_at(row.started_at_ms);
    loop {
        let stored = journal.read(&row.id, chronicle.last_seq(), N_EVENTS_READ)?;
        if stored.is_empty() {
            return Ok(chronicle);
        }
        for event in stored {
            let envelope = parse(row, &event)?;
            chronicle.take(&envelope);
            keep(envelope);
        }
    }
}

fn parse(row: &SessionRow, stored: &StoredEvent) -> Result<Envelope<Event>, RecordedError> {
    let event = serde_json::from_str(&stored.body).map_err(|source| RecordedError::Unreadable {
        session: row.id.to_string(),
        seq: stored.seq,
        source,
    })?;
    Ok(Envelope {
        seq: stored.seq,
        at_ms: stored.at_ms,
        event,
    })
}
