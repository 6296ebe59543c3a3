//! What can go wrong with a journal, by what somebody does about it, and the one place that reads SQLite's codes.

use std::error::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::ffi;

use super::SessionId;

/// Why the journal could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// No space is left. Nothing of the failed write is kept; the same write may be repeated once there is space.
    #[error("no space is left for the journal `{}`", path.display())]
    DiskFull {
        /// The journal's file.
        path: PathBuf,
    },
    /// The file or its directory cannot be written, or the journal was opened only for reading.
    #[error("the journal `{}` cannot be written", path.display())]
    ReadOnly {
        /// The journal's file, or its directory.
        path: PathBuf,
    },
    /// A later release of autoissue wrote this journal.
    #[error("the journal `{}` has version {found}, and this autoissue reads versions up to {supported}", path.display())]
    Newer {
        /// The journal's file.
        path: PathBuf,
        /// The journal's version.
        found: i64,
        /// The last version known here.
        supported: i64,
    },
    /// An earlier release wrote this journal, in a form that is not read any more. [`Journal::set_aside_older`](super::Journal) makes room.
    #[error("the journal `{}` has version {found}, and this autoissue reads versions from {oldest}", path.display())]
    Older {
        /// The journal's file.
        path: PathBuf,
        /// The journal's version.
        found: i64,
        /// The first version that is read.
        oldest: i64,
    },
    /// The journal does not hold what was written to it. It is left as it is.
    #[error("the journal `{}` is damaged", path.display())]
    Damaged {
        /// The journal's file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        damage: Damage,
    },
    /// The path is longer than SQLite takes.
    #[error("the path of the journal `{}` has more than {bytes_max} bytes", path.display())]
    PathTooLong {
        /// The journal's file.
        path: PathBuf,
        /// The longest path, in bytes.
        bytes_max: usize,
    },
    /// Another process kept the journal locked for longer than a write takes.
    #[error("the journal `{}` is busy: another process has kept it locked", path.display())]
    Busy {
        /// The journal's file.
        path: PathBuf,
    },
    /// There is no such session.
    #[error("no session is named `{wanted}`")]
    NoSession {
        /// The id or the beginning of one that was asked for.
        wanted: String,
    },
    /// The beginning of an id fits several sessions.
    #[error("`{prefix}` fits {} sessions", matches.len())]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// The sessions that it fits, newest first.
        matches: Vec<SessionId>,
    },
    /// A session with this id exists. Another id is worth a try.
    #[error("session `{id}` exists")]
    SessionExists {
        /// The id.
        id: SessionId,
    },
    /// Anything else, which nobody can treat in a special way.
    #[error("failed to use the journal `{}`", path.display())]
    Other {
        /// The journal's file.
        path: PathBuf,
        /// What SQLite or the system said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What is wrong with a damaged journal.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The file was deleted or emptied.
    #[error("the file is missing or empty, though a history was written to it")]
    Emptied,
    /// The file holds fewer writes than were made: an older copy, or its write-ahead log is gone.
    #[error("it holds {found} writes of at least {promised}")]
    Behind {
        /// Writes that were made.
        promised: i64,
        /// Writes that it holds.
        found: i64,
    },
    /// The file is a database, but no journal.
    #[error(
        "it is not a journal of autoissue (application id {application_id:#x}, version {version})"
    )]
    NotOurs {
        /// SQLite's application id.
        application_id: i64,
        /// SQLite's user version.
        version: i64,
    },
    /// A table is not as autoissue made it.
    #[error("its table `{table}` is missing or was altered")]
    Schema {
        /// Name of the table or index.
        table: String,
    },
    /// SQLite cannot read the file, or a value has the wrong type.
    #[error("it cannot be read")]
    Unreadable(#[source] rusqlite::Error),
    /// The counts of rows do not fit their seal.
    #[error("its counters were changed")]
    Counters,
    /// A session's own row.
    #[error("session number {number} {what}")]
    Session {
        /// The how many-th session it is, from 1.
        number: i64,
        /// What happened to its row.
        what: Break,
    },
    /// A row of the history of costs.
    #[error("cost number {number} {what}")]
    Cost {
        /// The how many-th cost it is, from 1.
        number: i64,
        /// What happened to its row.
        what: Break,
    },
    /// An event.
    #[error("event {seq} of session `{session}` {what}")]
    Event {
        /// The session.
        session: SessionId,
        /// The event's place in it.
        seq: u64,
        /// What happened to the event.
        what: Break,
    },
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// Its content is not what was written.
    #[error("was changed")]
    Changed,
    /// It is gone.
    #[error("is missing")]
    Missing,
    /// It stands at another place, and another row stands at its own.
    #[error("was moved to place {to}")]
    Moved {
        /// Where it stands now.
        to: u64,
    },
    /// It was never written by autoissue.
    #[error("was added by somebody else")]
    Added,
}

