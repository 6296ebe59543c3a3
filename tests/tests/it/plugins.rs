//! Plugins as components in the real host.

mod commands;
mod contained;
mod corpus;
mod every_field;
mod front_page;
mod granted;
mod hostile;
mod merged;
mod pinned;
mod same_answer;
mod session;
mod talking;
mod tracks;
mod unbounded;
mod warnings;
mod wasi;

use std::path::{Path, PathBuf};

use autoissue_plugin_host::{Grants, HostOptions, LoadError, Plugin, PluginHost};
use autoissue_tests::{guests, scratch};
use tempfile::TempDir;

/// The plugin whose behaviour the issue title controls.
const GUEST: &str = "autoissue-test-guest";

/// Returns the grants which that plugin requires.
fn guest_grants() -> Grants {
    Grants {
        exec: vec!["line-agent".into()],
        env: vec!["LINE_AGENT_KEY".into()],
    }
}

/// A host with its own state directory.
struct World {
    host: PluginHost,
    state: TempDir,
}

impl World {
    fn new() -> Self {
        let state = scratch();
        let host = PluginHost::new(HostOptions::cached_in(&state.path().join("plugins"))).unwrap();
        Self { host, state }
    }

    fn load(&self, package: &'static str, grants: &Grants) -> Plugin {
        guests::have_compiled(package, &self.state.path().join("plugins"));
        self.try_load(guests::component(package), grants).unwrap()
    }

    fn try_load(&self, component: &[u8], grants: &Grants) -> Result<Plugin, LoadError> {
        self.host.load(Path::new("plugin.wasm"), component, grants)
    }

    /// Returns the files of compiled code.
    fn compiled(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.state.path().join("plugins")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}
