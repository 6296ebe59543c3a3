//! Caches compiled code between runs.
//!
//! A file is identified by the component's content, the compiler's settings and wasmtime's version,
//! so it may be missing but never wrong. The directory is accessible only to its owner, and each
//! file starts with its own digest: a torn or corrupted file is compiled again. Files from anywhere
//! else are never read, because anyone who can write one can execute arbitrary code.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::Sha256Digest;

/// Most files that are kept; the oldest are removed first. Each is about five times the size of its
/// component.
const N_FILES_MAX: usize = 64;
/// Suffix of the files' names.
const SUFFIX: &str = ".compiled";

/// A directory of compiled code.
#[derive(Debug)]
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

    /// Returns the compiled component, from the cache if possible.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        bytes: &[u8],
        digest: Sha256Digest,
    ) -> wasmtime::Result<Component> {
        let path = self.directory.join(file_name(engine, digest));
        if let Some(component) = read(engine, &path) {
            return Ok(component);
        }
        let component = Component::from_binary(engine, bytes)?;
        if !self.may_write {
            return Ok(component);
        }
        if let Err(error) = self.keep(&path, &component.serialize()?) {
            tracing::warn!(path = %path.display(), %error, "failed to cache compiled code; the next start compiles it again");
        }
        Ok(component)
    }

    /// Writes a file atomically.
    fn keep(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        let unfinished = path.with_extension(format!("{}.part", std::process::id()));
        let write = |mut file: File| {
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
        let mut files: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().ends_with(SUFFIX))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort_unstable();
        let n_too_many = files.len().saturating_sub(N_FILES_MAX);
        for (_, path) in &files[..n_too_many] {
            // Another process may have removed it already, or removes it later.
            let _ = fs::remove_file(path);
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

fn read(engine: &Engine, path: &Path) -> Option<Component> {
    let bytes = fs::read(path).ok()?;
    let (digest, code) = bytes.split_at_checked(64)?;
    if Sha256Digest::of(code).to_string().as_bytes() != digest {
        tracing::warn!(path = %path.display(), "replacing damaged compiled code");
        return None;
    }
    #[expect(
        unsafe_code,
        reason = "this program serialized the bytes, in a directory that only its user can access"
    )]
    // SAFETY: only we can access the directory and its files (`Cache::open`), the digest shows that
    // they are complete, and wasmtime checks version and settings itself.
    let component = unsafe { Component::deserialize(engine, code) };
    component
        .inspect_err(|error| tracing::debug!(%error, "replacing compiled code of another version"))
        .ok()
}
