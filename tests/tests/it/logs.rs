//! Log files of real runs: their contents, what they must never contain, and that log failures do
//! not stop a session.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use autoissue_tests::github_server::Issue;
use autoissue_tests::{GithubSandbox, LABEL, Run, Sandbox, TOKEN, new_file_patch};
use serde_json::{Value, json};

/// Two parts of the token, as an agent might print them on separate lines.
const PIECES: [&str; 2] = ["github_pat_can", "ary7canary"];

/// Creates a sandbox with one issue that ships, and these log settings.
fn world_with(logging: &Value) -> Sandbox {
    let world = Sandbox::new();
    let config =
        json!({"forge": {"kind": "local"}, "agent": {"backend": "patch"}, "logging": logging});
    world.config(&config.to_string());
    world.issue(1, "[Backend] ships", &new_file_patch("1.txt", "new"));
    world
}

fn log_files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// Returns the lines of all log files; a run across midnight has two.
fn log(directory: &Path) -> Vec<Value> {
    let texts = log_files(directory)
        .into_iter()
        .map(|file| fs::read_to_string(file).unwrap());
    let lines: Vec<String> = texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Returns a field of one of the line's spans.
fn in_span<'a>(line: &'a Value, field: &str) -> Option<&'a Value> {
    line["spans"]
        .as_array()?
        .iter()
        .find_map(|span| span.get(field))
}

#[test]
fn each_log_line_is_json_and_names_its_task() {
    let world = world_with(&json!({}));
    let run = world
        .run(["exec", "go", "--output", "json", "--verbose"])
        .exits(0);
    let session = run.summary()["session"].clone();
    let lines = log(&world.state().join("logs"));
    for (seq, (kind, event)) in (1..).zip(run.story()) {
        let line = lines.iter().find(|line| line["fields"]["seq"] == seq);
        let line = line.unwrap_or_else(|| panic!("{event} is not logged"));
        assert_eq!(line["fields"]["event"], kind.as_str(), "{line}");
        assert_eq!(in_span(line, "session"), Some(&session), "{line}");
        let attempt = event.get("attempt").filter(|attempt| attempt.is_u64());
        assert_eq!(in_span(line, "attempt"), attempt, "{line}");
        if attempt.is_some() {
            assert_eq!(in_span(line, "issue"), Some(&json!(1)), "{line}");
        }
    }
    for effect in [
        "fetch_backlog",
        "lease_worktree",
        "run_agent",
        "collect_work",
        "publish",
        "release_worktree",
    ] {
        let of_effect = || {
            lines
                .iter()
                .filter(|line| in_span(line, "effect") == Some(&json!(effect)))
        };
        for message in ["started", "ended"] {
            let n = of_effect()
                .filter(|line| line["fields"]["message"] == message)
                .count();
            assert_eq!(n, 1, "{effect} {message}");
        }
        let issue = if effect == "fetch_backlog" {
            None
        } else {
            Some(&json!(1))
        };
        assert!(
            of_effect().all(|line| in_span(line, "issue") == issue),
            "{effect}"
        );
    }
}

#[test]
fn details_are_logged_only_on_request() {
    let world = world_with(&json!({}));
    world.run(["exec", "go"]).exits(0);
    let lines = log(&world.state().join("logs"));
    assert!(
        lines.iter().all(|line| line["level"] != "DEBUG"),
        "{lines:?}"
    );
    let shipped = lines
        .iter()
        .find(|line| line["fields"]["event"] == "attempt.published")
        .expect("the main events");
    assert_eq!(
        (in_span(shipped, "issue"), in_span(shipped, "attempt")),
        (Some(&json!(1)), Some(&json!(1)))
    );
}

