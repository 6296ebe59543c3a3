//! The effects of a plan: the planner in a slot of its own, and the creation of issues one after
//! the other.

use autoissue_engine::{
    AgentReport, Failure, Input, IssueNumber, PlanEffect, PlanInput, PlannerOrder, StopReason,
};

use super::{Executor, lock};
use crate::work::AttemptId;

/// The creation of issues is not an attempt, but it can be stopped like one.
const CREATION: AttemptId = AttemptId {
    issue: IssueNumber::SESSION,
    attempt: 0,
};

impl Executor {
    pub(super) fn start_plan(&self, effect: PlanEffect) {
        let services = self.services.clone();
        match effect {
            PlanEffect::Read { directive } => {
                self.blocking(
                    |failure| Input::Plan(PlanInput::Failed { failure }),
                    move || services.read_plan(&directive),
                );
            }
            PlanEffect::Recover { attempt } => {
                self.blocking(defect(attempt), move || services.recover_plan(attempt));
            }
            PlanEffect::Decompose(order) => self.decompose(*order),
            PlanEffect::CreateIssue(order) => {
                let cancel = self.stoppable(CREATION).1;
                self.create(move || services.create_issue(&order, &cancel));
            }
            PlanEffect::LinkIssue {
                position,
                issue,
                depends_on,
            } => {
                let cancel = self.stoppable(CREATION).1;
                self.create(move || services.link_issue(position, issue, &depends_on, &cancel));
            }
            PlanEffect::Stop { reason } => self.stop_plan(reason),
        }
    }

    fn decompose(&self, order: PlannerOrder) {
        let attempt = order.attempt;
        let id = AttemptId {
            issue: IssueNumber::SESSION,
            attempt,
        };
        let (control, _) = self.stoppable(id);
        let (services, inputs) = (self.services.clone(), self.inputs.clone());
        let (everything, running) = (self.everything.clone(), self.running.clone());
        self.answering(defect(attempt), async move {
            // Dropping the future ends the planner.
            let decomposed = everything
                .run_until_cancelled(services.decompose(order, control, inputs))
                .await;
            lock(&running).remove(&id);
            decomposed.unwrap_or_else(|| unseen(attempt, Failure::Interrupted))
        });
    }

    fn create(&self, work: impl FnOnce() -> Result<Input, Failure> + Send + 'static) {
        let failed = |failure| Input::Plan(PlanInput::Failed { failure });
        self.blocking(failed, move || work().unwrap_or_else(failed));
    }

    fn stop_plan(&self, reason: StopReason) {
        let ids: Vec<AttemptId> = lock(&self.running)
            .keys()
            .copied()
            .filter(|id| id.issue == IssueNumber::SESSION)
            .collect();
        ids.into_iter().for_each(|id| self.stop(id, reason));
    }
}

fn defect(attempt: u32) -> impl Fn(Failure) -> Input + Send + 'static {
    move |failure| unseen(attempt, failure)
}

fn unseen(attempt: u32, failure: Failure) -> Input {
    Input::Plan(PlanInput::Decomposed {
        attempt,
        report: Box::new(AgentReport::unseen(failure)),
        answer: None,
    })
}
