//! What follows from a failure: who is to blame, who pays, and whether it is tried again.

use crate::engine::decide::Turn;
use crate::engine::intake::N_FORGE_RETRIES;
use crate::retry::retry_at;
use crate::{
    AgentReport, AttemptEffect, Breaker, BreakerState, Doing, Event, Failure, FailureType,
    IssueNumber, Metering, Outcome, Service, Stage, Task, Time, Usd,
};

/// Longest time that others may make us wait, milliseconds: the longest limits of accounts are those of a week.
const WAIT_MS_MAX: u64 = 8 * 24 * 3_600_000;

/// Probes in a row that die in the same way before a person is asked: time will not mend it.
const N_DEATHS_MAX: u32 = 3;

/// How long a full disk is waited for, milliseconds: builds of others end within an hour and free what they took; nobody frees a disk
/// that has been full for longer without being asked.
const MACHINE_WAIT_MS_MAX: u64 = 3_600_000;

impl Turn<'_> {
    pub(super) fn failed(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        let Some(task) = self.in_flight(issue, number, |_| true) else {
            return;
        };
        let Some(attempt) = task.attempt() else {
            return;
        };
        let has_cost = attempt.metered > Usd::ZERO;
        match (attempt.doing.clone(), failure) {
            (
                Doing::Collecting | Doing::Checking | Doing::Publishing { .. },
                Failure::Interrupted,
            ) => {
                self.reopen_if_probing(issue, |_| true);
                self.emit(Event::AttemptSuspended {
                    issue,
                    attempt: number,
                });
            }
            (Doing::Publishing { .. }, failure) => self.publish_failed(issue, number, failure),
            (Doing::Agent, failure) if has_cost => {
                self.agent_exited(issue, number, AgentReport::unseen(failure));
            }
            (Doing::Agent, failure) => self.agent_not_started(issue, number, failure),
            (Doing::Leasing { .. }, failure) => self.lease_failed(issue, number, failure),
            (doing @ (Doing::Collecting | Doing::Checking), failure @ Failure::DiskFull { .. }) => {
                self.delay_collection(issue, number, failure, doing == Doing::Checking);
            }
            (Doing::Collecting | Doing::CollectingLater { .. } | Doing::Checking, failure) => {
                self.fail_attempt(issue, number, failure);
            }
        }
    }

    /// Collects and checks later what the disk has no room for now: the work is done and paid for, and lies safely in its worktree.
    fn delay_collection(
        &mut self,
        issue: IssueNumber,
        number: u32,
        failure: Failure,
        checks: bool,
    ) {
        self.blame(&Service::Machine, issue, &failure);
        let until = retry_at(self.now, 1, Some(issue), self.settings().seed);
        self.emit(Event::CollectDelayed {
            issue,
            attempt: number,
            failure,
            until,
            checks,
        });
    }

    /// Ends an attempt that got no worktree. The base is fetched for it, so it may be the forge that failed.
    fn lease_failed(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        if matches!(failure, Failure::Auth { .. } | Failure::Refused { .. }) {
            // Every other attempt would meet it; whatever waits goes on once a person has mended it.
            self.suspend_attempt(issue, number, &failure);
            return;
        }
        let charged = match &failure {
            Failure::RateLimit { .. }
            | Failure::Overloaded { .. }
            | Failure::Network { .. }
            | Failure::DiskFull { .. } => self.blame(&Service::Forge, issue, &failure),
            _ => failure.costs_a_retry(),
        };
        self.end_failed_attempt(issue, number, failure, charged);
    }

    /// Tries again to publish, or ends the task: its work is paid for and kept, and another agent would not publish better.
    fn publish_failed(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        if matches!(failure, Failure::Auth { .. } | Failure::Refused { .. }) {
            self.suspend_attempt(issue, number, &failure);
            return;
        }
        if !failure.is_of_service() {
            self.end_failed_attempt(issue, number, failure, false);
            return;
        }
        // A crash is of this work alone: the forge answered others, and must not wait for one that it never takes.
        let charged = match failure {
            Failure::Crash { .. } => {
                self.reopen_if_probing(issue, |service| *service == Service::Forge);
                true
            }
            _ => self.blame_in_publishing(issue, &failure),
        };
        let n_failures = self.engine.tasks[&issue]
            .attempt()
            .map_or(0, |a| a.n_publish_failures)
            + u32::from(charged);
        if self.n_publish_retries() < n_failures {
            self.end_failed_attempt(issue, number, failure, false);
        } else {
            let until = match failure {
                Failure::RateLimit {
                    until: Some(until), ..
                } if self.now < until => self.not_at_once(until),
                _ => retry_at(
                    self.now,
                    n_failures.max(1),
                    Some(issue),
                    self.settings().seed,
                ),
            };
            self.emit(Event::PublishDelayed {
                issue,
                attempt: number,
                failure,
                charged,
                until,
            });
        }
    }

    /// Stops the session for something of the forge's that a person has to mend; a resume asks again for what failed.
    fn suspend_attempt(&mut self, issue: IssueNumber, number: u32, failure: &Failure) {
        self.emit(Event::AttemptSuspended {
            issue,
            attempt: number,
        });
        self.reopen_if_probing(issue, |_| true);
        self.suspend(failure.to_string());
    }

    /// Returns how often publishing is tried again: at least as often as opens the breaker, so that an outage of the forge
    /// makes work wait and never fail.
    pub(super) fn n_publish_retries(&self) -> u32 {
        N_FORGE_RETRIES.max(self.settings().breaker_threshold)
    }

    /// Ends an attempt whose agent could not even be started. That is a condition of the machine, and no task pays for it.
    fn agent_not_started(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        let service = self.settings().agent_service();
        let charged = self.blame_at(&service, issue, &failure, false);
        self.end_failed_attempt(issue, number, failure, charged);
    }

    /// Ends an attempt whose agent failed.
    pub(super) fn agent_failed(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        let task = &self.engine.tasks[&issue];
        let was_resumed = task
            .kept
            .as_ref()
            .is_some_and(|kept| kept.session.is_some());
        let did_nothing = task.report.as_ref().is_some_and(AgentReport::did_nothing);
        let is_lost = was_resumed && did_nothing && matches!(failure, Failure::Task { .. });
        if is_lost && self.engine.can_pay(task) {
            self.begin_new_session(issue, number, failure);
            return;
        }
        let service = self.settings().agent_service();
        let charged = self.blame(&service, issue, &failure);
        self.end_failed_attempt(issue, number, failure, charged);
    }

    /// Ends an attempt whose session could not be gone on with: the next begins a new one in the same tree, and nobody pays.
    fn begin_new_session(&mut self, issue: IssueNumber, attempt: u32, failure: Failure) {
        self.emit(Event::AttemptFailed {
            issue,
            attempt,
            failure,
            charged: false,
            retry_at: Some(Time::default()),
            kept: true,
            lost_session: true,
        });
        self.reopen_if_probing(issue, |_| true);
    }

    /// Ends an attempt that failed otherwise.
    pub(super) fn fail_attempt(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        let charged = match failure {
            Failure::DiskFull { .. } => self.blame(&Service::Machine, issue, &failure),
            _ => failure.costs_a_retry(),
        };
        self.end_failed_attempt(issue, number, failure, charged);
    }

    /// Ends an attempt; the task is tried again, or ends too.
    pub(super) fn end_failed_attempt(
        &mut self,
        issue: IssueNumber,
        number: u32,
        failure: Failure,
        charged: bool,
    ) {
        let task = &self.engine.tasks[&issue];
        let n_retries = task.n_retries + u32::from(charged);
        // What the agent's service refuses is confirmed by one more start; what the forge refuses is refused for all.
        let is_of_agent = task.attempt().is_some_and(|attempt| match attempt.doing {
            Doing::Agent => true,
            Doing::Collecting => !attempt.in_flight,
            _ => false,
        });
        let max_retries = self.max_retries(task, &failure, is_of_agent);
        let (is_publishing, is_uncollected) = task.attempt().map_or((false, false), |attempt| {
            let is_publishing = matches!(attempt.doing, Doing::Publishing { .. });
            (
                is_publishing,
                attempt.doing == Doing::Collecting && attempt.in_flight,
            )
        });
        let may_retry = match failure {
            Failure::Validation { .. } | Failure::NeedsPerson { .. } | Failure::Refused { .. } => {
                false
            }
            // What the task does not pay for cannot use up its retries, of which a resume may have left it fewer.
            _ => !is_publishing && (!charged || n_retries <= max_retries),
        };
        let can_pay = self.engine.can_pay(task);
        let retry_at = (may_retry && can_pay).then(|| self.next_try(issue, &failure, n_retries));
        let kept = retry_at.is_some() && keeps_tree(task, &failure);
        let outcome = if may_retry && !can_pay {
            Outcome::Budget {
                message: self.over_budget_message(issue),
            }
        } else {
            outcome_of(&failure)
        };
        let auth =
            (!is_of_agent && matches!(failure, Failure::Auth { .. })).then(|| failure.to_string());
        self.emit(Event::AttemptFailed {
            issue,
            attempt: number,
            failure,
            charged,
            retry_at,
            kept,
            lost_session: false,
        });
        self.reopen_if_probing(issue, |_| true);
        // What could not be collected stays where it is: the next lease, or `clean`, saves it.
        if !kept && !is_uncollected {
            self.ask(AttemptEffect::ReleaseWorktree {
                issue,
                attempt: number,
                published: false,
            });
        }
        if retry_at.is_none() {
            self.finish_task(issue, outcome);
        } else if self.engine.tasks[&issue].stage == Stage::Choosing {
            let effect = self.engine.select_model(&self.engine.tasks[&issue]);
            self.ask(effect);
        }
        if let Some(message) = auth {
            self.suspend(message);
        }
    }

    /// Returns how many retries a task has after a failure. A launch that died without a word cost nothing and says more of the program
    /// than of the task, so it is repeated even where nothing that is paid for would be: else the tasks would end, one after the
    /// other, before the program is known to be at fault.
    fn max_retries(&self, task: &Task, failure: &Failure, is_of_agent: bool) -> u32 {
        let max_retries = self.settings().max_retries;
        let is_metered = self.settings().metering != Metering::Free;
        let did_nothing = task.report.as_ref().is_some_and(AgentReport::did_nothing);
        match failure {
            Failure::Crash { .. } if is_of_agent && is_metered && did_nothing => {
                max_retries.max(N_DEATHS_MAX - 1)
            }
            _ => max_retries,
        }
    }

    /// Ends an attempt and its task for a reason that is no failure.
    pub(super) fn end_attempt(&mut self, issue: IssueNumber, attempt: u32, outcome: Outcome) {
        self.finish_task(issue, outcome);
        self.ask(AttemptEffect::ReleaseWorktree {
            issue,
            attempt,
            published: false,
        });
    }

    pub(super) fn next_try(&self, issue: IssueNumber, failure: &Failure, n_retries: u32) -> Time {
        match failure {
            Failure::Interrupted => Time::default(),
            Failure::RateLimit {
                until: Some(until), ..
            } if self.now < *until => Time::default(),
            _ if failure.is_of_substance() => Time::default(),
            _ => retry_at(
                self.now,
                n_retries.max(1),
                Some(issue),
                self.settings().seed,
            ),
        }
    }

    /// Puts a failure down to a service or to the task; returns whether the task's retries pay for it. A limit that is over by its own
    /// words is a failure like others: a service that keeps saying so is out of order, or its clock and ours differ.
    pub(super) fn blame(
        &mut self,
        service: &Service,
        issue: IssueNumber,
        failure: &Failure,
    ) -> bool {
        self.blame_at(service, issue, failure, failure.costs_a_retry())
    }

    /// Puts a failure of what is written to the forge down to it. Such tries are counted apart from the task's retries, and a
    /// forge that cannot be reached uses them up too.
    pub(super) fn blame_in_publishing(&mut self, issue: IssueNumber, failure: &Failure) -> bool {
        let costs_a_try = failure.costs_a_retry() || matches!(failure, Failure::Network { .. });
        self.blame_at(&Service::Forge, issue, failure, costs_a_try)
    }

    fn blame_at(
        &mut self,
        service: &Service,
        issue: IssueNumber,
        failure: &Failure,
        costs: bool,
    ) -> bool {
        if !failure.is_of_service() {
            return failure.costs_a_retry();
        }
        if let Failure::RateLimit {
            message,
            until: Some(until),
        } = failure
            && self.now < *until
        {
            self.pause(service, *until, message);
            return false;
        }
        let service = &at_fault(service.clone(), failure);
        self.service_failed(service, issue, costs, failure)
    }

    /// Takes that the agent's service does not let somebody in. Credentials may just be renewed, so one more start is to confirm it,
    /// and nobody else starts meanwhile; then a person has to mend them.
    pub(super) fn refused(&mut self, issue: IssueNumber, failure: &Failure) {
        let service = self.settings().agent_service();
        let breaker = self
            .engine
            .breakers
            .get(&service)
            .cloned()
            .unwrap_or_default();
        if breaker.state == (BreakerState::Probing { issue }) {
            self.suspend(failure.to_string());
        } else if !breaker.is_suspect(self.now) {
            self.emit(Event::ServiceFailed {
                service: service.clone(),
                issue: Some(issue).filter(|issue| *issue != IssueNumber::SESSION),
                charged: false,
                died: None,
            });
            self.emit(Event::BreakerOpened {
                service,
                until: retry_at(self.now, 1, None, self.settings().seed),
                n_failures: breaker.n_failures + 1,
                since: Some(self.now),
            });
        }
    }

    /// Pauses a service until the time that it stated.
    pub(super) fn pause(&mut self, service: &Service, until: Time, message: &str) {
        let is_known = matches!(self.engine.breaker(service),
            BreakerState::Paused { until: known, .. } if until <= known && self.now < known);
        if !is_known {
            let until = self.not_at_once(until);
            self.emit(Event::ServicePaused {
                service: service.clone(),
                until,
                message: message.to_owned(),
            });
        }
    }

    /// Returns a time stated by others, or a moment from now if it has passed: who asks again at once asks for ever. What lies too
    /// far ahead is a mistake of theirs, by a wrong unit most likely.
    pub(super) fn not_at_once(&self, until: Time) -> Time {
        until
            .min(self.now + WAIT_MS_MAX)
            .max(retry_at(self.now, 1, None, self.settings().seed))
    }

    /// Counts a failure of a service; returns whether the task pays for it. It does not if the service is to blame.
    pub(super) fn service_failed(
        &mut self,
        service: &Service,
        issue: IssueNumber,
        costs_a_retry: bool,
        failure: &Failure,
    ) -> bool {
        let breaker = self
            .engine
            .breakers
            .get(service)
            .cloned()
            .unwrap_or_default();
        let n_failures = breaker.n_failures + 1;
        let is_probe =
            matches!(breaker.state, BreakerState::Probing { issue: probe } if probe == issue);
        let opens = is_probe
            || (!breaker.is_suspect(self.now) && self.settings().breaker_threshold <= n_failures);
        let charged = costs_a_retry && !opens && !breaker.is_suspect(self.now);
        let died = match failure {
            Failure::Crash { .. } => Some(failure.headline()),
            _ => None,
        };
        self.emit(Event::ServiceFailed {
            service: service.clone(),
            issue: Some(issue),
            charged,
            died,
        });
        let since = breaker.since.unwrap_or(self.now);
        if opens {
            let until = self.now + self.settings().breaker_cooldown_ms;
            self.emit(Event::BreakerOpened {
                service: service.clone(),
                until,
                n_failures,
                since: Some(since),
            });
        }
        if *service == Service::Machine && since + MACHINE_WAIT_MS_MAX <= self.now {
            let waited = self.waited(since);
            self.suspend(format!("{}{waited}", failure.headline()));
        }
        let n_deaths = self
            .engine
            .breakers
            .get(service)
            .map_or(0, |breaker| breaker.n_deaths);
        if is_probe && N_DEATHS_MAX <= n_deaths {
            self.suspend(format!(
                "{service} ends in the same way each time: {}{}",
                failure.headline(),
                self.waited(since)
            ));
        }
        charged
    }

    /// Says how long the session has waited since a time, unless that is less than a minute.
    fn waited(&self, since: Time) -> String {
        match self.now.ms().saturating_sub(since.ms()) / 60_000 {
            0 => String::new(),
            1 => " (waited 1 minute)".to_owned(),
            minutes => format!(" (waited {minutes} minutes)"),
        }
    }

    /// Notes that a service works; nothing to note where it never failed.
    pub(super) fn service_answered(&mut self, service: &Service) {
        if self
            .engine
            .breakers
            .get(service)
            .is_some_and(Breaker::has_failed)
        {
            self.emit(Event::ServiceAnswered {
                service: service.clone(),
            });
        }
    }

    /// Lets another task probe where this one probed and ended without an answer about the service.
    pub(super) fn reopen_if_probing(
        &mut self,
        issue: IssueNumber,
        suits: impl Fn(&Service) -> bool,
    ) {
        let probed: Vec<(Service, u32, Option<Time>)> = self
            .engine
            .breakers
            .iter()
            .filter(|(service, breaker)| {
                suits(service) && breaker.state == BreakerState::Probing { issue }
            })
            .map(|(service, breaker)| (service.clone(), breaker.n_failures, breaker.since))
            .collect();
        for (service, n_failures, since) in probed {
            self.emit(Event::BreakerOpened {
                service,
                until: self.now,
                n_failures,
                since,
            });
        }
    }
}

