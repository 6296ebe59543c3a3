//! A breaker per service: consecutive failures stop everything of that service, until one probe shows that it works.
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
    /// Since when it is open or probed, in this run of the session.
    pub(crate) since: Option<Time>,
    /// How the newest probes died, and how many of them in a row.
    pub(crate) death: Option<String>,
    pub(crate) n_deaths: u32,
    /// Tasks whose retries paid in this run of failures. If it opens the breaker, it was not their fault.
    pub(crate) payers: Vec<IssueNumber>,
}

/// State of a breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BreakerState {
    /// The service is used.
    #[default]
    Closed,
    /// The service itself stated when it can be used again.
    Paused {
        /// When.
        until: Time,
        /// What it said.
        message: String,
    },
    /// It failed too often; it is not used.
    Open {
        /// When it is probed.
        until: Time,
    },
    /// One attempt probes it.
    Probing {
        /// Task of that attempt.
        issue: IssueNumber,
    },
}

impl Breaker {
    /// Counts a failure; a probe's, if it died as the one before.
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

    /// Returns when its state changes by itself.
    pub(crate) const fn wake_at(&self) -> Option<Time> {
        match self.state {
            BreakerState::Paused { until, .. } | BreakerState::Open { until } => Some(until),
            BreakerState::Closed | BreakerState::Probing { .. } => None,
        }
    }

    /// Returns whether a task may use the service now, as an ordinary user or as the probe.
    pub(crate) fn admits(&self, issue: IssueNumber, now: Time) -> bool {
        match self.state {
            BreakerState::Closed => true,
            BreakerState::Paused { until, .. } | BreakerState::Open { until } => until <= now,
            BreakerState::Probing { issue: probe } => probe == issue,
        }
    }

    /// Returns whether using it now would be a probe.
    pub(crate) fn would_probe(&self, now: Time) -> bool {
        matches!(self.state, BreakerState::Open { until } if until <= now)
    }

    /// Returns whether failures are put down to the service rather than to a task, and open nothing: it is out of order
    /// already, or it stated until when.
    pub(crate) fn is_suspect(&self, now: Time) -> bool {
        match self.state {
            BreakerState::Closed => false,
            BreakerState::Paused { until, .. } => now < until,
            BreakerState::Open { .. } | BreakerState::Probing { .. } => true,
        }
    }

    /// Returns whether an answer of the service is news.
    pub(crate) fn has_failed(&self) -> bool {
        self.n_failures > 0
            || matches!(
                self.state,
                BreakerState::Open { .. } | BreakerState::Probing { .. }
            )
    }
}
