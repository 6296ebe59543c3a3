//! Tracks what a run has spent so far, from the program's output.
//!
//! ```text
//!   message_start ─► opens a message: tokens read, and their cost
//!   message_delta ─► tokens written so far, for the whole message
//!   next message  ─► settles the previous one, separately for the agent and each of its helpers
//! ```
//!
//! An `assistant` line reports what was read but not what was written (its count is that of the
//! message's first token). Helpers only produce such lines, so the tokens that they wrote are
//! estimated from the length of the text. For a helper's last message there is no line at all, only
//! the final length of its conversation, and its answer.
//!
//! A message that was started and never finished, because the connection broke, is missing from the
//! program's own totals; see [`Meter::unfinished_usd`].

use std::collections::BTreeMap;

use autoissue_plugin_sdk::Usage;
use serde_json::Value;

use crate::price::{self, Tokens};

/// Bytes of text or code per token, approximately.
const TOKEN_BYTES: u64 = 4;
/// Name of the agent itself among its helpers.
const MAIN: &str = "";

/// What a run has spent so far.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    tokens: Tokens,
    usd: f64,
    /// Cost of settled messages that were never finished.
    unfinished_usd: f64,
    /// The newest message of the agent, and of each running helper.
    open: BTreeMap<String, Message>,
    /// Whether part of the total is estimated: a model without a list price, or a conversation of
    /// which only the length was reported.
    is_guess: bool,
}

#[derive(Debug, Default)]
struct Message {
    id: String,
    model: String,
    tokens: Tokens,
    /// Whether its parts are streamed as they are written, so that its token count is exact.
    is_streamed: bool,
    /// Whether its total of written tokens was reported. A message that arrives as one line is
    /// complete.
    is_finished: bool,
    written_bytes: u64,
}

impl Meter {
    /// Handles a `stream_event` line.
    pub(crate) fn stream_event(&mut self, line: &Value) {
        let event = &line["event"];
        match event["type"].as_str() {
            Some("message_start") => self.message(line, &event["message"]).is_streamed = true,
            Some("message_delta") => {
                if let Some(message) = self.open.get_mut(helper(line)) {
                    message.raise(&event["usage"]);
                    message.is_finished = true;
                }
            }
            _ => {}
        }
    }

    /// Handles an `assistant` line.
    pub(crate) fn assistant(&mut self, line: &Value) {
        let message = self.message(line, &line["message"]);
        if !message.is_streamed {
            message.written_bytes += line["message"]["content"].to_string().len() as u64;
            message.tokens.output = message
                .tokens
                .output
                .max(message.written_bytes / TOKEN_BYTES);
        }
    }

    /// Handles the final length of a helper's conversation, which includes its last message, for
    /// which there is no line.
    pub(crate) fn helper_told(&mut self, tool_use_id: &str, n_tokens: u64) {
        if tool_use_id == MAIN {
            return;
        }
        self.is_guess = true;
        let before = self.open.remove(tool_use_id);
        let model = before
            .as_ref()
            .or(self.open.get(MAIN))
            .map(|message| message.model.clone())
            .unwrap_or_default();
        let known = before.as_ref().map_or(0, |message| message.tokens.prompt());
        before.iter().for_each(|message| self.settle(message));
        // The tokens of the previous message are read from the cache.
        let tokens = Tokens {
            input: n_tokens.saturating_sub(known),
            cache_read: known,
            ..Tokens::default()
        };
        self.open.insert(
            tool_use_id.to_owned(),
            Message {
                model,
                tokens,
                ..Message::default()
            },
        );
    }

    /// Settles a helper that has answered with `answer_bytes` bytes.
    pub(crate) fn helper_ended(&mut self, tool_use_id: &str, answer_bytes: usize) {
        if tool_use_id != MAIN
            && let Some(mut message) = self.open.remove(tool_use_id)
        {
            message.tokens.output = message.tokens.output.max(answer_bytes as u64 / TOKEN_BYTES);
            self.settle(&message);
        }
    }

    /// Returns the cost of messages that were started and never finished.
    pub(crate) fn unfinished_usd(&self) -> f64 {
        self.unfinished_usd + self.open.values().map(Message::unfinished_usd).sum::<f64>()
    }

    /// Returns whether the agent's own newest message was started and not finished.
    pub(crate) fn is_in_message(&self) -> bool {
        self.open
            .get(MAIN)
            .is_some_and(|message| message.is_streamed && !message.is_finished)
    }

    /// Returns whether part of the total is estimated, so that the program's own bill may be lower.
    pub(crate) const fn is_guess(&self) -> bool {
        self.is_guess
    }

    /// Returns the total usage.
    pub(crate) fn total(&self) -> Usage {
        let (mut tokens, mut usd) = (self.tokens, self.usd);
        for message in self.open.values() {
            tokens.add(&message.tokens);
            usd += message.tokens.usd(&message.model);
        }
        Usage::default()
            .input_tokens(tokens.input)
            .output_tokens(tokens.output)
            .cache_read_tokens(tokens.cache_read)
            .cache_write_tokens(tokens.cache_write)
            .usd(usd)
    }

    /// Returns the message that a line belongs to, creating it if it is new.
    fn message(&mut self, line: &Value, message: &Value) -> &mut Message {
        let id = message["id"].as_str().unwrap_or_default();
        let helper = helper(line);
        if self.open.get(helper).is_none_or(|open| open.id != id) {
            let model = message["model"].as_str().unwrap_or_default().to_owned();
            self.is_guess |= !price::is_known(&model);
            let new = Message {
                id: id.to_owned(),
                model,
                ..Message::default()
            };
            if let Some(before) = self.open.insert(helper.to_owned(), new) {
                self.settle(&before);
            }
        }
        let open = self.open.entry(helper.to_owned()).or_default();
        open.raise(&message["usage"]);
        open
    }

