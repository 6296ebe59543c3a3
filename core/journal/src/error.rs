//! Errors of the journal, distinguished by what to do about them; the only module that interprets
//! SQLite's error codes.

use std::error::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::ffi;

use super::SessionId;

/// Why a journal operation failed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// No space is left. The failed write left no trace and may be repeated once there is space.
    #[error("no space left to write the journal `{}`", path.display())]
    DiskFull {
        /// The journal's file.
        path: PathBuf,
    },
    /// The file or its directory cannot be written, or the journal was opened only for reading.
    #[error("cannot write the journal `{}`", path.display())]
    ReadOnly {
        /// The journal's file, or its directory.
        path: PathBuf,
    },
    /// A later release of autoissue wrote this journal.
    #[error("the journal `{}` has version {found}, but this autoissue reads versions up to {supported}", path.display())]
    Newer {
        /// The journal's file.
        path: PathBuf,
        /// The journal's version.
        found: i64,
        /// The newest version that this release reads.
        supported: i64,
    },
    /// An earlier release wrote this journal, in a form that is no longer read.
    /// [`Journal::set_aside_older`](super::Journal) moves it out of the way.
    #[error("the journal `{}` has version {found}, but this autoissue reads version {oldest} and later", path.display())]
    Older {
        /// The journal's file.
        path: PathBuf,
        /// The journal's version.
        found: i64,
        /// The oldest version that is read.
        oldest: i64,
    },
    /// The journal does not contain what was written to it. The file is not changed.
    #[error("the journal `{}` is damaged", path.display())]
    Damaged {
        /// The journal's file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        damage: Damage,
    },
    /// The path is longer than SQLite allows.
    #[error("the path of the journal `{}` is longer than {bytes_max} bytes", path.display())]
    PathTooLong {
        /// The journal's file.
        path: PathBuf,
        /// The longest path, in bytes.
        bytes_max: usize,
    },
    /// Another process kept the journal locked for longer than a write takes.
    #[error("the journal `{}` is busy: another process keeps it locked", path.display())]
    Busy {
        /// The journal's file.
        path: PathBuf,
    },
    /// The session does not exist.
    #[error("no session matches `{wanted}`")]
    NoSession {
        /// The requested id or prefix.
        wanted: String,
    },
    /// The prefix matches several sessions.
    #[error("`{prefix}` matches {} sessions", matches.len())]
    Ambiguous {
        /// The requested prefix.
        prefix: String,
        /// The matching sessions, newest first.
        matches: Vec<SessionId>,
    },
    /// A session with this id exists. Another id may work.
    #[error("session `{id}` already exists")]
    SessionExists {
        /// The id.
        id: SessionId,
    },
    /// Any other error; none of these needs special treatment.
    #[error("failed to use the journal `{}`", path.display())]
    Other {
        /// The journal's file.
        path: PathBuf,
        /// The error of SQLite or the system.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What is wrong with a damaged journal.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The file was deleted or emptied.
    #[error("the file is missing or empty, but sessions were recorded in it")]
    Emptied,
    /// The file contains fewer writes than were made: it is an older copy, or its write-ahead log
    /// is gone.
    #[error("it contains {found} of at least {promised} writes")]
    Behind {
        /// Writes that were made.
        promised: i64,
        /// Writes that the file contains.
        found: i64,
    },
    /// The file is a database, but not a journal.
    #[error(
        "it is not an autoissue journal (application id {application_id:#x}, version {version})"
    )]
    NotOurs {
        /// SQLite's application id.
        application_id: i64,
        /// SQLite's user version.
        version: i64,
    },
    /// A table is not as autoissue created it.
    #[error("its table `{table}` is missing or was changed")]
    Schema {
        /// Name of the table or index.
        table: String,
    },
    /// SQLite cannot read the file, or a value has the wrong type.
    #[error("it cannot be read")]
    Unreadable(#[source] rusqlite::Error),
    /// The row counts do not match their seal.
    #[error("its counters were changed")]
    Counters,
    /// A session's own row.
    #[error("session number {number} {what}")]
    Session {
        /// Number of the session, from 1.
        number: i64,
        /// What happened to its row.
        what: Break,
    },
    /// A row of the cost history.
    #[error("cost number {number} {what}")]
    Cost {
        /// Number of the cost, from 1.
        number: i64,
        /// What happened to its row.
        what: Break,
    },
    /// An event.
    #[error("event {seq} of session `{session}` {what}")]
    Event {
        /// The session.
        session: SessionId,
        /// The event's position in the session.
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
    /// It was moved, and another row is in its place.
    #[error("was moved to position {to}")]
    Moved {
        /// Its current position.
        to: u64,
    },
    /// autoissue did not write it.
    #[error("was not written by autoissue")]
    Added,
}

impl JournalError {
    /// Returns what the user can do about it, as a fragment without a period.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            JournalError::DiskFull { .. } => "free up disk space, then run `autoissue resume`".to_owned(),
            JournalError::ReadOnly { .. } => {
                "set `AUTOISSUE_STATE_DIR` to a writable directory".to_owned()
            }
            JournalError::Newer { .. } => {
                "use the newer release, or set `AUTOISSUE_STATE_DIR` to another directory".to_owned()
            }
            JournalError::Older { .. } => {
                "wait until no session of the earlier release is running; the next command then moves the journal aside"
                    .to_owned()
            }
            // The mark must be moved too: it records that there was a history.
            JournalError::Damaged { path, .. } => {
                let directory = quoted(directory(path));
                format!(
                    "restore it from a backup, or move it away to start a new history: `mv {directory}/journal.* \"$(mktemp -d {directory}/damaged.XXXXXX)\"`"
                )
            }
            JournalError::PathTooLong { .. } => {
                "set `AUTOISSUE_STATE_DIR` to a directory with a shorter path".to_owned()
            }
            JournalError::Busy { .. } => "try again".to_owned(),
            JournalError::NoSession { .. } => "run `autoissue status` to list the sessions".to_owned(),
            JournalError::Ambiguous { matches, .. } => {
                let names: Vec<&str> = matches.iter().map(AsRef::as_ref).take(5).collect();
                format!("be more specific: {}", names.join(", "))
            }
            // Ids contain random digits.
            JournalError::SessionExists { .. } => "try again".to_owned(),
            JournalError::Other { path, .. } => format!(
                "check the permissions and free disk space of `{}`, then run `autoissue resume`",
                path.parent().unwrap_or(path).display()
            ),
        };
        Some(hint)
    }

    /// Converts an error of the file system.
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

