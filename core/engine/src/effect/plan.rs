//! Effects of planning: from a directive to issues on the forge.

use autoissue_plugin_sdk::AgentTask;
use serde::{Deserialize, Serialize};

use crate::{IssueNumber, PlannedIssue, Rejection, StopReason, Time};

/// Work to be done for the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlanEffect {
    /// Read the plan that the session was started with. Answer: `Read` or `Failed`.
    Read {
        /// The directive that the plan was made for; empty if unknown.
        directive: String,
    },
    /// Have the agent split the directive into issues. Answer: `Decomposed`; any number of
    /// `PlannerMetered` before that.
    Decompose(Box<PlannerOrder>),
    /// Find out how a planner ended that was running when the process died. Answer: `Decomposed`,
    /// with the answer found on disk or with an unobserved end.
    Recover {
        /// The attempt.
        attempt: u32,
    },
    /// Create an issue of the plan, or find the existing one. Answer: `IssueCreated` or `Failed`.
    CreateIssue(CreateOrder),
    /// Record the dependencies of an issue of the plan on the forge, unless they are already
    /// recorded. Answer: `IssueLinked` or `Failed`.
    LinkIssue {
        /// Position, from 1.
        position: u32,
        /// The issue.
        issue: IssueNumber,
        /// Its dependencies.
        depends_on: Vec<IssueNumber>,
    },
    /// Stop whatever is running for the plan. Has no answer of its own: the stopped effect answers.
    Stop {
        /// The reason.
        reason: StopReason,
    },
}

/// Instructions for a planner run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannerOrder {
    /// Attempt, from 1.
    pub attempt: u32,
    /// The directive to split into issues.
    pub directive: String,
    /// The part of the backend's task that the session decides; see
    /// [`AgentOrder::task`](crate::AgentOrder::task).
    pub task: AgentTask,
    /// What was wrong with the previous answer.
    pub rejection: Option<Rejection>,
}

/// An issue of the plan to create.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateOrder {
    /// Position, from 1.
    pub position: u32,
    /// Content of the issue.
    pub issue: PlannedIssue,
    /// Id of the plan.
    pub plan_id: String,
    /// When the plan was made; none of its issues is older.
    pub planned_at: Time,
    /// Numbers of its dependencies, as far as they are known.
    pub depends_on: Vec<IssueNumber>,
}

impl PlanEffect {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read_plan",
            Self::Decompose(_) => "decompose",
            Self::Recover { .. } => "recover_plan",
            Self::CreateIssue(_) => "create_issue",
            Self::LinkIssue { .. } => "link_issue",
            Self::Stop { .. } => "stop_plan",
        }
    }

    pub(super) fn attempt(&self) -> Option<u32> {
        match self {
            Self::Decompose(order) => Some(order.attempt),
            Self::Recover { attempt } => Some(*attempt),
            Self::Read { .. }
            | Self::CreateIssue(_)
            | Self::LinkIssue { .. }
            | Self::Stop { .. } => None,
        }
    }
}
