//! Rules that no compiler checks: dependencies between packages, cycles between modules, a head in
//! every file, no forgotten test files, no local paths.

mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Size of the largest file that is searched for paths; larger ones are data.
const FILE_BYTES_MAX: u64 = 4 << 20;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// Returns the repository's files as listed by git; without git, all except build output.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output();
    let names = listed
        .ok()
        .filter(|output| output.status.success())
        .map(|output| output.stdout)
        .unwrap_or_default();
    let listed: Vec<PathBuf> = String::from_utf8_lossy(&names)
        .split_terminator('\0')
        .map(|name| root().join(name))
        .filter(|path| path.is_file())
        .collect();
    if listed.is_empty() {
        walk(&root())
    } else {
        listed
    }
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        let is_built = path
            .file_name()
            .is_some_and(|name| name == "target" || name == ".git");
        if kind.is_dir() && !is_built {
            found.extend(walk(&path));
        } else if kind.is_file() {
            found.push(path);
        }
    }
    found
}

fn rust_files() -> impl Iterator<Item = PathBuf> {
    files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Returns the dependencies between our packages, each with its kind.
fn arrows() -> BTreeSet<(String, String, bool)> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let mut arrows = BTreeSet::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            if ours.contains(&name(dependency)) {
                arrows.insert((name(package), name(dependency), dependency["kind"] == "dev"));
            }
        }
    }
    arrows
}

/// Returns the packages below `plugins/`.
fn plugins() -> BTreeSet<String> {
    fn name(path: &Path) -> Option<String> {
        let text = std::fs::read_to_string(path).expect("a manifest");
        text.lines().find_map(|line| {
            line.strip_prefix("name = \"")?
                .strip_suffix('"')
                .map(str::to_owned)
        })
    }

    let manifests = files().into_iter().filter(|path| {
        path.starts_with(root().join("plugins"))
            && path.file_name().is_some_and(|name| name == "Cargo.toml")
    });
    manifests.filter_map(|path| name(&path)).collect()
}

fn is_allowed(from: &str, to: &str, is_dev: bool, plugins: &BTreeSet<String>) -> bool {
    let to_plugin = plugins.contains(to);
    match from {
        "autoissue" => to == "autoissue-core" || is_dev && to == "autoissue-simulation",
        "autoissue-engine" => {
            to == "autoissue-plugin-sdk" || is_dev && to == "autoissue-simulation"
        }
        "autoissue-simulation" => to == "autoissue-engine",
        "autoissue-core" => {
            to_plugin
                || [
                    "autoissue-engine",
                    "autoissue-forge",
                    "autoissue-git",
                    "autoissue-journal",
                    "autoissue-plugin-host",
                    "autoissue-plugin-sdk",
                    "autoissue-process",
                    "autoissue-secret",
                ]
                .contains(&to)
        }
        "autoissue-forge" => [
            "autoissue-engine",
            "autoissue-git",
            "autoissue-plugin-sdk",
            "autoissue-process",
            "autoissue-secret",
        ]
        .contains(&to),
        "autoissue-git" => [
            "autoissue-plugin-sdk",
            "autoissue-process",
            "autoissue-secret",
        ]
        .contains(&to),
        "autoissue-process" => to == "autoissue-secret",
        "autoissue-plugin-host" | "autoissue-test-guest" | "autoissue-test-talker" => {
            to == "autoissue-plugin-sdk"
        }
        "autoissue-tests" => {
            ["autoissue", "autoissue-core", "autoissue-plugin-host"].contains(&to)
                || is_dev && (to_plugin || to == "autoissue-plugin-sdk")
        }
        plugin if plugins.contains(plugin) => to == "autoissue-plugin-sdk",
        _ => false,
    }
}

#[test]
fn packages_have_only_the_documented_dependencies() {
    let (arrows, plugins) = (arrows(), plugins());
    assert!(
        arrows.len() > 5 && plugins.len() > 2,
        "{arrows:?} {plugins:?}"
    );
    let wrong: Vec<_> = arrows
        .iter()
        .filter(|(from, to, is_dev)| !is_allowed(from, to, *is_dev, &plugins))
        .collect();
    assert!(wrong.is_empty(), "not in ARCHITECTURE.md: {wrong:?}");
}

#[test]
fn an_undocumented_dependency_is_found() {
    let plugins = BTreeSet::from(["autoissue-patch".to_owned()]);
    for (from, to) in [
        ("autoissue", "autoissue-engine"),
        ("autoissue-engine", "autoissue-core"),
        ("autoissue-patch", "autoissue-core"),
        ("autoissue-plugin-sdk", "autoissue-engine"),
        ("autoissue-core", "autoissue"),
        ("autoissue-git", "autoissue-forge"),
        ("autoissue-git", "autoissue-engine"),
        ("autoissue-journal", "autoissue-git"),
    ] {
        assert!(!is_allowed(from, to, false, &plugins), "{from} -> {to}");
    }
}

/// The registry of built-ins, where their names belong.
const REGISTRY: &str = "core/src/built_in.rs";

/// Returns the lines of a file without comments and unit tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let code = text
        .split("\n#[cfg(test)]\nmod ")
        .next()
        .unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// Returns whether a file is used by tests only, like the simulation.
fn is_test(path: &str) -> bool {
    path.split('/')
        .any(|part| ["tests", "tests.rs", "simulation"].contains(&part))
}

