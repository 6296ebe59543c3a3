//! Interprets the output of one run, one line of JSON at a time.
//!
//! Lines of unknown types are ignored, because every release adds new ones.
//!
//! | line | meaning |
//! | --- | --- |
//! | `step_start`, `step_finish` | a request to the model, with its tokens and cost: one turn |
//! | `text`, `reasoning` | what the model has written, once it is complete |
//! | `tool_use` | a tool call, once it has ended |
//! | `error` | see [`ending`] |
//! | `done` | the end of the run, in newer releases |
//!
//! A step that ends with `stop` is not always the last: a summary of a long conversation ends in the
//! same way. So success is reported when the program has exited.
//!
//! The program does not print which model answers, and it prints nothing while it retries.

use autoissue_plugin_sdk::{AgentEvent, AgentRun, AgentTask, Exit, Line, Source, Usage};
use serde_json::Value;

use crate::ending::{self, Failure};
use crate::permission;
use crate::session::Session;

/// Lines of standard error that are kept to explain an exit without an error.
const N_COMPLAINTS_MAX: usize = 20;

/// No step costs this much, in US dollars: a program that reports more has miscounted.
const USD_MAX: f64 = 1e6;

/// Start of the error of a tool call that a rule denies. The program has no field for it.
const DENIED_BY_RULE: &str = "The user has specified a rule which prevents you from using";
/// Start of the error of a tool call that needs a permission which nobody can give.
const REJECTED: &str = "The user rejected permission to use";
/// Start of the error of a call of a tool that is not offered to the model.
const UNAVAILABLE: &str = "Model tried to call unavailable tool";
/// Tool that takes the place of one that is not offered, if the rules allow all tools.
const INVALID: &str = "invalid";

/// Interprets the output of one run.
#[derive(Debug, Default)]
pub struct OpencodeRun {
    session: Session,
    /// Requested model.
    model: Option<String>,
    max_turns: Option<u32>,
    budget_usd: Option<f64>,
    /// The program's id of the session.
    id: Option<String>,
    n_turns: u32,
    /// Cost of the finished steps, in US dollars.
    spent_usd: f64,
    /// Whether a step has an unknown cost.
    is_cost_unknown: bool,
    /// Whether a step has started and not finished.
    in_step: bool,
    /// Why the newest step ended.
    reason: Option<String>,
    /// Message of the newest text, and that text.
    message: Option<String>,
    text: String,
    has_failed: bool,
    has_ended: bool,
    complaints: Vec<String>,
}

impl OpencodeRun {
    /// Creates the reader of this task's run in this session.
    pub(crate) fn new(task: &AgentTask, session: Session) -> Self {
        Self {
            session,
            model: task.model.clone(),
            max_turns: task.max_turns,
            budget_usd: task.budget_usd,
            ..Self::default()
        }
    }

    fn stdout(&mut self, text: &str, events: &mut Vec<AgentEvent>) {
        // A line that is not JSON was printed by something that the program started.
        let Ok(line) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let Some(kind) = line["type"].as_str() else {
            return;
        };
        self.session(&line, events);
        let part = &line["part"];
        match kind {
            "step_start" => self.step_started(),
            "step_finish" => self.step_finished(part, events),
            "text" => self.text(part, events),
            "reasoning" => events.extend(string(part, "text").map(AgentEvent::Thinking)),
            "tool_use" => tool(part, events),
            "error" => self.failed(&line["error"], events),
            "done" => self.done(&line, events),
            _ => {}
        }
    }

    fn session(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let id = string(line, "sessionID");
        if id.is_some() && self.id != id {
            let name = id.as_ref().map(|id| self.session.name(id));
            events.extend(name.map(AgentEvent::Session));
            self.id = id;
        }
    }

    fn step_started(&mut self) {
        // The connection was lost in the middle of the last step, which cost something too.
        self.is_cost_unknown |= self.in_step;
        self.in_step = true;
        self.reason = None;
    }

    fn step_finished(&mut self, part: &Value, events: &mut Vec<AgentEvent>) {
        self.in_step = false;
        self.reason = string(part, "reason");
        self.n_turns = self.n_turns.saturating_add(1);
        events.push(AgentEvent::Turns(self.n_turns));
        let usage = usage(part);
        match usage.usd {
            Some(usd) => self.spent_usd += usd,
            None => self.is_cost_unknown = true,
        }
        if usage != Usage::default() {
            events.push(AgentEvent::UsageDelta(usage));
        }
        self.limits(events);
    }

