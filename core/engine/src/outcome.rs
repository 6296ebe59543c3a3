//! How tasks and sessions end.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FailureType, IssueNumber, PullRequest};

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Outcome {
    /// Its work is published.
    Done {
        /// The pull request; `None` where a branch was asked for.
        pull_request: Option<PullRequest>,
    },
    /// A pull request or branch of an earlier session is there.
    AlreadyOpen {
        /// That pull request; `None` where a branch was asked for.
        pull_request: Option<PullRequest>,
    },
    /// A pull request of an earlier session was merged, into a branch whose merges close no issue.
    AlreadyMerged {
        /// That pull request.
        pull_request: PullRequest,
    },
    /// The agent changed nothing, in every attempt.
    NoChange,
    /// It failed.
    Failed {
        /// Type of the last failure.
        failure: FailureType,
        /// The last failure, in words.
        message: String,
    },
    /// It used up what one task may spend.
    Budget {
        /// How to go on.
        message: String,
    },
    /// A person has to decide something.
    NeedsYou {
        /// What.
        message: String,
    },
    /// Something that it depends on is not there.
    Skipped {
        /// What.
        because: Skip,
    },
    /// It was never started.
    NotStarted {
        /// Why.
        because: NotStarted,
    },
}

/// Outcomes that people treat alike: what every report and screen counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutcomeGroup {
    /// Its work is published.
    Done,
    /// A pull request or branch of an earlier session is open.
    AlreadyOpen,
    /// A pull request of an earlier session was merged.
    AlreadyMerged,
    /// A person has to decide something; the money of one task is such a decision.
    NeedsYou,
    /// It failed, or changed nothing.
    Failed,
    /// It was never started, or skipped.
    NotStarted,
}

/// Why a task was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Skip {
    /// An issue of this session, which did not end in something to build on.
    DependsOn {
        /// That issue.
        issue: IssueNumber,
    },
    /// An open issue that is not part of this session.
    DependsOnOutside {
        /// That issue.
        issue: IssueNumber,
    },
    /// Issues of this session that wait for each other, this one among them; the smallest number first.
    Circle {
        /// All of them, in the order in which each waits for the next.
        issues: Vec<IssueNumber>,
    },
    /// It was closed after the backlog was read.
    Closed,
    /// It was deleted or moved away after the backlog was read.
    Gone,
    /// It lost the run's label after the backlog was read.
    Unlabelled,
    /// A plugin that was to decide about it did not.
    Undecided,
}

/// Why a task was not started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "message", rename_all = "snake_case")]
pub enum NotStarted {
    /// The rest of the session's budget cannot start it.
    Budget,
    /// The time after which nothing starts had come.
    Until,
    /// The session stopped with this error.
    Stopped(String),
}

impl Outcome {
    /// Returns the name as it appears in JSON and metrics.
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

    /// Returns the group that it is counted in.
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

    /// Returns whether what depends on the issue may start.
    pub const fn lets_dependents_start(&self) -> bool {
        self.is_success()
            || matches!(
                self,
                Self::Skipped {
                    because: Skip::Closed
                }
            )
    }

    /// Returns whether what depends on the issue is built on its branch; else it is in the base.
    pub const fn can_be_built_on(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::AlreadyOpen { .. })
    }

    /// Returns the pull request, where there is one.
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
            Self::Undecided => f.write_str("a plugin did not return a decision"),
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
            Self::Budget => f.write_str("budget"),
            Self::Until => f.write_str("past the `--until` time"),
            Self::Stopped(message) => f.write_str(message),
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SessionStatus {
    /// Every task has ended.
    Completed,
    /// It could not run, or had to stop.
    Failed {
        /// Why.
        message: String,
        /// Whether the budget is the reason.
        budget: bool,
    },
}
