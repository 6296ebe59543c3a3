//! A journal whose events have a form that is no longer read. It is moved aside unchanged, next to
//! the new one, and never deleted.
//!
//! ```text
//!   journal.db  journal.db-wal  journal.mark   ─►   journal-v1.db  journal-v1.db-wal  journal-v1.mark
//! ```

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::error::Fault;
use super::mark::{self, Mark};
use super::schema::{self, Found};
use super::{Journal, JournalError, flags, path_in};

/// A journal that was moved aside, and the sessions in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Older {
    /// Its new path.
    pub path: PathBuf,
    /// Id and checkout of each session, in order.
    pub sessions: Vec<(String, PathBuf)>,
}

impl Journal {
    /// Moves a journal of an earlier form aside and returns it, if there was one. No process may be
    /// writing to it.
    ///
    /// # Errors
    /// If its files cannot be moved, or its sessions cannot be read.
    pub fn set_aside_older(state_dir: &Path) -> Result<Option<Older>, JournalError> {
        let path = path_in(state_dir)?;
        if version(&path).is_none() {
            return Ok(None);
        }
        let files = |error| JournalError::of_files(&path, error);
        let (_mark, _opening) = Mark::open(state_dir).map_err(files)?;
        // Another process may have moved it while this one waited.
        let Some(version) = version(&path) else {
            return Ok(None);
        };
        let older = move_aside(state_dir, &path, version).map_err(files)?;
        let sessions = sessions(&older).map_err(|fault| fault.at(&older))?;
        Ok(Some(Older {
            path: older,
            sessions,
        }))
    }
}

/// Returns the version of a journal that is too old to be read. Reading leaves the file and its
/// write-ahead log unchanged.
fn version(path: &Path) -> Option<i64> {
    let connection = open(path).ok()?;
    match schema::identify(&connection) {
        Ok(Found::Journal { version }) if version < schema::OLDEST => Some(version),
        _ => None,
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_ONLY))
}

/// Moves the journal's files, the database last: after a crash in between, the rest is moved to the
/// same place.
fn move_aside(state_dir: &Path, path: &Path, version: i64) -> io::Result<PathBuf> {
    let free = (1..).map(|n| match n {
        1 => state_dir.join(format!("journal-v{version}")),
        _ => state_dir.join(format!("journal-v{version}-{n}")),
    });
    let stem = free
        .map(|stem| stem.with_extension("db"))
        .find(|to| !to.exists())
        .expect("some number is unused");
    for extension in ["db-wal", "db-shm"] {
        rename(
            &path.with_extension(extension),
            &stem.with_extension(extension),
        )?;
    }
    rename(&mark::path(state_dir), &stem.with_extension("mark"))?;
    fs::rename(path, &stem)?;
    fs::File::open(state_dir)?.sync_all()?;
    Ok(stem)
}

/// Moves a file that may be missing. A file that an interrupted move already put there is kept.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        return Ok(());
    }
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sessions(path: &Path) -> Result<Vec<(String, PathBuf)>, Fault> {
    let connection = open(path)?;
    let mut statement =
        connection.prepare("SELECT id, project_path FROM session ORDER BY number")?;
    let rows = statement.query_map((), |row| {
        let project: String = row.get(1)?;
        Ok((row.get(0)?, PathBuf::from(project)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
