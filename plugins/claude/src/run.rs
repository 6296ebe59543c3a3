//! Interprets the output of one run, one line of JSON at a time.
//!
//! Lines of unknown types are ignored, because every release adds new ones.

use autoissue_plugin_sdk::{AgentEvent, AgentRun, Exit, Line, Source, Usage};
use serde_json::Value;

use crate::ending::{self, Refusal, Seen};
use crate::meter::Meter;

/// Lines of standard error that are kept to explain an exit without a result.
const N_COMPLAINTS_MAX: usize = 20;
/// Model name in messages that the program writes itself, such as errors of the service.
const SYNTHETIC: &str = "<synthetic>";

/// No run costs this much, in US dollars: a program that reports more has miscounted.
const USD_MAX: f64 = 1e6;

/// From this release on, the totals of a resumed session include the earlier cost of the session.
const TOTALS_OF_SESSION: (u32, u32, u32) = (2, 1, 277);

/// A bill below this fraction of the cost metered at list prices is incomplete. No discount is this
/// large.
const FAR_BELOW: f64 = 0.5;

/// A difference of totals may be too low by this much, in US dollars, because the known cost of the
/// session is rounded to millionths.
const ROUNDING_USD: f64 = 1e-5;

/// How a result starts, which is the last line.
const RESULT: &str = r#"{"type":"result""#;

/// Interprets the output of one run.
#[derive(Debug, Default)]
pub struct ClaudeRun {
    meter: Meter,
    metered: Usage,
    /// Amount by which the program's own bill exceeded what was metered until then, in US dollars.
    correction_usd: f64,
    /// Earlier cost of the session, in US dollars, if the program includes it in its totals.
    earlier_usd: f64,
    /// Sum of the bills for this run alone, if the program provides such bills.
    billed: Usage,
    seen: Seen,
    /// Model that answers.
    answering: Option<String>,
    has_ended: bool,
}

