//! How events about a service change the state.

use crate::engine::Engine;
use crate::{AttemptState, BreakerState, IssueNumber, Service, ServiceEvent, Time};

impl Engine {
    pub(super) fn apply_to_service(&mut self, event: &ServiceEvent) {
        match event {
            ServiceEvent::Paused {
                service,
                until,
                message,
            } => {
                let breaker = self.breakers.entry(service.clone()).or_default();
                breaker.state = BreakerState::Paused {
                    until: *until,
                    message: message.clone(),
                };
            }
            ServiceEvent::Failed {
                service,
                issue,
                counted,
                died,
            } => {
                let breaker = self.breakers.entry(service.clone()).or_default();
                breaker.failed(*issue, died.as_deref());
                breaker.payers.extend(issue.filter(|_| *counted));
            }
            ServiceEvent::Answered { service } => {
                let breaker = self.breakers.entry(service.clone()).or_default();
                (breaker.n_failures, breaker.since) = (0, None);
                (breaker.death, breaker.n_deaths) = (None, 0);
                breaker.payers.clear();
                if !matches!(breaker.state, BreakerState::Paused { .. }) {
                    breaker.state = BreakerState::Closed;
                }
            }
            ServiceEvent::BreakerOpened {
                service,
                until,
                since,
                ..
            } => {
                self.open_breaker(service, *until);
                self.breakers.entry(service.clone()).or_default().since = *since;
            }
            ServiceEvent::BreakerProbed { service, issue } => {
                self.breakers.entry(service.clone()).or_default().state =
                    BreakerState::Probing { issue: *issue };
            }
            ServiceEvent::BreakerReset { service } => {
                self.breakers.remove(service);
            }
        }
    }

    /// Opens a breaker and gives back the retries that its failures cost, because the tasks were
    /// not at fault.
    fn open_breaker(&mut self, service: &Service, until: Time) {
        let breaker = self.breakers.entry(service.clone()).or_default();
        breaker.state = BreakerState::Open { until };
        for payer in std::mem::take(&mut breaker.payers) {
            if let (IssueNumber::SESSION, Some(plan_progress)) = (payer, &mut self.plan_progress) {
                plan_progress.forgive();
            }
            let Some(task) = self.tasks.get_mut(&payer) else {
                continue;
            };
            match task.attempt_mut() {
                Some(attempt) if matches!(attempt.state, AttemptState::Publishing { .. }) => {
                    attempt.n_publish_failures = attempt.n_publish_failures.saturating_sub(1);
                }
                _ => task.n_retries = task.n_retries.saturating_sub(1),
            }
        }
    }
}