#[test]
fn a_token_printed_by_an_agent_is_stored_and_sent_nowhere() {
    let world = GithubSandbox::new();
    world.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    world.configure(
        "claude",
        r#"{"checks": ["cat ~/token; head -c 14 ~/token; echo; tail -c +15 ~/token"]}"#,
    );
    let token = world.home().join("token");
    fs::write(&token, TOKEN).unwrap();
    // A stand-in for the GitHub CLI: the token is not in the environment of `autoissue` either.
    let gh = world.root().join("gh");
    fs::write(&gh, "#!/bin/sh\ncat ~/token\n").unwrap();
    fs::set_permissions(&gh, fs::Permissions::from_mode(0o755)).unwrap();
    world.install("gh", &gh);
    let says =
        r#"{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"It is "#;
    let ends = r#"{"type":"result","subtype":"success","is_error":false,"total_cost_usd":0.01,"result":"Sent "#;
    let script = format!(
        r#"head -c 14 ~/token; tail -c +15 ~/token; echo
        head -c 14 ~/token; echo; tail -c +15 ~/token; echo; cat ~/token >&2
        printf '{says}'; head -c 14 ~/token; tail -c +15 ~/token; printf '"}}]}}}}\n'
        printf '{says}'; head -c 14 ~/token; printf '"}}]}}}}\n'
        printf '{ends}'; cat ~/token; printf '."}}\n'"#
    );
    let runs = json!([[{"write": ["a.txt", "x"]}, {"run": script}]]);
    world.repository.issue(
        Issue::new("[Backend] add")
            .label(LABEL)
            .body(&format!("Add it.\n\nfake: {runs}\n")),
    );
    let mut command = world.autoissue(["exec", LABEL, "--output", "json", "--verbose"]);
    let run = Run::from(command.env_remove("GITHUB_TOKEN").output().unwrap()).exits(0);
    let body = &world.repository.pulls()[0].body;
    assert!(
        body.contains(r"Sent \*\*\*."),
        "the agent's text is missing: {body}"
    );
    for text in [TOKEN, PIECES[0], PIECES[1]] {
        let files: Vec<String> = world
            .files_with(text)
            .into_iter()
            .filter(|file| Path::new(file) != token.as_path())
            .collect();
        assert_eq!(files, [""; 0], "{text}");
        assert!(
            !body.contains(text) && !run.stdout.contains(text) && !run.stderr.contains(text),
            "{text}: {run:?}"
        );
    }
    let lines = log(&world.state().join("logs"));
    assert!(
        lines
            .iter()
            .any(|line| line["fields"]["event"] == "session.finished"),
        "{lines:?}"
    );
}

#[test]
fn secrets_given_to_an_agent_are_stored_and_sent_nowhere_in_any_form() {
    let world = GithubSandbox::new();
    world.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    world.configure("claude", "{}");
    let key = "canary-of-the-model-0123456789";
    let says =
        r#"{"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"It is "#;
    let ends = r#"{"type":"result","subtype":"success","is_error":false,"total_cost_usd":0.01,"result":"Sent "#;
    let script = format!(
        r#"hex=$(printf %s "$AWS_BEARER_TOKEN_BEDROCK" | od -An -tx1 | tr -d ' \n')
        base64=$(printf %s "$AWS_BEARER_TOKEN_BEDROCK" | base64 | tr -d '\n')
        for said in $hex $base64 "$ANTHROPIC_CUSTOM_HEADERS"; do printf '{says}%s"}}]}}}}\n' "$said"; done
        printf '{ends}%s, %s and %s."}}\n' "$(printf %s "$hex" | sed 's/../\\u00&/g')" $base64 "$ANTHROPIC_CUSTOM_HEADERS""#
    );
    let runs = json!([[{"write": ["a.txt", "x"]}, {"run": script}]]);
    world.repository.issue(
        Issue::new("[Backend] add")
            .label(LABEL)
            .body(&format!("Add it.\n\nfake: {runs}\n")),
    );
    let mut command = world.autoissue(["exec", LABEL, "--output", "json", "--verbose"]);
    command
        .env("AWS_BEARER_TOKEN_BEDROCK", key)
        .env("ANTHROPIC_CUSTOM_HEADERS", "X-Auth: canary-in-the-header");
    let run = Run::from(command.output().unwrap()).exits(0);
    let body = &world.repository.pulls()[0].body;
    assert!(
        body.contains(r"Sent \*\*\*, \*\*\* and X-Auth: \*\*\*."),
        "the agent's text is missing: {body}"
    );
    let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = "Y2FuYXJ5LW9mLXRoZS1tb2RlbC0wMTIzNDU2Nzg5";
    // The test programs record everything they were given.
    let launches = world.home().join("launches.jsonl");
    for text in [key, &hex, base64, "canary-in-the-header"] {
        let files: Vec<String> = world
            .files_with(text)
            .into_iter()
            .filter(|file| Path::new(file) != launches.as_path())
            .collect();
        assert_eq!(files, [""; 0], "{text}");
        assert!(
            !body.contains(text) && !run.stdout.contains(text) && !run.stderr.contains(text),
            "{text}: {run:?}"
        );
    }
}

