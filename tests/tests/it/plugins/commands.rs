//! `autoissue plugin`, as authors and users run it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use autoissue_tests::{Run, Sandbox, guests};
use serde_json::{Value, json};

use super::GUEST;

/// Examples that are packages of this workspace.
const EXAMPLES: [&str; 4] = ["codeowners", "jinja-template", "line-agent", "track-record"];

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Gives a command access to the toolchain, which the sandbox's home lacks, and to the dependencies
/// of this workspace's plugins.
pub(super) fn with_cargo(command: &mut Command) -> &mut Command {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    for (name, directory) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        command.env(
            name,
            std::env::var_os(name).unwrap_or_else(|| home.join(directory).into()),
        );
    }
    if let Some(toolchain) = std::env::var_os("RUSTUP_TOOLCHAIN") {
        command.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    // All dependencies are in the workspace's lock file, so they were fetched for the plugins of
    // these tests.
    command
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", guests::target_directory())
        .envs(guests::PROFILE)
}

fn run_with_cargo(sandbox: &Sandbox, directory: &Path, args: &[&str]) -> Run {
    let mut command = sandbox.autoissue(args);
    Run::from(
        with_cargo(&mut command)
            .current_dir(directory)
            .output()
            .unwrap(),
    )
}

/// Copies a package's component into the repository; returns its relative path.
fn put(sandbox: &Sandbox, package: &'static str) -> String {
    let path = format!("plugins/{package}.wasm");
    std::fs::create_dir_all(sandbox.project().join("plugins")).unwrap();
    std::fs::write(sandbox.project().join(&path), guests::component(package)).unwrap();
    guests::have_compiled(package, &sandbox.state().join("plugins"));
    path
}

fn states(sandbox: &Sandbox) -> Vec<(String, bool, String)> {
    let rows = sandbox.run(["plugin", "list", "--output", "json"]).json();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.iter()
        .map(|row| (text(row, "name"), row["used"] == true, text(row, "state")))
        .collect()
}

