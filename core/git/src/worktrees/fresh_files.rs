//! Writes the files of a tree into a new directory if nothing converts them. This is a checkout
//! without the checks for existing files.
//!
//! ```text
//!   entries of the tree ──► directories and files, each created ──────► stat data ──► index
//!           └─ anything unusual ──► nothing is written: the library's checkout decides
//! ```
//!
//! A tree may come from an agent. Each name is opened in the directory that was just created, and
//! nothing is followed or replaced, so files cannot escape from the directory.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use git2::{Index, IndexEntry, IndexTime, ObjectType, Odb};
use rustix::fs::{AtFlags, Mode, OFlags, Stat};

use super::snapshot::{EXECUTABLE, GITLINK, REGULAR, SYMLINK};

/// Deepest tree that is written here, because each level is an open directory; the library writes
/// deeper ones.
const DEPTH_MAX: usize = 64;

/// Writes the entries of a tree into a directory that contains at most a `.git`, and their stat data
/// into the index `written`. Returns `false`, and writes nothing, if the library must do it.
///
/// # Errors
/// A file cannot be written, an object cannot be read, or two entries have the same name.
pub(super) fn write(
    odb: &Odb<'_>,
    tree: &Index,
    directory: &Path,
    written: &mut Index,
) -> io::Result<bool> {
    let entries: Vec<IndexEntry> = tree.iter().collect();
    // A Mac's file system takes some names for others.
    if cfg!(target_os = "macos") || !entries.iter().all(is_plain) {
        return Ok(false);
    }
    let root = rustix::fs::open(directory, DIRECTORY, Mode::empty())?;
    let mut writer = Writer {
        odb,
        root,
        open: Vec::new(),
    };
    for entry in entries {
        let entry = writer.write(entry)?;
        written.add(&entry).map_err(io::Error::other)?;
    }
    Ok(true)
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

struct Writer<'a> {
    odb: &'a Odb<'a>,
    root: OwnedFd,
    /// The open directories above the last entry, each with its path including a trailing slash.
    open: Vec<(Vec<u8>, OwnedFd)>,
}

impl Writer<'_> {
    /// Writes one entry, and returns it with its stat data.
    fn write(&mut self, entry: IndexEntry) -> io::Result<IndexEntry> {
        self.enter(&entry.path)?;
        let (directory, from) = match self.open.last() {
            Some((path, directory)) => (directory, path.len()),
            None => (&self.root, 0),
        };
        let name = OsStr::from_bytes(&entry.path[from..]);
        if entry.mode == GITLINK {
            rustix::fs::mkdirat(directory, name, Mode::from(0o777))?;
            return Ok(entry);
        }
        let blob = self.odb.read(entry.id).map_err(io::Error::other)?;
        if blob.kind() != ObjectType::Blob {
            return Err(ErrorKind::InvalidData.into());
        }
        let found = match entry.mode {
            REGULAR => write_file(directory, name, 0o644, blob.data())?,
            EXECUTABLE => write_file(directory, name, 0o755, blob.data())?,
            _ => {
                rustix::fs::symlinkat(OsStr::from_bytes(blob.data()), directory, name)?;
                rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?
            }
        };
        Ok(with_stat(entry, &found))
    }

    /// Opens the directory of a path, creating missing ones. Entries are in order, so a directory
    /// that was left does not occur again.
    fn enter(&mut self, path: &[u8]) -> io::Result<()> {
        while self
            .open
            .last()
            .is_some_and(|(open, _)| !path.starts_with(open))
        {
            self.open.pop();
        }
        let mut from = self.open.last().map_or(0, |(open, _)| open.len());
        while let Some(length) = path[from..].iter().position(|byte| *byte == b'/') {
            let name = OsStr::from_bytes(&path[from..from + length]);
            let above = self.open.last().map_or(&self.root, |(_, above)| above);
            rustix::fs::mkdirat(above, name, Mode::from(0o777))?;
            let made = rustix::fs::openat(above, name, DIRECTORY, Mode::empty())?;
            from += length + 1;
            self.open.push((path[..from].to_vec(), made));
        }
        Ok(())
    }
}

fn write_file(directory: &OwnedFd, name: &OsStr, mode: u32, bytes: &[u8]) -> io::Result<Stat> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, name, flags, Mode::from(mode))?;
    let mut file = File::from(file);
    file.write_all(bytes)?;
    Ok(rustix::fs::fstat(file.as_fd())?)
}

/// Returns whether an entry is of a kind that is written here, not nested too deeply, and has names
/// that neither a file system nor git treats specially.
fn is_plain(entry: &IndexEntry) -> bool {
    let parts = || entry.path.split(|byte| *byte == b'/');
    let is_known = matches!(entry.mode, REGULAR | EXECUTABLE | SYMLINK | GITLINK);
    is_known && parts().count() <= DEPTH_MAX && parts().all(is_plain_name)
}

fn is_plain_name(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_gits = match lower.strip_prefix(b".git") {
        Some(rest) => !rest.first().is_some_and(u8::is_ascii_alphabetic),
        None => lower.starts_with(b"git~"),
    };
    let is_path = matches!(name, b"" | b"." | b"..") || name.contains(&b'\\') || name.contains(&0);
    !is_gits && !is_path
}

/// Returns an entry with the stat data that an index stores: 32 bits of each number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "an index stores 32 bits for each of these, and the types differ between systems"
)]
fn with_stat(entry: IndexEntry, found: &Stat) -> IndexEntry {
    let time = |seconds, nanoseconds| IndexTime::new(seconds as i32, nanoseconds as u32);
    IndexEntry {
        ctime: time(found.st_ctime, found.st_ctime_nsec),
        mtime: time(found.st_mtime, found.st_mtime_nsec),
        dev: found.st_dev as u32,
        ino: found.st_ino as u32,
        uid: found.st_uid,
        gid: found.st_gid,
        file_size: found.st_size as u32,
        ..entry
    }
}
