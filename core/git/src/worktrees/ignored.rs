//! Handles ignored files that are new since the project's own preparation. They are not part of a
//! pull request, but an agent created them: a small amount is kept in a salvage ref, and for more
//! than that the directory is kept.
//!
//! Excluded are files that the project generates itself: directories and files that setup or a
//! check created, and caches that declare themselves (`CACHEDIR.TAG`).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::{Index, IndexEntry, Oid, Repository};

use super::snapshot::{empty_entry, mode_of};
use super::{WorktreeError, removal};
use crate::mirror::Doing;

/// Most bytes of ignored files that are kept per attempt.
pub const IGNORED_BYTES_MAX: u64 = 20 << 20;

/// Most ignored files that are kept per attempt: more are a directory of dependencies.
const FILES_MAX: usize = 20_000;

/// A `CACHEDIR.TAG` begins with this text (Cache Directory Tagging Specification, version 0.6).
const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// New ignored files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ignored {
    /// The files, or the directories that contain nothing else, sorted.
    pub paths: Vec<String>,
    /// The tree of the base plus these files; `None` if there is too much, or something that a
    /// commit cannot contain.
    pub tree: Option<Oid>,
}

/// Returns the ignored paths that are neither in `known` nor below one of those.
pub(super) fn new_ones(found: &[Vec<u8>], known: &BTreeSet<String>) -> Vec<Vec<u8>> {
    let is_known = |path: &[u8]| {
        let path = String::from_utf8_lossy(path);
        let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
        known.contains(path.as_ref()) || above.any(|dir| known.contains(dir))
    };
    found
        .iter()
        .filter(|path| !is_known(path))
        .cloned()
        .collect()
}

/// Takes new ignored files into the repository; `None` if there are none.
///
/// # Errors
/// A file cannot be read, or an object cannot be written.
pub(super) fn take(
    repository: &Repository,
    base: Oid,
    root: &Path,
    found: &[Vec<u8>],
) -> Result<Option<Ignored>, WorktreeError> {
    let mut files = Files::default();
    let mut paths = Vec::new();
    for path in found {
        if files.add(root, path)? {
            paths.push(String::from_utf8_lossy(path).into_owned());
        }
    }
    if paths.is_empty() {
        return Ok(None);
    }
    paths.sort();
    let tree = if files.is_too_much {
        None
    } else {
        Some(write(repository, base, root, &files)?)
    };
    Ok(Some(Ignored { paths, tree }))
}

/// The files below ignored paths.
#[derive(Default)]
struct Files {
    found: Vec<(Vec<u8>, Metadata)>,
    bytes: u64,
    is_too_much: bool,
}

impl Files {
    /// Adds everything at and below a path; returns whether there was anything.
    fn add(&mut self, root: &Path, path: &[u8]) -> Result<bool, WorktreeError> {
        let mut has_any = false;
        let mut left = vec![path.to_vec()];
        while let Some(path) = left.pop().filter(|_| !self.is_too_much) {
            let full = root.join(OsStr::from_bytes(&path));
            let Ok(found) = fs::symlink_metadata(&full) else {
                continue;
            };
            removal::grant(&full, &found);
            if !found.is_dir() {
                if found.is_file() || found.is_symlink() {
                    has_any = true;
                    self.bytes = self.bytes.saturating_add(found.len());
                    self.found.push((path, found));
                    self.is_too_much =
                        IGNORED_BYTES_MAX < self.bytes || FILES_MAX < self.found.len();
                }
                continue;
            }
            if is_cache(&full) {
                continue;
            }
            if fs::symlink_metadata(full.join(".git")).is_ok() {
                // The history of a repository is not among its files.
                (has_any, self.is_too_much) = (true, true);
                continue;
            }
            let entries =
                fs::read_dir(&full).map_err(|source| WorktreeError::io("list", &full, source))?;
            for entry in entries {
                let entry = entry.map_err(|source| WorktreeError::io("list", &full, source))?;
                left.push([&path[..], b"/", entry.file_name().as_bytes()].concat());
            }
        }
        Ok(has_any)
    }
}

fn write(
    repository: &Repository,
    base: Oid,
    root: &Path,
    files: &Files,
) -> Result<Oid, WorktreeError> {
    let doing = || format!("keep the ignored files of `{}`", root.display());
    let base = repository.find_tree(base).doing(doing)?;
    let mut index = Index::new().doing(doing)?;
    index.read_tree(&base).doing(doing)?;
    for (path, found) in &files.found {
        let full = root.join(OsStr::from_bytes(path));
        let bytes = if found.is_symlink() {
            fs::read_link(&full).map(|target| target.as_os_str().as_bytes().to_vec())
        } else {
            fs::read(&full)
        };
        let bytes = bytes.map_err(|source| WorktreeError::io("read", &full, source))?;
        let entry = IndexEntry {
            mode: mode_of(found),
            id: repository.blob(&bytes).doing(doing)?,
            path: path.clone(),
            ..empty_entry()
        };
        index.add(&entry).doing(doing)?;
    }
    Ok(index.write_tree_to(repository).doing(doing)?)
}

/// Returns whether a directory declares that everything in it can be regenerated.
fn is_cache(dir: &Path) -> bool {
    let tag = dir.join("CACHEDIR.TAG");
    if !fs::symlink_metadata(&tag).is_ok_and(|found| found.is_file()) {
        return false;
    }
    let mut beginning = [0; CACHE_SIGNATURE.len()];
    fs::File::open(tag).is_ok_and(|mut file| {
        file.read_exact(&mut beginning).is_ok() && beginning == *CACHE_SIGNATURE
    })
}
