//! Results of the effects of an attempt.

use crate::{AgentReport, CheckResult, Failure, IssueNumber, Publication, Usd, Withdrawal, Work};

/// Result of an effect of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptInput {
    /// A worktree is ready.
    WorktreeLeased {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// Commit that the attempt starts from.
        base: String,
    },
    /// The issue must no longer be worked on, according to the forge. Nothing was spent on the
    /// attempt yet.
    Withdrawn {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// What happened to the issue.
        found: Withdrawal,
    },
    /// The agent has spent this amount so far.
    Metered {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// Amount since the start of the attempt.
        spent: Usd,
    },
    /// The agent's program exited.
    AgentExited {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// Report of the agent's backend.
        report: AgentReport,
    },
    /// The work was collected into the mirror.
    WorkCollected {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// The work; `None` if nothing differs from the base.
        work: Option<Work>,
        /// Remarks for the user if there is no work, such as files that git ignores.
        notes: Vec<String>,
    },
    /// The checks on the work finished.
    ChecksFinished {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// Results, in order.
        results: Vec<CheckResult>,
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
    /// An effect of an attempt failed.
    Failed {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// The failure.
        failure: Failure,
    },
}
