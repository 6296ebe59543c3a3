//! Which task starts next.
//!
//! Tasks are ordered by priority, then age. Only the first few tasks of each domain are examined,
//! so a decision costs the same for a backlog of a thousand tasks as for one of a hundred thousand.

use crate::conflict::first_overlap;
use crate::engine::decide::Decision;
use crate::engine::{Engine, Phase, StopState};
use crate::queue::Place;
use crate::task::Task;
use crate::{
    AttemptEffect, AttemptEvent, AttemptState, Blocked, BreakerState, CostReporting, Event,
    IssueNumber, NotStarted, Outcome, Service, ServiceEvent, TaskState, Time, Usd,
};

/// Tasks of one domain, all with different paths, that are examined for one start. If this many in
/// a row conflict with running tasks, the domain waits until one of their paths is free again.
const N_LOOKED_AT_MAX: usize = 64;
/// The smallest amount worth starting an agent with.
pub(super) const LIMIT_MIN: Usd = Usd::from_cents(1);

impl Engine {
    pub(super) fn cap(&self) -> Usd {
        match self.settings.cost_reporting {
            CostReporting::Free => Usd::ZERO,
            CostReporting::AsItGoes | CostReporting::AtTheEnd => self.settings.task_cap,
        }
    }

    /// Returns the remaining part of a task's cap.
    pub(super) fn cap_left(&self, task: &Task) -> Usd {
        let counted = task.spent_before + task.spent - task.forgiven;
        (self.cap() - counted).max(Usd::ZERO)
    }

    /// Returns whether the remaining part of a task's cap is worth another attempt.
    pub(super) fn can_pay(&self, task: &Task) -> bool {
        self.least(task) <= self.cap_left(task)
    }

    /// Returns the smallest amount worth starting an attempt of the task with. An interrupted
    /// attempt can continue with less.
    fn least(&self, task: &Task) -> Usd {
        let margin = self.settings.margin();
        match self.settings.cost_reporting {
            CostReporting::Free => Usd::ZERO,
            _ if Usd::ZERO < task.forgiven => margin.min(LIMIT_MIN) + LIMIT_MIN,
            CostReporting::AsItGoes | CostReporting::AtTheEnd => margin + LIMIT_MIN,
        }
    }

    /// Returns the largest amount that any task may need to start.
    fn most_least(&self) -> Usd {
        match self.settings.cost_reporting {
            CostReporting::Free => Usd::ZERO,
            CostReporting::AsItGoes | CostReporting::AtTheEnd => self.settings.margin() + LIMIT_MIN,
        }
    }

    /// Returns the part of a reservation that is withheld from the limit given to the agent.
    pub(super) fn margin_of(&self, reserved: Usd) -> Usd {
        self.settings
            .margin()
            .min((reserved - LIMIT_MIN).max(Usd::ZERO))
    }

    /// Returns the amount that must be available for a task to start.
    fn needed(&self, task: &Task) -> Usd {
        task.estimate.min(self.cap_left(task)).max(self.least(task))
    }

    /// Returns the reservation for a task that starts now: the remaining part of its cap, or of the
    /// budget if that is less.
    fn reservation(&self, task: &Task) -> Usd {
        self.cap_left(task).min(self.ledger.available())
    }

    fn is_exclusive(&self, domain: &str) -> bool {
        self.settings.exclusive_domains.contains(domain)
    }

    /// Returns why a task is not running right now; `None` if it is running or has ended.
    pub fn blocked(&self, issue: IssueNumber, now: Time) -> Option<Blocked> {
        let task = self.tasks.get(&issue)?;
        match &task.state {
            TaskState::Ended(_) => None,
            TaskState::Classifying | TaskState::Choosing => Some(Blocked::Preparing),
            TaskState::Running(attempt) => match attempt.state {
                AttemptState::Publishing { not_before } if !attempt.in_flight => self
                    .service_obstacle(&Service::Forge, issue, now)
                    .or_else(|| (now < not_before).then_some(Blocked::Delay(not_before)))
                    .or_else(|| {
                        (self.stop_state != StopState::NotStopping).then_some(Blocked::Stopping)
                    }),
                AttemptState::CollectingLater { not_before, .. } => self
                    .service_obstacle(&Service::Machine, issue, now)
                    .or_else(|| (now < not_before).then_some(Blocked::Delay(not_before)))
                    .or_else(|| {
                        (self.stop_state != StopState::NotStopping).then_some(Blocked::Stopping)
                    }),
                _ => None,
            },
            TaskState::Waiting { not_before } => Some(self.why_waiting(task, *not_before, now)),
        }
    }

