//! Plugins as components in the real host.

mod commands;
mod contained;
mod corpus;
mod front_page;
mod granted;
mod hostile;
mod merged;
mod pinned;
mod same_answer;
mod session;
mod tracks;
mod warnings;

use std::path::PathBuf;

use autoissue_plugin_host::{Grants, Plugin, PluginHost};
use autoissue_tests::{guests, scratch};
use tempfile::TempDir;

/// The plugin whose behaviour the issue title controls.
const GUEST: &str = "autoissue-test-guest";

/// Returns the grants which that plugin requires.
fn guest_grants() -> Grants {
    Grants {
        exec: vec!["line-agent".into()],
        env: vec!["LINE_AGENT_KEY".into()],
        wasi: false,
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
        let host = PluginHost::new(&state.path().join("plugins")).unwrap();
        Self { host, state }
    }

    fn load(&self, package: &'static str, grants: &Grants) -> Plugin {
        guests::have_compiled(package, &self.state.path().join("plugins"));
        self.host.load(guests::component(package), grants).unwrap()
    }

    /// Returns the files of compiled code.
    fn compiled(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.state.path().join("plugins")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}
