//! How tasks and sessions end.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FailureType, IssueNumber, PullRequest};

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Outcome {
    /// The work is published.
    Done {
        /// The pull request; `None` if only a branch was requested.
        pull_request: Option<PullRequest>,
    },
    /// A pull request or branch from an earlier session already exists.
    AlreadyOpen {
        /// The pull request; `None` if only a branch was requested.
        pull_request: Option<PullRequest>,
    },
    /// A pull request from an earlier session was merged into a branch whose merges do not close
    /// issues.
    AlreadyMerged {
        /// The pull request.
        pull_request: PullRequest,
    },
    /// The agent changed nothing in any attempt.
    NoChange,
    /// The task failed.
    Failed {
        /// Type of the last failure.
        failure: FailureType,
        /// The last failure, as text.
        message: String,
    },
    /// The task reached its spending limit.
    Budget {
        /// How to continue.
        message: String,
    },
    /// Someone has to make a decision.
    NeedsYou {
        /// The decision to make.
        message: String,
    },
    /// The task was skipped.
    Skipped {
        /// The reason.
        because: Skip,
    },
    /// The task was never started.
    NotStarted {
        /// The reason.
        because: NotStarted,
    },
}

/// Groups of outcomes, as counted in reports and on screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutcomeGroup {
    /// The work is published.
    Done,
    /// A pull request or branch from an earlier session is open.
    AlreadyOpen,
    /// A pull request from an earlier session was merged.
    AlreadyMerged,
    /// Someone has to make a decision, which includes raising the limit of a task.
    NeedsYou,
    /// The task failed, or changed nothing.
    Failed,
    /// The task was never started, or was skipped.
    NotStarted,
}

/// Why a task was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Skip {
    /// It depends on an issue of this session that left nothing to build on.
    DependsOn {
        /// The dependency.
        issue: IssueNumber,
    },
    /// It depends on an open issue that is not part of this session.
    DependsOnOutside {
        /// The dependency.
        issue: IssueNumber,
    },
    /// It is part of a dependency cycle within this session.
    Circle {
        /// All issues of the cycle, each followed by the one it waits for, starting with the
        /// smallest number.
        issues: Vec<IssueNumber>,
    },
    /// The issue was closed after the backlog was read.
    Closed,
    /// The issue was deleted or moved after the backlog was read.
    Gone,
    /// The issue lost the session's label after the backlog was read.
    Unlabelled,
    /// A plugin did not return a decision about it.
    PluginFailed,
}

/// Why a task was not started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "message", rename_all = "snake_case")]
pub enum NotStarted {
    /// The remaining budget cannot start it.
    Budget,
    /// The `--until` time had passed.
    Until,
    /// The session stopped with this error.
    Stopped(String),
}

impl Outcome {
    /// Returns the name used in JSON and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::AlreadyOpen { .. } => "already_open",
            Self::AlreadyMerged { .. } => "already_merged",
            Self::NoChange => "no_change",
            Self::Failed { .. } => "failed",
            Self::Budget { .. } => "budget",
            Self::NeedsYou { .. } => "needs_you",
            Self::Skipped { .. } => "skipped",
            Self::NotStarted { .. } => "not_started",
        }
    }

    /// Returns the group in which the outcome is counted.
    pub const fn group(&self) -> OutcomeGroup {
        match self {
            Self::Done { .. } => OutcomeGroup::Done,
            Self::AlreadyOpen { .. } => OutcomeGroup::AlreadyOpen,
            Self::AlreadyMerged { .. } => OutcomeGroup::AlreadyMerged,
            Self::NeedsYou { .. } | Self::Budget { .. } => OutcomeGroup::NeedsYou,
            Self::NoChange | Self::Failed { .. } => OutcomeGroup::Failed,
            Self::Skipped { .. } | Self::NotStarted { .. } => OutcomeGroup::NotStarted,
        }
    }

    /// Returns whether the issue has its pull request or branch.
    pub const fn is_success(&self) -> bool {
        matches!(
            self,
            Self::Done { .. } | Self::AlreadyOpen { .. } | Self::AlreadyMerged { .. }
        )
    }

    /// Returns whether dependents of the issue may start.
    pub const fn lets_dependents_start(&self) -> bool {
        self.is_success()
            || matches!(
                self,
                Self::Skipped {
                    because: Skip::Closed
                }
            )
    }

    /// Returns whether dependents of the issue are built on its branch; otherwise its work is in
    /// the base.
    pub const fn can_be_built_on(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::AlreadyOpen { .. })
    }

    /// Returns the pull request, if there is one.
    pub const fn pull_request(&self) -> Option<&PullRequest> {
        match self {
            Self::Done { pull_request } => pull_request.as_ref(),
            Self::AlreadyOpen { pull_request } => pull_request.as_ref(),
            Self::AlreadyMerged { pull_request } => Some(pull_request),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done {
                pull_request: Some(pull),
            } => write!(f, "pull request #{}", pull.number),
            Self::Done { pull_request: None } => f.write_str("branch published"),
            Self::AlreadyOpen {
                pull_request: Some(pull),
            } => write!(f, "pull request #{} is already open", pull.number),
            Self::AlreadyOpen { pull_request: None } => {
                f.write_str("its branch already exists; use `--issue` to redo it")
            }
            Self::AlreadyMerged { pull_request } => {
                write!(
                    f,
                    "pull request #{} was already merged",
                    pull_request.number
                )
            }
            Self::NoChange => f.write_str("no change"),
            Self::Failed { failure, message } => write!(f, "{}: {message}", failure.name()),
            Self::Budget { message } => write!(f, "budget: {message}"),
            Self::NeedsYou { message } => write!(f, "needs you: {message}"),
            Self::Skipped { because } => write!(f, "skipped: {because}"),
            Self::NotStarted { because } => write!(f, "not started: {because}"),
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DependsOn { issue } => write!(f, "depends on {issue}"),
            Self::Circle { issues: circle } => {
                f.write_str("circular dependency: ")?;
                for issue in circle {
                    write!(f, "{issue} → ")?;
                }
                circle.first().map_or(Ok(()), |first| write!(f, "{first}"))
            }
            Self::Closed => f.write_str("the issue was closed in the meantime"),
            Self::Gone => f.write_str("the issue was deleted or moved in the meantime"),
            Self::Unlabelled => f.write_str("the issue lost its label in the meantime"),
            Self::PluginFailed => f.write_str("a plugin made no decision"),
            Self::DependsOnOutside { issue } => write!(
                f,
                "depends on {issue}, which is open and not part of this run"
            ),
        }
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget => f.write_str("the budget does not cover it"),
            Self::Until => f.write_str("past the `--until` time"),
            Self::Stopped(message) => f.write_str(message),
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SessionOutcome {
    /// Every task has ended.
    Completed,
    /// The session could not run, or had to stop.
    Failed {
        /// The reason.
        message: String,
        /// Whether the budget was the reason.
        budget: bool,
    },
}
