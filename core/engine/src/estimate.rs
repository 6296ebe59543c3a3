//! The estimated cost of a task, from the costs of earlier tasks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Usd;

/// Costs of finished tasks of this backend, by model, over all sessions. The empty name is a model
/// left to the program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CostHistory(pub BTreeMap<String, Vec<Usd>>);

/// Minimum number of costs for an estimate.
const N_COSTS_MIN: usize = 3;

impl CostHistory {
    /// Returns the P90 of the costs of tasks with this model, at most `cap`; `cap` if there are too
    /// few costs.
    pub(crate) fn estimate(&self, model: Option<&str>, cap: Usd) -> Usd {
        self.0
            .get(model.unwrap_or_default())
            .and_then(|costs| p90(costs))
            .map_or(cap, |estimate| estimate.min(cap))
    }
}

/// Returns the 90th percentile by nearest rank, or `None` for fewer than three costs.
pub fn p90(costs: &[Usd]) -> Option<Usd> {
    if costs.len() < N_COSTS_MIN {
        return None;
    }
    let mut sorted = costs.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * 9).div_ceil(10);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p90_takes_the_nearest_rank_and_needs_three_costs() {
        let costs = |n: i64| (1..=n).map(Usd::from_cents).collect::<Vec<_>>();
        assert_eq!(p90(&costs(2)), None);
        assert_eq!(p90(&costs(3)), Some(Usd::from_cents(3)));
        assert_eq!(p90(&costs(10)), Some(Usd::from_cents(9)));
        assert_eq!(p90(&costs(100)), Some(Usd::from_cents(90)));
    }
}
