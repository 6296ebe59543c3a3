//! From a directive to issues: the planner, its answer, approval of the plan, and the creation of
//! the issues, one at a time.
//!
//! The planner is an agent like any other: its money is reserved and settled, its failures are
//! distinguished, and the breaker of its service counts them. It has no task, so breakers know it
//! as [`IssueNumber::SESSION`].

use crate::engine::attempt::METER_STEP;
use crate::engine::decide::Decision;
use crate::engine::schedule::LIMIT_MIN;
use crate::engine::{Engine, Phase, StopState};
use crate::plan::{Creation, PlanStep};
use crate::retry::retry_at;
use crate::{
    AgentReport, Answer, CostReporting, Ended, Event, Failure, IssueNumber, Plan, PlanEffect,
    PlanEvent, PlanInput, PlanProgress, PlanSource, PlannerAttempt, Rejection, Service,
    SessionEvent, SessionOutcome, StopReason, Usd,
};

/// Stands in for a task when breakers count the planner and the creation of issues.
const US: IssueNumber = IssueNumber::SESSION;

impl Engine {
    /// Returns the most that planning may cost.
    fn planner_cap(&self) -> Usd {
        match (&self.settings.plan, self.settings.cost_reporting) {
            (Some(rules), CostReporting::AsItGoes | CostReporting::AtTheEnd) => {
                match rules.source {
                    PlanSource::Planner { cap, .. } => cap,
                    PlanSource::Given => Usd::ZERO,
                }
            }
            _ => Usd::ZERO,
        }
    }

    fn planner_cap_left(&self, plan_progress: &PlanProgress) -> Usd {
        (self.planner_cap() - plan_progress.spent).max(Usd::ZERO)
    }

    pub(super) fn planner_margin(&self) -> Usd {
        self.settings.margin_of(self.planner_cap())
    }

    /// Returns the smallest amount worth starting the planner with.
    fn planner_least(&self) -> Usd {
        match self.settings.cost_reporting {
            CostReporting::Free => Usd::ZERO,
            CostReporting::AsItGoes | CostReporting::AtTheEnd => self.planner_margin() + LIMIT_MIN,
        }
    }

    pub(super) fn planner_model(&self) -> Option<String> {
        match &self.settings.plan.as_ref()?.source {
            PlanSource::Planner { model, .. } => model.clone(),
            PlanSource::Given => None,
        }
    }

    fn has_planner(&self) -> bool {
        self.settings
            .plan
            .as_ref()
            .is_some_and(|rules| matches!(rules.source, PlanSource::Planner { .. }))
    }
}

