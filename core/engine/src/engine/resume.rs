//! Going on after an interruption or a crash: what was asked for and not answered is asked for again.
//!
//! An agent that ran is not asked for again: it is charged by the rule for unknown cost, its work is collected, and its
//! task waits for another attempt. What comes after the agent is paid for, and is repeated.

use crate::engine::decide::Turn;
use crate::engine::{Engine, Phase};
use crate::{AgentReport, Doing, Effect, Ended, Event, Failure, IssueNumber, Settings, Spent, Stage};

impl Turn<'_> {
    pub(super) fn resumed(&mut self, settings: Box<Settings>) {
        if matches!(self.engine.phase, Phase::New | Phase::Over(_)) {
            return;
        }
        self.emit(Event::SessionResumed { settings });
        match self.engine.phase {
            Phase::Intake { .. } => {
                self.emit(Event::BacklogRetried);
                self.ask(Effect::FetchBacklog);
            }
            Phase::BaseCheck => self.ask(Effect::CheckBase),
            Phase::New | Phase::Planning | Phase::Running | Phase::Over(_) => {}
        }
        let issues: Vec<IssueNumber> = self.engine.tasks.keys().copied().collect();
        for issue in issues {
            self.resume_task(issue);
        }
    }

    fn resume_task(&mut self, issue: IssueNumber) {
        let task = &self.engine.tasks[&issue];
        match &task.stage {
            Stage::Classifying => {
                self.ask(Effect::Classify { issue: task.issue.clone() });
            }
            Stage::Choosing => self.choose_model(issue),
            Stage::Running(attempt) => {
                let (number, doing) = (attempt.number, attempt.doing.clone());
                self.resume_attempt(issue, number, doing);
            }
            Stage::Waiting { .. } | Stage::Ended(_) => {}
        }
    }

    fn resume_attempt(&mut self, issue: IssueNumber, attempt: u32, doing: Doing) {
        match doing {
            Doing::Leasing { start } => self.ask(Effect::LeaseWorktree { issue, attempt, start }),
            Doing::Agent => {
                let report = cut_off(self.engine, issue);
                self.charge(issue, attempt, report);
            }
            Doing::Collecting => {
                let effect = self.collect(issue, attempt);
                self.ask(effect);
            }
            Doing::Checking => {
                if let Some(effect) = self.run_checks(issue) {
                    self.ask(effect);
                }
            }
            // `go_on` starts it, once the forge may be used.
            Doing::Publishing { .. } => {}
        }
    }
}

/// Returns the report of an agent whose end nobody saw.
fn cut_off(engine: &Engine, issue: IssueNumber) -> AgentReport {
    let metered = engine.tasks[&issue].attempt().map(|attempt| attempt.metered).unwrap_or_default();
    AgentReport {
        ended: Ended::Failed { failure: Failure::Interrupted },
        spent: Spent::AtLeast(metered),
        session: None,
        summary: None,
        denied: Vec::new(),
        tokens: 0,
        duration_ms: 0,
    }
}
