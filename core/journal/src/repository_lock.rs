//! Ensures that only one session at a time works on a repository: two would remove each other's
//! worktrees and replace each other's branches.
//!
//! ```text
//!   <common git directory>/autoissue-session        one checkout, regardless of the state directory
//!   <runtime directory>/<host-owner-name>.lock      one repository on GitHub, regardless of the clone
//!   <state>/repos/<key>/lock                        shows other commands whether a session is running
//! ```
//!
//! These are locks of the operating system: they end with their process, even after `kill -9`, so
//! stale locks do not exist. The content of a file only tells people who holds the lock. The file
//! itself is never removed, because that would take the lock from a process that has just opened
//! it.
//!
//! Sessions on other machines or of other users are not covered.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::SessionId;

/// Most readable characters of a key; the hash after them makes it unique.
const KEY_WORDS_LENGTH_MAX: usize = 48;

/// Most bytes read of a lock's content, which is about a hundred.
const HOLDER_BYTES_MAX: u64 = 64 * 1024;

/// Name of the lock in a checkout's git directory. It must not end in `.lock`: such files look like
/// git's own.
const CHECKOUT_LOCK: &str = "autoissue-session";

/// The directory for the user's running programs. It is removed when the user logs out.
const RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";

/// If there is no such directory, ours is created here: `TMPDIR` may differ between shells.
const TMP: &str = "/tmp";

/// A process that a holder was starting when it was killed keeps the holder's files until it
/// executes its own program.
const LAST_MOMENTS: Duration = Duration::from_secs(10);

/// How often a lock is retried during that time.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A lock on a repository, released when dropped.
#[derive(Debug, Default)]
pub struct RepositoryLock {
    files: Vec<File>,
}

/// The holder of a lock.
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
    /// Its checkout. Empty in files of older versions.
    #[serde(default)]
    pub project: String,
}

/// Why a repository could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds the lock.
    #[error("the repository is in use by {}", describe(holder.as_ref()))]
    Held {
        /// The holder; `None` in the moment between locking and writing the file.
        holder: Option<Holder>,
    },
    /// Someone else can change the directory for locks, so a lock in it is worthless.
    #[error("`{}` is not a directory that only you can change", path.display())]
    NotOurs {
        /// The directory.
        path: PathBuf,
    },
    /// The lock's file cannot be used.
    #[error("failed to lock `{}`", path.display())]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

impl LockError {
    /// Returns what the user can do about it, unless the system's error already says it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Held { .. } => Some(
                "wait until it finishes (`autoissue status`); only one session can run per repository",
            ),
            Self::NotOurs { .. } => {
                Some("remove it, or set `XDG_RUNTIME_DIR` to a directory of mode 0700 that you own")
            }
            Self::Io { .. } => None,
        }
    }
}

impl RepositoryLock {
    /// Takes all these locks, in order, or fails at once with the holder of one of them.
    ///
    /// # Errors
    /// [`LockError::Held`], also if this process holds one already; [`LockError::Io`].
    pub fn acquire(paths: &[PathBuf], holder: &Holder) -> Result<RepositoryLock, LockError> {
        let mut lock = RepositoryLock::default();
        for path in paths {
            lock.files.push(acquire_one(path, holder)?);
        }
        Ok(lock)
    }
}

impl Drop for RepositoryLock {
    fn drop(&mut self) {
        // Only a courtesy to the next reader: the lock itself ends with the file handle, even if
        // the content stays.
        self.files.iter().for_each(|file| drop(file.set_len(0)));
    }
}

fn acquire_one(path: &Path, holder: &Holder) -> Result<File, LockError> {
    let io = |source| LockError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = open(path).map_err(io)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                let holder = read_holder(&file);
                let is_dead = holder.as_ref().is_some_and(|holder| !is_alive(holder.pid));
                // It is empty just after it was locked and just before it is released.
                let is_empty = file.metadata().is_ok_and(|found| found.len() == 0);
                if !(is_dead || is_empty) || LAST_MOMENTS < start.elapsed() {
                    return Err(LockError::Held { holder });
                }
                std::thread::sleep(LOOK_EVERY);
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
    }
    write_holder(&mut file, holder).map_err(io)?;
    Ok(file)
}

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// Opens the file of a lock. Links are refused because the file is written to and agents can write
/// to its directory.
fn open(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.nlink() == 1 {
        Ok(file)
    } else {
        Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file with a single name",
        ))
    }
}

/// Returns the lock that shows other commands of this state directory whether a session is running.
/// See [`repository_key`].
pub fn state_lock(state_dir: &Path, repository_key: &str) -> PathBuf {
    state_dir.join("repos").join(repository_key).join("lock")
}