impl Decision<'_> {
    pub(super) fn take_for_plan(&mut self, input: PlanInput) {
        match input {
            PlanInput::Read { plan } => self.plan_read(plan),
            PlanInput::PlannerMetered { attempt, spent } => self.planner_metered(attempt, spent),
            PlanInput::Decomposed {
                attempt,
                report,
                answer,
            } => self.decomposed(attempt, *report, answer),
            PlanInput::Declined => self.plan_declined(),
            PlanInput::IssueCreated {
                position,
                number,
                existed,
                n_api_calls,
            } => self.issue_created(position, number, existed, n_api_calls),
            PlanInput::IssueLinked {
                position,
                n_api_calls,
            } => self.issue_linked(position, n_api_calls),
            PlanInput::Failed { failure } => self.plan_failed(failure),
        }
    }

    /// Requests the first effect of the session.
    pub(super) fn ask_for_issues(&mut self) {
        match self.engine.phase {
            Phase::Decomposing if !self.engine.has_planner() => {
                let directive = self.engine.info.directive.clone().unwrap_or_default();
                self.ask(PlanEffect::Read { directive });
            }
            // `advance` starts the planner, once its service may be used.
            Phase::Decomposing => {}
            _ => {
                let effect = self.engine.fetch_backlog();
                self.ask(effect);
            }
        }
    }

    pub(super) fn resume_plan(&mut self) {
        match self
            .engine
            .plan_progress()
            .and_then(|plan_progress| plan_progress.attempt)
        {
            Some(PlannerAttempt {
                number: attempt, ..
            }) => self.ask(PlanEffect::Recover { attempt }),
            None => self.ask_for_issues(),
        }
    }

    /// Continues the plan if nothing is in flight.
    pub(super) fn advance_plan(&mut self) {
        if self.engine.stop_state != StopState::NotStopping
            || self
                .engine
                .plan_progress()
                .is_none_or(PlanProgress::is_in_flight)
        {
            return;
        }
        match self.engine.phase {
            Phase::Decomposing if self.engine.has_planner() => self.start_planner(),
            Phase::Confirming => self.confirm(),
            Phase::Creating => self.retry_creation(),
            _ => {}
        }
    }

    // ---- the planner

    fn start_planner(&mut self) {
        let Some(plan_progress) = self.engine.plan_progress() else {
            return;
        };
        let service = self.settings().agent_service();
        if self.now < plan_progress.not_before || !self.engine.admits(&service, US, self.now) {
            return;
        }
        let reserved = self
            .engine
            .planner_cap_left(plan_progress)
            .min(self.engine.ledger.available());
        let least = self.engine.planner_least();
        if reserved < least {
            let budget = self.engine.ledger.budget;
            self.fail_session(
                format!("cannot afford the planner: it needs {least}, but the budget is {budget}"),
                true,
            );
            return;
        }
        let (attempt, model) = (plan_progress.n_attempts + 1, self.engine.planner_model());
        self.probe(service, US);
        self.emit(Event::Plan(PlanEvent::PlannerStarted {
            attempt,
            reserved,
            model,
        }));
        let order = self.engine.plan_progress().and_then(|plan_progress| {
            let attempt = plan_progress.attempt?;
            Some(self.engine.planner_order(plan_progress, attempt))
        });
        order.into_iter().for_each(|effect| self.ask(effect));
    }

    fn planner_in_flight(&self, number: u32) -> Option<PlannerAttempt> {
        self.engine
            .plan_progress()?
            .attempt
            .filter(|attempt| attempt.number == number)
    }

    fn planner_metered(&mut self, number: u32, spent: Usd) {
        let Some(attempt) = self.planner_in_flight(number) else {
            return;
        };
        if self.believable(attempt.reserved) < spent {
            return;
        }
        let is_free = self.settings().cost_reporting == CostReporting::Free;
        let passes = !is_free && attempt.reserved < spent && !attempt.over_budget;
        if passes || attempt.metered + METER_STEP <= spent {
            self.emit(Event::Plan(PlanEvent::PlannerMetered {
                attempt: number,
                spent,
            }));
        }
        if passes {
            self.ask(PlanEffect::Stop {
                reason: StopReason::Budget,
            });
        }
    }

    fn decomposed(&mut self, number: u32, mut report: AgentReport, answer: Option<Answer>) {
        let Some(attempt) = self.planner_in_flight(number) else {
            return;
        };
        // A plan that arrived anyway is paid for, and is kept.
        let has_plan = report.ended == Ended::Done && matches!(answer, Some(Answer::Plan(_)));
        if attempt.over_budget && !has_plan {
            report.ended = Ended::Budget;
        } else if self.engine.stop_state == StopState::Interrupting && !has_plan {
            report.ended = Ended::Failed {
                failure: Failure::Interrupted,
            };
        }
        report.spent = self.believed(report.spent, attempt.reserved);
        let ended = report.ended.clone();
        self.judge_service(&ended);
        let was_resumed = self
            .engine
            .plan_progress()
            .is_some_and(|plan_progress| plan_progress.session.is_some());
        let has_lost_session = was_resumed && report.lost_its_session();
        let margin = self.engine.planner_margin();
        let (cost, estimated) = self.cost(report.spent, attempt.metered, attempt.reserved, margin);
        self.emit(Event::Plan(PlanEvent::PlannerExited {
            attempt: number,
            report,
            cost,
            estimated,
        }));
        self.react_to_end(US, &ended);
        match ended {
            Ended::Done => self.answered(number, answer),
            Ended::Budget => {
                let message = self.planner_over_budget();
                self.fail_session(message, true);
            }
            Ended::Failed { failure } => self.planner_failed(number, failure, has_lost_session),
        }
    }

    fn planner_over_budget(&self) -> String {
        let (spent, cap) = (
            self.engine
                .plan_progress()
                .map_or(Usd::ZERO, |plan_progress| plan_progress.spent),
            self.engine.planner_cap(),
        );
        format!(
            "planning spent {spent} of {cap} without producing a plan; raise `planner.maxBudgetUsd` or narrow the directive"
        )
    }

    fn answered(&mut self, attempt: u32, answer: Option<Answer>) {
        match answer {
            Some(Answer::Plan(plan)) => self.emit(Event::Plan(PlanEvent::Proposed { plan })),
            Some(Answer::Rejected(rejection)) => self.rejected(attempt, rejection),
            None => self.rejected(
                attempt,
                Rejection {
                    message: "the answer is empty".to_owned(),
                    file: String::new(),
                },
            ),
        }
    }

    /// Has the planner fix its answer once; a second invalid answer ends the session.
    fn rejected(&mut self, attempt: u32, rejection: Rejection) {
        let plan_progress = self.engine.plan_progress();
        let is_first = plan_progress.is_some_and(|plan_progress| plan_progress.rejection.is_none());
        let can_pay = plan_progress
            .is_some_and(|it| self.engine.planner_least() <= self.engine.planner_cap_left(it));
        let again = is_first && can_pay;
        let message = no_plan(&rejection);
        self.emit(Event::Plan(PlanEvent::Rejected {
            attempt,
            rejection,
            again,
        }));
        if !again {
            self.stop(message);
        }
    }

    fn planner_failed(&mut self, attempt: u32, failure: Failure, has_lost_session: bool) {
        let service = self.settings().agent_service();
        let is_lost = has_lost_session && matches!(failure, Failure::Task { .. });
        let counted = !is_lost && self.count_failure(&service, US, &failure);
        let Some(plan_progress) = self.engine.plan_progress() else {
            return;
        };
        let n_retries = plan_progress.n_retries + u32::from(counted);
        let may_retry = match failure {
            Failure::Crash { .. } | Failure::Timeout { .. } | Failure::Network { .. } => {
                n_retries <= self.settings().max_retries
            }
            Failure::RateLimit { .. }
            | Failure::Overloaded { .. }
            | Failure::Auth { .. }
            | Failure::Interrupted => true,
            // The next planner starts a new agent session, and gets the same answer to fix.
            _ => is_lost,
        };
        let can_pay = self.engine.planner_least() <= self.engine.planner_cap_left(plan_progress);
        let retry_at = (may_retry && can_pay).then(|| self.next_try(US, &failure, n_retries));
        let message = format!("the planner failed: {failure}");
        self.emit(Event::Plan(PlanEvent::PlannerFailed {
            attempt,
            failure,
            counted,
            retry_at,
        }));
        self.reopen_if_probing(US, |_| true);
        if may_retry && !can_pay {
            let message = self.planner_over_budget();
            self.fail_session(message, true);
        } else if retry_at.is_none() {
            self.stop(message);
        }
    }

    fn plan_read(&mut self, plan: Plan) {
        if self.engine.phase == Phase::Decomposing && !self.engine.has_planner() {
            self.emit(Event::Plan(PlanEvent::Proposed { plan }));
        }
    }

    // ---- approval

    /// Continues with a plan that fits the budget, after approval if that is required.
    fn confirm(&mut self) {
        let Some(plan) = self
            .engine
            .plan_progress()
            .and_then(|plan_progress| plan_progress.plan.as_ref())
        else {
            return;
        };
        let estimate = plan
            .issues
            .iter()
            .map(|issue| self.engine.planned_estimate(issue))
            .sum();
        let n_issues = u32::try_from(plan.issues.len()).unwrap_or(u32::MAX);
        if let Some(message) = self.unaffordable(n_issues, estimate) {
            self.fail_session(message, true);
        } else if self.settings().dry_run {
            self.emit(Event::Session(SessionEvent::Finished {
                outcome: SessionOutcome::Completed,
            }));
        } else if self
            .settings()
            .plan
            .as_ref()
            .is_some_and(|rules| rules.confirm)
        {
            self.emit(Event::Plan(PlanEvent::ConfirmationAwaited));
        } else {
            self.emit(Event::Plan(PlanEvent::Confirmed));
            self.ask_next_step();
        }
    }

    fn plan_declined(&mut self) {
        if self.engine.is_unconfirmed() {
            self.emit(Event::Plan(PlanEvent::Declined));
            self.emit(Event::Session(SessionEvent::Finished {
                outcome: SessionOutcome::Completed,
            }));
        }
    }

    // ---- creation

    /// Requests the creation of the next issue if it is recorded as in flight; after the last one,
    /// requests the backlog.
    fn ask_next_step(&mut self) {
        if self.engine.stop_state != StopState::NotStopping {
            return;
        }
        let effect = match self
            .engine
            .plan_progress()
            .and_then(PlanProgress::next_step)
        {
            Some(step) => self.engine.plan_step(step),
            None => Some(self.engine.fetch_backlog()),
        };
        effect.into_iter().for_each(|effect| self.ask(effect));
    }

    fn is_awaited(&self, step: PlanStep) -> bool {
        let Some(plan_progress) = self.engine.plan_progress() else {
            return false;
        };
        self.is_creating() && plan_progress.next_step() == Some(step)
    }

    fn is_creating(&self) -> bool {
        fn is_in_flight(plan_progress: &PlanProgress) -> bool {
            matches!(plan_progress.creation, Creation::InFlight { .. })
        }

        self.engine.phase == Phase::Creating
            && self.engine.plan_progress().is_some_and(is_in_flight)
    }

    fn issue_created(
        &mut self,
        position: u32,
        number: IssueNumber,
        existed: bool,
        n_api_calls: u32,
    ) {
        if self.is_awaited(PlanStep::Create(position)) {
            self.service_answered(&Service::Forge);
            self.emit(Event::Plan(PlanEvent::IssueCreated {
                position,
                number,
                existed,
                n_api_calls,
            }));
            self.ask_next_step();
        }
    }

    fn issue_linked(&mut self, position: u32, n_api_calls: u32) {
        if self.is_awaited(PlanStep::Link(position)) {
            self.service_answered(&Service::Forge);
            self.emit(Event::Plan(PlanEvent::IssueLinked {
                position,
                n_api_calls,
            }));
            self.ask_next_step();
        }
    }

    /// Handles a failure of the forge, or of reading the plan. Created issues stay and are found
    /// again.
    fn plan_failed(&mut self, failure: Failure) {
        if self.engine.phase == Phase::Decomposing && !self.engine.has_planner() {
            self.stop(failure.to_string());
            return;
        }
        if !self.is_creating() {
            return;
        }
        match failure {
            Failure::Interrupted => {
                self.reopen_if_probing(US, |_| true);
                self.emit(Event::Plan(PlanEvent::CreationInterrupted));
            }
            _ if failure.is_of_service() => self.delay_creation(failure),
            _ => self.interrupt_creation(&failure),
        }
    }

    fn interrupt_creation(&mut self, failure: &Failure) {
        self.emit(Event::Plan(PlanEvent::CreationInterrupted));
        self.reopen_if_probing(US, |_| true);
        self.interrupt_for(failure.to_string());
    }

    fn delay_creation(&mut self, failure: Failure) {
        let counted = self.count_publish_failure(US, &failure);
        let n_before = self
            .engine
            .plan_progress()
            .map_or(0, |plan_progress| plan_progress.creation.n_failures());
        let n_failures = n_before + u32::from(counted);
        if self.n_publish_retries() < n_failures {
            self.interrupt_creation(&failure);
            return;
        }
        let until = match failure {
            Failure::RateLimit {
                until: Some(until), ..
            } if self.now < until => self.not_at_once(until),
            _ => retry_at(self.now, n_failures.max(1), None, self.settings().seed),
        };
        self.emit(Event::Plan(PlanEvent::CreationDelayed {
            failure,
            counted,
            until,
        }));
    }

    fn retry_creation(&mut self) {
        let Some(plan_progress) = self.engine.plan_progress() else {
            return;
        };
        let is_due = match plan_progress.creation {
            Creation::Delayed { until, .. } => until <= self.now,
            Creation::Idle => true,
            Creation::InFlight { .. } => false,
        };
        if is_due && self.engine.admits(&Service::Forge, US, self.now) {
            self.probe(Service::Forge, US);
            self.emit(Event::Plan(PlanEvent::CreationRetried));
            self.ask_next_step();
        }
    }

    fn fail_session(&mut self, message: String, budget: bool) {
        self.emit(Event::Session(SessionEvent::Finished {
            outcome: SessionOutcome::Failed { message, budget },
        }));
    }
}

/// Returns one line that says what is wrong with an answer, and where it is saved.
fn no_plan(rejection: &Rejection) -> String {
    let mut lines = rejection
        .message
        .lines()
        .filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or("no reason given");
    let more = match lines.count() {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    let kept = if rejection.file.is_empty() {
        String::new()
    } else {
        format!("; the answer is saved in `{}`", rejection.file)
    };
    format!("the planner's answer was not a valid plan: {first}{more}{kept}")
}
