//! Effects of one attempt: worktree, agent, collection, checks, publication.

use autoissue_plugin_sdk::AgentTask;
use serde::{Deserialize, Serialize};

use crate::issue::SharedIssue;
use crate::{AgentReport, CheckResult, IssueNumber, PullRequest, StopReason, Usd, Work};

/// Work to be done for one attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AttemptEffect {
    /// Prepare the worktree of an attempt. Re-reads the issue first, and saves uncollected work
    /// that an earlier attempt left in the directory. Answer: `WorktreeLeased`, `Withdrawn` or
    /// `Failed`.
    LeaseWorktree {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// Where the work starts.
        start: Start,
        /// Label that the issue must carry; empty if none is required.
        label: String,
        /// Whether the issue was requested by number; if so, it is worked on even if a pull request
        /// of ours was merged.
        is_asked_for: bool,
    },
    /// Run the agent. Answer: `AgentExited`, or `Failed` if it could not be started; any number of
    /// `Metered` before that.
    RunAgent(Box<AgentOrder>),
    /// Stop whatever is running for an attempt. Has no answer of its own: the stopped effect
    /// answers.
    Stop {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// The reason.
        reason: StopReason,
    },
    /// Collect the work of an attempt into the mirror. Answer: `WorkCollected` or `Failed`.
    CollectWork {
        /// The task.
        issue: SharedIssue,
        /// The attempt.
        attempt: u32,
        /// Commit that the attempt started from.
        base: String,
    },
    /// Run the checks on the work. Answer: `ChecksFinished` or `Failed`.
    RunChecks {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// The work to check.
        work: Work,
        /// Commit of the base branch that failed checks are compared with; `None` if the work is
        /// built on other work of ours.
        base: Option<String>,
    },
    /// Publish the work. Answer: `Published` or `Failed`.
    Publish(Box<PublishOrder>),
    /// Remove the worktree; its work is safe. Has no answer.
    ReleaseWorktree {
        /// The task.
        issue: IssueNumber,
        /// The attempt.
        attempt: u32,
        /// Whether the work is published, so that its salvage ref can be deleted.
        published: bool,
    },
}

/// Where the work of an attempt starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Start {
    /// At the head of the base branch.
    Base,
    /// At the published branches of these issues, merged if there are several.
    Branches {
        /// Each issue with its published commit, if known.
        issues: Vec<(IssueNumber, Option<String>)>,
    },
    /// In the worktree that the previous attempt left.
    KeptTree {
        /// Commit that it started from.
        base: String,
        /// Salvage commit that holds its work, in case the worktree is gone.
        salvage: Option<String>,
    },
}

/// Instructions for an agent run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentOrder {
    /// The task.
    pub issue: SharedIssue,
    /// The attempt.
    pub attempt: u32,
    /// The part of the backend's task that the session decides. The executor adds what depends on
    /// the machine and the configuration (prompt, directory, agent session, tools), and the issue
    /// in the form that strategies see.
    pub task: AgentTask,
    /// What was wrong with the previous attempt.
    pub feedback: Option<String>,
    /// Whether the worktree contains the work of a previous attempt.
    pub continues: bool,
    /// Paths that other running tasks are changing.
    pub avoid: Vec<String>,
}

/// Everything known about the work when it is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishOrder {
    /// The task.
    pub issue: SharedIssue,
    /// The attempt.
    pub attempt: u32,
    /// The work to publish.
    pub work: Work,
    /// Commit that the attempt started from.
    pub base: String,
    /// Report of the agent's backend.
    pub report: Option<AgentReport>,
    /// Results of the checks on the work.
    pub checks: Vec<CheckResult>,
    /// Results of the checks on the base, if they were run.
    pub base_checks: Vec<CheckResult>,
    /// Model that was used; `None` if the program chose.
    pub model: Option<String>,
    /// Cost of the task.
    pub cost: Usd,
    /// Whether part of the cost is estimated.
    pub cost_is_estimated: bool,
    /// Work that must be merged first, in order.
    pub stacked_on: Vec<StackedOn>,
    /// Name of the agent backend.
    pub agent: String,
    /// Branch that the work is merged into.
    pub base_branch: String,
}

/// An issue that other work is built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackedOn {
    /// The issue.
    pub issue: IssueNumber,
    /// Its pull request, if it has one.
    pub pull_request: Option<PullRequest>,
    /// Whether the work is built on this issue directly, not only through others.
    pub is_direct: bool,
}

impl AttemptEffect {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::LeaseWorktree { .. } => "lease_worktree",
            Self::RunAgent(_) => "run_agent",
            Self::Stop { .. } => "stop",
            Self::CollectWork { .. } => "collect_work",
            Self::RunChecks { .. } => "run_checks",
            Self::Publish(_) => "publish",
            Self::ReleaseWorktree { .. } => "release_worktree",
        }
    }

    pub(super) fn issue(&self) -> IssueNumber {
        match self {
            Self::LeaseWorktree { issue, .. }
            | Self::Stop { issue, .. }
            | Self::RunChecks { issue, .. }
            | Self::ReleaseWorktree { issue, .. } => *issue,
            Self::CollectWork { issue, .. } => issue.number,
            Self::RunAgent(order) => order.issue.number,
            Self::Publish(order) => order.issue.number,
        }
    }

    pub(super) const fn attempt(&self) -> u32 {
        match self {
            Self::LeaseWorktree { attempt, .. }
            | Self::Stop { attempt, .. }
            | Self::CollectWork { attempt, .. }
            | Self::RunChecks { attempt, .. }
            | Self::ReleaseWorktree { attempt, .. } => *attempt,
            Self::RunAgent(order) => order.attempt,
            Self::Publish(order) => order.attempt,
        }
    }
}
