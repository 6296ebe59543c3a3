//! What follows from an input.
//!
//! An input about an attempt counts only while that attempt waits for it; a late or doubled answer changes nothing.

use crate::engine::{Engine, Halt};
use crate::{
    AttemptEffect, Effect, Event, Input, IssueNumber, PlanEffect, Service, Settings, StopReason,
    Time,
};

/// One input being worked on: reads the state, emits events, asks for effects.
pub(super) struct Turn<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) now: Time,
    events: Vec<Event>,
    effects: Vec<Effect>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(engine: &'a mut Engine, now: Time) -> Self {
        Self {
            engine,
            now,
            events: Vec::new(),
            effects: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> (Vec<Event>, Vec<Effect>) {
        (self.events, self.effects)
    }

    /// Makes an event true.
    pub(super) fn emit(&mut self, event: Event) {
        self.engine.apply(&event);
        self.events.push(event);
    }

    pub(super) fn ask(&mut self, effect: impl Into<Effect>) {
        self.effects.push(effect.into());
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.engine.settings
    }

    pub(super) fn take(&mut self, input: Input) {
        if self.engine.is_over() && !matches!(input, Input::Resumed { .. } | Input::PlanDeclined) {
            return;
        }
        match input {
            Input::Started {
                settings,
                about,
                history,
            } => self.started(settings, about, history),
            Input::Resumed { settings } => self.resumed(settings),
            Input::PlanRead { plan } => self.plan_read(plan),
            Input::PlannerMetered { attempt, spent } => self.planner_metered(attempt, spent),
            Input::Decomposed {
                attempt,
                report,
                answer,
            } => self.decomposed(attempt, report, answer),
            Input::PlanDeclined => self.plan_declined(),
            Input::IssueCreated {
                position,
                number,
                existed,
                n_api_calls,
            } => {
                self.issue_created(position, number, existed, n_api_calls);
            }
            Input::IssueLinked {
                position,
                n_api_calls,
            } => self.issue_linked(position, n_api_calls),
            Input::PlanFailed { failure } => self.plan_failed(failure),
            Input::BacklogFetched {
                issues,
                warnings,
                n_api_calls,
            } => {
                self.backlog_fetched(issues, warnings, n_api_calls);
            }
            Input::BacklogFailed { failure } => self.backlog_failed(failure),
            Input::Classified {
                issue,
                classification,
            } => self.classified(issue, classification),
            Input::ModelSelected {
                issue,
                model,
                effort,
                reason,
            } => self.model_selected(issue, model, effort, reason),
            Input::Undecided(undecided) => self.undecided(undecided),
            Input::BaseChecked { results } => self.base_checked(results),
            Input::WorktreeLeased {
                issue,
                attempt,
                base,
            } => self.worktree_leased(issue, attempt, base),
            Input::Withdrawn {
                issue,
                attempt,
                found,
            } => self.withdrawn(issue, attempt, found),
            Input::Metered {
                issue,
                attempt,
                spent,
            } => self.metered(issue, attempt, spent),
            Input::AgentExited {
                issue,
                attempt,
                report,
            } => self.agent_exited(issue, attempt, report),
            Input::WorkCollected {
                issue,
                attempt,
                work,
                notes,
            } => self.work_collected(issue, attempt, work, notes),
            Input::ChecksFinished {
                issue,
                attempt,
                results,
            } => self.checks_finished(issue, attempt, results),
            Input::Published {
                issue,
                attempt,
                publication,
            } => self.published(issue, attempt, publication),
            Input::Failed {
                issue,
                attempt,
                failure,
            } => self.failed(issue, attempt, failure),
            Input::Tick => {}
            Input::Interrupted => self.interrupted(),
            Input::BreakerReset { service } => self.breaker_reset(service.as_ref()),
        }
    }

    /// Does whatever the new state allows: admission, publishing, starts, ends.
    pub(super) fn go_on(&mut self) {
        self.plan_on();
        self.retry_intake();
        self.admit();
        self.end_what_cannot_start();
        self.start_collecting();
        self.start_publishing();
        self.start_attempts();
        self.end_session();
    }

    fn interrupted(&mut self) {
        let reason = match self.engine.halt {
            Halt::Interrupting => StopReason::Killed,
            _ => {
                self.emit(Event::InterruptRequested);
                StopReason::Interrupted
            }
        };
        let running: Vec<(IssueNumber, u32)> = self
            .engine
            .running()
            .filter_map(|task| task.attempt().map(|attempt| (task.issue.number, attempt)))
            .filter(|(_, attempt)| attempt.in_flight && attempt.doing.may_take_long())
            .map(|(issue, attempt)| (issue, attempt.number))
            .collect();
        for (issue, attempt) in running {
            self.ask(AttemptEffect::Stop {
                issue,
                attempt,
                reason,
            });
        }
        if self
            .engine
            .planning()
            .is_some_and(crate::Planning::is_in_flight)
        {
            self.ask(PlanEffect::Stop { reason });
        }
    }

    fn breaker_reset(&mut self, service: Option<&Service>) {
        let services: Vec<Service> = self
            .engine
            .breakers
            .keys()
            .filter(|known| service.is_none_or(|s| s == *known))
            .cloned()
            .collect();
        for service in services {
            self.emit(Event::BreakerReset { service });
        }
    }
}
