//! Sessions with plugins, through the real binary.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use autoissue_plugin_host::Sha256Digest;
use autoissue_tests::{Run, Sandbox, guests, new_file_patch};
use serde_json::json;

use super::GUEST;

/// A program that speaks the guest's line protocol and adds a file.
const LINE_AGENT: &str = "#!/bin/sh
cat > prompt.txt
echo \"say model $1, effort $2, key $LINE_AGENT_KEY\"
echo 'cost 0.25'
echo 'done added a file'
";

fn with_guest() -> (Sandbox, PathBuf) {
    let world = Sandbox::new();
    let path = world.root().join("guest.wasm");
    std::fs::write(&path, guests::component(GUEST)).unwrap();
    guests::have_compiled(GUEST, &world.state().join("plugins"));
    (world, path)
}

fn exec(world: &Sandbox, more: &[&str]) -> Run {
    world.run(["exec", "go", "--output", "json"].iter().chain(more))
}

#[test]
fn a_classifier_from_the_command_line_decides_and_is_recorded() {
    let (world, path) = with_guest();
    world.issue(1, "Anything", &new_file_patch("1.txt", "new"));
    let run = exec(
        &world,
        &["--plugin", &format!("classifier={}", path.display())],
    )
    .exits(0);
    let digest = Sha256Digest::of(guests::component(GUEST)).to_string();
    let by = format!("autoissue-test-guest 0.1.0, sha256 {digest}");
    let classified = &run.events("task.classified")[0]["classification"];
    assert_eq!(
        (&classified["domain"], &classified["by"]),
        (&json!("guest"), &json!(by))
    );
    assert_eq!(
        run.events("session.started")[0]["settings"]["deciders"]["classifier"],
        json!(by)
    );
    let session = run.summary()["session"].as_str().unwrap().to_owned();
    let shown = world.run(["show", &session]).exits(0).stdout;
    assert!(
        shown.contains(&format!("classifier: plugin {by}")),
        "{shown}"
    );
}

