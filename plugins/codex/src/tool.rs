//! A tool call, as an item of the output describes it.

use autoissue_plugin_sdk::AgentEvent;
use serde_json::{Value, json};

/// How the error of a server's tool begins that the program did not call, because nobody can approve
/// it. Refused commands do not appear in the output.
const NOT_APPROVED: &str = "MCP tool call requires approval";

/// A call of a tool.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) id: String,
    pub(crate) name: String,
    input: Value,
}

impl Tool {
    /// Returns the call that an item describes; `None` if it describes something else.
    pub(crate) fn of(item: &Value) -> Option<Self> {
        let text = |key: &str| item[key].as_str().unwrap_or("unnamed");
        let (name, input) = match item["type"].as_str()? {
            "command_execution" => ("shell".to_owned(), json!({"command": item["command"]})),
            "file_change" => (
                "apply_patch".to_owned(),
                json!({"changes": item["changes"]}),
            ),
            "mcp_tool_call" => (
                format!("{}.{}", text("server"), text("tool")),
                item["arguments"].clone(),
            ),
            "web_search" => ("web_search".to_owned(), json!({"query": item["query"]})),
            "collab_tool_call" => (text("tool").to_owned(), json!({"prompt": item["prompt"]})),
            _ => return None,
        };
        let id = item["id"].as_str().unwrap_or_default().to_owned();
        Some(Self { id, name, input })
    }

    /// Returns whether an item describes a call that was not allowed.
    pub(crate) fn is_denied(item: &Value) -> bool {
        let error = item["error"]["message"].as_str().unwrap_or_default();
        item["status"] == "declined" || error.starts_with(NOT_APPROVED)
    }

    /// Returns the event for its start.
    pub(crate) fn start(&self) -> AgentEvent {
        AgentEvent::ToolStart {
            id: self.id.clone(),
            name: self.name.clone(),
            input: self.input.to_string(),
        }
    }

    /// Returns the event for its end.
    pub(crate) fn end(&self, item: &Value) -> AgentEvent {
        AgentEvent::ToolEnd {
            id: self.id.clone(),
            // A search has no status.
            ok: item["status"].as_str().is_none_or(|it| it == "completed"),
            output: output(item),
        }
    }
}

/// Returns the output of a tool that has ended.
fn output(item: &Value) -> String {
    if let Some(text) = item["aggregated_output"].as_str() {
        return text.to_owned();
    }
    if let Some(text) = item["error"]["message"].as_str() {
        return text.to_owned();
    }
    let blocks = item["result"]["content"].as_array();
    let texts = blocks
        .into_iter()
        .flatten()
        .filter_map(|block| block["text"].as_str());
    texts.collect::<Vec<_>>().join("\n")
}
