//! Limits the disk space of transcripts: by age, and by their size over all sessions. Files that a
//! session needs to be resumed stay: its plan and its planner's answers. Transcripts are only for
//! reading; the journal has the full history without them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use autoissue_journal::{Journal, JournalError, SessionRow, StoredStatus};

use crate::config::LoggingSettings;

const DAY_MS: u64 = 86_400_000;
/// The prefix or the name of a session's directories that contain transcripts.
const OF_ISSUES: &str = "issue-";
const OF_THE_PLANNER: &str = "planner";
/// How deep directories are measured: transcripts are directly in theirs.
const DEPTH_MAX: u32 = 4;

/// The amount that was freed, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Sessions whose transcripts were removed.
    pub n_sessions: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

struct Transcripts {
    directories: Vec<PathBuf>,
    bytes: u64,
    ended_at_ms: u64,
    /// Whether its session may be running right now.
    may_run: bool,
}

/// Removes the transcripts of sessions that ended more than `logging.keepDays` ago, then the oldest
/// ones until all of them take at most `logging.maxTranscriptMib`. Those of the newest session
/// stay, and those of a session that may be running stay until they are too old. With `dry_run` it
/// only reports what it would free. Transcripts that cannot be removed stay and are not counted.
/// `now_ms` is the time, in milliseconds since the Unix epoch.
///
/// # Errors
/// Fails if the journal cannot be read.
pub fn remove_old_transcripts(
    state_dir: &Path,
    journal: &Journal,
    settings: &LoggingSettings,
    now_ms: u64,
    dry_run: bool,
) -> Result<Freed, JournalError> {
    let mut all = transcripts(state_dir, journal)?;
    let oldest_ms = now_ms.saturating_sub(DAY_MS * u64::from(settings.keep_days));
    let bytes_max = u64::from(settings.max_transcript_mib) << 20;
    let mut bytes: u64 = all.iter().map(|it| it.bytes).sum();
    // The newest is last.
    all.pop();
    let mut freed = Freed::default();
    for transcripts in all {
        let is_old = transcripts.ended_at_ms < oldest_ms;
        let is_too_much = bytes_max < bytes && !transcripts.may_run;
        if !is_old && !is_too_much {
            continue;
        }
        let removed = dry_run
            || transcripts
                .directories
                .iter()
                .all(|directory| fs::remove_dir_all(directory).is_ok());
        if removed {
            bytes -= transcripts.bytes;
            freed.n_sessions += 1;
            freed.bytes += transcripts.bytes;
        }
    }
    Ok(freed)
}

/// Returns the transcripts of all sessions that have any, ordered by the end of the session.
fn transcripts(state_dir: &Path, journal: &Journal) -> Result<Vec<Transcripts>, JournalError> {
    let rows = journal.sessions(None, usize::MAX)?.into_iter();
    let rows: BTreeMap<String, SessionRow> = rows.map(|row| (row.id.to_string(), row)).collect();
    let sessions = fs::read_dir(state_dir.join("sessions"));
    let mut all: Vec<Transcripts> = sessions
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            // A directory that the journal does not know may belong to another program.
            let row = rows.get(&name)?;
            let directories = directories_in(&entry.path(), row.status);
            (!directories.is_empty()).then(|| Transcripts {
                bytes: directories.iter().map(|it| size_of(it, DEPTH_MAX)).sum(),
                directories,
                ended_at_ms: row.finished_at_ms.unwrap_or(row.started_at_ms),
                may_run: row.status == StoredStatus::Running,
            })
        })
        .collect();
    all.sort_by_key(|it| it.ended_at_ms);
    Ok(all)
}

/// Returns the directories of a session that may be removed. A planner's answer may be all that an
/// unfinished session has of its plan.
fn directories_in(session: &Path, status: StoredStatus) -> Vec<PathBuf> {
    let is_over = matches!(status, StoredStatus::Completed | StoredStatus::Failed);
    let entries = fs::read_dir(session).into_iter().flatten().flatten();
    let is_ours = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        entry.file_type().is_ok_and(|kind| kind.is_dir())
            && (name.starts_with(OF_ISSUES) || (is_over && name == OF_THE_PLANNER))
    };
    entries.filter(is_ours).map(|entry| entry.path()).collect()
}

