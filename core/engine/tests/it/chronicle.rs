//! Reads a journal without the engine: recomputes what the oracles need to know, event by event.
//!
//! Shares no decisions with the engine, and must survive an incorrect journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use autoissue_engine::*;
use autoissue_engine::{
    AttemptEvent, IntakeEvent, PlanEvent, ServiceEvent, SessionEvent, TaskEvent,
};

pub(crate) use autoissue_simulation::Entry;

/// A task, according to the journal so far.
#[derive(Default)]
pub(crate) struct TaskRecord {
    pub(crate) issue: Arc<Issue>,
    pub(crate) class: Option<Classification>,
    /// Its estimate, once it is known.
    pub(crate) estimate: Option<Usd>,
    /// Earliest start, while it is waiting for a slot.
    pub(crate) waits: Option<Time>,
    pub(crate) running: Option<Running>,
    pub(crate) n_started: u32,
    /// Retries that it has paid and not got back.
    pub(crate) n_paid: u32,
    /// Whether it was accepted while open issues outside the session were ignored.
    pub(crate) ignores_outside: bool,
    /// Amount that earlier sessions have spent on it.
    pub(crate) spent_before: Usd,
    pub(crate) spent: Usd,
    /// Amount charged for interrupted runs beyond what was metered.
    pub(crate) forgiven: Usd,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) n_published: u32,
    /// What was to happen when a plugin last failed to decide about it.
    pub(crate) plugin_failure: Option<PluginFailureAction>,
    /// Whether its last agent spent nothing and printed nothing.
    pub(crate) lost_its_session: bool,
    /// The session of its last agent, if reported.
    pub(crate) session: Option<String>,
    /// Whether an attempt was to continue in the agent's session when the last one started.
    pub(crate) keeps_session: bool,
}

/// A running attempt.
#[derive(Clone, Default)]
pub(crate) struct Running {
    pub(crate) number: u32,
    pub(crate) reserved: Usd,
    pub(crate) metered: Usd,
    pub(crate) is_leased: bool,
    /// How its agent ended.
    pub(crate) exited: Option<Ended>,
    pub(crate) collected: Option<bool>,
    /// Whether its work must pass checks: checks are configured, or the work has an unfinished
    /// merge.
    pub(crate) must_pass: bool,
    pub(crate) passed: bool,
    pub(crate) is_publishing: bool,
}

/// The state of a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Health {
    #[default]
    Good,
    Paused(Time),
    Open(Time),
    Probing(IssueNumber),
}

/// A service, according to the journal so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patient {
    pub(crate) health: Health,
    pub(crate) n_failures: u32,
    /// Tasks that paid a retry in this series of failures.
    pub(crate) payers: Vec<IssueNumber>,
}

/// Everything that the journal says so far.
#[derive(Default)]
pub(crate) struct Chronicle {
    pub(crate) settings: Settings,
    pub(crate) tasks: BTreeMap<IssueNumber, TaskRecord>,
    pub(crate) running: BTreeSet<IssueNumber>,
    pub(crate) services: BTreeMap<Service, Patient>,
    pub(crate) spent: Usd,
    pub(crate) reserved: Usd,
    pub(crate) is_admitted: bool,
    pub(crate) is_base_checked: bool,
    /// Whether checks were configured when the backlog was admitted.
    pub(crate) had_checks: bool,
    /// Why nothing may start.
    pub(crate) halted: Option<&'static str>,
    pub(crate) is_interrupting: bool,
    pub(crate) is_interrupted: bool,
    pub(crate) is_finished: bool,
    pub(crate) plan: PlanRecord,
    /// The highest number of slots and the largest budget of all settings so far.
    pub(crate) n_slots_max: u32,
    pub(crate) budget_max: Usd,
    /// Whether an agent whose credentials were refused has just ended.
    pub(crate) is_refused: bool,
    /// Work that earlier sessions left on issues.
    pub(crate) unfinished: BTreeMap<IssueNumber, UnfinishedWork>,
    /// Checks that fail on the base.
    pub(crate) red_on_base: BTreeSet<String>,
    /// The previous event.
    pub(crate) last: Option<Event>,
}

/// The plan, according to the journal so far.
#[derive(Default)]
pub(crate) struct PlanRecord {
    pub(crate) running: Option<Running>,
    pub(crate) n_started: u32,
    /// Retries that the planner has paid and not got back.
    pub(crate) n_paid: u32,
    pub(crate) spent: Usd,
    pub(crate) n_rejected: u32,
    pub(crate) plan: Option<Plan>,
    pub(crate) is_confirmed: bool,
    pub(crate) is_declined: bool,
    pub(crate) created: Vec<IssueNumber>,
    pub(crate) linked: Vec<u32>,
}

