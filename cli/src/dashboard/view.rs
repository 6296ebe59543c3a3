//! The types of the API's responses.
//!
//! None of them can contain settings, environment variables or orders, so no handler can return
//! those by accident; text from outside is [`Shown`]. The JSON format is a promise, described by
//! the OpenAPI document that is generated from these types.

use std::collections::BTreeMap;

pub(crate) use autoissue_core::chronicle::{Counts, SessionStatus, TaskStatus};
use schemars::JsonSchema;
use serde::Serialize;

use super::shown::Shown;

/// Whether the dashboard itself works. It needs no credentials, so it reveals nothing about
/// sessions.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    pub(crate) status: HealthStatus,
}

/// The only possible status.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthStatus {
    /// The dashboard is up.
    Ok,
}

/// Access settings of the dashboard.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AccessView {
    /// Whether credentials are required, so that there is a log-in to end.
    pub(crate) asks_for_credentials: bool,
}

/// The state of a session at one moment.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionView {
    /// Session ID.
    pub(crate) session: String,
    /// Number of the last event included in this view.
    pub(crate) last_seq: u64,
    /// `owner/name`, or the name of a local repository.
    pub(crate) repository: Shown,
    /// Label of the issues; empty if they are planned.
    pub(crate) label: Shown,
    /// The directive that the issues are planned from; null if they are not planned.
    pub(crate) directive: Option<Shown>,
    /// Branch that work starts from.
    pub(crate) base_branch: Shown,
    /// Agent backend.
    pub(crate) agent: Shown,
    /// Release of autoissue that runs the session.
    pub(crate) version: Shown,
    /// Status of the session.
    pub(crate) status: SessionStatus,
    /// Current activity of the session as a whole.
    pub(crate) activity: Activity,
    /// Health of the session.
    pub(crate) health: SessionHealth,
    /// Why the session failed or is stopping; null otherwise.
    pub(crate) message: Option<Shown>,
    /// Start time, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// End time; null while it runs.
    pub(crate) finished_at: Option<String>,
    /// Running time in milliseconds, excluding the time between an interruption and its resume.
    pub(crate) ran_ms: u64,
    /// The server's clock, for computing elapsed times.
    pub(crate) now: String,
    /// Number of tasks by state.
    pub(crate) counts: Counts,
    /// Maximum number of concurrent attempts.
    pub(crate) slots: u32,
    /// Budget and cost.
    pub(crate) budget: BudgetView,
    /// Circuit breakers.
    pub(crate) circuit_breaker: BreakerView,
    /// Running attempts.
    pub(crate) running: Vec<RunningView>,
    /// What needs attention, most urgent first; at most 50 items.
    pub(crate) attention: Vec<AttentionView>,
    /// Total number of items that need attention.
    pub(crate) n_attention: u32,
}

/// Activity of a session as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Activity {
    /// Nothing has started yet.
    Starting,
    /// The planner is splitting the directive into issues.
    SplittingDirective,
    /// The plan is waiting for approval.
    AwaitingConsent,
    /// Creating the issues of the plan.
    CreatingIssues,
    /// Reading the backlog.
    ReadingBacklog,
    /// Classifying issues and selecting models.
    Preparing,
    /// Running the checks on the base.
    CheckingBase,
    /// Running tasks.
    Running,
    /// Nothing is running any longer.
    Over,
}

/// Health of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionHealth {
    /// Nothing is wrong.
    Well,
    /// The session continues, but something needs attention.
    Attention,
    /// The session does not continue without help, or nothing can start.
    Trouble,
}

/// Budget and cost, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct BudgetView {
    /// Total budget.
    pub(crate) budget_usd: f64,
    /// Amount spent: settled costs plus what running agents have metered.
    pub(crate) spent_usd: f64,
    /// Estimated part of the amount spent, for costs that agents did not report.
    pub(crate) estimated_usd: f64,
    /// Part of the amount spent that running agents have metered; settled when they end.
    pub(crate) in_flight_usd: f64,
    /// Amount reserved for running agents and not yet spent.
    pub(crate) reserved_usd: f64,
    /// Amount that can still be reserved.
    pub(crate) available_usd: f64,
    /// Total cost divided by the number of published pull requests; null without one.
    pub(crate) cost_per_pull_request_usd: Option<f64>,
}