#[test]
fn a_failing_classifier_is_replaced_counted_and_paused() {
    let (world, path) = with_guest();
    for number in 1..=11 {
        world.issue(
            number,
            "misdeed: panic",
            &new_file_patch(&format!("{number}.txt"), "new"),
        );
    }
    world.issue(12, "misdeed: chatter", &new_file_patch("12.txt", "new"));
    let run = exec(
        &world,
        &["--plugin", &format!("classifier={}", path.display())],
    )
    .exits(0);
    let failed = run.events("task.plugin_failed");
    assert_eq!(
        failed.len(),
        12,
        "the plugin must not be called for the last: {failed:#?}"
    );
    let messages: Vec<&str> = failed
        .iter()
        .map(|event| event["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        messages
            .iter()
            .filter(|text| text.contains("panicked at"))
            .count(),
        10,
        "{messages:?}"
    );
    assert_eq!(
        messages
            .iter()
            .filter(|text| text.contains("not asked, because 10 of its last 20 answers were faults"))
            .count(),
        2
    );
    assert!(failed.iter().all(|event| event["action"] == "fallback"));
    let counts = run.summary()["plugin_failures"]
        .as_object()
        .unwrap()
        .clone();
    assert_eq!(counts.values().collect::<Vec<_>>(), [&json!(12)]);
    assert!(
        run.events("task.classified")
            .iter()
            .all(|event| event["classification"]["by"] == "builtin")
    );
    let session = run.summary()["session"].as_str().unwrap().to_owned();
    let shown = world.run(["show", &session]).exits(0).stdout;
    let doubt = format!("made no decision 12 times; run `autoissue show {session}` for details");
    assert!(shown.contains(&doubt), "{shown}");
}

#[test]
fn on_error_may_fail_or_skip_the_task() {
    for (on_error, outcome) in [("fail", "failed"), ("skip", "skipped")] {
        let (world, path) = with_guest();
        world.config(
            &json!({
                "forge": {"kind": "local"},
                "agent": {"backend": "patch"},
                "plugins": [{"name": "guest", "path": path, "onError": on_error}],
                "strategies": {"classifier": "guest"},
            })
            .to_string(),
        );
        world.issue(1, "misdeed: panic", &new_file_patch("1.txt", "new"));
        world.issue(2, "Harmless", &new_file_patch("2.txt", "new"));
        let run = exec(&world, &[]).exits(3);
        assert_eq!(
            run.outcomes(),
            [(1, outcome.to_owned()), (2, "done".to_owned())]
        );
    }
}

#[test]
fn one_plugin_can_fill_every_role() {
    let (world, path) = with_guest();
    let program = world.root().join("line-agent.sh");
    std::fs::write(&program, LINE_AGENT).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    world.install("line-agent", &program);
    let digest = Sha256Digest::of(guests::component(GUEST)).to_string();
    let grants = json!({"exec": ["line-agent"], "env": ["LINE_AGENT_KEY"]});
    world.config(
        &json!({
            "forge": {"kind": "local"},
            "agent": {"model": "auto"},
            "plugins": [
                {"name": "guest", "path": path, "sha256": digest, "config": {"domain": "mine"}, "grants": grants},
            ],
        })
        .to_string(),
    );
    world.issue(1, "Anything", "Please.");
    let mut command = world.autoissue(["exec", "go", "--output", "json", "--plugin"]);
    let output = command
        .arg(&path)
        .env("LINE_AGENT_KEY", "k-1")
        .output()
        .unwrap();
    let run = Run::from(output).exits(0);
    assert_eq!(
        run.events("task.classified")[0]["classification"]["domain"],
        "mine"
    );
    let planned = &run.events("task.model_selected")[0];
    assert_eq!(
        (&planned["model"], &planned["reason"]),
        (&json!("large"), &json!("the guest takes the strongest"))
    );
    let report = &run.events("attempt.agent_exited")[0];
    assert_eq!(report["report"]["summary"], "added a file (3 lines)");
    assert_eq!(report["cost_usd"], json!(0.25));
    let text = world.pulls().concat();
    assert!(
        text.contains("Guest: Anything")
            && text
                .contains("Written by the guest, for #1, with Some(\"large\"). Commits: Anything"),
        "{text}"
    );
    let transcript = world
        .run(["show", run.summary()["session"].as_str().unwrap(), "1"])
        .exits(0)
        .stdout;
    assert!(
        transcript.contains("say model large, effort High, key k-1"),
        "{transcript}"
    );
}

#[test]
fn strategies_of_one_plugin_have_settings_of_their_own() {
    let (world, path) = with_guest();
    let configure = |settings: serde_json::Value| {
        let mut plugin = json!({"name": "guest", "path": path});
        plugin
            .as_object_mut()
            .unwrap()
            .extend(settings.as_object().unwrap().clone());
        world.config(
            &json!({
                "forge": {"kind": "local"},
                "agent": {"backend": "patch"},
                "plugins": [plugin],
                "strategies": {"classifier": "guest", "prTemplate": "guest/signed"},
            })
            .to_string(),
        );
    };
    world.issue(1, "Anything", &new_file_patch("1.txt", "new"));
    configure(json!({"config": {"domain": "mine"}}));
    for (command, code) in [(vec!["exec", "go"], 2), (vec!["doctor", "--quick"], 1)] {
        let run = world.run(&command).exits(code);
        let said = run.stdout + &run.stderr;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains("use `configs` with the keys `classifier`, `prTemplate`"),
            "{command:?}: {said}"
        );
    }
    configure(json!({
        "configs": {"classifier": {"domain": "mine"}, "prTemplate": {"signature": "the team"}},
    }));
    let run = exec(&world, &[]).exits(0);
    assert_eq!(
        run.events("task.classified")[0]["classification"]["domain"],
        "mine"
    );
    let text = world.pulls().concat();
    assert!(text.contains("Signed: the team"), "{text}");
    world.issue(2, "Another", &new_file_patch("2.txt", "new"));
    let other = format!("pr-template={}", path.display());
    exec(&world, &["--plugin", &other]).exits(0);
    let text = world.pulls().concat();
    assert_eq!(text.matches("Written by the guest").count(), 2, "{text}");
    assert_eq!(
        text.matches("Signed:").count(),
        1,
        "the plugin's first template takes no settings: {text}"
    );
}

#[test]
fn a_plugin_without_its_grants_starts_nothing() {
    let (world, path) = with_guest();
    world.issue(1, "Anything", "Please.");
    let run = exec(&world, &["--plugin", &path.display().to_string()]).exits(2);
    assert!(
        run.stderr
            .contains("asks for more than it was granted: `line-agent`, `LINE_AGENT_KEY`"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains(r#""grants":{"exec":["line-agent"],"env":["LINE_AGENT_KEY"]}"#),
        "{}",
        run.stderr
    );
    assert_eq!(
        world
            .run(["status"])
            .exits(0)
            .stdout
            .matches("2026")
            .count(),
        0,
        "no session may be started"
    );
}

#[test]
fn classify_asks_the_plugin_line_by_line() {
    let (world, path) = with_guest();
    let input = "{\"title\": \"a\"}\n{\"title\": \"misdeed: panic\"}\n";
    let file = world.root().join("issues.jsonl");
    std::fs::write(&file, input).unwrap();
    let mut command = world.autoissue(["classify", "--stdin", "--plugin"]);
    let output = command
        .arg(format!("classifier={}", path.display()))
        .stdin(std::fs::File::open(file).unwrap());
    let run = Run::from(output.output().unwrap()).exits(0);
    let domains: Vec<_> = run
        .json()
        .iter()
        .map(|answer| answer["domain"].clone())
        .collect();
    assert_eq!(domains, [json!("guest"), json!("unknown")]);
    assert!(run.stderr.contains("using the built-in"), "{}", run.stderr);
}
