//! Interprets the output of one run, one line of JSON at a time.
//!
//! ```text
//!   init ─► message… ─► tool_use… ─► tool_result… ─► message… ─► result
//!           └──────── a turn ────────────────────┘   └─ a turn ─┘
//! ```
//!
//! Tokens are only reported in the result, which the program does not print if it is stopped. An
//! error in a result only gets its meaning from the exit code: see [`crate::ending`].
//!
//! Lines of unknown types are ignored, because every release adds new ones.

use std::collections::BTreeMap;

use autoissue_plugin_sdk::{AgentEvent, AgentRun, AgentTask, Exit, Line, Source, Usage};
use serde_json::Value;

use crate::ending::{self, Ending, Problem, Seen};
use crate::{policy, price};

/// After this many attempts at a request the run ends. Two more get past a short problem. Longer
/// problems are left to the host, which knows about the other tasks: with the program's own ten
/// attempts an outage would last for minutes without a line of output.
const N_ATTEMPTS: u32 = 3;
/// Lines of standard error that are kept to explain an exit without a result.
const N_COMPLAINTS_MAX: usize = 40;
/// Kinds of error of a tool call that was not allowed.
const POLICY_VIOLATION: &str = "policy_violation";
const TOOL_NOT_REGISTERED: &str = "tool_not_registered";
const PATH_NOT_IN_WORKSPACE: &str = "path_not_in_workspace";
/// Start of the same error from tools that check the path as one of their arguments.
const OUTSIDE: &str = "Path not in workspace: ";
/// How a result starts, which is the last line.
const RESULT: &str = r#"{"type":"result""#;

/// Interprets the output of one run.
#[derive(Debug, Default)]
pub struct GeminiRun {
    seen: Seen,
    /// Names of the tools that were called, by the ids of the calls.
    tools: BTreeMap<String, String>,
    n_turns: u32,
    turn: Turn,
    max_turns: Option<u32>,
    /// Whether an effort level was chosen: the program has no argument for it.
    ignores_effort: bool,
    /// Model that answers.
    answering: Option<String>,
    /// Error of the result, until the exit code is known.
    problem: Option<Problem>,
    has_ended: bool,
}

/// What the model has written since its last tools ended.
#[derive(Debug, Default)]
struct Turn {
    text: String,
    has_started: bool,
}

impl GeminiRun {
    /// Creates the reader of a task's run.
    pub fn new(task: &AgentTask) -> Self {
        Self {
            max_turns: task.max_turns,
            ignores_effort: task.effort.is_some(),
            seen: Seen {
                model: task.model.clone(),
                resumes: task.resume.is_some(),
                ..Seen::default()
            },
            ..Self::default()
        }
    }

    fn stdout(&mut self, text: &str, events: &mut Vec<AgentEvent>) {
        // A line that is not JSON was printed by something that the program started.
        let Ok(line) = serde_json::from_str::<Value>(text) else {
            return;
        };
        match line["type"].as_str() {
            Some("init") => self.init(&line, events),
            Some("message") => self.message(&line, events),
            Some("tool_use") => self.tool_started(&line, events),
            Some("tool_result") => self.tool_ended(&line, events),
            Some("error") => self.error(&line, events),
            Some("result") => self.result(&line, events),
            _ => return,
        }
        self.seen.any_json = true;
    }

    fn init(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        events.extend(
            line["session_id"]
                .as_str()
                .map(|id| AgentEvent::Session(id.to_owned())),
        );
        if self.ignores_effort {
            let words = "`gemini` has no option for the effort level; it uses its default";
            events.push(AgentEvent::Note(words.into()));
        }
        let model = line["model"].as_str().unwrap_or_default();
        // An alias does not say which model answers.
        if model.contains('-') && !model.starts_with("auto") && model != "flash-lite" {
            self.answers(model, events);
        }
    }

    fn answers(&mut self, model: &str, events: &mut Vec<AgentEvent>) {
        if self.answering.as_deref() != Some(model) {
            self.answering = Some(model.to_owned());
            events.push(AgentEvent::Model(model.to_owned()));
        }
    }

    fn message(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let text = line["content"].as_str().unwrap_or_default();
        if line["role"] != "assistant" || text.is_empty() {
            return;
        }
        self.turn_goes_on(events);
        self.turn.text.push_str(text);
        events.push(AgentEvent::Text(text.to_owned()));
    }

    fn tool_started(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        self.turn_goes_on(events);
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let (id, name) = (text("tool_id"), text("tool_name"));
        self.tools.insert(id.clone(), name.clone());
        let input = line["parameters"].to_string();
        events.push(AgentEvent::ToolStart { id, name, input });
    }

