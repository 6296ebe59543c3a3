//! How events about an attempt change the state.

use crate::engine::{Engine, StopState};
use crate::task::Continuation;
use crate::{
    AgentReport, Attempt, AttemptEvent, AttemptStage, AttemptState, CostReporting, Failure,
    IssueNumber, ModelChoice, Outcome, Start, Task, TaskState, Time, Usd, Work,
};

impl Engine {
    pub(super) fn apply_to_attempt(&mut self, event: &AttemptEvent) {
        match event {
            AttemptEvent::Started {
                issue,
                attempt,
                reserved,
                model,
            } => {
                self.start(*issue, *attempt, *reserved, model.clone());
            }
            AttemptEvent::WorktreeLeased { issue, base, .. } => {
                let task = self.task_mut(*issue);
                task.base = Some(base.clone());
                self.enter_next_stage(*issue);
            }
            AttemptEvent::Metered { issue, spent, .. } => {
                let is_free = self.settings.cost_reporting == CostReporting::Free;
                if let Some(attempt) = self.task_mut(*issue).attempt_mut() {
                    attempt.metered = *spent;
                    attempt.over_budget |= !is_free && attempt.reserved < *spent;
                }
            }
            AttemptEvent::AgentExited {
                issue,
                report,
                cost,
                estimated,
                ..
            } => {
                self.agent_exited(*issue, report, *cost);
                self.settle(*issue, *cost, *estimated);
            }
            AttemptEvent::WorkCollected {
                issue, work, notes, ..
            } => self.work_collected(*issue, work.clone(), notes),
            AttemptEvent::ChecksFinished {
                issue,
                results,
                passed,
                ..
            } => {
                let task = self.task_mut(*issue);
                task.checks.clone_from(results);
                if *passed {
                    self.enter_next_stage(*issue);
                }
            }
            AttemptEvent::Interrupted { issue, .. } => {
                if let Some(attempt) = self.task_mut(*issue).attempt_mut() {
                    attempt.in_flight = false;
                }
            }
            AttemptEvent::CollectDelayed {
                issue,
                until,
                checks,
                ..
            } => {
                let state = AttemptState::CollectingLater {
                    not_before: *until,
                    checks: *checks,
                };
                self.task_mut(*issue).go(state, false);
            }
            AttemptEvent::CollectRetried { issue, .. } => self.task_mut(*issue).resume_collecting(),
            AttemptEvent::PublishStarted { issue, .. } => {
                if let Some(attempt) = self.task_mut(*issue).attempt_mut() {
                    attempt.in_flight = true;
                }
            }
            AttemptEvent::PublishDelayed {
                issue,
                counted,
                until,
                ..
            } => {
                self.unproven.remove(issue);
                let task = self.task_mut(*issue);
                task.go(AttemptState::Publishing { not_before: *until }, false);
                if let Some(attempt) = task.attempt_mut() {
                    attempt.n_publish_failures += u32::from(*counted);
                }
            }
            AttemptEvent::Published {
                issue, publication, ..
            } => {
                self.n_api_calls += publication.n_api_calls;
                self.task_mut(*issue).publication = Some(publication.clone());
                self.enter_next_stage(*issue);
            }
            AttemptEvent::Failed {
                issue,
                retry_at,
                lost_session: true,
                ..
            } => self.session_lost(*issue, *retry_at),
            AttemptEvent::Failed {
                issue,
                failure,
                counted,
                retry_at,
                kept,
                ..
            } => {
                self.unproven.remove(issue);
                self.attempt_failed(*issue, failure, *counted, *retry_at, *kept);
            }
        }
    }

    fn start(&mut self, issue: IssueNumber, number: u32, reserved: Usd, model: Option<String>) {
        self.leave_queue(issue);
        self.running.insert(issue);
        self.ledger.reserve(reserved);
        let start = self.start_of(issue);
        let task = self.task_mut(issue);
        task.n_attempts = number;
        task.model = model;
        task.state = TaskState::Running(Box::new(Attempt {
            number,
            reserved,
            metered: Usd::ZERO,
            state: AttemptState::Leasing { start },
            in_flight: true,
            over_budget: false,
            n_publish_failures: 0,
        }));
    }

    /// Returns where the work of the next attempt starts: in the kept worktree, at the
    /// dependencies' work, or at the base.
    fn start_of(&self, issue: IssueNumber) -> Start {
        let task = &self.tasks[&issue];
        if let Some(continuation) = &task.continuation {
            return Start::KeptTree {
                base: continuation.base.clone(),
                salvage: continuation.work.clone(),
            };
        }
        let issues: Vec<_> = task
            .issue
            .dependencies
            .iter()
            .filter_map(|on| self.tasks.get(&on.number))
            .filter(|on| on.outcome().is_none_or(Outcome::can_be_built_on))
            .map(|on| {
                (
                    on.issue.number,
                    on.publication
                        .as_ref()
                        .map(|publication| publication.commit.clone()),
                )
            })
            .collect();
        if issues.is_empty() {
            Start::Base
        } else {
            Start::Branches { issues }
        }
    }

