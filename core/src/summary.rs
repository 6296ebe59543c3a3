//! The result of a session: in figures, as the last line of `--output json`; and as an exit code.
//!
//! The JSON form is a documented promise. All figures come from the journal, through the chronicle.

mod plan;

use std::collections::BTreeMap;

use autoissue_engine::{Engine, Outcome, Phase, PullRequest, SessionOutcome, Task};
use schemars::JsonSchema;
use serde::Serialize;

use crate::chronicle::{Chronicle, SessionStatus};

pub use crate::wall_clock::rfc3339;
pub use plan::{PlanSummary, PlannedIssueSummary};

/// The result of a session.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// Always `summary`.
    #[serde(rename = "type")]
    pub kind: SummaryKind,
    /// Session ID.
    pub session: String,
    /// `completed`, `interrupted`, `failed`; `running` while it runs, `died` if its process died.
    pub status: SessionStatus,
    /// Why it failed, what has to be fixed before it is resumed, or why there was nothing to do; null otherwise.
    pub reason: Option<String>,
    /// The plan, if the issues were planned and a plan exists; null otherwise.
    pub plan: Option<PlanSummary>,
    /// Its tasks, by issue number.
    pub tasks: Vec<TaskSummary>,
    /// How many tasks ended in which group: `done`, `already_open`, `already_merged`, `needs_you`, `failed`, `not_started`.
    pub counts: BTreeMap<&'static str, u32>,
    /// US dollars spent: settled costs, known and estimated, plus what running attempts have metered.
    pub spent_usd: f64,
    /// The part of it that is estimated, because the agent did not report its cost.
    pub estimated_usd: f64,
    /// The budget in US dollars.
    pub budget_usd: f64,
    /// Calls to the forge's API: for the backlog, and for publishing.
    pub api_calls: u32,
    /// How often each plugin failed to decide, by name and version; the built-in decided instead, or the task failed.
    pub plugin_failures: BTreeMap<String, u32>,
    /// Warnings about the backlog, such as issues that could not be read.
    pub warnings: Vec<String>,
    /// When it started, RFC 3339.
    pub started_at: String,
    /// When it ended, RFC 3339; null while it runs.
    pub finished_at: Option<String>,
}

/// The type of the summary line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SummaryKind {
    /// The only one.
    Summary,
}

/// The result of a task.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TaskSummary {
    /// Issue number.
    pub issue: u64,
    /// Title of the issue.
    pub title: String,
    /// Domain.
    pub domain: String,
    /// How it ended: `done`, `already_open`, `already_merged`, `no_change`, `failed`, `budget`, `needs_you`, `skipped`, `not_started`; null if it has not ended.
    pub outcome: Option<&'static str>,
    /// Attempts started.
    pub attempts: u32,
    /// US dollars, all attempts together.
    pub spent_usd: f64,
    /// The pull request, or null.
    pub pull_request: Option<PullRequestLink>,
    /// Branch with the work, or null.
    pub branch: Option<String>,
    /// The outcome in words; null if there is nothing to add.
    pub reason: Option<String>,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PullRequestLink {
    /// Number.
    pub number: u64,
    /// Web address.
    pub url: String,
}

impl Summary {
    /// Returns the summary of a session.
    pub fn new(session: &str, chronicle: &Chronicle) -> Self {
        let (engine, money) = (chronicle.engine(), chronicle.money());
        let counts = chronicle.counts();
        Self {
            kind: SummaryKind::Summary,
            session: session.to_owned(),
            status: chronicle.status(),
            reason: reason(engine),
            plan: PlanSummary::of(chronicle),
            tasks: engine.tasks().values().map(TaskSummary::new).collect(),
            counts: counts.ended().map(|(state, n)| (state.name(), n)).collect(),
            spent_usd: money.spent.dollars(),
            estimated_usd: money.estimated.dollars(),
            budget_usd: money.budget.dollars(),
            api_calls: engine.n_api_calls(),
            plugin_failures: engine.n_plugin_failures().clone(),
            warnings: chronicle.backlog_warnings().to_vec(),
            started_at: rfc3339(chronicle.started_at_ms()),
            finished_at: chronicle.finished_at_ms().map(rfc3339),
        }
    }
}

impl TaskSummary {
    fn new(task: &Task) -> Self {
        Self {
            issue: task.issue.number.0,
            title: task.issue.title.clone(),
            domain: task.domain().to_owned(),
            outcome: task.outcome().map(Outcome::name),
            attempts: task.n_attempts,
            spent_usd: task.spent_now().dollars(),
            pull_request: task
                .outcome()
                .and_then(Outcome::pull_request)
                .map(PullRequestLink::new),
            branch: task
                .publication
                .as_ref()
                .map(|publication| publication.branch.clone())
                .or_else(|| task.issue.open_branch.clone()),
            reason: task
                .outcome()
                .filter(|outcome| !matches!(outcome, Outcome::Done { .. }))
                .map(ToString::to_string),
        }
    }
}

impl PullRequestLink {
    fn new(pull_request: &PullRequest) -> Self {
        Self {
            number: pull_request.number,
            url: pull_request.url.clone(),
        }
    }
}

fn reason(engine: &Engine) -> Option<String> {
    match engine.phase() {
        Phase::Over(SessionOutcome::Failed { message, .. }) => Some(message.clone()),
        _ => engine.required_fix().map(str::to_owned),
    }
}

/// How a session ended, as the exit code reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionResult {
    /// All tasks are done, or already had an open pull request.
    AllDone,
    /// It ran, and some task failed or was skipped.
    SomeFailed,
    /// It did not start, or stopped, because of the budget.
    Budget,
    /// It could not run.
    Failed,
    /// It was interrupted and can be resumed.
    Interrupted,
}

impl SessionResult {
    /// Returns how a session ended.
    pub fn of(engine: &Engine) -> Self {
        use autoissue_engine::NotStarted;
        if engine.is_interrupted() {
            return Self::Interrupted;
        }
        if let Phase::Over(SessionOutcome::Failed { budget, .. }) = engine.phase() {
            return if *budget { Self::Budget } else { Self::Failed };
        }
        let outcomes = || engine.tasks().values().filter_map(Task::outcome);
        if outcomes().any(|outcome| {
            *outcome
                == Outcome::NotStarted {
                    because: NotStarted::Budget,
                }
        }) {
            Self::Budget
        } else if outcomes().all(Outcome::is_success) {
            Self::AllDone
        } else {
            Self::SomeFailed
        }
    }
}