#[test]
fn an_unwritable_log_does_not_stop_the_session() {
    let world = world_with(&json!({"dir": "README.md/logs"}));
    let run = world.run(["exec", "go"]).exits(0);
    for words in [
        "warning: failed to write log files in",
        "README.md/logs",
        "runs without a log",
        "set `logging.dir`",
    ] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    assert_eq!(world.pulls().len(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_log_disk_does_not_stop_the_session() {
    let world = world_with(&json!({"dir": "../logs"}));
    let directory = world.root().join("logs");
    fs::create_dir(&directory).unwrap();
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    // A run across midnight also writes tomorrow's file.
    for day in [today, today.tomorrow().unwrap()] {
        std::os::unix::fs::symlink("/dev/full", directory.join(format!("autoissue.{day}.log")))
            .unwrap();
    }
    let run = world.run(["exec", "go", "--verbose"]).exits(0);
    assert!(!run.stderr.contains("No space left"), "{}", run.stderr);
    assert_eq!(world.pulls().len(), 1);
}

#[test]
fn other_files_in_the_log_directory_are_kept() {
    let world = world_with(&json!({"dir": "../logs", "keepDays": 1}));
    let directory = world.root().join("logs");
    fs::create_dir(&directory).unwrap();
    let strangers = [
        "access.2020-01-01.log",
        "autoissue.2020-01-01.log.gz",
        "autoissue.log",
        "notes.txt",
    ];
    for name in strangers.into_iter().chain(["autoissue.2020-01-01.log"]) {
        fs::write(directory.join(name), "").unwrap();
    }
    world.run(["exec", "go"]).exits(0);
    let names: Vec<String> = log_files(&directory)
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(
        strangers
            .iter()
            .all(|name| names.iter().any(|it| it == name)),
        "{names:?}"
    );
    assert!(
        !names.iter().any(|name| name == "autoissue.2020-01-01.log"),
        "our old file must be removed: {names:?}"
    );
}

#[test]
fn transcripts_beyond_the_limit_are_removed_and_clean_reports_the_freed_space() {
    let world = Sandbox::new();
    world.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    world.config(
        r#"{"forge": {"kind": "local"}, "agent": {"backend": "claude"}, "logging": {"maxTranscriptMib": 1}}"#,
    );
    let mut transcripts = Vec::new();
    for number in 1..=2 {
        world.issue(
            number,
            "[Backend] add",
            "fake: [[{\"flood\": 1200}, {\"write\": [\"a.txt\", \"x\"]}, {\"result\": {}}]]",
        );
        let run = world.run(["exec", "go", "--output", "json"]).exits(0);
        let session = run.summary()["session"].as_str().expect("an id").to_owned();
        let directory = world.state().join("sessions").join(session);
        transcripts.push(directory.join(format!("issue-{number}/attempt-1.log")));
    }
    assert!(transcripts.iter().all(|it| it.exists()), "{transcripts:?}");
    let dry = world.run(["clean", "--dry-run"]).exits(0);
    assert!(
        dry.stdout
            .contains("would remove the transcripts of 1 session, which would free 2 MiB"),
        "{}",
        dry.stdout
    );
    let clean = world.run(["clean", "--output", "json"]).exits(0);
    let freed = &clean.objects("transcripts")[0];
    assert_eq!(freed["sessions"], 1);
    assert!(
        1_200_000 < freed["bytes"].as_u64().expect("bytes"),
        "{freed}"
    );
    let are_there: Vec<bool> = transcripts.iter().map(|it| it.exists()).collect();
    assert_eq!(
        are_there,
        [false, true],
        "the newest session's transcripts must stay"
    );
    assert_eq!(world.run(["clean"]).exits(0).stdout, "nothing to clean\n");
}
