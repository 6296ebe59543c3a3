//! Recorded output of OpenAI Codex 0.171.0, each with its exit code and standard error, and its
//! expected interpretation.
//!
//! Recorded with the arguments of this backend, and a provider in the settings that leads to a
//! scripted model. The program's releases 0.169.0 and 0.171.0 print the same for the cases that were
//! recorded with both.

use std::fmt::Write as _;

use autoissue_codex::CodexBackend;
use autoissue_plugin_sdk::{
    AgentBackend, AgentEvent, AgentTask, Exit, LimitEnd, Line, ResumedSession, Usage,
};
use serde_json::Value;

/// The final interpretation.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    end: Option<AgentEvent>,
    cost: Option<f64>,
    usage: Option<Usage>,
    session: Option<String>,
    model: Option<String>,
    n_turns: u32,
    tools: Vec<String>,
    texts: Vec<String>,
    thoughts: Vec<String>,
    denied: Vec<String>,
    answer: Option<String>,
    is_stopped: bool,
    operator_note: Option<String>,
}

impl Reading {
    fn take(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Session(id) => self.session = Some(id),
            AgentEvent::FinalCost(usd) => self.cost = Some(usd),
            AgentEvent::UsageTotal(usage) => self.usage = Some(usage),
            AgentEvent::Denied(tool) => self.denied.push(tool),
            AgentEvent::Answer(text) => self.answer = Some(text),
            AgentEvent::Model(name) => self.model = Some(name),
            AgentEvent::Turns(n) => self.n_turns = n,
            AgentEvent::Text(text) => self.texts.push(text),
            AgentEvent::Thinking(text) => self.thoughts.push(text),
            AgentEvent::ToolEnd { id, ok, .. } => self.tools.push(format!("{id} {ok}")),
            AgentEvent::Stop => self.is_stopped = true,
            AgentEvent::OperatorNote(text) => self.operator_note = Some(text),
            AgentEvent::ToolStart { .. } | AgentEvent::Note(_) => {}
            end => {
                assert_eq!(self.end, None, "a run ends once");
                self.end = Some(end);
            }
        }
    }
}

fn task() -> AgentTask {
    AgentTask::default().model("gpt-6-sol")
}

fn read(task: &AgentTask, stdout: &str, stderr: &str, exit: Exit) -> Reading {
    let (mut run, _) = CodexBackend.start(task).expect("the task can be started");
    let lines = stdout.lines().map(Line::stdout);
    let mut reading = Reading::default();
    for line in lines.chain(stderr.lines().map(Line::stderr)) {
        run.on_lines(&[line])
            .into_iter()
            .for_each(|event| reading.take(event));
    }
    run.on_exit(exit)
        .into_iter()
        .for_each(|event| reading.take(event));
    reading
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Returns the names of the recordings, sorted.
fn names() -> Vec<String> {
    let entries = std::fs::read_dir(fixture(""))
        .expect("the recordings")
        .flatten();
    let files = entries.map(|entry| entry.file_name().into_string().expect("a name in UTF-8"));
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.strip_suffix(".jsonl")?.to_owned()))
        .collect();
    names.sort();
    names
}

fn text(name: &str, kind: &str) -> String {
    std::fs::read_to_string(fixture(&format!("{name}.{kind}"))).expect("the recording")
}

fn recorded_as(task: &AgentTask, name: &str) -> (Reading, Exit) {
    let end: Value = serde_json::from_str(&text(name, "end")).expect("how it ended");
    let number = |key: &str| {
        let number = end[key].as_i64();
        number.map(|number| i32::try_from(number).expect("a code or a signal"))
    };
    let mut exit = Exit::default();
    (exit.code, exit.signal) = (number("code"), number("signal"));
    let stderr = end["stderr"].as_str().expect("standard error");
    (read(task, &text(name, "jsonl"), stderr, exit), exit)
}

