//! From the forge's issues to a backlog that may start: intake, cycles, admission, checks on the
//! base.

use std::collections::BTreeMap;

use crate::dependency::circles;
use crate::engine::decide::Decision;
use crate::engine::{Phase, StopState};
use crate::retry::retry_at;
use crate::{
    CheckResult, Event, Failure, IntakeEffect, IntakeEvent, IntakeInput, Issue, IssueNumber,
    NotStarted, Outcome, RedBase, SessionEvent, SessionOutcome, Skip, TaskEvent, Time, Usd,
};

/// Retries of reading the backlog, and of publishing, before the operation counts as failed: after
/// 1 s, 2 s and 4 s.
pub(super) const N_FORGE_RETRIES: u32 = 3;

impl Decision<'_> {
    pub(super) fn take_for_intake(&mut self, input: IntakeInput) {
        match input {
            IntakeInput::BacklogFetched {
                issues,
                warnings,
                n_api_calls,
            } => self.backlog_fetched(issues, warnings, n_api_calls),
            IntakeInput::BacklogFailed { failure } => self.backlog_failed(failure),
            IntakeInput::BaseChecked { results } => self.base_checked(results),
        }
    }

    pub(super) fn retry_intake(&mut self) {
        if let Phase::Intake { not_before, .. } = self.engine.phase
            && Time::default() < not_before
            && not_before <= self.now
            && self.engine.stop_state == StopState::NotStopping
        {
            self.emit(Event::Intake(IntakeEvent::BacklogRetried));
            let effect = self.engine.fetch_backlog();
            self.ask(effect);
        }
    }

    pub(super) fn backlog_fetched(
        &mut self,
        issues: Vec<Issue>,
        warnings: Vec<String>,
        n_api_calls: u32,
    ) {
        if !matches!(self.engine.phase, Phase::Intake { .. }) {
            return;
        }
        let mut n_issues = 0;
        for issue in issues {
            if !self.engine.tasks.contains_key(&issue.number) {
                n_issues += 1;
                self.emit(Event::Task(TaskEvent::Accepted {
                    issue: issue.into(),
                }));
            }
        }
        let new: Vec<IssueNumber> = self.engine.unlinked.iter().copied().collect();
        self.emit(Event::Intake(IntakeEvent::BacklogRead {
            n_issues,
            warnings,
            n_api_calls,
        }));
        // Issues with an existing pull request go first: their dependencies no longer matter.
        for &issue in &new {
            let there = &self.engine.tasks[&issue].issue;
            let pull_request = there.open_pull_request.clone();
            if pull_request.is_some() || there.open_branch.is_some() {
                self.finish_task(issue, Outcome::AlreadyOpen { pull_request });
            } else if let Some(pull_request) = there.merged_pull_request.clone() {
                self.finish_task(issue, Outcome::AlreadyMerged { pull_request });
            }
        }
        self.end_circles();
        for issue in new {
            self.end_or_classify(issue);
        }
    }

    /// Ends the tasks of dependency cycles, and their dependents.
    fn end_circles(&mut self) {
        let graph: BTreeMap<IssueNumber, Vec<IssueNumber>> = self
            .engine
            .tasks
            .values()
            .filter(|task| task.outcome().is_none())
            .map(|task| {
                (
                    task.issue.number,
                    task.issue.dependencies.iter().map(|on| on.number).collect(),
                )
            })
            .collect();
        for circle in circles(&graph) {
            self.finish_circle(&circle);
        }
    }

    fn end_or_classify(&mut self, issue: IssueNumber) {
        let task = &self.engine.tasks[&issue];
        if task.outcome().is_some() {
            return;
        }
        let is_outside =
            |on: &&crate::Dependency| on.open && !self.engine.tasks.contains_key(&on.number);
        let outside = task
            .issue
            .dependencies
            .iter()
            .find(is_outside)
            .filter(|_| !self.settings().ignore_outside);
        if let Some(outside) = outside {
            let because = Skip::DependsOnOutside {
                issue: outside.number,
            };
            self.finish_task(issue, Outcome::Skipped { because });
            return;
        }
        // Tasks that ended before this issue was read did not end it.
        let without = task.issue.dependencies.iter().find(|on| {
            let outcome = self.engine.task(on.number).and_then(crate::Task::outcome);
            outcome.is_some_and(|outcome| !outcome.lets_dependents_start())
        });
        if let Some(without) = without {
            let because = Skip::DependsOn {
                issue: without.number,
            };
            self.finish_task(issue, Outcome::Skipped { because });
            return;
        }
        if !self.end_if_spent_before(issue) {
            let effect = self.engine.classify(&self.engine.tasks[&issue]);
            self.ask(effect);
        }
    }

    pub(super) fn backlog_failed(&mut self, failure: Failure) {
        let Phase::Intake {
            n_failures,
            not_before,
        } = self.engine.phase
        else {
            return;
        };
        let is_delayed_already = Time::default() < not_before;
        if failure == Failure::Interrupted || is_delayed_already {
            return;
        }
        match failure {
            Failure::RateLimit {
                until: Some(until), ..
            } if self.now < until => {
                let until = self.not_at_once(until);
                self.emit(Event::Intake(IntakeEvent::BacklogDelayed {
                    failure,
                    until,
                }));
            }
            _ if (failure.is_of_service()) && n_failures < N_FORGE_RETRIES => {
                let until = retry_at(self.now, n_failures + 1, None, self.settings().seed);
                self.emit(Event::Intake(IntakeEvent::BacklogDelayed {
                    failure,
                    until,
                }));
            }
            _ => self.stop(failure.to_string()),
        }
    }

    /// Admits the backlog once it is fully planned: if all of it fits the budget, or if a part of
    /// it may start.
    pub(super) fn admit(&mut self) {
        if self.engine.phase != Phase::Preparing
            || self.engine.n_preparing > 0
            || self.engine.stop_state != StopState::NotStopping
        {
            return;
        }
        debug_assert!(
            self.engine.running.is_empty(),
            "admission may end the session"
        );
        let open = || {
            self.engine
                .tasks
                .values()
                .filter(|task| task.outcome().is_none())
        };
        let (estimate, n_tasks) = (
            open().map(|task| task.estimate).sum::<Usd>(),
            self.engine.n_unended,
        );
        if let Some(message) = self.unaffordable(n_tasks, estimate) {
            self.end_waiting(&NotStarted::Budget);
            self.emit(Event::Session(SessionEvent::Finished {
                outcome: SessionOutcome::Failed {
                    message,
                    budget: true,
                },
            }));
            return;
        }
        if self.settings().dry_run {
            self.emit(Event::Session(SessionEvent::Finished {
                outcome: SessionOutcome::Completed,
            }));
            return;
        }
        if n_tasks > 0 {
            self.emit(Event::Intake(IntakeEvent::BacklogAdmitted {
                estimate,
                n_tasks,
            }));
            if self.engine.phase == Phase::BaseCheck {
                self.ask(IntakeEffect::CheckBase);
            }
        }
    }

    /// Returns why the tasks may not start, if their estimated cost exceeds the remaining budget.
    pub(super) fn unaffordable(&self, n_tasks: u32, estimate: Usd) -> Option<String> {
        let (budget, spent) = (self.engine.ledger.budget, self.engine.ledger.spent);
        if estimate <= budget - spent || self.settings().allow_partial {
            return None;
        }
        let plural = if n_tasks == 1 { "task" } else { "tasks" };
        let less = if spent == Usd::ZERO {
            String::new()
        } else {
            format!(" less {spent} spent on planning")
        };
        Some(format!(
            "cannot afford {n_tasks} {plural}: estimated {estimate} exceeds budget {budget}{less}"
        ))
    }

    pub(super) fn base_checked(&mut self, results: Vec<CheckResult>) {
        if self.engine.phase != Phase::BaseCheck {
            return;
        }
        let red = results
            .iter()
            .find(|result| !result.passed)
            .map(|result| (result.name.clone(), result.ended.clone()));
        self.emit(Event::Intake(IntakeEvent::BaseChecked { results }));
        if let Some((name, ended)) = red
            && self.settings().red_base == RedBase::Fail
        {
            self.stop(format!(
                "check `{name}` already fails on the base ({ended}), without any changes"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        CostHistory, Dependency, Effect, Engine, Input, IntakeInput, SessionInfo, SessionInput,
        TaskEffect,
    };

    fn issue(number: u64, on: &[u64]) -> Issue {
        let dependency = |on: &u64| Dependency {
            number: IssueNumber(*on),
            open: true,
        };
        Issue {
            number: IssueNumber(number),
            dependencies: on.iter().map(dependency).collect(),
            ..Issue::default()
        }
    }

    /// Gives the engine a backlog and returns the issues that it asks to classify.
    fn read(engine: &mut Engine, issues: &[(u64, &[u64])]) -> Vec<u64> {
        let fetched = Input::Intake(IntakeInput::BacklogFetched {
            issues: issues.iter().map(|(n, on)| issue(*n, on)).collect(),
            warnings: Vec::new(),
            n_api_calls: 0,
        });
        let step = engine.step(Time::from_ms(1), fetched);
        let classified = step.effects.into_iter().filter_map(|effect| match effect {
            Effect::Task(TaskEffect::Classify { issue }) => Some(issue.number.0),
            _ => None,
        });
        classified.collect()
    }

    #[test]
    fn reading_the_backlog_again_leaves_existing_tasks_unchanged() {
        let mut engine = Engine::new();
        let started = Input::Session(SessionInput::Started {
            settings: Box::default(),
            info: SessionInfo::default(),
            history: CostHistory::default(),
        });
        engine.step(Time::from_ms(1), started);
        assert_eq!(
            read(&mut engine, &[(1, &[]), (2, &[1]), (3, &[])]),
            [1, 2, 3]
        );
        engine.apply(&Event::Task(TaskEvent::Finished {
            issue: IssueNumber(3),
            outcome: Outcome::NoChange,
        }));
        engine.phase = Phase::Intake {
            not_before: Time::default(),
            n_failures: 0,
        };
        let again: [(u64, &[u64]); 6] = [
            (1, &[]),
            (2, &[1]),
            (3, &[]),
            (4, &[1, 2]),
            (5, &[3]),
            (6, &[]),
        ];
        assert_eq!(read(&mut engine, &again), [4, 6]);
        let n_missing = |number| engine.tasks[&IssueNumber(number)].n_missing;
        assert_eq!([1, 2, 4].map(n_missing), [0, 1, 2]);
        assert_eq!(
            engine.tasks[&IssueNumber(5)].outcome(),
            Some(&Outcome::Skipped {
                because: Skip::DependsOn {
                    issue: IssueNumber(3)
                }
            })
        );
    }
}