fn size_of(directory: &Path, depth: u32) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() && 0 < depth => size_of(&entry.path(), depth - 1),
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    };
    entries.map(size).sum()
}

#[cfg(test)]
mod tests {
    use autoissue_journal::{AppendExtras, NewSession, SessionId, StatusChange};
    use tempfile::TempDir;

    use super::*;

    const NOW_MS: u64 = 100 * DAY_MS;

    struct State {
        directory: TempDir,
        journal: Journal,
    }

    impl State {
        /// Creates sessions that ended the given number of days ago, each with the given number of
        /// bytes; with a negative number of days, the session never recorded an end.
        fn with(sessions: &[(i64, usize)]) -> Self {
            let mut state = Self {
                directory: tempfile::tempdir().unwrap(),
                journal: Journal::in_memory().unwrap(),
            };
            for (n, (days, bytes)) in sessions.iter().enumerate() {
                let at_ms = NOW_MS - DAY_MS * days.unsigned_abs();
                let id = SessionId::new(at_ms, [0, u8::try_from(n).unwrap()]);
                let new = NewSession {
                    id: id.clone(),
                    repository: "owner/shop".to_owned(),
                    project_path: "/p".to_owned(),
                    command: String::new(),
                    version: String::new(),
                    started_at_ms: at_ms,
                    settings_json: "{}".to_owned(),
                };
                state.journal.create_session(&new).unwrap();
                let status = if *days < 0 {
                    StoredStatus::Running
                } else {
                    StoredStatus::Completed
                };
                let change = StatusChange {
                    status,
                    finished_at_ms: (0 <= *days).then_some(at_ms),
                };
                let extras = AppendExtras {
                    status: Some(change),
                    ..AppendExtras::default()
                };
                state.journal.append(&id, at_ms, &[], extras).unwrap();
                let session = state.directory.path().join("sessions").join(id.as_str());
                fs::create_dir_all(session.join("issue-1")).unwrap();
                fs::write(session.join("issue-1/attempt-1.log"), vec![b'x'; *bytes]).unwrap();
                fs::write(session.join("plan.json"), "{}").unwrap();
            }
            state
        }

        fn remove(&self, keep_days: u32, max_transcript_mib: u32, dry_run: bool) -> Freed {
            let settings = LoggingSettings {
                keep_days,
                max_transcript_mib,
                ..LoggingSettings::default()
            };
            let path = self.directory.path();
            remove_old_transcripts(path, &self.journal, &settings, NOW_MS, dry_run).unwrap()
        }

        /// Returns whether the transcripts of each session exist, and asserts that its plan does.
        fn left(&self) -> Vec<bool> {
            let sessions = fs::read_dir(self.directory.path().join("sessions")).unwrap();
            let mut paths: Vec<PathBuf> = sessions.map(|it| it.unwrap().path()).collect();
            paths.sort();
            assert!(paths.iter().all(|it| it.join("plan.json").exists()));
            paths.iter().map(|it| it.join("issue-1").exists()).collect()
        }
    }

    #[test]
    fn transcripts_are_kept_for_the_configured_days_and_those_of_the_newest_session_forever() {
        let state = State::with(&[(40, 5), (-30, 6), (20, 7), (13, 5), (-1, 5)]);
        let freed = Freed {
            n_sessions: 3,
            bytes: 18,
        };
        assert_eq!(state.remove(14, 1, true), freed);
        assert_eq!(state.left(), [true; 5], "a dry run removes nothing");
        assert_eq!(state.remove(14, 1, false), freed);
        assert_eq!(state.left(), [false, false, false, true, true]);
        assert_eq!(state.remove(14, 1, false), Freed::default());
        let alone = State::with(&[(40, 5)]);
        assert_eq!(alone.remove(14, 1, false), Freed::default());
    }

    #[test]
    fn the_oldest_transcripts_go_until_all_of_them_fit() {
        let half = (1 << 19) + 1;
        let state = State::with(&[(5, half), (-4, half), (3, half), (2, 10)]);
        assert_eq!(state.remove(14, 2, false).n_sessions, 0);
        let freed = state.remove(14, 1, false);
        assert_eq!(freed.n_sessions, 2, "{freed:?}");
        assert_eq!(state.left(), [false, true, false, true]);
    }
}
