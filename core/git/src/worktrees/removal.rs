//! Removes a directory that an agent may have filled: read-only parts are made writable first, and
//! links are removed but never followed.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Most attempts for one removal: each failure has its cause removed (permissions), or a file
/// appeared in the meantime.
const TRIES: usize = 4;

/// Removes whatever is at the path: a directory with everything in it, a file, or a link itself. A
/// missing path is not an error.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let mut last = Ok(());
    for _ in 0..TRIES {
        last = match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(error) => Err(error),
        };
        match &last {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => make_writable(path),
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            Err(_) => break,
        }
    }
    last
}

/// Grants us permission to read a file, or to read and change a directory. Failures show up where
/// the permission is needed.
///
/// A file with several names is not changed: one of them may be outside, and belong to someone
/// else.
pub(super) fn grant(path: &Path, found: &Metadata) {
    if !found.is_dir() && found.nlink() != 1 {
        return;
    }
    let mode = found.permissions().mode();
    let wanted = if found.is_dir() {
        mode | 0o700
    } else {
        mode | 0o400
    };
    if wanted != mode && !found.is_symlink() {
        let _ = fs::set_permissions(path, Permissions::from_mode(wanted));
    }
}

fn make_writable(path: &Path) {
    let mut dirs: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(dir) = dirs.pop() {
        let Ok(found) = fs::symlink_metadata(&dir) else {
            continue;
        };
        grant(&dir, &found);
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        dirs.extend(
            entries
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
}
