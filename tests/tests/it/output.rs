//! What the binary prints, where, and its exit codes: the interface for scripts.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::Stdio;

use autoissue_tests::{Run, Sandbox, new_file_patch};
use serde_json::Value;

const COMMANDS: [&str; 13] = [
    "exec",
    "resume",
    "status",
    "show",
    "metrics",
    "classify",
    "init",
    "doctor",
    "demo",
    "clean",
    "config",
    "schema",
    "completions",
];

/// Creates a sandbox with one issue that ships, one that fails and one that depends on it; returns
/// it with the run and the session's id.
fn after_a_night() -> (Sandbox, Run, String) {
    let world = Sandbox::new();
    world
        .executor(r#"{"maxRetries": 0, "checks": [{"name": "strict", "run": "test ! -f 2.txt"}]}"#);
    world.issue(1, "[Backend] ships", &new_file_patch("1.txt", "new"));
    world.issue(2, "[Frontend] fails", &new_file_patch("2.txt", "new"));
    world.issue(
        3,
        "[Testing] waits",
        &format!("Depends on #2\n\n{}", new_file_patch("3.txt", "new")),
    );
    let run = world.run(["exec", "go", "--output", "json"]).exits(3);
    let session = run.summary()["session"].as_str().expect("an id").to_owned();
    (world, run, session)
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn the_summary_has_the_documented_fields() {
    let (_, run, _) = after_a_night();
    let summary = run.summary();
    let promised = [
        "type",
        "session",
        "status",
        "tasks",
        "counts",
        "spent_usd",
        "budget_usd",
        "started_at",
        "finished_at",
    ];
    assert!(keys(&summary).is_superset(&promised.into()), "{summary}");
    let task = [
        "issue",
        "title",
        "domain",
        "outcome",
        "attempts",
        "spent_usd",
        "pull_request",
        "branch",
        "reason",
    ];
    let tasks = summary["tasks"].as_array().expect("tasks");
    assert_eq!(tasks.len(), 3);
    assert!(tasks.iter().all(|it| keys(it) == task.into()), "{tasks:?}");
    assert_eq!(keys(&tasks[0]["pull_request"]), ["number", "url"].into());
    assert!(tasks[1]["pull_request"].is_null() && tasks[2]["branch"].is_null());
    assert_eq!(
        (
            &tasks[0]["issue"],
            &tasks[0]["title"],
            &tasks[0]["domain"],
            &tasks[0]["outcome"],
            &tasks[0]["reason"]
        ),
        (
            &1.into(),
            &"[Backend] ships".into(),
            &"backend".into(),
            &"done".into(),
            &Value::Null
        )
    );
    assert_eq!(
        summary["counts"],
        serde_json::json!({"done": 1, "failed": 1, "not_started": 1})
    );
    assert_eq!(
        (
            summary["spent_usd"].as_f64(),
            summary["budget_usd"].as_f64()
        ),
        (Some(0.0), Some(50.0))
    );
    let (started, finished) = (
        summary["started_at"].as_str().unwrap(),
        summary["finished_at"].as_str().unwrap(),
    );
    assert!(
        started.ends_with('Z') && started <= finished,
        "{started} {finished}"
    );
}

#[test]
fn events_are_in_order_and_name_their_session() {
    let (_, run, session) = after_a_night();
    let mut objects = run.json();
    let summary = objects.pop().expect("a summary");
    for (index, event) in objects.iter().enumerate() {
        assert_eq!(
            (&event["seq"], &event["session"]),
            (&(index as u64 + 1).into(), &session.as_str().into())
        );
        assert!(
            event["type"] == "event" && event["at"].as_str().is_some_and(|at| at.ends_with('Z')),
            "{event}"
        );
    }
    assert_eq!(summary["type"], "summary");
    let story = run.story();
    let kind = |at: Option<&(String, Value)>| at.map(|(kind, _)| kind.clone());
    assert_eq!(
        (
            kind(story.first()).as_deref(),
            kind(story.last()).as_deref()
        ),
        (Some("session.started"), Some("session.finished"))
    );
}

#[test]
fn every_event_matches_the_printed_schema() {
    let (world, run, session) = after_a_night();
    let schema = world.run(["schema", "events"]).exits(0).stdout;
    let schema: Value = serde_json::from_str(&schema).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let shown = world.run(["show", &session, "--output", "json"]).exits(0);
    assert!(20 < run.story().len());
    for (kind, event) in run.story().into_iter().chain(shown.story()) {
        if let Err(error) = validator.validate(&event) {
            panic!("{kind}: {error}: {event}");
        }
        let mut broken = event;
        broken["chapter"] = "none".into();
        assert!(!validator.is_valid(&broken), "{kind}");
    }
}

#[test]
fn numbers_that_cannot_be_meant_are_refused_in_words() {
    let world = Sandbox::new();
    let refused: [(&[&str], &str); 4] = [
        (&["status", "--limit", "0"], "not a number of sessions"),
        (&["show", "s", "abc"], "not an issue number"),
        (&["exec", "go", "--issue", "x"], "not an issue number"),
        (&["clean", "--salvage", "x"], "not an issue number"),
    ];
    for (args, words) in refused {
        let run = world.run(args).exits(2);
        assert!(run.stderr.contains(words), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn json_output_contains_only_objects() {
    let (world, _, session) = after_a_night();
    let commands: [&[&str]; 12] = [
        &["exec", "go", "--dry-run"],
        &["exec", "none"],
        &["status"],
        &["status", &session],
        &["show", &session],
        &["show", &session, "2"],
        &["metrics"],
        &["classify", "go"],
        &["config", "show"],
        &["config", "schema"],
        &["schema", "events"],
        &["doctor"],
    ];
    for args in commands {
        let run = world
            .run(
                args.iter()
                    .chain(&["--output", "json", "--color", "always"]),
            )
            .exits(0);
        let objects = run.json();
        assert!(
            !objects.is_empty() && objects.iter().all(Value::is_object),
            "{args:?}: {}",
            run.stdout
        );
        assert!(!run.stdout.contains('\u{1b}'), "{args:?}");
    }
    for args in [&["show", "none"] as &[&str], &["exec", ""], &["resume"]] {
        let run = world.run(args.iter().chain(&["--output", "json"])).exits(2);
        assert!(
            run.stdout.is_empty() && run.stderr.contains("error:"),
            "{args:?}: {run:?}"
        );
    }
}

#[test]
fn show_repeats_the_live_output() {
    let (world, run, session) = after_a_night();
    let later = world.run(["show", &session, "--output", "json"]).exits(0);
    assert_eq!(
        run.json().split_last().expect("lines").1,
        later.json().split_last().expect("lines").1
    );
    let live = run.summary();
    assert_eq!(live, later.summary());
    assert_eq!(
        world
            .run(["status", &session, "--output", "json"])
            .exits(0)
            .summary()["counts"],
        live["counts"]
    );
}

#[test]
fn the_report_lists_what_shipped_and_what_did_not() {
    let (world, _, session) = after_a_night();
    let report = world.run(["show", &session]).exits(0).stdout;
    for word in [
        "ships",
        "fails",
        "waits",
        "strict",
        "depends on #2",
        "refs/autoissue/salvage/",
        "$0.00",
        "next",
    ] {
        assert!(report.contains(word), "{word:?} is missing in\n{report}");
    }
    let story = world.run(["show", &session, "2"]).exits(0).stdout;
    assert!(
        story.contains("strict") && story.contains("attempt 1"),
        "{story}"
    );
}

#[test]
fn the_report_goes_to_stdout_and_progress_to_stderr() {
    let world = Sandbox::new();
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
    let run = world.run(["exec", "go"]).exits(0);
    assert!(
        run.stdout.contains("shipped (1)") && run.stderr.contains("attempt 1 started"),
        "{run:?}"
    );
    let quiet = world.run(["exec", "go", "--quiet"]).exits(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn colour_is_used_only_when_wanted() {
    let (world, _, session) = after_a_night();
    let escapes = |args: &[&str], no_color: bool| {
        let mut command = world.autoissue(args);
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let output = command.output().expect("the binary runs");
        [output.stdout, output.stderr].concat().contains(&0x1b)
    };
    for args in [
        &["exec", "go"] as &[&str],
        &["status"],
        &["show", &session],
        &["doctor"],
        &["--help"],
        &["nothing"],
    ] {
        let with = |more: &[&'static str]| -> Vec<&str> {
            more.iter().copied().chain(args.iter().copied()).collect()
        };
        assert!(!escapes(args, false), "a pipe is not a terminal: {args:?}");
        assert!(!escapes(args, true), "NO_COLOR: {args:?}");
        assert!(
            !escapes(&with(&["--color", "never"]), false),
            "never: {args:?}"
        );
        assert!(
            escapes(&with(&["--color", "always"]), true),
            "always: {args:?}"
        );
    }
}

#[test]
fn every_command_has_a_help_text() {
    let world = Sandbox::new();
    let whole = world.run(["--help"]).exits(0).stdout;
    for command in COMMANDS {
        assert!(
            whole.contains(&format!("\n  {command} ")),
            "{command} is missing in\n{whole}"
        );
        let help = world.run([command, "--help"]).exits(0);
        assert!(
            help.stdout.contains("Usage: autoissue ") && help.stderr.is_empty(),
            "{help:?}"
        );
    }
    assert!(
        whole.contains("Exit codes:") && whole.contains("130"),
        "{whole}"
    );
    assert!(
        world
            .run(["--version"])
            .exits(0)
            .stdout
            .starts_with("autoissue ")
    );
    assert!(world.run::<&str>([]).exits(2).stderr.contains("Usage:"));
    assert!(
        !whole.contains("internal"),
        "hidden modes must not be listed"
    );
}

#[test]
fn completions_exist_for_the_usual_shells() {
    let world = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            world
                .run(["completions", shell])
                .exits(0)
                .stdout
                .contains("autoissue"),
            "{shell}"
        );
    }
    world.run(["completions", "abacus"]).exits(2);
}

#[test]
fn classify_prints_one_line_per_input_line() {
    let world = Sandbox::new();
    let lines = [
        r#"{"title": "[Backend] one"}"#,
        "not json",
        r#"{"title": "fix the typo in the guide", "body": "docs/guide.md", "labels": ["docs"]}"#,
        r#"{"title": 7}"#,
        r#"{"title": "[DB] three"}"#,
    ];
    let mut command = world.autoissue(["classify", "--stdin"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all((lines.join("\n") + "\n").as_bytes())
        .unwrap();
    let run = Run::from(child.wait_with_output().unwrap());
    let answers = run.json();
    assert_eq!(answers.len(), lines.len(), "{}", run.stdout);
    let domains: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer["domain"].as_str())
        .collect();
    assert_eq!(
        domains,
        ["backend", "unknown", "documentation", "unknown", "database"]
    );
    assert_ne!(run.code, Some(0), "two lines were invalid");
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let (world, _, session) = after_a_night();
    for args in [
        &["show", &session, "--output", "json"] as &[&str],
        &["status"],
        &["config", "schema"],
        &["schema", "events"],
    ] {
        let mut child = world.start(args);
        drop(child.stdout.take());
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!(
            (child.wait().unwrap().code(), stderr.as_str()),
            (Some(0), ""),
            "{args:?}"
        );
    }
}

#[test]
fn a_session_continues_when_its_output_is_closed() {
    let world = Sandbox::new();
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
    let mut child = world.start(["exec", "go", "--output", "json"]);
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!((world.branches().len(), world.pulls().len()), (1, 1));
}

#[test]
#[cfg(target_os = "linux")]
fn unwritable_output_is_an_error() {
    let world = Sandbox::new();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let run = Run::from(
        world
            .autoissue(["config", "show"])
            .stdout(full)
            .output()
            .unwrap(),
    )
    .exits(1);
    assert!(run.stderr.contains("standard output"), "{}", run.stderr);
}

#[test]
fn the_demo_runs_without_any_setup() {
    let world = Sandbox::empty();
    std::fs::create_dir(world.project()).unwrap();
    let run = Run::from(
        world
            .autoissue(["demo", "--headless"])
            .env("PATH", std::env::var_os("PATH").unwrap())
            .output()
            .unwrap(),
    );
    assert!(matches!(run.code, Some(0 | 3)), "{run:?}");
    assert!(run.stdout.contains("shipped"), "{}", run.stdout);
    assert!(
        std::fs::read_dir(world.project()).unwrap().next().is_none(),
        "nothing may be left in the current directory"
    );
}
