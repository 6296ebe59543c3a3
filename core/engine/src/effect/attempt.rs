//! Effects of one attempt: worktree, agent, collection, checks, publication.

use autoissue_plugin_sdk::AgentTask;
use serde::{Deserialize, Serialize};

use crate::issue::SharedIssue;
use crate::{AgentReport, CheckResult, IssueNumber, PullRequest, StopReason, Usd, Work};

/// What is to be done for one attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AttemptEffect {
    /// Make the worktree of an attempt; what an attempt before left there uncollected is saved first. The issue is looked
    /// at again before. Answer: `WorktreeLeased`, `Withdrawn` or `Failed`.
    LeaseWorktree {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Where the work starts.
        start: Start,
        /// Label that the issue has to carry; empty where it needs none.
        label: String,
        /// Whether the issue was asked for by its number, so that it is worked on although a pull request of ours was merged.
        is_asked_for: bool,
    },
    /// Run the agent. Answer: `AgentExited`, or `Failed` if it could not be started; any number of `Metered` before.
    RunAgent(Box<AgentOrder>),
    /// Stop what runs for an attempt. No answer of its own: the stopped effect answers.
    Stop {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Why.
        reason: StopReason,
    },
    /// Take the work of an attempt into the mirror. Answer: `WorkCollected` or `Failed`.
    CollectWork {
        /// Task.
        issue: SharedIssue,
        /// Attempt.
        attempt: u32,
        /// Commit that the attempt started from.
        base: String,
    },
    /// Run the checks on the work. Answer: `ChecksFinished` or `Failed`.
    RunChecks {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// The work.
        work: Work,
        /// Commit of the base branch that failed checks are compared with; `None` where the work is built on other work of ours.
        base: Option<String>,
    },
    /// Publish the work. Answer: `Published` or `Failed`.
    Publish(Box<PublishOrder>),
    /// Remove the worktree; its work is safe. No answer.
    ReleaseWorktree {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Whether the work is published, so that its salvage ref may go.
        published: bool,
    },
}

/// Where an attempt's work starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Start {
    /// At the head of the base branch.
    Base,
    /// At the published branches of these issues, merged where there are several.
    Branches {
        /// Each with the commit that was published, where that is known.
        issues: Vec<(IssueNumber, Option<String>)>,
    },
    /// In the tree that the attempt before left.
    KeptTree {
        /// Commit that it started from.
        base: String,
        /// Salvaged commit that holds its work, where the tree is gone.
        salvage: Option<String>,
    },
}

/// What an agent is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentOrder {
    /// Task.
    pub issue: SharedIssue,
    /// Attempt.
    pub attempt: u32,
    /// What the agent's backend is told, as far as the session decides it. Whoever runs the agent adds what belongs to the machine and
    /// to the configuration (prompt, directory, the agent's session, tools), and the issue as strategies see it.
    pub task: AgentTask,
    /// What was not good enough before.
    pub feedback: Option<String>,
    /// Whether the worktree holds what an attempt before has done.
    pub continues: bool,
    /// Paths that other running tasks work on.
    pub avoid: Vec<String>,
}

/// All that is known of the work when it is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishOrder {
    /// Task.
    pub issue: SharedIssue,
    /// Attempt.
    pub attempt: u32,
    /// The work.
    pub work: Work,
    /// Commit that the attempt started from.
    pub base: String,
    /// What the agent's backend read.
    pub report: Option<AgentReport>,
    /// Results of the checks on the work.
    pub checks: Vec<CheckResult>,
    /// Results of the checks on the base, where they were run.
    pub base_checks: Vec<CheckResult>,
    /// Model that worked; `None` where the program chose.
    pub model: Option<String>,
    /// What the task has cost.
    pub cost: Usd,
    /// Whether a part of that is assumed.
    pub cost_is_assumed: bool,
    /// What has to be merged before, in order.
    pub stacked_on: Vec<StackedOn>,
    /// Name of the agent backend.
    pub agent: String,
    /// Branch that the work goes back to.
    pub base_branch: String,
}

/// An issue whose work other work is built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackedOn {
    /// The issue.
    pub issue: IssueNumber,
    /// Its pull request, where there is one.
    pub pull_request: Option<PullRequest>,
    /// Whether the work is built on this one's itself, and not only on that of others in between.
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
