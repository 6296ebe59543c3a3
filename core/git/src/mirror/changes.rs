//! Computes the changes between two trees, for people and for the journal. Sizes are read before
//! contents: a diff of 200 MB takes seconds and hundreds of megabytes to compute, and is of no use
//! to anyone.

use git2::{Delta, DiffDelta, DiffFindOptions, DiffOptions, Oid, Patch, Repository, Tree};
use serde::{Deserialize, Serialize};

use super::{Doing, MirrorError};

/// Larger files are not compared line by line: nobody wrote them by hand.
const LINE_DIFF_BYTES_MAX: u64 = 1 << 20;

/// Most bytes, both sides together, that are compared line by line per call; about a tenth of a
/// second of work.
const LINE_DIFF_TOTAL_BYTES_MAX: u64 = 32 << 20;

/// Most files that are listed; the forge itself shows 3,000 of a pull request.
const FILES_MAX: usize = 3_000;

/// The changes between two trees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The changed files by path, at most 3,000.
    pub files: Vec<FileChange>,
    /// Number of changed files, listed or not.
    pub n_files: usize,
    /// Lines added in the compared files.
    pub added: u64,
    /// Lines removed in the compared files.
    pub removed: u64,
    /// Whether the list or the counts are incomplete because there was too much to compare.
    pub truncated: bool,
    /// Path and size in bytes of the largest new content.
    pub largest: Option<(String, u64)>,
}

/// One changed file. An unchanged file that was moved is one entry, under its new name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The path; a name that is not UTF-8 contains replacement characters.
    pub path: String,
    /// Lines added; 0 if the file was not compared.
    pub added: u64,
    /// Lines removed; 0 if the file was not compared.
    pub removed: u64,
    /// Whether git treats the file as binary.
    pub binary: bool,
}

/// Returns the changes from one tree to the other.
pub(super) fn between(
    repository: &Repository,
    from: &Tree<'_>,
    to: &Tree<'_>,
) -> Result<Changes, MirrorError> {
    let doing = || format!("compare tree {} with {}", from.id(), to.id());
    let mut options = DiffOptions::new();
    options.include_typechange(true).skip_binary_check(true);
    let mut diff = repository
        .diff_tree_to_tree(Some(from), Some(to), Some(&mut options))
        .doing(doing)?;
    diff.find_similar(Some(
        DiffFindOptions::new().renames(true).exact_match_only(true),
    ))
    .doing(doing)?;
    let mut comparison = Comparison {
        repository,
        bytes_left: LINE_DIFF_TOTAL_BYTES_MAX,
        changes: Changes::default(),
    };
    for delta in diff.deltas() {
        comparison.add(&delta).doing(doing)?;
    }
    Ok(comparison.changes)
}

struct Comparison<'r> {
    repository: &'r Repository,
    bytes_left: u64,
    changes: Changes,
}

impl Comparison<'_> {
    fn add(&mut self, delta: &DiffDelta<'_>) -> Result<(), git2::Error> {
        let path = delta
            .new_file()
            .path_bytes()
            .or(delta.old_file().path_bytes())
            .unwrap_or_default();
        let path = String::from_utf8_lossy(path).into_owned();
        let (old_bytes, new_bytes) = (self.size(&delta.old_file())?, self.size(&delta.new_file())?);
        self.changes.n_files += 1;
        if self
            .changes
            .largest
            .as_ref()
            .is_none_or(|(_, largest)| *largest < new_bytes)
        {
            self.changes.largest = Some((path.clone(), new_bytes));
        }
        let (added, removed, binary) = self.lines(delta, old_bytes, new_bytes)?;
        self.changes.added += added;
        self.changes.removed += removed;
        if self.changes.files.len() < FILES_MAX {
            self.changes.files.push(FileChange {
                path,
                added,
                removed,
                binary,
            });
        } else {
            self.changes.truncated = true;
        }
        Ok(())
    }

    /// Returns a blob's size from its header; a side that does not exist, or is a gitlink, has
    /// none.
    fn size(&self, file: &git2::DiffFile<'_>) -> Result<u64, git2::Error> {
        if !file.exists() || file.mode() == git2::FileMode::Commit {
            return Ok(0);
        }
        Ok(self.repository.odb()?.read_header(file.id())?.0 as u64)
    }

    fn lines(
        &mut self,
        delta: &DiffDelta<'_>,
        old_bytes: u64,
        new_bytes: u64,
    ) -> Result<(u64, u64, bool), git2::Error> {
        let (old, new) = (blob_of(&delta.old_file()), blob_of(&delta.new_file()));
        if delta.status() == Delta::Renamed || old == new {
            return Ok((0, 0, false));
        }
        let bytes = old_bytes + new_bytes;
        if LINE_DIFF_BYTES_MAX < old_bytes.max(new_bytes) || self.bytes_left < bytes {
            self.changes.truncated = true;
            return Ok((0, 0, false));
        }
        self.bytes_left -= bytes;
        self.compare(old, new)
    }

    fn compare(&self, old: Option<Oid>, new: Option<Oid>) -> Result<(u64, u64, bool), git2::Error> {
        fn content(blob: &Option<git2::Blob<'_>>) -> Vec<u8> {
            blob.as_ref()
                .map(|blob| blob.content().to_vec())
                .unwrap_or_default()
        }

        let read = |id: Option<Oid>| id.map(|id| self.repository.find_blob(id)).transpose();
        let (old, new) = (read(old)?, read(new)?);
        let (old, new) = (content(&old), content(&new));
        let patch = Patch::from_buffers(&old, None, &new, None, None)?;
        if patch.delta().flags().is_binary() {
            return Ok((0, 0, true));
        }
        let (_, added, removed) = patch.line_stats()?;
        Ok((added as u64, removed as u64, false))
    }
}

fn blob_of(file: &git2::DiffFile<'_>) -> Option<Oid> {
    (file.exists() && file.mode() != git2::FileMode::Commit).then(|| file.id())
}
