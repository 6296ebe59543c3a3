//! A circuit breaker per service: consecutive failures pause all use of the service until a probe
//! shows that it works again.
//!
//! ```text
//!            threshold failures            cooldown over, one attempt
//!   Closed ─────────────────────► Open ─────────────────────────────► Probing
//!     ▲ ▲                          ▲                                   │   │
//!     │ └──── stated time ── Paused│           it failed ──────────────┘   │
//!     └────────────────────────────┴────────── it answered ────────────────┘
//! ```

use serde::{Deserialize, Serialize};

use crate::{IssueNumber, Time};

/// The breaker of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Its state.
    pub state: BreakerState,
    /// Consecutive failures.
    pub n_failures: u32,
    /// Since when the breaker has been open or probing, in this run of the session.
    pub(crate) since: Option<Time>,
    /// How the newest probes died, and how many in a row died that way.
    pub(crate) death: Option<String>,
    pub(crate) n_deaths: u32,
    /// Tasks that paid a retry for failures in this series. If the series opens the breaker, they
    /// get it back.
    pub(crate) payers: Vec<IssueNumber>,
}

/// State of a breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BreakerState {
    /// The service is in use.
    #[default]
    Closed,
    /// The service itself reported when it can be used again.
    Paused {
        /// When it can be used again.
        until: Time,
        /// The service's message.
        message: String,
    },
    /// The service failed too often and is not used.
    Open {
        /// When the next probe may run.
        until: Time,
    },
    /// One attempt is probing the service.
    Probing {
        /// Task of the probing attempt.
        issue: IssueNumber,
    },
}

impl Breaker {
    /// Counts a failure. For a probe, also counts how often in a row it died in the same way.
    pub(crate) fn failed(&mut self, issue: Option<IssueNumber>, died: Option<&str>) {
        self.n_failures += 1;
        if !matches!(self.state, BreakerState::Probing { issue: probe } if Some(probe) == issue) {
            return;
        }
        self.n_deaths = match died {
            Some(_) if self.death.as_deref() == died => self.n_deaths + 1,
            Some(_) => 1,
            None => 0,
        };
        self.death = died.map(str::to_owned);
    }

    /// Returns when the state changes without further input.
    pub(crate) const fn wake_at(&self) -> Option<Time> {
        match self.state {
            BreakerState::Paused { until, .. } | BreakerState::Open { until } => Some(until),
            BreakerState::Closed | BreakerState::Probing { .. } => None,
        }
    }

    /// Returns whether a task may use the service now, normally or as the probe.
    pub(crate) fn admits(&self, issue: IssueNumber, now: Time) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Paused { until, .. } | BreakerState::Open { until } => until <= now,
            BreakerState::Probing { issue: probe } => probe == issue,
        }
    }

    /// Returns whether using the service now would be a probe.
    pub(crate) fn would_probe(&self, now: Time) -> bool {
        matches!(self.state, BreakerState::Open { until } if until <= now)
    }

    /// Returns whether failures are attributed to the service rather than to a task, and do not
    /// open the breaker: it is already open, or the service reported when it will be back.
    pub(crate) fn is_suspect(&self, now: Time) -> bool {
        match self.state {
            BreakerState::Closed => false,
            BreakerState::Paused { until, .. } => now < until,
            BreakerState::Open { .. } | BreakerState::Probing { .. } => true,
        }
    }

    /// Returns whether a successful answer would change the state.
    pub(crate) fn has_failed(&self) -> bool {
        self.n_failures > 0
            || matches!(
                self.state,
                BreakerState::Open { .. } | BreakerState::Probing { .. }
            )
    }
}
