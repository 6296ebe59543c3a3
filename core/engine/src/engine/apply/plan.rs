//! How events about the plan change the state.

use crate::engine::{Engine, Halt, Phase};
use crate::plan::Creation;
use crate::{Metering, PlanEvent, PlannerAttempt, Planning, Time, Usd};

impl Engine {
    /// Enters the first phase: planning or intake.
    pub(super) fn begin(&mut self) {
        if self.settings.plan.is_some() {
            self.planning = Some(Box::default());
            self.phase = Phase::Decomposing;
        } else {
            self.enter_intake();
        }
    }

    fn enter_intake(&mut self) {
        self.phase = Phase::Intake {
            not_before: Time::default(),
            n_failures: 0,
        };
    }

    /// The answer to a creation that was in flight is lost.
    pub(super) fn planning_resumed(&mut self) {
        if let Some(planning) = &mut self.planning {
            planning.creation = Creation::Idle;
        }
    }

    pub(super) fn apply_to_plan(&mut self, event: &PlanEvent) {
        let goes_on = self.halt == Halt::No;
        let is_free = self.settings.metering == Metering::Free;
        let Some(planning) = self.planning.as_mut() else {
            return;
        };
        match event {
            PlanEvent::PlannerStarted {
                attempt, reserved, ..
            } => {
                self.ledger.reserve(*reserved);
                planning.n_attempts = *attempt;
                planning.attempt = Some(PlannerAttempt {
                    number: *attempt,
                    reserved: *reserved,
                    metered: Usd::ZERO,
                    over_budget: false,
                });
            }
            PlanEvent::PlannerMetered { spent, .. } => {
                if let Some(attempt) = &mut planning.attempt {
                    attempt.metered = *spent;
                    attempt.over_budget |= !is_free && attempt.reserved < *spent;
                }
            }
            PlanEvent::PlannerExited {
                report,
                charged,
                assumed,
                ..
            } => {
                let attempt = planning.attempt.take();
                let (reserved, metered) = attempt.map_or((Usd::ZERO, Usd::ZERO), |attempt| {
                    (attempt.reserved, attempt.metered)
                });
                planning.session = report.session_after(planning.session.as_ref(), metered);
                self.ledger.settle(reserved, *charged, *assumed);
                planning.spent += *charged;
                planning.assumed += if *assumed { *charged } else { Usd::ZERO };
                planning.report = Some(report.clone());
            }
            PlanEvent::PlannerFailed {
                charged, retry_at, ..
            } => {
                planning.n_retries += u32::from(*charged);
                planning.not_before = retry_at.unwrap_or_default();
                // The state of an agent session that broke off is unknown.
                planning.session = None;
            }
            PlanEvent::Rejected { rejection, .. } => {
                planning.rejection = Some(rejection.clone());
            }
            PlanEvent::Proposed { plan } => {
                planning.plan = Some(plan.clone());
                self.phase = Phase::Confirming;
            }
            PlanEvent::ConfirmationAwaited => self.halt = Halt::Interrupted(None),
            PlanEvent::Confirmed => {
                self.phase = Phase::Creating;
                self.ask_next(goes_on);
            }
            PlanEvent::Declined => {
                planning.is_declined = true;
                self.halt = Halt::No;
            }
            PlanEvent::IssueCreated {
                number,
                n_api_calls,
                ..
            } => {
                self.n_api_calls += n_api_calls;
                planning.created.push(*number);
                self.ask_next(goes_on);
            }
            PlanEvent::IssueLinked { n_api_calls, .. } => {
                self.n_api_calls += n_api_calls;
                planning.n_linked += 1;
                self.ask_next(goes_on);
            }
            PlanEvent::CreationDelayed { charged, until, .. } => {
                let n_failures = planning.creation.n_failures() + u32::from(*charged);
                planning.creation = Creation::Delayed {
                    until: *until,
                    n_failures,
                };
            }
            PlanEvent::CreationRetried => {
                let n_failures = planning.creation.n_failures();
                planning.creation = Creation::InFlight { n_failures };
            }
            PlanEvent::CreationSuspended => planning.creation = Creation::Idle,
        }
    }

    /// Records that the next issue is requested or, after the last one, the backlog.
    fn ask_next(&mut self, goes_on: bool) {
        let Some(planning) = self.planning.as_mut() else {
            return;
        };
        planning.pass_unlinked();
        planning.creation = if goes_on {
            Creation::InFlight { n_failures: 0 }
        } else {
            Creation::Idle
        };
        if planning.next_step().is_none() {
            planning.creation = Creation::Idle;
            self.enter_intake();
        }
    }
}

impl Creation {
    pub(in crate::engine) const fn n_failures(self) -> u32 {
        match self {
            Self::Idle => 0,
            Self::InFlight { n_failures } | Self::Delayed { n_failures, .. } => n_failures,
        }
    }
}

impl Planning {
    /// Returns the next time at which something may change without further input.
    pub(in crate::engine) fn wake_at(&self) -> Option<Time> {
        match self.creation {
            Creation::Delayed { until, .. } => Some(until),
            _ if self.attempt.is_none() && self.plan.is_none() => Some(self.not_before),
            _ => None,
        }
    }
}
