//! Whether a session that is marked as running in the journal is alive: its process holds the lock
//! of its repository.
//!
//! Reads the operating system's lock and the note in the lock file; changes neither.

use std::fs::{File, TryLockError};
use std::path::Path;

use autoissue_core::chronicle::Chronicle;
use autoissue_core::journal::repository_lock::{Holder, repository_key, state_lock};
use autoissue_core::journal::{Journal, SessionRow, SessionStatus};
use autoissue_core::recorded::{self, Recorded, RecordedError};

/// Reads a session with its events; the chronicle knows whether its process died.
///
/// # Errors
/// If the journal is damaged, or was written by a newer release.
pub(crate) fn recorded(
    journal: &Journal,
    row: SessionRow,
    state_dir: &Path,
) -> Result<Recorded, RecordedError> {
    let mut recorded = Recorded::read(journal, row)?;
    let is_cut_off = is_cut_off(&recorded.row, state_dir);
    recorded.chronicle.set_cut_off(is_cut_off);
    Ok(recorded)
}

/// Replays a session's events; the chronicle knows whether its process died.
///
/// # Errors
/// If the journal is damaged, or was written by a newer release.
pub(crate) fn chronicle(
    journal: &Journal,
    row: &SessionRow,
    state_dir: &Path,
) -> Result<Chronicle, RecordedError> {
    let mut chronicle = recorded::chronicle(journal, row, drop)?;
    chronicle.set_cut_off(is_cut_off(row, state_dir));
    Ok(chronicle)
}

/// Returns whether a session's process died: the journal says that it is running, but it does not
/// hold its repository.
pub(crate) fn is_cut_off(row: &SessionRow, state_dir: &Path) -> bool {
    row.status == SessionStatus::Running && !is_held_by(row, state_dir)
}

fn is_held_by(row: &SessionRow, state_dir: &Path) -> bool {
    // Between taking the lock and writing the note, the holder is unknown; assume that it is this
    // session.
    holder_of(row, state_dir)
        .is_some_and(|holder| holder.is_none_or(|holder| holder.session == row.id))
}

/// Returns the process that holds a session's repository. The inner `None` means that the lock is
/// held but its note is not written yet.
pub(crate) fn holder_of(row: &SessionRow, state_dir: &Path) -> Option<Option<Holder>> {
    let path = state_lock(state_dir, &repository_key(&row.project_path));
    let file = File::open(&path).ok()?;
    let holder = std::io::read_to_string(&file)
        .ok()
        .and_then(|text| serde_json::from_str::<Holder>(&text).ok());
    // Takes a shared lock and releases it immediately, so that it turns away no other process for
    // long.
    let is_held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    is_held.then_some(holder)
}

#[cfg(test)]
mod tests {
    use autoissue_core::journal::SessionId;
    use autoissue_core::journal::repository_lock::RepositoryLock;

    use super::*;

    fn row(random: u8) -> SessionRow {
        SessionRow {
            id: SessionId::new(0, [0, random]),
            repository: "owner/shop".to_owned(),
            project_path: "/p/shop".to_owned(),
            command: String::new(),
            version: String::new(),
            started_at_ms: 0,
            settings_json: String::new(),
            status: SessionStatus::Running,
            finished_at_ms: None,
            last_seq: 0,
        }
    }

    #[test]
    fn a_session_runs_as_long_as_it_holds_its_repository() {
        let state = tempfile::tempdir().unwrap();
        assert!(is_cut_off(&row(1), state.path()), "there never was a lock");
        let holder = Holder {
            pid: 1,
            session: row(1).id,
            started_at_ms: 0,
            command: String::new(),
            project: String::new(),
        };
        let path = state_lock(state.path(), &repository_key("/p/shop"));
        let lock = RepositoryLock::acquire(&[path], &holder).unwrap();
        assert!(!is_cut_off(&row(1), state.path()));
        assert!(
            is_cut_off(&row(2), state.path()),
            "another session holds it"
        );
        drop(lock);
        assert!(is_cut_off(&row(1), state.path()));
        let over = SessionRow {
            status: SessionStatus::Completed,
            ..row(1)
        };
        assert!(!is_cut_off(&over, state.path()));
    }
}
