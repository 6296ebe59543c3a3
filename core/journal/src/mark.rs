//! `journal.mark`: a number next to the journal, the minimum count of writes that the journal must
//! contain.
//!
//! To SQLite, a journal that was deleted, emptied, replaced by an older copy, or that lost its
//! write-ahead log looks healthy, only shorter. With an empty history, every issue would be paid
//! for again. The mark prevents that.
//!
//! ```text
//! commit (fsync) ──► mark := count      after a crash between the two: mark < count, which is fine
//! open           ──► mark > count ?     then writes are gone: damaged
//! ```
//!
//! It is written without fsync: a lower bound may lag behind, and `kill -9` does not lose what the
//! kernel has buffered. Its file is also the lock for opening a journal, so that two processes do
//! not create one at once.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FILE_NAME: &str = "journal.mark";

/// The open mark of a journal that is open for writing.
pub(super) struct Mark {
    file: File,
}

/// Held while a journal is opened; released when dropped.
pub(super) struct Opening {
    _locked: File,
}

impl Mark {
    /// Opens the mark, empty if there was none, and waits for other processes that are opening the
    /// same journal.
    pub(super) fn open(state_dir: &Path) -> io::Result<(Mark, Opening)> {
        let open = || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path(state_dir))
        };
        let locked = open()?;
        locked.lock()?;
        Ok((Mark { file: open()? }, Opening { _locked: locked }))
    }

    /// Records that the journal contains `n_writes`.
    pub(super) fn note(&self, n_writes: i64) -> io::Result<()> {
        // The fixed width keeps this small write in place, so it needs no space on a full disk.
        self.file
            .write_all_at(format!("{n_writes:020}\n").as_bytes(), 0)
    }

    /// Makes the mark itself durable. Needed once, when it is new.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Returns the minimum number of writes that the journal must contain; `None` if this directory
/// never had a journal.
pub(super) fn promised(state_dir: &Path) -> io::Result<Option<i64>> {
    // A running session may be writing at this moment; of two reads, the lower value is complete.
    let (first, second) = (look(state_dir)?, look(state_dir)?);
    Ok(first.min(second))
}

/// An empty mark was created by an opening that did not finish. An unreadable one still proves that
/// there was a journal.
fn look(state_dir: &Path) -> io::Result<Option<i64>> {
    match std::fs::read(path(state_dir)) {
        Ok(bytes) if bytes.is_empty() => Ok(None),
        Ok(bytes) => Ok(Some(
            std::str::from_utf8(&bytes)
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(0),
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE_NAME)
}
