//! Builds complete effects: everything that the session decides about them is read from the state.

use std::collections::BTreeSet;

use autoissue_plugin_sdk::{AgentTask, ResumedSession};

use crate::engine::Engine;
use crate::plan::PlanStep;
use crate::{
    AgentOrder, AgentSession, AttemptEffect, AttemptState, BacklogSource, CostReporting,
    CreateOrder, Effect, Effort, IntakeEffect, IssueNumber, Outcome, PlanEffect, PlanProgress,
    PlannedIssue, PlannerAttempt, PlannerOrder, PublishOrder, StackedOn, Start, Task, TaskEffect,
    Usd,
};

impl Engine {
    // ---- plan

    /// Returns the order for the running planner.
    pub(super) fn planner_order(
        &self,
        plan_progress: &PlanProgress,
        attempt: PlannerAttempt,
    ) -> Effect {
        let limit = attempt.reserved - self.planner_margin();
        let session = plan_progress.session.as_ref();
        let task = self
            .agent_task(self.planner_model(), None, limit, session)
            .read_only(true);
        Effect::Plan(PlanEffect::Decompose(Box::new(PlannerOrder {
            attempt: attempt.number,
            directive: self.info.directive.clone().unwrap_or_default(),
            task,
            rejection: plan_progress.rejection.clone(),
        })))
    }

    /// Returns the order for a step of the plan; `None` if the plan has no such issue.
    pub(super) fn plan_step(&self, step: PlanStep) -> Option<Effect> {
        let plan_progress = self.plan_progress()?;
        let effect = match step {
            PlanStep::Create(position) => {
                PlanEffect::CreateIssue(create_order(plan_progress, position)?)
            }
            PlanStep::Link(position) => PlanEffect::LinkIssue {
                position,
                issue: plan_progress.number_of(position)?,
                depends_on: numbers_of(plan_progress, plan_progress.issue_at(position)?),
            },
        };
        Some(effect.into())
    }

    // ---- intake and tasks

    pub(super) fn fetch_backlog(&self) -> Effect {
        let source = match self.plan_progress() {
            Some(plan_progress) => BacklogSource::Plan {
                issues: plan_progress.created.clone(),
            },
            None => BacklogSource::Label {
                label: self.info.label.clone(),
                only: self.info.only.clone(),
            },
        };
        Effect::Intake(IntakeEffect::FetchBacklog {
            source,
            ignore_outside: self.settings.ignore_outside,
        })
    }

    pub(super) fn classify(&self, task: &Task) -> Effect {
        Effect::Task(TaskEffect::Classify {
            issue: task.issue.clone(),
        })
    }

    pub(super) fn select_model(&self, task: &Task) -> Effect {
        Effect::Task(TaskEffect::SelectModel {
            issue: task.issue.clone(),
            classification: task.classification.clone().unwrap_or_default(),
            attempt: task.n_attempts + 1,
            n_substance: task.n_substance,
            cap_left: self.cap_left(task),
        })
    }

    // ---- attempts

    /// Returns the effect that a task's attempt is waiting for in its stage; `None` if it is
    /// waiting for nothing or for a time.
    pub(super) fn stage_order(&self, task: &Task) -> Option<Effect> {
        let attempt = task.attempt().filter(|attempt| attempt.in_flight)?;
        match &attempt.state {
            AttemptState::Leasing { start } => Some(self.lease_worktree(task, start.clone())),
            AttemptState::Agent => Some(self.run_agent(task)),
            AttemptState::Collecting => Some(self.collect_work(task)),
            AttemptState::Checking => self.run_checks(task),
            AttemptState::CollectingLater { .. } | AttemptState::Publishing { .. } => None,
        }
    }

    fn lease_worktree(&self, task: &Task, start: Start) -> Effect {
        let issue = task.issue.number;
        Effect::Attempt(AttemptEffect::LeaseWorktree {
            issue,
            attempt: task.n_attempts,
            start,
            label: self.info.label.clone(),
            is_asked_for: self.info.only.contains(&issue),
        })
    }

