//! The location of temporary directories: in memory, if possible.
//!
//! A sandbox is created, synced to disk hundreds of times and removed. In memory, crash tests take
//! half the time and half the CPU time. `TMPDIR` selects another location. Benchmarks, which are
//! release builds, run on the disk like real use.

use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use tempfile::TempDir;

/// The in-memory file system on Linux.
const IN_MEMORY: &str = "/dev/shm";

/// Required free space, bytes. Containers often have 64 MiB, which parallel tests would fill.
const FREE_BYTES_MIN: u64 = 2 << 30;

/// Creates a directory that is deleted when dropped.
///
/// # Panics
///
/// If it cannot be created.
pub fn scratch() -> TempDir {
    let may_choose = cfg!(debug_assertions) && std::env::var_os("TMPDIR").is_none();
    let made = if may_choose && is_fit(Path::new(IN_MEMORY)) {
        TempDir::new_in(IN_MEMORY)
    } else {
        TempDir::new()
    };
    made.expect("a temporary directory")
}

/// Returns whether programs can run there and there is enough space.
fn is_fit(path: &Path) -> bool {
    statvfs(path).is_ok_and(|found| {
        !found.f_flag.contains(StatVfsMountFlags::NOEXEC)
            && FREE_BYTES_MIN <= found.f_bavail * found.f_frsize
    })
}
