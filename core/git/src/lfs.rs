//! Git LFS objects: large files that a commit references by size and SHA-256 in a *pointer* file,
//! and that are stored next to git's own objects.
//!
//! ```text
//!   the agent's .git/lfs ──take──► <mirror>/lfs ──take──► the user's .git/lfs     only objects with their pointer's size and hash
//!   our clean filter ──────────────────▲  └───────────── `git lfs pre-push` ─────► the LFS server        (remote)
//! ```
//!
//! This module handles pointers and object stores. It starts no programs and accesses no
//! repositories.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use crate::attributes;

/// Largest pointer: Git LFS itself reads no further.
pub(crate) const POINTER_BYTES_MAX: usize = 1024;

/// The versions of the format that Git LFS reads, the current one first.
const VERSIONS: [&str; 3] = [
    "https://git-lfs.github.com/spec/v1",
    "https://hawser.github.com/spec/v1",
    "http://git-media.io/v/2",
];

/// Bytes that are read at once: large files are streamed.
const CHUNK_BYTES: usize = 256 << 10;

/// A parsed pointer file: the hash and the size of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pointer {
    /// SHA-256 of the content: 64 lower-case hexadecimal digits.
    oid: String,
    /// Bytes of the content.
    pub(crate) size: u64,
}

impl Pointer {
    /// Parses a pointer file; `None` if the text is not a pointer.
    pub(crate) fn parse(text: &[u8]) -> Option<Pointer> {
        if POINTER_BYTES_MAX < text.len() {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let mut lines = text.trim().lines();
        let version = lines.next()?.strip_prefix("version ")?;
        // Extensions are between the version and the object.
        let mut lines = lines.skip_while(|line| line.starts_with("ext-"));
        let oid = lines.next()?.strip_prefix("oid sha256:")?;
        let size = lines.next()?.strip_prefix("size ")?;
        let is_hash = oid.len() == 64
            && oid
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let is_whole = VERSIONS.contains(&version) && is_hash && lines.next().is_none();
        is_whole.then_some(Pointer {
            oid: oid.to_owned(),
            size: size.parse().ok()?,
        })
    }
}

/// Returns whether attributes assign files to Git LFS.
pub(crate) fn is_named_in(attributes: &[u8]) -> bool {
    attributes::words(attributes).any(|word| word == b"filter=lfs")
}

/// A directory of Git LFS objects.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    objects: PathBuf,
}

impl Store {
    /// Returns the store in a directory, which is `lfs` in the git directory unless `lfs.storage`
    /// names another one.
    pub(crate) fn at(directory: &Path) -> Store {
        Store {
            objects: directory.join("objects"),
        }
    }

    /// Returns whether the store exists.
    pub(crate) fn exists(&self) -> bool {
        fs::symlink_metadata(&self.objects).is_ok_and(|found| found.is_dir())
    }

    /// Returns whether an object with the pointer's hash and size exists. Its content is not
    /// verified.
    pub(crate) fn has(&self, pointer: &Pointer) -> bool {
        fs::symlink_metadata(self.path(pointer))
            .is_ok_and(|found| found.is_file() && found.len() == pointer.size)
    }

    /// Returns whether the content of the object matches the pointer.
    pub(crate) fn is_intact(&self, pointer: &Pointer) -> bool {
        self.open(pointer)
            .is_some_and(|file| matches!(pass(file, &mut io::sink(), pointer), Ok(Passed::Whole)))
    }