    fn tool_ended(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        self.turn = Turn::default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let id = text(&line["tool_id"]).unwrap_or_default();
        let error = &line["error"];
        let name = self.tools.remove(&id).unwrap_or_default();
        if was_denied(&name, error) {
            events.push(AgentEvent::Denied(name));
        }
        let ok = line["status"] == "success" && error.is_null();
        let output = text(&line["output"]).or_else(|| text(&error["message"]));
        events.push(AgentEvent::ToolEnd {
            id,
            ok,
            output: output.unwrap_or_default(),
        });
    }

    /// Counts a new turn when the model starts to answer. The program has no argument for a limit.
    fn turn_goes_on(&mut self, events: &mut Vec<AgentEvent>) {
        self.seen.warning = None;
        if self.turn.has_started {
            return;
        }
        self.turn.has_started = true;
        self.n_turns = self.n_turns.saturating_add(1);
        events.push(AgentEvent::Turns(self.n_turns));
        if self.max_turns.is_some_and(|max| max < self.n_turns) && !self.has_ended {
            self.stop(AgentEvent::TurnsReached, events);
        }
    }

    fn stop(&mut self, end: AgentEvent, events: &mut Vec<AgentEvent>) {
        self.has_ended = true;
        events.extend([end, AgentEvent::Stop]);
    }

    fn error(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let message = line["message"].as_str().unwrap_or("unknown error");
        events.push(AgentEvent::Note(message.to_owned()));
        self.seen.warning = Some(message.to_owned());
    }

    fn result(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        self.cost(&line["stats"]["models"], events);
        if self.has_ended {
            return;
        }
        let answer = Some(self.turn.text.trim()).filter(|text| !text.is_empty());
        match ending::of_result(line, answer, &self.seen) {
            Ending::Event(event) => {
                self.has_ended = true;
                events.push(event);
            }
            Ending::Problem(problem) => self.problem = Some(problem),
        }
    }

    /// Reports the usage, and the model that has answered most of the requests: the program also
    /// uses small models for itself.
    fn cost(&mut self, models: &Value, events: &mut Vec<AgentEvent>) {
        let models: Vec<_> = models.as_object().into_iter().flatten().collect();
        let mut usage = Usage::default().usd(0.0);
        let mut most = 0;
        let mut answering = None;
        for (name, stats) in models {
            let tokens = usage_of(stats);
            let n_tokens = n_tokens(&tokens);
            if n_tokens == 0 {
                continue;
            }
            if most < n_tokens {
                (most, answering) = (n_tokens, Some(name));
            }
            let usd = price::usd(name, &tokens, self.n_turns);
            add(&mut usage, &tokens, usd);
        }
        // Without an answer nothing is known: a request that was cut is not counted.
        if let Some(model) = answering {
            self.answers(model, events);
            events.push(AgentEvent::UsageTotal(usage));
            events.extend(usage.usd.map(AgentEvent::FinalCost));
        }
    }

    fn complaint(&mut self, text: &str, events: &mut Vec<AgentEvent>) {
        let text = text.trim();
        if text.is_empty() || is_stack_frame(text) {
            return;
        }
        events.push(AgentEvent::Note(text.to_owned()));
        if self.seen.complaints.len() < N_COMPLAINTS_MAX {
            self.seen.complaints.push(text.to_owned());
        }
        let retry = ending::retry(text).filter(|retry| N_ATTEMPTS <= retry.n_attempts);
        if let Some(retry) = retry.filter(|_| !self.has_ended) {
            let end = ending::of_retry(&retry, &self.seen);
            self.stop(end, events);
        }
    }
}

impl AgentRun for GeminiRun {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        let mut events = Vec::new();
        for line in lines {
            match line.source {
                Source::Stdout if line.truncated && is_result(&line.text) => {
                    self.has_ended = true;
                    let words = "the agent's final message is too long to read";
                    events.push(AgentEvent::Failed(words.into()));
                }
                Source::Stdout => self.stdout(&line.text, &mut events),
                _ => self.complaint(&line.text, &mut events),
            }
        }
        events
    }

    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent> {
        if self.has_ended {
            return Vec::new();
        }
        match &self.problem {
            Some(problem) => vec![ending::of_problem(problem, exit, &self.seen)],
            None => ending::without_result(exit, &self.seen)
                .into_iter()
                .collect(),
        }
    }
}

/// Returns whether a tool call failed because it is not allowed. A tool that is not offered is only
/// denied if it exists: models also make up names.
fn was_denied(name: &str, error: &Value) -> bool {
    let message = error["message"].as_str().unwrap_or_default();
    match error["type"].as_str() {
        Some(POLICY_VIOLATION | PATH_NOT_IN_WORKSPACE) => true,
        Some(TOOL_NOT_REGISTERED) => policy::is_tool(name),
        _ => message.starts_with(OUTSIDE),
    }
}