    /// Ends the run if it has reached a limit and wants another turn. The program has no such
    /// limits.
    fn limits(&mut self, events: &mut Vec<AgentEvent>) {
        if self.reason.as_deref() != Some("tool-calls") {
            return;
        }
        let end = if self.max_turns.is_some_and(|max| max <= self.n_turns) {
            AgentEvent::TurnsReached
        } else if self.budget_usd.is_some_and(|usd| usd <= self.spent_usd) {
            AgentEvent::BudgetReached
        } else {
            return;
        };
        self.has_ended = true;
        events.extend([end, AgentEvent::Stop]);
    }

    fn text(&mut self, part: &Value, events: &mut Vec<AgentEvent>) {
        let Some(text) = string(part, "text") else {
            return;
        };
        let message = string(part, "messageID");
        if self.message != message {
            self.message = message;
            self.text.clear();
        }
        self.text.push_str(&text);
        events.push(AgentEvent::Text(text));
    }

    fn failed(&mut self, error: &Value, events: &mut Vec<AgentEvent>) {
        self.has_failed = true;
        let Some(failure) = Failure::of(error) else {
            events.push(AgentEvent::Failed("`opencode` reported an error".into()));
            return;
        };
        // A request that breaks off costs an unknown amount.
        self.is_cost_unknown |= !failure.is_free();
        if failure.is_internal() && self.n_turns == 0 && !self.in_step {
            let end = ending::cannot_start(self.model.as_deref(), &failure.words());
            events.push(end);
            return;
        }
        // An interrupted request is explained by whatever interrupted it.
        events.extend(failure.meaning());
    }

    /// Reports the cost as final if it includes everything.
    fn exact_cost(&self, events: &mut Vec<AgentEvent>) {
        if !self.in_step && !self.is_cost_unknown {
            events.push(AgentEvent::FinalCost(self.spent_usd));
        }
    }

    fn done(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let rejected = line["rejected"].as_array().into_iter().flatten();
        events.extend(rejected.filter_map(|name| Some(AgentEvent::Denied(name.as_str()?.into()))));
        if !self.has_failed {
            self.finished(events);
        }
    }

    /// Reports the end of the newest step as the end of the run.
    fn finished(&mut self, events: &mut Vec<AgentEvent>) {
        if self.has_ended || self.in_step {
            return;
        }
        let end = match self.reason.as_deref() {
            Some("stop") => AgentEvent::Done(Some(self.text.clone())),
            Some("length") => {
                AgentEvent::Failed("the model reached the limit of its output".into())
            }
            Some("content-filter") => AgentEvent::Failed("the model refuses to answer".into()),
            Some(reason) => AgentEvent::Failed(format!("the model stopped early: {reason}")),
            None => return,
        };
        self.has_ended = true;
        events.push(end);
    }

    fn complaint(&mut self, text: &str, events: &mut Vec<AgentEvent>) {
        let text = without_colours(text);
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        events.extend(ending::rejected(text).map(|name| AgentEvent::Denied(name.to_owned())));
        events.push(AgentEvent::Note(text.to_owned()));
        if self.complaints.len() < N_COMPLAINTS_MAX {
            self.complaints.push(text.to_owned());
        }
    }
}

impl AgentRun for OpencodeRun {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        let mut events = Vec::new();
        for line in lines {
            match line.source {
                Source::Stdout => self.stdout(&line.text, &mut events),
                _ => self.complaint(&line.text, &mut events),
            }
        }
        events
    }

    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent> {
        let mut events = Vec::new();
        if self.id.is_none() {
            let is_resumed = self.session.resumed.is_some();
            events.extend(ending::without_output(exit, is_resumed, &self.complaints));
            return events;
        }
        if !self.has_failed && exit.code == Some(0) {
            self.finished(&mut events);
        }
        if self.has_failed || self.has_ended {
            self.exact_cost(&mut events);
        }
        events
    }
}

