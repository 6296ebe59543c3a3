//! The services that all tasks share: their failures and their breakers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{IssueNumber, Service, Time};

/// What happened to a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServiceEvent {
    /// A service is paused until a time that it reported.
    Paused {
        /// The service.
        service: Service,
        /// End of the pause.
        until: Time,
        /// The service's message.
        message: String,
    },
    /// A service failed.
    Failed {
        /// The service.
        service: Service,
        /// Task that met the failure.
        issue: Option<IssueNumber>,
        /// Whether it cost the task a retry.
        counted: bool,
        /// How the program died, if that is the failure.
        died: Option<String>,
    },
    /// A service works again after failures.
    Answered {
        /// The service.
        service: Service,
    },
    /// The breaker of a service opened.
    BreakerOpened {
        /// The service.
        service: Service,
        /// When the next probe may run.
        until: Time,
        /// Consecutive failures.
        n_failures: u32,
        /// Since when the breaker has been open.
        since: Option<Time>,
    },
    /// An attempt is probing whether the service works again.
    BreakerProbed {
        /// The service.
        service: Service,
        /// The probing task.
        issue: IssueNumber,
    },
    /// Someone closed the breaker.
    BreakerReset {
        /// The service.
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
