//! What happened outside the engine. Each effect is answered by exactly one input.

mod attempt;
mod intake;
mod plan;
mod service;
mod session;
mod task;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Outcome, Plan, PullRequest, Rejection, Skip};

pub use attempt::AttemptInput;
pub use intake::IntakeInput;
pub use plan::PlanInput;
pub use service::ServiceInput;
pub use session::SessionInput;
pub use task::TaskInput;

/// What happened, by chapter.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// SessionInfo the session as a whole.
    Session(SessionInput),
    /// SessionInfo the plan.
    Plan(PlanInput),
    /// SessionInfo the backlog.
    Intake(IntakeInput),
    /// SessionInfo a task, apart from its attempts.
    Task(TaskInput),
    /// SessionInfo one attempt at a task.
    Attempt(AttemptInput),
    /// SessionInfo a service that all tasks share.
    Service(ServiceInput),
    /// Time has passed.
    Tick,
}

/// A planner's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    /// A valid plan.
    Plan(Plan),
    /// An answer that is not a valid plan.
    Rejected(Rejection),
}

/// Work of an attempt, safe in the mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Work {
    /// Commit that contains all of the work.
    pub commit: String,
    /// Ref that keeps the commit.
    pub salvage_ref: String,
    /// Changed files, up to a limit.
    pub changes: Vec<FileChange>,
    /// Number of changed files.
    pub n_files: u32,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// Remarks for the user, such as a nested repository that was left out.
    pub notes: Vec<String>,
    /// Files with an unfinished merge, up to a limit.
    pub conflicts: Vec<String>,
}

/// A changed file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileChange {
    /// Path in the repository.
    pub path: String,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
}

/// Result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// Name.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// How it ended, in words: `exit code 1`, `timed out after 15 minutes`.
    pub ended: String,
    /// Output; the middle is cut if it is long.
    pub output: String,
    /// Whether the check failed and also fails on the commit that the attempt started from.
    pub fails_on_base: bool,
}

/// Where work was published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Publication {
    /// Branch.
    pub branch: String,
    /// Commit at its head.
    pub commit: String,
    /// Pull request; `None` if only a branch was requested.
    pub pull_request: Option<PullRequest>,
    /// Whether the pull request already existed.
    pub existed: bool,
    /// Number of calls to the forge's API.
    pub n_api_calls: u32,
}

/// What happened to an issue between reading the backlog and an attempt at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// It was closed.
    Closed,
    /// It was deleted, or moved to another repository.
    Gone,
    /// It lost the label of the session.
    Unlabelled,
    /// It has an open pull request of ours.
    Open(PullRequest),
    /// A pull request of ours was merged without closing it.
    Merged(PullRequest),
}

impl From<Withdrawal> for Outcome {
    fn from(found: Withdrawal) -> Self {
        let because = match found {
            Withdrawal::Open(pull_request) => {
                return Self::AlreadyOpen {
                    pull_request: Some(pull_request),
                };
            }
            Withdrawal::Merged(pull_request) => return Self::AlreadyMerged { pull_request },
            Withdrawal::Closed => Skip::Closed,
            Withdrawal::Gone => Skip::Gone,
            Withdrawal::Unlabelled => Skip::Unlabelled,
        };
        Self::Skipped { because }
    }
}