fn recorded(name: &str) -> (Reading, Exit) {
    recorded_as(&task(), name)
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
        let money = reading
            .cost
            .map_or_else(|| "?".to_owned(), |cost| format!("{cost:.6}"));
        let end = reading
            .end
            .map_or_else(|| "nothing".to_owned(), |end| format!("{end:?}"));
        let denied = reading
            .denied
            .iter()
            .fold(String::new(), |all, tool| all + " denied " + tool);
        let n_turns = reading.n_turns;
        let row = format!("{name:<20} {exit:<8} {n_turns:>2} {money:<8} {end:.120}{denied}");
        writeln!(table, "{}", row.trim_end()).expect("a string takes all");
    }
    insta::assert_snapshot!(table, @r#"
    answer               0         1 0.000300 Done(Some("{\"ok\":true}"))
    bad-config           1         0 ?        AuthFailed("the settings of `codex` are invalid: Error loading config.toml: invalid type: integer `42`, expected a strin
    commit               0         2 0.005000 Done(Some("Done: committed."))
    context              1         0 ?        ContextFull
    cut                  1         1 ?        Unreachable("stream disconnected before completion: Transport error: network error: error decoding response body")
    empty                0         0 0.000200 Failed("the model answered nothing, so it may have refused")
    killed-in-model      signal 9  0 ?        nothing
    loop                 signal 15 17 ?        nothing
    max-tokens           1         0 ?        Failed("Incomplete response returned, reason: max_output_tokens")
    mcp-called           0         2 0.005000 Done(Some("Done."))
    mcp-denied           0         2 0.005000 Done(Some("Done.")) denied canary.touch
    network-denied       0         2 0.005000 Done(Some("Done."))
    no-key               1         0 ?        AuthFailed("`codex` was denied access: Missing environment variable: `FAKE_KEY`.")
    no-model             1         0 ?        AuthFailed("model `gpt-6-sol` is not available to `codex`: The requested model does not exist.")
    not-included         1         0 ?        AuthFailed("the account of `codex` cannot pay for requests: To use Codex with your ChatGPT plan, upgrade to Plus: https:
    overloaded           1         0 ?        Overloaded("Selected model is at capacity. Please try a different model.")
    overloaded-503       1         0 ?        Overloaded("Selected model is at capacity. Please try a different model.")
    overloaded-twice     0         1 0.000300 Done(Some("Recovered."))
    parallel             0         3 0.005000 Done(Some("Done."))
    patch                0         2 0.005000 Done(Some("Patched."))
    quota                1         0 ?        AuthFailed("the account of `codex` cannot pay for requests: Quota exceeded. Check your plan and billing details.")
    quota-429            1         0 ?        AuthFailed("the account of `codex` cannot pay for requests: Quota exceeded. Check your plan and billing details.")
    rate-limit           1         0 ?        RateLimited(Unknown)
    read-only            0         1 0.005000 Done(Some("Done: wrote HELLO.md."))
    reasoning            0         2 0.007870 Done(Some("Finished."))
    refusal              1         0 ?        Failed("stream disconnected before completion: Incomplete response returned, reason: content_filter")
    refusal-item         0         0 0.000300 Failed("the model answered nothing, so it may have refused")
    refused-400          1         0 ?        Failed("the request is wrong")
    refused-401          1         0 ?        AuthFailed("`codex` was denied access: unexpected status 401 Unauthorized: Incorrect API key provided: dummy., url: http
    refused-403          1         0 ?        AuthFailed("`codex` was denied access: unexpected status 403 Forbidden: your key may not use this, url: http://127.0.0.1
    refused-404          1         0 ?        AuthFailed("model `gpt-6-sol` is not available to `codex`: The model does not exist")
    refused-429          1         0 ?        RateLimited(Unknown)
    refused-500          1         0 ?        Overloaded("We’re currently experiencing high demand, which may cause temporary errors.")
    refused-503          1         0 ?        Overloaded("unexpected status 503 Service Unavailable: unavailable, url: http://127.0.0.1:8080/e503/v1/responses")
    resumed              0         2 0.010000 Done(Some("Done: wrote HELLO.md."))
    resumed-read-only    0         1 0.015000 Done(Some("Done: wrote HELLO.md."))
    sandbox-broken       0         2 0.005000 Failed("the sandbox of `codex` cannot start on this machine, so no command ran: allow unprivileged user namespaces, or s
    sandbox-broken-patch 0         2 0.005000 Done(Some("Patched."))
    sandbox-on-resume    2         0 ?        AuthFailed("the installed `codex` is too old: error: unexpected argument '--sandbox' found")
    sigint-in-model      1         0 ?        nothing
    sigint-in-tool       1         1 ?        nothing
    sigterm-in-model     signal 15  0 ?        nothing
    sigterm-in-tool      signal 15  1 ?        nothing
    success              0         2 0.005000 Done(Some("Done: wrote HELLO.md."))
    too-long             1         0 ?        ContextFull
    unknown-option       2         0 ?        AuthFailed("the installed `codex` is too old: error: unexpected argument '--no-such-option' found")
    unknown-session      1         0 ?        SessionGone
    unreachable          1         0 ?        Unreachable("Connection failed: error sending request")
    usage-limit          1         0 ?        RateLimited(Unknown)
    usage-limit-soon     1         0 ?        RateLimited(Unknown)
    yolo                 0         2 0.005000 Done(Some("Done: wrote HELLO.md."))
    "#);
}

fn done(summary: &str) -> Option<AgentEvent> {
    Some(AgentEvent::Done(Some(summary.into())))
}

#[test]
fn every_recording_says_how_it_ended() {
    for name in names() {
        let end: Value = serde_json::from_str(&text(&name, "end")).expect("how it ended");
        assert!(end["code"].is_i64() != end["signal"].is_i64(), "{name}");
        let is_private = |text: &str| text.contains("/tmp/") || text.contains("sk-");
        assert!(
            !is_private(&text(&name, "jsonl")) && !is_private(&text(&name, "end")),
            "{name}"
        );
    }
}

#[test]
fn money_a_resumed_session_includes_the_earlier_turns() {
    let (first, _) = recorded("success");
    let (resumed, _) = recorded("resumed");
    assert_eq!(resumed.session, first.session);
    let cost = first.cost.expect("its price is known");
    let task = task().resume(ResumedSession::new("x", cost));
    let (again, _) = recorded_as(&task, "resumed");
    let added = again.cost.expect("its price is known");
    assert!(
        (added - cost).abs() < 1e-9,
        "the same work again: {added} and {cost}"
    );
    assert_eq!(again.usage, None);
}

#[test]
fn text_reasoning_tools_and_tokens_are_reported() {
    let (reading, _) = recorded("reasoning");
    assert_eq!(reading.thoughts, ["Let me look.", "Now I can answer."]);
    assert_eq!(
        (reading.texts, reading.tools),
        (vec!["Finished.".to_owned()], vec!["item_1 true".to_owned()])
    );
    assert_eq!(reading.model.as_deref(), Some("gpt-6-sol"));
    let usage = reading.usage.expect("it reports its tokens");
    let read = (
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
    );
    assert_eq!((read, usage.output_tokens), ((1_128, 3_072, 800), 300));
}

#[test]
fn every_command_failing_is_no_failure_if_the_sandbox_works() {
    // The host commits: the agent may not write to `.git`.
    let (reading, exit) = recorded("commit");
    assert_eq!((reading.end, exit), (done("Done: committed."), code(0)));
    assert_eq!(reading.tools, ["item_0 false"]);
}

#[test]
fn says_success_without_a_sandbox() {
    let (reading, exit) = recorded("sandbox-broken");
    let end = reading.end.expect("it ends");
    assert!(
        matches!(&end, AgentEvent::Failed(text) if text.contains("bwrap: Creating new namespace failed")),
        "{end:?}"
    );
    assert!(reading.operator_note.is_some());
    assert_eq!(exit, code(0), "the program itself reports success");
}

#[test]
fn denied_but_success() {
    let (reading, exit) = recorded("mcp-denied");
    assert_eq!(
        (reading.denied, exit),
        (vec!["canary.touch".to_owned()], code(0))
    );
    assert_eq!(recorded("mcp-called").0.denied, [""; 0]);
}

#[test]
fn an_answer_is_the_final_message() {
    let task = task().read_only(true).answer_schema("{}");
    let (reading, _) = recorded_as(&task, "answer");
    assert_eq!(reading.answer.as_deref(), Some(r#"{"ok":true}"#));
}

#[test]
fn an_endless_run_is_stopped_at_its_turn_limit() {
    let (reading, _) = recorded_as(&task().max_turns(5), "loop");
    assert_eq!(reading.end, Some(AgentEvent::TurnsReached));
    assert!(reading.is_stopped);
    let (reading, _) = recorded_as(&task().max_turns(2), "success");
    assert_eq!(
        (reading.end, reading.is_stopped),
        (done("Done: wrote HELLO.md."), false)
    );
}

#[test]
fn quota_the_time_of_the_reset_is_not_guessed() {
    // It is printed without a time zone: "try again at 12:30 AM".
    for name in [
        "usage-limit",
        "usage-limit-soon",
        "refused-429",
        "rate-limit",
    ] {
        let (reading, _) = recorded(name);
        assert_eq!(
            reading.end,
            Some(AgentEvent::RateLimited(LimitEnd::Unknown)),
            "{name}"
        );
    }
}

#[test]
fn a_run_that_printed_nothing_has_not_succeeded() {
    assert_eq!(read(&task(), "", "", code(0)), Reading::default());
}
