//! Start, interruption and resumption of a session. After an interruption or a crash, effects
//! without an answer are requested again.
//!
//! The exception is an agent that was running: it is charged by the rule for unknown costs, its
//! work is collected, and its task waits for another attempt. The stages after the agent are paid
//! for, so they are repeated.

use crate::engine::decide::Decision;
use crate::engine::{Phase, StopState};
use crate::{
    AgentReport, AttemptEffect, AttemptState, CostHistory, Event, Failure, IntakeEffect,
    IntakeEvent, IssueNumber, Outcome, PlanEffect, SessionEvent, SessionInfo, SessionInput,
    Settings, StopReason, TaskState, Usd,
};

impl Decision<'_> {
    pub(super) fn take_for_session(&mut self, input: SessionInput) {
        match input {
            SessionInput::Started {
                settings,
                info,
                history,
            } => self.started(settings, info, history),
            SessionInput::Resumed { settings } => self.resumed(settings),
            SessionInput::Interrupted => self.interrupted(),
        }
    }

    fn started(&mut self, settings: Box<Settings>, info: SessionInfo, history: CostHistory) {
        if self.engine.phase == Phase::New {
            self.emit(Event::Session(SessionEvent::Started {
                settings,
                info,
                history,
            }));
            self.ask_for_issues();
        }
    }

    fn resumed(&mut self, settings: Box<Settings>) {
        if matches!(self.engine.phase, Phase::New | Phase::Over(_)) {
            return;
        }
        self.emit(Event::Session(SessionEvent::Resumed { settings }));
        match self.engine.phase {
            Phase::Intake { .. } => {
                self.emit(Event::Intake(IntakeEvent::BacklogRetried));
                let effect = self.engine.fetch_backlog();
                self.ask(effect);
            }
            Phase::BaseCheck => self.ask(IntakeEffect::CheckBase),
            Phase::Decomposing => self.resume_plan(),
            // `advance` requests the next issue, once the forge may be used.
            Phase::New
            | Phase::Confirming
            | Phase::Creating
            | Phase::Preparing
            | Phase::Running
            | Phase::Over(_) => {}
        }
        let issues: Vec<IssueNumber> = self.engine.tasks.keys().copied().collect();
        for issue in issues {
            self.resume_task(issue);
        }
    }

    fn resume_task(&mut self, issue: IssueNumber) {
        self.end_if_spent(issue);
        let task = &self.engine.tasks[&issue];
        match &task.state {
            TaskState::Classifying => {
                let effect = self.engine.classify(task);
                self.ask(effect);
            }
            TaskState::Choosing => self.choose_model(issue),
            TaskState::Running(attempt) => {
                let (number, state) = (attempt.number, attempt.state.clone());
                self.resume_attempt(issue, number, &state);
            }
            TaskState::Waiting { .. } | TaskState::Ended(_) => {}
        }
    }

    /// Ends a waiting task if the cap is now too low for another attempt.
    fn end_if_spent(&mut self, issue: IssueNumber) {
        let task = &self.engine.tasks[&issue];
        if matches!(task.state, TaskState::Running(_) | TaskState::Ended(_)) {
            return;
        }
        if task.spent == Usd::ZERO {
            self.end_if_spent_before(issue);
        } else if !self.engine.can_pay(task) {
            let message = self.over_budget_message(issue);
            self.finish_task(issue, Outcome::Budget { message });
        }
    }

    fn resume_attempt(&mut self, issue: IssueNumber, attempt: u32, state: &AttemptState) {
        match state {
            AttemptState::Agent => {
                self.record_exit(issue, attempt, AgentReport::unseen(Failure::Interrupted));
            }
            // `advance` starts publishing, once the forge may be used.
            AttemptState::Leasing { .. }
            | AttemptState::Collecting
            | AttemptState::CollectingLater { .. }
            | AttemptState::Checking
            | AttemptState::Publishing { .. } => self.ask_for_stage(issue),
        }
    }

    fn interrupted(&mut self) {
        let reason = match self.engine.stop_state {
            StopState::Interrupting => StopReason::Killed,
            _ => {
                self.emit(Event::Session(SessionEvent::InterruptRequested));
                StopReason::Interrupted
            }
        };
        let running: Vec<(IssueNumber, u32)> = self
            .engine
            .running()
            .filter_map(|task| task.attempt().map(|attempt| (task.issue.number, attempt)))
            .filter(|(_, attempt)| attempt.in_flight && attempt.state.may_take_long())
            .map(|(issue, attempt)| (issue, attempt.number))
            .collect();
        for (issue, attempt) in running {
            self.ask(AttemptEffect::Stop {
                issue,
                attempt,
                reason,
            });
        }
        if self
            .engine
            .plan_progress()
            .is_some_and(crate::PlanProgress::is_in_flight)
        {
            self.ask(PlanEffect::Stop { reason });
        }
    }
}
