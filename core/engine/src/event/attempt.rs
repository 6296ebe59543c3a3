//! One try at a task, from its reservation to its publication.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AgentReport, CheckResult, Failure, IssueNumber, Publication, Time, Usd, Work};

/// What happened to an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AttemptEvent {
    /// An attempt began; its money is set aside.
    Started {
        /// Task.
        issue: IssueNumber,
        /// Attempt, from 1.
        attempt: u32,
        /// Money set aside.
        #[serde(rename = "reserved_usd")]
        reserved: Usd,
        /// Model.
        model: Option<String>,
    },
    /// Its worktree is ready.
    WorktreeLeased {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Commit that it starts from.
        base: String,
    },
    /// The agent has spent so much so far.
    Metered {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Since the attempt began.
        #[serde(rename = "spent_usd")]
        spent: Usd,
    },
    /// The agent's program has ended; its reservation is settled.
    AgentExited {
        /// Task.
        issue: IssueNumber,
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
    /// The work is safe in the mirror.
    WorkCollected {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// The work; `None` where nothing differs from the base.
        work: Option<Work>,
        /// What a person should know where there is none.
        notes: Vec<String>,
    },
    /// The checks were run.
    ChecksFinished {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Results, in order.
        results: Vec<CheckResult>,
        /// Whether the work passed; a check that fails on the base too may not count.
        passed: bool,
    },
    /// The work could not be collected, or checked, for want of room; it stays where it is, and that is repeated later.
    CollectDelayed {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// When it is tried again, at the earliest.
        until: Time,
        /// Whether the work is collected, and the checks are what is repeated.
        checks: bool,
    },
    /// The work is collected, or checked, after all.
    CollectRetried {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
    },
    /// Publishing failed and is tried again.
    PublishDelayed {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// Whether it counts against the task's tries.
        #[serde(rename = "counted")]
        charged: bool,
        /// When it is tried again, at the earliest.
        until: Time,
    },
    /// What ran for the attempt was stopped; it is asked for again at resume.
    Suspended {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
    },
    /// Publishing began.
    PublishStarted {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
    },
    /// The work is published.
    Published {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Where.
        publication: Publication,
    },
    /// The attempt failed.
    Failed {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// Whether it counts against the task's retries.
        #[serde(rename = "counted")]
        charged: bool,
        /// When the task may be tried again, the beginning of 1970 for at once; `None` if it is not.
        retry_at: Option<Time>,
        /// Whether the next attempt goes on in the same worktree and agent session.
        kept: bool,
        /// Whether that session is gone, so that the next attempt begins a new one.
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

    /// Returns the task, and the number of the attempt.
    pub const fn whose(&self) -> (IssueNumber, u32) {
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
            | Self::Suspended { issue, attempt }
            | Self::PublishStarted { issue, attempt }
            | Self::Published { issue, attempt, .. }
            | Self::Failed { issue, attempt, .. } => (*issue, *attempt),
        }
    }
}