/// Returns the tokens of one model. Those of its reasoning are neither in `output_tokens` nor
/// anywhere else: they are what the total has in addition.
fn usage_of(stats: &Value) -> Usage {
    let count = |key: &str| stats[key].as_u64().unwrap_or_default();
    let (read, cached) = (count("input_tokens"), count("cached"));
    let written = count("total_tokens").saturating_sub(read);
    Usage::default()
        .input_tokens(read.saturating_sub(cached))
        .cache_read_tokens(cached)
        .output_tokens(written.max(count("output_tokens")))
}

const fn n_tokens(usage: &Usage) -> u64 {
    usage
        .input_tokens
        .saturating_add(usage.output_tokens)
        .saturating_add(usage.cache_read_tokens)
}

/// Adds the tokens of another model. The sum has a cost only if each of its models has one.
fn add(sum: &mut Usage, more: &Usage, usd: Option<f64>) {
    let of = |a: u64, b: u64| a.saturating_add(b);
    sum.input_tokens = of(sum.input_tokens, more.input_tokens);
    sum.output_tokens = of(sum.output_tokens, more.output_tokens);
    sum.cache_read_tokens = of(sum.cache_read_tokens, more.cache_read_tokens);
    sum.usd = sum.usd.zip(usd).map(|(a, b)| a + b);
}

/// Returns whether a line starts like a result, whatever its spacing.
fn is_result(text: &str) -> bool {
    text.chars()
        .filter(|c| !c.is_whitespace())
        .take(RESULT.len())
        .eq(RESULT.chars())
}

