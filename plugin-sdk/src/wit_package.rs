//! Tests of the WIT package, which is for authors in other languages what this crate is in Rust.

use std::path::Path;

use wit_parser::{Resolve, WorldItem, WorldKey};

/// Returns what the world exports, by name, sorted.
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
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/plugin-0.1");
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