#[test]
fn a_new_plugin_builds_and_passes_its_tests() {
    let sandbox = Sandbox::new();
    let sdk = root().join("plugin-sdk");
    // The front page of the SDK creates a classifier, and its commands are run too.
    for kind in ["model-selector", "agent-backend", "pr-template"] {
        let name = format!("my-{kind}");
        run_with_cargo(
            &sandbox,
            sandbox.root(),
            &["plugin", "new", kind, &name, "--sdk", sdk.to_str().unwrap()],
        )
        .exits(0);
        let directory = sandbox.root().join(&name);
        // Use the versions of this workspace: others may be missing without a network.
        std::fs::copy(root().join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
        let run = run_with_cargo(&sandbox, &directory, &["plugin", "test"]).exits(0);
        assert!(
            run.stdout.contains("of") && !run.stdout.contains("FAILED"),
            "{}",
            run.stdout
        );
        assert!(directory.join(format!("{name}.wasm")).is_file());
    }
    let compiled = std::fs::read_dir(sandbox.state().join("plugins")).unwrap();
    assert_eq!(compiled.count(), 3, "each is compiled once");
}

#[test]
fn a_new_plugin_uses_the_sdk_of_this_release() {
    let sandbox = Sandbox::new();
    let repository = sandbox.root().join("sdk");
    std::fs::create_dir_all(repository.join("src")).unwrap();
    std::fs::write(repository.join("src/lib.rs"), "").unwrap();
    let git = |args: &[&str]| {
        let mut git = sandbox.command("git");
        let status = git.args(args).current_dir(&repository).status().unwrap();
        assert!(status.success(), "{args:?}");
    };
    git(&["init", "--quiet"]);
    for (version, tag) in [
        ("1.2.3", "of-this-release"),
        ("4.5.6", "of-another-release"),
    ] {
        let manifest = format!(
            "[package]\nname = \"autoissue-plugin-sdk\"\nversion = \"{version}\"\nedition = \"2024\"\n"
        );
        std::fs::write(repository.join("Cargo.toml"), manifest).unwrap();
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message", version]);
        git(&["tag", tag]);
    }
    let release = concat!("v", env!("CARGO_PKG_VERSION"));
    git(&["tag", release, "of-this-release"]);
    // Outside of any workspace, and inside of one that knows nothing about it.
    let workspace = sandbox.root().join("workspace");
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::write(
        workspace.join("Cargo.toml"),
        "[workspace]\nresolver = \"3\"\n",
    )
    .unwrap();
    let cargo_home = sandbox.root().join("cargo-home");
    for parent in [sandbox.root(), &workspace] {
        run_with_cargo(&sandbox, parent, &["plugin", "new", "classifier", "mine"]).exits(0);
        let directory = parent.join("mine");
        let offline = run_with_cargo(&sandbox, &directory, &["plugin", "build"]).exits(1);
        assert!(
            offline.stderr.contains("cannot get the dependencies")
                && offline.stderr.contains("--sdk DIR"),
            "{}",
            offline.stderr
        );
        let from = format!(
            "url.file://{}.insteadOf={}",
            repository.display(),
            env!("CARGO_PKG_REPOSITORY")
        );
        let (key, value) = from.split_once('=').unwrap();
        git(&["config", "--global", key, value]);
        let mut cargo = sandbox.command("cargo");
        let output = with_cargo(&mut cargo)
            .args(["metadata", "--format-version", "1"])
            .env("CARGO_HOME", &cargo_home)
            .env("CARGO_NET_OFFLINE", "false")
            .env("CARGO_NET_GIT_FETCH_WITH_CLI", "true")
            .current_dir(&directory)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        git(&["config", "--global", "--unset", key]);
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let directory = directory.canonicalize().unwrap();
        assert_eq!(metadata["workspace_root"], directory.to_str().unwrap());
        let packages = metadata["packages"].as_array().unwrap();
        let sdk = packages
            .iter()
            .find(|package| package["name"] == "autoissue-plugin-sdk")
            .unwrap();
        assert_eq!(sdk["version"], "1.2.3");
        let source = sdk["source"].as_str().unwrap();
        assert!(source.contains(&format!("?tag={release}#")), "{source}");
    }
}

#[test]
fn a_new_plugin_needs_the_target() {
    let sandbox = Sandbox::new();
    let new = || {
        run_with_cargo(
            &sandbox,
            sandbox.root(),
            &["plugin", "new", "classifier", "mine"],
        )
    };
    let program = sandbox.root().join("rustc.sh");
    std::fs::write(&program, "#!/bin/sh\necho /nonexistent/lib\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.install("rustc", &program);
    let run = new().exits(2);
    assert!(
        run.stderr
            .contains("run `rustup target add wasm32-unknown-unknown`"),
        "{}",
        run.stderr
    );
    assert!(!sandbox.root().join("mine").exists());
    std::fs::remove_file(sandbox.root().join("bin/rustc")).unwrap();
    new().exits(0);
    assert!(sandbox.root().join("mine").exists());
}

#[test]
fn every_example_passes_its_tests() {
    let sandbox = Sandbox::new();
    for package in EXAMPLES {
        let component = put(&sandbox, package);
        let cases = root()
            .join("plugins/examples")
            .join(package)
            .join("cases.json");
        let run = sandbox
            .run([
                "plugin",
                "test",
                &component,
                "--cases",
                cases.to_str().unwrap(),
                "--output",
                "json",
            ])
            .exits(0);
        let line = run.json().remove(0);
        assert_eq!(line["passed"], true, "{line}");
        assert!(
            line["cases"]
                .as_array()
                .is_some_and(|cases| !cases.is_empty()),
            "{package} must have cases"
        );
        let instructions = &line["strategies"][0]["cost"]["ordinaryInstructions"];
        assert!(instructions.as_u64().is_some_and(|n| 1_000 < n), "{line}");
    }
}

#[test]
fn a_failing_case_is_reported() {
    let sandbox = Sandbox::new();
    let component = put(&sandbox, "track-record");
    sandbox.write(
        "plugins/cases.json",
        r#"{"modelSelector": [{"name": "wrong", "request": {"available": [{"id": "a"}]}, "expect": {"model": "b"}}]}"#,
    );
    let run = sandbox.run(["plugin", "test", &component]).exits(3);
    assert!(
        run.stdout
            .contains("FAILED  wrong\n          `model`: expected \"b\", got \"a\""),
        "{}",
        run.stdout
    );
    sandbox.write("plugins/cases.json", r#"{"modelSelektor": []}"#);
    let run = sandbox.run(["plugin", "test", &component]).exits(2);
    assert!(
        run.stderr.contains("unknown field `modelSelektor`"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_author_sees_what_the_plugin_prints_and_why_it_panics() {
    let sandbox = Sandbox::new();
    let component = put(&sandbox, super::GUEST);
    sandbox.write(
        "plugins/cases.json",
        r#"{"classifier": [
            {"issue": {"title": "misdeed: chatter"}, "expect": {}},
            {"issue": {"title": "misdeed: panic"}, "expect": {"domain": "x"}}
        ]}"#,
    );
    let test = |flag| sandbox.run(["plugin", "test", &component, flag]).exits(3);
    let [verbose, quiet] = ["--verbose", "--quiet"].map(test);
    assert!(verbose.stdout.contains("on purpose"), "{}", verbose.stdout);
    let printed = "INFO line 0";
    assert!(verbose.stderr.contains(printed), "{}", verbose.stderr);
    assert!(!quiet.stderr.contains(printed), "{}", quiet.stderr);
}

#[test]
fn a_plugin_is_added_listed_and_removed() {
    let sandbox = Sandbox::new();
    let before = sandbox.read("autoissue.config.json");
    let component = put(&sandbox, "codeowners");
    let settings = r#"{"rules": ["docs/ documentation"]}"#;
    sandbox
        .run(["plugin", "add", &component, "--settings", settings])
        .exits(0);
    let lock: Value = serde_json::from_str(&sandbox.read("autoissue.plugins.lock")).unwrap();
    assert_eq!(lock["plugins"][0]["path"], "plugins/codeowners.wasm");
    assert_eq!(lock["plugins"][0]["strategies"][0], "classifier/codeowners");
    let config: Value = serde_json::from_str(&sandbox.read("autoissue.config.json")).unwrap();
    assert_eq!(config["strategies"]["classifier"], "codeowners");
    assert_eq!(
        config["plugins"][0]["config"]["rules"][0],
        "docs/ documentation"
    );
    let row = (
        "codeowners".to_owned(),
        true,
        "locked, unchanged".to_owned(),
    );
    assert!(states(&sandbox).contains(&row), "{:?}", states(&sandbox));
    sandbox.run(["plugin", "remove", "codeowners"]).exits(0);
    assert_eq!(states(&sandbox).len(), 10, "the built-ins must remain");
    let (before, after): (Value, Value) = (
        serde_json::from_str(&before).unwrap(),
        serde_json::from_str(&sandbox.read("autoissue.config.json")).unwrap(),
    );
    assert_eq!(after, before);
    assert!(!sandbox.project().join("autoissue.plugins.lock").exists());
    sandbox.run(["plugin", "remove", "codeowners"]).exits(2);
}

#[test]
fn settings_are_added_for_a_kind() {
    let sandbox = Sandbox::new();
    let component = put(&sandbox, GUEST);
    let add = |settings: &[&str]| {
        let mut words = vec!["plugin", "add", &component];
        for grant in ["exec=line-agent", "env=LINE_AGENT_KEY"] {
            words.extend(["--grant", grant]);
        }
        for &settings in settings {
            words.extend(["--settings", settings]);
        }
        sandbox.run(words)
    };
    let config =
        || -> Value { serde_json::from_str(&sandbox.read("autoissue.config.json")).unwrap() };
    let none = add(&["pr-template={}"]).exits(2);
    let said = none.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("pr-template `plain` takes no settings; strategies with settings: classifier `obedient`, pr-template `signed`"),
        "{said}"
    );
    let twice = add(&["{}", "classifier={}"]).exits(2);
    assert!(
        twice
            .stderr
            .contains("more than once for the same strategy"),
        "{}",
        twice.stderr
    );
    add(&[r#"{"domain": "mine"}"#]).exits(0);
    assert_eq!(config()["plugins"][0]["config"], json!({"domain": "mine"}));
    add(&[r#"classifier={"domain": "ours"}"#]).exits(0);
    let entry = &config()["plugins"][0];
    assert_eq!(entry["configs"], json!({"classifier": {"domain": "ours"}}));
    assert_eq!(entry.get("config"), None, "it is replaced");
    add(&[]).exits(0);
    assert_eq!(&config()["plugins"][0], entry, "it stays");
    let text = sandbox.read("autoissue.config.json");
    let signed = text.replace(
        r#""prTemplate": "autoissue-test-guest""#,
        r#""prTemplate": "autoissue-test-guest/signed""#,
    );
    assert_ne!(signed, text);
    sandbox.write("autoissue.config.json", &signed);
    let missing = add(&[]).exits(2);
    assert!(
        missing.stderr.contains("signature"),
        "earlier settings are checked too: {}",
        missing.stderr
    );
    add(&[r#"pr-template={"signature": "us"}"#]).exits(0);
    assert_eq!(
        config()["plugins"][0]["configs"],
        json!({"classifier": {"domain": "ours"}, "prTemplate": {"signature": "us"}}),
        "the settings of the other kind stay"
    );
    let text = sandbox.read("autoissue.config.json");
    sandbox.write("autoissue.config.json", &text.replace("\"ours\"", "1"));
    sandbox.issue(1, "Anything", "");
    let wrong = sandbox.run(["classify", "go"]).exits(2);
    let said = wrong
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let file = sandbox.project().join("autoissue.config.json");
    let expected = format!(
        "in `{}`: `plugins[0].configs.classifier.domain`: 1 is not of type \"string\"",
        file.display()
    );
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn a_copied_plugin_is_added_from_the_repository() {
    let sandbox = Sandbox::new();
    let component = put(&sandbox, "codeowners");
    let outside = sandbox.root().join("codeowners.wasm");
    std::fs::rename(sandbox.project().join(component), &outside).unwrap();
    let settings = r#"{"rules": ["docs/ documentation"]}"#;
    let add = || {
        sandbox.run([
            "plugin",
            "add",
            "--copy",
            outside.to_str().unwrap(),
            "--settings",
            settings,
            "--output",
            "json",
        ])
    };
    let copy = ".autoissue/plugins/codeowners.wasm";
    sandbox.write(".gitignore", "*.wasm\n");
    let ignored = add().exits(2);
    assert!(
        ignored
            .stderr
            .contains(&format!("`{copy}` is ignored by git")),
        "{}",
        ignored.stderr
    );
    assert!(!sandbox.project().join(".autoissue/plugins").exists());
    sandbox.write(".gitignore", "");
    sandbox.write(copy, "something else");
    let taken = add().exits(2);
    assert!(
        taken.stderr.contains("is not a copy of this plugin"),
        "{}",
        taken.stderr
    );
    assert_eq!(sandbox.read(copy), "something else");
    assert!(!sandbox.project().join("autoissue.plugins.lock").exists());
    std::fs::remove_file(sandbox.project().join(copy)).unwrap();
    let added = add().exits(0);
    assert_eq!(added.json()[0]["path"], copy);
    assert!(!added.stderr.contains("outside"), "{}", added.stderr);
    let of_copy = || std::fs::read(sandbox.project().join(copy)).unwrap();
    assert_eq!(of_copy(), guests::component("codeowners"));
    let lock: Value = serde_json::from_str(&sandbox.read("autoissue.plugins.lock")).unwrap();
    assert_eq!(lock["plugins"][0]["path"], copy);
    let row = (
        "codeowners".to_owned(),
        true,
        "locked, unchanged".to_owned(),
    );
    assert!(states(&sandbox).contains(&row), "{:?}", states(&sandbox));
    // The plugin's own copy may be replaced by another build, and by nobody else's.
    sandbox.write(copy, "an earlier build");
    add().exits(0);
    assert_eq!(of_copy(), guests::component("codeowners"));
    let config = sandbox.read("autoissue.config.json");
    sandbox.config(&config.replacen("\"codeowners\"", "\"other\"", 1));
    let used = add().exits(2);
    assert!(
        used.stderr.contains("is used by the plugin `other`"),
        "{}",
        used.stderr
    );
}

#[test]
fn a_changed_component_is_detected() {
    let sandbox = Sandbox::new();
    let component = put(&sandbox, "track-record");
    sandbox.run(["plugin", "add", &component]).exits(0);
    let path = sandbox.project().join(&component);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let run = sandbox.run(["plugin", "list"]).exits(3);
    assert!(
        run.stdout
            .contains("is not the component that `autoissue.plugins.lock` approves"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_plugins_requests_must_be_granted_by_name() {
    let sandbox = Sandbox::new();
    let component = put(&sandbox, "line-agent");
    let settings = r#"{"program": "scribe", "env": ["SCRIBE_KEY"]}"#;
    let add = |grants: &[&str]| {
        let mut args = vec!["plugin", "add", &component, "--settings", settings];
        grants
            .iter()
            .for_each(|grant| args.extend(["--grant", grant]));
        sandbox.run(args)
    };
    let refused = add(&["exec=scribe"]).exits(2);
    insta::assert_snapshot!(refused.stderr, @r#"
    error: the plugin `line-agent` needs grants that it does not have: env=SCRIBE_KEY
      hint: to allow this, run `autoissue plugin add plugins/line-agent.wasm --grant exec=scribe --grant env=SCRIBE_KEY --settings '{"program": "scribe", "env": ["SCRIBE_KEY"]}'`
    "#);
    assert!(!sandbox.project().join("autoissue.plugins.lock").exists());
    add(&["exec=scribe", "env=SCRIBE_KEY", "env=OTHER_KEY"]).exits(0);
    let lock: Value = serde_json::from_str(&sandbox.read("autoissue.plugins.lock")).unwrap();
    let grants = &lock["plugins"][0]["grants"];
    assert_eq!(
        *grants,
        json!({"exec": ["scribe"], "env": ["SCRIBE_KEY"]}),
        "a plugin must not get more than it asks for"
    );
}

#[test]
fn inspect_shows_a_plugin_and_its_requests() {
    let sandbox = Sandbox::new();
    let component = put(&sandbox, "line-agent");
    let run = sandbox.run(["plugin", "inspect", &component]).exits(0);
    for expected in [
        "line-agent 0.1.0  Runs any command as the agent",
        "autoissue 0.1",
        "agent-backend `line-agent`",
        "`program` (string), required: Program, a name on PATH. It must also be granted.",
        "autoissue:plugin/host-log@0.1.0",
        "exec=my-agent",
    ] {
        assert!(
            run.stdout.contains(expected),
            "{expected}\n\n{}",
            run.stdout
        );
    }
    sandbox.write("plugins/no.wasm", "no");
    let run = sandbox
        .run(["plugin", "inspect", "plugins/no.wasm"])
        .exits(1);
    assert!(
        run.stderr.contains("the file is not WebAssembly"),
        "{}",
        run.stderr
    );
}

#[test]
fn nothing_is_overwritten_and_names_are_unique() {
    let sandbox = Sandbox::new();
    let sdk = root().join("plugin-sdk");
    let new_with = |name: &str, sdk: &str| {
        let args = ["plugin", "new", "classifier", name, "--sdk", sdk];
        run_with_cargo(&sandbox, &sandbox.project(), &args)
    };
    let new = |name: &str| new_with(name, sdk.to_str().unwrap());
    new("mine").exits(0);
    new("mine").exits(2);
    new("builtin").exits(2);
    new("../mine").exits(2);
    let without_sdk = new_with("other", "/nowhere").exits(2);
    assert!(
        without_sdk.stderr.contains("with `--sdk DIR`"),
        "{}",
        without_sdk.stderr
    );
    assert!(!sandbox.project().join("other").exists());
}
