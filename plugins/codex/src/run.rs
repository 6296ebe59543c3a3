//! Interprets the output of one run, one line of JSON at a time.
//!
//! Lines and items of unknown types are ignored, because releases add new ones.
//!
//! | line | meaning |
//! | --- | --- |
//! | `thread.started` | id of the session |
//! | `item.started`, `item.completed` | text, reasoning, tools, warnings |
//! | `error` | a failed request, which the program may repeat |
//! | `turn.completed` | usage, success |
//! | `turn.failed` | the end; see [`ending`] |
//!
//! One `turn` of this format is the whole run. The turns that a task limits are the model's
//! responses, which this format does not mark: [`Turns`] counts them.

use std::collections::BTreeSet;

use autoissue_plugin_sdk::{AgentEvent, AgentRun, Exit, Line, Source, Usage};
use serde_json::Value;

use crate::ending::{self, Seen};
use crate::price;
use crate::sandbox::Commands;
use crate::tool::Tool;

/// Lines of standard error that are kept to explain an exit without a result.
const N_COMPLAINTS_MAX: usize = 20;

/// How the item begins that reports another model than the requested one: `model rerouted: A -> B
/// (reason)`.
const REROUTED: &str = "model rerouted: ";

/// What the start of a line with a message of the model contains.
const MESSAGE: &str = r#""type":"agent_message""#;
/// Characters in which [`MESSAGE`] is expected.
const ITEM_LEN: usize = 120;

/// The known cost of a session is rounded to millionths, so a difference may be too low by this much,
/// in US dollars.
const ROUNDING_USD: f64 = 1e-5;

/// What the reader of a run needs to know about its task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// Whether the run resumes a session.
    pub(crate) is_resumed: bool,
    /// Earlier cost of the resumed session, in US dollars.
    pub(crate) earlier_usd: f64,
    /// Maximum number of the model's responses.
    pub(crate) n_turns_max: Option<u32>,
    /// Whether the final message is an answer in JSON.
    pub(crate) wants_answer: bool,
}

impl Limits {
    /// Returns the part of a session's cost that this run caused, in US dollars; `None` if it is
    /// unknown, because no run is free.
    ///
    /// An earlier cost above the total is not a part of it: it was estimated, after a run that
    /// reported nothing. The total is then an upper bound.
    fn of_this_run(&self, total_usd: f64) -> Option<f64> {
        let usd = total_usd - self.earlier_usd;
        match usd {
            _ if usd < -ROUNDING_USD => Some(total_usd),
            _ if ROUNDING_USD < usd => Some(usd),
            _ => None,
        }
    }
}

/// Interprets the output of one run.
#[derive(Debug, Default)]
pub struct CodexRun {
    seen: Seen,
    limits: Limits,
    /// Model that answers, if it is known.
    answering: Option<String>,
    turns: Turns,
    commands: Commands,
    last_text: Option<String>,
    has_ended: bool,
}

/// Counts the model's responses.
///
/// A new one begins with the first output after all results of the previous one's tools. Tools that
/// run one after the other therefore count as several responses.
#[derive(Debug, Default)]
struct Turns {
    n: u32,
    /// Tool calls that have started but not ended.
    open: BTreeSet<String>,
    /// Whether all tools of the current response have ended.
    is_over: bool,
}

impl Turns {
    /// Notes output of the model. Returns whether it begins a new response.
    fn output(&mut self) -> bool {
        let is_new = self.n == 0 || self.is_over;
        self.n = self.n.saturating_add(u32::from(is_new));
        self.is_over = false;
        is_new
    }

    fn tool_started(&mut self, id: &str) {
        self.open.insert(id.to_owned());
    }

    fn tool_ended(&mut self, id: &str) {
        self.open.remove(id);
        self.is_over = self.open.is_empty();
    }

    /// Notes that a tool has ended, but not which one.
    fn tools_lost(&mut self) {
        self.open.clear();
        self.is_over = true;
    }
}

impl CodexRun {
    pub(crate) fn new(model: Option<String>, limits: Limits) -> Self {
        Self {
            seen: Seen {
                model,
                ..Seen::default()
            },
            limits,
            ..Self::default()
        }
    }

    fn stdout(&mut self, text: &str, events: &mut Vec<AgentEvent>) {
        // A line that is not JSON was printed by something that the program started.
        let Ok(line) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let item = &line["item"];
        match line["type"].as_str() {
            Some("thread.started") => self.session(&line, events),
            Some("turn.started") => self.model(self.seen.model.clone(), events),
            Some("item.started") => self.item_started(item, events),
            Some("item.completed") => self.item_ended(item, events),
            Some("error") => self.error(&line, events),
            Some("turn.completed") => self.completed(&line["usage"], events),
            Some("turn.failed") => self.failed(&line["error"], events),
            Some("item.updated") => {}
            _ => return,
        }
        self.seen.any_json = true;
    }

