//! Earlier sessions of a repository: what they still hold, and what they shipped.

use std::collections::BTreeSet;
use std::path::Path;

use autoissue_engine::{Engine, Outcome};
use autoissue_journal::{Journal, JournalError, SessionRow, StoredStatus};
use autoissue_process::error_chain;

use crate::dispatcher::holders;
use crate::recorded::Recorded;

/// How many sessions are searched for one that still uses a worktree.
const N_SESSIONS_MAX: usize = 1_000;

/// What the journal knows about the sessions of a checkout.
pub(crate) struct Past {
    /// Newest first.
    sessions: Vec<PastSession>,
}

struct PastSession {
    id: String,
    /// Issues that it continues once it is resumed; `None` if the session cannot be read and may
    /// continue any.
    holds: Option<BTreeSet<u64>>,
    /// Issues whose work it published.
    shipped: BTreeSet<u64>,
}

impl Past {
    /// Reads sessions of a checkout by id.
    ///
    /// # Errors
    /// Fails if the journal cannot be read. A single session that cannot be read is reported in
    /// `notes`, and protects everything that it may need.
    pub(crate) fn of(
        journal: &Journal,
        project: &Path,
        wanted: &BTreeSet<&str>,
        notes: &mut Vec<String>,
    ) -> Result<Self, JournalError> {
        let mut rows = sessions_of(journal, project)?;
        rows.retain(|row| wanted.contains(row.id.as_str()));
        Ok(Self::from_rows(journal, rows, notes))
    }

    /// Reads sessions of a checkout by id, and all newer ones, which may have shipped their work.
    ///
    /// # Errors
    /// As for [`Past::of`].
    pub(crate) fn since(
        journal: &Journal,
        project: &Path,
        wanted: &BTreeSet<&str>,
        notes: &mut Vec<String>,
    ) -> Result<Self, JournalError> {
        let mut rows = sessions_of(journal, project)?;
        let oldest = rows
            .iter()
            .rposition(|row| wanted.contains(row.id.as_str()));
        rows.truncate(oldest.map_or(0, |oldest| oldest + 1));
        Ok(Self::from_rows(journal, rows, notes))
    }

    fn from_rows(journal: &Journal, rows: Vec<SessionRow>, notes: &mut Vec<String>) -> Self {
        let read = |row: SessionRow| {
            let (id, status) = (row.id.to_string(), row.status);
            match Recorded::read(journal, row) {
                Ok(recorded) => PastSession::of(id, status, recorded.chronicle.engine()),
                Err(error) => {
                    let why = error_chain(&error);
                    notes.push(format!(
                        "cannot read session {id}, so its worktrees and kept work stay: {why}"
                    ));
                    PastSession {
                        id,
                        holds: None,
                        shipped: BTreeSet::new(),
                    }
                }
            }
        };
        Self {
            sessions: rows.into_iter().map(read).collect(),
        }
    }

    /// Returns whether a session that can be resumed still works on an issue.
    pub(crate) fn holds(&self, session: &str, issue: u64) -> bool {
        let mut of_id = self.sessions.iter().filter(|it| it.id == session);
        of_id.any(|it| it.holds.as_ref().is_none_or(|holds| holds.contains(&issue)))
    }

    /// Returns whether an issue's work was published by a session or a newer one.
    pub(crate) fn has_shipped(&self, session: &str, issue: u64) -> bool {
        let at = self.sessions.iter().position(|it| it.id == session);
        let newer = at.map_or(&[][..], |at| &self.sessions[..=at]);
        newer.iter().any(|it| it.shipped.contains(&issue))
    }
}

impl PastSession {
    fn of(id: String, status: StoredStatus, engine: &Engine) -> Self {
        let is_resumable = matches!(status, StoredStatus::Running | StoredStatus::Interrupted);
        let held = if is_resumable {
            holders(engine)
        } else {
            Vec::new()
        };
        let shipped = engine
            .tasks()
            .values()
            .filter(|task| task.outcome().is_some_and(Outcome::is_success))
            .map(|task| task.issue.number.0);
        Self {
            id,
            holds: Some(held.into_iter().collect()),
            shipped: shipped.collect(),
        }
    }
}

/// Returns the sessions of a checkout, newest first.
fn sessions_of(journal: &Journal, project: &Path) -> Result<Vec<SessionRow>, JournalError> {
    let mut rows = journal.sessions(None, N_SESSIONS_MAX)?;
    rows.retain(|row| Path::new(&row.project_path) == project);
    Ok(rows)
}
