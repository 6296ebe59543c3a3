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
        /// Number of issues in the backlog.
        n_issues: u32,
        /// Problems found.
        warnings: Vec<String>,
        /// Number of calls to the forge's API.
        n_api_calls: u32,
    },
    /// Reading the backlog failed and will be retried.
    BacklogDelayed {
        /// The failure.
        failure: Failure,
        /// Time of the retry.
        until: Time,
    },
    /// Reading the backlog is being retried.
    BacklogRetried,
    /// The backlog fits the budget, or a part of it may start.
    BacklogAdmitted {
        /// Estimated cost of the whole backlog.
        #[serde(rename = "estimate_usd")]
        estimate: Usd,
        /// Number of tasks to run.
        n_tasks: u32,
    },
    /// The checks on the base finished.
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