    /// Notes a line that is too long to read: the end of a tool or a message.
    fn cut_line(&mut self, text: &str) {
        self.seen.any_json = true;
        self.turns.tools_lost();
        if text
            .chars()
            .take(ITEM_LEN)
            .collect::<String>()
            .contains(MESSAGE)
        {
            self.last_text = None;
        }
    }

    fn session(&self, line: &Value, events: &mut Vec<AgentEvent>) {
        let id = line["thread_id"].as_str();
        events.extend(id.map(|id| AgentEvent::Session(id.to_owned())));
    }

    fn model(&mut self, name: Option<String>, events: &mut Vec<AgentEvent>) {
        if name.is_some() && name != self.answering {
            self.answering = name;
            events.extend(self.answering.clone().map(AgentEvent::Model));
        }
    }

    fn item_started(&mut self, item: &Value, events: &mut Vec<AgentEvent>) {
        if let Some(tool) = Tool::of(item) {
            self.output(events);
            self.turns.tool_started(&tool.id);
            events.push(tool.start());
        }
    }

    fn item_ended(&mut self, item: &Value, events: &mut Vec<AgentEvent>) {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        match item["type"].as_str() {
            Some("agent_message") => {
                self.output(events);
                self.last_text = Some(text("text"));
                events.push(AgentEvent::Text(text("text")));
            }
            Some("reasoning") => {
                self.output(events);
                events.push(AgentEvent::Thinking(text("text")));
            }
            Some("error") => self.warning(text("message"), events),
            _ => {
                if let Some(tool) = Tool::of(item) {
                    self.tool_ended(item, &tool, events);
                }
            }
        }
    }

    fn tool_ended(&mut self, item: &Value, tool: &Tool, events: &mut Vec<AgentEvent>) {
        if !self.turns.open.contains(&tool.id) {
            self.output(events);
            events.push(tool.start());
        }
        self.turns.tool_ended(&tool.id);
        self.commands.note(item);
        events.extend(Tool::is_denied(item).then(|| AgentEvent::Denied(tool.name.clone())));
        events.push(tool.end(item));
    }

    /// Notes output of the model, and ends the run if the task does not allow another response.
    fn output(&mut self, events: &mut Vec<AgentEvent>) {
        self.seen.error = None;
        if !self.turns.output() {
            return;
        }
        events.push(AgentEvent::Turns(self.turns.n));
        let is_over = |n_max: u32| n_max < self.turns.n;
        if self.limits.n_turns_max.is_some_and(is_over) && !self.has_ended {
            self.has_ended = true;
            events.extend([AgentEvent::TurnsReached, AgentEvent::Stop]);
        }
    }

    fn warning(&mut self, text: String, events: &mut Vec<AgentEvent>) {
        let models = text.strip_prefix(REROUTED);
        let other = models.and_then(|models| models.split_once(" -> ")?.1.split(' ').next());
        self.model(other.map(str::to_owned), events);
        events.push(AgentEvent::Note(text));
    }

    fn error(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let text = line["message"].as_str().unwrap_or_default();
        self.seen.error = Some(ending::cause_of_retry(text).unwrap_or(text).to_owned());
        events.push(AgentEvent::Note(text.to_owned()));
    }

    fn failed(&mut self, error: &Value, events: &mut Vec<AgentEvent>) {
        if self.has_ended {
            return;
        }
        self.has_ended = true;
        let text = error["message"].as_str().unwrap_or_default();
        events.push(ending::of_error(text, &self.seen));
    }

    fn completed(&mut self, usage: &Value, events: &mut Vec<AgentEvent>) {
        self.cost(usage, events);
        if self.has_ended {
            return;
        }
        self.has_ended = true;
        let answer = self.last_text.clone().filter(|_| self.limits.wants_answer);
        events.extend(answer.map(AgentEvent::Answer));
        let failure = self.commands.failure();
        events.extend(failure.clone().map(AgentEvent::OperatorNote));
        events.push(failure.map_or_else(|| self.end(), AgentEvent::Failed));
    }

