//! Going on after an interruption or a crash: what was asked for and not answered is asked for again.
//!
//! An agent that ran is not asked for again: it is charged by the rule for unknown cost, its work is collected, and its
//! task waits for another attempt. What comes after the agent is paid for, and is repeated.

use crate::engine::Phase;
use crate::engine::decide::Turn;
use crate::{
    AgentReport, Doing, Event, Failure, IntakeEffect, IssueNumber, Outcome, Settings, Stage, Usd,
};

impl Turn<'_> {
    pub(super) fn resumed(&mut self, settings: Box<Settings>) {
        if matches!(self.engine.phase, Phase::New | Phase::Over(_)) {
            return;
        }
        self.emit(Event::SessionResumed { settings });
        match self.engine.phase {
            Phase::Intake { .. } => {
                self.emit(Event::BacklogRetried);
                let effect = self.engine.fetch_backlog();
                self.ask(effect);
            }
            Phase::BaseCheck => self.ask(IntakeEffect::CheckBase),
            Phase::Decomposing => self.resume_planning(),
            // `go_on` asks for the next issue, once the forge may be used.
            Phase::New
            | Phase::Confirming
            | Phase::Creating
            | Phase::Planning
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
        match &task.stage {
            Stage::Classifying => {
                let effect = self.engine.classify(task);
                self.ask(effect);
            }
            Stage::Choosing => self.choose_model(issue),
            Stage::Running(attempt) => {
                let (number, doing) = (attempt.number, attempt.doing.clone());
                self.resume_attempt(issue, number, &doing);
            }
            Stage::Waiting { .. } | Stage::Ended(_) => {}
        }
    }

    /// Ends a task that waits for an attempt which the cap, lower than before, does not allow.
    fn end_if_spent(&mut self, issue: IssueNumber) {
        let task = &self.engine.tasks[&issue];
        if matches!(task.stage, Stage::Running(_) | Stage::Ended(_)) {
            return;
        }
        if task.spent == Usd::ZERO {
            self.end_if_spent_before(issue);
        } else if !self.engine.can_pay(task) {
            let message = self.over_budget_message(issue);
            self.finish_task(issue, Outcome::Budget { message });
        }
    }

    fn resume_attempt(&mut self, issue: IssueNumber, attempt: u32, doing: &Doing) {
        match doing {
            Doing::Agent => self.charge(issue, attempt, AgentReport::unseen(Failure::Interrupted)),
            // `go_on` starts publishing, once the forge may be used.
            Doing::Leasing { .. }
            | Doing::Collecting
            | Doing::CollectingLater { .. }
            | Doing::Checking
            | Doing::Publishing { .. } => self.ask_for_stage(issue),
        }
    }
}