    fn why_waiting(&self, task: &Task, not_before: Time, now: Time) -> Blocked {
        let missing = || {
            let is_missing = |on: &&crate::Dependency| {
                self.tasks
                    .get(&on.number)
                    .is_some_and(|on| !on.outcome().is_some_and(Outcome::lets_dependents_start))
            };
            task.issue
                .dependencies
                .iter()
                .filter(is_missing)
                .map(|on| on.number)
                .collect()
        };
        let missing = (task.n_missing > 0).then(|| Blocked::Dependencies(missing()));
        missing
            .or_else(|| (now < not_before).then_some(Blocked::Delay(not_before)))
            .or_else(|| self.session_obstacle(now))
            .or_else(|| self.obstacle(task))
            .or_else(|| {
                let older = self.oldest(now)?;
                let path = self.overtakes(task, older)?;
                Some(Blocked::Conflict(older, path.to_owned()))
            })
            .or_else(|| {
                self.drain_for(now)
                    .filter(|exclusive| *exclusive != task.issue.number)
                    .map(|exclusive| {
                        Blocked::AfterExclusive(
                            exclusive,
                            self.tasks[&exclusive].domain().to_owned(),
                        )
                    })
            })
            .or_else(|| self.money_obstacle(task))
            .unwrap_or(Blocked::Turn)
    }

    /// Returns what prevents every task from starting.
    fn session_obstacle(&self, now: Time) -> Option<Blocked> {
        if self.stop_state != StopState::NotStopping {
            return Some(Blocked::Stopping);
        }
        match self.phase {
            Phase::Running => {}
            Phase::BaseCheck => return Some(Blocked::BaseCheck),
            Phase::New
            | Phase::Decomposing
            | Phase::Confirming
            | Phase::Creating
            | Phase::Intake { .. }
            | Phase::Preparing => return Some(Blocked::Admission),
            Phase::Over(_) => return Some(Blocked::Stopping),
        }
        if let Some(&issue) = self.unproven.first() {
            return Some(Blocked::Publishing(issue));
        }
        if self.settings.start_until.is_some_and(|until| until <= now) {
            return Some(Blocked::Until);
        }
        // An attempt begins with the base, which comes from the forge.
        self.service_obstacle(&self.settings.agent_service(), IssueNumber::default(), now)
            .or_else(|| self.service_obstacle(&Service::Forge, IssueNumber::default(), now))
            .or_else(|| self.service_obstacle(&Service::Machine, IssueNumber::default(), now))
            .or_else(|| {
                (self.n_running() >= self.settings.n_slots)
                    .then_some(Blocked::Slots(self.settings.n_slots))
            })
            .or_else(|| {
                let alone = self
                    .running()
                    .find(|task| self.is_exclusive(task.domain()))?;
                Some(Blocked::ExclusiveRuns(
                    alone.issue.number,
                    alone.domain().to_owned(),
                ))
            })
    }