    /// Returns the end of a run that the program considers complete.
    fn end(&mut self) -> AgentEvent {
        if self.turns.n == 0 {
            // The program leaves out refusals.
            return AgentEvent::Failed("the model answered nothing, so it may have refused".into());
        }
        AgentEvent::Done(self.last_text.take())
    }

    /// Reports usage and cost.
    ///
    /// The totals are those of the whole session. Tokens of earlier runs cannot be told apart, so
    /// for a resumed session only the cost is reported.
    fn cost(&mut self, usage: &Value, events: &mut Vec<AgentEvent>) {
        let mut total = usage_of(usage);
        let model = self.answering.as_deref();
        let total_usd = model.and_then(|model| price::usd(model, &total));
        total.usd = total_usd.and_then(|usd| self.limits.of_this_run(usd));
        if !self.limits.is_resumed {
            events.push(AgentEvent::UsageTotal(total));
        }
        events.extend(total.usd.map(AgentEvent::FinalCost));
    }

    fn complaint(&mut self, text: &str, events: &mut Vec<AgentEvent>) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        events.push(AgentEvent::Note(text.to_owned()));
        if self.seen.complaints.len() < N_COMPLAINTS_MAX {
            self.seen.complaints.push(text.to_owned());
        }
    }
}

impl AgentRun for CodexRun {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        let mut events = Vec::new();
        for line in lines {
            match line.source {
                Source::Stdout if line.truncated => self.cut_line(&line.text),
                Source::Stdout => self.stdout(&line.text, &mut events),
                _ => self.complaint(&line.text, &mut events),
            }
        }
        events
    }

    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent> {
        if self.has_ended {
            Vec::new()
        } else {
            ending::without_result(exit, &self.seen)
                .into_iter()
                .collect()
        }
    }
}

