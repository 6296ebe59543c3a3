//! What the effects of an attempt came to.

use crate::{AgentReport, CheckResult, Failure, IssueNumber, Publication, Usd, Withdrawal, Work};

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptInput {
    /// A worktree is ready.
    WorktreeLeased {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Commit that it starts from.
        base: String,
    },
    /// The issue is no longer to be worked on, as the forge said before anything was spent on the attempt.
    Withdrawn {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// What became of it.
        found: Withdrawal,
    },
    /// The agent has spent so much so far.
    Metered {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Since the attempt began.
        spent: Usd,
    },
    /// The agent's program has ended.
    AgentExited {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// What its backend read.
        report: AgentReport,
    },
    /// The work was taken into the mirror.
    WorkCollected {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// The work; `None` where nothing differs from the base.
        work: Option<Work>,
        /// What a person should know where there is none, such as files that git ignores.
        notes: Vec<String>,
    },
    /// The checks were run on the work.
    ChecksFinished {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Results, in order.
        results: Vec<CheckResult>,
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
    /// An effect of an attempt failed.
    Failed {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
    },
}
