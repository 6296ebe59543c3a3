//! The shapes of the API: what a response may hold, and nothing else.
//!
//! None of these types can hold a setting, an environment or an order, so no handler can answer with one by accident; text
//! of others is [`Shown`]. The JSON form is a promise and described by the OpenAPI document, which is made of these types.

use std::collections::BTreeMap;

pub(crate) use autoissue_core::chronicle::{Counts, Status as SessionStatus, TaskState};
use schemars::JsonSchema;
use serde::Serialize;

use super::shown::Shown;

/// Whether the dashboard itself works. Says nothing about a session, for it needs no credentials.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    pub(crate) status: HealthStatus,
}

/// The only status that can be told.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthStatus {
    /// It answers.
    Ok,
}

/// What the dashboard asks of those who look at it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AccessView {
    /// Whether it asks for credentials, so that there is something to log out of.
    pub(crate) asks_for_credentials: bool,
}

/// A session at one moment.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionView {
    /// Session id.
    pub(crate) session: String,
    /// Number of the last event that this view knows.
    pub(crate) last_seq: u64,
    /// `owner/name`, or the name of a local repository.
    pub(crate) repository: Shown,
    /// Label of the issues; empty where they are planned.
    pub(crate) label: Shown,
    /// What the issues are planned for; null where they are not planned.
    pub(crate) directive: Option<Shown>,
    /// Branch that the work starts from.
    pub(crate) base_branch: Shown,
    /// Agent backend.
    pub(crate) agent: Shown,
    /// Release of autoissue that runs it.
    pub(crate) version: Shown,
    /// Where it is.
    pub(crate) status: SessionStatus,
    /// What it is doing as a whole.
    pub(crate) activity: Activity,
    /// Whether it goes well.
    pub(crate) health: SessionHealth,
    /// Why it failed or stops; null otherwise.
    pub(crate) message: Option<Shown>,
    /// When it began, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// When it ended; null while it runs.
    pub(crate) finished_at: Option<String>,
    /// Milliseconds that it has run: the time between an interruption and its resume does not count.
    pub(crate) ran_ms: u64,
    /// The server's clock, so that a reader can tell how long something has been running.
    pub(crate) now: String,
    /// How many tasks are where.
    pub(crate) counts: Counts,
    /// Attempts that may be in flight.
    pub(crate) slots: u32,
    /// Its money.
    pub(crate) budget: BudgetView,
    /// Its circuit breakers.
    pub(crate) circuit_breaker: BreakerView,
    /// Attempts in flight.
    pub(crate) running: Vec<RunningView>,
    /// What a person should look at, the most urgent first; at most 50.
    pub(crate) attention: Vec<AttentionView>,
    /// How many there are of these.
    pub(crate) n_attention: u32,
}

/// What a session is doing as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Activity {
    /// Nothing yet.
    Starting,
    /// The planner splits a directive into issues.
    SplittingDirective,
    /// The plan waits for a person to agree to it.
    AwaitingConsent,
    /// Creating the issues of the plan.
    CreatingIssues,
    /// Reading the backlog.
    ReadingBacklog,
    /// Classifying, and choosing models.
    Planning,
    /// Running the checks on the base.
    CheckingBase,
    /// Running tasks.
    Running,
    /// Nothing more runs.
    Over,
}

/// Whether a session goes well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionHealth {
    /// Nothing is wrong.
    Well,
    /// It goes on, and a person should look at something.
    Attention,
    /// It does not go on by itself, or nothing starts.
    Trouble,
}

/// Money, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct BudgetView {
    /// What may be spent.
    pub(crate) budget_usd: f64,
    /// What is spent: settled, known and assumed, plus what running agents have metered.
    pub(crate) spent_usd: f64,
    /// The part of it that is assumed, for the cost was not told.
    pub(crate) assumed_usd: f64,
    /// The part of it that running agents have metered so far; settled when they end.
    pub(crate) in_flight_usd: f64,
    /// What is left of the reservations of running agents.
    pub(crate) reserved_usd: f64,
    /// What can still be set aside.
    pub(crate) available_usd: f64,
    /// All costs by published pull requests; null without one.
    pub(crate) cost_per_pull_request_usd: Option<f64>,
}

