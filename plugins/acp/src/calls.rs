//! Follows tool calls from their first message to their last, and counts turns.
//!
//! Agents announce calls in different ways: some first without arguments, some only in the
//! permission request, some only when the call has ended. A start is reported once, as soon as the
//! arguments are known, and before the end.

use std::collections::{HashMap, HashSet};

use autoissue_plugin_sdk::AgentEvent;
use serde_json::{Value, json};

/// Kinds of tools that change files.
const WRITING_KINDS: [&str; 3] = ["edit", "delete", "move"];

/// A tool call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    /// Kind of the tool.
    pub(crate) kind: Option<String>,
    /// Name of the tool, if the agent reports it apart from the title.
    pub(crate) name: Option<String>,
    title: String,
    input: Value,
    paths: Vec<String>,
    output: String,
    has_started: bool,
    has_ended: bool,
}

impl Call {
    /// Takes what a message says about the call; what it does not mention stays.
    fn update(&mut self, message: &Value) {
        let text = |name: &str| message[name].as_str().map(str::to_owned);
        self.kind = text("kind").or(self.kind.take());
        self.name = tool_name(message).or(self.name.take());
        self.title = text("title").unwrap_or(std::mem::take(&mut self.title));
        if is_filled(&message["rawInput"]) {
            self.input = message["rawInput"].clone();
        }
        let locations = message["locations"].as_array().into_iter().flatten();
        let paths = locations.filter_map(|location| location["path"].as_str());
        self.paths.extend(paths.map(str::to_owned));
        if let Some(output) = output(message) {
            self.output = output;
        }
    }

    /// Returns the name for people: that of the tool, or of its kind.
    pub(crate) fn tool(&self) -> String {
        let kind = self.kind.as_deref().filter(|kind| *kind != "other");
        let title = Some(self.title.as_str()).filter(|title| !title.is_empty());
        let name = self.name.as_deref().or(kind).or(title);
        name.unwrap_or("tool").to_owned()
    }

    fn start(&mut self, id: &str) -> Option<AgentEvent> {
        if std::mem::replace(&mut self.has_started, true) {
            return None;
        }
        let input = match &self.input {
            Value::Null => json!({"title": self.title, "paths": self.paths}),
            input => input.clone(),
        };
        Some(AgentEvent::ToolStart {
            id: id.to_owned(),
            name: self.tool(),
            input: input.to_string(),
        })
    }
}

/// The tool calls of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    calls: HashMap<String, Call>,
    /// Ids of calls of an earlier run, which a loaded session repeats.
    earlier: HashSet<String>,
    n_running: usize,
}

/// What a message about a tool call means.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// Events to report.
    pub(crate) events: Vec<AgentEvent>,
    /// Whether the call is new and no other one was running.
    pub(crate) is_new_round: bool,
    /// Whether files below the given directory were changed.
    pub(crate) has_written: bool,
}

impl Calls {
    /// Takes a message about a call of an earlier run.
    pub(crate) fn replay(&mut self, message: &Value) {
        self.earlier
            .extend(message["toolCallId"].as_str().map(str::to_owned));
    }

    /// Returns the call with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Call> {
        self.calls.get(id)
    }

    /// Takes a permission request for a call; the call has not started without it.
    pub(crate) fn asked(&mut self, message: &Value, directory: &str) -> Step {
        self.take(message, directory, true)
    }

    /// Takes `tool_call` or `tool_call_update`.
    pub(crate) fn updated(&mut self, message: &Value, directory: &str) -> Step {
        self.take(message, directory, false)
    }

    /// Notes that a call was denied. Some agents do not mention it again.
    pub(crate) fn denied(&mut self, id: &str) -> Option<AgentEvent> {
        let call = self.calls.get_mut(id).filter(|call| !call.has_ended)?;
        call.has_ended = true;
        self.n_running -= 1;
        Some(AgentEvent::ToolEnd {
            id: id.to_owned(),
            ok: false,
            output: "permission denied".into(),
        })
    }

    fn take(&mut self, message: &Value, directory: &str, is_asked: bool) -> Step {
        let mut step = Step::default();
        let Some(id) = message["toolCallId"]
            .as_str()
            .filter(|id| !self.earlier.contains(*id))
        else {
            return step;
        };
        if !self.calls.contains_key(id) {
            step.is_new_round = self.n_running == 0;
            self.n_running += 1;
        }
        let call = self.calls.entry(id.to_owned()).or_default();
        if call.has_ended {
            return step;
        }
        call.update(message);
        let status = message["status"].as_str().filter(|_| !is_asked);
        let is_end = matches!(status, Some("completed" | "failed"));
        let is_start = is_end || is_asked || status == Some("in_progress") || !call.input.is_null();
        step.events
            .extend(is_start.then(|| call.start(id)).flatten());
        if is_end {
            call.has_ended = true;
            self.n_running -= 1;
            let ok = status == Some("completed");
            step.has_written = ok && call.has_written_below(directory);
            step.events.push(AgentEvent::ToolEnd {
                id: id.to_owned(),
                ok,
                output: std::mem::take(&mut call.output),
            });
        }
        step
    }
}

impl Call {
    fn has_written_below(&self, directory: &str) -> bool {
        let is_writing = self
            .kind
            .as_deref()
            .is_some_and(|kind| WRITING_KINDS.contains(&kind));
        let is_below = |path: &String| {
            let rest = path.strip_prefix(directory);
            !path.starts_with('/') || rest.is_some_and(|rest| rest.starts_with('/'))
        };
        is_writing && self.paths.iter().any(is_below)
    }
}

