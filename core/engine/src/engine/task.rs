//! Decisions about a task before its attempts: its domain, model and estimated cost.

use crate::engine::decide::Decision;
use crate::{
    Classification, Effort, Event, FailureType, IssueNumber, ModelChoice, Outcome, PluginFailure,
    PluginFailureAction, Skip, TaskEvent, TaskInput, TaskState, Usd,
};

impl Decision<'_> {
    pub(super) fn take_for_task(&mut self, input: TaskInput) {
        match input {
            TaskInput::Classified {
                issue,
                classification,
            } => self.classified(issue, classification),
            TaskInput::ModelSelected {
                issue,
                model,
                effort,
                reason,
            } => self.model_selected(issue, model, effort, reason),
            TaskInput::PluginFailed(plugin_failure) => self.plugin_failed(plugin_failure),
        }
    }

    /// Ends a task if earlier sessions left too little of its cap for another attempt, and returns
    /// whether it did.
    pub(super) fn end_if_spent_before(&mut self, issue: IssueNumber) -> bool {
        let task = &self.engine.tasks[&issue];
        let is_spent = Usd::ZERO < task.spent_before && !self.engine.can_pay(task);
        if is_spent {
            let kept = if task.work_commit().is_some() {
                " with the kept work"
            } else {
                ""
            };
            let message = format!(
                "budget: {} of the {} limit is already spent. Raise `agent.maxBudgetUsd` and run it again to continue{kept}",
                task.spent_before,
                self.settings().task_cap
            );
            self.finish_task(issue, Outcome::NeedsYou { message });
        }
        is_spent
    }

    fn classified(&mut self, issue: IssueNumber, classification: Classification) {
        if self
            .engine
            .task(issue)
            .is_some_and(|task| task.state == TaskState::Classifying)
        {
            self.emit(Event::Task(TaskEvent::Classified {
                issue,
                classification,
            }));
            self.choose_model(issue);
        }
    }

    /// Selects the fixed model for a task, or asks the model selector.
    pub(super) fn choose_model(&mut self, issue: IssueNumber) {
        match self.settings().model.clone() {
            ModelChoice::Fixed { model } => {
                let reason = if model.is_some() {
                    "set by `agent.model`"
                } else {
                    "the agent's program chooses"
                };
                self.plan(issue, model, None, reason.to_owned());
            }
            ModelChoice::Auto => {
                let effect = self.engine.select_model(&self.engine.tasks[&issue]);
                self.ask(effect);
            }
        }
    }

    fn model_selected(
        &mut self,
        issue: IssueNumber,
        model: Option<String>,
        effort: Option<Effort>,
        reason: String,
    ) {
        if self
            .engine
            .task(issue)
            .is_some_and(|task| task.state == TaskState::Choosing)
        {
            self.plan(issue, model, effort, reason);
        }
    }

    /// Records that a plugin did not decide. Without a built-in to fall back to, the task ends.
    fn plugin_failed(&mut self, plugin_failure: PluginFailure) {
        let issue = plugin_failure.issue;
        let Some(task) = self
            .engine
            .task(issue)
            .filter(|task| task.outcome().is_none())
        else {
            return;
        };
        let is_asked = matches!(task.state, TaskState::Classifying | TaskState::Choosing);
        let outcome = match plugin_failure.action {
            PluginFailureAction::Fallback => None,
            PluginFailureAction::Fail => Some(Outcome::Failed {
                failure: FailureType::Validation,
                message: plugin_failure.message.clone(),
            }),
            PluginFailureAction::Skip => Some(Outcome::Skipped {
                because: Skip::PluginFailed,
            }),
        };
        if outcome.is_none() || is_asked {
            self.emit(Event::Task(TaskEvent::PluginFailed(plugin_failure)));
        }
        if let Some(outcome) = outcome.filter(|_| is_asked) {
            self.finish_task(issue, outcome);
        }
    }

    fn plan(
        &mut self,
        issue: IssueNumber,
        model: Option<String>,
        effort: Option<Effort>,
        reason: String,
    ) {
        let cap = self.engine.cap();
        let estimate = self.engine.history.estimate(model.as_deref(), cap);
        self.emit(Event::Task(TaskEvent::ModelSelected {
            issue,
            model,
            effort,
            reason,
            estimate,
        }));
    }
}
