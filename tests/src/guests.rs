//! Plugins as components: the build script of this package has built their modules, once for all tests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use autoissue_plugin_host::component_from_module;

/// The modules, each named after its package.
const MODULES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// Returns the component of a plugin of this workspace.
///
/// # Panics
/// Where there is no such plugin, or its module is not one.
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
    // A test that panicked here has made nothing; the others try theirs.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.get_or_insert_default()
        .entry(name)
        .or_insert_with(make)
}

/// Returns the target directory of the modules' build, which holds all that a plugin's build needs.
pub fn target_directory() -> PathBuf {
    Path::new(env!("OUT_DIR")).join("target")
}
