//! Counts and amounts computed from the journal, without the engine and the chronicle.

use std::collections::{BTreeMap, BTreeSet};

use autoissue_core::engine::{
    AttemptEvent, Event, IssueNumber, Outcome, PlanEvent, SessionEvent, SessionStatus, TaskEvent,
    Usd,
};

/// What every view has to show.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    pub(super) budget: Usd,
    settled: Usd,
    pub(super) assumed: Usd,
    planned: Usd,
    pub(super) n_attempts: u64,
    pub(super) n_failures: BTreeMap<&'static str, u64>,
    accepted: BTreeSet<IssueNumber>,
    outcomes: BTreeMap<IssueNumber, Outcome>,
    spent_on: BTreeMap<IssueNumber, Usd>,
    /// Running attempts, including the planner's, each with its reserved and metered amounts until
    /// it is settled.
    running: BTreeMap<IssueNumber, Option<Reserved>>,
    stopped: Option<&'static str>,
    pub(super) is_cut_off: bool,
}

#[derive(Clone, Copy, Debug)]
struct Reserved {
    reserved: Usd,
    metered: Usd,
}

impl Expected {
    pub(super) fn take(&mut self, event: &Event) {
        if let Some(kind) = event
            .failure()
            .and_then(autoissue_core::engine::Failure::failure_type)
        {
            *self.n_failures.entry(kind.name()).or_default() += 1;
        }
        match event {
            Event::Session(SessionEvent::Started { settings, .. }) => self.budget = settings.budget,
            Event::Session(SessionEvent::Resumed { settings }) => {
                (self.budget, self.stopped) = (settings.budget, None);
            }
            Event::Plan(PlanEvent::Declined) => self.stopped = None,
            Event::Session(SessionEvent::Interrupted)
            | Event::Plan(PlanEvent::ConfirmationAwaited) => {
                self.stopped = Some("interrupted");
            }
            Event::Session(SessionEvent::Finished { status }) => {
                self.stopped = Some(match status {
                    SessionStatus::Completed => "completed",
                    SessionStatus::Failed { .. } => "failed",
                });
            }
            Event::Task(TaskEvent::Accepted { issue }) => {
                self.accepted.insert(issue.number);
            }
            Event::Attempt(AttemptEvent::Started {
                issue, reserved, ..
            }) => {
                self.n_attempts += 1;
                self.start(*issue, *reserved);
            }
            Event::Plan(PlanEvent::PlannerStarted { reserved, .. }) => {
                self.start(IssueNumber::SESSION, *reserved);
            }
            Event::Attempt(AttemptEvent::Metered { issue, spent, .. }) => {
                self.meter(*issue, *spent);
            }
            Event::Plan(PlanEvent::PlannerMetered { spent, .. }) => {
                self.meter(IssueNumber::SESSION, *spent);
            }
            Event::Attempt(AttemptEvent::AgentExited {
                issue,
                charged,
                assumed,
                ..
            }) => {
                self.running.insert(*issue, None);
                *self.spent_on.entry(*issue).or_default() += *charged;
                self.settle(*charged, *assumed);
            }
            Event::Plan(PlanEvent::PlannerExited {
                charged, assumed, ..
            }) => {
                self.running.remove(&IssueNumber::SESSION);
                self.planned += *charged;
                self.settle(*charged, *assumed);
            }
            Event::Attempt(AttemptEvent::Failed { issue, .. }) => {
                self.running.remove(issue);
            }
            Event::Task(TaskEvent::Finished { issue, outcome }) => {
                self.running.remove(issue);
                self.outcomes.insert(*issue, outcome.clone());
            }
            _ => {}
        }
    }

    fn start(&mut self, issue: IssueNumber, reserved: Usd) {
        let metered = Usd::ZERO;
        self.running
            .insert(issue, Some(Reserved { reserved, metered }));
    }

    fn meter(&mut self, issue: IssueNumber, spent: Usd) {
        if let Some(Some(attempt)) = self.running.get_mut(&issue) {
            attempt.metered = spent;
        }
    }

    fn settle(&mut self, charged: Usd, assumed: bool) {
        self.settled += charged;
        self.assumed += if assumed { charged } else { Usd::ZERO };
    }

    pub(super) fn status(&self) -> &'static str {
        match self.stopped {
            Some(stopped) => stopped,
            None if self.is_cut_off => "cut_off",
            None => "running",
        }
    }

    pub(super) fn spent(&self) -> Usd {
        self.settled + self.metered()
    }

    pub(super) fn metered(&self) -> Usd {
        let attempts = self.running.values().flatten();
        attempts.map(|attempt| attempt.metered).sum()
    }

    pub(super) fn reserved(&self) -> Usd {
        let left = |attempt: &Reserved| (attempt.reserved - attempt.metered).max(Usd::ZERO);
        self.running.values().flatten().map(left).sum()
    }

    pub(super) fn planned(&self) -> Usd {
        self.planned + self.metered_of(IssueNumber::SESSION)
    }

    fn metered_of(&self, issue: IssueNumber) -> Usd {
        let attempt = self.running.get(&issue).copied().flatten();
        attempt.map_or(Usd::ZERO, |attempt| attempt.metered)
    }

    /// Returns the cost of each task.
    pub(super) fn tasks(&self) -> impl Iterator<Item = (IssueNumber, Usd)> {
        let settled = |issue| self.spent_on.get(&issue).copied().unwrap_or_default();
        self.accepted
            .iter()
            .map(move |&issue| (issue, settled(issue) + self.metered_of(issue)))
    }

    /// Returns the number of tasks in a state, by its JSON name; `total` counts all.
    pub(super) fn count(&self, state: &str) -> u64 {
        let ended = |names: &[&str]| {
            let outcomes = self.outcomes.values();
            outcomes.filter(|it| names.contains(&it.name())).count()
        };
        let n_unfinished = self.accepted.len() - self.outcomes.len();
        let is_task = |issue: &&IssueNumber| **issue != IssueNumber::SESSION;
        let n_running = match self.status() {
            "running" => self.running.keys().filter(is_task).count(),
            _ => 0,
        };
        let n = match state {
            "total" => self.accepted.len(),
            "unfinished" => n_unfinished,
            "running" => n_running,
            "waiting" => n_unfinished - n_running,
            "needs_you" => ended(&["needs_you", "budget"]),
            "failed" => ended(&["failed", "no_change"]),
            "not_started" => ended(&["not_started", "skipped"]),
            other => ended(&[other]),
        };
        n as u64
    }

    pub(super) fn n_pull_requests(&self) -> u64 {
        let outcomes = self.outcomes.values();
        let n = outcomes
            .filter(|it| it.name() == "done" && it.pull_request().is_some())
            .count();
        n as u64
    }

    /// Returns the amount spent per pull request.
    pub(super) fn per_pull_request(&self) -> Option<Usd> {
        let n = i64::try_from(self.n_pull_requests()).ok()?;
        (0 < n).then(|| Usd::from_micros(self.spent().micros() / n))
    }
}
