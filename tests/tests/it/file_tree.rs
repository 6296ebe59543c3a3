//! The contents of a directory, for comparison before and after: names, kinds, modes, contents.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Directory,
    Link(String),
    File { mode: u32, bytes: Vec<u8> },
}

/// Returns everything below a directory by relative path; empty if the directory does not exist.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Entry> {
    let mut found = BTreeMap::new();
    add(root, root, &mut found);
    found
}

fn add(root: &Path, directory: &Path, found: &mut BTreeMap<String, Entry>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path
            .strip_prefix(root)
            .expect("the path is below the root")
            .to_string_lossy()
            .into_owned();
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            found.insert(name, Entry::Directory);
            add(root, &path, found);
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).expect("a target");
            found.insert(name, Entry::Link(target.to_string_lossy().into_owned()));
        } else {
            let mode = entry.metadata().expect("its mode").permissions().mode();
            found.insert(
                name,
                Entry::File {
                    mode,
                    bytes: fs::read(&path).expect("its content"),
                },
            );
        }
    }
}

/// Asserts that two trees are equal, and names the differences.
#[track_caller]
pub(crate) fn assert_same(before: &BTreeMap<String, Entry>, after: &BTreeMap<String, Entry>) {
    let names = before.keys().chain(after.keys());
    let mut differing: Vec<&String> = names
        .filter(|name| before.get(*name) != after.get(*name))
        .collect();
    differing.dedup();
    assert!(differing.is_empty(), "changed: {differing:?}");
}
