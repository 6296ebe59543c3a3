//! How events about the session as a whole change the state.

use crate::engine::{Engine, Phase, StopState};
use crate::{Attempt, AttemptState, SessionEvent, Task};

impl Engine {
    pub(super) fn apply_to_session(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Started {
                settings,
                info,
                history,
            } => {
                self.settings = (**settings).clone();
                self.info = info.clone();
                self.history = history.clone();
                self.ledger.budget = settings.budget;
                self.begin();
            }
            SessionEvent::Resumed { settings } => {
                self.settings = (**settings).clone();
                self.ledger.budget = settings.budget;
                self.stop_state = StopState::NotStopping;
                self.tasks.values_mut().for_each(Task::resume_collecting);
                for_each_attempt(self, |attempt| {
                    attempt.in_flight = !matches!(attempt.state, AttemptState::Publishing { .. });
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
                self.plan_resumed();
            }
            SessionEvent::InterruptRequested => self.stop_state = StopState::Interrupting,
            SessionEvent::Interrupted => {
                self.stop_state = match std::mem::take(&mut self.stop_state) {
                    StopState::InterruptingFor(message) => StopState::Interrupted(Some(message)),
                    _ => StopState::Interrupted(None),
                };
                for_each_attempt(self, |attempt| attempt.in_flight = false);
            }
            SessionEvent::Stopping {
                message,
                resumable: false,
            } => self.stop_state = StopState::Stopping(message.clone()),
            SessionEvent::Stopping {
                message,
                resumable: true,
            } => self.stop_state = StopState::InterruptingFor(message.clone()),
            SessionEvent::Finished { outcome } => self.phase = Phase::Over(outcome.clone()),
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