/// Returns a path quoted for a shell.
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

/// An error without its file. Inner functions return it; the journal's methods add the path.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Damage(Damage),
    /// An error that does not involve a file.
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
    /// Adds the file to the error.
    pub(super) fn at(self, path: &Path) -> JournalError {
        let path = path.to_owned();
        match self {
            Fault::Refused(error) => error,
            Fault::Damage(damage) => JournalError::Damaged { path, damage },
            Fault::Sqlite(source) => of_sqlite(path, source),
        }
    }

    /// Returns whether this is how SQLite reports that it cannot write next to the file: missing
    /// permissions are "read only", and a file system that is mounted read-only is "cannot open".
    pub(super) fn is_of_a_read_only_place(&self) -> bool {
        let Fault::Sqlite(source) = self else {
            return false;
        };
        let code = source
            .sqlite_error()
            .map(|error| error.extended_code & 0xff);
        matches!(code, Some(ffi::SQLITE_READONLY | ffi::SQLITE_CANTOPEN))
    }

    /// Names the row whose value could not be decoded; leaves other errors unchanged.
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
        // The file through which processes share the write-ahead log's index could not grow.
        (ffi::SQLITE_FULL, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => JournalError::DiskFull { path },
        (ffi::SQLITE_READONLY, _) => JournalError::ReadOnly { path },
        (ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL, _) => {
            JournalError::Busy { path }
        }
        // An intact journal violates none of its own constraints.
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