impl Chronicle {
    /// Adds an event.
    pub(crate) fn note(&mut self, event: &Event) {
        match event {
            Event::Attempt(AttemptEvent::AgentExited { report, .. })
            | Event::Plan(PlanEvent::PlannerExited { report, .. }) => {
                self.is_refused = matches!(&report.ended, Ended::Failed { failure } if matches!(failure, Failure::Auth { .. }));
            }
            Event::Service(ServiceEvent::Failed { .. }) => {}
            _ => self.is_refused = false,
        }
        match event {
            Event::Session(SessionEvent::Started { settings, info, .. }) => {
                self.rule(settings);
                self.unfinished.clone_from(&info.unfinished);
            }
            Event::Session(SessionEvent::Resumed { settings }) => {
                self.rule(settings);
                (self.halted, self.is_interrupting, self.is_interrupted) = (None, false, false);
            }
            Event::Intake(IntakeEvent::BacklogAdmitted { .. }) => {
                (self.is_admitted, self.had_checks) = (true, self.settings.has_checks);
            }
            Event::Intake(IntakeEvent::BaseChecked { results }) => {
                self.is_base_checked = true;
                let red = results.iter().filter(|result| !result.passed);
                self.red_on_base = red.map(|result| result.name.clone()).collect();
            }
            Event::Session(SessionEvent::InterruptRequested) => {
                (self.halted, self.is_interrupting) = (Some("an interrupt"), true);
            }
            Event::Session(SessionEvent::Interrupted) => self.is_interrupted = true,
            Event::Session(SessionEvent::Stopping { .. }) => self.halted = Some("a stop"),
            Event::Session(SessionEvent::Finished { .. }) => self.is_finished = true,
            Event::Service(
                ServiceEvent::Paused { .. }
                | ServiceEvent::Failed { .. }
                | ServiceEvent::Answered { .. }
                | ServiceEvent::BreakerOpened { .. }
                | ServiceEvent::BreakerProbed { .. }
                | ServiceEvent::BreakerReset { .. },
            ) => self.note_service(event),
            Event::Intake(
                IntakeEvent::BacklogRead { .. }
                | IntakeEvent::BacklogDelayed { .. }
                | IntakeEvent::BacklogRetried,
            ) => {}
            Event::Plan(PlanEvent::ConfirmationAwaited) => self.is_interrupted = true,
            Event::Plan(
                PlanEvent::PlannerStarted { .. }
                | PlanEvent::PlannerMetered { .. }
                | PlanEvent::PlannerExited { .. }
                | PlanEvent::PlannerFailed { .. }
                | PlanEvent::Rejected { .. }
                | PlanEvent::Proposed { .. }
                | PlanEvent::Confirmed
                | PlanEvent::Declined
                | PlanEvent::IssueCreated { .. }
                | PlanEvent::IssueLinked { .. }
                | PlanEvent::CreationDelayed { .. }
                | PlanEvent::CreationRetried
                | PlanEvent::CreationInterrupted,
            ) => self.note_plan(event),
            _ => self.note_task(event),
        }
        self.last = Some(event.clone());
    }

    fn rule(&mut self, settings: &Settings) {
        self.settings = settings.clone();
        self.n_slots_max = self.n_slots_max.max(settings.n_slots);
        self.budget_max = self.budget_max.max(settings.budget);
    }

    fn note_plan(&mut self, event: &Event) {
        let plan = &mut self.plan;
        match event {
            Event::Plan(PlanEvent::PlannerStarted {
                attempt, reserved, ..
            }) => {
                plan.n_started += 1;
                plan.running = Some(Running {
                    number: *attempt,
                    reserved: *reserved,
                    ..Running::default()
                });
                self.reserved += *reserved;
            }
            Event::Plan(PlanEvent::PlannerMetered { spent, .. }) => {
                if let Some(running) = &mut plan.running {
                    running.metered = *spent;
                }
            }
            Event::Plan(PlanEvent::PlannerExited { cost, .. }) => {
                self.reserved -= plan
                    .running
                    .take()
                    .map(|running| running.reserved)
                    .unwrap_or_default();
                plan.spent += *cost;
                self.spent += *cost;
            }
            Event::Plan(PlanEvent::PlannerFailed { counted, .. }) => {
                plan.n_paid += u32::from(*counted);
            }
            Event::Plan(PlanEvent::Rejected { .. }) => plan.n_rejected += 1,
            Event::Plan(PlanEvent::Proposed { plan: proposed }) => {
                plan.plan = Some(proposed.clone());
            }
            Event::Plan(PlanEvent::Confirmed) => plan.is_confirmed = true,
            Event::Plan(PlanEvent::Declined) => {
                (plan.is_declined, self.is_interrupted) = (true, false);
            }
            Event::Plan(PlanEvent::IssueCreated { number, .. }) => plan.created.push(*number),
            Event::Plan(PlanEvent::IssueLinked { position, .. }) => plan.linked.push(*position),
            _ => {}
        }
    }

