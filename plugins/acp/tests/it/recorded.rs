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
    insta::assert_snapshot!(table, @"");
}
