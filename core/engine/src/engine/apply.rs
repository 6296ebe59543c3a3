//! What each event makes of the state. No decisions here: an event is true, whatever the state.

mod planning;

use crate::engine::{Engine, Halt, Phase};
use crate::issue::IssueNumber;
use crate::task::Kept;
use crate::{
    AgentReport, Attempt, AttemptStage, BreakerState, Doing, Event, Failure, Metering, ModelChoice,
    Outcome, Service, Stage, Start, Task, Time, Usd, Work,
};

impl Engine {
    /// Makes the event part of the state.
    #[expect(clippy::too_many_lines, reason = "one honest match: an arm per event")]
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::SessionStarted {
                settings,
                about,
                history,
            } => {
                self.settings = (**settings).clone();
                self.about = about.clone();
                self.history = history.clone();
                self.ledger.budget = settings.budget;
                self.begin();
            }
            Event::SessionResumed { settings } => {
                self.settings = (**settings).clone();
                self.ledger.budget = settings.budget;
                self.halt = Halt::No;
                self.tasks.values_mut().for_each(Task::go_on_collecting);
                for_each_attempt(self, |attempt| {
                    attempt.in_flight = !matches!(attempt.doing, Doing::Publishing { .. });
                });
                // Whoever resumes has had the time to mend what it waited for, and it may wait as long again.
                self.breakers
                    .values_mut()
                    .for_each(|breaker| breaker.since = None);
                let waits = |task: &&Task| task.publish_not_before().is_some();
                self.unproven = self
                    .tasks
                    .values()
                    .filter(waits)
                    .map(|task| task.issue.number)
                    .collect();
                self.planning_resumed();
            }
            Event::PlannerStarted { .. }
            | Event::PlannerMetered { .. }
            | Event::PlannerExited { .. }
            | Event::PlannerFailed { .. }
            | Event::PlanRejected { .. }
            | Event::PlanProposed { .. }
            | Event::ConfirmationAwaited
            | Event::PlanConfirmed
            | Event::PlanDeclined
            | Event::IssueCreated { .. }
            | Event::IssueLinked { .. }
            | Event::CreationDelayed { .. }
            | Event::CreationRetried
            | Event::CreationSuspended => self.apply_to_plan(event),
            Event::BacklogRead { n_api_calls, .. } => {
                self.n_api_calls += n_api_calls;
                self.link_dependents();
                self.phase = Phase::Planning;
            }
            Event::BacklogDelayed { until, .. } => {
                let n_failures = match self.phase {
                    Phase::Intake { n_failures, .. } => n_failures + 1,
                    _ => 1,
                };
                self.phase = Phase::Intake {
                    not_before: *until,
                    n_failures,
                };
            }
            Event::BacklogRetried => {
                if let Phase::Intake { not_before, .. } = &mut self.phase {
                    *not_before = Time::default();
                }
            }
            Event::TaskAccepted { issue } => {
                self.n_unended += 1;
                self.n_unplanned += 1;
                let mut task = Task::new(issue.clone());
                if let Some(cut_off) = self.about.cut_off.get(&issue.number) {
                    task.go_on_with(cut_off);
                }
                self.tasks.insert(issue.number, task);
                self.unlinked.insert(issue.number);
            }
            Event::TaskClassified {
                issue,
                classification,
            } => {
                let task = self.task_mut(*issue);
                task.classification = Some(classification.clone());
                task.stage = Stage::Choosing;
            }
            Event::TaskPlanned {
                issue,
                model,
                effort,
                estimate,
                ..
            } => {
                self.n_unplanned -= 1;
                let task = self.task_mut(*issue);
                task.model = model.clone();
                task.effort = *effort;
                task.estimate = *estimate;
                self.wait(*issue, Time::default());
            }
            Event::PluginFailed(undecided) => {
                *self
                    .n_undecided
                    .entry(undecided.plugin.clone())
                    .or_default() += 1;
            }
            Event::BacklogAdmitted { .. } => {
                self.phase = if self.settings.has_checks && self.base_checks.is_none() {
                    Phase::BaseCheck
                } else {
                    Phase::Running
                };
            }
            Event::BaseChecked { results } => {
                self.base_checks = Some(results.clone());
                self.phase = Phase::Running;
            }
            Event::AttemptStarted {
                issue,
                attempt,
                reserved,
                model,
            } => {
                self.start(*issue, *attempt, *reserved, model.clone());
            }
            Event::WorktreeLeased { issue, base, .. } => {
                let task = self.task_mut(*issue);
                task.base = Some(base.clone());
                self.enter_next_stage(*issue);
            }
            Event::SpendMetered { issue, spent, .. } => {
                let is_free = self.settings.metering == Metering::Free;
                if let Some(attempt) = self.task_mut(*issue).attempt_mut() {
                    attempt.metered = *spent;
                    attempt.over_budget |= !is_free && attempt.reserved < *spent;
                }
            }
            Event::AgentExited {
                issue,
                report,
                charged,
                assumed,
                ..
            } => {
                self.agent_exited(*issue, report, *charged);
                self.settle(*issue, *charged, *assumed);
            }
            Event::WorkCollected {
                issue, work, notes, ..
            } => self.work_collected(*issue, work.clone(), notes),
            Event::ChecksFinished {
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
            Event::AttemptSuspended { issue, .. } => {
                if let Some(attempt) = self.task_mut(*issue).attempt_mut() {
                    attempt.in_flight = false;
                }
            }
            Event::CollectDelayed {
                issue,
                until,
                checks,
                ..
            } => {
                let doing = Doing::CollectingLater {
                    not_before: *until,
                    checks: *checks,
                };
                self.task_mut(*issue).go(doing, false);
            }
            Event::CollectRetried { issue, .. } => self.task_mut(*issue).go_on_collecting(),
            Event::PublishStarted { issue, .. } => {
                if let Some(attempt) = self.task_mut(*issue).attempt_mut() {
                    attempt.in_flight = true;
                }
            }
            Event::PublishDelayed {
                issue,
                charged,
                until,
                ..
            } => {
                self.unproven.remove(issue);
                let task = self.task_mut(*issue);
                task.go(Doing::Publishing { not_before: *until }, false);
                if let Some(attempt) = task.attempt_mut() {
                    attempt.n_publish_failures += u32::from(*charged);
                }
            }
            Event::PullRequestOpened {
                issue, publication, ..
            } => {
                self.n_api_calls += publication.n_api_calls;
                self.task_mut(*issue).publication = Some(publication.clone());
                self.enter_next_stage(*issue);
            }
            Event::AttemptFailed {
                issue,
                retry_at,
                lost_session: true,
                ..
            } => self.session_lost(*issue, *retry_at),
            Event::AttemptFailed {
                issue,
                failure,
                charged,
                retry_at,
                kept,
                ..
            } => {
                self.unproven.remove(issue);
                self.attempt_failed(*issue, failure, *charged, *retry_at, *kept);
            }
            Event::TaskFinished { issue, outcome } => {
                self.unproven.remove(issue);
                self.task_finished(*issue, outcome);
            }
            Event::ServicePaused {
                service,
                until,
                message,
            } => {
                let breaker = self.breakers.entry(service.clone()).or_default();
                breaker.state = BreakerState::Paused {
                    until: *until,
                    message: message.clone(),
                };
            }
            Event::ServiceFailed {
                service,
                issue,
                charged,
                died,
            } => {
                let breaker = self.breakers.entry(service.clone()).or_default();
                breaker.failed(*issue, died.as_deref());
                breaker.payers.extend(issue.filter(|_| *charged));
            }
            Event::ServiceAnswered { service } => {
                let breaker = self.breakers.entry(service.clone()).or_default();
                (breaker.n_failures, breaker.since) = (0, None);
                (breaker.death, breaker.n_deaths) = (None, 0);
                breaker.payers.clear();
                if !matches!(breaker.state, BreakerState::Paused { .. }) {
                    breaker.state = BreakerState::Closed;
                }
            }
            Event::BreakerOpened {
                service,
                until,
                since,
                ..
            } => {
                self.open_breaker(service, *until);
                self.breakers.entry(service.clone()).or_default().since = *since;
            }
            Event::BreakerProbed { service, issue } => {
                self.breakers.entry(service.clone()).or_default().state =
                    BreakerState::Probing { issue: *issue };
            }
            Event::BreakerReset { service } => {
                self.breakers.remove(service);
            }
            Event::InterruptRequested => self.halt = Halt::Interrupting,
            Event::SessionInterrupted => {
                self.halt = match std::mem::take(&mut self.halt) {
                    Halt::Suspending(message) => Halt::Interrupted(Some(message)),
                    _ => Halt::Interrupted(None),
                };
                for_each_attempt(self, |attempt| attempt.in_flight = false);
            }
            Event::SessionStopping {
                message,
                resumable: false,
            } => self.halt = Halt::Stopping(message.clone()),
            Event::SessionStopping {
                message,
                resumable: true,
            } => self.halt = Halt::Suspending(message.clone()),
            Event::SessionFinished { status } => self.phase = Phase::Over(status.clone()),
        }
    }

    fn task_mut(&mut self, issue: IssueNumber) -> &mut Task {
        self.tasks
            .get_mut(&issue)
            .expect("an event names a task that was accepted before")
    }

    /// Links the tasks that were accepted since the backlog was read the last time with what they depend on. The backlog may be read
    /// again: what is linked already stays as it is.
    fn link_dependents(&mut self) {
        for issue in std::mem::take(&mut self.unlinked) {
            let dependencies = self.tasks[&issue].issue.dependencies.clone();
            for on in dependencies.into_iter().map(|on| on.number) {
                let Some(dependency) = self.tasks.get_mut(&on) else {
                    continue;
                };
                dependency.dependents.push(issue);
                let outcome = dependency.outcome();
                if !outcome.is_some_and(Outcome::lets_dependents_start) {
                    self.task_mut(issue).n_missing += 1;
                }
            }
        }
    }

    /// Makes a task wait; it enters the queue once its dependencies are there.
    fn wait(&mut self, issue: IssueNumber, not_before: Time) {
        self.task_mut(issue).stage = Stage::Waiting { not_before };
        let task = &self.tasks[&issue];
        if task.n_missing == 0 {
            self.queue.insert(task, not_before);
        }
    }

    fn leave_queue(&mut self, issue: IssueNumber) {
        let task = &self.tasks[&issue];
        if let Stage::Waiting { not_before } = task.stage {
            self.queue.remove(task, not_before);
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
        task.stage = Stage::Running(Box::new(Attempt {
            number,
            reserved,
            metered: Usd::ZERO,
            doing: Doing::Leasing { start },
            in_flight: true,
            over_budget: false,
            n_publish_failures: 0,
        }));
    }

    /// Returns where the next attempt's work starts: in the kept tree, at the dependencies' work, or at the base.
    fn start_of(&self, issue: IssueNumber) -> Start {
        let task = &self.tasks[&issue];
        if let Some(kept) = &task.kept {
            return Start::KeptTree {
                base: kept.base.clone(),
                salvage: kept.work.clone(),
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

    fn settle(&mut self, issue: IssueNumber, charged: Usd, assumed: bool) {
        let task = self
            .tasks
            .get_mut(&issue)
            .expect("an event names a task that was accepted before");
        task.spent += charged;
        if assumed {
            task.assumed += charged;
        }
        if let Some(attempt) = task.attempt_mut() {
            let reserved = std::mem::take(&mut attempt.reserved);
            self.ledger.settle(reserved, charged, assumed);
        }
    }

    fn agent_exited(&mut self, issue: IssueNumber, report: &AgentReport, charged: Usd) {
        let task = self.task_mut(issue);
        let metered = task.attempt().map_or(Usd::ZERO, |attempt| attempt.metered);
        let resumed = task.kept.as_ref().and_then(|kept| kept.session.as_ref());
        task.session = report.session_after(resumed, metered);
        if report.was_interrupted() {
            task.forgiven += (charged - report.seen(metered)).max(Usd::ZERO);
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
            task.go(Doing::Collecting, false);
        }
    }

    /// Moves the attempt in flight on to the next stage of its task's kind; after the last one it stays where it is.
    fn enter_next_stage(&mut self, issue: IssueNumber) {
        let Some(next) = self.next_stage(&self.tasks[&issue]) else {
            return;
        };
        let may_go_on = matches!(
            self.halt,
            Halt::No | Halt::Stopping(_) | Halt::Suspending(_)
        );
        let (doing, in_flight) = match next {
            AttemptStage::Worktree => {
                let start = self.start_of(issue);
                (Doing::Leasing { start }, true)
            }
            AttemptStage::Agent => (Doing::Agent, true),
            AttemptStage::Collect => (Doing::Collecting, true),
            AttemptStage::Checks => (Doing::Checking, may_go_on),
            AttemptStage::Publish => {
                let not_before = Time::default();
                (Doing::Publishing { not_before }, false)
            }
        };
        self.task_mut(issue).go(doing, in_flight);
    }

    /// Returns the stage after the one that a task's attempt is in; `None` where the task is done then, or has no attempt.
    pub(super) fn next_stage(&self, task: &Task) -> Option<AttemptStage> {
        // An unfinished merge is a check that every work has to pass.
        let is_unfinished = task
            .work
            .as_ref()
            .is_some_and(|it| !it.conflicts.is_empty());
        let has_checks = self.settings.has_checks || is_unfinished;
        let now = task.attempt()?.doing.stage();
        let is_needed = |stage| stage != AttemptStage::Checks || has_checks;
        task.kind.next(now, is_needed)
    }

    fn attempt_failed(
        &mut self,
        issue: IssueNumber,
        failure: &Failure,
        charged: bool,
        retry_at: Option<Time>,
        kept: bool,
    ) {
        self.settle(issue, Usd::ZERO, false);
        self.running.remove(&issue);
        let asks_again = self.settings.model == ModelChoice::Auto && failure.is_of_substance();
        let task = self.task_mut(issue);
        task.n_retries += u32::from(charged);
        task.n_substance += u32::from(failure.is_of_substance());
        if let Some(failure_type) = failure.failure_type() {
            task.last_failure = Some((failure_type, failure.headline()));
        }
        if failure.is_of_substance() {
            task.feedback = Some(failure.to_string());
        } else if !kept {
            task.feedback = None;
        }
        task.kept = kept.then(|| Kept {
            base: task.base.clone().unwrap_or_default(),
            work: task.work_commit(),
            session: task.session.clone(),
        });
        task.stage = Stage::Waiting {
            not_before: Time::default(),
        };
        match retry_at {
            Some(_) if asks_again => {
                task.stage = Stage::Choosing;
                self.n_unplanned += 1;
            }
            Some(at) => self.wait(issue, at),
            None => {}
        }
    }

    /// The next attempt goes on as this one should have, in a session of its own.
    fn session_lost(&mut self, issue: IssueNumber, retry_at: Option<Time>) {
        self.settle(issue, Usd::ZERO, false);
        self.running.remove(&issue);
        let task = self.task_mut(issue);
        task.session = None;
        if let Some(kept) = &mut task.kept {
            kept.session = None;
        }
        self.wait(issue, retry_at.unwrap_or_default());
    }

    fn task_finished(&mut self, issue: IssueNumber, outcome: &Outcome) {
        self.leave_queue(issue);
        self.settle(issue, Usd::ZERO, false);
        self.running.remove(&issue);
        self.n_unended -= 1;
        let task = self.task_mut(issue);
        let was_unplanned = matches!(task.stage, Stage::Classifying | Stage::Choosing);
        task.stage = Stage::Ended(outcome.clone());
        let dependents = task.dependents.clone();
        self.n_unplanned -= u32::from(was_unplanned);
        if outcome.lets_dependents_start() {
            for dependent in dependents {
                self.dependency_is_there(dependent);
            }
        }
    }

    fn dependency_is_there(&mut self, issue: IssueNumber) {
        let task = self.task_mut(issue);
        task.n_missing -= 1;
        if let (0, Stage::Waiting { not_before }) = (task.n_missing, &task.stage) {
            let not_before = *not_before;
            self.wait(issue, not_before);
        }
    }

    /// Opens a breaker; what its failures cost tasks in retries is given back, for it was not their fault.
    fn open_breaker(&mut self, service: &Service, until: Time) {
        let breaker = self.breakers.entry(service.clone()).or_default();
        breaker.state = BreakerState::Open { until };
        for payer in std::mem::take(&mut breaker.payers) {
            if let (IssueNumber::SESSION, Some(planning)) = (payer, &mut self.planning) {
                planning.forgive();
            }
            let Some(task) = self.tasks.get_mut(&payer) else {
                continue;
            };
            match task.attempt_mut() {
                Some(attempt) if matches!(attempt.doing, Doing::Publishing { .. }) => {
                    attempt.n_publish_failures = attempt.n_publish_failures.saturating_sub(1);
                }
                _ => task.n_retries = task.n_retries.saturating_sub(1),
            }
        }
    }
}

fn for_each_attempt(engine: &mut Engine, change: impl Fn(&mut Attempt)) {
    for task in engine.tasks.values_mut() {
        if let Some(attempt) = task.attempt_mut() {
            change(attempt);
        }
    }
}
