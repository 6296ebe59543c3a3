//! Tokens and cost of one run, from what different agents report.
//!
//! | agent | tokens | cost |
//! | --- | --- | --- |
//! | Claude's adapter, opencode | `usage` of the prompt's response | `cost` of `usage_update` |
//! | Gemini CLI | `usage` or `_meta.quota` of that response, by model | from [`crate::price`] |
//! | Qwen Code | `_meta.usage` of message chunks, one for each request | none |
//! | Codex' adapter | none | none |
//!
//! `used` and `size` of `usage_update` are about the context, not about tokens that were paid for.

use autoissue_plugin_sdk::{AgentEvent, Usage};
use serde_json::Value;

use crate::price;
use crate::setup::UNNAMED_MODELS;

/// No run costs this much, in US dollars: an agent that reports more has miscounted.
const USD_MAX: f64 = 1e6;

/// The known cost of a session may be too high by this much, in US dollars, because it is rounded.
const ROUNDING_USD: f64 = 1e-5;

/// The share of the context from which a reply that reached a token limit means that the context is
/// full.
const NEARLY_FULL: f64 = 0.9;

/// Counts tokens and cost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    total: Usage,
    /// Cost of the session before this run, in US dollars.
    earlier_usd: f64,
    /// Cost of the session as the agent reported it before the prompt was sent, in US dollars.
    before_prompt_usd: Option<f64>,
    /// Cost from the table of prices, in US dollars.
    computed_usd: Option<f64>,
    is_context_nearly_full: bool,
}

impl Meter {
    /// Creates the meter of a run in a session that has already cost `earlier_usd` US dollars.
    pub(crate) fn new(earlier_usd: f64) -> Self {
        Self {
            earlier_usd,
            ..Self::default()
        }
    }

    /// Notes that the agent does not report the earlier cost of a resumed session.
    pub(crate) fn begin_at_zero(&mut self) {
        self.earlier_usd = 0.0;
    }

    /// Returns whether the newest report said that the context is nearly full.
    pub(crate) const fn is_context_nearly_full(&self) -> bool {
        self.is_context_nearly_full
    }

    /// Takes a `usage_update` that came before the prompt was sent: it describes a resumed session.
    pub(crate) fn before_prompt(&mut self, update: &Value) {
        self.before_prompt_usd = cost(update).or(self.before_prompt_usd);
    }

    /// Takes a `usage_update`.
    pub(crate) fn update(&mut self, update: &Value) -> Option<AgentEvent> {
        if let (Some(used), Some(size)) = (update["used"].as_f64(), update["size"].as_f64()) {
            self.is_context_nearly_full = 0.0 < size && NEARLY_FULL * size <= used;
        }
        let usd = self.of_this_run(cost(update)?);
        let is_news = self.total.usd.is_none_or(|known| known < usd);
        is_news.then(|| {
            self.total.usd = Some(usd);
            AgentEvent::UsageTotal(self.total)
        })
    }

    /// Returns the cost of this run, given that of the session.
    ///
    /// The protocol calls the cost cumulative, but some agents begin again at zero in a resumed
    /// session: a total below what the session has cost already cannot include it.
    fn of_this_run(&self, session_usd: f64) -> f64 {
        let earlier = self.before_prompt_usd.unwrap_or(self.earlier_usd);
        if session_usd + ROUNDING_USD < earlier {
            session_usd
        } else {
            (session_usd - earlier).max(0.0)
        }
    }

    /// Takes the usage of one request to the model.
    pub(crate) fn request(&mut self, usage: &Value) -> Option<AgentEvent> {
        let more = tokens(usage)?;
        let sum = |a: u64, b: u64| a.saturating_add(b);
        self.total.input_tokens = sum(self.total.input_tokens, more.input_tokens);
        self.total.output_tokens = sum(self.total.output_tokens, more.output_tokens);
        self.total.cache_read_tokens = sum(self.total.cache_read_tokens, more.cache_read_tokens);
        self.total.cache_write_tokens = sum(self.total.cache_write_tokens, more.cache_write_tokens);
        Some(AgentEvent::UsageTotal(self.total))
    }