    fn run_agent(&self, task: &Task) -> Effect {
        let reserved = task.attempt().map_or(Usd::ZERO, |attempt| attempt.reserved);
        let limit = reserved - self.margin_of(reserved);
        let session = task
            .continuation
            .as_ref()
            .and_then(|it| it.session.as_ref());
        Effect::Attempt(AttemptEffect::RunAgent(Box::new(AgentOrder {
            issue: task.issue.clone(),
            attempt: task.n_attempts,
            task: self.agent_task(task.model.clone(), task.effort, limit, session),
            feedback: task.feedback.clone(),
            continues: task.continuation.is_some(),
            avoid: self.paths_of_others(task.issue.number),
        })))
    }

    /// Returns the part of the backend's task that the session decides. Set new fields that the
    /// session decides here.
    fn agent_task(
        &self,
        model: Option<String>,
        effort: Option<Effort>,
        limit: Usd,
        session: Option<&AgentSession>,
    ) -> AgentTask {
        let is_free = self.settings.cost_reporting == CostReporting::Free;
        let mut task = AgentTask::default();
        task.model = model;
        task.effort = effort;
        task.resume =
            session.map(|session| ResumedSession::new(session.id.clone(), session.spent.dollars()));
        task.budget_usd = (!is_free).then(|| limit.dollars());
        task
    }

    fn paths_of_others(&self, issue: IssueNumber) -> Vec<String> {
        self.running()
            .filter(|task| task.issue.number != issue)
            .flat_map(|task| task.paths().iter().cloned())
            .collect()
    }

    fn collect_work(&self, task: &Task) -> Effect {
        Effect::Attempt(AttemptEffect::CollectWork {
            issue: task.issue.clone(),
            attempt: task.n_attempts,
            base: task.base.clone().unwrap_or_default(),
        })
    }

    fn run_checks(&self, task: &Task) -> Option<Effect> {
        // Work that is built on other work of ours has no base to compare checks with.
        let base = task.base.clone().filter(|_| self.stack_of(task).is_empty());
        Some(Effect::Attempt(AttemptEffect::RunChecks {
            issue: task.issue.number,
            attempt: task.n_attempts,
            work: task.work.clone()?,
            base,
        }))
    }

    /// Returns the finished but unpublished work, ready to publish.
    pub fn unpublished(&self) -> Vec<PublishOrder> {
        let waits = |task: &&Task| {
            let attempt = task.attempt();
            attempt.is_some_and(|attempt| matches!(attempt.state, AttemptState::Publishing { .. }))
        };
        let tasks = self.tasks.values().filter(waits);
        tasks.filter_map(|task| self.publish_order(task)).collect()
    }

    /// Returns the order to publish a task; `None` if there is no work.
    pub(super) fn publish_order(&self, task: &Task) -> Option<PublishOrder> {
        Some(PublishOrder {
            issue: task.issue.clone(),
            attempt: task.n_attempts,
            work: task.work.clone()?,
            base: task.base.clone()?,
            report: task.report.clone(),
            checks: task.checks.clone(),
            base_checks: self.base_checks.clone().unwrap_or_default(),
            model: task.model.clone(),
            cost: task.spent,
            cost_is_estimated: Usd::ZERO < task.estimated,
            stacked_on: self.stack_of(task),
            agent: self.settings.agent.clone(),
            base_branch: self.info.base_branch.clone(),
        })
    }

