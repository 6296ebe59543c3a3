//! Caches compiled code between runs.
//!
//! A file is identified by the component's content, the compiler's settings and wasmtime's version,
//! so it may be missing but never wrong. The directory is accessible only to its owner, and each
//! file starts with the digests of its component and of its code: a torn or renamed file is compiled
//! again. Files from anywhere else are never read, because anyone who can write one can execute
//! arbitrary code.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use wasmtime::Engine;

use crate::digest::Sha256Digest;

/// Most files that are kept; the oldest are removed first. Each is about five times the size of its
/// component.
const N_FILES_MAX: usize = 64;
/// Most bytes of all files but the newest.
const BYTES_MAX: u64 = 1 << 30;
/// Suffix of the files' names.
const SUFFIX: &str = ".compiled";

/// Characters of a digest, in hexadecimal.
const DIGEST_CHARS: usize = 64;

/// A directory of compiled code.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    may_write: bool,
}

impl Cache {
    /// Opens the directory, creating it if it is missing.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        if let Some(parent) = directory.parent() {
            fs::create_dir_all(parent)?;
        }
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        let found = fs::symlink_metadata(directory)?;
        let is_ours = found.is_dir()
            && found.uid() == rustix::process::geteuid().as_raw()
            && found.mode() & 0o077 == 0;
        if is_ours {
            return Ok(Self {
                directory: directory.to_owned(),
                may_write: true,
            });
        }
        let why = "other users can access it, or it is not a directory of this user; remove it";
        Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
    }

    /// Opens a directory read-only; a missing one counts as empty.
    pub(crate) fn read_only(directory: &Path) -> io::Result<Self> {
        if directory.exists() {
            return Ok(Self {
                may_write: false,
                ..Self::open(directory)?
            });
        }
        Ok(Self {
            directory: directory.to_owned(),
            may_write: false,
        })
    }

    /// Returns the native code of a component, if it is cached.
    pub(crate) fn get(&self, engine: &Engine, digest: Sha256Digest) -> Option<Vec<u8>> {
        let path = self.path(engine, digest);
        let code = fs::read(&path).ok()?;
        let code = intact(code, digest);
        if code.is_none() {
            tracing::warn!(path = %path.display(), "replacing damaged compiled code");
        }
        code
    }

    /// Caches the native code of a component, if anything may be written.
    pub(crate) fn keep(&self, engine: &Engine, digest: Sha256Digest, code: &[u8]) {
        let path = self.path(engine, digest);
        if !self.may_write {
            return;
        }
        if let Err(error) = self.write(&path, digest, code) {
            tracing::warn!(path = %path.display(), %error, "failed to cache compiled code; the next start compiles it again");
        }
    }

    fn path(&self, engine: &Engine, digest: Sha256Digest) -> PathBuf {
        self.directory.join(file_name(engine, digest))
    }

    /// Writes a file atomically.
    fn write(&self, path: &Path, component: Sha256Digest, code: &[u8]) -> io::Result<()> {
        let unfinished = path.with_extension(format!("{}.part", std::process::id()));
        let write = |mut file: File| {
            file.write_all(component.to_string().as_bytes())?;
            file.write_all(Sha256Digest::of(code).to_string().as_bytes())?;
            file.write_all(code)?;
            file.sync_all()
        };
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished);
        let written = opened
            .and_then(write)
            .and_then(|()| fs::rename(&unfinished, path));
        if written.is_err() {
            // A file that cannot be removed is overwritten by the next process with this id.
            let _ = fs::remove_file(&unfinished);
        }
        self.forget_oldest();
        written
    }

    fn forget_oldest(&self) {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return;
        };
        let described = |entry: fs::DirEntry| {
            let found = entry.metadata().ok()?;
            Some((found.modified().ok()?, found.len(), entry.path()))
        };
        let mut files: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().ends_with(SUFFIX))
            .filter_map(described)
            .collect();
        files.sort_unstable_by(|one, other| other.cmp(one));
        let mut n_bytes = 0;
        // The newest was just written.
        for (n, (_, length, path)) in files.iter().enumerate().skip(1) {
            n_bytes += length;
            if N_FILES_MAX <= n || BYTES_MAX < n_bytes {
                // Another process may have removed it already, or removes it later.
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn file_name(engine: &Engine, digest: Sha256Digest) -> String {
    // The hash is stable for the same program, which is all that a cache needs.
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    env!("CARGO_PKG_VERSION").hash(&mut settings);
    format!("{digest}-{:016x}{SUFFIX}", settings.finish())
}

/// Returns the code of a file, if it is whole and belongs to that component.
fn intact(mut bytes: Vec<u8>, component: Sha256Digest) -> Option<Vec<u8>> {
    let code = bytes.get(2 * DIGEST_CHARS..)?;
    let expected = format!("{component}{}", Sha256Digest::of(code));
    if bytes[..2 * DIGEST_CHARS] != *expected.as_bytes() {
        return None;
    }
    Some(bytes.split_off(2 * DIGEST_CHARS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_belongs_to_one_component() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(&directory.path().join("plugins")).unwrap();
        let engine = Engine::default();
        let [one, other] = [b"one", b"two"].map(|bytes| Sha256Digest::of(bytes));
        cache.keep(&engine, one, b"code");
        assert_eq!(cache.get(&engine, one).as_deref(), Some(&b"code"[..]));
        assert_eq!(cache.get(&engine, other), None);
        // Renaming a file must not give one component the code of another.
        fs::copy(cache.path(&engine, one), cache.path(&engine, other)).unwrap();
        assert_eq!(cache.get(&engine, other), None);
        fs::write(cache.path(&engine, one), "torn").unwrap();
        assert_eq!(cache.get(&engine, one), None);
    }
}