/// Returns what is out of order where a service met a failure.
fn at_fault(service: Service, failure: &Failure) -> Service {
    match failure {
        Failure::DiskFull { .. } => Service::Machine,
        _ => service,
    }
}

/// Returns whether the next attempt goes on in the tree of this one: to mend what a check found, to end what was cut off
/// through no fault of the agent, or because the attempt that was to do so never began.
fn keeps_tree(task: &Task, failure: &Failure) -> bool {
    let (has_worked, is_starting) = task.attempt().map_or((false, false), |attempt| {
        let has_worked = attempt.doing == Doing::Collecting && !attempt.in_flight;
        (has_worked, attempt.doing == Doing::Agent)
    });
    match failure {
        Failure::Check { .. } => true,
        Failure::RateLimit { .. }
        | Failure::Overloaded { .. }
        | Failure::Network { .. }
        | Failure::Auth { .. }
        | Failure::Interrupted => has_worked || task.kept.is_some(),
        Failure::Crash { .. } => is_starting && task.kept.is_some(),
        Failure::DiskFull { .. } => task.kept.is_some(),
        _ => false,
    }
}

/// Returns how a task ends that failed and is not tried again.
fn outcome_of(failure: &Failure) -> Outcome {
    match failure {
        Failure::NoChange => Outcome::NoChange,
        Failure::NeedsPerson { message } => Outcome::NeedsYou {
            message: message.clone(),
        },
        _ => Outcome::Failed {
            failure: failure.failure_type().unwrap_or(FailureType::Crash),
            message: failure.headline(),
        },
    }
}
