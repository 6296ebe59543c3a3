//! The services that all tasks share: what caused a failure, and when a breaker opens, probes and
//! closes.

use crate::engine::decide::Decision;
use crate::engine::failure::N_DEATHS_MAX;
use crate::retry::retry_at;
use crate::{
    Breaker, BreakerState, Event, Failure, IssueNumber, Service, ServiceEvent, ServiceInput, Time,
};

/// Longest wait that a service may impose, in milliseconds: the longest account limits last a week.
const WAIT_MS_MAX: u64 = 8 * 24 * 3_600_000;

/// How long to wait for a full disk, in milliseconds. Other builds finish within an hour and free
/// their space; after that, someone has to free it.
const MACHINE_WAIT_MS_MAX: u64 = 3_600_000;

impl Decision<'_> {
    pub(super) fn take_for_service(&mut self, input: ServiceInput) {
        match input {
            ServiceInput::BreakerReset { service } => self.breaker_reset(service.as_ref()),
        }
    }

    fn breaker_reset(&mut self, service: Option<&Service>) {
        let services: Vec<Service> = self
            .engine
            .breakers
            .keys()
            .filter(|known| service.is_none_or(|s| s == *known))
            .cloned()
            .collect();
        for service in services {
            self.emit(Event::Service(ServiceEvent::BreakerReset { service }));
        }
    }

    /// Attributes a failure to a service or to the task, and returns whether it costs the task a
    /// retry. A limit whose stated end has passed counts as an ordinary failure: a service that
    /// keeps reporting it is broken, or its clock differs from ours.
    pub(super) fn count_failure(
        &mut self,
        service: &Service,
        issue: IssueNumber,
        failure: &Failure,
    ) -> bool {
        self.count_failure_at(service, issue, failure, failure.costs_a_retry())
    }

    /// Attributes a failure to write to the forge to the forge. Tries at publishing are counted
    /// separately from the task's retries, and an unreachable forge uses them up too.
    pub(super) fn count_publish_failure(&mut self, issue: IssueNumber, failure: &Failure) -> bool {
        let costs_a_try = failure.costs_a_retry() || matches!(failure, Failure::Network { .. });
        self.count_failure_at(&Service::Forge, issue, failure, costs_a_try)
    }

    pub(super) fn count_failure_at(
        &mut self,
        service: &Service,
        issue: IssueNumber,
        failure: &Failure,
        costs: bool,
    ) -> bool {
        if !failure.is_of_service() {
            return failure.costs_a_retry();
        }
        if let Failure::RateLimit {
            message,
            until: Some(until),
        } = failure
            && self.now < *until
        {
            self.pause(service, *until, message);
            return false;
        }
        let service = &at_fault(service.clone(), failure);
        self.service_failed(service, issue, costs, failure)
    }

    /// Handles a refusal of the credentials by the agent's service. They may just have been
    /// renewed, so one more start confirms the refusal while nothing else starts; after that,
    /// someone has to fix them.
    pub(super) fn refused(&mut self, issue: IssueNumber, failure: &Failure) {
        let service = self.settings().agent_service();
        let breaker = self
            .engine
            .breakers
            .get(&service)
            .cloned()
            .unwrap_or_default();
        if breaker.state == (BreakerState::Probing { issue }) {
            self.interrupt_for(failure.to_string());
        } else if !breaker.is_suspect(self.now) {
            self.emit(Event::Service(ServiceEvent::Failed {
                service: service.clone(),
                issue: Some(issue).filter(|issue| *issue != IssueNumber::SESSION),
                counted: false,
                died: None,
            }));
            self.emit(Event::Service(ServiceEvent::BreakerOpened {
                service,
                until: retry_at(self.now, 1, None, self.settings().seed),
                n_failures: breaker.n_failures + 1,
                since: Some(self.now),
            }));
        }
    }

    /// Pauses a service until the time that it reported.
    pub(super) fn pause(&mut self, service: &Service, until: Time, message: &str) {
        let is_known = matches!(self.engine.breaker(service),
            BreakerState::Paused { until: known, .. } if until <= known && self.now < known);
        if !is_known {
            let until = self.not_at_once(until);
            self.emit(Event::Service(ServiceEvent::Paused {
                service: service.clone(),
                until,
                message: message.to_owned(),
            }));
        }
    }

    /// Returns a time reported by others, or a moment from now if it has passed, so that we never
    /// retry in a tight loop. A time too far ahead is most likely a wrong unit.
    pub(super) fn not_at_once(&self, until: Time) -> Time {
        until
            .min(self.now + WAIT_MS_MAX)
            .max(retry_at(self.now, 1, None, self.settings().seed))
    }

    /// Counts a failure of a service and returns whether the task pays for it. It does not if the
    /// service is at fault.
    pub(super) fn service_failed(
        &mut self,
        service: &Service,
        issue: IssueNumber,
        costs_a_retry: bool,
        failure: &Failure,
    ) -> bool {
        let breaker = self
            .engine
            .breakers
            .get(service)
            .cloned()
            .unwrap_or_default();
        let n_failures = breaker.n_failures + 1;
        let is_probe =
            matches!(breaker.state, BreakerState::Probing { issue: probe } if probe == issue);
        let opens = is_probe
            || (!breaker.is_suspect(self.now) && self.settings().breaker_threshold <= n_failures);
        let counted = costs_a_retry && !opens && !breaker.is_suspect(self.now);
        let died = match failure {
            Failure::Crash { .. } => Some(failure.headline()),
            _ => None,
        };
        self.emit(Event::Service(ServiceEvent::Failed {
            service: service.clone(),
            issue: Some(issue),
            counted,
            died,
        }));
        let since = breaker.since.unwrap_or(self.now);
        if opens {
            let until = self.now + self.settings().breaker_cooldown_ms;
            self.emit(Event::Service(ServiceEvent::BreakerOpened {
                service: service.clone(),
                until,
                n_failures,
                since: Some(since),
            }));
        }
        if *service == Service::Machine && since + MACHINE_WAIT_MS_MAX <= self.now {
            let waited = self.waited(since);
            self.interrupt_for(format!("{}{waited}", failure.headline()));
        }
        let n_deaths = self
            .engine
            .breakers
            .get(service)
            .map_or(0, |breaker| breaker.n_deaths);
        if is_probe && N_DEATHS_MAX <= n_deaths {
            self.interrupt_for(format!(
                "{service} fails the same way each time: {}{}",
                failure.headline(),
                self.waited(since)
            ));
        }
        counted
    }

    /// Returns how long the session has waited since a time, or nothing if that is less than a
    /// minute.
    fn waited(&self, since: Time) -> String {
        match self.now.ms().saturating_sub(since.ms()) / 60_000 {
            0 => String::new(),
            1 => " (waited 1 minute)".to_owned(),
            minutes => format!(" (waited {minutes} minutes)"),
        }
    }

    /// Records that a service works, if it failed before.
    pub(super) fn service_answered(&mut self, service: &Service) {
        if self
            .engine
            .breakers
            .get(service)
            .is_some_and(Breaker::has_failed)
        {
            self.emit(Event::Service(ServiceEvent::Answered {
                service: service.clone(),
            }));
        }
    }

    /// Lets another task probe if this one was the probe and ended without an answer about the
    /// service.
    pub(super) fn reopen_if_probing(
        &mut self,
        issue: IssueNumber,
        suits: impl Fn(&Service) -> bool,
    ) {
        let probed: Vec<(Service, u32, Option<Time>)> = self
            .engine
            .breakers
            .iter()
            .filter(|(service, breaker)| {
                suits(service) && breaker.state == BreakerState::Probing { issue }
            })
            .map(|(service, breaker)| (service.clone(), breaker.n_failures, breaker.since))
            .collect();
        for (service, n_failures, since) in probed {
            self.emit(Event::Service(ServiceEvent::BreakerOpened {
                service,
                until: self.now,
                n_failures,
                since,
            }));
        }
    }
}

/// Returns the service that is at fault for a failure met at `service`.
fn at_fault(service: Service, failure: &Failure) -> Service {
    match failure {
        Failure::DiskFull { .. } => Service::Machine,
        _ => service,
    }
}
