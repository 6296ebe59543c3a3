//! Where the worlds of tests lie: in memory, where that is possible.
//!
//! A world is made, synced to disk hundreds of times and removed. In memory the crash tests take half the time, of the processor too.
//! `TMPDIR` names another place; benchmarks, which are built for release, run on the disk, as users do.

use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use tempfile::TempDir;

/// The file system in memory that Linux machines have.
const IN_MEMORY: &str = "/dev/shm";

/// Room that it must have, bytes: containers often have 64 MiB, which the worlds of tests that run side by side would fill.
const FREE_BYTES_MIN: u64 = 2 << 30;

/// Makes a directory that is gone with all it holds when dropped.
///
/// # Panics
/// Where it cannot be made.
pub fn scratch() -> TempDir {
    let may_choose = cfg!(debug_assertions) && std::env::var_os("TMPDIR").is_none();
    let made = if may_choose && is_fit(Path::new(IN_MEMORY)) {
        TempDir::new_in(IN_MEMORY)
    } else {
        TempDir::new()
    };
    made.expect("a temporary directory")
}

/// Returns whether programs can run there, and there is room.
fn is_fit(path: &Path) -> bool {
    statvfs(path).is_ok_and(|found| {
        !found.f_flag.contains(StatVfsMountFlags::NOEXEC)
            && FREE_BYTES_MIN <= found.f_bavail * found.f_frsize
    })
}