impl JournalError {
    /// Returns what a person can do about it, as a sentence without a period.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            JournalError::DiskFull { .. } => "make room, then `autoissue resume`".to_owned(),
            JournalError::ReadOnly { .. } => {
                "set `AUTOISSUE_STATE_DIR` to a directory that you may write".to_owned()
            }
            JournalError::Newer { .. } => {
                "use the newer release, or another `AUTOISSUE_STATE_DIR`".to_owned()
            }
            JournalError::Older { .. } => {
                "wait until no session of the earlier autoissue runs; the next command moves the journal aside"
                    .to_owned()
            }
            // Its mark has to go with it: that is what remembers that there was a history.
            JournalError::Damaged { path, .. } => {
                let directory = quoted(directory(path));
                format!(
                    "restore it from a backup, or move it away and begin a new history: `mv {directory}/journal.* \"$(mktemp -d {directory}/damaged.XXXXXX)\"`"
                )
            }
            JournalError::PathTooLong { .. } => {
                "set `AUTOISSUE_STATE_DIR` to a directory with a shorter path".to_owned()
            }
            JournalError::Busy { .. } => "try again".to_owned(),
            JournalError::NoSession { .. } => "`autoissue status` lists the sessions".to_owned(),
            JournalError::Ambiguous { matches, .. } => {
                let names: Vec<&str> = matches.iter().map(AsRef::as_ref).take(5).collect();
                format!("type more of it: {}", names.join(", "))
            }
            // Ids are drawn by chance.
            JournalError::SessionExists { .. } => "try again".to_owned(),
            JournalError::Other { path, .. } => format!(
                "see to the rights and the room of `{}`; `autoissue resume` then goes on",
                path.parent().unwrap_or(path).display()
            ),
        };
        Some(hint)
    }

    /// Reads an error of the file system.
    pub(super) fn of_files(path: &Path, source: std::io::Error) -> JournalError {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => JournalError::DiskFull { path },
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                JournalError::ReadOnly { path }
            }
            _ => JournalError::Other {
                path,
                source: source.into(),
            },
        }
    }
}

/// Returns a path as a shell reads it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.+".contains(c);
    if path.chars().all(is_plain) {
        return path;
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

fn directory(path: &Path) -> &Path {
    if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(path)
    }
}

/// An error that does not know its file yet. Inner functions return it; the journal's methods add the path.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Damage(Damage),
    /// An error that has no file.
    Refused(JournalError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Sqlite(error)
    }
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Fault {
        Fault::Damage(damage)
    }
}

impl Fault {
    /// Returns the error with the file that it is about.
    pub(super) fn at(self, path: &Path) -> JournalError {
        let path = path.to_owned();
        match self {
            Fault::Refused(error) => error,
            Fault::Damage(damage) => JournalError::Damaged { path, damage },
            Fault::Sqlite(source) => of_sqlite(path, source),
        }
    }

    /// Returns whether this is how SQLite says that it may not write beside the file: with rights it says "read only", on a
    /// file system that is mounted read-only "cannot open".
    pub(super) fn is_of_a_read_only_place(&self) -> bool {
        let Fault::Sqlite(source) = self else {
            return false;
        };
        let code = source
            .sqlite_error()
            .map(|error| error.extended_code & 0xff);
        matches!(code, Some(ffi::SQLITE_READONLY | ffi::SQLITE_CANTOPEN))
    }

    /// Names the row whose value could not be decoded; leaves other faults as they are.
    pub(super) fn names(self, damage: impl FnOnce() -> Damage) -> Fault {
        match self {
            Fault::Sqlite(error) if is_undecodable(&error) => Fault::Damage(damage()),
            fault => fault,
        }
    }
}

fn of_sqlite(path: PathBuf, source: rusqlite::Error) -> JournalError {
    use rusqlite::Error::{SqlInputError, SqliteFailure};
    if is_undecodable(&source) {
        return JournalError::Damaged {
            path,
            damage: Damage::Unreadable(source),
        };
    }
    let (SqliteFailure(error, _) | SqlInputError { error, .. }) = &source else {
        return JournalError::Other {
            path,
            source: source.into(),
        };
    };
    match (error.extended_code & 0xff, error.extended_code) {
        // The file by which processes share the write-ahead log's index could not grow.
        (ffi::SQLITE_FULL, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => JournalError::DiskFull { path },
        (ffi::SQLITE_READONLY, _) => JournalError::ReadOnly { path },
        (ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL, _) => {
            JournalError::Busy { path }
        }
        // A sound journal breaks none of its own constraints.
        (
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_FORMAT | ffi::SQLITE_CONSTRAINT,
            _,
        )
        | (_, ffi::SQLITE_IOERR_CORRUPTFS | ffi::SQLITE_IOERR_SHORT_READ) => {
            JournalError::Damaged {
                path,
                damage: Damage::Unreadable(source),
            }
        }
        _ => JournalError::Other {
            path,
            source: source.into(),
        },
    }
}

fn is_undecodable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
    };
    matches!(
        error,
        FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..)
    )
}
