//! How tasks and the session end.

use crate::engine::decide::Decision;
use crate::engine::{Phase, StopState};
use crate::{
    AttemptEffect, Event, IssueNumber, NotStarted, Outcome, SessionEvent, SessionOutcome, Skip,
    TaskEvent, Usd,
};

impl Decision<'_> {
    /// Ends a task, and also its dependents if they have nothing to build on.
    pub(super) fn finish_task(&mut self, issue: IssueNumber, outcome: Outcome) {
        let mut ending = vec![(issue, outcome)];
        while let Some((issue, outcome)) = ending.pop() {
            if self.engine.tasks[&issue].outcome().is_some() {
                continue;
            }
            if !outcome.lets_dependents_start() {
                for &dependent in &self.engine.tasks[&issue].dependents {
                    let outcome = match &outcome {
                        Outcome::NotStarted { .. } => outcome.clone(),
                        _ => Outcome::Skipped {
                            because: Skip::DependsOn { issue },
                        },
                    };
                    ending.push((dependent, outcome));
                }
            }
            // A worktree kept for another attempt is no longer needed; its work was collected.
            let task = &self.engine.tasks[&issue];
            if task.continuation.is_some() && task.attempt().is_none() && 0 < task.n_attempts {
                let attempt = task.n_attempts;
                self.ask(AttemptEffect::ReleaseWorktree {
                    issue,
                    attempt,
                    published: false,
                });
            }
            self.emit(Event::Task(TaskEvent::Finished { issue, outcome }));
            self.reopen_if_probing(issue, |_| true);
        }
    }

    /// Ends the tasks of a dependency cycle, none of which has started. Each names the cycle; their
    /// dependents name one of them.
    pub(super) fn finish_circle(&mut self, circle: &[IssueNumber]) {
        for &issue in circle {
            if self.engine.tasks[&issue].outcome().is_none() {
                let because = Skip::Circle {
                    issues: circle.to_vec(),
                };
                self.emit(Event::Task(TaskEvent::Finished {
                    issue,
                    outcome: Outcome::Skipped { because },
                }));
            }
        }
        for &issue in circle {
            for dependent in self.engine.tasks[&issue].dependents.clone() {
                let because = Skip::DependsOn { issue };
                self.finish_task(dependent, Outcome::Skipped { because });
            }
        }
    }

    /// Returns how a task ends that can no longer start: as failed if an attempt failed, otherwise
    /// as not started. An attempt that a limit or an outage ended does not count, unless it cost
    /// money.
    fn outcome_without_slot(&self, issue: IssueNumber, because: &NotStarted) -> Outcome {
        let task = &self.engine.tasks[&issue];
        let was_tried = 0 < task.n_retries || Usd::ZERO < task.spent;
        match &task.last_failure {
            Some((failure, message)) if was_tried => Outcome::Failed {
                failure: *failure,
                message: format!("{message}; not retried: {because}"),
            },
            _ => Outcome::NotStarted {
                because: because.clone(),
            },
        }
    }

    /// Ends all tasks that have no slot.
    pub(super) fn end_waiting(&mut self, because: &NotStarted) {
        if self.engine.n_unended as usize == self.engine.running.len() {
            return;
        }
        let waiting: Vec<IssueNumber> = self
            .engine
            .tasks
            .values()
            .filter(|task| task.outcome().is_none() && task.attempt().is_none())
            .map(|task| task.issue.number)
            .collect();
        for issue in waiting {
            let outcome = self.outcome_without_slot(issue, because);
            self.finish_task(issue, outcome);
        }
    }

    pub(super) fn stop(&mut self, message: String) {
        if self.engine.stop_state == StopState::NotStopping {
            self.emit(Event::Session(SessionEvent::Stopping {
                message,
                resumable: false,
            }));
        }
    }

    /// Stops starting and publishing until someone has fixed the problem; finished work stays
    /// unpublished until then.
    pub(super) fn interrupt_for(&mut self, message: String) {
        if matches!(
            self.engine.stop_state,
            StopState::NotStopping | StopState::Stopping(_)
        ) {
            self.emit(Event::Session(SessionEvent::Stopping {
                message,
                resumable: true,
            }));
        }
    }

    pub(super) fn end_what_cannot_start(&mut self) {
        if let StopState::Stopping(message) = self.engine.stop_state.clone() {
            self.end_waiting(&NotStarted::Stopped(message));
        } else if self.engine.phase == Phase::Running
            && self.engine.stop_state == StopState::NotStopping
            && self
                .settings()
                .start_until
                .is_some_and(|until| until <= self.now)
        {
            self.end_waiting(&NotStarted::Until);
        }
    }

    pub(super) fn end_session(&mut self) {
        if matches!(self.engine.phase, Phase::Over(_))
            || (self.engine.n_unended == 0 && self.end_completed())
        {
            return;
        }
        let is_plan_idle = || {
            !self
                .engine
                .plan_progress()
                .is_some_and(crate::PlanProgress::is_in_flight)
        };
        let is_saved = || {
            is_plan_idle()
                && self
                    .engine
                    .running()
                    .all(|task| task.attempt().is_some_and(|attempt| !attempt.in_flight))
        };
        if matches!(
            self.engine.stop_state,
            StopState::Interrupting | StopState::InterruptingFor(_)
        ) && is_saved()
        {
            self.emit(Event::Session(SessionEvent::Interrupted));
        }
    }

    /// Ends the session if it has no task left, and returns whether it did. Before the backlog is
    /// read there are no tasks yet.
    fn end_completed(&mut self) -> bool {
        let is_under_way = matches!(
            self.engine.phase,
            Phase::Preparing | Phase::BaseCheck | Phase::Running
        );
        let outcome = match &self.engine.stop_state {
            StopState::Stopping(message) => SessionOutcome::Failed {
                message: message.clone(),
                budget: false,
            },
            _ if is_under_way => SessionOutcome::Completed,
            _ => return false,
        };
        self.emit(Event::Session(SessionEvent::Finished { outcome }));
        true
    }
}
