//! What follows from a failure: what caused it, whether it costs a retry, and whether the task is
//! retried.

use crate::engine::decide::Decision;
use crate::engine::intake::N_FORGE_RETRIES;
use crate::retry::retry_at;
use crate::{
    AgentReport, AttemptEffect, AttemptEvent, AttemptState, CostReporting, Event, Failure,
    FailureType, IssueNumber, Outcome, Service, Task, TaskState, Time, Usd,
};

/// Consecutive probes that die in the same way before the session is interrupted: waiting longer
/// will not help.
pub(super) const N_DEATHS_MAX: u32 = 3;

impl Decision<'_> {
    pub(super) fn failed(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        let Some(task) = self.in_flight(issue, number, |_| true) else {
            return;
        };
        let Some(attempt) = task.attempt() else {
            return;
        };
        let has_cost = attempt.metered > Usd::ZERO;
        match (attempt.state.clone(), failure) {
            (
                AttemptState::Collecting | AttemptState::Checking | AttemptState::Publishing { .. },
                Failure::Interrupted,
            ) => {
                self.reopen_if_probing(issue, |_| true);
                self.emit(Event::Attempt(AttemptEvent::Interrupted {
                    issue,
                    attempt: number,
                }));
            }
            (AttemptState::Publishing { .. }, failure) => {
                self.publish_failed(issue, number, failure);
            }
            (AttemptState::Agent, failure) if has_cost => {
                self.agent_exited(issue, number, AgentReport::unseen(failure));
            }
            (AttemptState::Agent, failure) => self.agent_not_started(issue, number, failure),
            (AttemptState::Leasing { .. }, failure) => self.lease_failed(issue, number, failure),
            (
                state @ (AttemptState::Collecting | AttemptState::Checking),
                failure @ Failure::DiskFull { .. },
            ) => {
                self.delay_collection(issue, number, failure, state == AttemptState::Checking);
            }
            (
                AttemptState::Collecting
                | AttemptState::CollectingLater { .. }
                | AttemptState::Checking,
                failure,
            ) => {
                self.fail_attempt(issue, number, failure);
            }
        }
    }

    /// Postpones collection or checks for lack of disk space. The work is done and paid for, and is
    /// safe in its worktree.
    fn delay_collection(
        &mut self,
        issue: IssueNumber,
        number: u32,
        failure: Failure,
        checks: bool,
    ) {
        self.count_failure(&Service::Machine, issue, &failure);
        let until = retry_at(self.now, 1, Some(issue), self.settings().seed);
        self.emit(Event::Attempt(AttemptEvent::CollectDelayed {
            issue,
            attempt: number,
            failure,
            until,
            checks,
        }));
    }

    /// Ends an attempt that got no worktree. The lease fetches the base, so the forge may have
    /// failed.
    fn lease_failed(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        if matches!(failure, Failure::Auth { .. } | Failure::Refused { .. }) {
            // Every other attempt would fail too, so all of them wait until someone fixes the
            // problem.
            self.interrupt_attempt(issue, number, &failure);
            return;
        }
        let counted = match &failure {
            Failure::RateLimit { .. }
            | Failure::Overloaded { .. }
            | Failure::Network { .. }
            | Failure::DiskFull { .. } => self.count_failure(&Service::Forge, issue, &failure),
            _ => failure.costs_a_retry(),
        };
        self.end_failed_attempt(issue, number, failure, counted);
    }

    /// Retries publishing, or ends the task. Its work is paid for and kept, and another agent would
    /// not publish better.
    fn publish_failed(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        if matches!(failure, Failure::Auth { .. } | Failure::Refused { .. }) {
            self.interrupt_attempt(issue, number, &failure);
            return;
        }
        if !failure.is_of_service() {
            self.end_failed_attempt(issue, number, failure, false);
            return;
        }
        // A crash concerns this work only: the forge answers others, which must not wait for work
        // that it never accepts.
        let counted = match failure {
            Failure::Crash { .. } => {
                self.reopen_if_probing(issue, |service| *service == Service::Forge);
                true
            }
            _ => self.count_publish_failure(issue, &failure),
        };
        let n_failures = self.engine.tasks[&issue]
            .attempt()
            .map_or(0, |a| a.n_publish_failures)
            + u32::from(counted);
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
            self.emit(Event::Attempt(AttemptEvent::PublishDelayed {
                issue,
                attempt: number,
                failure,
                counted,
                until,
            }));
        }
    }

    /// Interrupts the session because of a problem with the forge that someone must fix; a resume
    /// repeats the failed effect.
    fn interrupt_attempt(&mut self, issue: IssueNumber, number: u32, failure: &Failure) {
        self.emit(Event::Attempt(AttemptEvent::Interrupted {
            issue,
            attempt: number,
        }));
        self.reopen_if_probing(issue, |_| true);
        self.interrupt_for(failure.to_string());
    }

    /// Returns how often publishing is retried: at least as often as it takes to open the breaker,
    /// so that during an outage of the forge work waits and does not fail.
    pub(super) fn n_publish_retries(&self) -> u32 {
        N_FORGE_RETRIES.max(self.settings().breaker_threshold)
    }

    /// Ends an attempt whose agent could not be started. That is a problem of the machine and costs
    /// no task a retry.
    fn agent_not_started(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        let service = self.settings().agent_service();
        let counted = self.count_failure_at(&service, issue, &failure, false);
        self.end_failed_attempt(issue, number, failure, counted);
    }

    pub(super) fn agent_failed(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        let task = &self.engine.tasks[&issue];
        let was_resumed = task
            .continuation
            .as_ref()
            .is_some_and(|it| it.session.is_some());
        let lost_it = task
            .report
            .as_ref()
            .is_some_and(AgentReport::lost_its_session);
        let is_lost = was_resumed && lost_it && matches!(failure, Failure::Task { .. });
        if is_lost && self.engine.can_pay(task) {
            self.begin_new_session(issue, number, failure);
            return;
        }
        let service = self.settings().agent_service();
        let counted = self.count_failure(&service, issue, &failure);
        self.end_failed_attempt(issue, number, failure, counted);
    }

    /// Ends an attempt whose agent session could not be resumed. The next one starts a new session
    /// in the same worktree, at no retry.
    fn begin_new_session(&mut self, issue: IssueNumber, attempt: u32, failure: Failure) {
        self.emit(Event::Attempt(AttemptEvent::Failed {
            issue,
            attempt,
            failure,
            counted: false,
            retry_at: Some(Time::default()),
            kept: true,
            lost_session: true,
        }));
        self.reopen_if_probing(issue, |_| true);
    }

    /// Ends an attempt that failed in some other way.
    pub(super) fn fail_attempt(&mut self, issue: IssueNumber, number: u32, failure: Failure) {
        let counted = match failure {
            Failure::DiskFull { .. } => self.count_failure(&Service::Machine, issue, &failure),
            _ => failure.costs_a_retry(),
        };
        self.end_failed_attempt(issue, number, failure, counted);
    }

    /// Ends an attempt, then retries the task or ends it too.
    pub(super) fn end_failed_attempt(
        &mut self,
        issue: IssueNumber,
        number: u32,
        failure: Failure,
        counted: bool,
    ) {
        let task = &self.engine.tasks[&issue];
        let n_retries = task.n_retries + u32::from(counted);
        // A refusal by the agent's service is confirmed by one more start; a refusal by the forge
        // applies to all tasks.
        let is_of_agent = task.attempt().is_some_and(|attempt| match attempt.state {
            AttemptState::Agent => true,
            AttemptState::Collecting => !attempt.in_flight,
            _ => false,
        });
        let max_retries = self.max_retries(task, &failure, is_of_agent);
        let (is_publishing, is_uncollected) = task.attempt().map_or((false, false), |attempt| {
            let is_publishing = matches!(attempt.state, AttemptState::Publishing { .. });
            (
                is_publishing,
                attempt.state == AttemptState::Collecting && attempt.in_flight,
            )
        });
        let may_retry = match failure {
            Failure::Validation { .. } | Failure::NeedsPerson { .. } | Failure::Refused { .. } => {
                false
            }
            // A failure that costs no retry cannot exhaust the retries, of which a resume may have
            // left fewer.
            _ => !is_publishing && (!counted || n_retries <= max_retries),
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
        self.emit(Event::Attempt(AttemptEvent::Failed {
            issue,
            attempt: number,
            failure,
            counted,
            retry_at,
            kept,
            lost_session: false,
        }));
        self.reopen_if_probing(issue, |_| true);
        // Work that could not be collected stays where it is; the next lease or `clean` saves it.
        if !kept && !is_uncollected {
            self.ask(AttemptEffect::ReleaseWorktree {
                issue,
                attempt: number,
                published: false,
            });
        }
        if retry_at.is_none() {
            self.finish_task(issue, outcome);
        } else if self.engine.tasks[&issue].state == TaskState::Choosing {
            let effect = self.engine.select_model(&self.engine.tasks[&issue]);
            self.ask(effect);
        }
        if let Some(message) = auth {
            self.interrupt_for(message);
        }
    }

    /// Returns how many retries a task has after a failure. A launch that died silently cost
    /// nothing and says more about the program than about the task, so it is retried even if the
    /// task has no retries. Otherwise task after task would end before the program is known to be
    /// at fault.
    fn max_retries(&self, task: &Task, failure: &Failure, is_of_agent: bool) -> u32 {
        let max_retries = self.settings().max_retries;
        let is_metered = self.settings().cost_reporting != CostReporting::Free;
        let did_nothing = task.report.as_ref().is_some_and(AgentReport::did_nothing);
        match failure {
            Failure::Crash { .. } if is_of_agent && is_metered && did_nothing => {
                max_retries.max(N_DEATHS_MAX - 1)
            }
            _ => max_retries,
        }
    }

    /// Ends an attempt and its task for a reason that is not a failure.
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
}

/// Returns whether the next attempt continues in this worktree: to fix a failed check, to finish
/// work that was interrupted through no fault of the agent, or because the attempt that was to do
/// so never started.
fn keeps_tree(task: &Task, failure: &Failure) -> bool {
    let (has_worked, is_starting) = task.attempt().map_or((false, false), |attempt| {
        let has_worked = attempt.state == AttemptState::Collecting && !attempt.in_flight;
        (has_worked, attempt.state == AttemptState::Agent)
    });
    match failure {
        Failure::Check { .. } => true,
        Failure::RateLimit { .. }
        | Failure::Overloaded { .. }
        | Failure::Network { .. }
        | Failure::Auth { .. }
        | Failure::Interrupted => has_worked || task.continuation.is_some(),
        Failure::Crash { .. } => is_starting && task.continuation.is_some(),
        Failure::DiskFull { .. } => task.continuation.is_some(),
        _ => false,
    }
}

/// Returns the outcome of a task that failed and is not retried.
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