/// Returns the tokens of a step and its cost.
///
/// The program does not count tokens of the cache as input, nor those of reasoning as output. A cost
/// of 0 is that of a model whose price it does not know.
fn usage(part: &Value) -> Usage {
    let tokens = &part["tokens"];
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let usd = part["cost"].as_f64();
    Usage::default()
        .input_tokens(count(&tokens["input"]))
        .output_tokens(count(&tokens["output"]).saturating_add(count(&tokens["reasoning"])))
        .cache_read_tokens(count(&tokens["cache"]["read"]))
        .cache_write_tokens(count(&tokens["cache"]["write"]))
        .usd(usd.filter(|usd| 0.0 < *usd && *usd < USD_MAX))
}

fn tool(part: &Value, events: &mut Vec<AgentEvent>) {
    let (state, id) = (&part["state"], string(part, "callID").unwrap_or_default());
    let name = called(part);
    let error = state["error"].as_str();
    events.push(AgentEvent::ToolStart {
        id: id.clone(),
        name: name.clone(),
        input: state["input"].to_string(),
    });
    let output = error.or_else(|| state["output"].as_str());
    events.push(AgentEvent::ToolEnd {
        id,
        ok: state["status"] == "completed" && part["tool"] != INVALID,
        output: output.unwrap_or_default().to_owned(),
    });
    if is_denied(part, &name) {
        events.push(AgentEvent::Denied(name));
    }
}

/// Returns the tool that the model has called.
fn called(part: &Value) -> String {
    let name = string(part, "tool").unwrap_or_default();
    match part["state"]["input"]["tool"].as_str() {
        Some(wanted) if name == INVALID => wanted.to_owned(),
        _ => name,
    }
}

/// Returns whether a tool call was denied. A tool is not offered if it is denied entirely; names
/// that no tool has are mistakes of the model.
fn is_denied(part: &Value, name: &str) -> bool {
    if part["tool"] == INVALID {
        return permission::is_tool(name);
    }
    let error = part["state"]["error"].as_str().unwrap_or_default();
    error.starts_with(DENIED_BY_RULE)
        || error.starts_with(REJECTED)
        || (error.starts_with(UNAVAILABLE) && permission::is_tool(name))
}

