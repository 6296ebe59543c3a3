//! Writes files atomically.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// Writes a file through a temporary one next to it, whose name ends with `.part`. Readers see the
/// old file until the new one is complete.
///
/// # Errors
/// Returns the system's error; the file is unchanged then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".part");
    let unfinished = path.with_file_name(name);
    // The path may be a symbolic link that somebody committed, which would be followed.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&unfinished)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // The first error matters more than a failed cleanup.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_beside_it_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let [path, part, elsewhere] =
            ["a.lock", "a.lock.part", "elsewhere"].map(|name| directory.path().join(name));
        fs::write(&elsewhere, "kept").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &part).unwrap();
        write_whole(&path, b"new").unwrap();
        let read = |path| fs::read_to_string(path).unwrap();
        assert_eq!(
            (read(&path), read(&elsewhere), part.exists()),
            ("new".to_owned(), "kept".to_owned(), false)
        );
    }

    #[test]
    fn a_failed_write_leaves_no_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("d");
        fs::create_dir(&path).unwrap();
        assert!(write_whole(&path, b"x").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
