//! The engine: the whole state of one session, and the only way to change it.
//!
//! ```text
//!   step ─► decide: input ──► emit(event) ─► apply ─► state
//!                    │    └─► ask(effect)
//!                    └─► advance: everything that the new state allows: admission, publishing, starts, ends
//! ```
//!
//! `decide` reads the state and emits events; only `apply` writes the state, from nothing but an
//! event.

mod apply;
mod attempt;
mod decide;
mod ending;
mod failure;
mod intake;
mod orders;
mod plan;
mod schedule;
mod service;
mod session;
mod task;

use std::collections::{BTreeMap, BTreeSet};

use crate::queue::Queue;
use crate::{
    Attempt, Breaker, BreakerState, CheckResult, CostHistory, Effect, Event, Input, IssueNumber,
    Ledger, PlanProgress, PlannedIssue, Service, SessionInfo, SessionOutcome, Settings, Task, Time,
    Usd,
};

/// The state of a session, and its decisions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Engine {
    settings: Settings,
    info: SessionInfo,
    history: CostHistory,
    phase: Phase,
    stop_state: StopState,
    tasks: BTreeMap<IssueNumber, Task>,
    queue: Queue,
    running: BTreeSet<IssueNumber>,
    ledger: Ledger,
    breakers: BTreeMap<Service, Breaker>,
    /// Tasks accepted since the backlog was last read, whose dependencies are not linked yet.
    unlinked: BTreeSet<IssueNumber>,
    /// Number of tasks whose domain or model is still being decided.
    n_preparing: u32,
    n_unended: u32,
    /// Results of the checks on the base.
    base_checks: Option<Vec<CheckResult>>,
    n_api_calls: u32,
    n_plugin_failures: BTreeMap<String, u32>,
    /// Tasks whose finished work a resumed session publishes before anything new starts.
    unproven: BTreeSet<IssueNumber>,
    /// Progress of the plan, if the issues are planned.
    plan_progress: Option<Box<PlanProgress>>,
}

/// What the session as a whole is doing.
///
/// ```text
///   New ─┬─► Decomposing ─► Confirming ─► Creating ─┐
///        └────────────────────────────────► Intake ◄┘ ─► Preparing ─► BaseCheck ─► Running ─► Over
/// ```
///
/// A phase can be entered again after it was left. Intake accepts issues that are not tasks yet and
/// leaves existing tasks alone; the base is checked once per session. Only admission (the end of
/// `Preparing`) requires that nothing is running, because it may end the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Not started.
    #[default]
    New,
    /// Getting a plan: from the planner, or a given one.
    Decomposing,
    /// The plan is ready and waiting for approval.
    Confirming,
    /// Creating the issues of the plan.
    Creating,
    /// Reading the backlog.
    Intake {
        /// Earliest time of the next try; zero if there is nothing to wait for.
        not_before: Time,
        /// Failures so far.
        n_failures: u32,
    },
    /// Classifying tasks and selecting models.
    Preparing,
    /// Running the checks on the base.
    BaseCheck,
    /// Running tasks.
    Running,
    /// The session has ended.
    Over(SessionOutcome),
}

/// Whether the session is ending before all its tasks have ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum StopState {
    #[default]
    NotStopping,
    /// An interruption was requested; running work is being saved.
    Interrupting,
    /// Everything is saved. The text says what must be fixed before resuming, if anything.
    Interrupted(Option<String>),
    /// Nothing new starts, for this reason.
    Stopping(String),
    /// Nothing new starts and nothing is published until someone fixes this.
    InterruptingFor(String),
}

/// The consequences of an input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What is now true. Must be made durable, all or none, before any effect starts.
    pub events: Vec<Event>,
    /// Work to start.
    pub effects: Vec<Effect>,
    /// When to send [`Input::Tick`] if nothing else happens first.
    pub wake_at: Option<Time>,
    /// Whether the session has ended or was interrupted, so that there is nothing left to do.
    pub over: bool,
}

