//! `show`, for users who want to know what happened to an issue.

use std::fs;
use std::path::Path;

use autoissue_tests::{Run, Sandbox, Terminal, binary, new_file_patch};
use serde_json::{Value, json};

/// Creates a sandbox whose agent ran these steps for issue 1 in one attempt; returns it with the
/// session's id.
fn after(steps: &Value, executor: &Value) -> (Sandbox, String) {
    let world = Sandbox::new();
    world.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    let config = json!({
        "forge": {"kind": "local"}, "agent": {"backend": "claude"}, "executor": executor,
    });
    world.config(&config.to_string());
    let body = format!("Please do.\n\nfake: {}\n", json!([steps]));
    world.issue(1, "[Backend] first", &body);
    let run = world.run(["exec", "go", "--output", "json"]);
    let session = run.summary()["session"].as_str().expect("an id").to_owned();
    (world, session)
}

/// Returns the position of a text, which must be there.
#[track_caller]
fn place_of(part: &str, text: &str) -> usize {
    text.find(part)
        .unwrap_or_else(|| panic!("{part:?} is missing in\n{text}"))
}

#[test]
fn first_show_is_for_people() {
    let steps = json!([
        {"say": "Reading the code."}, {"write": ["a.txt", "a"]}, {"result": {"result": "I am done."}},
    ]);
    let executor = json!({
        "maxRetries": 0, "checks": [{"name": "strict", "run": "test ! -f a.txt || { seq 100; echo the reason; exit 1; }"}],
    });
    let (world, session) = after(&steps, &executor);
    let text = world.run(["show", &session, "1"]).exits(0).stdout;
    let parts = [
        "#1 [Backend] first",
        "\nwhy\n  failed: check `strict`",
        "  the reason\n",
        "the agent's last message",
        "attempt 1 started",
        "transcript of attempt 1",
        "  Reading the code.",
    ];
    let places = parts.map(|part| place_of(part, &text));
    assert!(places.is_sorted(), "{places:?}\n{text}");
    assert!(!text.contains("\"type\""), "{text}");
    let file = world
        .state()
        .join("sessions")
        .join(&session)
        .join("issue-1/attempt-1.log");
    let raw = world.run(["show", &session, "1", "--raw"]).exits(0).stdout;
    assert_eq!(raw, fs::read_to_string(file).expect("the transcript"));
    assert!(raw.contains("\"type\""));
    world.run(["show", &session, "--raw"]).exits(2);
}

#[test]
fn without_a_session_the_newest_of_this_repository_is_shown() {
    let world = Sandbox::new();
    world.issue(1, "first", &new_file_patch("1.txt", "new"));
    let older = world.run(["exec", "go", "--output", "json"]).exits(0);
    world.issue(2, "second", &new_file_patch("2.txt", "new"));
    let newer = world.run(["exec", "go", "--output", "json"]).exits(0);
    let [older, newer] = [older, newer].map(|run| run.summary()["session"].clone());
    assert_ne!(older, newer);
    let shown = world.run(["show", "--output", "json"]).exits(0);
    assert_eq!(shown.summary()["session"], newer);

    // Another checkout with the same state directory has no sessions.
    let clone = world.root().join("clone");
    let directory = clone.to_str().expect("a path in UTF-8");
    world.git(["clone", "--quiet", ".", directory]);
    let mut elsewhere = world.command(binary());
    elsewhere.arg("show").current_dir(&clone);
    let refused = Run::from(elsewhere.output().expect("the binary runs")).exits(2);
    assert!(
        refused.stderr.contains("no session found"),
        "{}",
        refused.stderr
    );
    let mut named = world.command(binary());
    named
        .args(["show", newer.as_str().expect("an id")])
        .current_dir(&clone);
    Run::from(named.output().expect("the binary runs")).exits(0);
}

#[test]
fn the_last_output_of_a_crashed_agent_is_part_of_its_failure() {
    let steps = json!([
        {"complain": "warning: old"}, {"complain": "Cannot find module 'x'"}, {"exit": 7},
    ]);
    let (world, session) = after(&steps, &json!({"maxRetries": 0}));
    let said = "(exit code 7): Cannot find module 'x'";
    for args in [&["show", &session, "1"] as &[&str], &["show", &session]] {
        let text = world.run(args).exits(0).stdout;
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn on_a_terminal_long_output_goes_through_the_pager() {
    let steps = json!([{"write": ["a.txt", "a"]}, {"result": {}}]);
    let (world, session) = after(&steps, &json!({}));
    let paged = |pager: &str| {
        let mut show = world.autoissue(["show", &session, "1"]);
        show.env("TERM", "xterm").env("PAGER", pager);
        let (code, sight) = Terminal::start(&show, 100, 30).end();
        assert_eq!(code, Some(0));
        sight.lines.join("\n")
    };
    let text = paged("sed s/^/paged:/");
    assert!(text.contains("paged:#1 [Backend] first"), "{text}");
    for pager in ["", "a-program-that-nobody-has"] {
        let text = paged(pager);
        assert!(text.contains("#1 [Backend] first"), "{pager:?}: {text}");
    }
    let piped = Run::from(
        world
            .autoissue(["show", &session, "1"])
            .env("PAGER", "sed s/^/paged:/")
            .output()
            .expect("it runs"),
    );
    assert!(!piped.exits(0).stdout.contains("paged:"));
}