fn string(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

/// Returns a line without the escape sequences that colour it.
fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run_of(task: &AgentTask) -> OpencodeRun {
        OpencodeRun::new(task, Session::of(task))
    }

    fn run() -> OpencodeRun {
        run_of(&AgentTask::default())
    }

    fn events(run: &mut OpencodeRun, line: &Value) -> Vec<AgentEvent> {
        run.on_lines(&[Line::stdout(&line.to_string())])
    }

    fn finish(reason: &str, usd: f64) -> Value {
        let tokens =
            json!({"input": 10, "output": 5, "reasoning": 3, "cache": {"read": 7, "write": 2}});
        json!({"type": "step_finish", "sessionID": "ses_1", "part": {"reason": reason, "cost": usd, "tokens": tokens}})
    }

    fn start() -> Value {
        json!({"type": "step_start", "sessionID": "ses_1", "part": {}})
    }

    fn exit(code: i32) -> Exit {
        Exit::default().code(code)
    }

    fn steps(run: &mut OpencodeRun, costs: &[f64]) -> Vec<AgentEvent> {
        let lines = costs
            .iter()
            .flat_map(|usd| [start(), finish("tool-calls", *usd)]);
        lines.flat_map(|line| events(run, &line)).collect()
    }

    fn usages(events: &[AgentEvent]) -> Vec<Usage> {
        let usage = |event: &AgentEvent| match event {
            AgentEvent::UsageDelta(usage) => Some(*usage),
            _ => None,
        };
        events.iter().filter_map(usage).collect()
    }

    #[test]
    fn money_each_step_is_charged_once() {
        let mut run = run();
        let mut seen = steps(&mut run, &[0.25, 0.5]);
        events(&mut run, &finish("stop", 1.0));
        seen.extend(run.on_exit(exit(0)));
        let usage = Usage::default()
            .input_tokens(10)
            .output_tokens(8)
            .cache_read_tokens(7)
            .cache_write_tokens(2);
        assert_eq!(usages(&seen), [usage.usd(0.25), usage.usd(0.5)]);
        assert!(seen.contains(&AgentEvent::FinalCost(1.75)), "{seen:?}");
    }

    #[test]
    fn money_zero_is_unknown() {
        let mut run = run();
        let mut seen = steps(&mut run, &[0.0, 0.5]);
        events(&mut run, &finish("stop", 0.5));
        seen.extend(run.on_exit(exit(0)));
        assert_eq!(usages(&seen)[0].usd, None);
        assert!(
            !seen
                .iter()
                .any(|event| matches!(event, AgentEvent::FinalCost(_)))
        );
    }

    #[test]
    fn money_an_impossible_cost_is_unknown() {
        for usd in [-1.0, 1e9] {
            assert_eq!(usages(&steps(&mut run(), &[usd]))[0].usd, None);
        }
    }

    #[test]
    fn money_the_cost_of_a_step_that_broke_off_is_unknown() {
        let mut run = run();
        events(&mut run, &start());
        let mut seen = steps(&mut run, &[0.5]);
        events(&mut run, &finish("stop", 0.5));
        seen.extend(run.on_exit(exit(0)));
        assert!(
            !seen
                .iter()
                .any(|event| matches!(event, AgentEvent::FinalCost(_)))
        );
    }

    #[test]
    fn the_run_is_stopped_at_its_turn_limit() {
        let mut run = run_of(&AgentTask::default().max_turns(2));
        assert!(!steps(&mut run, &[0.1]).contains(&AgentEvent::Stop));
        let seen = steps(&mut run, &[0.1]);
        assert!(
            seen.ends_with(&[AgentEvent::TurnsReached, AgentEvent::Stop]),
            "{seen:?}"
        );
        let seen = run.on_exit(Exit::default().signal(15));
        assert_eq!(seen, [AgentEvent::FinalCost(0.2)]);
    }

    #[test]
    fn the_run_is_stopped_at_its_budget() {
        let mut run = run_of(&AgentTask::default().budget_usd(0.3));
        assert!(!steps(&mut run, &[0.2]).contains(&AgentEvent::Stop));
        let seen = steps(&mut run, &[0.2]);
        assert!(
            seen.ends_with(&[AgentEvent::BudgetReached, AgentEvent::Stop]),
            "{seen:?}"
        );
    }

    #[test]
    fn the_last_turn_of_a_limit_may_finish() {
        let mut run = run_of(&AgentTask::default().max_turns(1).budget_usd(0.1));
        events(&mut run, &start());
        let seen = events(&mut run, &finish("stop", 0.5));
        assert!(!seen.contains(&AgentEvent::Stop));
        assert!(
            run.on_exit(exit(0))
                .contains(&AgentEvent::Done(Some(String::new())))
        );
    }

    #[test]
    fn a_step_that_stops_is_the_end_only_if_the_program_exits() {
        let mut run = run();
        events(&mut run, &start());
        let seen = events(&mut run, &finish("stop", 0.1));
        assert!(
            !seen
                .iter()
                .any(|event| matches!(event, AgentEvent::Done(_)))
        );
        events(&mut run, &start());
        assert_eq!(run.on_exit(exit(0)), [], "a step is unfinished");
    }

    #[test]
    fn the_summary_is_the_text_of_the_last_message() {
        let mut run = run();
        for (message, text) in [("m1", "I look."), ("m2", "It is "), ("m2", "done.")] {
            let part = json!({"messageID": message, "text": text});
            events(
                &mut run,
                &json!({"type": "text", "sessionID": "ses_1", "part": part}),
            );
        }
        events(&mut run, &finish("stop", 0.1));
        let seen = run.on_exit(exit(0));
        assert!(
            seen.contains(&AgentEvent::Done(Some("It is done.".into()))),
            "{seen:?}"
        );
    }

    #[test]
    fn an_end_line_of_newer_releases_is_the_end() {
        let done =
            json!({"type": "done", "sessionID": "ses_1", "reason": "idle", "rejected": ["bash"]});
        let mut run = run();
        steps(&mut run, &[0.1]);
        events(&mut run, &finish("stop", 0.1));
        let seen = events(&mut run, &done);
        assert!(seen.contains(&AgentEvent::Denied("bash".into())));
        assert!(matches!(seen.last(), Some(AgentEvent::Done(_))), "{seen:?}");
        assert_eq!(run.on_exit(exit(0)), [AgentEvent::FinalCost(0.2)]);
    }

    #[test]
    fn an_error_is_the_end_even_if_the_run_then_stops() {
        let mut run = run();
        let error = json!({"type": "error", "sessionID": "ses_1", "error": {"name": "ContentFilterError", "data": {"message": "no"}}});
        steps(&mut run, &[0.1]);
        let seen = events(&mut run, &error);
        assert_eq!(seen.last(), Some(&AgentEvent::Failed("no".into())));
        events(&mut run, &finish("stop", 0.1));
        assert_eq!(run.on_exit(exit(1)), [AgentEvent::FinalCost(0.2)]);
    }

    #[test]
    fn money_only_a_refused_request_is_free() {
        for (data, expected) in [
            (
                json!({"message": "no", "statusCode": 500}),
                vec![AgentEvent::FinalCost(0.1)],
            ),
            (json!({"message": "no", "isRetryable": true}), vec![]),
        ] {
            let mut run = run();
            steps(&mut run, &[0.1]);
            let error = json!({"name": "APIError", "data": data});
            events(
                &mut run,
                &json!({"type": "error", "sessionID": "ses_1", "error": error}),
            );
            assert_eq!(run.on_exit(exit(1)), expected, "{error}");
        }
    }

    #[test]
    fn an_internal_error_is_a_wrong_configuration_only_before_the_first_answer() {
        let error = json!({"type": "error", "sessionID": "ses_1", "error": {"name": "UnknownError", "data": {"message": "no", "ref": "err_1"}}});
        let mut run = run_of(&AgentTask::default().model("a/b"));
        let seen = events(&mut run, &error);
        let Some(AgentEvent::AuthFailed(text)) = seen.last() else {
            panic!("{seen:?}")
        };
        assert!(text.contains("`a/b`"), "{text}");
        steps(&mut run, &[0.1]);
        let seen = events(&mut run, &error);
        assert_eq!(seen.last(), Some(&AgentEvent::Failed("no".into())));
    }

    #[test]
    fn an_error_without_a_name_is_a_failure() {
        let seen = events(&mut run(), &json!({"type": "error", "sessionID": "ses_1"}));
        assert!(
            matches!(seen.last(), Some(AgentEvent::Failed(_))),
            "{seen:?}"
        );
    }

    fn tool_call(tool: &str, state: &Value) -> Vec<AgentEvent> {
        let part = json!({"tool": tool, "callID": "c", "state": state});
        events(
            &mut run(),
            &json!({"type": "tool_use", "sessionID": "ses_1", "part": part}),
        )
    }

    #[test]
    fn denied_tools_are_told_apart_from_mistakes() {
        let unavailable = "Model tried to call unavailable tool 'invalid'. Available tools: read.";
        let by_rule =
            "The user has specified a rule which prevents you from using this specific tool call.";
        let failed = |error: &str| json!({"status": "error", "input": {}, "error": error});
        let instead = |tool: &str| json!({"status": "completed", "input": {"tool": tool, "error": "x"}, "output": "x"});
        for (tool, state, expected) in [
            ("bash", failed(by_rule), Some("bash")),
            (
                "bash",
                failed("The user rejected permission to use this"),
                Some("bash"),
            ),
            ("webfetch", failed(unavailable), Some("webfetch")),
            ("write", failed(unavailable), Some("write")),
            ("make_coffee", failed(unavailable), None),
            ("invalid", instead("webfetch"), Some("webfetch")),
            ("invalid", instead("make_coffee"), None),
            ("bash", failed("exit code 403"), None),
            (
                "bash",
                json!({"status": "completed", "input": {}, "output": by_rule}),
                None,
            ),
        ] {
            let seen = tool_call(tool, &state);
            let denied = seen.iter().find_map(|event| match event {
                AgentEvent::Denied(name) => Some(name.as_str()),
                _ => None,
            });
            assert_eq!(denied, expected, "{tool} {state}");
        }
    }

    #[test]
    fn a_rejected_permission_on_standard_error_is_a_denial() {
        let line = "\u{1b}[93m\u{1b}[1m!\u{1b}[0m permission requested: external_directory (/tmp/*); auto-rejecting";
        let seen = run().on_lines(&[Line::stderr(line)]);
        assert_eq!(seen[0], AgentEvent::Denied("external_directory".into()));
    }

    #[test]
    fn noise_changes_nothing() {
        let mut run = run();
        for text in [
            "",
            "{",
            "[]",
            "null",
            r#"{"type":"step_finish"}"#,
            r#"{"type":7}"#,
            "permission requested: x",
        ] {
            run.on_lines(&[Line::stdout(text)]);
        }
        assert_eq!(run.id, None);
        assert_eq!(run.on_exit(exit(0)), []);
    }
}
