//! The successful path of an attempt: worktree, agent, collection, checks, publication.
//!
//! An answer counts only while its attempt is waiting for it.

use crate::engine::StopState;
use crate::engine::decide::Decision;
use crate::{
    AgentReport, AttemptEffect, AttemptEvent, AttemptInput, AttemptState, CheckResult,
    CostReporting, Ended, Event, Failure, IssueNumber, Outcome, Publication, RedBase, Service,
    Spent, StopReason, Task, Usd, Withdrawal, Work,
};

/// Metered spending is journaled in steps of this size, so that a crash loses little and the
/// journal stays small.
pub(super) const METER_STEP: Usd = Usd::from_cents(5);
/// A reported cost of more than this many times the reservation is not believed: a run that
/// overspends is stopped within a turn.
const BELIEVABLE_TIMES: i64 = 100;
/// Bytes of check output that are passed to the next attempt.
const FEEDBACK_BYTES_MAX: usize = 8_000;

impl Decision<'_> {
    pub(super) fn take_for_attempt(&mut self, input: AttemptInput) {
        match input {
            AttemptInput::WorktreeLeased {
                issue,
                attempt,
                base,
            } => self.worktree_leased(issue, attempt, base),
            AttemptInput::Withdrawn {
                issue,
                attempt,
                found,
            } => self.withdrawn(issue, attempt, found),
            AttemptInput::Metered {
                issue,
                attempt,
                spent,
            } => self.metered(issue, attempt, spent),
            AttemptInput::AgentExited {
                issue,
                attempt,
                report,
            } => self.agent_exited(issue, attempt, report),
            AttemptInput::WorkCollected {
                issue,
                attempt,
                work,
                notes,
            } => self.work_collected(issue, attempt, work, notes),
            AttemptInput::ChecksFinished {
                issue,
                attempt,
                results,
            } => self.checks_finished(issue, attempt, results),
            AttemptInput::Published {
                issue,
                attempt,
                publication,
            } => self.published(issue, attempt, publication),
            AttemptInput::Failed {
                issue,
                attempt,
                failure,
            } => self.failed(issue, attempt, failure),
        }
    }

    /// Returns the task if this attempt of it is waiting for this kind of answer.
    pub(super) fn in_flight(
        &self,
        issue: IssueNumber,
        number: u32,
        is_awaited: impl Fn(&AttemptState) -> bool,
    ) -> Option<&Task> {
        let task = self.engine.task(issue)?;
        let attempt = task.attempt()?;
        (attempt.number == number && attempt.in_flight && is_awaited(&attempt.state))
            .then_some(task)
    }

    fn worktree_leased(&mut self, issue: IssueNumber, attempt: u32, base: String) {
        if self
            .in_flight(issue, attempt, |state| {
                matches!(state, AttemptState::Leasing { .. })
            })
            .is_none()
        {
            return;
        }
        self.forge_leased(issue);
        self.service_answered(&Service::Machine);
        if !self.may_run_agent(issue) {
            self.fail_attempt(issue, attempt, Failure::Interrupted);
            return;
        }
        self.end_stage(Event::Attempt(AttemptEvent::WorktreeLeased {
            issue,
            attempt,
            base,
        }));
    }

    /// Emits the event that completes a stage, then requests the next stage of the task's kind or
    /// ends the task.
    fn end_stage(&mut self, event: Event) {
        let ended = event.issue().and_then(|issue| self.engine.task(issue));
        let Some(task) = ended else {
            return;
        };
        let (issue, attempt) = (task.issue.number, task.n_attempts);
        let is_last = self.engine.next_stage(task).is_none();
        self.emit(event);
        if !is_last {
            self.ask_for_stage(issue);
            return;
        }
        let publication = self.engine.tasks[&issue].publication.clone();
        let published = publication.is_some();
        let pull_request = publication.and_then(|publication| publication.pull_request);
        self.finish_task(issue, Outcome::Done { pull_request });
        self.ask(AttemptEffect::ReleaseWorktree {
            issue,
            attempt,
            published,
        });
    }

    /// Requests the current stage of a task's attempt. Publishing is requested by `advance`, once the
    /// forge may be used.
    pub(super) fn ask_for_stage(&mut self, issue: IssueNumber) {
        let order = self.engine.stage_order(&self.engine.tasks[&issue]);
        order.into_iter().for_each(|effect| self.ask(effect));
    }

    /// Ends a task whose issue must no longer be worked on. The forge has answered, and nothing was
    /// spent on the attempt.
    fn withdrawn(&mut self, issue: IssueNumber, attempt: u32, found: Withdrawal) {
        let is_leasing = |state: &AttemptState| matches!(state, AttemptState::Leasing { .. });
        if self.in_flight(issue, attempt, is_leasing).is_some() {
            self.service_answered(&Service::Forge);
            self.end_attempt(issue, attempt, found.into());
        }
    }

    /// Records what a lease says about the forge: it provided the base, unless the worktree already
    /// existed.
    fn forge_leased(&mut self, issue: IssueNumber) {
        if self.engine.tasks[&issue].continuation.is_none() {
            self.service_answered(&Service::Forge);
        } else {
            self.reopen_if_probing(issue, |service| *service == Service::Forge);
        }
    }

    /// Returns whether the agent may still start: the session may have changed while the worktree
    /// was prepared.
    fn may_run_agent(&mut self, issue: IssueNumber) -> bool {
        let agent = self.settings().agent_service();
        let may = self.engine.stop_state == StopState::NotStopping
            && self.engine.admits(&agent, issue, self.now);
        if may {
            self.probe(agent, issue);
        }
        may
    }

    fn metered(&mut self, issue: IssueNumber, number: u32, spent: Usd) {
        let Some(task) = self.in_flight(issue, number, |state| *state == AttemptState::Agent)
        else {
            return;
        };
        let Some(attempt) = task.attempt() else {
            return;
        };
        if self.believable(attempt.reserved) < spent {
            return;
        }
        let is_free = self.settings().cost_reporting == CostReporting::Free;
        let passes = !is_free && attempt.reserved < spent && !attempt.over_budget;
        if passes || attempt.metered + METER_STEP <= spent {
            self.emit(Event::Attempt(AttemptEvent::Metered {
                issue,
                attempt: number,
                spent,
            }));
        }
        if passes {
            self.ask(AttemptEffect::Stop {
                issue,
                attempt: number,
                reason: StopReason::Budget,
            });
        }
    }

    pub(super) fn agent_exited(
        &mut self,
        issue: IssueNumber,
        number: u32,
        mut report: AgentReport,
    ) {
        let Some(task) = self.in_flight(issue, number, |state| *state == AttemptState::Agent)
        else {
            return;
        };
        // A result that arrived before the agent was stopped is paid for, and is used.
        let is_done = report.ended == Ended::Done;
        let is_over = task.attempt().is_some_and(|attempt| attempt.over_budget);
        if is_over && !is_done {
            report.ended = Ended::Budget;
        } else if self.engine.stop_state == StopState::Interrupting && !is_done {
            // We stopped it, so whatever else it printed is not a failure of the task or the
            // service.
            report.ended = Ended::Failed {
                failure: Failure::Interrupted,
            };
        }
        self.judge_service(&report.ended);
        let ended = report.ended.clone();
        self.record_exit(issue, number, report);
        self.react_to_end(issue, &ended);
    }

    /// Reacts at once where waiting for the work to be collected would let other agents start and
    /// fail in the same way.
    pub(super) fn react_to_end(&mut self, issue: IssueNumber, ended: &Ended) {
        match ended {
            Ended::Failed {
                failure: failure @ Failure::Auth { .. },
            } => self.refused(issue, failure),
            Ended::Failed {
                failure:
                    Failure::RateLimit {
                        message,
                        until: Some(until),
                    },
            } if self.now < *until => {
                let service = self.settings().agent_service();
                self.pause(&service, *until, message);
            }
            Ended::Done | Ended::Budget | Ended::Failed { .. } => {}
        }
    }

    /// Settles the cost of the agent's run and requests the collection of its work.
    pub(super) fn record_exit(&mut self, issue: IssueNumber, number: u32, report: AgentReport) {
        let reserved = self.engine.tasks[&issue]
            .attempt()
            .map_or(Usd::ZERO, |attempt| attempt.reserved);
        let report = AgentReport {
            spent: self.believed(report.spent, reserved),
            ..report
        };
        let (cost, estimated) = self.cost_of(issue, report.spent);
        self.emit(Event::Attempt(AttemptEvent::AgentExited {
            issue,
            attempt: number,
            report,
            cost,
            estimated,
        }));
        self.ask_for_stage(issue);
    }

    /// Returns the cost to charge, and whether it is estimated. An unobserved cost is never zero.
    pub(super) fn cost_of(&self, issue: IssueNumber, spent: Spent) -> (Usd, bool) {
        let Some(attempt) = self.engine.tasks[&issue].attempt() else {
            return (Usd::ZERO, false);
        };
        self.cost(
            spent,
            attempt.metered,
            attempt.reserved,
            self.settings().margin(),
        )
    }

    /// Returns the cost of a run from its reservation and what it has metered.
    pub(super) fn cost(
        &self,
        spent: Spent,
        metered: Usd,
        reserved: Usd,
        margin: Usd,
    ) -> (Usd, bool) {
        let seen = match spent {
            Spent::Known(cost) => return (cost.max(Usd::ZERO), false),
            Spent::AtLeast(seen) => seen.max(metered),
            Spent::Unknown => metered,
        };
        match self.settings().cost_reporting {
            CostReporting::Free => (seen, Usd::ZERO < seen),
            CostReporting::AsItGoes => (seen + margin, true),
            CostReporting::AtTheEnd => (seen.max(reserved), true),
        }
    }

    /// Returns the cost as far as it is believed: an impossible cost counts as unknown, so that it
    /// can enter neither the budget nor the cost of the agent's session.
    pub(super) fn believed(&self, spent: Spent, reserved: Usd) -> Spent {
        let most = self.believable(reserved);
        match spent {
            Spent::Known(cost) | Spent::AtLeast(cost) if most < cost => Spent::Unknown,
            Spent::Known(_) | Spent::AtLeast(_) | Spent::Unknown => spent,
        }
    }

    /// Returns the highest believable cost of a run with this reservation; a backend that reports
    /// more has miscounted.
    pub(super) fn believable(&self, reserved: Usd) -> Usd {
        let set_aside = match self.settings().cost_reporting {
            CostReporting::Free => self.settings().task_cap,
            CostReporting::AsItGoes | CostReporting::AtTheEnd => reserved,
        };
        Usd::from_micros(set_aside.micros().saturating_mul(BELIEVABLE_TIMES))
    }

    /// Updates the breaker with what the end of the agent says about its service.
    pub(super) fn judge_service(&mut self, ended: &Ended) {
        let service = self.settings().agent_service();
        match ended {
            Ended::Failed { failure }
                if failure.is_of_service() || *failure == Failure::Interrupted => {}
            Ended::Failed {
                failure: Failure::Auth { .. },
            } => {}
            Ended::Done | Ended::Budget | Ended::Failed { .. } => self.service_answered(&service),
        }
    }

    fn work_collected(
        &mut self,
        issue: IssueNumber,
        attempt: u32,
        work: Option<Work>,
        notes: Vec<String>,
    ) {
        if self
            .in_flight(issue, attempt, |state| *state == AttemptState::Collecting)
            .is_none()
        {
            return;
        }
        let has_work = work.is_some();
        self.emit(Event::Attempt(AttemptEvent::WorkCollected {
            issue,
            attempt,
            work,
            notes,
        }));
        let task = &self.engine.tasks[&issue];
        let ended = task.report.as_ref().map_or(
            Ended::Failed {
                failure: Failure::Interrupted,
            },
            |r| r.ended.clone(),
        );
        let next = self.engine.stage_order(task);
        // Checks need disk space too, and their result shows whether there is any.
        if next.is_none() {
            self.service_answered(&Service::Machine);
        }
        match ended {
            Ended::Done if !has_work => self.fail_attempt(issue, attempt, Failure::NoChange),
            Ended::Done => next.into_iter().for_each(|effect| self.ask(effect)),
            Ended::Budget => {
                let outcome = Outcome::Budget {
                    message: self.over_budget_message(issue),
                };
                self.end_attempt(issue, attempt, outcome);
            }
            Ended::Failed { failure } => self.agent_failed(issue, attempt, failure),
        }
    }

    pub(super) fn over_budget_message(&self, issue: IssueNumber) -> String {
        let task = &self.engine.tasks[&issue];
        let (spent, limit, key) = if self.engine.can_pay(task) {
            (task.spent, self.settings().budget, "maxTotalBudgetUsd")
        } else {
            let spent = task.spent_before + task.spent;
            (spent, self.settings().task_cap, "agent.maxBudgetUsd")
        };
        let kept = if task.work.is_some() {
            "; work kept"
        } else {
            ""
        };
        format!(
            "spent {spent} of the {limit} limit{kept}. Raise `{key}` and run it again to continue"
        )
    }

    fn checks_finished(&mut self, issue: IssueNumber, attempt: u32, results: Vec<CheckResult>) {
        if self
            .in_flight(issue, attempt, |state| *state == AttemptState::Checking)
            .is_none()
        {
            return;
        }
        self.service_answered(&Service::Machine);
        let failed: Vec<&CheckResult> = results
            .iter()
            .filter(|r| !r.passed && !self.is_known_to_fail(r))
            .collect();
        let message = (!failed.is_empty()).then(|| feedback(&failed));
        let red_base = failed.iter().find(|r| r.fails_on_base).map(|r| {
            format!(
                "check `{}` also fails on the base ({}), without any changes",
                r.name, r.ended
            )
        });
        let finished = Event::Attempt(AttemptEvent::ChecksFinished {
            issue,
            attempt,
            results,
            passed: message.is_none(),
        });
        if message.is_none() {
            self.end_stage(finished);
            return;
        }
        self.emit(finished);
        if let Some(message) = red_base {
            self.stop(message.clone());
            self.fail_attempt(issue, attempt, Failure::NeedsPerson { message });
        } else if let Some(message) = message {
            self.fail_attempt(issue, attempt, Failure::Check { message });
        }
    }

    /// Returns whether a failed check is ignored because it also fails without the work.
    fn is_known_to_fail(&self, check: &CheckResult) -> bool {
        let failed = |base: &[CheckResult]| base.iter().any(|r| r.name == check.name && !r.passed);
        self.settings().red_base == RedBase::IgnoreKnown
            && (check.fails_on_base || self.engine.base_checks().is_some_and(failed))
    }

    fn published(&mut self, issue: IssueNumber, attempt: u32, publication: Publication) {
        if self
            .in_flight(issue, attempt, |state| {
                matches!(state, AttemptState::Publishing { .. })
            })
            .is_none()
        {
            return;
        }
        self.service_answered(&Service::Forge);
        self.end_stage(Event::Attempt(AttemptEvent::Published {
            issue,
            attempt,
            publication,
        }));
    }
}

/// Returns the feedback on failed checks for the next attempt: a first line that names them, then
/// the end of their output.
fn feedback(failed: &[&CheckResult]) -> String {
    let names: Vec<String> = failed
        .iter()
        .map(|result| format!("`{}` ({})", result.name, result.ended))
        .collect();
    let mut text = format!("check {} failed", names.join(", "));
    let share = FEEDBACK_BYTES_MAX / failed.len().max(1);
    for result in failed {
        let start = result
            .output
            .ceil_char_boundary(result.output.len().saturating_sub(share));
        text.push_str(&format!(
            "\n\n--- {} ---\n{}",
            result.name,
            result.output[start..].trim_end()
        ));
    }
    text
}
