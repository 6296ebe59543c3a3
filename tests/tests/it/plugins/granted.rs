//! Grants of the command line, for plugins under development.

use std::os::unix::fs::PermissionsExt as _;

use autoissue_tests::{Run, Sandbox, guests, new_file_patch};
use serde_json::json;

use super::GUEST;
use super::commands::{root, with_cargo};

/// Installs a program that adds a file and reports the way that the guest's backend expects.
fn install(world: &Sandbox, name: &str) {
    let program = world.root().join(format!("{name}.sh"));
    let script = "#!/bin/sh\ncat > prompt.txt\necho \"say key $LINE_AGENT_KEY\"\necho done\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.install(name, &program);
}

/// Creates a repository with an issue, and puts the guest's component into it.
fn with_guest() -> Sandbox {
    let world = Sandbox::new();
    std::fs::write(world.project().join("guest.wasm"), guests::component(GUEST)).unwrap();
    guests::have_compiled(GUEST, &world.state().join("plugins"));
    install(&world, "line-agent");
    world.config(r#"{"forge": {"kind": "local"}, "agent": {"model": "auto"}}"#);
    world.issue(1, "Anything", "Please.");
    world
}

const BACKEND: [&str; 2] = ["--plugin", "agent-backend=guest.wasm"];
const GRANTS: [&str; 4] = [
    "--grant",
    "exec=line-agent",
    "--grant",
    "env=LINE_AGENT_KEY",
];

#[test]
fn a_grant_of_the_command_line_holds_for_one_session() {
    let world = with_guest();
    let exec = |more: &[&str]| world.run(["exec", "go", "--output", "json"].iter().chain(more));
    let refused = exec(&BACKEND).exits(2);
    assert!(
        refused
            .stderr
            .contains("add `--grant exec=line-agent --grant env=LINE_AGENT_KEY`"),
        "{}",
        refused.stderr
    );
    let half = exec(&[&BACKEND[..], &GRANTS[..2]].concat()).exits(2);
    assert!(
        half.stderr.contains("add `--grant env=LINE_AGENT_KEY`"),
        "{}",
        half.stderr
    );
    let all = [&BACKEND[..], &GRANTS].concat();
    let dry = world
        .run(["exec", "go", "--dry-run"].iter().chain(&all))
        .exits(0);
    let next = "autoissue exec go --plugin agent-backend=guest.wasm --grant exec=line-agent --grant env=LINE_AGENT_KEY";
    assert!(dry.stdout.contains(next), "{}", dry.stdout);
    let run = exec(&all).exits(0);
    assert_eq!(run.outcomes(), [(1, "done".to_owned())]);
    assert!(!world.project().join("autoissue.plugins.lock").exists());
    world.issue(2, "Another", "Please.");
    exec(&BACKEND).exits(2);
}

#[test]
fn a_resumed_session_keeps_its_grants() {
    let world = with_guest();
    let all = [&BACKEND[..], &GRANTS].concat();
    let mut crashing = world.autoissue(["exec", "go"].iter().chain(&all));
    crashing
        .env("AUTOISSUE_TEST_CRASH_AT", "4:after")
        .output()
        .unwrap();
    let run = world.run(["resume", "--output", "json"]).exits(0);
    assert_eq!(run.outcomes(), [(1, "done".to_owned())]);
}

#[test]
fn a_grant_does_not_reach_configured_plugins() {
    let world = with_guest();
    world.config(
        &json!({
            "forge": {"kind": "local"},
            "plugins": [{"name": "guest", "path": "guest.wasm"}],
            "strategies": {"agentBackend": "guest"},
        })
        .to_string(),
    );
    std::fs::write(
        world.project().join("other.wasm"),
        guests::component("track-record"),
    )
    .unwrap();
    guests::have_compiled("track-record", &world.state().join("plugins"));
    let mut args = vec!["exec", "go", "--plugin", "other.wasm"];
    args.extend(GRANTS);
    let run = world.run(args).exits(2);
    assert!(
        run.stderr
            .contains("the plugin `guest` asks for more than it was granted"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_grant_needs_a_plugin_of_the_command_line() {
    let world = with_guest();
    for command in [&["exec", "go"][..], &["doctor"], &["plugin", "list"]] {
        let run = world
            .run(command.iter().chain(&["--grant", "exec=line-agent"]))
            .exits(2);
        insta::allow_duplicates! {
            insta::assert_snapshot!(run.stderr, @"
            error: `--grant` without `--plugin`
              hint: name the plugin with `--plugin PATH`; to grant it for every run, use `autoissue plugin add PATH --grant GRANT`
            ");
        }
    }
}

#[test]
fn a_plugin_directory_is_built_and_granted() {
    let world = Sandbox::new();
    install(&world, "my-agent");
    world.config(r#"{"forge": {"kind": "local"}}"#);
    world.issue(1, "Anything", &new_file_patch("1.txt", "new"));
    let with_cargo = |args: &[&str]| {
        let mut command = world.autoissue(args);
        Run::from(with_cargo(&mut command).output().unwrap())
    };
    let sdk = root().join("plugin-sdk");
    let sdk = sdk.to_str().unwrap();
    with_cargo(&["plugin", "new", "agent-backend", "mine", "--sdk", sdk]).exits(0);
    // Use the versions of this workspace: others may be missing without a network.
    let lock = world.project().join("mine/Cargo.lock");
    std::fs::copy(root().join("Cargo.lock"), lock).unwrap();
    let exec = [
        "exec",
        "go",
        "--output",
        "json",
        "--plugin",
        "mine",
        "--grant",
        "exec=my-agent",
    ];
    let run = with_cargo(&exec).exits(0);
    assert_eq!(run.outcomes(), [(1, "done".to_owned())]);
}
