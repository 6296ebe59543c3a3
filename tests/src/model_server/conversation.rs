//! Parses a request: how far the conversation has come, and which issue it is about.

use serde_json::Value;

/// Tag with which Claude Code prefixes reminders in user messages.
const REMINDER: &str = "<system-reminder>";
/// Label with which Claude Code states its working directory.
const DIRECTORY: &str = "Primary working directory: ";

/// The parsed request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conversation {
    /// Requested model.
    pub(crate) model: String,
    /// Whether to stream the response.
    pub(crate) is_streamed: bool,
    /// The agent's working directory.
    pub(crate) directory: String,
    /// The latest user message.
    pub(crate) prompt: String,
    /// Number of tool results since then.
    pub(crate) n_results: usize,
    /// What the model has said so far.
    pub(crate) said: String,
    /// All text sent to the model: system prompts, user messages and tool results.
    pub(crate) words: String,
}

impl Conversation {
    /// Parses a request. Missing or malformed parts are left empty, because the server accepts any
    /// client.
    pub(crate) fn read(body: &Value) -> Self {
        let mut conversation = Self {
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            is_streamed: body["stream"] == true,
            ..Self::default()
        };
        for text in texts(&body["system"]) {
            conversation.told(text);
        }
        for message in list(&body["messages"]) {
            match message["role"].as_str() {
                Some("user") => conversation.of_user(&message["content"]),
                Some("assistant") => {
                    texts(&message["content"]).for_each(|text| conversation.said.push_str(text))
                }
                _ => texts(&message["content"]).for_each(|text| conversation.told(text)),
            }
        }
        conversation
    }

    fn of_user(&mut self, content: &Value) {
        let is_answer = list(content)
            .iter()
            .any(|block| block["type"] == "tool_result");
        self.n_results += list(content)
            .iter()
            .filter(|block| block["type"] == "tool_result")
            .count();
        for text in texts(content) {
            self.told(text);
            // Next to a tool result there are only reminders.
            if !is_answer && !text.trim_start().starts_with(REMINDER) {
                text.clone_into(&mut self.prompt);
                self.n_results = 0;
            }
        }
    }

    fn told(&mut self, text: &str) {
        if let Some(directory) = text.lines().find_map(|line| line.split_once(DIRECTORY)) {
            directory.1.trim().clone_into(&mut self.directory);
        }
        self.words.push_str(text);
        self.words.push('\n');
    }

    /// Returns the number of the issue in the latest user message; 0 if there is none.
    pub(crate) fn issue(&self) -> u64 {
        let line = self
            .prompt
            .lines()
            .find_map(|line| line.strip_prefix("Issue #"));
        let digits = line
            .and_then(|line| line.split_once(':'))
            .map_or("", |(number, _)| number);
        digits.parse().unwrap_or_default()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns the texts of a content value: a string, or the text blocks of a list.
fn texts(content: &Value) -> impl Iterator<Item = &str> {
    let blocks = list(content)
        .iter()
        .filter(|block| block["type"] == "text")
        .filter_map(|block| block["text"].as_str());
    content.as_str().into_iter().chain(blocks)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_are_counted_from_the_latest_user_message() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let result = json!({"type": "tool_result", "tool_use_id": "a", "content": "ok"});
        let body = json!({
            "model": "m", "stream": true, "system": [text("Primary working directory: /w\n")],
            "messages": [
                {"role": "user", "content": [text("<system-reminder>be kind</system-reminder>"), text("Issue #7: first\n")]},
                {"role": "assistant", "content": [text("Aha.")]},
                {"role": "user", "content": [result, text("<system-reminder>x")]},
                {"role": "user", "content": "Issue #7: again\n"},
                {"role": "user", "content": [result, result]},
            ],
        });
        let read = Conversation::read(&body);
        assert_eq!(
            (read.prompt.as_str(), read.n_results, read.issue()),
            ("Issue #7: again\n", 2, 7)
        );
        assert_eq!(
            (
                read.directory.as_str(),
                read.said.as_str(),
                read.is_streamed
            ),
            ("/w", "Aha.", true)
        );
        assert!(
            read.words.contains("be kind") && read.words.contains("first"),
            "{}",
            read.words
        );
    }
}
