//! Reading the backlog, and whether it may start.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CheckResult, Failure, Time, Usd};

/// What happened to the backlog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum IntakeEvent {
    /// The backlog was read.
    BacklogRead {
        /// How many issues it has.
        n_issues: u32,
        /// What was odd.
        warnings: Vec<String>,
        /// Calls to the forge's API that it took.
        n_api_calls: u32,
    },
    /// Reading the backlog failed and is tried again.
    BacklogDelayed {
        /// Why.
        failure: Failure,
        /// When it is tried again.
        until: Time,
    },
    /// Reading the backlog is tried again.
    BacklogRetried,
    /// The backlog fits the budget, or what fits of it may start.
    BacklogAdmitted {
        /// What all of it is expected to cost.
        #[serde(rename = "estimate_usd")]
        estimate: Usd,
        /// How many tasks are to run.
        n_tasks: u32,
    },
    /// The checks were run on the base.
    BaseChecked {
        /// Results.
        results: Vec<CheckResult>,
    },
}

impl IntakeEvent {
    pub(super) const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::BacklogDelayed { failure, .. } => Some(failure),
            _ => None,
        }
    }
}
