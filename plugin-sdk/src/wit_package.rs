//! Tests of the WIT package, the counterpart of this crate for authors in other languages.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wit_parser::{Resolve, WorldItem, WorldKey};

fn below_the_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Returns the files of a directory, sorted.
fn files(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(below_the_crate(directory)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    files
}

/// Returns the names of a world's exports, sorted.
fn exports(resolve: &Resolve, world: &str) -> Vec<String> {
    let (_, world) = resolve
        .worlds
        .iter()
        .find(|(_, found)| found.name == world)
        .expect("the world exists");
    let interfaces = world
        .exports
        .iter()
        .filter_map(|(key, item)| match (key, item) {
            (WorldKey::Interface(id), WorldItem::Interface { .. }) => {
                resolve.interfaces[*id].name.clone()
            }
            _ => None,
        });
    let mut names: Vec<String> = interfaces.collect();
    names.sort_unstable();
    names
}

#[test]
fn the_wit_package_parses() {
    let directory = below_the_crate("../wit/plugin-0.1");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(&directory).unwrap();
    assert_eq!(
        resolve.packages[package].name.to_string(),
        "autoissue:plugin@0.1.0"
    );
    for kind in [
        "classifier",
        "model-selector",
        "agent-backend",
        "pr-template",
    ] {
        let mut expected = ["metadata", kind];
        expected.sort_unstable();
        assert_eq!(exports(&resolve, &format!("{kind}-plugin")), expected);
    }
}

#[test]
fn the_bindings_are_of_this_wit_package() {
    let mut wit = Sha256::new();
    for file in files("../wit/plugin-0.1") {
        wit.update(fs::read(file).unwrap());
    }
    let digest: String = wit
        .finalize()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    let bindings = files("src/guest/bindings");
    assert_eq!(bindings.len(), 6);
    for file in bindings {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.lines()
                .next()
                .is_some_and(|line| line.contains(&digest)),
            "{} was generated from a different WIT package; run `plugin-sdk/bindings`",
            file.display()
        );
    }
}
