//! Malicious plugins. Each is contained, its error says what it did, and nothing is left behind:
//! the host's threads and memory return to normal, and the next honest call succeeds.

mod catalogue;
mod guest;
mod image;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use catalogue::Hostile;
pub(super) use catalogue::{honest, with_schema};

/// Maximum growth of a host at the end, KiB: less than one plugin's memory (64 MiB), after dozens
/// of plugins.
const GROWTH_KIB_MAX: u64 = 48 << 10;

/// A program that runs plugins, and its measurements before the first attack.
struct World {
    program: Child,
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let honest = directory.path().join("honest.wasm");
        std::fs::write(&honest, catalogue::honest()).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_plugins-under-test"));
        program
            .arg(&honest)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        Self {
            program: program.spawn().unwrap(),
            directory,
        }
    }

    fn ask(&mut self, component: &Path, call: &str) -> Option<Value> {
        let request = json!({ "component": component, "call": call });
        writeln!(self.program.stdin.as_mut()?, "{request}").ok()?;
        let mut line = Vec::new();
        // A separate reader for each line: the program writes one, then waits.
        let mut output = BufReader::with_capacity(1, self.program.stdout.as_mut()?);
        output.read_until(b'\n', &mut line).ok()?;
        serde_json::from_slice(&line).ok()
    }

    fn attack(&mut self, hostile: &Hostile) -> Value {
        let path = self.directory.path().join("hostile.wasm");
        std::fs::write(&path, &hostile.component).unwrap();
        self.ask(&path, hostile.call)
            .unwrap_or_else(|| panic!("{} killed its host", hostile.name))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Without input it exits.
        drop(self.program.stdin.take());
        let _ = self.program.wait();
    }
}

#[test]
fn a_malicious_plugin_costs_one_call() {
    let mut world = World::new();
    let hostile = catalogue::hostile();
    assert!(30 <= hostile.len(), "{}", hostile.len());
    let honest = world.directory.path().join("honest.wasm");
    let before = world.ask(&honest, "classify").expect("it responds");
    assert_eq!(
        (&before["said"], &before["honest"]),
        (&json!("the domain is \"billing\""), &json!(true))
    );
    let mut messages = String::new();
    for plugin in &hostile {
        let answer = world.attack(plugin);
        assert_eq!(answer["honest"], true, "after {}", plugin.name);
        assert_eq!(
            answer["threads"], before["threads"],
            "after {}",
            plugin.name
        );
        writeln!(
            messages,
            "{}:\n  {}",
            plugin.name,
            answer["said"].as_str().unwrap()
        )
        .unwrap();
    }
    let after = world.ask(&honest, "classify").expect("it still responds");
    if let (Some(before), Some(after)) = (before["rssKib"].as_u64(), after["rssKib"].as_u64()) {
        assert!(
            after <= before + GROWTH_KIB_MAX,
            "{after} KiB in use, {before} KiB before"
        );
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn an_honest_plugin_passes_in_the_same_harness() {
    let mut world = World::new();
    let honest = Hostile {
        name: "an honest classifier",
        call: "classify",
        component: catalogue::honest(),
    };
    assert_eq!(world.attack(&honest)["said"], "the domain is \"billing\"");
    let backend = guest::Backend::default().component();
    let backend = Hostile {
        name: "an honest backend",
        call: "run",
        component: backend,
    };
    assert_eq!(world.attack(&backend)["said"], "`agent` would run; []");
}
