//! Builds every plugin of this workspace as a WebAssembly module, for the tests that load it into the real host.
//!
//! ```text
//!   plugins/*, plugins/examples/*, tests/guest, tests/talker ─► cargo rustc ─► target/…/guests ─► OUT_DIR ─► modules.rs: name, bytes
//! ```
//!
//! Uses its own target directory because cargo locks the outer one. `cargo test` and `cargo clippy`
//! run this script with different output directories but share the target directory.

#![expect(clippy::disallowed_methods, reason = "a build script starts cargo")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

#[path = "src/guests/profile.rs"]
mod profile;

/// The target plugins are built for. It adds no imports.
const TARGET: &str = "wasm32-unknown-unknown";
/// A target whose standard library imports WASI, and whose linker makes a component.
const WASI_TARGET: &str = "wasm32-wasip2";
/// The package that is built for that target too.
const WASI_PACKAGE: &str = "autoissue-test-guest";

fn main() {
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")).join("..");
    let out = PathBuf::from(variable("OUT_DIR"));
    // `OUT_DIR` is `target/debug/build/PACKAGE/out`; this is the directory of the profile.
    let target_directory = out.ancestors().nth(3).unwrap_or(&out).join("guests");
    println!(
        "cargo::rustc-env=AUTOISSUE_GUESTS_TARGET={}",
        target_directory.display()
    );
    have_target(TARGET);
    have_target(WASI_TARGET);
    for source in [
        "tests/src/guests",
        "plugin-sdk",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        depend_on(&root.join(source));
    }
    let mut modules = String::from("[\n");
    for (package, directory) in packages(&root) {
        depend_on(&directory.join("Cargo.toml"));
        depend_on(&directory.join("src"));
        let mut add = |name: &str, target: &str| {
            let built = build(&package, target, &root, &target_directory);
            let module = out.join(format!("{name}.wasm"));
            fs::copy(built, &module).expect("a copy of the module");
            writeln!(modules, "({name:?}, include_bytes!({module:?})),")
                .expect("writing to a string succeeds");
        };
        add(&package, TARGET);
        if package == WASI_PACKAGE {
            add(&format!("{package}-wasi"), WASI_TARGET);
        }
    }
    modules.push(']');
    fs::write(out.join("modules.rs"), modules).expect("the list of modules");
}

/// Re-runs this script when a path changes.
fn depend_on(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("cargo sets `{name}`: {error}"))
}

/// Installs the standard library for a target if it is missing.
fn have_target(target: &str) {
    let args = ["--print", "target-libdir", "--target", target];
    let printed = Command::new(variable("RUSTC")).args(args).output();
    let printed = printed.expect("rustc runs");
    if Path::new(String::from_utf8_lossy(&printed.stdout).trim()).is_dir() {
        return;
    }
    let added = Command::new("rustup")
        .args(["target", "add", target])
        .status();
    assert!(
        added.is_ok_and(|status| status.success()),
        "Rust's standard library for {target} is missing; install it (with rustup: `rustup target add {target}`)"
    );
}

/// Returns the plugin packages by name, each with its directory.
fn packages(root: &Path) -> BTreeMap<String, PathBuf> {
    let below = |directory| fs::read_dir(root.join(directory)).expect("a directory");
    let entries = below("plugins").chain(below("plugins/examples"));
    let directories = entries.map(|entry| entry.expect("an entry").path());
    directories
        .chain([root.join("tests/guest"), root.join("tests/talker")])
        .filter_map(|directory| Some((package_name(&directory)?, directory)))
        .collect()
}

/// Returns the name of the package in a directory, or `None` for a plugin written in another
/// language.
fn package_name(directory: &Path) -> Option<String> {
    let manifest = fs::read_to_string(directory.join("Cargo.toml")).ok()?;
    let name = |line: &str| {
        Some(
            line.strip_prefix("name = \"")?
                .strip_suffix('"')?
                .to_owned(),
        )
    };
    manifest.lines().find_map(name)
}

/// Builds a package; returns the path of its module.
fn build(package: &str, target: &str, root: &Path, target_directory: &Path) -> PathBuf {
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .args(["rustc", "--quiet", "--locked", "--release", "--lib"])
        .args(["--crate-type", "cdylib", "--target", target])
        .args(["--package", package, "--target-dir"])
        .arg(target_directory)
        .envs(profile::PROFILE)
        .current_dir(root);
    // Settings of the outer cargo for its own build must not leak into this one: target flags,
    // clippy's lints.
    for name in ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(name);
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "`{package}` failed to build for {target}");
    let file = format!("{}.wasm", package.replace('-', "_"));
    target_directory.join(target).join("release").join(file)
}
