//! What happened in the world. Each effect is answered by exactly one of these.

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
    /// To the session as a whole.
    Session(SessionInput),
    /// To the plan.
    Plan(PlanInput),
    /// To the backlog.
    Intake(IntakeInput),
    /// To a task, apart from its attempts.
    Task(TaskInput),
    /// To one try at a task.
    Attempt(AttemptInput),
    /// To a service that all tasks share.
    Service(ServiceInput),
    /// Time has passed.
    Tick,
}

/// What a planner answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    /// A plan, valid as a whole.
    Plan(Plan),
    /// Something else.
    Rejected(Rejection),
}

/// Work of an attempt, safe in the mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Work {
    /// Commit that holds all of it.
    pub commit: String,
    /// Ref that keeps the commit.
    pub salvage_ref: String,
    /// Changed files; cut off after a bound.
    pub changes: Vec<FileChange>,
    /// How many files changed.
    pub n_files: u32,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// What a person should know of it, such as a nested repository left out.
    pub notes: Vec<String>,
    /// Files that show a merge which nobody finished; cut off after a bound.
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
    /// Milliseconds that it ran.
    pub duration_ms: u64,
    /// How it ended, in words: `exit code 1`, `timed out after 15 minutes`.
    pub ended: String,
    /// What it printed; the middle is cut out where it is long.
    pub output: String,
    /// Whether it failed and fails on the commit that the attempt started from too.
    pub fails_on_base: bool,
}

/// Where work was published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Publication {
    /// Branch.
    pub branch: String,
    /// Commit at its head.
    pub commit: String,
    /// Pull request; `None` where a branch was asked for.
    pub pull_request: Option<PullRequest>,
    /// Whether the pull request was there already.
    pub existed: bool,
    /// Calls to the forge's API that publishing took.
    pub n_api_calls: u32,
}

/// What became of an issue between the reading of the backlog and an attempt at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// It is closed.
    Closed,
    /// It is deleted, or moved to another repository.
    Gone,
    /// It does not carry the run's label.
    Unlabelled,
    /// It has an open pull request of ours.
    Open(PullRequest),
    /// A pull request of ours was merged and did not close it.
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
