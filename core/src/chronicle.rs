//! The history of a session: the only fold of its events, which every report and screen renders.
//!
//! ```text
//!   Event ─► Chronicle::take ─┬─► Engine: tasks, money and breakers as they are now
//!                             └─► when things happened: runs, attempts, pauses, costs, failures
//!                                     │
//!   closing report · live screen · dashboard · status · metrics · Prometheus · summary line
//! ```
//!
//! Renderers choose words and colours; they do not count or add up anything, so they cannot
//! disagree. Like the engine, the fold uses no clock and no file: the current time is passed in.

mod costs;
mod counts;
mod failures;
mod metrics;
mod money;
mod needs;
mod newest;
#[cfg(test)]
mod tests;
mod timeline;

use std::collections::BTreeMap;

use autoissue_engine::{
    AttemptEvent, Engine, Event, IntakeEvent, IssueNumber, Outcome, Phase, PlanEvent, SessionEvent,
    SessionOutcome, Task, TaskEvent, TaskState,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::bus::Envelope;

pub use costs::CostPoint;
pub use counts::{Counts, TaskStatus};
pub use failures::SeenFailure;
pub use metrics::{Figures, Metrics};
pub use money::Money;
pub use needs::{Need, NeedKind, SessionNeed};
pub use timeline::{Pause, PauseCause, Span, SpanEnd, TimeRange};

use costs::CostCurve;
use failures::Failures;
use metrics::ModelUse;
use timeline::Timeline;

/// The history of a session, built from its events.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    engine: Engine,
    last_seq: u64,
    last_at_ms: u64,
    started_at_ms: Option<u64>,
    is_dead: bool,
    timeline: Timeline,
    costs: CostCurve,
    failures: Failures,
    models: ModelUse,
    backlog_warnings: Vec<String>,
    ended_at_ms: BTreeMap<IssueNumber, u64>,
    tokens: u64,
    agent_ms: u64,
}

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// It is running.
    Running,
    /// It was stopped and can be resumed.
    Interrupted,
    /// Every task has ended.
    Completed,
    /// It could not run, or had to stop.
    Failed,
    /// Its process died; the session can be resumed.
    Died,
}

impl SessionStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Running,
        Self::Interrupted,
        Self::Completed,
        Self::Failed,
        Self::Died,
    ];

    /// Returns the name as it appears in JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Died => "died",
        }
    }
}

/// The figures of a session, for lists of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Its state.
    pub status: SessionStatus,
    /// When it started, in milliseconds since the Unix epoch.
    pub started_at_ms: u64,
    /// When it ended or was interrupted; `None` while it runs, and if its process died.
    pub finished_at_ms: Option<u64>,
    /// How many tasks are in each state.
    pub counts: Counts,
    /// How many tasks ended in which way, by the outcome's name.
    pub outcomes: BTreeMap<&'static str, u32>,
    /// Its money.
    pub money: Money,
}

impl Chronicle {
    /// Creates the chronicle of a session that was opened at the given time, in milliseconds since
    /// the Unix epoch. The time is used until the first event, which is more exact.
    pub fn opened_at(at_ms: u64) -> Self {
        Self {
            started_at_ms: Some(at_ms),
            ..Self::default()
        }
    }