/// Returns the lock of a checkout, and of all worktrees linked to it.
pub fn checkout_lock(common_git_dir: &Path) -> PathBuf {
    common_git_dir.join(CHECKOUT_LOCK)
}

/// Returns the lock of a repository on a forge: `host:port` and `owner/name`, ignoring case.
///
/// # Errors
/// [`LockError::NotOurs`], [`LockError::Io`].
pub fn forge_lock(
    environment: &[(OsString, OsString)],
    host: &str,
    repository: &str,
) -> Result<PathBuf, LockError> {
    let key = repository_key(format!("{host}/{repository}").to_lowercase());
    Ok(runtime_dir(environment, Path::new(TMP))?.join(format!("{key}.lock")))
}

/// Returns the directory for locks of this user's programs; in `tmp` if the system provides none.
fn runtime_dir(environment: &[(OsString, OsString)], tmp: &Path) -> Result<PathBuf, LockError> {
    let named = environment.iter().find(|(name, _)| name == RUNTIME_DIR);
    let named = named.map(|(_, value)| Path::new(value));
    if let Some(provided) = named.filter(|path| path.is_absolute() && is_ours(path)) {
        return Ok(provided.join("autoissue"));
    }
    let user = rustix::process::geteuid();
    let path = tmp.join(format!("autoissue-{}", user.as_raw()));
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            Err(LockError::Io { path, source })
        }
        _ if is_ours(&path) => Ok(path),
        _ => Err(LockError::NotOurs { path }),
    }
}

/// Returns whether a path is a directory, not a link to one, that nobody else can change.
fn is_ours(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.is_dir()
            && metadata.uid() == rustix::process::geteuid().as_raw()
            && metadata.mode() & 0o077 == 0
    })
}