/// Budget and cost over time.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BudgetHistory {
    /// Current budget and cost.
    pub(crate) now: BudgetView,
    /// History, reduced to at most 600 points.
    pub(crate) history: Vec<CostPointView>,
}

/// Cost at one moment.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CostPointView {
    /// Time, RFC 3339 in UTC.
    pub(crate) at: String,
    /// Amount spent: settled costs plus what running agents had metered.
    pub(crate) spent_usd: f64,
    /// Amount reserved beyond that.
    pub(crate) reserved_usd: f64,
}

/// The circuit breakers.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct BreakerView {
    /// The worst state of all services.
    pub(crate) state: BreakerState,
    /// Circuit breakers by service.
    pub(crate) services: Vec<ServiceView>,
}

/// State of a circuit breaker, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BreakerState {
    /// The service is working.
    Closed,
    /// The service announced when it can be used again.
    Paused,
    /// One attempt is testing the service.
    HalfOpen,
    /// The service failed too often and is not used.
    Open,
}

/// The circuit breaker of one service.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ServiceView {
    /// `forge`, `machine`, or `agent:` and the backend's name. Used to name the service in a reset.
    pub(crate) service: Shown,
    /// Display name.
    pub(crate) name: Shown,
    pub(crate) state: BreakerState,
    /// Number of failures since the last success.
    pub(crate) consecutive_failures: u32,
    /// When the service will be used or tried again, RFC 3339 in UTC; null if unknown.
    pub(crate) until: Option<String>,
    /// Issue of the attempt that is testing the service, or null.
    pub(crate) probe: Option<u64>,
    /// Message of the service, or null.
    pub(crate) message: Option<Shown>,
}

/// Failures.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorsView {
    /// Total number, including failures that were retried.
    pub(crate) total: u64,
    /// Number of failures by type: `validation`, `task`, `crash`, `timeout`, `network`,
    /// `rate_limit`, `overloaded`, `auth`.
    pub(crate) by_type: BTreeMap<&'static str, u64>,
    /// Newest failures first; at most 20.
    pub(crate) recent: Vec<ErrorView>,
}

/// A failure.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorView {
    /// Time, RFC 3339 in UTC.
    pub(crate) at: String,
    /// Issue number, or null for the session as a whole.
    pub(crate) issue: Option<u64>,
    /// Type of the failure.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// First line of the message.
    pub(crate) message: Shown,
    /// Whether the attempt is retried.
    pub(crate) retried: bool,
}

/// All metrics of a session.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricsView {
    /// Metrics of the session as a whole.
    pub(crate) session: SessionMetrics,
    /// Budget and cost.
    pub(crate) budget: BudgetView,
    /// Circuit breakers.
    pub(crate) circuit_breaker: BreakerView,
    /// Failures.
    pub(crate) errors: ErrorsView,
}

/// Metrics of a session as a whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionMetrics {
    /// Session ID.
    pub(crate) session: String,
    /// Status of the session.
    pub(crate) status: SessionStatus,
    /// Start time, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// End time; null while it runs.
    pub(crate) finished_at: Option<String>,
    /// Running time in milliseconds, excluding the time between an interruption and its resume.
    pub(crate) duration_ms: u64,
    /// Number of tasks by state.
    pub(crate) tasks: Counts,
    /// Number of tasks by outcome.
    pub(crate) outcomes: BTreeMap<&'static str, u32>,
    /// Number of attempts started.
    pub(crate) attempts: u64,
    /// Maximum number of concurrent attempts.
    pub(crate) slots: u32,
    /// Number of tokens used by agents.
    pub(crate) tokens: u64,
    /// Total running time of all agents, in milliseconds.
    pub(crate) agent_ms: u64,
}

/// A running attempt.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunningView {
    /// Issue number.
    pub(crate) issue: u64,
    /// Title of the issue.
    pub(crate) title: Shown,
    /// URL of the issue, if a browser can open it.
    pub(crate) url: Option<Shown>,
    /// Domain.
    pub(crate) domain: Shown,
    /// Model; null for the agent's default.
    pub(crate) model: Option<Shown>,
    /// `worktree`, `agent`, `collect`, `checks` or `publish`.
    pub(crate) stage: &'static str,
    /// Attempt, from 1.
    pub(crate) attempt: u32,
    /// Start time of the attempt, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// US dollars spent on the task, including earlier attempts and what this one has metered.
    pub(crate) spent_usd: f64,
    /// US dollars reserved for it.
    pub(crate) reserved_usd: f64,
    /// Why it is blocked; null if it is not.
    pub(crate) why: Option<Shown>,
    /// Last known line of its output.
    pub(crate) last_line: Option<Shown>,
}

