//! Recorded output of opencode 1.18.33, each with its exit code and standard error, and its expected
//! interpretation.
//!
//! Recorded with the arguments, variables and settings of this backend, with a scripted model behind
//! a provider of the user's own settings, without a network. `cost-unknown` is of a model without a
//! price, `limited-until` of an answer with `retry-after`, and `database-locked` of four runs that
//! shared a new database, which this backend avoids. SIGINT is missing: the program ignores it.
//! Unit tests have written by hand, after the program's source: `ProviderAuthError`,
//! `MessageAbortedError`, rejected permissions, and the `done` line of newer releases.

use std::fmt::Write as _;

use autoissue_opencode::OpencodeBackend;
use autoissue_plugin_sdk::{
    AgentBackend, AgentEvent, AgentTask, Exit, Line, ResumedSession, Usage,
};
use serde_json::Value;

/// The final interpretation.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    end: Option<AgentEvent>,
    /// The final cost, if it is known.
    cost: Option<f64>,
    /// Sum of the usage of all steps.
    spent: Usage,
    n_turns: u32,
    session: Option<String>,
    denied: Vec<String>,
    texts: Vec<String>,
    thoughts: Vec<String>,
    tools: Vec<(String, bool)>,
    is_stopped: bool,
}

impl Reading {
    fn take(&mut self, event: AgentEvent) {
        match event {
            AgentEvent::Session(id) => self.session = Some(id),
            AgentEvent::FinalCost(usd) => self.cost = Some(usd),
            AgentEvent::UsageDelta(usage) => self.add(&usage),
            AgentEvent::Denied(tool) => self.denied.push(tool),
            AgentEvent::Turns(n) => self.n_turns = n,
            AgentEvent::Text(text) => self.texts.push(text),
            AgentEvent::Thinking(text) => self.thoughts.push(text),
            AgentEvent::ToolStart { name, .. } => self.tools.push((name, false)),
            AgentEvent::ToolEnd { ok, .. } => {
                self.tools.last_mut().expect("it has started").1 = ok;
            }
            AgentEvent::Stop => self.is_stopped = true,
            AgentEvent::Note(_) => {}
            // The last one counts: an overflow may be reported twice.
            end => self.end = Some(end),
        }
    }

    fn add(&mut self, usage: &Usage) {
        self.spent.input_tokens += usage.input_tokens;
        self.spent.output_tokens += usage.output_tokens;
        if let Some(usd) = usage.usd {
            self.spent.usd = Some(self.spent.usd.unwrap_or_default() + usd);
        }
    }
}

fn read(task: &AgentTask, stdout: &str, stderr: &str, exit: Exit) -> Reading {
    let (mut run, _) = OpencodeBackend.start(task).expect("it can be started");
    let mut reading = Reading::default();
    let stdout = stdout.lines().map(Line::stdout);
    for line in stdout.chain(stderr.lines().map(Line::stderr)) {
        run.on_lines(&[line])
            .into_iter()
            .for_each(|event| reading.take(event));
    }
    let events = run.on_exit(exit);
    events.into_iter().for_each(|event| reading.take(event));
    reading
}

/// Returns the names of the recordings, sorted.
fn names() -> Vec<String> {
    let entries = std::fs::read_dir(fixture("")).expect("the recordings");
    let files = entries.map(|entry| {
        let name = entry.expect("an entry").file_name();
        name.into_string().expect("a name in UTF-8")
    });
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.strip_suffix(".jsonl")?.to_owned()))
        .collect();
    names.sort();
    names
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str, kind: &str) -> String {
    std::fs::read_to_string(fixture(&format!("{name}.{kind}"))).expect("the recording")
}