/// Money over time.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BudgetHistory {
    /// The money now.
    pub(crate) now: BudgetView,
    /// The money over time, thinned out to at most 600 points.
    pub(crate) history: Vec<CostPointView>,
}

/// The money at one moment.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CostPointView {
    /// When, RFC 3339 in UTC.
    pub(crate) at: String,
    /// What was gone: settled, and seen with running agents.
    pub(crate) spent_usd: f64,
    /// What was set aside beyond that.
    pub(crate) reserved_usd: f64,
}

/// The circuit breakers.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct BreakerView {
    /// The worst state of all.
    pub(crate) state: BreakerState,
    /// Each service's own.
    pub(crate) services: Vec<ServiceView>,
}

/// State of a circuit breaker, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BreakerState {
    /// The service is used.
    Closed,
    /// The service itself stated when it can be used again.
    Paused,
    /// One attempt probes it.
    HalfOpen,
    /// It failed too often; it is not used.
    Open,
}

/// The circuit breaker of one service.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ServiceView {
    /// `forge`, `machine`, or `agent:` and the backend's name. What a reset names.
    pub(crate) service: Shown,
    /// Its name for people.
    pub(crate) name: Shown,
    /// Its state.
    pub(crate) state: BreakerState,
    /// Failures since its last success.
    pub(crate) consecutive_failures: u32,
    /// When it is used or probed again, RFC 3339 in UTC; null where that is not known.
    pub(crate) until: Option<String>,
    /// Issue of the attempt that probes it, or null.
    pub(crate) probe: Option<u64>,
    /// What the service said, or null.
    pub(crate) message: Option<Shown>,
}

/// Failures.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorsView {
    /// All of them, those that were tried again included.
    pub(crate) total: u64,
    /// How many of each type: `validation`, `task`, `crash`, `timeout`, `network`, `rate_limit`, `overloaded`, `auth`.
    pub(crate) by_type: BTreeMap<&'static str, u64>,
    /// The newest first; at most 20.
    pub(crate) recent: Vec<ErrorView>,
}

/// A failure.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorView {
    /// When, RFC 3339 in UTC.
    pub(crate) at: String,
    /// Task, or null where the session as a whole saw it.
    pub(crate) issue: Option<u64>,
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// Its first line.
    pub(crate) message: Shown,
    /// Whether it is tried again.
    pub(crate) retried: bool,
}

/// All figures of a session.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricsView {
    /// The session.
    pub(crate) session: SessionMetrics,
    /// Its money.
    pub(crate) budget: BudgetView,
    /// Its circuit breakers.
    pub(crate) circuit_breaker: BreakerView,
    /// Its failures.
    pub(crate) errors: ErrorsView,
}

/// Figures of a session as a whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionMetrics {
    /// Session id.
    pub(crate) session: String,
    /// Where it is.
    pub(crate) status: SessionStatus,
    /// When it began, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// When it ended; null while it runs.
    pub(crate) finished_at: Option<String>,
    /// Milliseconds that it has run: the time between an interruption and its resume does not count.
    pub(crate) duration_ms: u64,
    /// How many tasks are where.
    pub(crate) tasks: Counts,
    /// How many tasks ended in which way.
    pub(crate) outcomes: BTreeMap<&'static str, u32>,
    /// Attempts started.
    pub(crate) attempts: u64,
    /// Attempts that may be in flight.
    pub(crate) slots: u32,
    /// Tokens that agents used.
    pub(crate) tokens: u64,
    /// Milliseconds that agents ran, all together.
    pub(crate) agent_ms: u64,
}

/// An attempt in flight.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunningView {
    /// Issue number.
    pub(crate) issue: u64,
    /// Title of the issue.
    pub(crate) title: Shown,
    /// Address of the issue, if it is one for a browser.
    pub(crate) url: Option<Shown>,
    /// Domain.
    pub(crate) domain: Shown,
    /// Model; null leaves it to the program.
    pub(crate) model: Option<Shown>,
    /// `worktree`, `agent`, `collect`, `checks` or `publish`.
    pub(crate) stage: &'static str,
    /// Attempt, from 1.
    pub(crate) attempt: u32,
    /// When the attempt began, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// US dollars so far: earlier attempts, and what this one was seen to spend.
    pub(crate) spent_usd: f64,
    /// US dollars set aside for it.
    pub(crate) reserved_usd: f64,
    /// Why it does not go on right now; null while it does.
    pub(crate) why: Option<Shown>,
    /// The last line of its output that was seen.
    pub(crate) last_line: Option<Shown>,
}

