//! The lock file in branches that git merges.

use autoissue_core::config::PluginGrants;
use autoissue_core::plugins::lock::{FILE_NAME, Locked, PluginLock};
use autoissue_plugin_host::Sha256Digest;
use autoissue_tests::{Sandbox, guests};
use serde_json::json;

use super::GUEST;

/// A repository in which plugins are added and removed on branches.
struct Repository(Sandbox);

impl Repository {
    /// Creates a repository whose branch `main` has locked these plugins.
    fn with(names: &[&str]) -> Self {
        let repository = Self(Sandbox::new());
        repository.commit(|lock| names.iter().for_each(|name| lock.insert(locked(name, 1))));
        repository
    }

    /// Changes the lock file and commits it.
    fn commit(&self, change: impl FnOnce(&mut PluginLock)) {
        let mut lock = self.lock().unwrap_or_default();
        change(&mut lock);
        lock.write(&self.0.project()).unwrap();
        self.0.git(["add", "--all"]);
        self.0.git(["commit", "--quiet", "--message", "plugins"]);
    }

    fn lock(&self) -> Option<PluginLock> {
        PluginLock::read(&self.0.project()).unwrap()
    }

    /// Makes each change on a branch of its own, and merges the second one into the first one.
    /// Returns whether git could.
    fn merges(
        &self,
        ours: impl FnOnce(&mut PluginLock),
        theirs: impl FnOnce(&mut PluginLock),
    ) -> bool {
        self.0.git(["checkout", "--quiet", "-b", "theirs"]);
        self.commit(theirs);
        self.0.git(["checkout", "--quiet", "-b", "ours", "main"]);
        self.commit(ours);
        let mut merge = self.0.command("git");
        merge
            .args(["merge", "--quiet", "theirs"])
            .current_dir(self.0.project());
        merge.output().unwrap().status.success()
    }
}

fn locked(name: &str, version: u32) -> Locked {
    Locked {
        name: name.into(),
        version: format!("0.{version}.0"),
        path: format!("plugins/{name}.wasm").into(),
        sha256: Sha256Digest::of(format!("{name} {version}").as_bytes()),
        track: "0.1".into(),
        strategies: vec![format!("classifier/{name}")],
        grants: PluginGrants::default(),
    }
}

#[test]
fn git_merges_plugins_that_two_branches_change_apart() {
    for (before, ours, theirs, expected) in [
        (
            &["m"][..],
            locked("a", 1),
            locked("z", 1),
            vec![locked("a", 1), locked("m", 1), locked("z", 1)],
        ),
        (
            &["c", "m"],
            locked("d", 1),
            locked("a", 1),
            vec![
                locked("a", 1),
                locked("c", 1),
                locked("d", 1),
                locked("m", 1),
            ],
        ),
        // A new version next to a new plugin.
        (
            &["a", "m"],
            locked("m", 2),
            locked("z", 1),
            vec![locked("a", 1), locked("m", 2), locked("z", 1)],
        ),
        (
            &["a", "m"],
            locked("a", 2),
            locked("m", 2),
            vec![locked("a", 2), locked("m", 2)],
        ),
    ] {
        let repository = Repository::with(before);
        let merged = repository.merges(|lock| lock.insert(ours), |lock| lock.insert(theirs));
        assert!(merged, "{expected:?}");
        assert_eq!(repository.lock().unwrap().plugins(), expected);
    }
    let repository = Repository::with(&["a", "m", "z"]);
    let merged = repository.merges(
        |lock| assert!(lock.remove("a")),
        |lock| assert!(lock.remove("z")),
    );
    assert!(merged);
    assert_eq!(repository.lock().unwrap().plugins(), [locked("m", 1)]);
}

#[test]
fn git_merges_configurations_to_which_two_branches_add_plugins() {
    let world = Sandbox::new();
    world.config("{\n  \"forge\": {\"kind\": \"local\"},\n  \"agent\": {\"model\": \"auto\"}\n}\n");
    let add = |package: &'static str, more: &[&str]| {
        let path = format!("plugins/{package}.wasm");
        std::fs::create_dir_all(world.project().join("plugins")).unwrap();
        std::fs::write(world.project().join(&path), guests::component(package)).unwrap();
        guests::have_compiled(package, &world.state().join("plugins"));
        let words = ["plugin", "add", &path];
        world.run(words.iter().chain(more)).exits(0);
        world.git(["add", "--all"]);
        world.git(["commit", "--quiet", "--message", package]);
    };
    // The first one makes every decision, so `strategies` does not change later.
    let grants = [
        "--grant",
        "exec=line-agent",
        "--grant",
        "env=LINE_AGENT_KEY",
    ];
    add(GUEST, &grants);
    let settings = r#"{"program": "scribe", "cost": "free"}"#;
    add(
        "line-agent",
        &["--grant", "exec=scribe", "--settings", settings],
    );
    world.git(["checkout", "--quiet", "-b", "theirs"]);
    add("track-record", &[]);
    world.git(["checkout", "--quiet", "-b", "ours", "main"]);
    add("jinja-template", &[]);
    world.git(["merge", "--quiet", "theirs"]);
    let config: serde_json::Value =
        serde_json::from_str(&world.read("autoissue.config.json")).unwrap();
    let names = config["plugins"].as_array().unwrap().iter();
    let names: Vec<&serde_json::Value> = names.map(|plugin| &plugin["name"]).collect();
    assert_eq!(
        names,
        [GUEST, "jinja-template", "line-agent", "track-record"]
    );
    world.run(["plugin", "list"]).exits(0);
}

#[test]
fn every_command_names_the_line_of_a_conflict() {
    let repository = Repository::with(&["m"]);
    let merged = repository.merges(
        |lock| lock.insert(locked("n", 1)),
        |lock| lock.insert(locked("o", 1)),
    );
    assert!(!merged, "both branches add a plugin in the same place");
    let world = &repository.0;
    let text = world.read(FILE_NAME);
    let line = 1 + text
        .lines()
        .position(|line| line.starts_with("<<<<<<<"))
        .unwrap();
    world.issue(1, "Anything", "");
    world.write("n.wasm", "not a plugin");
    world.config(
        &json!({
            "forge": {"kind": "local"},
            "agent": {"backend": "patch"},
            "plugins": [{"name": "n", "path": "n.wasm"}],
            "strategies": {"classifier": "n"},
        })
        .to_string(),
    );
    let config = world.read("autoissue.config.json");
    let other = world.root().join("track-record.wasm");
    std::fs::write(&other, guests::component("track-record")).unwrap();
    guests::have_compiled("track-record", &world.state().join("plugins"));
    for (command, code) in [
        (vec!["exec", "go"], 2),
        (vec!["exec", "go", "--dry-run"], 2),
        (vec!["doctor", "--quick"], 1),
        (vec!["plugin", "list"], 1),
        (vec!["plugin", "add", other.to_str().unwrap()], 1),
        (vec!["plugin", "remove", "n"], 1),
    ] {
        let run = world.run(&command).exits(code);
        let said = run.stdout + &run.stderr;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains(&format!("has a conflict marker in line {line}"))
                && said.contains("keep the entries of both sides and remove the markers"),
            "{command:?}: {said}"
        );
    }
    assert_eq!(world.read(FILE_NAME), text);
    assert_eq!(world.read("autoissue.config.json"), config);
}
