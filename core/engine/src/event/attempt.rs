//! One attempt at a task, from its reservation to its publication.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AgentReport, CheckResult, Failure, IssueNumber, Publication, Time, Usd, Work};

/// What happened to an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AttemptEvent {
    /// An attempt started; its money is reserved.
    Started {
        /// The task.
        issue: IssueNumber,
        /// Attempt, from 1.
        attempt: u32,
        /// Reserved amount.
        #[serde(rename = "reserved_usd")]
        reserved: Usd,
        /// Model of the attempt.
        model: Option<String>,
    },
    /// The worktree is ready.
    WorktreeLeased {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// Commit that the attempt starts from.
        base: String,
    },
    /// The agent has spent this amount so far.
    Metered {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// Amount since the start of the attempt.
        #[serde(rename = "spent_usd")]
        spent: Usd,
    },
    /// The agent's program exited; its reservation is settled.
    AgentExited {
        /// The task.
        issue: IssueNumber,
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
    /// The work is safe in the mirror.
    WorkCollected {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// The work; `None` if nothing differs from the base.
        work: Option<Work>,
        /// Remarks for the user if there is no work.
        notes: Vec<String>,
    },
    /// The checks finished.
    ChecksFinished {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// Results, in order.
        results: Vec<CheckResult>,
        /// Whether the work passed; a check that also fails on the base may be ignored.
        passed: bool,
    },
    /// The work could not be collected or checked for lack of disk space. It stays where it is, and
    /// the step is retried later.
    CollectDelayed {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// The failure.
        failure: Failure,
        /// Earliest time of the retry.
        until: Time,
        /// Whether the work is already collected, so that only the checks are repeated.
        checks: bool,
    },
    /// A postponed collection or check is being retried.
    CollectRetried {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
    },
    /// Publishing failed and will be retried.
    PublishDelayed {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// The failure.
        failure: Failure,
        /// Whether the failure counts against the task's tries at publishing.
        counted: bool,
        /// Earliest time of the retry.
        until: Time,
    },
    /// The running step of the attempt was stopped; it is repeated on resume.
    Interrupted {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
    },
    /// Publishing started.
    PublishStarted {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
    },
    /// The work is published.
    Published {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// Where it was published.
        publication: Publication,
    },
    /// The attempt failed.
    Failed {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// The failure.
        failure: Failure,
        /// Whether the failure counts against the task's retries.
        counted: bool,
        /// Earliest time of the next attempt: the start of 1970 for immediately, `None` if there is
        /// none.
        retry_at: Option<Time>,
        /// Whether the next attempt continues in the same worktree and agent session.
        kept: bool,
        /// Whether the agent session is lost, so that the next attempt starts a new one.
        lost_session: bool,
    },
}

impl AttemptEvent {
    pub(super) const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::CollectDelayed { failure, .. }
            | Self::PublishDelayed { failure, .. }
            | Self::Failed { failure, .. } => Some(failure),
            _ => None,
        }
    }

    /// Returns the task and the number of the attempt.
    pub const fn attempt_id(&self) -> (IssueNumber, u32) {
        match self {
            Self::Started { issue, attempt, .. }
            | Self::WorktreeLeased { issue, attempt, .. }
            | Self::Metered { issue, attempt, .. }
            | Self::AgentExited { issue, attempt, .. }
            | Self::WorkCollected { issue, attempt, .. }
            | Self::ChecksFinished { issue, attempt, .. }
            | Self::CollectDelayed { issue, attempt, .. }
            | Self::CollectRetried { issue, attempt }
            | Self::PublishDelayed { issue, attempt, .. }
            | Self::Interrupted { issue, attempt }
            | Self::PublishStarted { issue, attempt }
            | Self::Published { issue, attempt, .. }
            | Self::Failed { issue, attempt, .. } => (*issue, *attempt),
        }
    }
}