    /// Returns the issues of the session that a task's work is built on, each after the issues that
    /// it is built on itself.
    fn stack_of(&self, task: &Task) -> Vec<StackedOn> {
        let on = |task: &Task| -> Vec<IssueNumber> {
            let numbers = task.issue.dependencies.iter().map(|on| on.number);
            let is_below = |task: &Task| task.outcome().is_none_or(Outcome::can_be_built_on);
            numbers
                .filter(|number| self.task(*number).is_some_and(is_below))
                .collect()
        };
        let mut order: Vec<IssueNumber> = Vec::new();
        // Depth-first search without recursion: the dependencies of an issue are pushed on top of
        // it, and it is emitted once they are done.
        let mut stack: Vec<IssueNumber> = on(task).into_iter().rev().collect();
        // Issues may wait for each other: an issue that was already opened is not visited again.
        let mut opened = BTreeSet::from([task.issue.number]);
        while let Some(&top) = stack.last() {
            let below: Vec<IssueNumber> = self.task(top).map(&on).unwrap_or_default();
            opened.insert(top);
            let mut missing = below
                .into_iter()
                .rev()
                .filter(|number| !order.contains(number) && !opened.contains(number))
                .peekable();
            if missing.peek().is_some() {
                stack.extend(missing);
            } else {
                stack.pop();
                if !order.contains(&top) {
                    order.push(top);
                }
            }
        }
        let implied = |number: IssueNumber| {
            let others = order
                .iter()
                .filter(|other| **other != number)
                .filter_map(|other| self.task(*other));
            others.flat_map(&on).any(|below| below == number)
        };
        let direct = on(task);
        order
            .iter()
            .filter_map(|number| {
                let below = self.task(*number)?;
                let published = below
                    .publication
                    .as_ref()
                    .and_then(|publication| publication.pull_request.clone());
                Some(StackedOn {
                    issue: *number,
                    pull_request: published.or_else(|| below.outcome()?.pull_request().cloned()),
                    is_direct: direct.contains(number) && !implied(*number),
                })
            })
            .collect()
    }
}

fn create_order(plan_progress: &PlanProgress, position: u32) -> Option<CreateOrder> {
    let (plan, issue) = (
        plan_progress.plan.as_ref()?,
        plan_progress.issue_at(position)?,
    );
    Some(CreateOrder {
        position,
        issue: issue.clone(),
        plan_id: plan.id.clone(),
        planned_at: plan.created_at,
        depends_on: numbers_of(plan_progress, issue),
    })
}

/// Returns the numbers of an issue's dependencies, as far as they are known.
fn numbers_of(plan_progress: &PlanProgress, issue: &PlannedIssue) -> Vec<IssueNumber> {
    issue
        .depends_on
        .iter()
        .filter_map(|on| plan_progress.number_of(*on))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dependency, Event, Issue, PullRequest, TaskEvent};

    /// Returns the issues that #9 is built on, given the dependencies of each issue; direct ones
    /// have a star.
    fn built_on(issues: &[(u64, &[u64])]) -> String {
        fn dependency(&on: &u64) -> Dependency {
            Dependency {
                number: IssueNumber(on),
                open: true,
            }
        }

        let mut engine = Engine::new();
        for &(number, depends_on) in issues {
            let issue = Issue {
                number: IssueNumber(number),
                dependencies: depends_on.iter().map(dependency).collect(),
                open_pull_request: Some(PullRequest::default()),
                ..Issue::default()
            };
            engine.apply(&Event::Task(TaskEvent::Accepted {
                issue: issue.into(),
            }));
        }
        let found = engine.stack_of(engine.task(IssueNumber(9)).unwrap());
        let name =
            |on: &StackedOn| format!("{}{}", on.issue.0, if on.is_direct { "*" } else { "" });
        found.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn dependencies_are_merged_first() {
        assert_eq!(built_on(&[(9, &[])]), "");
        assert_eq!(built_on(&[(3, &[]), (9, &[3, 77])]), "3*");
        assert_eq!(built_on(&[(3, &[]), (2, &[3]), (9, &[2])]), "3 2*");
        assert_eq!(
            built_on(&[(1, &[]), (2, &[1]), (3, &[1]), (9, &[3, 2])]),
            "1 3* 2*"
        );
    }

    #[test]
    fn an_indirect_dependency_is_not_marked_as_direct() {
        assert_eq!(built_on(&[(1, &[]), (2, &[1]), (9, &[1, 2])]), "1 2*");
        assert_eq!(
            built_on(&[(1, &[]), (2, &[1]), (3, &[2]), (9, &[3, 1])]),
            "1 2 3*"
        );
    }
}