impl ClaudeRun {
    /// Creates the reader of a run with this model, in a session that has already cost
    /// `earlier_usd` US dollars.
    pub fn new(model: Option<String>, earlier_usd: f64) -> Self {
        Self {
            earlier_usd,
            seen: Seen {
                model,
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
            Some("system") => self.system(&line, events),
            Some("stream_event") => {
                self.seen.refusal = None;
                self.meter.stream_event(&line);
            }
            Some("assistant") => self.assistant(&line, events),
            Some("user") => self.tools_ended(&line, events),
            Some("rate_limit_event") => self.limit(&line["rate_limit_info"], events),
            Some("result") => self.result(&line, events),
            _ => return,
        }
        self.seen.any_json = true;
    }

    fn system(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        match line["subtype"].as_str() {
            Some("init") => {
                let version = line["claude_code_version"].as_str().and_then(version);
                if version.is_some_and(|version| version < TOTALS_OF_SESSION) {
                    self.earlier_usd = 0.0;
                }
                events.extend(
                    line["session_id"]
                        .as_str()
                        .map(|id| AgentEvent::Session(id.to_owned())),
                );
            }
            Some("api_retry") => {
                let refusal = Refusal {
                    status: line["error_status"].as_u64(),
                    kind: line["error"].as_str().unwrap_or("unknown").to_owned(),
                };
                let error = refusal.status.map_or_else(
                    || "no answer from the API".to_owned(),
                    |status| format!("API error {status}"),
                );
                let (attempt, most) = (&line["attempt"], &line["max_retries"]);
                events.push(AgentEvent::Note(format!(
                    "{error} ({}), retry {attempt} of {most}",
                    refusal.kind
                )));
                self.seen.refusal = Some(refusal);
            }
            Some("task_notification") => {
                if let (Some(id), Some(n_tokens)) = (
                    line["tool_use_id"].as_str(),
                    line["usage"]["total_tokens"].as_u64(),
                ) {
                    self.meter.helper_told(id, n_tokens);
                }
            }
            _ => {}
        }
    }

    fn assistant(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let message = &line["message"];
        self.seen.error = line["error"].as_str().map(str::to_owned);
        if message["model"] != SYNTHETIC {
            self.seen.refusal = None;
            self.meter.assistant(line);
            // Helpers may use another model; it is the agent's own that counts.
            let model = message["model"]
                .as_str()
                .filter(|_| line["parent_tool_use_id"].is_null());
            if model.is_some_and(|model| self.answering.as_deref() != Some(model)) {
                self.answering = model.map(str::to_owned);
                events.extend(self.answering.clone().map(AgentEvent::Model));
            }
        }
        for block in message["content"].as_array().into_iter().flatten() {
            let text = |key: &str| block[key].as_str().unwrap_or_default().to_owned();
            match block["type"].as_str() {
                Some("text") => events.push(AgentEvent::Text(text("text"))),
                Some("thinking") => events.push(AgentEvent::Thinking(text("thinking"))),
                Some("tool_use") => {
                    let input = block["input"].to_string();
                    events.push(AgentEvent::ToolStart {
                        id: text("id"),
                        name: text("name"),
                        input,
                    });
                }
                _ => {}
            }
        }
    }

    fn tools_ended(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        for block in line["message"]["content"].as_array().into_iter().flatten() {
            if block["type"] == "tool_result" {
                let id = block["tool_use_id"].as_str().unwrap_or_default().to_owned();
                let output = tool_output(&block["content"]);
                self.meter.helper_ended(&id, output.len());
                events.push(AgentEvent::ToolEnd {
                    id,
                    ok: block["is_error"] != true,
                    output,
                });
            }
        }
    }

    fn limit(&mut self, info: &Value, events: &mut Vec<AgentEvent>) {
        let is_rejected = info["status"] == "rejected";
        self.seen.limit_resets_ms = info["resetsAt"]
            .as_u64()
            .filter(|_| is_rejected)
            .map(ending::milliseconds);
        if is_rejected {
            let kind = info["rateLimitType"].as_str().unwrap_or("unnamed");
            events.push(AgentEvent::Note(format!(
                "the account reached its limit ({kind})"
            )));
        }
    }

    fn result(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        self.metered_anew(events);
        events.extend(
            line["session_id"]
                .as_str()
                .map(|id| AgentEvent::Session(id.to_owned())),
        );
        self.cost(line, events);
        let n_turns = line["num_turns"].as_u64();
        events.extend(n_turns.and_then(|n| Some(AgentEvent::Turns(u32::try_from(n).ok()?))));
        let denials = line["permission_denials"].as_array().into_iter().flatten();
        events.extend(denials.filter_map(|denial| {
            Some(AgentEvent::Denied(denial["tool_name"].as_str()?.to_owned()))
        }));
        let answer = line
            .get("structured_output")
            .filter(|answer| !answer.is_null());
        events.extend(answer.map(|answer| AgentEvent::Answer(answer.to_string())));
        self.seen.is_cut = self.meter.is_in_message();
        events.push(ending::of_result(line, &self.seen));
        self.has_ended = true;
    }

    fn cost(&mut self, line: &Value, events: &mut Vec<AgentEvent>) {
        let total = self.bill(line);
        let (unfinished, metered) = (
            self.meter.unfinished_usd(),
            self.metered.usd.unwrap_or_default(),
        );
        let tokens = self.tokens(line);
        match total {
            // Interrupted messages cost something too, and the program does not know how much: this
            // is a lower bound.
            Some(usd) if 0.0 < unfinished => {
                let usd = metered.max(usd + unfinished);
                events.push(AgentEvent::UsageTotal(tokens.usd(usd)));
                self.correction_usd = usd - metered;
            }
            // The meter uses list prices: a bill far below them is missing part of the run.
            Some(usd) if !self.meter.is_guess() && usd < FAR_BELOW * metered => {
                events.push(AgentEvent::UsageTotal(tokens.usd(metered)));
                self.correction_usd = 0.0;
            }
            // Tokens are never free: such a total comes from a model whose price the program does
            // not know.
            Some(usd) if 0.0 < usd || metered <= 0.0 => {
                events.push(AgentEvent::UsageTotal(tokens.usd(usd)));
                events.push(AgentEvent::FinalCost(usd));
                // Costs after the result are added on top.
                self.correction_usd = usd - metered;
            }
            _ => {}
        }
    }

    /// Returns the cost of the run according to the program's own bill, in US dollars; `None` if no
    /// bill is plausible.
    ///
    /// The totals of a resumed session include its earlier cost; the usage since the last result is
    /// this run's alone.
    fn bill(&mut self, line: &Value) -> Option<f64> {
        let usd = match usage_of(&line["model_usage_since_last_result"]) {
            Some(since @ Usage { usd: Some(_), .. }) => {
                add(&mut self.billed, &since);
                self.billed.usd
            }
            // A session that was not found has no earlier cost.
            _ => line["total_cost_usd"].as_f64().map(|total| {
                if total == 0.0 {
                    0.0
                } else {
                    total - self.earlier_usd
                }
            }),
        };
        usd.filter(|usd| (-ROUNDING_USD..USD_MAX).contains(usd))
            .map(|usd| usd.max(0.0))
    }

    /// Returns the tokens of all models that the run used; the result's own `usage` omits helpers.
    fn tokens(&self, line: &Value) -> Usage {
        if self.billed.usd.is_some() {
            return without_cost(self.billed);
        }
        let of_run = usage_of(&line["modelUsage"]).filter(|_| self.earlier_usd <= 0.0);
        without_cost(of_run.unwrap_or(self.metered))
    }

    fn metered_anew(&mut self, events: &mut Vec<AgentEvent>) {
        let total = self.meter.total();
        if total != self.metered && total.usd.is_some_and(|usd| 0.0 < usd) {
            self.metered = total;
            let usd = total.usd.map(|usd| (usd + self.correction_usd).max(0.0));
            let mut corrected = total;
            corrected.usd = usd;
            events.push(AgentEvent::UsageTotal(corrected));
        }
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

impl AgentRun for ClaudeRun {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        let mut events = Vec::new();
        for line in lines {
            match line.source {
                Source::Stdout if line.truncated && is_result(&line.text) => {
                    self.has_ended = true;
                    events.push(AgentEvent::Failed(
                        "the agent's final message is too long to read".into(),
                    ));
                }
                Source::Stdout => self.stdout(&line.text, &mut events),
                _ => self.complaint(&line.text, &mut events),
            }
        }
        self.metered_anew(&mut events);
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

/// Returns the sum of usage by model; its cost only if each model has one. `None` if there is no
/// usage.
fn usage_of(models: &Value) -> Option<Usage> {
    let models = models.as_object().filter(|models| !models.is_empty())?;
    let sum = |key: &str| {
        models
            .values()
            .filter_map(|model| model[key].as_u64())
            .fold(0, u64::saturating_add)
    };
    let mut usage = Usage::default()
        .input_tokens(sum("inputTokens"))
        .output_tokens(sum("outputTokens"))
        .cache_read_tokens(sum("cacheReadInputTokens"))
        .cache_write_tokens(sum("cacheCreationInputTokens"));
    usage.usd = models.values().map(|model| model["costUSD"].as_f64()).sum();
    Some(usage)
}

fn without_cost(mut usage: Usage) -> Usage {
    usage.usd = None;
    usage
}

/// Adds another bill.
fn add(sum: &mut Usage, more: &Usage) {
    let of = |a: u64, b: u64| a.saturating_add(b);
    sum.input_tokens = of(sum.input_tokens, more.input_tokens);
    sum.output_tokens = of(sum.output_tokens, more.output_tokens);
    sum.cache_read_tokens = of(sum.cache_read_tokens, more.cache_read_tokens);
    sum.cache_write_tokens = of(sum.cache_write_tokens, more.cache_write_tokens);
    sum.usd = more.usd.map(|usd| sum.usd.unwrap_or_default() + usd);
}

/// Returns the numbers of a release such as `2.1.277`.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// Returns whether a line starts like a result, whatever its spacing.
fn is_result(text: &str) -> bool {
    text.chars()
        .filter(|c| !c.is_whitespace())
        .take(RESULT.len())
        .eq(RESULT.chars())
}

/// Returns the text of a tool's result, which is a string or a list of blocks.
fn tool_output(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks
            .iter()
            .filter_map(|block| block["text"].as_str())
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(run: &mut ClaudeRun, text: &str) -> Vec<AgentEvent> {
        run.on_lines(&[Line::stdout(text)])
    }

    fn message(id: &str, n_tokens: u64) -> String {
        let message = serde_json::json!({"id": id, "model": "claude-sonnet-5", "usage": {"input_tokens": n_tokens}});
        serde_json::json!({"type": "stream_event", "event": {"type": "message_start", "message": message}}).to_string()
    }

    fn result(usd: f64) -> String {
        let result = serde_json::json!({"type": "result", "subtype": "success", "is_error": false, "total_cost_usd": usd});
        result.to_string()
    }

    fn last_total(events: &[AgentEvent]) -> Option<f64> {
        events.iter().rev().find_map(|event| match event {
            AgentEvent::UsageTotal(usage) => usage.usd,
            _ => None,
        })
    }

    #[test]
    fn costs_after_the_bill_are_added_to_it() {
        let mut run = ClaudeRun::new(None, 0.0);
        let delta = r#"{"type":"stream_event","event":{"type":"message_delta","usage":{"output_tokens":1}}}"#;
        events(&mut run, &message("a", 1_000_000));
        assert!(last_total(&events(&mut run, delta)).is_some_and(|usd| usd < 10.0));
        assert!(events(&mut run, &result(10.0)).contains(&AgentEvent::FinalCost(10.0)));
        assert_eq!(last_total(&events(&mut run, delta)), None, "nothing new");
        let after = last_total(&events(&mut run, &message("c", 2_000_000))).expect("it is metered");
        assert!(10.0 < after, "{after}");
    }

    fn final_cost(events: &[AgentEvent]) -> Option<f64> {
        events.iter().rev().find_map(|event| match event {
            AgentEvent::FinalCost(usd) => Some((usd * 1e6).round() / 1e6),
            _ => None,
        })
    }

    fn check_resumed(init: &str, bill: &str, expected: Option<f64>) {
        let mut run = ClaudeRun::new(None, 4.0);
        events(&mut run, init);
        let seen = events(&mut run, bill);
        assert_eq!(final_cost(&seen), expected, "{init} {bill}");
    }

    #[test]
    fn money_resumed_bill_is_this_runs_alone() {
        let (old, new) = (
            r#"{"type":"system","subtype":"init","claude_code_version":"2.1.276"}"#,
            r#"{"type":"system","subtype":"init","claude_code_version":"2.1.277"}"#,
        );
        let silent = r#"{"type":"system","subtype":"init"}"#;
        check_resumed(new, &result(4.3), Some(0.3));
        check_resumed(silent, &result(4.3), Some(0.3));
        check_resumed(old, &result(4.3), Some(4.3));
        check_resumed(new, &result(4.0), Some(0.0));
        check_resumed(new, &result(3.0), None);
        check_resumed(new, &result(0.0), Some(0.0));
        let since = serde_json::json!({
            "type": "result", "subtype": "success", "is_error": false, "total_cost_usd": 9.0,
            "modelUsage": {"m": {"inputTokens": 900, "costUSD": 9.0}},
            "model_usage_since_last_result": {"m": {"inputTokens": 70, "costUSD": 0.2}, "n": {"costUSD": 0.1}},
        });
        check_resumed(new, &since.to_string(), Some(0.3));
    }

    #[test]
    fn bills_since_the_last_result_add_up() {
        let mut run = ClaudeRun::new(None, 4.0);
        let since = r#"{"type":"result","total_cost_usd":7,"model_usage_since_last_result":{"m":{"outputTokens":5,"costUSD":0.25}}}"#;
        events(&mut run, since);
        let seen = events(&mut run, since);
        assert_eq!(final_cost(&seen), Some(0.5));
        let tokens = seen.iter().find_map(|event| match event {
            AgentEvent::UsageTotal(usage) => Some(usage.output_tokens),
            _ => None,
        });
        assert_eq!(tokens, Some(10));
    }

    #[test]
    fn a_bill_far_below_list_prices_is_rejected_unless_the_meter_is_an_estimate() {
        let delta = r#"{"type":"stream_event","event":{"type":"message_delta","usage":{"output_tokens":0}}}"#;
        let metered = message("a", 1_000_000);
        let mut run = ClaudeRun::new(None, 0.0);
        events(&mut run, &metered);
        events(&mut run, delta);
        let seen = events(&mut run, &result(0.4));
        assert_eq!((final_cost(&seen), last_total(&seen)), (None, Some(3.0)));
        let mut run = ClaudeRun::new(None, 0.0);
        events(&mut run, &metered.replace("claude-sonnet-5", "glm-9"));
        events(&mut run, delta);
        assert_eq!(final_cost(&events(&mut run, &result(0.4))), Some(0.4));
        let mut run = ClaudeRun::new(None, 0.0);
        events(&mut run, &metered);
        events(&mut run, delta);
        assert_eq!(final_cost(&events(&mut run, &result(2.0))), Some(2.0));
    }

    #[test]
    fn an_impossible_bill_is_ignored() {
        for usd in [1e308, -1.0, 1e6] {
            let mut run = ClaudeRun::new(None, 0.0);
            let seen = events(&mut run, &result(usd));
            assert!(
                !seen
                    .iter()
                    .any(|event| matches!(event, AgentEvent::FinalCost(_))),
                "{seen:?}"
            );
        }
    }

    #[test]
    fn a_result_that_is_too_long_is_recognised_by_its_start() {
        for (text, expected) in [
            (r#"{"type":"result","x":"#, true),
            (r#"{ "type" : "result", "x":"#, true),
            (r#"{"type":"assistant","x":""#, false),
        ] {
            let mut run = ClaudeRun::new(None, 0.0);
            let line = Line::stdout(text).truncated(true);
            assert_eq!(!run.on_lines(&[line]).is_empty(), expected, "{text}");
        }
    }
}
