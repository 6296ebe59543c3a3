//! Counts the files of a commit before anything reads it: a dozen trees, each listing the previous
//! one ten times, expand to more paths than fit into any memory.

use std::collections::HashMap;

use git2::{ObjectType, Oid, Repository};

/// Most files of a commit, beyond those of its base: the largest public repositories have half a
/// million.
const FILES_MAX: u64 = 1_000_000;

/// Longest path, in bytes: file systems accept no longer one.
const PATH_BYTES_MAX: u64 = 4_096;

/// The expanded size of a tree.
#[derive(Clone, Copy, Default)]
struct Size {
    n_files: u64,
    /// Length of the longest path in it.
    path_bytes: u64,
}

/// Returns whether a tree can be read: it has at most a million files more than the base, on paths
/// that a file system accepts.
///
/// Each tree is read once, regardless of how often it is listed.
pub(super) fn is_readable(
    repository: &Repository,
    base: Oid,
    tree: Oid,
) -> Result<bool, git2::Error> {
    if base == tree {
        return Ok(true);
    }
    let mut known = HashMap::new();
    let size = size_of(repository, tree, &mut known)?;
    if PATH_BYTES_MAX < size.path_bytes {
        return Ok(false);
    }
    if size.n_files <= FILES_MAX {
        return Ok(true);
    }
    let of_base = size_of(repository, base, &mut known)?;
    Ok(size.n_files <= of_base.n_files.saturating_add(FILES_MAX))
}

fn size_of(
    repository: &Repository,
    root: Oid,
    known: &mut HashMap<Oid, Size>,
) -> Result<Size, git2::Error> {
    // Iterative, because others decide how deeply trees are nested.
    let mut open = vec![root];
    while let Some(&next) = open.last() {
        if known.contains_key(&next) {
            open.pop();
            continue;
        }
        let tree = repository.find_tree(next)?;
        let mut size = Size::default();
        let n_open = open.len();
        for entry in &tree {
            let name_bytes = entry.name_bytes().len() as u64;
            let below = match entry.kind() {
                Some(ObjectType::Tree) => match known.get(&entry.id()) {
                    Some(below) => *below,
                    None => {
                        open.push(entry.id());
                        continue;
                    }
                },
                _ => Size {
                    n_files: 1,
                    path_bytes: 0,
                },
            };
            size.n_files = size.n_files.saturating_add(below.n_files);
            let path_bytes = name_bytes
                .saturating_add(1)
                .saturating_add(below.path_bytes);
            size.path_bytes = size.path_bytes.max(path_bytes);
        }
        if open.len() == n_open {
            known.insert(next, size);
            open.pop();
        }
    }
    Ok(known.get(&root).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use git2::TreeBuilder;

    use super::*;

    fn tree_of(repository: &Repository, entries: &[(&str, Oid, i32)]) -> Oid {
        let mut builder: TreeBuilder<'_> = repository.treebuilder(None).unwrap();
        for (name, id, mode) in entries {
            builder.insert(name, *id, *mode).unwrap();
        }
        builder.write().unwrap()
    }

    #[test]
    fn twelve_objects_that_unfold_to_ten_billion_paths_are_counted_and_not_read() {
        let home = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(home.path()).unwrap();
        let blob = repository.blob(b"boom").unwrap();
        let base = tree_of(&repository, &[("a", blob, 0o100_644)]);
        let mut tree = base;
        for _ in 0..10 {
            let names: Vec<String> = (0..10).map(|n| format!("d{n}")).collect();
            let entries: Vec<_> = names
                .iter()
                .map(|name| (name.as_str(), tree, 0o040_000))
                .collect();
            tree = tree_of(&repository, &entries);
        }
        assert!(!is_readable(&repository, base, tree).unwrap());
        assert!(
            is_readable(&repository, tree, tree).unwrap(),
            "a base is not limited"
        );
    }

    #[test]
    fn a_path_that_no_file_system_takes_is_not_read() {
        let home = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(home.path()).unwrap();
        let blob = repository.blob(b"x").unwrap();
        let base = tree_of(&repository, &[("a", blob, 0o100_644)]);
        let deep = |depth: usize| {
            (0..depth).fold(base, |below, _| {
                tree_of(&repository, &[("d", below, 0o040_000)])
            })
        };
        assert!(is_readable(&repository, base, deep(1_000)).unwrap());
        assert!(!is_readable(&repository, base, deep(3_000)).unwrap());
    }
}