    fn settle(&mut self, message: &Message) {
        self.tokens.add(&message.tokens);
        self.usd += message.tokens.usd(&message.model);
        self.unfinished_usd += message.unfinished_usd();
    }
}

impl Message {
    /// Raises the counts to those of a record of the same message; later records omit fields.
    fn raise(&mut self, usage: &Value) {
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        let tokens = &mut self.tokens;
        tokens.input = tokens.input.max(count(&usage["input_tokens"]));
        tokens.output = tokens.output.max(count(&usage["output_tokens"]));
        tokens.cache_read = tokens
            .cache_read
            .max(count(&usage["cache_read_input_tokens"]));
        tokens.cache_write = tokens
            .cache_write
            .max(count(&usage["cache_creation_input_tokens"]));
        let hour = count(&usage["cache_creation"]["ephemeral_1h_input_tokens"]);
        tokens.cache_write_hour = tokens.cache_write_hour.max(hour);
    }

    fn unfinished_usd(&self) -> f64 {
        if self.is_streamed && !self.is_finished {
            self.tokens.usd(&self.model)
        } else {
            0.0
        }
    }
}

/// Returns the tool call that started the helper that a line belongs to.
fn helper(line: &Value) -> &str {
    line["parent_tool_use_id"].as_str().unwrap_or(MAIN)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn start(parent: Option<&str>, id: &str, input: u64) -> Value {
        let usage = json!({"input_tokens": input, "output_tokens": 1});
        let message = json!({"id": id, "model": "claude-opus-5", "usage": usage});
        json!({"parent_tool_use_id": parent, "event": {"type": "message_start", "message": message}})
    }

    fn delta(parent: Option<&str>, output: u64) -> Value {
        let usage = json!({"output_tokens": output});
        json!({"parent_tool_use_id": parent, "event": {"type": "message_delta", "usage": usage}})
    }

    fn assistant(parent: Option<&str>, id: &str, input: u64, text: &str) -> Value {
        let usage = json!({"input_tokens": input, "output_tokens": 1});
        let message = json!({"id": id, "model": "claude-opus-5", "content": text, "usage": usage});
        json!({"parent_tool_use_id": parent, "message": message})
    }

    #[test]
    fn a_message_counts_once_however_many_lines_report_it() {
        let mut meter = Meter::default();
        meter.stream_event(&start(None, "a", 1_000));
        meter.assistant(&assistant(None, "a", 1_000, &"x".repeat(4_000)));
        meter.assistant(&assistant(None, "a", 1_000, "y"));
        meter.stream_event(&delta(None, 100));
        meter.stream_event(&delta(None, 500));
        let total = meter.total();
        assert_eq!((total.input_tokens, total.output_tokens), (1_000, 500));
        assert!(
            (total.usd.unwrap() - (0.005 + 0.0125)).abs() < 1e-9,
            "{total:?}"
        );
    }

    #[test]
    fn messages_add_up_and_helpers_count_too() {
        let mut meter = Meter::default();
        meter.stream_event(&start(None, "a", 1_000));
        meter.stream_event(&delta(None, 10));
        meter.stream_event(&start(Some("call"), "b", 2_000));
        meter.stream_event(&start(None, "c", 4_000));
        meter.stream_event(&delta(Some("call"), 20));
        meter.helper_ended("call", 0);
        meter.stream_event(&delta(None, 40));
        let total = meter.total();
        assert_eq!((total.input_tokens, total.output_tokens), (7_000, 70));
    }

    #[test]
    fn unmeasured_is_free_output_without_a_count_is_estimated() {
        let mut meter = Meter::default();
        meter.assistant(&assistant(Some("call"), "a", 1_000, &"x".repeat(3_998)));
        assert_eq!(meter.total().output_tokens, 1_000);
    }

    #[test]
    fn unmeasured_is_free_the_last_message_of_a_helper_counts_too() {
        let mut meter = Meter::default();
        meter.stream_event(&start(None, "a", 0));
        meter.assistant(&assistant(Some("call"), "b", 1_000, ""));
        meter.helper_told("call", 1_500);
        meter.helper_ended("call", 400);
        let total = meter.total();
        assert_eq!(
            (
                total.input_tokens,
                total.cache_read_tokens,
                total.output_tokens
            ),
            (1_500, 1_000, 102)
        );
        // No earlier message: everything that it read is new.
        meter.helper_told("other", 2_000);
        meter.helper_ended("other", 0);
        assert_eq!(meter.total().input_tokens, 3_500);
    }

    #[test]
    fn unmeasured_is_free_an_unfinished_message_is_counted() {
        let mut meter = Meter::default();
        meter.stream_event(&start(None, "a", 1_000_000));
        assert!((meter.unfinished_usd() - 5.000_025).abs() < 1e-9 && meter.is_in_message());
        // The program retries and succeeds.
        meter.stream_event(&start(None, "b", 1_000_000));
        meter.stream_event(&delta(None, 100));
        assert!((meter.unfinished_usd() - 5.000_025).abs() < 1e-9 && !meter.is_in_message());
    }

    #[test]
    fn cache_writes_count_once() {
        let mut message = Message::default();
        let creation = json!({"ephemeral_1h_input_tokens": 60, "ephemeral_5m_input_tokens": 40});
        message.raise(&json!({"cache_creation_input_tokens": 100, "cache_creation": creation}));
        message.raise(&json!({"cache_creation_input_tokens": 100}));
        assert_eq!(
            (message.tokens.cache_write, message.tokens.cache_write_hour),
            (100, 60)
        );
    }
}
