//! Recorded output of Gemini CLI 0.61.0, each with its exit code and standard error, and its
//! expected interpretation.
//!
//! All of `fixtures` was recorded with the arguments and files of this backend against a model
//! server on loopback, except those whose names start with `written-`: they follow the program's
//! source, for ends that cannot be had without the real service.

use std::fmt::Write as _;

use autoissue_gemini::GeminiBackend;
use autoissue_plugin_sdk::{
    AgentBackend, AgentEvent, AgentTask, Exit, LimitEnd, Line, ResumedSession, Usage,
};
use serde_json::Value;

/// The final interpretation.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    end: Option<AgentEvent>,
    usage: Option<Usage>,
    session: Option<String>,
    model: Option<String>,
    n_turns: u32,
    n_tools: (u32, u32),
    text: String,
    denied: Vec<String>,
    is_stopped: bool,
    has_final_cost: bool,
}

fn read(stdout: &str, stderr: &str, exit: Exit, task: &AgentTask) -> Reading {
    let (mut run, _) = GeminiBackend
        .start(task)
        .expect("every task can be started");
    let lines: Vec<Line> = stdout
        .lines()
        .map(Line::stdout)
        .chain(stderr.lines().map(Line::stderr))
        .collect();
    let mut reading = Reading::default();
    for line in lines {
        let events = run.on_lines(&[line]);
        events.into_iter().for_each(|event| reading.take(event));
    }
    let events = run.on_exit(exit);
    events.into_iter().for_each(|event| reading.take(event));
    reading
}

impl Reading {
    fn take(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Session(id) => self.session = Some(id),
            AgentEvent::Model(name) => self.model = Some(name),
            AgentEvent::UsageTotal(usage) => self.usage = Some(usage),
            AgentEvent::FinalCost(usd) => {
                assert_eq!(self.usage.and_then(|usage| usage.usd), Some(usd));
                self.has_final_cost = true;
            }
            AgentEvent::Turns(n) => self.n_turns = n,
            AgentEvent::Denied(tool) => self.denied.push(tool),
            AgentEvent::Text(text) => self.text.push_str(&text),
            AgentEvent::ToolStart { .. } => self.n_tools.0 += 1,
            AgentEvent::ToolEnd { ok, .. } => self.n_tools.1 += u32::from(ok),
            AgentEvent::Stop => self.is_stopped = true,
            AgentEvent::Note(_) => {}
            end => {
                assert_eq!(self.end, None, "a run ends once");
                self.end = Some(end);
            }
        }
    }
}

/// Returns the names of the recordings, sorted.
fn names() -> Vec<String> {
    let entries = std::fs::read_dir(fixture("")).expect("the recordings");
    let files = entries.flatten().map(|entry| entry.file_name());
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.to_str()?.strip_suffix(".jsonl")?.to_owned()))
        .collect();
    names.sort();
    names
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn recorded(name: &str) -> (Reading, Exit) {
    let text = |kind: &str| {
        std::fs::read_to_string(fixture(&format!("{name}.{kind}"))).expect("the recording")
    };
    let end: Value = serde_json::from_str(&text("end")).expect("how it ended");
    let number = |key: &str| {
        end[key]
            .as_i64()
            .map(|number| i32::try_from(number).expect("a code or a signal"))
    };
    let mut exit = Exit::default();
    (exit.code, exit.signal) = (number("code"), number("signal"));
    let mut task = AgentTask::default().model("no-such-model");
    if name.contains("resume") || name.contains("unknown-session") {
        task = task.resume(ResumedSession::new("R", 0.0));
    }
    let stderr = end["stderr"].as_str().expect("standard error");
    (read(&text("jsonl"), stderr, exit, &task), exit)
}

fn code(code: i32) -> Exit {
    Exit::default().code(code)
}

