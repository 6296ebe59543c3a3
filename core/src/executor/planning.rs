//! The effects of a plan: the planner in one slot of its own, and the issues one after the other.

use autoissue_engine::{
    AgentReport, Effect, Engine, Failure, Input, IssueNumber, PlanInput, PlannedIssue, Planning,
    StopReason,
};

use super::{Executor, lock};
use crate::work::{AttemptId, CreationOrder, PlannerOrder};

/// The creation of issues is no attempt, but it can be stopped like one.
const CREATION: AttemptId = AttemptId {
    issue: IssueNumber::SESSION,
    attempt: 0,
};

impl Executor {
    pub(super) fn start_planning(&self, effect: Effect, engine: &Engine) {
        let workshop = self.workshop.clone();
        match effect {
            Effect::ReadPlan => {
                self.blocking(
                    |failure| Input::Plan(PlanInput::Failed { failure }),
                    move || workshop.read_plan(),
                );
            }
            Effect::RecoverPlan { attempt } => {
                self.blocking(defect(attempt), move || workshop.recover_plan(attempt));
            }
            Effect::Decompose {
                attempt,
                model,
                limit,
                resume,
                rejection,
            } => {
                self.decompose(PlannerOrder {
                    attempt,
                    model,
                    limit,
                    resume,
                    rejection,
                });
            }
            Effect::CreateIssue { position } => {
                let order = engine
                    .planning()
                    .and_then(|planning| CreationOrder::of(planning, position));
                let cancel = self.stoppable(CREATION).1;
                self.create(move || workshop.create_issue(&order.ok_or_else(unplanned)?, &cancel));
            }
            Effect::LinkIssue { position } => {
                let link = engine
                    .planning()
                    .and_then(|planning| link_of(planning, position));
                let cancel = self.stoppable(CREATION).1;
                self.create(move || {
                    let (issue, depends_on) = link.ok_or_else(unplanned)?;
                    workshop.link_issue(position, issue, &depends_on, &cancel)
                });
            }
            Effect::StopPlanning { reason } => self.stop_planning(reason),
            other => tracing::error!(?other, "this effect is not about a plan"),
        }
    }

    fn decompose(&self, order: PlannerOrder) {
        let attempt = order.attempt;
        let id = AttemptId {
            issue: IssueNumber::SESSION,
            attempt,
        };
        let (wish, _) = self.stoppable(id);
        let (workshop, inputs) = (self.workshop.clone(), self.inputs.clone());
        let (everything, running) = (self.everything.clone(), self.running.clone());
        self.answering(defect(attempt), async move {
            // Whoever drops a running planner ends it.
            let decomposed = everything
                .run_until_cancelled(workshop.decompose(order, wish, inputs))
                .await;
            lock(&running).remove(&id);
            decomposed.unwrap_or_else(|| unseen(attempt, Failure::Interrupted))
        });
    }

    fn create(&self, work: impl FnOnce() -> Result<Input, Failure> + Send + 'static) {
        let failed = |failure| Input::Plan(PlanInput::Failed { failure });
        self.blocking(failed, move || work().unwrap_or_else(failed));
    }

    fn stop_planning(&self, reason: StopReason) {
        let ids: Vec<AttemptId> = lock(&self.running)
            .keys()
            .copied()
            .filter(|id| id.issue == IssueNumber::SESSION)
            .collect();
        ids.into_iter().for_each(|id| self.stop(id, reason));
    }
}

impl CreationOrder {
    fn of(planning: &Planning, position: u32) -> Option<Self> {
        let (plan, issue) = (planning.plan.as_ref()?, planning.issue_at(position)?);
        Some(Self {
            position,
            issue: issue.clone(),
            plan_id: plan.id.clone(),
            planned_at: plan.created_at,
            depends_on: numbers_of(planning, issue),
        })
    }
}

fn link_of(planning: &Planning, position: u32) -> Option<(IssueNumber, Vec<IssueNumber>)> {
    Some((
        planning.number_of(position)?,
        numbers_of(planning, planning.issue_at(position)?),
    ))
}

/// Returns the numbers of what an issue depends on, as far as they are known.
fn numbers_of(planning: &Planning, issue: &PlannedIssue) -> Vec<IssueNumber> {
    issue
        .depends_on
        .iter()
        .filter_map(|on| planning.number_of(*on))
        .collect()
}

fn unplanned() -> Failure {
    Failure::Validation {
        message: "the plan has no such issue".to_owned(),
    }
}

fn defect(attempt: u32) -> impl Fn(Failure) -> Input + Send + 'static {
    move |failure| unseen(attempt, failure)
}

fn unseen(attempt: u32, failure: Failure) -> Input {
    Input::Plan(PlanInput::Decomposed {
        attempt,
        report: AgentReport::unseen(failure),
        answer: None,
    })
}