    /// Takes the response to the prompt. Returns the totals, and the model if it is named.
    pub(crate) fn end(&mut self, response: &Value) -> Vec<AgentEvent> {
        let quota = &response["_meta"]["quota"];
        let reported = tokens(&response["usage"]).or_else(|| quota_tokens(&quota["token_count"]));
        let mut events = Vec::new();
        self.computed_usd = computed_usd(quota);
        let is_told = reported.is_some();
        if let Some(tokens) = reported {
            let usd = self.total.usd.or(self.computed_usd);
            self.total = tokens;
            self.total.usd = usd;
        }
        let models = quota["model_usage"].as_array().into_iter().flatten();
        let answering = models.max_by_key(|model| model["token_count"]["output_tokens"].as_u64());
        let name = answering.and_then(|model| model["model"].as_str());
        let name = name.filter(|name| !UNNAMED_MODELS.contains(name));
        events.extend(name.map(|name| AgentEvent::Model(name.to_owned())));
        if is_told {
            events.push(AgentEvent::UsageTotal(self.total));
        }
        // A computed cost is an estimate: it does not become the final one.
        let reported_usd = self.total.usd.filter(|_| self.computed_usd.is_none());
        events.extend(reported_usd.map(AgentEvent::FinalCost));
        events
    }
}

/// Returns a reported cost in US dollars. Tokens are never free: zero comes from an agent that does
/// not know the price.
fn cost(update: &Value) -> Option<f64> {
    let cost = &update["cost"];
    let is_usd = cost["currency"]
        .as_str()
        .is_none_or(|currency| currency == "USD");
    let usd = cost["amount"].as_f64().filter(|_| is_usd)?;
    (0.0 < usd && usd < USD_MAX).then_some(usd)
}

/// Reads tokens in the form of the protocol.
///
/// It does not say whether cached tokens are part of the input, and reasoning part of the output.
/// The reported sum does.
fn tokens(usage: &Value) -> Option<Usage> {
    let count = |name: &str| usage[name].as_u64().unwrap_or_default();
    let (input, output) = (
        usage["inputTokens"].as_u64()?,
        usage["outputTokens"].as_u64()?,
    );
    let (read, write) = (count("cachedReadTokens"), count("cachedWriteTokens"));
    let thought = count("thoughtTokens");
    let all = |parts: &[u64]| parts.iter().copied().fold(0, u64::saturating_add);
    let total = usage["totalTokens"].as_u64();
    let is = |parts: &[u64]| total == Some(all(parts));
    let is_cache_in_input = is(&[input, output]) || is(&[input, output, thought]);
    let is_thought_apart =
        is(&[input, output, thought]) || is(&[input, output, thought, read, write]);
    Some(
        Usage::default()
            .input_tokens(match is_cache_in_input {
                true => input.saturating_sub(read).saturating_sub(write),
                false => input,
            })
            .output_tokens(match is_thought_apart {
                true => output.saturating_add(thought),
                false => output,
            })
            .cache_read_tokens(read)
            .cache_write_tokens(write),
    )
}

fn quota_tokens(count: &Value) -> Option<Usage> {
    Some(
        Usage::default()
            .input_tokens(count["input_tokens"].as_u64()?)
            .output_tokens(count["output_tokens"].as_u64()?),
    )
}

