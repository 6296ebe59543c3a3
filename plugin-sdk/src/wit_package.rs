//! Tests of the WIT packages, the counterpart of this crate for authors in other languages.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wit_parser::{Resolve, WorldItem, WorldKey};

fn below_the_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Returns the entries of a directory, sorted.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort_unstable();
    entries
}

/// Returns the files of all packages: those of the worlds, then those of their dependencies.
fn wit_files() -> Vec<PathBuf> {
    let root = below_the_crate("../wit");
    let packages = entries(&root.join("deps"));
    let files = std::iter::once(root)
        .chain(packages)
        .flat_map(|directory| entries(&directory));
    files
        .filter(|file| file.extension().is_some_and(|it| it == "wit"))
        .collect()
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
            (WorldKey::Interface(id), WorldItem::Interface { .. }) => resolve.id_of(*id),
            _ => None,
        });
    let mut names: Vec<String> = interfaces.collect();
    names.sort_unstable();
    names
}

#[test]
fn each_kind_is_a_package_over_shared_types() {
    let mut resolve = Resolve::default();
    resolve.push_dir(below_the_crate("../wit")).unwrap();
    for kind in [
        "classifier",
        "model-selector",
        "agent-backend",
        "pr-template",
    ] {
        let mut expected = [
            "autoissue:plugin/metadata@0.1.0".to_owned(),
            format!("autoissue:{kind}/{kind}@0.1.0"),
        ];
        expected.sort_unstable();
        assert_eq!(exports(&resolve, &format!("{kind}-plugin")), expected);
    }
    for interface in resolve.interfaces.iter().map(|(id, _)| id) {
        let used = resolve.interface_direct_deps(interface);
        for used in used.filter_map(|id| resolve.id_of(id)) {
            assert_eq!(
                used, "autoissue:types/types@0.1.0",
                "a kind that uses another one cannot change alone"
            );
        }
    }
}

#[test]
fn the_bindings_are_of_these_wit_packages() {
    let mut wit = Sha256::new();
    for file in wit_files() {
        wit.update(fs::read(file).unwrap());
    }
    let digest: String = wit
        .finalize()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    let bindings = entries(&below_the_crate("src/guest/bindings"));
    assert_eq!(bindings.len(), 6);
    for file in bindings {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.lines()
                .next()
                .is_some_and(|line| line.contains(&digest)),
            "{} was generated from different WIT packages; run `plugin-sdk/bindings`",
            file.display()
        );
    }
}