/// Something that a person should look at.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AttentionView {
    /// How urgent it is.
    pub(crate) kind: AttentionKind,
    /// Task, or null where it is about the session.
    pub(crate) issue: Option<u64>,
    /// Title of the task, or null.
    pub(crate) title: Option<Shown>,
    /// What it is.
    pub(crate) text: Shown,
    /// What to do, or null where that is plain.
    pub(crate) hint: Option<Shown>,
    /// Address for a browser, or null.
    pub(crate) url: Option<Shown>,
}

/// Why something needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AttentionKind {
    /// The session as a whole does not go on.
    Session,
    /// A service is out of order or asks to wait.
    Service,
    /// A person has to decide something.
    NeedsYou,
    /// A task failed.
    Failed,
}

/// Tasks of a session.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TasksView {
    /// Session id.
    pub(crate) session: String,
    /// Number of the last event that this view knows.
    pub(crate) last_seq: u64,
    /// How many tasks fit what was asked for.
    pub(crate) total: u32,
    /// How many of them were left out before the first.
    pub(crate) offset: u32,
    /// These tasks.
    pub(crate) tasks: Vec<TaskView>,
}

/// A task.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskView {
    /// Issue number.
    pub(crate) issue: u64,
    /// Title of the issue.
    pub(crate) title: Shown,
    /// Address of the issue, if it is one for a browser.
    pub(crate) url: Option<Shown>,
    /// Domain.
    pub(crate) domain: Shown,
    /// Model; null leaves it to the program.
    pub(crate) model: Option<Shown>,
    /// In which group it is.
    pub(crate) state: TaskState,
    /// Where exactly: `classify`, `choose`, `waiting`, `worktree`, `agent`, `collect`, `checks`, `publish` or `ended`.
    pub(crate) stage: &'static str,
    /// Attempts started.
    pub(crate) attempts: u32,
    /// What it is expected to cost, US dollars.
    pub(crate) estimate_usd: f64,
    /// What it has cost, all attempts together.
    pub(crate) spent_usd: f64,
    /// The part of it that is assumed.
    pub(crate) assumed_usd: f64,
    /// Why it does not run; null if it runs or has ended.
    pub(crate) why: Option<Shown>,
    /// How it ended: `done`, `already_open`, `already_merged`, `no_change`, `failed`, `budget`, `needs_you`, `skipped`, `not_started`; null before.
    pub(crate) outcome: Option<&'static str>,
    /// The outcome in words; null where there is nothing to add.
    pub(crate) reason: Option<Shown>,
    /// The last failure in words, where it is tried again.
    pub(crate) last_failure: Option<Shown>,
    /// The pull request, or null.
    pub(crate) pull_request: Option<PullRequestView>,
    /// Branch with the work, or null.
    pub(crate) branch: Option<Shown>,
    /// Size of the work, or null.
    pub(crate) changes: Option<ChangesView>,
    /// The checks of the last attempt that got so far.
    pub(crate) checks: Vec<CheckView>,
    /// When it ended, RFC 3339 in UTC; null before.
    pub(crate) ended_at: Option<String>,
}

/// A pull request.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PullRequestView {
    /// Number.
    pub(crate) number: u64,
    /// Address for a browser; null on a forge that is files.
    pub(crate) url: Option<Shown>,
}

/// Size of a task's work.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChangesView {
    /// Files changed.
    pub(crate) files: u32,
    /// Lines added.
    pub(crate) added: u64,
    /// Lines removed.
    pub(crate) removed: u64,
}

/// The result of a check.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckView {
    /// Name.
    pub(crate) name: Shown,
    /// Whether it passed.
    pub(crate) passed: bool,
    /// How it ended, in words.
    pub(crate) ended: Shown,
}

/// The end of what an attempt's programs printed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OutputView {
    /// Issue number.
    pub(crate) issue: u64,
    /// Attempt, from 1.
    pub(crate) attempt: u32,
    /// The newest lines, the oldest of them first.
    pub(crate) lines: Vec<Shown>,
    /// Whether there was more before.
    pub(crate) is_cut: bool,
}

