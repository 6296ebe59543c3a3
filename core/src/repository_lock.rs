//! One session at a time holds a repository: two of them would remove each other's worktrees.
//!
//! The lock is the operating system's, on `<state>/repos/<key>/lock`: it ends with its process, `kill -9` included, so
//! there is no stale lock to clear. The file's content only tells people who holds it. The file itself stays, for
//! whoever removed it would take the lock from under somebody who just opened it.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::journal::SessionId;

/// Most readable characters of a key; the hash behind them makes it unique.
const KEY_WORDS_LENGTH_MAX: usize = 48;

/// Most bytes read of a lock's content, which is about a hundred.
const HOLDER_BYTES_MAX: u64 = 64 * 1024;

/// A held repository. Dropping it lets go.
#[derive(Debug)]
pub struct RepositoryLock {
    file: File,
    path: PathBuf,
}

/// Who holds a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Its session.
    pub session: SessionId,
    /// When it took the lock, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Its command line.
    pub command: String,
}

/// Why a repository could not be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error("the repository is held by {}", describe(holder.as_ref()))]
    Held {
        /// Who; unknown in the moment between a lock and its note.
        holder: Option<Holder>,
    },
    /// The lock's file cannot be used.
    #[error("failed to lock `{}`", path.display())]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl RepositoryLock {
    /// Takes the lock of a repository, or returns at once with who holds it. See [`repository_key`].
    ///
    /// # Errors
    /// [`LockError::Held`], also within one process; [`LockError::Io`].
    pub fn acquire(
        state_dir: &Path,
        repository_key: &str,
        holder: &Holder,
    ) -> Result<RepositoryLock, LockError> {
        let directory = state_dir.join("repos").join(repository_key);
        let path = directory.join("lock");
        let io = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(io)?;
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options.open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => write_holder(&mut file, holder).map_err(io)?,
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    holder: read_holder(&file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        Ok(RepositoryLock { file, path })
    }

    /// Returns the lock's file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RepositoryLock {
    fn drop(&mut self) {
        // Only a courtesy to the next reader: a note that stays is wrong, but the lock itself is gone with the file.
        let _ = self.file.set_len(0);
    }
}

/// Returns the name under which a repository is kept in the state directory: readable words and a short hash.
///
/// The text is the canonical path of the checkout, or `owner/name`. It must be the same on each run.
pub fn repository_key(canonical: impl AsRef<OsStr>) -> String {
    let canonical = canonical.as_ref();
    let hash = Sha256::digest(canonical.as_encoded_bytes());
    let text = canonical.to_string_lossy().to_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    // The end of a path says more than its beginning.
    let mut readable = words.join("-");
    readable.drain(..readable.len().saturating_sub(KEY_WORDS_LENGTH_MAX));
    let short: String = hash
        .iter()
        .take(5)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{readable}-{short}")
        .trim_start_matches('-')
        .to_owned()
}

fn write_holder(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    serde_json::to_writer(&mut *file, holder)?;
    file.flush()
}

fn read_holder(file: &File) -> Option<Holder> {
    let mut text = String::new();
    file.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn describe(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder {
            pid,
            session,
            command,
            ..
        }) => format!("session `{session}` (process {pid}, `{command}`)"),
        None => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(random: u8) -> Holder {
        let session = SessionId::new(0, [0, random]);
        Holder {
            pid: 7,
            session,
            started_at_ms: 5,
            command: "autoissue exec bug".to_owned(),
        }
    }

    #[test]
    fn two_runners() {
        let state = tempfile::tempdir().unwrap();
        let lock = RepositoryLock::acquire(state.path(), "owner-name-1", &holder(1)).unwrap();
        let error = RepositoryLock::acquire(state.path(), "owner-name-1", &holder(2)).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`19700101-0000-0001` (process 7, `autoissue exec bug`)"),
            "{error}"
        );
        assert!(matches!(error, LockError::Held { holder: Some(found) } if found == holder(1)));
        RepositoryLock::acquire(state.path(), "owner-name-2", &holder(2))
            .expect("another repository is free");
        drop(lock);
        RepositoryLock::acquire(state.path(), "owner-name-1", &holder(2))
            .expect("the lock ends with its holder");
    }

    #[test]
    fn a_note_that_stayed_or_is_torn_does_no_harm() {
        let state = tempfile::tempdir().unwrap();
        let path = RepositoryLock::acquire(state.path(), "k", &holder(1))
            .unwrap()
            .path()
            .to_owned();
        std::fs::write(&path, "{\"pid\":".repeat(100)).unwrap();
        let lock = RepositoryLock::acquire(state.path(), "k", &holder(2)).unwrap();
        assert_eq!(read_holder(&File::open(&path).unwrap()), Some(holder(2)));
        std::fs::write(&path, "").unwrap();
        let error = RepositoryLock::acquire(state.path(), "k", &holder(3)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the repository is held by another process"
        );
        drop(lock);
    }

    #[test]
    fn a_key_is_readable_unique_and_one_path_component() {
        let key = repository_key("Owner/Na.me");
        assert!(key.starts_with("owner-na-me-"), "{key}");
        assert_ne!(key, repository_key("Owner-Na.me"));
        let long = "/home/somebody/".repeat(40) + "shop";
        for text in ["", "/", "../..", "ä/ö", "-rf", &long] {
            let key = repository_key(text);
            assert!(key.len() <= 60 && !key.starts_with('-'), "{key}");
            assert!(
                key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
                "{key}"
            );
        }
        assert!(repository_key(&long).contains("somebody-shop-"));
    }
}
