//! Reverts changes of the project's own preparation, such as a rewritten lock file or a generated
//! file. Files that are unchanged since the preparation become those of the base; files that were
//! changed afterwards stay as they are.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::{Delta, DiffOptions, Index, IndexEntry, Oid, Repository};

use super::snapshot::empty_entry;

/// Returns the tree without the differences between `base` and `prepared` (all trees) that are
/// unchanged since.
///
/// # Errors
/// A tree cannot be read or written.
pub(super) fn without(
    repository: &Repository,
    base: Oid,
    prepared: Oid,
    tree: Oid,
) -> Result<Oid, git2::Error> {
    if prepared == base {
        return Ok(tree);
    }
    let find = |id| repository.find_tree(id);
    let (base, prepared, tree) = (find(base)?, find(prepared)?, find(tree)?);
    let mut options = DiffOptions::new();
    options.include_typechange(true).skip_binary_check(true);
    let diff = repository.diff_tree_to_tree(Some(&base), Some(&prepared), Some(&mut options))?;
    let mut index = Index::new()?;
    index.read_tree(&tree)?;
    let mut restored = Vec::new();
    for delta in diff.deltas() {
        let (old, new) = (delta.old_file(), delta.new_file());
        let Some(path) = new.path().or(old.path()) else {
            continue;
        };
        let now = index.get_path(path, 0).map(|entry| (entry.id, entry.mode));
        let (was_there, is_there) = (delta.status() != Delta::Added, new.exists());
        let then = is_there.then(|| (new.id(), u32::from(new.mode())));
        if now != then {
            continue;
        }
        if is_there {
            index.remove(path, 0)?;
        }
        if was_there {
            restored.push(entry(&old));
        }
    }
    // A directory may be in place of a file, or the reverse, with work in it: in that case the file
    // is not restored.
    for entry in restored {
        if !is_taken(&index, &entry.path) {
            index.add(&entry)?;
        }
    }
    index.write_tree_to(repository)
}

/// Returns whether something exists at, below or above a path.
fn is_taken(index: &Index, path: &[u8]) -> bool {
    let is_entry = |path: &[u8]| {
        index
            .get_path(Path::new(OsStr::from_bytes(path)), 0)
            .is_some()
    };
    let mut above = path
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| &path[..at]);
    is_entry(path) || above.any(is_entry) || index.find_prefix([path, b"/"].concat()).is_ok()
}

fn entry(file: &git2::DiffFile<'_>) -> IndexEntry {
    IndexEntry {
        mode: u32::from(file.mode()),
        id: file.id(),
        path: file.path_bytes().unwrap_or_default().to_vec(),
        ..empty_entry()
    }
}
