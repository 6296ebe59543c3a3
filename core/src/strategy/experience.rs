//! The results of each model over all sessions, for a model selector that learns from them.

use autoissue_journal::CostRow;
use autoissue_plugin_sdk::{ModelHistory, ModelInfo};

/// How many tasks are considered: the newest ones say the most.
const N_TASKS_MAX: usize = 500;
/// Outcome of a task that has its pull request.
const DONE: &str = "done";

/// Returns the results of each of these models with this agent. Only measured costs count.
pub(super) fn of(costs: &[CostRow], agent: &str, models: &[ModelInfo]) -> Vec<ModelHistory> {
    models
        .iter()
        .map(|model| of_model(costs, agent, &model.id))
        .collect()
}

fn of_model(costs: &[CostRow], agent: &str, model: &str) -> ModelHistory {
    let its = costs
        .iter()
        .rev()
        .filter(|cost| cost.backend == agent && cost.model == model);
    let its: Vec<&CostRow> = its.take(N_TASKS_MAX).collect();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut known: Vec<i64> = its
        .iter()
        .filter(|cost| cost.known)
        .map(|cost| cost.usd_micros)
        .collect();
    known.sort_unstable();
    let n_done = its.iter().filter(|cost| cost.outcome == DONE).count();
    let median = known.get(known.len() / 2);
    ModelHistory::new(model)
        .n_runs(count(its.len()))
        .n_successes(count(n_done))
        .median_cost_usd(median.map(|micros| autoissue_engine::Usd::from_micros(*micros).dollars()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(model: &str, usd_micros: i64, known: bool, outcome: &str) -> CostRow {
        let (backend, domain) = ("claude".to_owned(), "backend".to_owned());
        CostRow {
            backend,
            model: model.to_owned(),
            domain,
            usd_micros,
            known,
            finished_at_ms: 1,
            outcome: outcome.to_owned(),
        }
    }

    #[test]
    fn each_model_is_known_by_what_it_did_with_this_agent() {
        let costs = [
            cost("opus", 3_000_000, true, "done"),
            cost("opus", 1_000_000, true, "failed"),
            cost("opus", 2_000_000, true, "done"),
            cost("opus", 9_000_000, false, "done"),
            cost("haiku", 100_000, true, "done"),
        ];
        let found = of(
            &costs,
            "claude",
            &["haiku", "opus", "sonnet"].map(ModelInfo::new),
        );
        let told: Vec<_> = found
            .iter()
            .map(|it| (it.n_runs, it.n_successes, it.median_cost_usd))
            .collect();
        assert_eq!(told, [(1, 1, Some(0.1)), (4, 3, Some(2.0)), (0, 0, None)]);
        assert_eq!(of(&costs, "other", &[ModelInfo::new("opus")])[0].n_runs, 0);
    }
}
