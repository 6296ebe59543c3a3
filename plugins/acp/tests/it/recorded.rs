//! Recorded conversations with real agents, both directions, each with its task, its exit code, its
//! standard error, and its expected interpretation.
//!
//! Recorded from agents in an empty environment against a scripted model, by a program that carries
//! out the decisions of this backend. Lines begin with `<` if the agent printed them, and with `>`
//! if this backend sent them; each sent line must be sent again at the same point. Paths are
//! replaced, and the lists of available commands are emptied.
//!
//! | agent | release |
//! | --- | --- |
//! | `@agentclientprotocol/claude-agent-acp` | 0.49.0, the newest that runs with Node.js 20 |
//! | `@google/gemini-cli` | 0.61.0 |
//! | `@zed-industries/codex-acp` | 0.16.0 |
//! | `opencode-ai` | 1.18.33 |

use std::collections::VecDeque;
use std::fmt::Write as _;

use autoissue_acp::AcpBackend;
use autoissue_plugin_sdk::{AgentBackend, AgentEvent, AgentTask, Exit, Line, StopReason};
use serde_json::Value;

/// The final interpretation.
#[derive(Debug, Default)]
struct Reading {
    end: Vec<AgentEvent>,
    cost: Option<f64>,
    spent: Option<f64>,
    n_tokens: [u64; 2],
    n_turns: u32,
    n_tools: [u32; 2],
    session: Option<String>,
    model: Option<String>,
    denied: Vec<String>,
    n_operator_notes: u32,
    /// What was sent and not yet compared with the recording.
    sent: VecDeque<String>,
}

impl Reading {
    fn take_all(&mut self, events: Vec<AgentEvent>) {
        for event in events {
            self.take(event);
        }
    }

    fn take(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Send(text) => self.sent.extend(text.lines().map(str::to_owned)),
            AgentEvent::CloseInput => self.sent.push_back("(close)".into()),
            AgentEvent::Session(id) => self.session = Some(id),
            AgentEvent::Model(name) => self.model = Some(name),
            AgentEvent::FinalCost(usd) => self.cost = Some(usd),
            AgentEvent::UsageTotal(usage) => {
                self.spent = usage.usd;
                self.n_tokens = [usage.input_tokens, usage.output_tokens];
            }
            AgentEvent::Turns(n) => self.n_turns = n,
            AgentEvent::ToolStart { .. } => self.n_tools[0] += 1,
            AgentEvent::ToolEnd { ok: true, .. } => self.n_tools[1] += 1,
            AgentEvent::Denied(tool) => self.denied.push(tool),
            AgentEvent::OperatorNote(_) => self.n_operator_notes += 1,
            AgentEvent::Text(_)
            | AgentEvent::Thinking(_)
            | AgentEvent::ToolEnd { .. }
            | AgentEvent::Note(_) => {}
            end => self.end.push(end),
        }
    }
}