    fn service_obstacle(
        &self,
        service: &Service,
        issue: IssueNumber,
        now: Time,
    ) -> Option<Blocked> {
        if self.admits(service, issue, now) {
            return None;
        }
        Some(match self.breaker(service) {
            BreakerState::Closed => return None,
            BreakerState::Paused { until, message } => {
                Blocked::ServicePaused(service.clone(), until, message)
            }
            BreakerState::Open { until } => Blocked::BreakerOpen(service.clone(), until),
            BreakerState::Probing { issue } => Blocked::Probing(service.clone(), issue),
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "slots are at most 256")]
    fn n_running(&self) -> u32 {
        self.running.len() as u32
    }

    /// Returns what prevents a task from starting next to the running ones.
    fn obstacle(&self, task: &Task) -> Option<Blocked> {
        let domain = task.domain();
        if self.is_exclusive(domain) && !self.running.is_empty() {
            return Some(Blocked::RunsAlone(domain.to_owned(), self.n_running()));
        }
        self.domain_obstacle(domain).or_else(|| {
            self.running().find_map(|other| {
                let path = first_overlap(task.paths(), other.paths())?;
                Some(Blocked::Conflict(other.issue.number, path.to_owned()))
            })
        })
    }

    fn domain_obstacle(&self, domain: &str) -> Option<Blocked> {
        let mut same = self.running().filter(|task| task.domain() == domain);
        let first = same.next()?;
        let n_same = 1 + same.count();
        let is_full = self.settings.max_per_domain as usize <= n_same;
        is_full.then(|| Blocked::DomainBusy(domain.to_owned(), first.issue.number))
    }

    fn money_obstacle(&self, task: &Task) -> Option<Blocked> {
        let (needed, available) = (self.needed(task), self.ledger.available());
        (available < needed).then_some(Blocked::Budget { needed, available })
    }

    /// Returns the tasks that need more than the remaining budget. Only the most expensive ones are
    /// examined.
    fn unaffordable(&self) -> Vec<IssueNumber> {
        let left = self.ledger.budget - self.ledger.spent;
        let may_be = self
            .queue
            .dearest()
            .take_while(|(estimate, _)| left < (*estimate).max(self.most_least()));
        let mut found: Vec<IssueNumber> = may_be
            .map(|(_, issue)| issue)
            .filter(|issue| left < self.needed(&self.tasks[issue]))
            .collect();
        found.sort_unstable();
        found
    }

    fn is_delayed(&self, place: Place, now: Time) -> bool {
        matches!(self.tasks[&place.issue].state, TaskState::Waiting { not_before } if now < not_before)
    }

    /// Returns the oldest waiting task that is not delayed.
    fn oldest(&self, now: Time) -> Option<IssueNumber> {
        let heads = self
            .queue
            .domains()
            .filter_map(|(_, mut places)| places.find(|place| !self.is_delayed(*place, now)));
        heads.min().map(|place| place.issue)
    }

    /// Returns the oldest waiting task if it must run alone: no younger task starts before it.
    fn drain_for(&self, now: Time) -> Option<IssueNumber> {
        self.oldest(now)
            .filter(|oldest| self.is_exclusive(self.tasks[oldest].domain()))
    }

    /// Returns the path on which a younger task would make the oldest one wait again.
    fn overtakes<'a>(&self, task: &'a Task, oldest: IssueNumber) -> Option<&'a str> {
        if task.issue.number == oldest {
            None
        } else {
            first_overlap(task.paths(), self.tasks[&oldest].paths())
        }
    }

    /// Returns the task to start now.
    fn next_start(&self, now: Time) -> Option<IssueNumber> {
        if self.queue.is_empty() || self.session_obstacle(now).is_some() {
            return None;
        }
        if let Some(exclusive) = self.drain_for(now) {
            let may_start =
                self.running.is_empty() && self.money_obstacle(&self.tasks[&exclusive]).is_none();
            if may_start || !self.running.is_empty() {
                return may_start.then_some(exclusive);
            }
        }
        // Reserved money may become free again, so no cheaper task overtakes the first one.
        self.startable(now)
            .filter(|first| self.money_obstacle(&self.tasks[first]).is_none())
    }

    fn startable(&self, now: Time) -> Option<IssueNumber> {
        let oldest = self.oldest(now)?;
        let first_of = |(domain, places): (&str, _)| {
            if self.domain_obstacle(domain).is_some() {
                return None;
            }
            let may = |place: &Place| {
                let task = &self.tasks[&place.issue];
                !self.is_delayed(*place, now)
                    && self.obstacle(task).is_none()
                    && self.overtakes(task, oldest).is_none()
            };
            Iterator::take(places, N_LOOKED_AT_MAX).find(may)
        };
        self.queue
            .domains()
            .filter_map(first_of)
            .min()
            .map(|place| place.issue)
    }
}