impl Engine {
    /// Creates an engine that expects [`SessionInput::Started`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the engine that emitted these events.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut engine = Self::new();
        for event in events {
            engine.apply(event);
        }
        engine
    }

    /// Decides the consequences of an input. `now` must never decrease from one call to the next.
    pub fn step(&mut self, now: Time, input: Input) -> Step {
        let mut decision = decide::Decision::new(self, now);
        decision.take(input);
        decision.advance();
        let (events, effects) = decision.finish();
        Step {
            events,
            effects,
            wake_at: self.wake_at(now),
            over: self.is_over(),
        }
    }

    /// Returns the limits and rules.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns how often each plugin failed to decide; plugins that never did are omitted.
    pub const fn n_plugin_failures(&self) -> &BTreeMap<String, u32> {
        &self.n_plugin_failures
    }

    /// Returns what the session is about.
    pub const fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// Returns what the session as a whole is doing.
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Returns the progress of the plan, if the issues are planned.
    pub fn plan_progress(&self) -> Option<&PlanProgress> {
        self.plan_progress.as_deref()
    }

    /// Returns the estimated cost of an issue of the plan.
    pub fn planned_estimate(&self, issue: &PlannedIssue) -> Usd {
        self.history.estimate(issue.model.as_deref(), self.cap())
    }

    /// Returns whether the session is waiting, not running, for its plan to be approved.
    pub fn is_unconfirmed(&self) -> bool {
        self.phase == Phase::Confirming && self.is_interrupted()
    }

    /// Returns the tasks by number.
    pub const fn tasks(&self) -> &BTreeMap<IssueNumber, Task> {
        &self.tasks
    }

    /// Returns a task.
    pub fn task(&self, issue: IssueNumber) -> Option<&Task> {
        self.tasks.get(&issue)
    }

    /// Returns the settled amounts: what running attempts have metered still counts as reserved.
    pub const fn settled(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the amounts as shown to people: spent is what is settled plus what running attempts
    /// have metered; reserved is what is left of their reservations.
    pub fn ledger(&self) -> Ledger {
        let planner = self
            .plan_progress()
            .and_then(|plan_progress| plan_progress.attempt);
        let planner = planner.map_or(Usd::ZERO, |attempt| attempt.reserved - attempt.metered);
        // Each attempt on its own: overspending of one does not reduce the reservations of others.
        let attempts = self.running().filter_map(Task::attempt);
        let unspent = attempts.map(Attempt::unspent).sum::<Usd>();
        Ledger {
            spent: self.ledger.spent + self.metered(),
            reserved: unspent + planner.max(Usd::ZERO),
            ..self.ledger
        }
    }

    /// Returns what running attempts, including the planner's, have metered but not settled.
    pub fn metered(&self) -> Usd {
        let planner = self
            .plan_progress()
            .and_then(|plan_progress| plan_progress.attempt);
        let planner = planner.map_or(Usd::ZERO, |attempt| attempt.metered);
        let attempts = self.running().filter_map(Task::attempt);
        attempts
            .map(Attempt::unsettled)
            .fold(planner, |sum, metered| sum + metered)
    }

    /// Returns the breakers of the services that have failed so far.
    pub const fn breakers(&self) -> &BTreeMap<Service, Breaker> {
        &self.breakers
    }

    /// Returns the results of the checks on the base, if they were run.
    pub fn base_checks(&self) -> Option<&[CheckResult]> {
        self.base_checks.as_deref()
    }

    /// Returns how many calls to the forge's API were made to read the backlog and to publish.
    pub const fn n_api_calls(&self) -> u32 {
        self.n_api_calls
    }

    /// Returns whether there is nothing left to do.
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_)) || self.is_interrupted()
    }

    /// Returns whether the session stopped early and can be resumed.
    pub const fn is_interrupted(&self) -> bool {
        matches!(self.stop_state, StopState::Interrupted(_))
    }

    /// Returns what must be fixed before the session is resumed, if anything.
    pub fn required_fix(&self) -> Option<&str> {
        match &self.stop_state {
            StopState::Interrupted(message) => message.as_deref(),
            _ => None,
        }
    }

    /// Returns the tasks that have a slot.
    pub fn running(&self) -> impl Iterator<Item = &Task> {
        self.running
            .iter()
            .filter_map(|issue| self.tasks.get(issue))
    }

    fn breaker(&self, service: &Service) -> BreakerState {
        self.breakers
            .get(service)
            .map(|breaker| breaker.state.clone())
            .unwrap_or_default()
    }

    fn admits(&self, service: &Service, issue: IssueNumber, now: Time) -> bool {
        self.breakers
            .get(service)
            .is_none_or(|breaker| breaker.admits(issue, now))
    }

    /// Returns the next time at which something may change without further input.
    fn wake_at(&self, now: Time) -> Option<Time> {
        if self.is_over() {
            return None;
        }
        let intake = match self.phase {
            Phase::Intake { not_before, .. } => Some(not_before),
            _ => None,
        };
        let plan_progress = self
            .plan_progress
            .as_ref()
            .and_then(|plan_progress| plan_progress.wake_at());
        let breakers = self.breakers.values().filter_map(Breaker::wake_at);
        let collecting = self.running().filter_map(Task::collect_not_before);
        let publishing = self.running().filter_map(Task::publish_not_before);
        intake
            .into_iter()
            .chain(plan_progress)
            .chain(breakers)
            .chain(collecting)
            .chain(publishing)
            .chain(self.settings.start_until)
            .filter(|&at| now < at)
            .chain(self.queue.next_delay_end(now))
            .min()
    }
}
