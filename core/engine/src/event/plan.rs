//! From a directive to issues on the forge: the planner, its plan, the creation of its issues.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AgentReport, Failure, IssueNumber, Plan, Rejection, Time, Usd};

/// What happened to the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlanEvent {
    /// The planner began; its money is set aside.
    PlannerStarted {
        /// Attempt, from 1.
        attempt: u32,
        /// Money set aside.
        #[serde(rename = "reserved_usd")]
        reserved: Usd,
        /// Model.
        model: Option<String>,
    },
    /// The planner has spent so much so far.
    PlannerMetered {
        /// Attempt.
        attempt: u32,
        /// Since the attempt began.
        #[serde(rename = "spent_usd")]
        spent: Usd,
    },
    /// The planner's program has ended; its reservation is settled.
    PlannerExited {
        /// Attempt.
        attempt: u32,
        /// What its backend read.
        report: AgentReport,
        /// What is charged.
        #[serde(rename = "charged_usd")]
        charged: Usd,
        /// Whether the charge is assumed, for the cost is not known.
        assumed: bool,
    },
    /// The planner failed.
    PlannerFailed {
        /// Attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// Whether it counts against its retries.
        #[serde(rename = "counted")]
        charged: bool,
        /// When it may be tried again, the beginning of 1970 for at once; `None` if it is not.
        retry_at: Option<Time>,
    },
    /// The planner's answer is no plan.
    Rejected {
        /// Attempt.
        attempt: u32,
        /// What is wrong, and where the answer is.
        rejection: Rejection,
        /// Whether the planner is asked once more.
        again: bool,
    },
    /// The plan stands.
    Proposed {
        /// The plan.
        plan: Plan,
    },
    /// The session waits, not running, until a person has agreed to the plan.
    ConfirmationAwaited,
    /// The plan is carried out.
    Confirmed,
    /// A person does not want the plan.
    Declined,
    /// An issue of the plan is on the forge.
    IssueCreated {
        /// Position, from 1.
        position: u32,
        /// Its number.
        number: IssueNumber,
        /// Whether it was there already.
        existed: bool,
        /// Calls to the forge's API that it took.
        n_api_calls: u32,
    },
    /// What an issue of the plan depends on is written down.
    IssueLinked {
        /// Position, from 1.
        position: u32,
        /// Calls to the forge's API that it took.
        n_api_calls: u32,
    },
    /// Creating or linking an issue failed and is tried again.
    CreationDelayed {
        /// Why.
        failure: Failure,
        /// Whether it counts against the tries.
        #[serde(rename = "counted")]
        charged: bool,
        /// When it is tried again, at the earliest.
        until: Time,
    },
    /// Creating or linking an issue is tried again.
    CreationRetried,
    /// Creating or linking an issue was stopped; it is asked for again at resume.
    CreationSuspended,
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
