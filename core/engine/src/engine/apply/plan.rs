//! How events about the plan change the state.

use crate::engine::{Engine, Phase, StopState};
use crate::plan::Creation;
use crate::{CostReporting, PlanEvent, PlanProgress, PlannerAttempt, Time, Usd};

impl Engine {
    /// Enters the first phase: planning or intake.
    pub(super) fn begin(&mut self) {
        if self.settings.plan.is_some() {
            self.plan_progress = Some(Box::default());
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
    pub(super) fn plan_resumed(&mut self) {
        if let Some(plan_progress) = &mut self.plan_progress {
            plan_progress.creation = Creation::Idle;
        }
    }

    pub(super) fn apply_to_plan(&mut self, event: &PlanEvent) {
        let goes_on = self.stop_state == StopState::NotStopping;
        let is_free = self.settings.cost_reporting == CostReporting::Free;
        let Some(plan_progress) = self.plan_progress.as_mut() else {
            return;
        };
        match event {
            PlanEvent::PlannerStarted {
                attempt, reserved, ..
            } => {
                self.ledger.reserve(*reserved);
                plan_progress.n_attempts = *attempt;
                plan_progress.attempt = Some(PlannerAttempt {
                    number: *attempt,
                    reserved: *reserved,
                    metered: Usd::ZERO,
                    over_budget: false,
                });
            }
            PlanEvent::PlannerMetered { spent, .. } => {
                if let Some(attempt) = &mut plan_progress.attempt {
                    attempt.metered = *spent;
                    attempt.over_budget |= !is_free && attempt.reserved < *spent;
                }
            }
            PlanEvent::PlannerExited {
                report,
                cost,
                estimated,
                ..
            } => {
                let attempt = plan_progress.attempt.take();
                let (reserved, metered) = attempt.map_or((Usd::ZERO, Usd::ZERO), |attempt| {
                    (attempt.reserved, attempt.metered)
                });
                plan_progress.session =
                    report.session_after(plan_progress.session.as_ref(), metered);
                self.ledger.settle(reserved, *cost, *estimated);
                plan_progress.spent += *cost;
                plan_progress.estimated += if *estimated { *cost } else { Usd::ZERO };
                plan_progress.report = Some(report.clone());
            }
            PlanEvent::PlannerFailed {
                counted, retry_at, ..
            } => {
                plan_progress.n_retries += u32::from(*counted);
                plan_progress.not_before = retry_at.unwrap_or_default();
                // The state of an agent session that broke off is unknown.
                plan_progress.session = None;
            }
            PlanEvent::Rejected { rejection, .. } => {
                plan_progress.rejection = Some(rejection.clone());
            }
            PlanEvent::Proposed { plan } => {
                plan_progress.plan = Some(plan.clone());
                self.phase = Phase::Confirming;
            }
            PlanEvent::ConfirmationAwaited => self.stop_state = StopState::Interrupted(None),
            PlanEvent::Confirmed => {
                self.phase = Phase::Creating;
                self.ask_next(goes_on);
            }
            PlanEvent::Declined => {
                plan_progress.is_declined = true;
                self.stop_state = StopState::NotStopping;
            }
            PlanEvent::IssueCreated {
                number,
                n_api_calls,
                ..
            } => {
                self.n_api_calls += n_api_calls;
                plan_progress.created.push(*number);
                self.ask_next(goes_on);
            }
            PlanEvent::IssueLinked { n_api_calls, .. } => {
                self.n_api_calls += n_api_calls;
                plan_progress.n_linked += 1;
                self.ask_next(goes_on);
            }
            PlanEvent::CreationDelayed { counted, until, .. } => {
                let n_failures = plan_progress.creation.n_failures() + u32::from(*counted);
                plan_progress.creation = Creation::Delayed {
                    until: *until,
                    n_failures,
                };
            }
            PlanEvent::CreationRetried => {
                let n_failures = plan_progress.creation.n_failures();
                plan_progress.creation = Creation::InFlight { n_failures };
            }
            PlanEvent::CreationInterrupted => plan_progress.creation = Creation::Idle,
        }
    }

    /// Records that the next issue is requested or, after the last one, the backlog.
    fn ask_next(&mut self, goes_on: bool) {
        let Some(plan_progress) = self.plan_progress.as_mut() else {
            return;
        };
        plan_progress.pass_unlinked();
        plan_progress.creation = if goes_on {
            Creation::InFlight { n_failures: 0 }
        } else {
            Creation::Idle
        };
        if plan_progress.next_step().is_none() {
            plan_progress.creation = Creation::Idle;
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

impl PlanProgress {
    /// Returns the next time at which something may change without further input.
    pub(in crate::engine) fn wake_at(&self) -> Option<Time> {
        match self.creation {
            Creation::Delayed { until, .. } => Some(until),
            _ if self.attempt.is_none() && self.plan.is_none() => Some(self.not_before),
            _ => None,
        }
    }
}
