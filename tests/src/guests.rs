//! Plugins as components, built once for each test binary by cargo, for `wasm32-unknown-unknown`.
//!
//! A build script would build them before anything else, for every `cargo check` too. Here only tests that need one build it, in the
//! workspace's own target directory, where the next run finds it: then cargo takes a third of a second to say that nothing changed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use autoissue_plugin_host::component_from_module;

/// Where plugins are built.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Returns the component of a package of this workspace.
pub fn component(package: &'static str) -> &'static [u8] {
    static BUILT: Mutex<Option<HashMap<&str, &'static [u8]>>> = Mutex::new(None);
    // Whoever failed to build one has failed its test; the others try theirs.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built
        .get_or_insert_default()
        .entry(package)
        .or_insert_with(|| build(package).leak())
}

fn build(package: &str) -> Vec<u8> {
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "rustc",
        "--quiet",
        "--locked",
        "--release",
        "--target",
        TARGET,
        "--lib",
        "--crate-type",
        "cdylib",
    ]);
    build
        .args(["--package", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::null());
    let status = build.stderr(Stdio::inherit()).status().expect("cargo runs");
    assert!(
        status.success(),
        "`{package}` does not build for {TARGET}; `rustup target add {TARGET}` may be missing"
    );
    let file = format!("{}.wasm", package.replace('-', "_"));
    let module = std::fs::read(target_directory().join(TARGET).join("release").join(file))
        .expect("cargo built it");
    component_from_module(&module).unwrap_or_else(|error| panic!("`{package}`: {error}"))
}

/// Returns the directory that this very program was built in.
pub fn target_directory() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a file");
    let is_profile = |path: &&Path| path.join("deps").is_dir();
    let profile = own
        .ancestors()
        .find(is_profile)
        .expect("tests are built in a profile's directory");
    profile
        .parent()
        .expect("a profile's directory is in the target directory")
        .to_owned()
}
