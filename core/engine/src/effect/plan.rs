//! Effects of planning: from a directive to issues on the forge.

use autoissue_plugin_sdk::AgentTask;
use serde::{Deserialize, Serialize};

use crate::{IssueNumber, PlannedIssue, Rejection, StopReason, Time};

/// What is to be done for the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlanEffect {
    /// Get the plan that the session was started with. Answer: `PlanRead` or `PlanFailed`.
    Read {
        /// What it is for; empty where nobody said.
        directive: String,
    },
    /// Have the agent split the directive into issues. Answer: `Decomposed`; any number of `PlannerMetered` before.
    Decompose(Box<PlannerOrder>),
    /// Find out how a planner ended that was running when the process died. Answer: `Decomposed`, with what is on disk or an end unseen.
    Recover {
        /// Attempt.
        attempt: u32,
    },
    /// Create an issue of the plan, or find it. Answer: `IssueCreated` or `PlanFailed`.
    CreateIssue(CreateOrder),
    /// Write down what an issue of the plan depends on, where that is not said yet. Answer: `IssueLinked` or `PlanFailed`.
    LinkIssue {
        /// Position, from 1.
        position: u32,
        /// The issue.
        issue: IssueNumber,
        /// What it depends on.
        depends_on: Vec<IssueNumber>,
    },
    /// Stop what runs for the plan. No answer of its own: the stopped effect answers.
    Stop {
        /// Why.
        reason: StopReason,
    },
}

/// What a planner is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannerOrder {
    /// Attempt, from 1.
    pub attempt: u32,
    /// What is to be split into issues.
    pub directive: String,
    /// What its backend is told, as far as the session decides it; see [`AgentOrder::task`](crate::AgentOrder::task).
    pub task: AgentTask,
    /// What was wrong with the answer before.
    pub rejection: Option<Rejection>,
}

/// An issue of the plan to be created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateOrder {
    /// Position, from 1.
    pub position: u32,
    /// What it says.
    pub issue: PlannedIssue,
    /// Name of the plan.
    pub plan_id: String,
    /// When the plan was made: no issue of it is older.
    pub planned_at: Time,
    /// Numbers of what it depends on, as far as they are known.
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
            Self::Stop { .. } => "stop_planning",
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
