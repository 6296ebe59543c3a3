//! How tasks and the session end.

use crate::engine::decide::Turn;
use crate::engine::{Halt, Phase};
use crate::{Event, IssueNumber, NotStarted, Outcome, SessionStatus, Skip};

impl Turn<'_> {
    /// Ends a task, and with it those that depend on it if there is nothing to build on.
    pub(super) fn finish_task(&mut self, issue: IssueNumber, outcome: Outcome) {
        let mut ending = vec![(issue, outcome)];
        while let Some((issue, outcome)) = ending.pop() {
            if self.engine.tasks[&issue].outcome().is_some() {
                continue;
            }
            if !outcome.is_success() {
                for &dependent in &self.engine.tasks[&issue].dependents {
                    let outcome = match &outcome {
                        Outcome::NotStarted { .. } => outcome.clone(),
                        _ => Outcome::Skipped { because: Skip::DependsOn(issue) },
                    };
                    ending.push((dependent, outcome));
                }
            }
            self.emit(Event::TaskFinished { issue, outcome });
            self.reopen_if_probing(issue);
        }
    }

    /// Ends every task that has no slot.
    pub(super) fn end_waiting(&mut self, because: &NotStarted) {
        let waiting: Vec<IssueNumber> = self
            .engine
            .tasks
            .values()
            .filter(|task| task.outcome().is_none() && task.attempt().is_none())
            .map(|task| task.issue.number)
            .collect();
        for issue in waiting {
            self.finish_task(issue, Outcome::NotStarted { because: because.clone() });
        }
    }

    pub(super) fn stop(&mut self, message: String) {
        if self.engine.halt == Halt::No {
            self.emit(Event::SessionStopping { message });
        }
    }

    pub(super) fn end_what_cannot_start(&mut self) {
        if let Halt::Stopping(message) = self.engine.halt.clone() {
            self.end_waiting(&NotStarted::Stopped(message));
        } else if self.engine.phase == Phase::Running
            && self.engine.halt == Halt::No
            && self.settings().start_until.is_some_and(|until| until <= self.now)
        {
            self.end_waiting(&NotStarted::Until);
        }
    }

    pub(super) fn end_session(&mut self) {
        if self.engine.halt == Halt::Interrupting {
            if self.engine.running().all(|task| task.attempt().is_some_and(|attempt| !attempt.in_flight)) {
                self.emit(Event::SessionInterrupted);
            }
            return;
        }
        let is_under_way = matches!(self.engine.phase, Phase::Planning | Phase::BaseCheck | Phase::Running)
            || matches!(self.engine.halt, Halt::Stopping(_));
        if is_under_way && self.engine.n_unended == 0 && !matches!(self.engine.phase, Phase::Over(_)) {
            let status = match &self.engine.halt {
                Halt::Stopping(message) => SessionStatus::Failed { message: message.clone(), budget: false },
                _ => SessionStatus::Completed,
            };
            self.emit(Event::SessionFinished { status });
        }
    }
}
