//! Whether a disk has free space.

use std::path::Path;

/// A disk with less space, in bytes, is full: no worktree fits.
const DISK_BYTES_MIN: u64 = 1 << 20;

/// Returns the nearest directory at or above a path that exists.
pub(crate) fn nearest_existing(path: &Path) -> Option<&Path> {
    path.ancestors().find(|path| path.exists())
}

/// Returns whether the disk that holds a path, or would hold it, is full.
pub(crate) fn is_full(path: &Path) -> bool {
    let stat = nearest_existing(path).map(rustix::fs::statvfs);
    stat.is_some_and(|stat| {
        stat.is_ok_and(|stat| {
            let has_no_file_left = 0 < stat.f_files && stat.f_favail == 0;
            stat.f_bavail.saturating_mul(stat.f_frsize) < DISK_BYTES_MIN || has_no_file_left
        })
    })
}
