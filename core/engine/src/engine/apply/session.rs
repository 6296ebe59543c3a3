//! How events about the session as a whole change the state.

use crate::engine::{Engine, Halt, Phase};
use crate::{Attempt, Doing, SessionEvent, Task};

impl Engine {
    pub(super) fn apply_to_session(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Started {
                settings,
                about,
                history,
            } => {
                self.settings = (**settings).clone();
                self.about = about.clone();
                self.history = history.clone();
                self.ledger.budget = settings.budget;
                self.begin();
            }
            SessionEvent::Resumed { settings } => {
                self.settings = (**settings).clone();
                self.ledger.budget = settings.budget;
                self.halt = Halt::No;
                self.tasks.values_mut().for_each(Task::go_on_collecting);
                for_each_attempt(self, |attempt| {
                    attempt.in_flight = !matches!(attempt.doing, Doing::Publishing { .. });
                });
                // Resuming starts the wait for a broken service afresh: there was time to fix it.
                self.breakers
                    .values_mut()
                    .for_each(|breaker| breaker.since = None);
                let waits = |task: &&Task| task.publish_not_before().is_some();
                self.unproven = self
                    .tasks
                    .values()
                    .filter(waits)
                    .map(|task| task.issue.number)
                    .collect();
                self.planning_resumed();
            }
            SessionEvent::InterruptRequested => self.halt = Halt::Interrupting,
            SessionEvent::Interrupted => {
                self.halt = match std::mem::take(&mut self.halt) {
                    Halt::Suspending(message) => Halt::Interrupted(Some(message)),
                    _ => Halt::Interrupted(None),
                };
                for_each_attempt(self, |attempt| attempt.in_flight = false);
            }
            SessionEvent::Stopping {
                message,
                resumable: false,
            } => self.halt = Halt::Stopping(message.clone()),
            SessionEvent::Stopping {
                message,
                resumable: true,
            } => self.halt = Halt::Suspending(message.clone()),
            SessionEvent::Finished { status } => self.phase = Phase::Over(status.clone()),
        }
    }
}

fn for_each_attempt(engine: &mut Engine, change: impl Fn(&mut Attempt)) {
    for task in engine.tasks.values_mut() {
        if let Some(attempt) = task.attempt_mut() {
            change(attempt);
        }
    }
}
