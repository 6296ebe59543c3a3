//! Plugins as components. This package's build script builds their modules once for all tests.

mod profile;

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use autoissue_plugin_host::{HostOptions, PluginHost, Sha256Digest, component_from_module};

pub use profile::PROFILE;

/// The modules, each named after its package.
const MODULES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// Returns the component of a plugin of this workspace.
///
/// # Panics
///
/// If there is no such plugin, or its module is not a component.
pub fn component(package: &str) -> &'static [u8] {
    static MADE: Mutex<Option<HashMap<&str, &'static [u8]>>> = Mutex::new(None);
    let (name, module) = MODULES
        .iter()
        .find(|(name, _)| *name == package)
        .unwrap_or_else(|| panic!("no plugin `{package}` was built"));
    let make = || -> &'static [u8] {
        let made = component_from_module(module);
        made.unwrap_or_else(|error| panic!("`{package}`: {error}"))
            .leak()
    };
    // A test that panicked here has stored nothing; the others build their own.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.get_or_insert_default()
        .entry(name)
        .or_insert_with(make)
}

/// Puts a plugin's compiled code into the code cache `cache`, where a host of this build finds it.
/// Each plugin is compiled once for all tests because an unoptimised host takes seconds.
///
/// # Panics
///
/// If it cannot be compiled or copied.
pub fn have_compiled(package: &str, cache: &Path) {
    static COMPILED: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let shared = Path::new(env!("OUT_DIR")).join("compiled");
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if compiled.get_or_insert_default().insert(package.to_owned()) {
        let host = PluginHost::new(HostOptions::cached_in(&shared)).expect("a host");
        host.examine(Path::new(package), component(package))
            .expect("a component");
    }
    drop(compiled);
    let parent = cache.parent().expect("a directory of the state directory");
    fs::create_dir_all(parent).expect("the state directory");
    let made = DirBuilder::new().recursive(true).mode(0o700).create(cache);
    made.expect("the directory of compiled code");
    let digest = Sha256Digest::of(component(package)).to_string();
    for entry in fs::read_dir(shared).expect("compiled code") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(&digest) {
            fs::copy(entry.path(), cache.join(name)).expect("a copy");
        }
    }
}

/// Returns the target directory of the modules' build, which contains everything a plugin's build
/// needs.
pub fn target_directory() -> PathBuf {
    PathBuf::from(env!("AUTOISSUE_GUESTS_TARGET"))
}
