//! How each event changes the state, one file per chapter. Nothing is decided here: an event is
//! true, whatever the state.

mod attempt;
mod intake;
mod plan;
mod service;
mod session;
mod task;

use crate::engine::Engine;
use crate::{Event, IssueNumber, Task, TaskState, Time, Usd};

impl Engine {
    /// Applies the event to the state.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Session(event) => self.apply_to_session(event),
            Event::Plan(event) => self.apply_to_plan(event),
            Event::Intake(event) => self.apply_to_intake(event),
            Event::Task(event) => self.apply_to_task(event),
            Event::Attempt(event) => self.apply_to_attempt(event),
            Event::Service(event) => self.apply_to_service(event),
        }
    }

    fn task_mut(&mut self, issue: IssueNumber) -> &mut Task {
        self.tasks
            .get_mut(&issue)
            .expect("events refer to accepted tasks only")
    }

    /// Makes a task wait; it enters the queue once its dependencies are available.
    fn wait(&mut self, issue: IssueNumber, not_before: Time) {
        self.task_mut(issue).state = TaskState::Waiting { not_before };
        let task = &self.tasks[&issue];
        if task.n_missing == 0 {
            self.queue.insert(task, not_before);
        }
    }

    fn leave_queue(&mut self, issue: IssueNumber) {
        let task = &self.tasks[&issue];
        if let TaskState::Waiting { not_before } = task.state {
            self.queue.remove(task, not_before);
        }
    }

    fn settle(&mut self, issue: IssueNumber, cost: Usd, estimated: bool) {
        let task = self
            .tasks
            .get_mut(&issue)
            .expect("events refer to accepted tasks only");
        task.spent += cost;
        if estimated {
            task.estimated += cost;
        }
        if let Some(attempt) = task.attempt_mut() {
            let reserved = std::mem::take(&mut attempt.reserved);
            self.ledger.settle(reserved, cost, estimated);
        }
    }
}