fn fixture(file: &str) -> String {
    format!("{}/tests/fixtures/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Returns the names of the recordings, sorted.
fn names() -> Vec<String> {
    let files = std::fs::read_dir(fixture("")).expect("the recordings");
    let files = files.flatten().map(|entry| entry.file_name());
    let names = files.filter_map(|file| Some(file.to_str()?.strip_suffix(".jsonl")?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Replays a recording; fails if anything else is sent than was recorded.
fn replay(name: &str) -> (Reading, Exit) {
    let text = |kind: &str| {
        std::fs::read_to_string(fixture(&format!("{name}.{kind}"))).expect("the recording")
    };
    let end: Value = serde_json::from_str(&text("end")).expect("how it ended");
    let task: AgentTask = serde_json::from_value(end["task"].clone()).expect("its task");
    let (mut run, command) = AcpBackend.start(&task).expect("it starts");
    let mut reading = Reading::default();
    reading
        .sent
        .extend(command.stdin.lines().map(str::to_owned));
    let exit = exit(&end);
    let mut stop = exit
        .stopped
        .filter(|reason| *reason != StopReason::Finished);
    for (number, line) in text("jsonl").lines().enumerate() {
        match line.split_at(2) {
            ("< ", printed) => reading.take_all(run.on_lines(&[Line::stdout(printed)])),
            ("> ", recorded) => {
                if let Some(reason) = stop.take_if(|_| reading.sent.is_empty()) {
                    reading.take_all(run.on_stop(reason));
                }
                let sent = reading.sent.pop_front();
                assert_eq!(
                    sent.map(message),
                    Some(message(recorded.into())),
                    "{name}, line {}",
                    number + 1
                );
            }
            _ => panic!("{name}, line {}: no direction", number + 1),
        }
    }
    let stderr = end["stderr"].as_str().expect("standard error");
    stderr
        .lines()
        .for_each(|line| reading.take_all(run.on_lines(&[Line::stderr(line)])));
    reading.take_all(run.on_exit(exit));
    assert!(
        reading.sent.is_empty(),
        "{name}: {:?} was not recorded",
        reading.sent
    );
    (reading, exit)
}

/// Reads a message, without the version of this package.
fn message(line: String) -> Value {
    let mut message = serde_json::from_str(&line).unwrap_or(Value::String(line));
    if let Some(version) = message.pointer_mut("/params/clientInfo/version") {
        *version = Value::Null;
    }
    message
}

fn exit(end: &Value) -> Exit {
    let number = |key: &str| {
        let number = end[key].as_i64()?;
        Some(i32::try_from(number).expect("a code or a signal"))
    };
    let mut exit = Exit::default();
    (exit.code, exit.signal) = (number("code"), number("signal"));
    exit.stopped = end["stopped"].as_str().map(StopReason::named);
    exit
}

fn described(name: &str) -> String {
    let (reading, exit) = replay(name);
    let exit = match (exit.code, exit.signal) {
        (Some(code), _) => code.to_string(),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    };
    let money = match (reading.cost, reading.spent) {
        (Some(cost), _) => format!("= {cost:.6}"),
        (None, Some(spent)) => format!("≥ {spent:.6}"),
        (None, None) => "?".to_owned(),
    };
    let end: Vec<String> = reading.end.iter().map(|end| format!("{end:?}")).collect();
    let end = if end.is_empty() {
        "nothing".to_owned()
    } else {
        end.join(", ")
    };
    let denied = match reading.denied.as_slice() {
        [] => String::new(),
        denied => format!(" denied {}", denied.join(", ")),
    };
    let ([read, written], [started, succeeded]) = (reading.n_tokens, reading.n_tools);
    let work = format!(
        "{} turns, {succeeded}/{started} tools, {read}+{written} tokens",
        reading.n_turns
    );
    let model = reading.model.as_deref().unwrap_or("-");
    let notes = if reading.n_operator_notes == 0 {
        ""
    } else {
        " (told the operator)"
    };
    format!("{name:<24} {exit:<9} {money:<10} {work:<36} {model:<15} {end:.100}{denied}{notes}")
}

#[test]
fn every_recorded_conversation_is_interpreted_correctly() {
    let mut table = String::new();
    for name in names() {
        writeln!(table, "{}", described(&name)).expect("a string takes all");
    }
    insta::assert_snapshot!(table, @r#"
    claude-budget            0         ≥ 1.550000 1 turns, 0/1 tools, 0+0 tokens       -               BudgetReached
    claude-cut               0         ?          1 turns, 0/0 tools, 0+0 tokens       -               Unreachable("API Error: Unable to connect to API (ECONNRESET)")
    claude-denied            0         = 0.012500 2 turns, 0/1 tools, 2000+100 tokens  -               Done(Some("Done: wrote HELLO.md.")) denied Write
    claude-killed            signal 9  ?          0 turns, 0/0 tools, 0+0 tokens       -               nothing
    claude-max-tokens        0         = 0.012500 1 turns, 0/0 tools, 2000+100 tokens  -               Done(Some("done"))
    claude-max-turns         0         ≥ 0.018750 3 turns, 3/3 tools, 0+0 tokens       -               TurnsReached
    claude-model             0         = 0.007500 2 turns, 1/1 tools, 2000+100 tokens  sonnet          Done(Some("Done: wrote HELLO.md."))
    claude-no-credit         0         ?          1 turns, 0/0 tools, 0+0 tokens       -               AuthFailed("the account of `claude-agent-acp` has a billing problem: Credit balance is too low")
    claude-no-model          0         ?          0 turns, 0/0 tools, 0+0 tokens       -               AuthFailed("model `gpt-9` is not available to `claude-agent-acp`: Invalid value for config option mo
    claude-read-only         0         = 0.006250 1 turns, 0/0 tools, 1000+50 tokens   -               Done(Some("Trying."))
    claude-refusal           0         = 0.006250 1 turns, 0/0 tools, 1000+50 tokens   -               Failed("the model refused to continue")
    claude-refused-400       0         ?          1 turns, 0/0 tools, 0+0 tokens       -               Failed("API Error: 400 bad request (fake)")
    claude-refused-401       0         ?          1 turns, 0/0 tools, 0+0 tokens       -               AuthFailed("`claude-agent-acp` was denied access: Invalid API key · Fix external API key")
    claude-refused-403       0         ?          1 turns, 0/0 tools, 0+0 tokens       -               AuthFailed("`claude-agent-acp` was denied access: Failed to authenticate. API Error: 403 forbidden (
    claude-refused-404       0         ?          1 turns, 0/0 tools, 0+0 tokens       -               AuthFailed("the model is not available to `claude-agent-acp`: There's an issue with the selected mod
    claude-refused-429       0         ?          1 turns, 0/0 tools, 0+0 tokens       -               RateLimited(Unknown)
    claude-refused-500       0         ?          1 turns, 0/0 tools, 0+0 tokens       -               Overloaded("API Error: 500 internal (fake). This is a server-side issue, usually temporary — try aga
    claude-refused-529       0         ?          1 turns, 0/0 tools, 0+0 tokens       -               Overloaded("API Error: Repeated 529 Overloaded errors. The API is at capacity — this is usually temp
    claude-resumed           0         = 0.006250 1 turns, 0/0 tools, 1000+50 tokens   -               Done(Some("done"))
    claude-sigint            0         ?          0 turns, 0/0 tools, 0+0 tokens       -               Failed("the agent cancelled its own turn")
    claude-sigterm           0         ?          1 turns, 0/1 tools, 0+0 tokens       -               nothing
    claude-stopped           0         ?          0 turns, 0/0 tools, 0+0 tokens       -               nothing
    claude-success           0         = 0.012500 2 turns, 1/1 tools, 2000+100 tokens  -               Done(Some("Done: wrote HELLO.md."))
    claude-too-long          0         ?          1 turns, 0/0 tools, 0+0 tokens       -               ContextFull
    claude-unknown-session   0         ?          0 turns, 0/0 tools, 0+0 tokens       -               SessionGone
    codex-cut                signal 15 ?          1 turns, 0/0 tools, 0+0 tokens       gpt-5-codex     Unreachable("stream disconnected before completion: error sending request for url (http://127.0.0.1:
    codex-read-only          signal 15 ?          1 turns, 0/0 tools, 0+0 tokens       gpt-5-codex     Done(Some("{\"ok\":true}"))
    codex-refusal            signal 15 ?          1 turns, 0/0 tools, 0+0 tokens       gpt-5-codex     Failed("stream disconnected before completion: Incomplete response returned, reason: content_filter"
    codex-refused-401        signal 15 ?          1 turns, 0/0 tools, 0+0 tokens       gpt-5-codex     AuthFailed("`codex-acp` was denied access: unexpected status 401 Unauthorized: invalid x-api-key, ur
    codex-refused-429        signal 15 ?          1 turns, 0/0 tools, 0+0 tokens       gpt-5-codex     RateLimited(Unknown)
    codex-refused-500        signal 15 ?          1 turns, 0/0 tools, 0+0 tokens       gpt-5-codex     Overloaded("We're currently experiencing high demand, which may cause temporary errors.")
    codex-resumed            signal 15 ?          1 turns, 0/0 tools, 0+0 tokens       gpt-5-codex     Done(Some("Model metadata for `gpt-5-codex` not found. Defaulting to fallback metadata; this can deg
    codex-stopped            signal 15 ?          1 turns, 0/1 tools, 0+0 tokens       gpt-5-codex     nothing
    codex-too-long           signal 15 ?          1 turns, 0/0 tools, 0+0 tokens       gpt-5-codex     Failed("prompt is too long: 250000 tokens > 200000 maximum")
    codex-unknown-session    signal 15 ?          0 turns, 0/0 tools, 0+0 tokens       -               SessionGone
    codex-without-bwrap      signal 15 ?          1 turns, 0/0 tools, 0+0 tokens       gpt-5-codex     Done(Some("Done: wrote HELLO.md."))
    codex-yolo               signal 15 ?          2 turns, 1/1 tools, 0+0 tokens       gpt-5-codex     Done(Some("Done: wrote HELLO.md."))
    gemini-denied            0         ≥ 0.003500 2 turns, 0/1 tools, 2000+100 tokens  gemini-2.5-pro  Done(Some("Done: wrote HELLO.md.")) denied edit
    gemini-model             0         ≥ 0.003500 2 turns, 1/1 tools, 2000+100 tokens  gemini-2.5-pro  Done(Some("Done: wrote HELLO.md."))
    gemini-read-only         0         ≥ 0.003500 2 turns, 0/1 tools, 2000+100 tokens  gemini-2.5-pro  Done(Some("{\"ok\":true}"))
    gemini-refusal           0         ≥ 0.001750 0 turns, 0/0 tools, 1000+50 tokens   gemini-2.5-pro  Failed("the agent ended its turn without doing anything")
    gemini-refused-400       0         ?          0 turns, 0/0 tools, 0+0 tokens       gemini-2.5-pro  Failed("bad request (fake)")
    gemini-refused-401       0         ?          0 turns, 0/0 tools, 0+0 tokens       gemini-2.5-pro  AuthFailed("`gemini` was denied access: invalid x-api-key")
    gemini-refused-404       0         ?          0 turns, 0/0 tools, 0+0 tokens       gemini-2.5-pro  Overloaded("model: no-such-model")
    gemini-refused-429       signal 9  ?          0 turns, 0/0 tools, 0+0 tokens       gemini-2.5-pro  nothing
    gemini-stopped           0         ?          0 turns, 0/0 tools, 0+0 tokens       gemini-2.5-pro  nothing
    gemini-success           0         ?          2 turns, 1/1 tools, 2000+100 tokens  -               Done(Some("Done: wrote HELLO.md."))
    gemini-unknown-session   0         ?          0 turns, 0/0 tools, 0+0 tokens       -               SessionGone
    opencode-denied          0         = 0.003750 1 turns, 0/1 tools, 1000+50 tokens   fake/m          Done(Some("Writing the file.")) denied edit
    opencode-read-only       0         = 0.003750 1 turns, 0/0 tools, 1000+50 tokens   fake/m          Done(Some("Trying."))
    opencode-refused-401     0         ?          0 turns, 0/0 tools, 0+0 tokens       fake/m          Failed("invalid x-api-key")
    opencode-resumed         0         = 0.003750 1 turns, 0/0 tools, 1000+50 tokens   fake/m          Done(Some("done"))
    opencode-success         0         = 0.007500 2 turns, 1/1 tools, 1000+50 tokens   fake/m          Done(Some("Done: wrote HELLO.md."))
    opencode-too-long        0         ?          0 turns, 0/0 tools, 0+0 tokens       fake/m          ContextFull
    opencode-unknown-session 0         ?          0 turns, 0/0 tools, 0+0 tokens       -               SessionGone
    "#);
}
