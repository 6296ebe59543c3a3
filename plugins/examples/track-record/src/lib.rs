//! Chooses the model with the lowest cost per pull request so far.
//!
//! The cost of a pull request is the cost of a task divided by the share of tasks that succeed.
//! Models with too few tasks are not rated; they are tried on some issues (`exploreEvery`), so that
//! they get a record. After a failure, the next best model is chosen.

use autoissue_plugin_sdk::prelude::*;
use autoissue_plugin_sdk::{schemars, serde};

/// Settings of the plugin.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(
    crate = "autoissue_plugin_sdk::serde",
    rename_all = "camelCase",
    deny_unknown_fields,
    default
)]
#[schemars(crate = "autoissue_plugin_sdk::schemars")]
struct RecordSettings {
    /// Tasks that a model must have worked on before its record counts.
    runs_min: u32,
    /// Tries a model without a record on every issue whose number is divisible by this; 0 disables
    /// this.
    explore_every: u64,
}

impl Default for RecordSettings {
    fn default() -> Self {
        Self {
            runs_min: 3,
            explore_every: 5,
        }
    }
}

/// A model and its cost per pull request.
struct Record<'a> {
    model: &'a ModelInfo,
    /// US dollars per pull request; `None` if too little is known.
    usd_per_success: Option<f64>,
    in_words: String,
}

impl<'a> Record<'a> {
    fn of(model: &'a ModelInfo, history: &[ModelHistory], runs_min: u32) -> Self {
        let unknown = |in_words: String| Self {
            model,
            usd_per_success: None,
            in_words,
        };
        let Some(known) = history
            .iter()
            .find(|history| history.model == model.id && 0 < history.n_runs)
        else {
            return unknown(format!("`{}` has no record", model.id));
        };
        let (n_runs, n_successes) = (known.n_runs, known.n_successes.min(known.n_runs));
        let record = format!(
            "`{}` succeeded on {n_successes} of {n_runs} tasks",
            model.id
        );
        let cost = known
            .median_cost_usd
            .filter(|cost| cost.is_finite() && 0.0 <= *cost);
        let Some(cost) = cost.filter(|_| runs_min <= n_runs) else {
            return unknown(record);
        };
        // One success and one failure are added: three successes out of three do not prove that the
        // fourth succeeds.
        let rate = (f64::from(n_successes) + 1.0) / (f64::from(n_runs) + 2.0);
        let usd = cost / rate;
        Self {
            model,
            usd_per_success: Some(usd),
            in_words: format!("{record}, about ${usd:.2} each"),
        }
    }
}

/// Chooses by the record.
#[derive(Default)]
struct TrackRecord;

impl ModelSelector for TrackRecord {
    fn describe(&self) -> Description {
        Description::new(
            "track-record",
            env!("CARGO_PKG_VERSION"),
            "Chooses the model with the lowest cost per pull request",
        )
    }

    fn settings(&self) -> Settings {
        Settings::of::<RecordSettings>()
    }

    fn select(&self, request: &SelectionRequest) -> Result<Selection, PluginError> {
        let settings: RecordSettings = read_settings(&request.settings)?;
        let ranked = ranked(request, settings.runs_min);
        let Some(last) = ranked.len().checked_sub(1) else {
            return Err(PluginError::InvalidInput(
                "no model is available to choose from".into(),
            ));
        };
        let n_failures = usize::try_from(request.failures_of_substance).unwrap_or(usize::MAX);
        let explored =
            explored(&ranked, request, settings.explore_every).filter(|_| n_failures == 0);
        let at = explored.unwrap_or(n_failures.min(last));
        let mut reason = ranked[at].in_words.clone();
        if explored.is_some() {
            reason.push_str("; trying it to find out");
        } else if 0 < n_failures {
            reason.push_str(&format!(
                "; number {} on the list, after {n_failures} failures",
                at + 1
            ));
        }
        let fallbacks = ranked
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .take(5);
        Ok(Selection::new(&ranked[at].model.id)
            .fallbacks(fallbacks.map(|(_, record)| &record.model.id))
            .reason(reason))
    }
}

/// Returns the models, best first: known models by cost per pull request, then the others, cheapest
/// first, in the given order.
fn ranked(request: &SelectionRequest, runs_min: u32) -> Vec<Record<'_>> {
    let mut ranked: Vec<Record<'_>> = request
        .available
        .iter()
        .map(|model| Record::of(model, &request.history, runs_min))
        .collect();
    let cost = |record: &Record<'_>| record.usd_per_success.unwrap_or(f64::INFINITY);
    ranked.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    ranked
}

/// Returns the position of a model to try, if it is this issue's turn. Depends on the issue number,
/// so that the same issue gets the same answer.
fn explored(ranked: &[Record<'_>], request: &SelectionRequest, every: u64) -> Option<usize> {
    let is_turn = every != 0 && request.issue.number.is_multiple_of(every);
    ranked
        .iter()
        .position(|record| record.usd_per_success.is_none())
        .filter(|_| is_turn)
}

export_plugin! { model_selector: TrackRecord }

#[cfg(test)]
mod tests {
    use super::*;

    fn request(history: &[(&str, u32, u32, f64)]) -> SelectionRequest {
        let history = history.iter().map(|(model, n_runs, n_successes, cost)| {
            ModelHistory::new(*model)
                .n_runs(*n_runs)
                .n_successes(*n_successes)
                .median_cost_usd(Some(*cost))
        });
        SelectionRequest::default()
            .issue(Issue::new("t").number(1))
            .available(["haiku", "sonnet", "opus"].map(ModelInfo::new))
            .history(history)
    }

    #[track_caller]
    fn check(request: &SelectionRequest, model: &str, reason: &str) {
        let answer = TrackRecord.select(request).unwrap();
        assert_eq!(answer.model, model);
        assert!(answer.reason.contains(reason), "{}", answer.reason);
    }

    #[test]
    fn cheap_failures_are_expensive() {
        let history = [
            ("haiku", 18, 1, 0.2),
            ("sonnet", 18, 15, 0.8),
            ("opus", 18, 18, 2.5),
        ];
        check(
            &request(&history),
            "sonnet",
            "succeeded on 15 of 18 tasks, about $1.00 each",
        );
    }

    #[test]
    fn a_failure_selects_the_next_model() {
        let history = [
            ("haiku", 18, 1, 0.2),
            ("sonnet", 18, 15, 0.8),
            ("opus", 18, 18, 2.5),
        ];
        for (n_failures, model) in [(1, "haiku"), (2, "opus"), (9, "opus")] {
            check(
                &request(&history).failures_of_substance(n_failures),
                model,
                "failures",
            );
        }
    }

    #[test]
    fn a_model_without_a_record_is_tried_on_some_issues() {
        let history = [("sonnet", 18, 15, 0.8), ("opus", 2, 2, 2.5)];
        check(&request(&history), "sonnet", "succeeded");
        check(
            &request(&history).issue(Issue::new("t").number(10)),
            "haiku",
            "trying it",
        );
        check(&request(&[]), "haiku", "no record");
    }
}
