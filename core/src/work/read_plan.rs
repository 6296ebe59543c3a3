//! Reads the plan that a session was started with, and writes plans to files for people.

use std::fs;

use autoissue_engine::{Input, Issue, IssueNumber, Plan, PlanInput, PlannedIssue, Usd};

use super::Services;
use super::create_issue::labels;
use super::failure::{crash, validation};
use crate::planner::{self, PLAN_FILE};

impl Services {
    /// Returns the plan that the session was started with.
    pub(crate) fn read_plan(&self, directive: &str) -> Input {
        let given = self.given_plan.clone();
        let given = given.ok_or_else(|| validation("no plan was given"));
        let kept = |plan| {
            self.keep_plan(directive, &plan)
                .map(|()| plan)
                .map_err(|error| crash(&error))
        };
        match given.map(|plan| self.with_predictions(plan)).and_then(kept) {
            Ok(plan) => Input::Plan(PlanInput::Read { plan }),
            Err(failure) => Input::Plan(PlanInput::Failed { failure }),
        }
    }

    /// Returns the plan with the strategies' predictions for its issues.
    pub(super) fn with_predictions(&self, mut plan: Plan) -> Plan {
        for (position, issue) in (1..).zip(&mut plan.issues) {
            self.predict(position, issue);
        }
        plan
    }

    /// Writes the plan to a file for people.
    pub(super) fn keep_plan(&self, directive: &str, plan: &Plan) -> std::io::Result<()> {
        fs::create_dir_all(&self.session_dir)?;
        fs::write(
            self.session_dir.join(PLAN_FILE),
            planner::write(directive, plan),
        )
    }

    /// Records the domain and the model that an issue is expected to get.
    fn predict(&self, position: u64, planned: &mut PlannedIssue) {
        let issue = Issue {
            number: IssueNumber(position),
            title: planned.title.clone(),
            body: planned.body.clone(),
            labels: labels(planned),
            ..Issue::default()
        };
        // A strategy that cannot decide now is asked again once the issue exists, and its error is
        // handled then.
        planned.domain = self
            .strategies
            .classify(&issue)
            .map_or_else(|_| "unknown".to_owned(), |it| it.domain);
        let cap = Usd::from_micros(self.config.agent.max_budget_usd.micros());
        planned.model = match self.config.agent.model.as_str() {
            "auto" => self
                .strategies
                .select_model(&issue, &planned.domain, 1, 0, cap)
                .ok()
                .and_then(|chosen| chosen.model),
            model => self.strategies.fixed_model(model),
        };
    }
}