#[test]
fn every_recorded_run_is_interpreted_correctly() {
    let mut table = String::new();
    for name in names() {
        let (reading, exit) = recorded(&name);
        let exit = exit.code.map_or_else(
            || format!("signal {}", exit.signal.unwrap_or_default()),
            |code| code.to_string(),
        );
        let money = match reading.usage.map(|usage| usage.usd) {
            Some(Some(usd)) => format!("{usd:.6}"),
            Some(None) => "no price".to_owned(),
            None => "?".to_owned(),
        };
        let end = reading.end;
        let end = end.map_or_else(|| "nothing".to_owned(), |end| format!("{end:?}"));
        let denied = if reading.denied.is_empty() {
            String::new()
        } else {
            format!(" denied {}", reading.denied.join(", "))
        };
        let stopped = if reading.is_stopped { " stopped" } else { "" };
        let (n_turns, (n_calls, n_ok)) = (reading.n_turns, reading.n_tools);
        writeln!(
            table,
            "{name:<18} {exit:<8} {money:<8} {n_turns} {n_ok}/{n_calls} {end:.130}{denied}{stopped}"
        )
        .expect("a string takes all");
    }
    insta::assert_snapshot!(table, @r#"
    bad-arguments      0        0.003500 2 0/1 Done(Some("Done."))
    bad-key            144      ?        0 0/0 AuthFailed("`gemini` was denied access: API key not valid. Please pass a valid API key.")
    cut                0        ?        0 0/0 Unreachable("the `gemini` API refused 3 requests in a row (exception TypeError: fetch failed sending request)") stopped
    daily-limit        173      ?        0 0/0 RateLimited(Unknown)
    denied             0        0.003500 2 0/1 Done(Some("Done without it.")) denied web_fetch
    denied-by-list     0        0.003500 2 0/2 Done(Some("{\"answer\": 1}")) denied write_file, run_shell_command
    empty              0        0.007000 0 0/0 Failed("The model returned an empty response with no text or thoughts. This may be a transient API issue; please try again.")
    failing-tool       0        0.003500 2 1/1 Done(Some("Done: it fails."))
    first-of-two       0        0.003500 2 1/1 Done(Some("Done: wrote HELLO.md."))
    git                0        0.003500 2 1/1 Done(Some("Done: looked."))
    killed             signal 9 ?        0 0/0 nothing
    long-limit         173      ?        0 0/0 RateLimited(InS(7200))
    made-up-tool       0        0.003500 2 0/1 Done(Some("Done without it."))
    max-tokens         0        0.001750 1 0/0 Done(Some("cut off at"))
    never-answers      0        ?        0 0/0 nothing
    no-credit          173      ?        0 0/0 RateLimited(Unknown)
    no-key             41       ?        0 0/0 AuthFailed("`gemini` is not logged in: Please set an Auth method in your /agent/.gemini/settings.json or specify one of the follow
    not-logged-in      41       ?        0 0/0 AuthFailed("`gemini` is not logged in: Invalid auth method selected. Run `gemini` once and choose how to log in")
    outside            0        0.003500 2 0/1 Done(Some("Done.")) denied write_file
    read-only          0        0.003500 2 0/2 Done(Some("{\"answer\": 1}")) denied write_file, run_shell_command
    recovered          0        0.003500 2 1/1 Done(Some("Done."))
    refusal            0        0.007000 0 0/0 Failed("The model response was blocked due to safety settings.")
    refused-400        144      ?        0 0/0 Failed("bad request (fake)")
    refused-401        145      ?        0 0/0 AuthFailed("`gemini` was denied access: invalid x-api-key")
    refused-403        147      ?        0 0/0 AuthFailed("`gemini` was denied access: forbidden (fake)")
    refused-404        1        ?        0 0/0 AuthFailed("model `no-such-model` is not available to `gemini`: model: no-such-model")
    repeated-429       0        ?        0 0/0 RateLimited(Unknown) stopped
    repeated-503       0        ?        0 0/0 Overloaded("the `gemini` API refused 3 requests in a row (status 503)") stopped
    repeated-limit     0        ?        0 0/0 RateLimited(InS(4)) stopped
    resumed-session    0        0.001750 1 0/0 Done(Some("done"))
    sandbox            1        ?        0 0/0 AuthFailed("the sandbox of `gemini` does not work: FatalSandboxError: Sandbox image 'us-docker.pkg.dev/gemini-code-dev/gemini-cli/
    shell              0        0.003500 2 1/1 Done(Some("Done: committed."))
    sigint-in-tool     0        ?        1 0/1 nothing
    sigterm-in-model   0        ?        0 0/0 nothing
    sigterm-in-tool    0        ?        1 0/1 nothing
    success            0        0.003500 2 1/1 Done(Some("Done: wrote HELLO.md."))
    taken-session      42       ?        0 0/0 Failed("`gemini` did not start: Error starting session: Session ID \"11111111-1111-4111-8111-111111111111\" already exists. Use --
    thinking           0        0.019375 2 1/1 Done(Some("Done: wrote HELLO.md."))
    too-long           144      ?        0 0/0 ContextFull
    unknown-argument   1        ?        0 0/0 AuthFailed("the installed `gemini` is too old: Unknown arguments: such-argument, suchArgument")
    unknown-session    42       ?        0 0/0 SessionGone
    unreachable        0        ?        0 0/0 Unreachable("the `gemini` API refused 3 requests in a row (exception TypeError: fetch failed sending request)") stopped
    written-bad-settings 52       ?        0 0/0 AuthFailed("the settings of `gemini` are wrong: Error in /agent/.gemini/settings.json: Unexpected end of JSON input; Please fix th
    written-cancelled  130      0.003500 1 1/1 Failed("Operation cancelled.")
    written-context-full 0        0.003500 1 1/1 ContextFull
    written-loop-detected 0        0.003500 1 1/1 Failed("Loop detected, stopping execution")
    written-no-space   54       0.003500 1 1/1 Failed("Error executing tool write_file: No space left on device")
    written-not-trusted 55       ?        0 0/0 AuthFailed("the installed `gemini` cannot run without trust: Gemini CLI is not running in a trusted directory")
    written-session-turns 0        0.003500 1 1/1 TurnsReached
    written-turn-limit 53       0.003500 1 1/1 TurnsReached
    wrong-location     144      ?        0 0/0 AuthFailed("`gemini` was denied access: User location is not supported for the API use.")
    yolo               0        0.003500 2 2/2 Done(Some("{\"answer\": 1}"))
    zero-limit         173      ?        0 0/0 AuthFailed("`gemini` was denied access: You exceeded your current quota. * Quota exceeded for metric: x, limit: 0, model: gemini-2
    "#);
}

#[test]
fn exit_codes_that_look_like_signals_are_statuses() {
    for (name, of_exit) in [
        ("refused-400", 144),
        ("refused-401", 145),
        ("refused-403", 147),
    ] {
        let (reading, exit) = recorded(name);
        assert_eq!(exit, code(of_exit), "{name}");
        let is_denied = matches!(&reading.end, Some(AgentEvent::AuthFailed(_)));
        assert_eq!(is_denied, of_exit != 144, "{name}: {reading:?}");
    }
    // Without a result it is a signal after all, or a crash.
    let task = AgentTask::default();
    assert_eq!(read("", "", code(144), &task).end, None);
    assert_eq!(read("", "Segmentation fault", code(139), &task).end, None);
}

#[test]
fn a_refusal_is_a_failure_although_it_exits_with_0() {
    let (reading, exit) = recorded("refusal");
    assert!(
        matches!(&reading.end, Some(AgentEvent::Failed(_))),
        "{reading:?}"
    );
    assert_eq!(exit, code(0));
}

#[test]
fn denied_but_success() {
    for (name, denied) in [
        ("denied", &["web_fetch"][..]),
        ("denied-by-list", &["write_file", "run_shell_command"]),
        ("read-only", &["write_file", "run_shell_command"]),
        ("made-up-tool", &[]),
        ("outside", &["write_file"]),
        ("git", &[]),
    ] {
        let (reading, exit) = recorded(name);
        assert!(
            matches!(&reading.end, Some(AgentEvent::Done(_))),
            "{name}: {reading:?}"
        );
        assert_eq!(exit, code(0), "{name}");
        assert_eq!(reading.denied, denied, "{name}");
    }
}

#[test]
fn an_answer_is_the_final_message() {
    let (reading, _) = recorded("read-only");
    assert_eq!(
        reading.end,
        Some(AgentEvent::Done(Some(r#"{"answer": 1}"#.into())))
    );
}

#[test]
fn cached_tokens_and_reasoning_are_counted_once() {
    let reading = recorded("thinking").0;
    assert!(
        reading.has_final_cost,
        "otherwise the host charges an estimate"
    );
    let usage = reading.usage.expect("tokens");
    assert_eq!(usage.cache_read_tokens, 19_000);
    assert_eq!(usage.input_tokens, 25_000 - 19_000);
    assert_eq!(usage.output_tokens, 190 + 760);
    let usd = usage.usd.expect("a price");
    assert!((usd - (6_000.0 * 1.25 + 19_000.0 * 0.125 + 950.0 * 10.0) / 1e6).abs() < 1e-12);
}

#[test]
fn money_resumed_bill_is_this_runs_alone() {
    let tokens = |name| recorded(name).0.usage.map(|usage| usage.input_tokens);
    assert_eq!(tokens("resumed-session"), Some(1_000));
    assert_eq!(tokens("first-of-two"), Some(2_000));
}

#[test]
fn requests_that_fail_again_and_again_end_the_run() {
    for name in [
        "repeated-503",
        "repeated-429",
        "repeated-limit",
        "unreachable",
    ] {
        assert!(recorded(name).0.is_stopped, "{name}");
    }
    let (reading, _) = recorded("recovered");
    assert!(matches!(&reading.end, Some(AgentEvent::Done(_))) && !reading.is_stopped);
}

#[test]
fn a_run_that_was_stopped_has_not_succeeded() {
    for name in [
        "sigterm-in-tool",
        "sigint-in-tool",
        "sigterm-in-model",
        "killed",
        "never-answers",
    ] {
        let (reading, _) = recorded(name);
        assert!(
            !matches!(&reading.end, Some(AgentEvent::Done(_))),
            "{name}: {reading:?}"
        );
    }
}

#[test]
fn a_session_is_known_by_the_id_that_it_was_given() {
    let id = Some("11111111-1111-4111-8111-111111111111".to_owned());
    for name in [
        "success",
        "first-of-two",
        "resumed-session",
        "sigterm-in-tool",
        "killed",
    ] {
        assert_eq!(recorded(name).0.session, id, "{name}");
    }
}

#[test]
fn a_session_that_does_not_exist_is_gone() {
    let (reading, exit) = recorded("unknown-session");
    assert_eq!(
        (reading.end, exit),
        (Some(AgentEvent::SessionGone), code(42))
    );
    let (reading, exit) = recorded("taken-session");
    assert!(matches!(&reading.end, Some(AgentEvent::Failed(_))) && exit == code(42));
}

#[test]
fn no_recording_contains_a_local_path_or_a_key() {
    let entries = std::fs::read_dir(fixture("")).expect("the recordings");
    for entry in entries.flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("text");
        let text = text.replace("/agent/.gemini/tmp", "");
        for word in ["/tmp", "/root", "/work", "AIza", "dummy"] {
            assert!(!text.contains(word), "{word} in {:?}", entry.file_name());
        }
    }
}

#[test]
fn meaningless_lines_are_skipped() {
    let noise = "not json\n[]\n7\n{}\n{\"type\":\"new\"}\n{\"type\":\"message\"}\n";
    let reading = read(noise, "", code(0), &AgentTask::default());
    assert_eq!(reading, Reading::default());
}

#[test]
fn limits_with_a_stated_end_are_passed_on() {
    let end = |name| recorded(name).0.end;
    assert_eq!(
        end("long-limit"),
        Some(AgentEvent::RateLimited(LimitEnd::InS(7_200)))
    );
    assert_eq!(
        end("repeated-limit"),
        Some(AgentEvent::RateLimited(LimitEnd::InS(4)))
    );
    assert_eq!(
        end("daily-limit"),
        Some(AgentEvent::RateLimited(LimitEnd::Unknown))
    );
}