/// Returns the cost of the tokens by model; `None` if the price of one of them is unknown.
fn computed_usd(quota: &Value) -> Option<f64> {
    let models = quota["model_usage"].as_array()?;
    let cost = |model: &Value| {
        let count = |name: &str| model["token_count"][name].as_u64();
        price::cost_usd(
            model["model"].as_str()?,
            count("input_tokens")?,
            count("output_tokens")?,
        )
    };
    let usd: f64 = models.iter().map(cost).sum::<Option<f64>>()?;
    (0.0 < usd).then_some(usd)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(usage: &Value, expected: [u64; 4]) {
        let found = tokens(usage).unwrap();
        let found = [
            found.input_tokens,
            found.output_tokens,
            found.cache_read_tokens,
            found.cache_write_tokens,
        ];
        assert_eq!(found, expected, "{usage}");
    }

    #[test]
    fn no_token_is_counted_twice() {
        // Claude: caches apart, reasoning in the output.
        check(
            &json!({"inputTokens": 10, "outputTokens": 5, "cachedReadTokens": 90, "cachedWriteTokens": 7, "totalTokens": 112}),
            [10, 5, 90, 7],
        );
        // OpenAI: both included.
        check(
            &json!({"inputTokens": 100, "outputTokens": 5, "cachedReadTokens": 90, "thoughtTokens": 3, "totalTokens": 105}),
            [10, 5, 90, 0],
        );
        // Gemini: caches included, reasoning apart.
        check(
            &json!({"inputTokens": 100, "outputTokens": 5, "cachedReadTokens": 90, "thoughtTokens": 3, "totalTokens": 108}),
            [10, 8, 90, 0],
        );
        // opencode: everything apart.
        check(
            &json!({"inputTokens": 10, "outputTokens": 5, "cachedReadTokens": 90, "thoughtTokens": 3, "totalTokens": 108}),
            [10, 8, 90, 0],
        );
        check(
            &json!({"inputTokens": 10, "outputTokens": 5}),
            [10, 5, 0, 0],
        );
        assert_eq!(tokens(&json!({"inputTokens": 10})), None);
        assert_eq!(tokens(&json!("many")), None);
    }

    fn update(usd: f64) -> Value {
        json!({"cost": {"amount": usd, "currency": "USD"}})
    }

    #[track_caller]
    fn check_cost(mut meter: Meter, reported: &Value, expected: Option<f64>) {
        let usd = meter.update(reported).and_then(|event| match event {
            AgentEvent::UsageTotal(usage) => usage.usd.map(|usd| (usd * 1e6).round() / 1e6),
            _ => None,
        });
        assert_eq!(usd, expected, "{reported}");
    }

    #[test]
    fn money_of_earlier_runs_is_subtracted_if_it_is_included() {
        check_cost(Meter::new(0.0), &update(0.5), Some(0.5));
        check_cost(Meter::new(0.4), &update(0.5), Some(0.1));
        check_cost(Meter::new(0.4), &update(0.3), Some(0.3));
        let mut meter = Meter::new(0.4);
        meter.before_prompt(&update(0.45));
        check_cost(meter, &update(0.5), Some(0.05));
    }

    #[test]
    fn money_that_is_zero_or_impossible_is_unknown() {
        for usd in [0.0, -1.0, 1e9, f64::NAN] {
            check_cost(Meter::default(), &update(usd), None);
        }
        let euros = json!({"cost": {"amount": 1.0, "currency": "EUR"}});
        check_cost(Meter::default(), &euros, None);
        check_cost(Meter::default(), &json!({"cost": 3}), None);
    }

    #[test]
    fn the_response_replaces_tokens_and_keeps_the_reported_cost() {
        let mut meter = Meter::default();
        meter.request(&json!({"inputTokens": 1, "outputTokens": 2}));
        meter.update(&update(0.25));
        let end = meter.end(&json!({"usage": {"inputTokens": 10, "outputTokens": 20}}));
        let usage = Usage::default()
            .input_tokens(10)
            .output_tokens(20)
            .usd(0.25);
        assert_eq!(
            end,
            [AgentEvent::UsageTotal(usage), AgentEvent::FinalCost(0.25)]
        );
    }

    #[test]
    fn requests_add_up() {
        let mut meter = Meter::default();
        let request =
            json!({"inputTokens": 10, "outputTokens": 5, "cachedReadTokens": 4, "totalTokens": 15});
        meter.request(&request);
        let usage = Usage::default()
            .input_tokens(12)
            .output_tokens(10)
            .cache_read_tokens(8);
        assert_eq!(meter.request(&request), Some(AgentEvent::UsageTotal(usage)));
        assert_eq!(meter.end(&json!({"stopReason": "end_turn"})), []);
    }

    #[test]
    fn the_cost_of_tokens_by_model_is_not_final() {
        let count = json!({"input_tokens": 1_000_000, "output_tokens": 100_000});
        let quota = |model: &str| json!({"_meta": {"quota": {"token_count": count, "model_usage": [{"model": model, "token_count": count}]}}});
        let usage = Usage::default()
            .input_tokens(1_000_000)
            .output_tokens(100_000);
        assert_eq!(
            Meter::default().end(&quota("gemini-2.5-pro")),
            [
                AgentEvent::Model("gemini-2.5-pro".into()),
                AgentEvent::UsageTotal(usage.usd(2.25)),
            ]
        );
        assert_eq!(
            Meter::default().end(&quota("nobody-knows")),
            [
                AgentEvent::Model("nobody-knows".into()),
                AgentEvent::UsageTotal(usage),
            ]
        );
    }

    #[test]
    fn a_nearly_full_context_is_noticed() {
        let mut meter = Meter::default();
        meter.update(&json!({"used": 100, "size": 200}));
        assert!(!meter.is_context_nearly_full());
        meter.update(&json!({"used": 190, "size": 200}));
        assert!(meter.is_context_nearly_full());
        meter.update(&json!({"used": 0, "size": 0}));
        assert!(!meter.is_context_nearly_full());
    }
}