/// Something that needs attention.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AttentionView {
    /// Kind, which determines the urgency.
    pub(crate) kind: AttentionKind,
    /// Issue number, or null for the session as a whole.
    pub(crate) issue: Option<u64>,
    /// Title of the issue, or null.
    pub(crate) title: Option<Shown>,
    /// Description.
    pub(crate) text: Shown,
    /// What to do about it, or null if that is obvious.
    pub(crate) hint: Option<Shown>,
    /// URL for a browser, or null.
    pub(crate) url: Option<Shown>,
}

/// Why something needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AttentionKind {
    /// The session as a whole does not continue.
    Session,
    /// A service is unavailable or paused.
    Service,
    /// Someone has to make a decision.
    NeedsYou,
    /// A task failed.
    Failed,
}

/// Tasks of a session.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TasksView {
    /// Session ID.
    pub(crate) session: String,
    /// Number of the last event included in this view.
    pub(crate) last_seq: u64,
    /// Number of tasks that match the request.
    pub(crate) total: u32,
    /// Number of matching tasks that were skipped.
    pub(crate) offset: u32,
    /// The tasks.
    pub(crate) tasks: Vec<TaskView>,
}

/// A task.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskView {
    /// Issue number.
    pub(crate) issue: u64,
    /// Title of the issue.
    pub(crate) title: Shown,
    /// URL of the issue, if a browser can open it.
    pub(crate) url: Option<Shown>,
    /// Domain.
    pub(crate) domain: Shown,
    /// Model; null for the agent's default.
    pub(crate) model: Option<Shown>,
    /// State of the task.
    pub(crate) state: TaskStatus,
    /// Detailed stage: `classify`, `choose`, `waiting`, `worktree`, `agent`, `collect`, `checks`,
    /// `publish` or `ended`.
    pub(crate) stage: &'static str,
    /// Number of attempts started.
    pub(crate) attempts: u32,
    /// Expected cost, in US dollars.
    pub(crate) estimate_usd: f64,
    /// Cost of all attempts together, in US dollars.
    pub(crate) spent_usd: f64,
    /// Estimated part of the cost, in US dollars.
    pub(crate) estimated_usd: f64,
    /// Why it is waiting; null if it is running or has ended.
    pub(crate) why: Option<Shown>,
    /// Outcome: `done`, `already_open`, `already_merged`, `no_change`, `failed`, `budget`,
    /// `needs_you`, `skipped` or `not_started`; null before it has ended.
    pub(crate) outcome: Option<&'static str>,
    /// Description of the outcome; null if there is nothing to add.
    pub(crate) reason: Option<Shown>,
    /// Description of the last failure, if it is retried.
    pub(crate) last_failure: Option<Shown>,
    /// Pull request, or null.
    pub(crate) pull_request: Option<PullRequestView>,
    /// Branch with the work, or null.
    pub(crate) branch: Option<Shown>,
    /// Size of the work, or null.
    pub(crate) changes: Option<ChangesView>,
    /// Checks of the last attempt that reached them.
    pub(crate) checks: Vec<CheckView>,
    /// End time, RFC 3339 in UTC; null before it has ended.
    pub(crate) ended_at: Option<String>,
}

/// A pull request.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PullRequestView {
    /// Pull request number.
    pub(crate) number: u64,
    /// URL for a browser; null on the local forge.
    pub(crate) url: Option<Shown>,
}

/// Size of a task's work.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChangesView {
    /// Number of changed files.
    pub(crate) files: u32,
    /// Number of added lines.
    pub(crate) added: u64,
    /// Number of removed lines.
    pub(crate) removed: u64,
}

/// The result of a check.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckView {
    /// Name of the check.
    pub(crate) name: Shown,
    /// Whether it passed.
    pub(crate) passed: bool,
    /// How it ended, as text.
    pub(crate) ended: Shown,
}

/// The end of an attempt's output.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OutputView {
    /// Issue number.
    pub(crate) issue: u64,
    /// Attempt, from 1.
    pub(crate) attempt: u32,
    /// The newest lines, in order.
    pub(crate) lines: Vec<Shown>,
    /// Whether there was earlier output.
    pub(crate) is_cut: bool,
}

