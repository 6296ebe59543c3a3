//! From a directive to issues on the forge: the planner, its plan, and the creation of the issues.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AgentReport, Failure, IssueNumber, Plan, Rejection, Time, Usd};

/// What happened to the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlanEvent {
    /// The planner started; its money is reserved.
    PlannerStarted {
        /// Attempt, from 1.
        attempt: u32,
        /// Reserved amount.
        #[serde(rename = "reserved_usd")]
        reserved: Usd,
        /// Model of the planner.
        model: Option<String>,
    },
    /// The planner has spent this amount so far.
    PlannerMetered {
        /// The attempt.
        attempt: u32,
        /// Amount since the start of the attempt.
        #[serde(rename = "spent_usd")]
        spent: Usd,
    },
    /// The planner's program exited; its reservation is settled.
    PlannerExited {
        /// The attempt.
        attempt: u32,
        /// Report of the agent's backend.
        report: AgentReport,
        /// Settled cost.
        #[serde(rename = "cost_usd")]
        cost: Usd,
        /// Whether the cost is estimated because it is unknown.
        estimated: bool,
    },
    /// The planner failed.
    PlannerFailed {
        /// The attempt.
        attempt: u32,
        /// The failure.
        failure: Failure,
        /// Whether the failure counts against the planner's retries.
        counted: bool,
        /// Earliest time of the next attempt: the start of 1970 for immediately, `None` if there is
        /// none.
        retry_at: Option<Time>,
    },
    /// The planner's answer was not a valid plan.
    Rejected {
        /// The attempt.
        attempt: u32,
        /// What is wrong, and where the answer is saved.
        rejection: Rejection,
        /// Whether the planner is asked again.
        again: bool,
    },
    /// The plan is ready.
    Proposed {
        /// The plan.
        plan: Plan,
    },
    /// The session is waiting, not running, for the plan to be approved.
    ConfirmationAwaited,
    /// The plan is being carried out.
    Confirmed,
    /// The plan was declined.
    Declined,
    /// An issue of the plan exists on the forge.
    IssueCreated {
        /// Position, from 1.
        position: u32,
        /// Number of the issue.
        number: IssueNumber,
        /// Whether the issue already existed.
        existed: bool,
        /// Number of calls to the forge's API.
        n_api_calls: u32,
    },
    /// The dependencies of an issue of the plan are recorded on the forge.
    IssueLinked {
        /// Position, from 1.
        position: u32,
        /// Number of calls to the forge's API.
        n_api_calls: u32,
    },
    /// Creating or linking an issue failed and will be retried.
    CreationDelayed {
        /// The failure.
        failure: Failure,
        /// Whether the failure counts against the tries.
        counted: bool,
        /// Earliest time of the retry.
        until: Time,
    },
    /// Creating or linking an issue is being retried.
    CreationRetried,
    /// Creating or linking an issue was stopped; it is repeated on resume.
    CreationInterrupted,
}

impl PlanEvent {
    pub(super) const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::PlannerFailed { failure, .. } | Self::CreationDelayed { failure, .. } => {
                Some(failure)
            }
            _ => None,
        }
    }

    pub(super) const fn attempt(&self) -> Option<u32> {
        match self {
            Self::PlannerStarted { attempt, .. }
            | Self::PlannerMetered { attempt, .. }
            | Self::PlannerExited { attempt, .. }
            | Self::PlannerFailed { attempt, .. }
            | Self::Rejected { attempt, .. } => Some(*attempt),
            _ => None,
        }
    }
}