    /// Creates the chronicle of a session's events, from the first one on.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Envelope<Event>>) -> Self {
        let mut chronicle = Self::default();
        events
            .into_iter()
            .for_each(|envelope| chronicle.take(envelope));
        chronicle
    }

    /// Adds the next event.
    pub fn take(&mut self, envelope: &Envelope<Event>) {
        let Envelope { seq, at_ms, event } = envelope;
        if self.last_seq == 0 {
            self.started_at_ms = Some(*at_ms);
        }
        (self.last_seq, self.last_at_ms) = (*seq, *at_ms);
        self.engine.apply(event);
        match event {
            Event::Session(SessionEvent::Resumed { .. }) => self.is_dead = false,
            Event::Attempt(AttemptEvent::AgentExited { report, .. })
            | Event::Plan(PlanEvent::PlannerExited { report, .. }) => {
                // An agent may report any number.
                self.tokens = self.tokens.saturating_add(report.tokens);
                self.agent_ms = self.agent_ms.saturating_add(report.duration_ms);
            }
            Event::Intake(IntakeEvent::BacklogRead { warnings, .. }) => {
                self.backlog_warnings.clone_from(warnings);
            }
            Event::Task(TaskEvent::Finished { issue, .. }) => {
                self.ended_at_ms.insert(*issue, *at_ms);
            }
            _ => {}
        }
        self.timeline.take(*at_ms, event, &self.engine);
        self.costs.take(*at_ms, event, &self.engine);
        self.failures.take(*at_ms, event);
        self.models.take(event);
    }

    /// Sets whether the session's process died, which no event says.
    pub const fn set_dead(&mut self, is_dead: bool) {
        self.is_dead = is_dead;
    }

    /// Returns whether the session's process was found to have died.
    pub const fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// Returns the engine's state after the events.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns the engine's state after the events, and drops the rest.
    pub fn into_engine(self) -> Engine {
        self.engine
    }

    /// Returns the number of the last event; 0 before the first.
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Returns when the last event was written, in milliseconds since the Unix epoch.
    pub const fn last_at_ms(&self) -> u64 {
        self.last_at_ms
    }

    /// Returns when the session started, in milliseconds since the Unix epoch.
    pub fn started_at_ms(&self) -> u64 {
        self.started_at_ms.unwrap_or_default()
    }

    /// Returns when the session ended or was interrupted; `None` while it runs, and if its process
    /// died.
    pub const fn finished_at_ms(&self) -> Option<u64> {
        self.timeline.stopped_at_ms()
    }

    /// Returns how long the session has run, in milliseconds, without the time between an
    /// interruption and its resume.
    pub fn ran_ms(&self, now_ms: u64) -> u64 {
        self.timeline.ran_ms((!self.is_still()).then_some(now_ms))
    }

    /// Returns the state of the session.
    pub const fn status(&self) -> SessionStatus {
        match self.engine.phase() {
            Phase::Over(SessionOutcome::Completed) => SessionStatus::Completed,
            Phase::Over(SessionOutcome::Failed { .. }) => SessionStatus::Failed,
            _ if self.engine.is_interrupted() => SessionStatus::Interrupted,
            _ if self.is_dead => SessionStatus::Died,
            _ => SessionStatus::Running,
        }
    }

    /// Returns whether nothing more happens unless the session is resumed.
    pub fn is_still(&self) -> bool {
        self.status() != SessionStatus::Running
    }

    /// Returns the state of a task. If the session is not running, neither are its tasks: those in
    /// flight wait for a resume.
    pub fn state(&self, task: &Task) -> TaskStatus {
        match &task.state {
            TaskState::Running(_) if !self.is_still() => TaskStatus::Running,
            TaskState::Classifying
            | TaskState::Choosing
            | TaskState::Waiting { .. }
            | TaskState::Running(_) => TaskStatus::Waiting,
            TaskState::Ended(outcome) => outcome.group().into(),
        }
    }

    /// Returns how many tasks are in each state.
    pub fn counts(&self) -> Counts {
        let tasks = self.engine.tasks().values();
        tasks.map(|task| self.state(task)).collect()
    }

    /// Returns how many tasks ended in which way, by the outcome's name.
    pub fn outcomes(&self) -> BTreeMap<&'static str, u32> {
        let mut outcomes = BTreeMap::new();
        for outcome in self.engine.tasks().values().filter_map(Task::outcome) {
            *outcomes.entry(outcome.name()).or_default() += 1;
        }
        outcomes
    }

    /// Returns how many tasks have been classified and have a model.
    pub fn n_prepared(&self) -> usize {
        let tasks = self.engine.tasks().values();
        tasks
            .filter(|task| !matches!(task.state, TaskState::Classifying | TaskState::Choosing))
            .count()
    }

    /// Returns the tasks with a running attempt; none if the session is not running.
    pub fn running(&self) -> impl Iterator<Item = &Task> {
        let is_live = !self.is_still();
        self.engine.running().filter(move |_| is_live)
    }

    /// Returns how many attempts were started, without those of the planner.
    pub fn n_attempts(&self) -> u64 {
        let tasks = self.engine.tasks().values();
        tasks.map(|task| u64::from(task.n_attempts)).sum()
    }

    /// Returns how many pull requests were opened or updated.
    pub fn n_pull_requests(&self) -> u32 {
        fn has_pull_request(outcome: &&Outcome) -> bool {
            matches!(
                outcome,
                Outcome::Done {
                    pull_request: Some(_)
                }
            )
        }

        let outcomes = self.engine.tasks().values().filter_map(Task::outcome);
        let n = outcomes.filter(has_pull_request).count();
        u32::try_from(n).unwrap_or(u32::MAX)
    }

    /// Returns the current figures of the money.
    pub fn money(&self) -> Money {
        Money::of(&self.engine, self.n_pull_requests())
    }

    /// Returns the money over time, oldest first.
    pub fn costs(&self) -> &[CostPoint] {
        self.costs.points()
    }

    /// Returns what needs a person's attention, the most urgent first.
    pub fn needs(&self) -> Vec<Need<'_>> {
        needs::of(self)
    }

    /// Returns the newest failures, oldest first.
    pub fn failures(&self) -> impl DoubleEndedIterator<Item = &SeenFailure> {
        self.failures.newest()
    }

    /// Returns how many failures of each type there were, including retried ones; lists types that
    /// never occurred too.
    pub fn n_failures(&self) -> BTreeMap<&'static str, u64> {
        self.failures.by_type()
    }

    /// Returns the warnings of the last time the backlog was read. An issue that could not be read
    /// is named only there, because it has no task.
    pub fn backlog_warnings(&self) -> &[String] {
        &self.backlog_warnings
    }

    /// Returns how many tokens agents used, including the planner.
    pub const fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Returns how long agents ran in total, in milliseconds.
    pub const fn agent_ms(&self) -> u64 {
        self.agent_ms
    }

    /// Returns when a task ended, in milliseconds since the Unix epoch.
    pub fn ended_at_ms(&self, issue: IssueNumber) -> Option<u64> {
        self.ended_at_ms.get(&issue).copied()
    }

    /// Returns since when the newest attempt of a task has been running without an interruption, in
    /// milliseconds since the Unix epoch.
    pub fn running_since_ms(&self, issue: IssueNumber) -> Option<u64> {
        self.timeline.newest_of(issue).map(|span| span.from_ms)
    }

    /// Returns the periods in which the session ran, in order.
    pub fn runs(&self) -> Vec<TimeRange> {
        self.timeline.runs()
    }

    /// Returns the attempts by their start, each with the cost of its agent. One that was
    /// interrupted and resumed has a span for each period.
    pub fn spans(&self) -> impl Iterator<Item = Span> {
        let is_still = self.is_still();
        self.timeline.spans().map(move |(span, is_newest)| {
            let mut span = *span;
            if is_still && span.end == SpanEnd::Running {
                (span.end, span.ended_at_ms) = (SpanEnd::Interrupted, Some(self.last_at_ms));
            }
            let task = self.engine.task(span.issue).filter(|_| is_newest);
            if let Some(attempt) = task.and_then(Task::attempt) {
                span.spent += attempt.unsettled();
            }
            span
        })
    }

    /// Returns the largest number of attempts that ran at the same time.
    pub const fn n_lanes(&self) -> usize {
        self.timeline.n_lanes()
    }

    /// Returns the periods in which all tasks of a service had to wait, in order.
    pub fn pauses(&self) -> impl Iterator<Item = &Pause> {
        self.timeline.pauses()
    }

    /// Returns the figures of the session.
    pub fn totals(&self) -> Totals {
        Totals {
            status: self.status(),
            started_at_ms: self.started_at_ms(),
            finished_at_ms: self.finished_at_ms(),
            counts: self.counts(),
            outcomes: self.outcomes(),
            money: self.money(),
        }
    }
}