fn recorded_for(task: &AgentTask, name: &str) -> (Reading, Exit) {
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

fn task() -> AgentTask {
    AgentTask::default().directory("/repo")
}

fn recorded(name: &str) -> (Reading, Exit) {
    let task = if name.ends_with("-session") {
        task().resume(ResumedSession::new("ses_1", 0.5))
    } else {
        task()
    };
    recorded_for(&task, name)
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
        let money = match (reading.cost, reading.spent.usd) {
            (Some(cost), _) => format!("= {cost:.6}"),
            (None, Some(spent)) => format!("≥ {spent:.6}"),
            (None, None) => "?".to_owned(),
        };
        let end = reading
            .end
            .map_or_else(|| "nothing".to_owned(), |end| format!("{end:?}"));
        let denied = match reading.denied.as_slice() {
            [] => String::new(),
            denied => format!(" denied {}", denied.join(", ")),
        };
        let n_turns = reading.n_turns;
        writeln!(
            table,
            "{name:<20} {exit:<8} {money:<10} {n_turns} {end:.110}{denied}"
        )
        .expect("a string takes all");
    }
    insta::assert_snapshot!(table, @r#"
    answer               0        = 0.003750 1 Done(Some("{\"issues\":[]}"))
    anthropic            0        = 0.005000 2 Done(Some("Done: wrote HELLO.md."))
    cost-unknown         0        ?          2 Done(Some("Done: wrote HELLO.md."))
    cut                  1        ?          0 Unreachable("Cannot connect to API: The socket connection was closed unexpectedly. For more information, pass 
    database-locked      1        ?          0 Overloaded("`opencode` did not start: database is locked")
    denied               0        = 0.007500 2 Done(Some("Could not fetch.")) denied webfetch
    denied-rule          0        = 0.007500 2 Done(Some("Could not run it.")) denied bash
    killed-in-model      signal 9 ?          0 nothing
    limited-until        1        = 0.000000 0 RateLimited(InS(1))
    malformed-session    1        ?          0 SessionGone
    max-tokens           0        = 0.003750 1 Failed("the model reached the limit of its output")
    no-credit            1        = 0.000000 0 AuthFailed("the account of `opencode` has a billing problem: Your credit balance is too low to access the Anth
    no-quota             1        = 0.000000 0 AuthFailed("the account of `opencode` has a billing problem: You exceeded your current quota, please check you
    overflow-then-fine   1        = 0.007500 2 ContextFull
    read-env             0        = 0.007500 2 Done(Some("Could not read it.")) denied read
    read-only            0        = 0.007500 2 Done(Some("{\"ok\":false}")) denied bash
    refusal              1        = 0.003750 1 Failed("The response was blocked by the provider's content filter")
    refused-400          1        = 0.000000 0 Failed("bad request (fake)")
    refused-401          1        = 0.000000 0 AuthFailed("`opencode` was denied access: invalid x-api-key")
    refused-402          1        = 0.000000 0 AuthFailed("the account of `opencode` has a billing problem: Insufficient credits (fake)")
    refused-403          1        = 0.000000 0 AuthFailed("`opencode` was denied access: forbidden (fake)")
    refused-404          1        = 0.000000 0 AuthFailed("the model is not available to `opencode`: model: no-such-model")
    refused-429          1        = 0.000000 0 RateLimited(Unknown)
    refused-500          1        = 0.000000 0 Overloaded("internal (fake)")
    refused-529          1        = 0.000000 0 Overloaded("Overloaded")
    resumed-session      0        = 0.003750 1 Done(Some("done"))
    shell                0        = 0.007500 2 Done(Some("Done: committed."))
    sigterm-in-model     signal 15 ?          0 nothing
    sigterm-in-tool      signal 15 ?          0 nothing
    success              0        = 0.007500 2 Done(Some("Done: wrote HELLO.md."))
    too-long             1        = 0.000000 0 ContextFull
    unknown-model        1        = 0.000000 0 AuthFailed("`opencode` cannot run with model `default` (`opencode models` lists the known ones): Unexpected se
    unknown-option       1        ?          0 AuthFailed("the installed `opencode` does not know an option of this backend: install another release")
    unknown-provider     1        = 0.000000 0 AuthFailed("`opencode` cannot run with model `default` (`opencode models` lists the known ones): Unexpected se
    unknown-session      1        ?          0 SessionGone
    unreachable          1        = 0.000000 0 Unreachable("Cannot connect to API: Unable to connect. Is the computer able to access the url?")
    "#);
}

#[test]
fn recordings_have_no_local_paths_or_keys() {
    for name in names() {
        let recorded = text(&name, "jsonl") + &text(&name, "end");
        for found in ["/tmp", "/root", "sk-", "Bearer"] {
            assert!(!recorded.contains(found), "{name}: {found}");
        }
    }
}

#[test]
fn a_run_reports_its_texts_tools_and_tokens() {
    let (reading, _) = recorded("success");
    assert_eq!(
        reading.texts,
        ["Writing the file.", "Done: wrote HELLO.md."]
    );
    assert_eq!(reading.tools, [("write".to_owned(), true)]);
    let usage = Usage::default().input_tokens(2_000).output_tokens(100);
    assert_eq!(reading.spent, usage.usd(0.0075));
    let session = reading.session.expect("a session");
    assert!(
        session.starts_with("ses_") && session.contains('@'),
        "{session}"
    );
}

#[test]
fn a_read_only_run_had_no_tool_that_writes() {
    let (reading, _) = recorded("read-only");
    assert_eq!(reading.denied, ["bash"]);
    assert!(
        reading.tools.iter().all(|(_, ok)| !ok),
        "{:?}",
        reading.tools
    );
}

#[test]
fn denied_but_success() {
    for (name, denied) in [("denied", "webfetch"), ("denied-rule", "bash")] {
        let (reading, _) = recorded(name);
        assert!(
            matches!(&reading.end, Some(AgentEvent::Done(_))),
            "{name}: {reading:?}"
        );
        assert_eq!(reading.denied, [denied], "{name}");
    }
}

#[test]
fn the_final_message_is_the_answer() {
    let (reading, _) = recorded("answer");
    assert_eq!(
        reading.end,
        Some(AgentEvent::Done(Some(r#"{"issues":[]}"#.into())))
    );
}

#[test]
fn money_a_resumed_session_reports_its_new_steps_only() {
    let (reading, _) = recorded("resumed-session");
    assert_eq!((reading.n_turns, reading.cost), (1, Some(0.00375)));
}

#[test]
fn money_a_cost_of_zero_is_unknown() {
    let (reading, _) = recorded("cost-unknown");
    assert_eq!((reading.cost, reading.spent.usd), (None, None));
    assert_eq!(reading.spent.input_tokens, 2_000);
}

#[test]
fn the_limit_of_turns_is_enforced() {
    let (reading, _) = recorded_for(&task().max_turns(1), "success");
    assert_eq!(
        (reading.end, reading.is_stopped),
        (Some(AgentEvent::TurnsReached), true)
    );
    let (reading, _) = recorded_for(&task().max_turns(2), "success");
    assert!(matches!(reading.end, Some(AgentEvent::Done(_))) && !reading.is_stopped);
}

#[test]
fn a_session_that_was_not_requested_is_not_gone() {
    let (reading, _) = recorded_for(&task(), "unknown-session");
    assert_eq!(reading.end, None);
}

#[test]
fn a_crash_is_not_explained() {
    let exit = Exit::default().code(139);
    assert_eq!(read(&task(), "", "Segmentation fault", exit).end, None);
}

#[test]
fn issue_403_numbers_in_words_mean_nothing() {
    let words = "closed #403 and #429, rate limit, 401 lines";
    let text = serde_json::json!({"type": "text", "sessionID": "ses_1", "part": {"messageID": "m", "text": words}});
    let stop = serde_json::json!({"type": "step_finish", "sessionID": "ses_1", "part": {"reason": "stop", "cost": 0.1}});
    let reading = read(
        &task(),
        &format!("{text}\n{stop}"),
        "",
        Exit::default().code(0),
    );
    assert_eq!(reading.end, Some(AgentEvent::Done(Some(words.into()))));
}