/// Returns the tokens of a turn. Those of the cache are a part of the input, and those of the
/// reasoning are a part of the output.
fn usage_of(usage: &Value) -> Usage {
    let tokens = |key: &str| usage[key].as_u64().unwrap_or_default();
    let (read, written) = (
        tokens("cached_input_tokens"),
        tokens("cache_write_input_tokens"),
    );
    let cached = read.saturating_add(written);
    Usage::default()
        .input_tokens(tokens("input_tokens").saturating_sub(cached))
        .output_tokens(tokens("output_tokens"))
        .cache_read_tokens(read)
        .cache_write_tokens(written)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MODEL: &str = "gpt-6.2-sol";

    fn run(limits: Limits) -> CodexRun {
        CodexRun::new(Some(MODEL.into()), limits)
    }

    fn events(run: &mut CodexRun, lines: &[Value]) -> Vec<AgentEvent> {
        let lines: Vec<Line> = lines
            .iter()
            .map(|line| Line::stdout(&line.to_string()))
            .collect();
        run.on_lines(&lines)
    }

    fn started() -> Value {
        json!({"type": "turn.started"})
    }

    fn said(text: &str) -> Value {
        json!({"type": "item.completed", "item": {"id": "t", "type": "agent_message", "text": text}})
    }

    fn command(id: &str, status: &str, output: &str) -> Value {
        let is_over = status != "in_progress";
        let code = is_over.then_some(i32::from(status != "completed"));
        let item = json!({
            "id": id, "type": "command_execution", "command": "make", "status": status,
            "aggregated_output": output, "exit_code": code,
        });
        let kind = if is_over {
            "item.completed"
        } else {
            "item.started"
        };
        json!({"type": kind, "item": item})
    }

    /// The end of a run with these millions of tokens written.
    fn completed(millions: u64) -> Value {
        json!({"type": "turn.completed", "usage": {"input_tokens": 0, "output_tokens": 1_000_000 * millions}})
    }

    fn cost(events: &[AgentEvent]) -> Option<f64> {
        events.iter().find_map(|event| match event {
            AgentEvent::FinalCost(usd) => Some((usd * 1e6).round() / 1e6),
            _ => None,
        })
    }

    fn usage(events: &[AgentEvent]) -> Option<Usage> {
        events.iter().find_map(|event| match event {
            AgentEvent::UsageTotal(usage) => Some(*usage),
            _ => None,
        })
    }

    #[test]
    fn money_cached_and_reasoning_tokens_count_once() {
        let line = json!({"type": "turn.completed", "usage": {
            "input_tokens": 1_000, "cached_input_tokens": 600, "cache_write_input_tokens": 100,
            "output_tokens": 50, "reasoning_output_tokens": 40,
        }});
        let seen = events(&mut run(Limits::default()), &[started(), said("x"), line]);
        let usd = (300.0 * 2.0 + 600.0 * 0.1 + 100.0 * 2.5 + 50.0 * 10.0) / 1e6;
        let expected = Usage::default()
            .input_tokens(300)
            .output_tokens(50)
            .cache_read_tokens(600)
            .cache_write_tokens(100);
        let mut found = usage(&seen).unwrap();
        assert!((found.usd.take().unwrap() - usd).abs() < 1e-12, "{found:?}");
        assert_eq!(found, expected);
    }

    fn check_resumed(earlier_usd: f64, expected: Option<f64>) {
        let limits = Limits {
            is_resumed: true,
            earlier_usd,
            ..Limits::default()
        };
        let seen = events(&mut run(limits), &[started(), said("x"), completed(1)]);
        assert_eq!(cost(&seen), expected, "{earlier_usd}");
        assert_eq!(usage(&seen), None, "the tokens are those of the session");
    }

    #[test]
    fn money_a_resumed_session_costs_what_was_added() {
        check_resumed(4.0, Some(6.0));
        check_resumed(0.0, Some(10.0));
        // No run is free.
        check_resumed(10.0, None);
        check_resumed(10.000_001, None);
        // Estimated after a run that was killed.
        check_resumed(25.0, Some(10.0));
    }

    #[test]
    fn an_unknown_price_is_no_price() {
        for model in [None, Some("local-model".to_owned())] {
            let mut run = CodexRun::new(model, Limits::default());
            let seen = events(&mut run, &[started(), said("x"), completed(1)]);
            assert_eq!((cost(&seen), usage(&seen).unwrap().usd), (None, None));
            assert_eq!(usage(&seen).unwrap().output_tokens, 1_000_000);
        }
        // A program that reports no tokens has not worked for free.
        let seen = events(
            &mut run(Limits::default()),
            &[started(), said("x"), completed(0)],
        );
        assert_eq!(cost(&seen), None);
    }

    #[test]
    fn the_model_that_answers_is_the_one_that_counts() {
        let text = "model rerouted: gpt-6.2-sol -> gpt-6-luna (HighRisk)";
        let rerouted = json!({"type": "item.completed", "item": {"id": "e", "type": "error", "message": text}});
        let seen = events(
            &mut run(Limits::default()),
            &[started(), rerouted, said("x"), completed(1)],
        );
        let models: Vec<&AgentEvent> = seen
            .iter()
            .filter(|event| matches!(event, AgentEvent::Model(_)))
            .collect();
        assert_eq!(
            models,
            [
                &AgentEvent::Model(MODEL.into()),
                &AgentEvent::Model("gpt-6-luna".into())
            ]
        );
        assert_eq!(cost(&seen), Some(0.5));
    }

    fn turns(lines: &[Value]) -> u32 {
        let mut run = run(Limits::default());
        events(&mut run, lines);
        run.turns.n
    }

    #[test]
    fn a_response_lasts_until_its_tools_have_ended() {
        let (a, b) = (
            command("a", "in_progress", ""),
            command("b", "in_progress", ""),
        );
        let (a_end, b_end) = (command("a", "completed", ""), command("b", "failed", ""));
        assert_eq!(turns(&[]), 0);
        assert_eq!(turns(&[said("x")]), 1);
        assert_eq!(
            turns(&[
                said("x"),
                a.clone(),
                b.clone(),
                a_end.clone(),
                b_end.clone()
            ]),
            1
        );
        assert_eq!(
            turns(&[
                a.clone(),
                b.clone(),
                b_end.clone(),
                a_end.clone(),
                said("x")
            ]),
            2
        );
        assert_eq!(turns(&[a, a_end, b, b_end]), 2);
        // Changes of files can appear only when they are done.
        let patch = json!({"type": "item.completed", "item": {"id": "p", "type": "file_change", "status": "completed", "changes": []}});
        assert_eq!(turns(&[said("x"), patch.clone(), patch]), 2);
    }

    #[test]
    fn the_limit_of_turns_ends_the_program() {
        let limits = Limits {
            n_turns_max: Some(1),
            ..Limits::default()
        };
        let mut run = run(limits);
        let first = [
            said("x"),
            command("a", "in_progress", ""),
            command("a", "completed", ""),
        ];
        assert!(!events(&mut run, &first).contains(&AgentEvent::Stop));
        let seen = events(&mut run, &[started(), said("y"), completed(1)]);
        let at = |event: AgentEvent| seen.iter().position(|it| *it == event);
        assert!(at(AgentEvent::TurnsReached).unwrap() < at(AgentEvent::Stop).unwrap());
        assert!(
            !seen
                .iter()
                .any(|event| matches!(event, AgentEvent::Done(_))),
            "{seen:?}"
        );
        assert!(cost(&seen).is_some(), "what it cost is still reported");
        assert_eq!(run.on_exit(Exit::default().code(1)), []);
    }

    #[test]
    fn a_sandbox_that_fails_every_command_is_the_machines_failure() {
        let bwrap = "bwrap: setting up uid map: Permission denied\n";
        let failed = |id: &str| command(id, "failed", bwrap);
        let end = |lines: &[Value]| {
            let mut run = run(Limits::default());
            events(&mut run, lines);
            events(&mut run, &[completed(1)]).pop().unwrap()
        };
        let all = end(&[failed("a"), failed("b"), said("I could not do it.")]);
        assert!(
            matches!(&all, AgentEvent::Failed(text) if text.contains("setting up uid map")),
            "{all:?}"
        );
        let done = AgentEvent::Done(Some("x".into()));
        assert_eq!(
            end(&[failed("a"), command("b", "completed", ""), said("x")]),
            done
        );
        assert_eq!(
            end(&[
                failed("a"),
                command("b", "failed", "no such file\n"),
                said("x")
            ]),
            done
        );
        // Printed by a test of the repository, which therefore ran.
        assert_eq!(
            end(&[command("a", "failed", "test 1: bwrap: no\n"), said("x")]),
            done
        );
    }

    #[test]
    fn retries_are_notes_and_explain_a_run_that_is_killed() {
        let error = |text: &str| json!({"type": "error", "message": text});
        let mut run = run(Limits::default());
        let retry =
            error("Reconnecting... 2/5 (unexpected status 503 Service Unavailable: busy, url: u)");
        let waiting =
            error("Reconnecting... waiting for network (Connection failed: error sending request)");
        let seen = events(&mut run, &[started(), retry.clone()]);
        assert!(
            matches!(seen.as_slice(), [AgentEvent::Model(_), AgentEvent::Note(_)]),
            "{seen:?}"
        );
        let killed = Exit::default().signal(9);
        let end = run.on_exit(killed);
        assert!(
            matches!(end.as_slice(), [AgentEvent::Overloaded(_)]),
            "{end:?}"
        );

        let mut run = super::CodexRun::new(None, Limits::default());
        events(&mut run, &[started(), waiting]);
        let end = run.on_exit(killed);
        assert!(
            matches!(end.as_slice(), [AgentEvent::Unreachable(_)]),
            "{end:?}"
        );

        let mut run = super::CodexRun::new(None, Limits::default());
        events(&mut run, &[started(), retry, said("It works again.")]);
        assert_eq!(run.on_exit(killed), []);
    }

    #[test]
    fn a_line_that_was_cut_hides_neither_a_turn_nor_an_old_message() {
        let mut run = run(Limits::default());
        events(&mut run, &[said("old"), command("a", "in_progress", "")]);
        let cut = |line: &Value| vec![Line::stdout(&line.to_string()[..90]).truncated(true)];
        run.on_lines(&cut(&command("a", "completed", "long output")));
        run.on_lines(&cut(&json!({"type": "item.completed", "item": {"id": "t", "type": "agent_message", "text": "a long message"}})));
        let seen = events(&mut run, &[said("x"), completed(1)]);
        assert_eq!(run.turns.n, 2);
        assert_eq!(seen.last(), Some(&AgentEvent::Done(Some("x".into()))));
    }

    #[test]
    fn meaningless_lines_are_skipped() {
        let mut run = run(Limits::default());
        let lines = [
            "not json",
            "[]",
            "7",
            "{}",
            "{\"type\":\"new\"}",
            "{\"type\":\"item.completed\"}",
            "{\"type\":\"item.started\",\"item\":{\"type\":\"new\"}}",
        ];
        assert_eq!(run.on_lines(&lines.map(Line::stdout)), []);
        assert_eq!(run.on_exit(Exit::default().code(0)), []);
    }

    #[test]
    fn a_final_message_is_the_answer_if_one_is_wanted() {
        let limits = Limits {
            wants_answer: true,
            ..Limits::default()
        };
        let seen = events(&mut run(limits), &[said("first"), said("{}"), completed(1)]);
        assert!(seen.contains(&AgentEvent::Answer("{}".into())), "{seen:?}");
        let seen = events(&mut run(Limits::default()), &[said("{}"), completed(1)]);
        assert!(
            !seen
                .iter()
                .any(|event| matches!(event, AgentEvent::Answer(_)))
        );
    }
}
