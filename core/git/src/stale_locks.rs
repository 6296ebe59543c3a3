//! Removes lock files of git that a killed session left behind: in the mirror, and on our branches
//! in the user's repository.
//!
//! Git takes a lock by creating `<ref>.lock`, which only its creator removes. A process that is
//! killed in between leaves it behind forever, and every later write of that ref fails. Only the
//! holder of the repository's lock may call this: then no other session of ours is running, and a
//! lock can only be held, for a moment, by a git that outlived its engine or by the user's git. A
//! recent lock is therefore given time to disappear.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Minimum age of a lock that counts as left behind. Git holds one for milliseconds, with slow
/// hooks for a second.
const AGE_MIN: Duration = Duration::from_secs(2);
/// Depth to which a mirror's refs are searched:
/// `refs/autoissue/salvage/<session>/issue-<n>/attempt-<a>.lock`.
const DEPTH_MAX: u32 = 12;

/// Removes stale locks in a mirror, where all of them are ours, and on our branches in the user's
/// repository; returns their number. Blocking; waits only if there is a recent lock.
pub fn remove_stale_locks(mirror: &Path, user_git_dir: &Path) -> usize {
    remove_older_than(AGE_MIN, mirror, user_git_dir)
}

fn remove_older_than(age: Duration, mirror: &Path, user_git_dir: &Path) -> usize {
    let found = locks(mirror, user_git_dir);
    if found.iter().any(|lock| lock.is_younger_than(age)) {
        std::thread::sleep(age);
    }
    found
        .iter()
        .filter(|lock| lock.is_still_there() && fs::remove_file(&lock.path).is_ok())
        .count()
}

/// A lock file as it was first seen.
struct Lock {
    path: PathBuf,
    identity: (u64, u64, i64, i64),
}

impl Lock {
    fn at(path: PathBuf) -> io::Result<Self> {
        let identity = identity(&path)?;
        Ok(Self { path, identity })
    }

    fn is_younger_than(&self, age: Duration) -> bool {
        let modified = fs::symlink_metadata(&self.path).and_then(|metadata| metadata.modified());
        modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|elapsed| elapsed < age))
    }

    /// Returns whether the lock is still the same, and not a new one that someone took since.
    fn is_still_there(&self) -> bool {
        identity(&self.path).is_ok_and(|identity| identity == self.identity)
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64, i64, i64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((
        metadata.dev(),
        metadata.ino(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    ))
}

fn locks(mirror: &Path, user_git_dir: &Path) -> Vec<Lock> {
    fn is_lock(path: &Path) -> bool {
        path.extension()
            .is_some_and(|extension| extension == "lock")
    }

    let mut paths = files_in(mirror);
    collect_below(&mirror.join("refs"), DEPTH_MAX, &mut paths);
    paths.extend(
        files_in(&user_git_dir.join("refs/heads/autoissue"))
            .into_iter()
            .filter(|path| is_our_branch(path)),
    );
    paths
        .into_iter()
        .filter(|path| is_lock(path))
        .filter_map(|path| Lock::at(path).ok())
        .collect()
}

/// Returns whether this is the lock of a branch `autoissue/issue-<N>`; others below `autoissue/`
/// are the user's.
fn is_our_branch(lock: &Path) -> bool {
    let number = lock
        .file_stem()
        .and_then(|stem| stem.to_str())
        .and_then(|stem| stem.strip_prefix("issue-"));
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn files_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .collect()
}

fn collect_below(directory: &Path, depth: u32, paths: &mut Vec<PathBuf>) {
    paths.extend(files_in(directory));
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    // The type of the entry itself, so that links are not followed.
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        collect_below(&entry.path(), depth, paths);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    fn removed(paths: &[&str]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        paths.iter().for_each(|path| write(root.path(), path));
        remove_older_than(
            Duration::ZERO,
            &root.path().join("mirror"),
            &root.path().join("user"),
        );
        paths
            .iter()
            .filter(|path| !root.path().join(path).exists())
            .map(|path| (*path).to_owned())
            .collect()
    }

    #[test]
    fn our_locks_are_removed() {
        let ours = [
            "mirror/packed-refs.lock",
            "mirror/refs/autoissue/salvage/20261122-1502-806d/issue-2/attempt-1.lock",
            "user/refs/heads/autoissue/issue-2.lock",
        ];
        assert_eq!(removed(&ours), ours);
    }

    #[test]
    fn other_files_are_kept() {
        let theirs = [
            "mirror/HEAD",
            "mirror/refs/autoissue/published/issue-2",
            "user/index.lock",
            "user/packed-refs.lock",
            "user/refs/heads/main.lock",
            "user/refs/heads/autoissue/issue-2",
            "user/refs/heads/autoissue/mine.lock",
            "user/refs/heads/autoissue/issue-.lock",
            "user/refs/heads/autoissue/issue-3/x.lock",
        ];
        assert_eq!(removed(&theirs), Vec::<String>::new());
    }

    #[test]
    fn a_newly_taken_lock_is_kept() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "x.lock");
        let path = root.path().join("x.lock");
        let lock = Lock::at(path.clone()).unwrap();
        assert!(lock.is_still_there());
        fs::rename(&path, root.path().join("old")).unwrap();
        fs::write(&path, "").unwrap();
        assert!(!lock.is_still_there());
    }
}
