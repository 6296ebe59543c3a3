//! Writes files atomically, and reads files up to a size limit.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

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

/// Reads a regular file of at most `bytes_max` bytes.
///
/// # Errors
/// Returns the system's error, [`ErrorKind::IsADirectory`], [`ErrorKind::InvalidInput`] for a device
/// or a pipe, which may never end, or [`ErrorKind::FileTooLarge`].
pub fn read_whole(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for somebody who writes.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
        .open(path)?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes_max < bytes.len() as u64 {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {bytes_max} bytes"),
        ));
    }
    Ok(bytes)
}

/// Reads a regular file of at most `bytes_max` bytes of UTF-8.
///
/// # Errors
/// As [`read_whole`], and [`ErrorKind::InvalidData`].
pub fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    String::from_utf8(read_whole(path, bytes_max)?)
        .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
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
    fn only_a_file_of_limited_size_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "1234").unwrap();
        assert_eq!(read_whole(&path, 4).unwrap(), b"1234");
        let pipe = directory.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        for (path, expected) in [
            (&*path, ErrorKind::FileTooLarge),
            (directory.path(), ErrorKind::IsADirectory),
            (&*pipe, ErrorKind::InvalidInput),
            (Path::new("/dev/zero"), ErrorKind::InvalidInput),
            (&*directory.path().join("missing"), ErrorKind::NotFound),
        ] {
            assert_eq!(
                read_whole(path, 3).unwrap_err().kind(),
                expected,
                "{path:?}"
            );
        }
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