    fn note_task(&mut self, event: &Event) {
        let Some(number) = event.issue() else { return };
        let (has_checks, ignores_outside) =
            (self.settings.has_checks, self.settings.ignore_outside);
        let task = self.tasks.entry(number).or_default();
        match event {
            Event::Task(TaskEvent::Accepted { issue }) => {
                task.issue = issue.clone();
                task.ignores_outside = ignores_outside;
                if let Some(unfinished) = self.unfinished.get(&number) {
                    task.spent_before = unfinished.spent;
                    task.keeps_session = unfinished.work.is_some() && unfinished.session.is_some();
                }
            }
            Event::Task(TaskEvent::Classified { classification, .. }) => {
                task.class = Some(classification.clone());
            }
            Event::Task(TaskEvent::ModelSelected { estimate, .. }) => {
                task.estimate = Some(*estimate);
                task.waits = Some(Time::default());
            }
            Event::Attempt(AttemptEvent::Started {
                attempt, reserved, ..
            }) => {
                task.n_started += 1;
                task.waits = None;
                task.running = Some(Running {
                    number: *attempt,
                    reserved: *reserved,
                    ..Running::default()
                });
                self.reserved += *reserved;
                self.running.insert(number);
            }
            Event::Attempt(AttemptEvent::AgentExited { cost, report, .. }) => {
                let interrupted = Ended::Failed {
                    failure: Failure::Interrupted,
                };
                if report.ended == interrupted {
                    let metered = task.running.as_ref().map(|running| running.metered);
                    let seen = match report.spent {
                        Spent::Known(cost) => cost,
                        Spent::AtLeast(seen) => seen.max(metered.unwrap_or_default()),
                        Spent::Unknown => metered.unwrap_or_default(),
                    };
                    task.forgiven += (*cost - seen).max(Usd::ZERO);
                }
                task.spent += *cost;
                self.spent += *cost;
                let was_idle = report.spent == Spent::Known(Usd::ZERO) && report.tokens == 0;
                task.lost_its_session = was_idle || report.has_lost_session;
                if report.session.is_some() {
                    task.session.clone_from(&report.session);
                } else if !task.keeps_session {
                    task.session = None;
                }
                self.give_back(number);
            }
            Event::Attempt(AttemptEvent::Failed {
                counted,
                retry_at,
                failure,
                lost_session,
                kept,
                ..
            }) => {
                task.n_paid += u32::from(*counted);
                if *lost_session {
                    task.session = None;
                }
                // An attempt that failed before it had a worktree leaves this unchanged.
                task.keeps_session =
                    *kept && !lost_session && (task.session.is_some() || task.keeps_session);
                let asks = !lost_session
                    && self.settings.model == ModelChoice::Auto
                    && failure.is_of_substance();
                task.waits = retry_at.filter(|_| !asks);
                self.leave(number);
            }
            Event::Task(TaskEvent::Finished { outcome, .. }) => {
                task.waits = None;
                task.outcome = Some(outcome.clone());
                self.leave(number);
            }
            Event::Task(TaskEvent::PluginFailed(plugin_failure)) => {
                task.plugin_failure = Some(plugin_failure.action);
            }
            Event::Attempt(AttemptEvent::Published { .. }) => task.n_published += 1,
            _ => {}
        }
        if let Some(running) = self
            .tasks
            .get_mut(&number)
            .and_then(|task| task.running.as_mut())
        {
            running.note(event, has_checks);
        }
    }

    fn give_back(&mut self, number: IssueNumber) {
        if let Some(running) = self
            .tasks
            .get_mut(&number)
            .and_then(|task| task.running.as_mut())
        {
            self.reserved -= std::mem::take(&mut running.reserved);
        }
    }

    fn leave(&mut self, number: IssueNumber) {
        self.give_back(number);
        self.running.remove(&number);
        if let Some(task) = self.tasks.get_mut(&number) {
            task.running = None;
        }
    }