/// Returns whether a line of standard error only says where in the program an error occurred.
fn is_stack_frame(text: &str) -> bool {
    text.starts_with("at ") && text.ends_with([')', ':'])
        || text.starts_with("at async ")
        || text.starts_with("at file://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(run: &mut GeminiRun, text: &str) -> Vec<AgentEvent> {
        run.on_lines(&[Line::stdout(text)])
    }

    fn result(models: &str) -> String {
        format!(r#"{{"type":"result","status":"success","stats":{{"models":{models}}}}}"#)
    }

    fn usage(models: &str) -> Option<Usage> {
        let found = events(&mut GeminiRun::default(), &result(models));
        found.into_iter().find_map(|event| match event {
            AgentEvent::UsageTotal(usage) => Some(usage),
            _ => None,
        })
    }

    #[test]
    fn cached_tokens_count_once_and_reasoning_is_output() {
        let models = r#"{"gemini-2.5-pro":{"total_tokens":1800,"input_tokens":1000,"output_tokens":200,"cached":400,"input":600}}"#;
        let expected = Usage::default()
            .input_tokens(600)
            .cache_read_tokens(400)
            .output_tokens(800)
            .usd((600.0 * 1.25 + 400.0 * 0.125 + 800.0 * 10.0) / 1e6);
        assert_eq!(usage(models), Some(expected));
    }

    #[test]
    fn unmeasured_is_free_a_model_without_a_price_makes_the_cost_unknown() {
        let one = r#""input_tokens":10,"output_tokens":5,"total_tokens":15"#;
        let models = format!(r#"{{"gemini-2.5-pro":{{{one}}},"other":{{{one}}}}}"#);
        let usage = usage(&models).unwrap();
        assert_eq!(
            (usage.usd, usage.input_tokens, usage.output_tokens),
            (None, 20, 10)
        );
    }

    #[test]
    fn unmeasured_is_free_without_tokens_no_cost_is_reported() {
        let none = r#"{"gemini-2.5-pro":{"input_tokens":0,"output_tokens":0,"total_tokens":0}}"#;
        assert_eq!(usage(none), None);
        assert_eq!(usage("{}"), None);
        assert_eq!(usage("null"), None);
        let wrong =
            r#"{"gemini-2.5-pro":{"input_tokens":-4,"output_tokens":"many","total_tokens":null}}"#;
        assert_eq!(usage(wrong), None);
    }

    #[test]
    fn the_model_that_answers_is_the_one_with_most_tokens() {
        let mut run = GeminiRun::default();
        assert_eq!(
            events(
                &mut run,
                r#"{"type":"init","session_id":"s","model":"pro"}"#
            )
            .len(),
            1
        );
        let models = r#"{"gemini-2.5-flash":{"input_tokens":9,"total_tokens":10},"gemini-3.1-pro-preview":{"input_tokens":90,"total_tokens":100}}"#;
        let found = events(&mut run, &result(models));
        let model = AgentEvent::Model("gemini-3.1-pro-preview".into());
        assert!(found.contains(&model), "{found:?}");
    }

    fn said(text: &str) -> String {
        format!(r#"{{"type":"message","role":"assistant","content":"{text}","delta":true}}"#)
    }

    const CALL: &str =
        r#"{"type":"tool_use","tool_name":"run_shell_command","tool_id":"1","parameters":{}}"#;
    const CALLED: &str = r#"{"type":"tool_result","tool_id":"1","status":"success","output":"x"}"#;

    #[test]
    fn a_run_that_passes_its_turn_limit_is_stopped() {
        let mut run = GeminiRun::new(&AgentTask::default().max_turns(2));
        for _ in 0..2 {
            assert!(!events(&mut run, &said("a")).contains(&AgentEvent::Stop));
            events(&mut run, CALL);
            events(&mut run, CALLED);
        }
        let found = events(&mut run, &said("a"));
        assert!(
            found.ends_with(&[
                AgentEvent::TurnsReached,
                AgentEvent::Stop,
                AgentEvent::Text("a".into())
            ]),
            "{found:?}"
        );
        assert!(
            !events(&mut run, &said("b")).contains(&AgentEvent::Stop),
            "once"
        );
        let end = events(&mut run, &result("{}"));
        assert!(
            end.is_empty() && run.on_exit(Exit::default().code(0)).is_empty(),
            "{end:?}"
        );
    }

    #[test]
    fn nested_retries_the_program_tries_at_most_three_times() {
        let line = |n| {
            Line::stderr(&format!(
                "Attempt {n} failed with status 503. Retrying with backoff... x"
            ))
        };
        let mut run = GeminiRun::default();
        for n in 1..3 {
            assert!(!run.on_lines(&[line(n)]).contains(&AgentEvent::Stop), "{n}");
        }
        let found = run.on_lines(&[line(3)]);
        assert!(
            matches!(
                &found[..],
                [
                    AgentEvent::Note(_),
                    AgentEvent::Overloaded(_),
                    AgentEvent::Stop
                ]
            ),
            "{found:?}"
        );
        assert!(
            !run.on_lines(&[line(4)]).contains(&AgentEvent::Stop),
            "once"
        );
        assert!(run.on_exit(Exit::default().code(0)).is_empty());
    }

    #[test]
    fn fragments_of_the_last_turn_are_the_answer() {
        let mut run = GeminiRun::default();
        for line in [
            said("old"),
            CALL.into(),
            CALLED.into(),
            said("new "),
            said("end\\n"),
        ] {
            events(&mut run, &line);
        }
        let found = events(&mut run, &result("{}"));
        assert_eq!(found, [AgentEvent::Done(Some("new end".into()))]);
    }

    #[test]
    fn success_without_an_answer_means_that_the_conversation_is_too_long() {
        let mut run = GeminiRun::default();
        for line in [said("old"), CALL.into(), CALLED.into()] {
            events(&mut run, &line);
        }
        assert_eq!(events(&mut run, &result("{}")), [AgentEvent::ContextFull]);
    }

    #[test]
    fn success_after_an_error_is_none() {
        let error = |message: &str| {
            format!(r#"{{"type":"error","severity":"warning","message":"{message}"}}"#)
        };
        for (message, expected) in [
            (
                "Loop detected, stopping execution",
                AgentEvent::Failed("Loop detected, stopping execution".into()),
            ),
            ("Maximum session turns exceeded", AgentEvent::TurnsReached),
        ] {
            let mut run = GeminiRun::default();
            events(&mut run, &said("a"));
            events(&mut run, &error(message));
            assert_eq!(events(&mut run, &result("{}")), [expected]);
        }
        let mut run = GeminiRun::default();
        events(&mut run, &error("Loop detected, stopping execution"));
        events(&mut run, &said("a"));
        assert_eq!(
            events(&mut run, &result("{}")),
            [AgentEvent::Done(Some("a".into()))],
            "it has recovered"
        );
    }

    #[test]
    fn a_result_that_is_too_long_is_recognised_by_its_start() {
        for (text, expected) in [
            (r#"{"type":"result","x":"#, true),
            (r#"{ "type" : "result", "x":"#, true),
            (r#"{"type":"message","x":""#, false),
        ] {
            let line = Line::stdout(text).truncated(true);
            let found = GeminiRun::default().on_lines(&[line]);
            assert_eq!(!found.is_empty(), expected, "{text}");
        }
    }

    #[test]
    fn places_in_the_program_are_not_notes() {
        for (text, expected) in [
            ("    at async Turn.run (file://bundle/chunk.js:1:2)", false),
            ("    at file://bundle/chunk.js:1:2", false),
            ("    at throwErrorIfNotOK (file://x.js:267833:24)", false),
            ("at last it works", true),
            ("Attempt 3 failed. Retrying with backoff...", true),
            ("", false),
        ] {
            let found = GeminiRun::default().on_lines(&[Line::stderr(text)]);
            assert_eq!(!found.is_empty(), expected, "{text}");
        }
    }
}