    /// Removes an object; a missing one is not an error.
    pub(crate) fn remove(&self, pointer: &Pointer) -> io::Result<()> {
        match fs::remove_file(self.path(pointer)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Copies an object from another store, which others can write to. Returns `false`, and copies
    /// nothing, if there is no regular file with the pointer's size and hash.
    ///
    /// # Errors
    /// This store cannot be written.
    pub(crate) fn take(&self, pointer: &Pointer, from: &Store) -> io::Result<bool> {
        if self.has(pointer) {
            return Ok(true);
        }
        let Some(file) = from.open(pointer) else {
            return Ok(false);
        };
        let path = self.path(pointer);
        let directory = path.parent().expect("an object is in a directory");
        fs::create_dir_all(directory)?;
        // A copy, because anyone who can write to the other store could still change a linked file.
        let mut copy = tempfile::Builder::new()
            .prefix("part-")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(directory)?;
        match pass(file, copy.as_file_mut(), pointer)? {
            Passed::Whole => {
                copy.persist(&path)?;
                Ok(true)
            }
            Passed::SomethingElse => Ok(false),
        }
    }

    /// Opens an object if it is a regular file of the right size that is not reached through a
    /// link. Does not wait for a pipe.
    fn open(&self, pointer: &Pointer) -> Option<File> {
        let path = self.path(pointer);
        let directory = path.parent()?;
        let within = directory.strip_prefix(&self.objects).ok()?;
        let is_plain =
            |directory: &Path| fs::symlink_metadata(directory).is_ok_and(|found| found.is_dir());
        let parts = within.ancestors().map(|part| self.objects.join(part));
        let own = self.objects.parent().map(Path::to_owned);
        if !parts.chain(own).all(|directory| is_plain(&directory)) {
            return None;
        }
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)
            .ok()?;
        let found = file.metadata().ok()?;
        (found.is_file() && found.len() == pointer.size).then_some(file)
    }

    fn path(&self, pointer: &Pointer) -> PathBuf {
        let oid = &pointer.oid;
        self.objects.join(&oid[..2]).join(&oid[2..4]).join(oid)
    }
}

/// The result of copying an object.
enum Passed {
    /// The content matches.
    Whole,
    /// The size or hash differs, or the source could not be read completely.
    SomethingElse,
}

/// Copies an object and verifies its content. Only errors of writing are errors.
fn pass(from: impl Read, to: &mut impl Write, pointer: &Pointer) -> io::Result<Passed> {
    let (mut digest, mut n_bytes) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    // It may grow while it is read.
    let mut from = from.take(pointer.size.saturating_add(1));
    loop {
        match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => {
                n_bytes += n as u64;
                digest.update(&chunk[..n]);
                to.write_all(&chunk[..n])?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Ok(Passed::SomethingElse),
        }
    }
    let is_it = n_bytes == pointer.size && hex::encode(digest.finalize()) == pointer.oid;
    Ok(if is_it {
        Passed::Whole
    } else {
        Passed::SomethingElse
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn pointer_to(content: &[u8]) -> Pointer {
        Pointer {
            oid: hex::encode(Sha256::digest(content)),
            size: content.len() as u64,
        }
    }

    /// Creates two stores, and a pointer to an object that neither contains.
    fn stores() -> (tempfile::TempDir, Store, Store, Pointer) {
        let home = tempfile::tempdir().unwrap();
        let [ours, theirs] =
            ["ours/lfs", "theirs/lfs"].map(|dir| Store::at(&home.path().join(dir)));
        (home, ours, theirs, pointer_to(b"content"))
    }

    fn put(store: &Store, pointer: &Pointer, content: &[u8]) -> PathBuf {
        let path = store.path(pointer);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    #[test]
    fn pointers_are_recognised_as_git_lfs_does() {
        fn check(text: &str, expected: bool) {
            assert_eq!(
                Pointer::parse(text.as_bytes()).is_some(),
                expected,
                "{text}"
            );
        }

        let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        let version = "version https://git-lfs.github.com/spec/v1";
        let rest = format!("oid sha256:{oid}\nsize 12345\n");
        check(&format!("{version}\n{rest}"), true);
        check(&format!("{version}\n{}", rest.trim()), true);
        check(&format!("{version}\next-0-pack sha256:{oid}\n{rest}"), true);
        check(
            &format!("version https://hawser.github.com/spec/v1\n{rest}"),
            true,
        );
        check(
            &format!("version https://example.com/spec/v1\n{rest}"),
            false,
        );
        check(&format!("{version}\n{rest}and more\n"), false);
        check(
            &format!("{version}\n{}", rest.replace("4d7a", "../.")),
            false,
        );
        check(
            &format!("{version}\n{}", rest.replace("12345", "-1")),
            false,
        );
        check(&format!("{version}\noid sha256:{oid}\n"), false);
        check(
            &format!("{version}\n{rest}{}", " ".repeat(POINTER_BYTES_MAX)),
            false,
        );
        check("", false);
    }

    #[test]
    fn an_object_is_taken_by_its_content_and_as_a_copy() {
        let (_home, ours, theirs, pointer) = stores();
        assert!(!ours.take(&pointer, &theirs).unwrap());
        let path = put(&theirs, &pointer, b"content");
        assert!(ours.take(&pointer, &theirs).unwrap() && ours.is_intact(&pointer));
        fs::write(path, "changed").unwrap();
        assert!(ours.is_intact(&pointer) && !theirs.is_intact(&pointer));
        assert!(ours.take(&pointer, &theirs).unwrap());
    }

    #[test]
    fn only_a_regular_file_with_the_pointers_size_and_hash_is_taken() {
        let check = |plant: &dyn Fn(&Path)| {
            let (home, ours, theirs, pointer) = stores();
            let elsewhere = home.path().join("elsewhere");
            fs::create_dir(&elsewhere).unwrap();
            fs::write(elsewhere.join("object"), "content").unwrap();
            let path = put(&theirs, &pointer, b"content");
            plant(&path);
            assert!(!ours.take(&pointer, &theirs).unwrap());
            assert!(!ours.has(&pointer));
            let left = fs::read_dir(ours.path(&pointer).parent().unwrap());
            assert_eq!(left.map_or(0, Iterator::count), 0, "no file is left behind");
        };
        check(&|path| fs::write(path, "changed").unwrap());
        check(&|path| fs::write(path, "content and more").unwrap());
        check(&|path| {
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(1 << 42)
                .unwrap();
        });
        check(&|path| {
            fs::remove_file(path).unwrap();
            symlink("../../../../../elsewhere/object", path).unwrap();
        });
        check(&|path| {
            fs::remove_file(path).unwrap();
            rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
        });
        check(&|path| {
            let directory = path.parent().unwrap();
            let moved = directory.with_file_name("moved");
            fs::rename(directory, &moved).unwrap();
            symlink(moved, directory).unwrap();
        });
    }
}