    fn agent_exited(&mut self, issue: IssueNumber, report: &AgentReport, cost: Usd) {
        let task = self.task_mut(issue);
        let metered = task.attempt().map_or(Usd::ZERO, |attempt| attempt.metered);
        let resumed = task
            .continuation
            .as_ref()
            .and_then(|it| it.session.as_ref());
        task.session = report.session_after(resumed, metered);
        if report.was_interrupted() {
            task.forgiven += (cost - report.seen(metered)).max(Usd::ZERO);
        }
        for note in &report.notes {
            if !task.agent_notes.contains(note) {
                task.agent_notes.push(note.clone());
            }
        }
        task.report = Some(report.clone());
        self.enter_next_stage(issue);
    }

    fn work_collected(&mut self, issue: IssueNumber, work: Option<Work>, notes: &[String]) {
        let task = self.task_mut(issue);
        task.notes = notes.to_vec();
        let is_good = work.is_some() && task.agent_was_good();
        if work.is_some() {
            task.work = work;
        }
        if is_good {
            self.enter_next_stage(issue);
        } else {
            task.go(AttemptState::Collecting, false);
        }
    }

    /// Moves the running attempt to the next stage of its task's kind; after the last stage it
    /// stays where it is.
    fn enter_next_stage(&mut self, issue: IssueNumber) {
        let Some(next) = self.next_stage(&self.tasks[&issue]) else {
            return;
        };
        let may_go_on = matches!(
            self.stop_state,
            StopState::NotStopping | StopState::Stopping(_) | StopState::InterruptingFor(_)
        );
        let (state, in_flight) = match next {
            AttemptStage::Worktree => {
                let start = self.start_of(issue);
                (AttemptState::Leasing { start }, true)
            }
            AttemptStage::Agent => (AttemptState::Agent, true),
            AttemptStage::Collect => (AttemptState::Collecting, true),
            AttemptStage::Checks => (AttemptState::Checking, may_go_on),
            AttemptStage::Publish => {
                let not_before = Time::default();
                (AttemptState::Publishing { not_before }, false)
            }
        };
        self.task_mut(issue).go(state, in_flight);
    }

    /// Returns the stage after the current one of a task's attempt; `None` if the task is done
    /// then, or has no attempt.
    pub(in crate::engine) fn next_stage(&self, task: &Task) -> Option<AttemptStage> {
        // An unfinished merge counts as a failed check, so such work always goes through the
        // checks.
        let is_unfinished = task
            .work
            .as_ref()
            .is_some_and(|it| !it.conflicts.is_empty());
        let has_checks = self.settings.has_checks || is_unfinished;
        let now = task.attempt()?.state.stage();
        let is_needed = |stage| stage != AttemptStage::Checks || has_checks;
        task.kind.next(now, is_needed)
    }

    fn attempt_failed(
        &mut self,
        issue: IssueNumber,
        failure: &Failure,
        counted: bool,
        retry_at: Option<Time>,
        kept: bool,
    ) {
        self.settle(issue, Usd::ZERO, false);
        self.running.remove(&issue);
        let asks_again = self.settings.model == ModelChoice::Auto && failure.is_of_substance();
        let task = self.task_mut(issue);
        task.n_retries += u32::from(counted);
        task.n_substance += u32::from(failure.is_of_substance());
        if let Some(failure_type) = failure.failure_type() {
            task.last_failure = Some((failure_type, failure.headline()));
        }
        if failure.is_of_substance() {
            task.feedback = Some(failure.to_string());
        } else if !kept {
            task.feedback = None;
        }
        task.continuation = kept.then(|| Continuation {
            base: task.base.clone().unwrap_or_default(),
            work: task.work_commit(),
            session: task.session.clone(),
        });
        task.state = TaskState::Waiting {
            not_before: Time::default(),
        };
        match retry_at {
            Some(_) if asks_again => {
                task.state = TaskState::Choosing;
                self.n_preparing += 1;
            }
            Some(at) => self.wait(issue, at),
            None => {}
        }
    }

    /// The next attempt does what this one should have done, in a new agent session.
    fn session_lost(&mut self, issue: IssueNumber, retry_at: Option<Time>) {
        self.settle(issue, Usd::ZERO, false);
        self.running.remove(&issue);
        let task = self.task_mut(issue);
        task.session = None;
        if let Some(continuation) = &mut task.continuation {
            continuation.session = None;
        }
        self.wait(issue, retry_at.unwrap_or_default());
    }
}
