//! Files that are written whole or not at all.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// Writes a file by way of one beside it, with `.part` at the end of its name. Whoever reads it meanwhile sees the old one.
///
/// # Errors
/// Those of the system; the file is as it was then.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".part");
    let unfinished = path.with_file_name(name);
    // What lies there may be a link that somebody committed, and would be followed.
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
        // The error tells more than what becomes of the rest.
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
    fn what_cannot_be_put_in_place_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("d");
        fs::create_dir(&path).unwrap();
        assert!(write_whole(&path, b"x").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
