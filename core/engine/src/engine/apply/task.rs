//! How events about a task change the state.

use crate::engine::Engine;
use crate::{IssueNumber, Outcome, Task, TaskEvent, TaskState, Time, Usd};

impl Engine {
    pub(super) fn apply_to_task(&mut self, event: &TaskEvent) {
        match event {
            TaskEvent::Accepted { issue } => {
                self.n_unended += 1;
                self.n_preparing += 1;
                let mut task = Task::new(issue.clone());
                if let Some(unfinished) = self.info.unfinished.get(&issue.number) {
                    task.continue_from(unfinished);
                }
                self.tasks.insert(issue.number, task);
                self.unlinked.insert(issue.number);
            }
            TaskEvent::Classified {
                issue,
                classification,
            } => {
                let task = self.task_mut(*issue);
                task.classification = Some(classification.clone());
                task.state = TaskState::Choosing;
            }
            TaskEvent::ModelSelected {
                issue,
                model,
                effort,
                estimate,
                ..
            } => {
                self.n_preparing -= 1;
                let task = self.task_mut(*issue);
                task.model = model.clone();
                task.effort = *effort;
                task.estimate = *estimate;
                self.wait(*issue, Time::default());
            }
            TaskEvent::PluginFailed(plugin_failure) => {
                *self
                    .n_plugin_failures
                    .entry(plugin_failure.plugin.clone())
                    .or_default() += 1;
            }
            TaskEvent::Finished { issue, outcome } => {
                self.unproven.remove(issue);
                self.task_finished(*issue, outcome);
            }
        }
    }

    fn task_finished(&mut self, issue: IssueNumber, outcome: &Outcome) {
        self.leave_queue(issue);
        self.settle(issue, Usd::ZERO, false);
        self.running.remove(&issue);
        self.n_unended -= 1;
        let task = self.task_mut(issue);
        let was_preparing = matches!(task.state, TaskState::Classifying | TaskState::Choosing);
        task.state = TaskState::Ended(outcome.clone());
        let dependents = task.dependents.clone();
        self.n_preparing -= u32::from(was_preparing);
        if outcome.lets_dependents_start() {
            for dependent in dependents {
                self.dependency_is_there(dependent);
            }
        }
    }

    fn dependency_is_there(&mut self, issue: IssueNumber) {
        let task = self.task_mut(issue);
        task.n_missing -= 1;
        if let (0, TaskState::Waiting { not_before }) = (task.n_missing, &task.state) {
            let not_before = *not_before;
            self.wait(issue, not_before);
        }
    }
}