impl Decision<'_> {
    /// Starts all tasks that may start.
    pub(super) fn start_attempts(&mut self) {
        self.end_unaffordable();
        while let Some(issue) = self.engine.next_start(self.now) {
            self.start_attempt(issue);
        }
    }

    fn start_attempt(&mut self, issue: IssueNumber) {
        self.probe(self.engine.settings.agent_service(), issue);
        self.probe(Service::Forge, issue);
        self.probe(Service::Machine, issue);
        let task = &self.engine.tasks[&issue];
        let (attempt, reserved, model) = (
            task.n_attempts + 1,
            self.engine.reservation(task),
            task.model.clone(),
        );
        self.emit(Event::Attempt(AttemptEvent::Started {
            issue,
            attempt,
            reserved,
            model,
        }));
        self.ask_for_stage(issue);
    }

    /// Makes this task the probe if the service's breaker is due for one.
    pub(super) fn probe(&mut self, service: Service, issue: IssueNumber) {
        if self
            .engine
            .breakers
            .get(&service)
            .is_some_and(|breaker| breaker.would_probe(self.now))
        {
            self.emit(Event::Service(ServiceEvent::BreakerProbed {
                service,
                issue,
            }));
        }
    }

    /// Resumes postponed collections and checks, if the machine has disk space.
    pub(super) fn start_collecting(&mut self) {
        if self.may_not_advance() {
            return;
        }
        for (issue, attempt) in self.due(Task::collect_not_before) {
            if self.engine.admits(&Service::Machine, issue, self.now) {
                self.probe(Service::Machine, issue);
                self.emit(Event::Attempt(AttemptEvent::CollectRetried {
                    issue,
                    attempt,
                }));
                self.ask_for_stage(issue);
            }
        }
    }

    fn may_not_advance(&self) -> bool {
        self.engine.is_over()
            || matches!(
                self.engine.stop_state,
                StopState::Interrupting | StopState::InterruptingFor(_)
            )
    }

    /// Returns the attempts whose waiting time is over.
    fn due(&self, not_before: impl Fn(&Task) -> Option<Time>) -> Vec<(IssueNumber, u32)> {
        let is_due = |task: &&Task| not_before(task).is_some_and(|at| at <= self.now);
        let number = |task: &Task| Some((task.issue.number, task.attempt()?.number));
        let due = self.engine.running().filter(is_due);
        due.filter_map(number).collect()
    }

    /// Publishes finished work, if the forge may be used.
    pub(super) fn start_publishing(&mut self) {
        if self.may_not_advance() {
            return;
        }
        for (issue, attempt) in self.due(Task::publish_not_before) {
            if self.engine.admits(&Service::Forge, issue, self.now) {
                self.probe(Service::Forge, issue);
                self.emit(Event::Attempt(AttemptEvent::PublishStarted {
                    issue,
                    attempt,
                }));
                let order = self.engine.publish_order(&self.engine.tasks[&issue]);
                let order = order.expect("collected before it is published");
                self.ask(AttemptEffect::Publish(Box::new(order)));
            }
        }
    }

    /// Ends the tasks that the budget can no longer start, even if all reserved money became free.
    /// They would block tasks that it can still start.
    fn end_unaffordable(&mut self) {
        if self.engine.phase != Phase::Running || self.engine.stop_state != StopState::NotStopping {
            return;
        }
        for issue in self.engine.unaffordable() {
            let outcome = match self.engine.tasks[&issue].spent {
                Usd::ZERO => Outcome::NotStarted {
                    because: NotStarted::Budget,
                },
                _ => Outcome::Budget {
                    message: self.over_budget_message(issue),
                },
            };
            self.finish_task(issue, outcome);
        }
    }
}