#[test]
fn only_the_registry_names_built_ins() {
    let crates = plugins()
        .into_iter()
        .filter(|name| name.starts_with("autoissue-"))
        .map(|name| name.replace('-', "_"));
    let names: Vec<String> = crates.chain(["claude".to_owned()]).collect();
    let mut found = Vec::new();
    for path in rust_files() {
        let shown = shown(&path);
        if !shown.starts_with("core/") && !shown.starts_with("cli/") || is_test(&shown) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file in UTF-8");
        let named = code(&text).filter(|line| {
            let line = line.to_ascii_lowercase();
            names.iter().any(|name| line.contains(name))
        });
        found.extend(named.map(|line| format!("{shown}: {}", line.trim())));
    }
    let (registry, elsewhere): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|line| line.starts_with(REGISTRY));
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    assert!(registry.len() > 4, "the search found nothing: {registry:?}");
}

/// Returns the packages that a selection is built from, as `NAME VERSION`, with the feature sets
/// they are built with.
fn features(selection: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--prefix", "none", "--no-dedupe"])
        .args(["--format", "{p}|{f}"])
        .args(selection)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let text = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    for line in text.lines() {
        let Some((package, features)) = line.split_once('|') else {
            continue;
        };
        let name: Vec<&str> = package.split(' ').take(2).collect();
        let sets = found.entry(name.join(" ")).or_default();
        // Marks a repeated package: the engine's tests use the simulation, which uses the engine.
        sets.insert(features.trim_end_matches(" (*)").to_owned());
    }
    found
}

#[test]
fn the_program_and_its_tests_use_the_same_crates() {
    let program = features(&["--package", "autoissue", "--edges", "normal,build"]);
    let tests = features(&["--workspace", "--edges", "normal,build,dev"]);
    assert!(100 < program.len(), "{program:?}");
    let differing: Vec<_> = program
        .iter()
        .filter(|(package, sets)| tests.get(*package) != Some(sets))
        .map(|(package, sets)| (package, sets, tests.get(package)))
        .collect();
    assert!(
        differing.is_empty(),
        "different features in tests: {differing:?}"
    );
    let twice: Vec<_> = tests.iter().filter(|(_, sets)| 1 < sets.len()).collect();
    assert!(twice.is_empty(), "built twice: {twice:?}");
}

#[test]
fn every_file_has_a_module_comment() {
    let silent: Vec<String> = rust_files()
        .filter(|path| {
            !std::fs::read_to_string(path)
                .expect("a file in UTF-8")
                .starts_with("//! ")
        })
        .map(|path| shown(&path))
        .collect();
    assert!(silent.is_empty(), "without `//!`: {silent:?}");
}

#[test]
fn every_test_file_is_compiled() {
    let main = std::fs::read_to_string(root().join("tests/tests/it/main.rs")).expect("the list");
    for entry in std::fs::read_dir(root().join("tests/tests/it"))
        .expect("the directory")
        .flatten()
    {
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let module = name.trim_end_matches(".rs");
        assert!(
            module == "main" || main.contains(&format!("mod {module};\n")),
            "`{module}` is not in main.rs"
        );
    }
}

/// Directories of users and machines, assembled here so that this file does not contain them.
fn places_of_machines() -> Vec<String> {
    let mut places: Vec<String> = ["home", "Users"]
        .iter()
        .map(|parent| format!("/{parent}/"))
        .collect();
    places.push(format!("/{}/.", "root"));
    places.push(root().display().to_string());
    places.extend(std::env::var("HOME").ok().filter(|home| home.len() > 5));
    places
}

/// Placeholders for a user's directory in examples and tests.
const NOBODY: [&str; 10] = [
    "someone", "gh", "user", "me", "ada", "ida", "you", "somebody", "u", "runner",
];

fn is_of_a_machine(text: &str, place: &str) -> bool {
    text.match_indices(place).any(|(at, _)| {
        let person = text[at + place.len()..]
            .split(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default();
        // Followed by nothing, it is the parent of all home directories.
        !place.ends_with('/') || !(person.is_empty() || NOBODY.contains(&person))
    })
}

#[test]
fn no_file_contains_a_local_path() {
    let places = places_of_machines();
    let mut found = Vec::new();
    for path in files() {
        if path.metadata().map_or(true, |it| FILE_BYTES_MAX < it.len()) {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
        let known = places.iter().find(|place| is_of_a_machine(&text, place));
        found.extend(known.map(|place| format!("{}: {place}", shown(&path))));
    }
    assert!(found.is_empty(), "local paths: {found:?}");
}

#[test]
fn ci_doctor_and_documentation_name_the_same_claude_code_releases() {
    let run = std::fs::read_to_string(root().join(".ci/run")).expect("the script");
    let pinned = format!(
        "claude_versions=\"{}\"",
        autoissue_claude::TESTED_RELEASES.join(" ")
    );
    assert!(run.lines().any(|line| line == pinned), "{pinned}");
    let agents = std::fs::read_to_string(root().join("docs/agents.md")).expect("the page");
    let [oldest, newest] = autoissue_claude::TESTED_RELEASES;
    let named = format!("{oldest} to {newest}");
    assert!(agents.contains(&named), "{named}");
}

#[test]
fn the_example_configuration_exists() {
    assert!(root().join("cli/autoissue.config.example.json").is_file());
}

#[test]
fn the_top_level_has_only_known_entries() {
    let known = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs",
        "LICENSE",
        "rust-toolchain.toml",
        "clippy.toml",
        "core",
        "plugin-sdk",
        "plugins",
        "wit",
        "cli",
        "tests",
    ];
    let tops: BTreeSet<String> = files()
        .iter()
        .filter_map(|path| {
            Some(
                path.strip_prefix(root())
                    .ok()?
                    .iter()
                    .next()?
                    .to_str()?
                    .to_owned(),
            )
        })
        .filter(|name| !name.starts_with('.'))
        .collect();
    let unknown: Vec<_> = tops
        .iter()
        .filter(|name| !known.contains(&name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