/// Returns the name for a repository in the state directory: readable words and a short hash.
///
/// `canonical` is the canonical path of the checkout, or `owner/name`. It must be the same on every
/// run.
pub fn repository_key(canonical: impl AsRef<OsStr>) -> String {
    let canonical = canonical.as_ref();
    let hash = Sha256::digest(canonical.as_encoded_bytes());
    let text = canonical.to_string_lossy().to_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    // The end of a path is more specific than its start.
    let mut readable = words.join("-");
    readable.drain(..readable.len().saturating_sub(KEY_WORDS_LENGTH_MAX));
    format!("{readable}-{}", hex::encode(&hash[..5]))
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
            project,
            ..
        }) => {
            let place = match project.as_str() {
                "" => String::new(),
                project => format!(", in `{project}`"),
            };
            format!("session `{session}` (process {pid}, `{command}`{place})")
        }
        None => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(random: u8) -> Holder {
        let session = SessionId::new(0, [0, random]);
        Holder {
            // This process lives as long as the system.
            pid: 1,
            session,
            started_at_ms: 5,
            command: "autoissue exec bug".to_owned(),
            project: "/p/shop".to_owned(),
        }
    }

    /// Checks that another session waits for a lock until it is released.
    #[track_caller]
    fn check_waited_for(lock: RepositoryLock, path: PathBuf) {
        let (sender, receiver) = std::sync::mpsc::channel();
        let waiter = std::thread::spawn(move || {
            sender.send(()).unwrap();
            acquire(&path, 2).map(drop)
        });
        receiver.recv().unwrap();
        drop(lock);
        waiter.join().unwrap().expect("it becomes free");
    }

    #[test]
    fn processes_started_by_a_dead_holder_are_waited_for() {
        let state = tempfile::tempdir().unwrap();
        let path = state_lock(state.path(), "owner-name-1");
        let mut dead = holder(1);
        // No system uses such a process id.
        dead.pid = i32::MAX.cast_unsigned();
        let lock = RepositoryLock::acquire(std::slice::from_ref(&path), &dead).unwrap();
        check_waited_for(lock, path);
    }

    #[test]
    fn a_lock_that_is_being_released_is_waited_for() {
        let state = tempfile::tempdir().unwrap();
        let path = state_lock(state.path(), "owner-name-1");
        let lock = acquire(&path, 1).unwrap();
        // What dropping a lock does first.
        lock.files[0].set_len(0).unwrap();
        check_waited_for(lock, path);
    }

    fn acquire(path: &Path, random: u8) -> Result<RepositoryLock, LockError> {
        RepositoryLock::acquire(&[path.to_owned()], &holder(random))
    }

    #[test]
    fn two_runners() {
        let state = tempfile::tempdir().unwrap();
        let path = state_lock(state.path(), "owner-name-1");
        let lock = acquire(&path, 1).unwrap();
        let error = acquire(&path, 2).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`19700101-0000-0001` (process 1, `autoissue exec bug`, in `/p/shop`)"),
            "{error}"
        );
        assert!(matches!(error, LockError::Held { holder: Some(found) } if found == holder(1)));
        acquire(&state_lock(state.path(), "owner-name-2"), 2)
            .expect("another repository is not locked");
        drop(lock);
        acquire(&path, 2).expect("the lock is released with its holder");
    }

    #[test]
    fn of_several_locks_all_are_taken_or_none() {
        let directory = tempfile::tempdir().unwrap();
        let [one, two, three] = ["1", "2", "3"].map(|name| directory.path().join(name));
        let lock = RepositoryLock::acquire(&[one.clone(), two.clone()], &holder(1)).unwrap();
        let error = RepositoryLock::acquire(&[three.clone(), two], &holder(2)).unwrap_err();
        assert!(matches!(error, LockError::Held { holder: Some(found) } if found == holder(1)));
        assert_eq!(std::fs::read_to_string(&three).unwrap(), "");
        acquire(&three, 3).expect("locks taken before the failure are released");
        acquire(&one, 3).expect_err("the first one holds it");
        drop(lock);
    }

    #[test]
    fn a_stale_or_torn_holder_file_is_harmless() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("lock");
        drop(acquire(&path, 1).unwrap());
        std::fs::write(&path, "{\"pid\":".repeat(100)).unwrap();
        let lock = acquire(&path, 2).unwrap();
        assert_eq!(read_holder(&File::open(&path).unwrap()), Some(holder(2)));
        std::fs::write(&path, "").unwrap();
        let error = acquire(&path, 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the repository is in use by another process"
        );
        drop(lock);
    }

    #[test]
    fn a_holder_file_of_an_older_version_is_read() {
        let note = r#"{"pid":7,"session":"19700101-0000-0001","started_at_ms":5,"command":"autoissue exec bug"}"#;
        let note: Holder = serde_json::from_str(note).unwrap();
        assert_eq!(
            describe(Some(&note)),
            "session `19700101-0000-0001` (process 7, `autoissue exec bug`)"
        );
    }

    #[test]
    fn a_link_in_place_of_a_lock_is_not_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let precious = directory.path().join("precious");
        std::fs::write(&precious, "text").unwrap();
        let links = ["soft", "hard"].map(|name| directory.path().join(name));
        std::os::unix::fs::symlink(&precious, &links[0]).unwrap();
        std::fs::hard_link(&precious, &links[1]).unwrap();
        for link in &links {
            assert!(matches!(acquire(link, 1), Err(LockError::Io { .. })));
        }
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "text");
    }

    #[test]
    fn a_repository_has_one_lock_however_it_is_spelt() {
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        let runtime = tempfile::tempdir().unwrap();
        std::fs::set_permissions(runtime.path(), private).unwrap();
        let environment = vec![(RUNTIME_DIR.into(), runtime.path().as_os_str().to_owned())];
        let lock = |host: &str, name: &str| forge_lock(&environment, host, name).unwrap();
        let one = lock("github.com", "Owner/Name");
        assert!(one.starts_with(runtime.path()), "{}", one.display());
        assert_eq!(one, lock("GitHub.com", "owner/name"));
        assert_ne!(one, lock("github.com", "owner/other"));
        assert_ne!(one, lock("github.com:8443", "owner/name"));
    }

    #[test]
    fn a_runtime_directory_that_others_can_change_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let tmp = tempfile::tempdir().unwrap();
        let open = tmp.path().join("open");
        std::fs::create_dir(&open).unwrap();
        let set_mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set_mode(&open, 0o777);
        let environment = |path: &Path| vec![(RUNTIME_DIR.into(), path.as_os_str().to_owned())];
        let own = runtime_dir(&environment(&open), tmp.path()).unwrap();
        assert_eq!(own.parent(), Some(tmp.path()));
        assert!(is_ours(&own));
        for named in [Path::new("relative"), &tmp.path().join("absent")] {
            assert_eq!(runtime_dir(&environment(named), tmp.path()).unwrap(), own);
        }
        assert_eq!(runtime_dir(&[], tmp.path()).unwrap(), own, "it is reused");
        set_mode(&own, 0o755);
        let refused = runtime_dir(&[], tmp.path());
        assert!(matches!(refused, Err(LockError::NotOurs { path }) if path == own));
        std::fs::remove_dir(&own).unwrap();
        std::os::unix::fs::symlink(tmp.path(), &own).unwrap();
        let refused = runtime_dir(&[], tmp.path());
        assert!(matches!(refused, Err(LockError::NotOurs { .. })));
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
