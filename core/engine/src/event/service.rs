//! The services that all tasks share: their failures and their breakers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{IssueNumber, Service, Time};

/// What happened to a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServiceEvent {
    /// A service pauses until a time that it stated.
    Paused {
        /// Service.
        service: Service,
        /// Until when.
        until: Time,
        /// What it said.
        message: String,
    },
    /// A service failed.
    Failed {
        /// Service.
        service: Service,
        /// Task that saw it.
        issue: Option<IssueNumber>,
        /// Whether the task's retries paid for it.
        #[serde(rename = "counted")]
        charged: bool,
        /// How its program died, where that is what failed.
        died: Option<String>,
    },
    /// A service works, after failures.
    Answered {
        /// Service.
        service: Service,
    },
    /// The breaker of a service opened.
    BreakerOpened {
        /// Service.
        service: Service,
        /// When it probes.
        until: Time,
        /// Consecutive failures.
        n_failures: u32,
        /// Since when it is open.
        since: Option<Time>,
    },
    /// One attempt probes whether the service works again.
    BreakerProbed {
        /// Service.
        service: Service,
        /// Task that probes.
        issue: IssueNumber,
    },
    /// A person closed the breaker.
    BreakerReset {
        /// Service.
        service: Service,
    },
}

impl ServiceEvent {
    pub(super) fn issue(&self) -> Option<IssueNumber> {
        let issue = match self {
            Self::Failed { issue, .. } => *issue,
            Self::BreakerProbed { issue, .. } => Some(*issue),
            _ => None,
        };
        issue.filter(|issue| *issue != IssueNumber::SESSION)
    }
}