/// Attempts on a time line.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TimelineView {
    /// Session id.
    pub(crate) session: String,
    /// When the session began, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// When it ended, or now.
    pub(crate) ends_at: String,
    /// The newest attempts, by their beginning; at most 4,000.
    pub(crate) attempts: Vec<SpanView>,
}

/// An attempt on the time line.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SpanView {
    /// Issue number.
    pub(crate) issue: u64,
    /// Attempt, from 1.
    pub(crate) attempt: u32,
    /// Domain.
    pub(crate) domain: Shown,
    /// When it began, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// When it ended; null while it runs.
    pub(crate) ended_at: Option<String>,
    /// How it ended.
    pub(crate) result: SpanResult,
}

/// How an attempt on the time line ended.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SpanResult {
    /// It has not.
    Running,
    /// Its work is published.
    Published,
    /// It failed or came to nothing.
    Failed,
    /// A person has to decide something.
    NeedsYou,
    /// It was interrupted.
    Interrupted,
}

/// Sessions, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionsView {
    /// The session that is shown where none is named; null if there is none.
    pub(crate) current: Option<String>,
    /// How many sessions there are.
    pub(crate) total: u32,
    /// How many of them were left out before the first.
    pub(crate) offset: u32,
    /// These sessions.
    pub(crate) sessions: Vec<SessionLine>,
}

/// A session in the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionLine {
    /// Session id.
    pub(crate) session: String,
    /// `owner/name`, or the name of a local repository.
    pub(crate) repository: Shown,
    /// Command line that began it.
    pub(crate) command: Shown,
    /// Where it is.
    pub(crate) status: SessionStatus,
    /// When it began, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// When it ended; null while it runs.
    pub(crate) finished_at: Option<String>,
    /// How many tasks it has.
    pub(crate) n_tasks: u32,
    /// How many tasks ended in which way.
    pub(crate) outcomes: BTreeMap<&'static str, u32>,
    /// US dollars gone.
    pub(crate) spent_usd: f64,
}

/// Something that happened, on the stream of events.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct EventView {
    /// Its number in the session, from 1, without gaps.
    pub(crate) seq: u64,
    /// When, RFC 3339 in UTC.
    pub(crate) at: String,
    /// Chapter and type of the event, such as `attempt.started`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Task, or null.
    pub(crate) issue: Option<u64>,
    /// What happened, in words.
    pub(crate) sentences: Vec<SentenceView>,
}

/// What happened, in words.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct SentenceView {
    /// How it is to be taken.
    pub(crate) tone: ToneView,
    /// The words.
    pub(crate) text: Shown,
}

/// How a sentence is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToneView {
    /// For the whole story only.
    Detail,
    /// A step on the way.
    Plain,
    /// What the night is for.
    Good,
    /// Somebody should know.
    Odd,
    /// Something failed.
    Bad,
}

/// What happened lately.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecentView {
    /// Session id.
    pub(crate) session: String,
    /// Number of the last event that this view knows.
    pub(crate) last_seq: u64,
    /// The newest events that are more than details, oldest first; at most 60.
    pub(crate) events: Vec<EventView>,
}

/// The first message of a stream of events.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HelloView {
    /// The session whose events follow.
    pub(crate) session: String,
    /// The events that follow have higher numbers than this.
    pub(crate) after_seq: u64,
}

/// What agents have printed since the last such message. Lossy: what does not fit is counted, and is in the transcript.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProgressView {
    /// Pieces that were skipped, of whatever attempts.
    pub(crate) n_skipped: u64,
    /// What each attempt has printed.
    pub(crate) attempts: Vec<AttemptProgress>,
}

/// What an attempt's programs have printed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AttemptProgress {
    /// Issue number.
    pub(crate) issue: u64,
    /// Attempt, from 1.
    pub(crate) attempt: u32,
    /// The newest lines.
    pub(crate) lines: Vec<Shown>,
    /// Lines of this attempt before them that were left out.
    pub(crate) n_left_out: u64,
}

/// The answer to a reset.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ResetView {
    /// The session that was asked.
    pub(crate) session: String,
    /// `requested`: it is carried out within a second or two, and is then an event.
    pub(crate) status: ResetStatus,
}

/// What became of a reset.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResetStatus {
    /// The session was asked.
    Requested,
}
