//! Counts the git processes that a program causes, including those that git starts itself, with
//! git's own tracing (trace2).

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::Sandbox;

/// Git's name for the process that starts an external program such as `git-remote-http`. It does
/// nothing else, so it is not counted.
const HOP: &str = "_run_dashed_";

/// Environment setting that excludes an agent's own git from the trace.
pub const UNTRACED: &str = "GIT_TRACE2_EVENT=0";

/// The traces of all git processes that use a sandbox's home.
pub struct GitTrace {
    directory: PathBuf,
}

impl GitTrace {
    /// Starts tracing.
    ///
    /// # Panics
    /// If the sandbox's git configuration cannot be written.
    pub fn begin(world: &Sandbox) -> Self {
        let directory = world.root().join("git-trace");
        fs::create_dir_all(&directory).expect("the directory of traces");
        let file = world.home().join(".gitconfig");
        let before = fs::read_to_string(&file).expect("the git configuration");
        let target = format!("[trace2]\n\teventTarget = {}\n", directory.display());
        fs::write(&file, before + &target).expect("the git configuration");
        Self { directory }
    }

    /// Returns the number of processes so far by command, such as `push/remote-curl/send-pack`.
    ///
    /// # Panics
    /// If a trace does not have git's format.
    pub fn runs(&self) -> BTreeMap<String, usize> {
        let mut runs = BTreeMap::new();
        for trace in fs::read_dir(&self.directory).expect("the directory of traces") {
            let trace = fs::read_to_string(trace.expect("an entry").path()).expect("a trace");
            let mut events = trace
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).expect("an event"));
            let named = events.rfind(|event| event["event"] == "cmd_name");
            let Some(named) = named.filter(|event| event["name"] != HOP) else {
                continue;
            };
            let hierarchy = named["hierarchy"].as_str().expect("a text");
            let parts = hierarchy.split('/').filter(|part| *part != HOP);
            *runs.entry(parts.collect::<Vec<_>>().join("/")).or_default() += 1;
        }
        runs
    }
}