/// Timeline of attempts.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TimelineView {
    /// Session ID.
    pub(crate) session: String,
    /// Start time of the session, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// End time of the session, or the current time.
    pub(crate) ends_at: String,
    /// The newest attempts, by start time; at most 4,000.
    pub(crate) attempts: Vec<SpanView>,
}

/// An attempt on the timeline.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SpanView {
    /// Issue number.
    pub(crate) issue: u64,
    /// Attempt, from 1.
    pub(crate) attempt: u32,
    /// Domain.
    pub(crate) domain: Shown,
    /// Start time, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// End time; null while it runs.
    pub(crate) ended_at: Option<String>,
    /// Result of the attempt.
    pub(crate) result: SpanResult,
}

/// Result of an attempt on the timeline.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SpanResult {
    /// The attempt is still running.
    Running,
    /// Its work was published.
    Published,
    /// It failed or produced nothing.
    Failed,
    /// Someone has to make a decision.
    NeedsYou,
    /// It was interrupted.
    Interrupted,
}

/// Sessions, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionsView {
    /// The default session of requests; null if there is none.
    pub(crate) current: Option<String>,
    /// Total number of sessions.
    pub(crate) total: u32,
    /// Number of sessions that were skipped.
    pub(crate) offset: u32,
    /// The sessions.
    pub(crate) sessions: Vec<SessionLine>,
}

/// A session in the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionLine {
    /// Session ID.
    pub(crate) session: String,
    /// `owner/name`, or the name of a local repository.
    pub(crate) repository: Shown,
    /// Command line that started it.
    pub(crate) command: Shown,
    /// Status of the session.
    pub(crate) status: SessionStatus,
    /// Start time, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// End time; null while it runs.
    pub(crate) finished_at: Option<String>,
    /// Number of tasks.
    pub(crate) n_tasks: u32,
    /// Number of tasks by outcome.
    pub(crate) outcomes: BTreeMap<&'static str, u32>,
    /// US dollars spent.
    pub(crate) spent_usd: f64,
}

/// An event on the stream.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct EventView {
    /// Sequence number in the session, from 1, without gaps.
    pub(crate) seq: u64,
    /// Time, RFC 3339 in UTC.
    pub(crate) at: String,
    /// Chapter and type of the event, such as `attempt.started`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Issue number, or null.
    pub(crate) issue: Option<u64>,
    /// Description of the event.
    pub(crate) sentences: Vec<SentenceView>,
}

/// Description of an event.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct SentenceView {
    /// How to present the sentence.
    pub(crate) tone: ToneView,
    /// Text of the sentence.
    pub(crate) text: Shown,
}

/// How to present a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToneView {
    /// Shown only in the full history.
    Detail,
    /// A normal step.
    Plain,
    /// A success.
    Good,
    /// Something worth knowing.
    Warning,
    /// A failure.
    Bad,
}

/// Recent events.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecentView {
    /// Session ID.
    pub(crate) session: String,
    /// Number of the last event included in this view.
    pub(crate) last_seq: u64,
    /// The newest events, without details, oldest first; at most 60.
    pub(crate) events: Vec<EventView>,
}

/// The first message of an event stream.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HelloView {
    /// The session whose events follow.
    pub(crate) session: String,
    /// The following events have higher numbers than this.
    pub(crate) after_seq: u64,
}

/// Output of agents since the last such message. Lossy: omitted lines are counted, and are in the
/// transcript.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProgressView {
    /// Number of skipped messages, of any attempt.
    pub(crate) n_skipped: u64,
    /// Output by attempt.
    pub(crate) attempts: Vec<AttemptProgress>,
}

/// Output of an attempt.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AttemptProgress {
    /// Issue number.
    pub(crate) issue: u64,
    /// Attempt, from 1.
    pub(crate) attempt: u32,
    /// The newest lines.
    pub(crate) lines: Vec<Shown>,
    /// Number of lines omitted before these.
    pub(crate) n_left_out: u64,
}

/// The response to a reset.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ResetView {
    /// The session that received the request.
    pub(crate) session: String,
    /// `requested`: it takes effect within a second or two, and then causes an event.
    pub(crate) status: ResetStatus,
}

/// Status of a reset.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResetStatus {
    /// The request was passed to the session.
    Requested,
}