    fn note_service(&mut self, event: &Event) {
        match event {
            Event::Service(ServiceEvent::Paused { service, until, .. }) => {
                self.patient(service).health = Health::Paused(*until);
            }
            Event::Service(ServiceEvent::Failed {
                service,
                issue,
                counted,
                ..
            }) => {
                // A failed publication does not cost its task a retry.
                let creates = *issue == Some(IssueNumber::SESSION) && self.plan.is_confirmed;
                let publishes = issue
                    .and_then(|issue| self.running_of(issue))
                    .is_some_and(|r| r.is_publishing);
                let publishes = publishes || creates;
                let patient = self.patient(service);
                patient.n_failures += 1;
                patient
                    .payers
                    .extend(issue.filter(|_| *counted && !publishes));
            }
            Event::Service(ServiceEvent::Answered { service }) => {
                let patient = self.patient(service);
                patient.n_failures = 0;
                patient.payers.clear();
                if !matches!(patient.health, Health::Paused(_)) {
                    patient.health = Health::Good;
                }
            }
            Event::Service(ServiceEvent::BreakerOpened { service, until, .. }) => {
                let patient = self.patient(service);
                patient.health = Health::Open(*until);
                for payer in std::mem::take(&mut patient.payers) {
                    if payer == IssueNumber::SESSION {
                        self.plan.n_paid = self.plan.n_paid.saturating_sub(1);
                    }
                    if let Some(task) = self.tasks.get_mut(&payer) {
                        task.n_paid = task.n_paid.saturating_sub(1);
                    }
                }
            }
            Event::Service(ServiceEvent::BreakerProbed { service, issue }) => {
                self.patient(service).health = Health::Probing(*issue);
            }
            Event::Service(ServiceEvent::BreakerReset { service }) => {
                self.services.remove(service);
            }
            _ => {}
        }
    }

    fn patient(&mut self, service: &Service) -> &mut Patient {
        self.services.entry(service.clone()).or_default()
    }

    pub(crate) fn service(&self, service: &Service) -> Patient {
        self.services.get(service).cloned().unwrap_or_default()
    }

    pub(crate) fn running_of(&self, number: IssueNumber) -> Option<&Running> {
        self.tasks.get(&number)?.running.as_ref()
    }

    /// Returns the tasks that have a slot.
    pub(crate) fn running(&self) -> impl Iterator<Item = &TaskRecord> {
        self.running
            .iter()
            .filter_map(|number| self.tasks.get(number))
    }

    /// Returns whether all dependencies of a task that are part of the session are published.
    pub(crate) fn is_founded(&self, task: &TaskRecord) -> bool {
        let is_there = |on: &Dependency| {
            self.tasks.get(&on.number).is_none_or(|on| {
                on.outcome
                    .as_ref()
                    .is_some_and(Outcome::lets_dependents_start)
            })
        };
        task.issue.dependencies.iter().all(is_there)
    }
}

impl TaskRecord {
    pub(crate) fn domain(&self) -> &str {
        self.class.as_ref().map_or("unknown", |class| &class.domain)
    }

    pub(crate) fn paths(&self) -> &[String] {
        self.class.as_ref().map_or(&[], |class| &class.paths)
    }

    /// Returns its position in the order.
    pub(crate) fn place(&self) -> (u8, Time, IssueNumber) {
        (
            self.issue.priority(),
            self.issue.created_at,
            self.issue.number,
        )
    }

    /// Returns whether the two tasks would change the same file.
    pub(crate) fn conflicts(&self, other: &Self) -> bool {
        self.paths()
            .iter()
            .any(|ours| other.paths().iter().any(|theirs| overlap(ours, theirs)))
    }
}

impl Running {
    fn note(&mut self, event: &Event, has_checks: bool) {
        match event {
            Event::Attempt(AttemptEvent::WorktreeLeased { .. }) => self.is_leased = true,
            Event::Attempt(AttemptEvent::Metered { spent, .. }) => self.metered = *spent,
            Event::Attempt(AttemptEvent::AgentExited { report, .. }) => {
                self.exited = Some(report.ended.clone());
            }
            Event::Attempt(AttemptEvent::WorkCollected { work, .. }) => {
                self.collected = Some(work.is_some());
                let is_unmerged = work.as_ref().is_some_and(|work| !work.conflicts.is_empty());
                self.must_pass = has_checks || is_unmerged;
            }
            Event::Attempt(AttemptEvent::ChecksFinished { passed, .. }) => self.passed = *passed,
            Event::Attempt(AttemptEvent::PublishStarted { .. }) => self.is_publishing = true,
            _ => {}
        }
    }
}