/// Returns the name of the tool, which agents put into different places.
fn tool_name(message: &Value) -> Option<String> {
    let meta = &message["_meta"];
    let places = [
        &message["name"],
        &message["toolName"],
        &meta["claudeCode"]["toolName"],
        &meta["toolName"],
    ];
    let name = places.into_iter().find_map(Value::as_str);
    name.filter(|name| !name.is_empty()).map(str::to_owned)
}

fn is_filled(input: &Value) -> bool {
    match input {
        Value::Null => false,
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

/// Returns the output of a tool; `None` if there is none in this message.
fn output(message: &Value) -> Option<String> {
    let content = message["content"].as_array().into_iter().flatten();
    let parts: Vec<String> = content.filter_map(content_text).collect();
    if !parts.is_empty() {
        return Some(parts.join("\n"));
    }
    match &message["rawOutput"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(match &other["output"] {
            Value::String(text) => text.clone(),
            _ => other.to_string(),
        }),
    }
}

fn content_text(content: &Value) -> Option<String> {
    match content["type"].as_str()? {
        "content" => content["content"]["text"].as_str().map(str::to_owned),
        "diff" => Some(format!("changed {}", content["path"].as_str()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(calls: &mut Calls, message: &Value) -> Vec<String> {
        let event = |event: AgentEvent| match event {
            AgentEvent::ToolStart { name, input, .. } => format!("start {name} {input}"),
            AgentEvent::ToolEnd { ok, output, .. } => format!("end {ok} {output}"),
            other => format!("{other:?}"),
        };
        let step = calls.updated(message, "/repo");
        step.events.into_iter().map(event).collect()
    }

    #[test]
    fn a_call_starts_once_its_arguments_are_known() {
        let mut calls = Calls::default();
        let first = json!({"toolCallId": "a", "title": "write", "kind": "edit", "status": "pending", "rawInput": {}});
        assert_eq!(events(&mut calls, &first), [""; 0]);
        let second = json!({"toolCallId": "a", "status": "in_progress", "rawInput": {"path": "x"}});
        assert_eq!(events(&mut calls, &second), [r#"start edit {"path":"x"}"#]);
        let third =
            json!({"toolCallId": "a", "status": "completed", "rawOutput": {"output": "done"}});
        assert_eq!(events(&mut calls, &third), ["end true done"]);
        assert_eq!(events(&mut calls, &third), [""; 0], "it has ended");
    }

    #[test]
    fn a_call_that_is_only_reported_at_its_end_has_a_start_too() {
        let mut calls = Calls::default();
        let only = json!({
            "toolCallId": "a", "status": "failed", "_meta": {"toolName": "write_file"},
            "content": [{"type": "content", "content": {"type": "text", "text": "no"}}, {"type": "diff", "path": "x"}, 7],
        });
        assert_eq!(
            events(&mut calls, &only),
            [
                r#"start write_file {"title":"","paths":[]}"#,
                "end false no\nchanged x"
            ]
        );
    }

    #[test]
    fn a_denied_call_ends_once() {
        let mut calls = Calls::default();
        let message = json!({"toolCallId": "a", "kind": "edit"});
        assert!(calls.asked(&message, "/repo").is_new_round);
        let end = calls.denied("a");
        assert!(
            matches!(end, Some(AgentEvent::ToolEnd { ok: false, .. })),
            "{end:?}"
        );
        assert_eq!((calls.denied("a"), calls.denied("b")), (None, None));
        assert_eq!(
            events(&mut calls, &json!({"toolCallId": "a", "status": "failed"})),
            [""; 0]
        );
        assert!(
            calls
                .asked(&json!({"toolCallId": "c"}), "/repo")
                .is_new_round
        );
    }

    #[test]
    fn calls_of_an_earlier_run_are_ignored() {
        let mut calls = Calls::default();
        let message = json!({"toolCallId": "a", "status": "completed"});
        calls.replay(&message);
        assert_eq!(events(&mut calls, &message), [""; 0]);
        assert_eq!(events(&mut calls, &json!({"status": "completed"})), [""; 0]);
    }

    #[test]
    fn changes_below_the_directory_are_noticed() {
        let wrote = |kind: &str, path: &str, status: &str| {
            let message = json!({"toolCallId": "a", "kind": kind, "status": status, "locations": [{"path": path}]});
            Calls::default().updated(&message, "/repo").has_written
        };
        assert!(wrote("edit", "/repo/x", "completed"));
        assert!(wrote("delete", "x", "completed"));
        assert!(!wrote("edit", "/repo/x", "failed"));
        assert!(!wrote("edit", "/repository/x", "completed"));
        assert!(!wrote("read", "/repo/x", "completed"));
    }

    #[test]
    fn calls_that_run_together_are_one_round() {
        let mut calls = Calls::default();
        let mut is_new = |id: &str, status: &str| {
            let message = json!({"toolCallId": id, "status": status});
            calls.updated(&message, "/repo").is_new_round
        };
        assert!(is_new("a", "pending"));
        assert!(!is_new("b", "pending"));
        assert!(!is_new("a", "completed"));
        assert!(!is_new("b", "completed"));
        assert!(is_new("c", "pending"));
    }
}
