//! Agent backends that talk to their program, through the real binary: input that stays open,
//! files, variables, the program's version, and being asked to stop.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use autoissue_plugin_host::Sha256Digest;
use autoissue_tests::{Run, Sandbox, guests};
use serde_json::json;

/// The plugin.
const PLUGIN: &str = "autoissue-test-talker";

/// Answers the version, or runs a conversation; `BODY` comes after the first answer.
const TALKER: &str = r#"#!/bin/sh
[ "$1" = --version ] && { echo "talker VERSION (test)"; exit; }
[ "$1" = status ] && exit 1
read -r hello
echo "ask $hello"
read -r answer
BODY
"#;

/// Reports everything that it was given, and works.
const WORKS: &str = r#"
echo "say $answer, token $TALKER_TOKEN, key ${TALKER_KEY-unset}, version $3, first $(cat "$1")"
cmp -s "${2#--second=}" "$TALKER_MODE" && grep -q 'the issue to solve' "$TALKER_MODE" && echo 'say same prompt'
mkdir -p .talker && echo state > .talker/state
echo 'noise: a part of a message'
echo 'tell your talker is old'
echo 'turns 3'
echo 'model talk-1'
echo done > talked.txt
echo "say $1"
echo 'end talked'
cat > rest.txt
"#;

/// Works until it is told to stop.
const WAITS: &str = r#"
trap 'echo say signalled' TERM INT
read -r stop
echo "say told to $stop"
"#;

/// Claims success after its backend has ended it.
const CLAIMS: &str = "
echo enough
read -r stop
echo \"say told to $stop\"
echo 'end all done'
";

/// Asks for far more input than it reads.
const FLOODED: &str = "
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do echo flood; done
exec sleep 1000
";

fn world(version: &str, body: &str) -> Sandbox {
    let world = Sandbox::new();
    let path: PathBuf = world.root().join("talker.wasm");
    std::fs::write(&path, guests::component(PLUGIN)).unwrap();
    guests::have_compiled(PLUGIN, &world.state().join("plugins"));
    let script = TALKER.replace("VERSION", version).replace("BODY", body);
    let program = world.root().join("talker.sh");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.install("talker", &program);
    let grants = json!({"exec": ["talker"], "env": ["TALKER_KEY", "TALKER_TOKEN", "TALKER_MODE"]});
    let digest = Sha256Digest::of(guests::component(PLUGIN)).to_string();
    world.config(
        &json!({
            "forge": {"kind": "local"},
            "agent": {"backend": "talker"},
            "executor": {"timeoutMinutes": 1, "maxRetries": 0},
            "plugins": [{"name": "talker", "path": path, "sha256": digest, "grants": grants}],
        })
        .to_string(),
    );
    world.issue(1, "Talk", "This is the issue to solve.");
    world
}

fn run(world: &Sandbox) -> Run {
    let mut command = world.autoissue(["exec", "go", "--output", "json"]);
    Run::from(command.env("TALKER_KEY", "k-1").output().unwrap())
}

#[test]
fn a_backend_talks_to_its_program() {
    let world = world("2.3.4", WORKS);
    let run = run(&world).exits(0);
    assert_eq!(run.outcomes(), [(1, "done".to_owned())]);
    let report = &run.events("attempt.agent_exited")[0]["report"];
    assert_eq!(
        (&report["n_turns"], &report["model"], &report["notes"]),
        (&json!(3), &json!("talk-1"), &json!(["your talker is old"]))
    );
    let session = run.summary()["session"].as_str().unwrap().to_owned();
    let shown = world.run(["show", &session, "1"]).exits(0).stdout;
    for expected in [
        "say answer hello, token k-1, key unset, version 2.3.4, first one",
        "say same prompt",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert!(!shown.contains("noise:"), "{shown}");
    let file = shown.lines().find_map(|line| line.split_once("say /"));
    let (_, file) = file.expect("it says where its file is");
    assert!(!PathBuf::from(format!("/{file}")).exists(), "{file}");
    let changed = world.git(["show", "--name-only", "--format=", "autoissue/issue-1"]);
    assert_eq!(changed.trim(), "rest.txt\ntalked.txt");
    let human = world.run(["show", &session]).exits(0).stdout;
    assert!(human.contains("your talker is old"), "{human}");
}

#[test]
fn a_backend_asks_its_program_to_stop_before_any_signal() {
    let world = world("2.0.0", WAITS);
    let mut command = world.autoissue(["exec", "go", "--output", "json"]);
    command
        .env("TALKER_KEY", "k-1")
        .env("AUTOISSUE_TEST_MINUTE_MS", "2000");
    let run = Run::from(command.output().unwrap()).exits(3);
    let report = &run.events("attempt.agent_exited")[0]["report"];
    assert_eq!(report["ended"]["failure"]["type"], "timeout");
    assert_eq!(report["notes"], json!(["was stopped: time"]));
    let session = run.summary()["session"].as_str().unwrap().to_owned();
    let shown = world.run(["show", &session, "1"]).exits(0).stdout;
    assert!(
        shown.contains("say told to stop because of time") && !shown.contains("say signalled"),
        "{shown}"
    );
}

#[test]
fn a_backend_ends_its_program_and_no_later_success_counts() {
    let world = world("2.0.0", CLAIMS);
    let run = run(&world).exits(3);
    let report = &run.events("attempt.agent_exited")[0]["report"];
    assert_eq!(
        report["ended"]["failure"]["message"],
        "the agent hit its turn limit"
    );
    assert_eq!(report["notes"], json!(["was stopped: finished"]));
    let session = run.summary()["session"].as_str().unwrap().to_owned();
    let shown = world.run(["show", &session, "1"]).exits(0).stdout;
    assert!(
        shown.contains("say told to stop because of finished"),
        "{shown}"
    );
}

#[test]
fn doctor_asks_a_program_whether_it_is_logged_in() {
    let world = world("2.0.0", WORKS);
    let found = world.run(["doctor"]).stdout;
    assert!(
        found.contains("status` says that it is not logged in"),
        "{found}"
    );
}

#[test]
fn a_backend_cannot_send_without_end() {
    let world = world("2.0.0", FLOODED);
    let run = run(&world).exits(3);
    let report = &run.events("attempt.agent_exited")[0]["report"];
    assert_eq!(
        report["ended"]["failure"]["message"],
        "the agent backend sent its program more than 64 MiB"
    );
}

#[test]
fn a_program_of_another_version_is_refused_before_the_session() {
    let world = world("3.0.0", WORKS);
    let run = run(&world).exits(1);
    assert!(
        run.stderr.contains("talker 3.0.0 (test)")
            && run.stderr.contains("the agent backend needs >=2.0.0, <3"),
        "{}",
        run.stderr
    );
}
