//! Why a task is not running right now. There is always a reason.

use std::fmt;

use crate::{IssueNumber, Service, Time, Usd};

/// Why a task is not running right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// The task is being classified, or its model is being selected.
    Preparing,
    /// The rest of the backlog is still being classified.
    Admission,
    /// The checks are running on the base first.
    BaseCheck,
    /// Finished work is published first: if the forge refuses it, it would refuse all other work
    /// too.
    Publishing(IssueNumber),
    /// The session is stopping.
    Stopping,
    /// The `--until` time has passed.
    Until,
    /// The task is waiting for these issues.
    Dependencies(Vec<IssueNumber>),
    /// The task failed and is waiting to be retried at this time.
    Delay(Time),
    /// A service reported when it can be used again.
    ServicePaused(Service, Time, String),
    /// The breaker of a service is open.
    BreakerOpen(Service, Time),
    /// Another task is probing a service.
    Probing(Service, IssueNumber),
    /// All slots are in use.
    Slots(u32),
    /// A running task of an exclusive domain must run alone.
    ExclusiveRuns(IssueNumber, String),
    /// The task must run alone, and others are running.
    RunsAlone(String, u32),
    /// An older task that must run alone goes first.
    AfterExclusive(IssueNumber, String),
    /// The domain has reached its limit of running tasks.
    DomainBusy(String, IssueNumber),
    /// A running task is changing the same file.
    Conflict(IssueNumber, String),
    /// The budget does not cover the task while others are running.
    Budget {
        /// Amount that the task needs.
        needed: Usd,
        /// Amount that is neither spent nor reserved.
        available: Usd,
    },
    /// Older tasks go first.
    Turn,
}

impl Blocked {
    /// Returns the reason as text. `clock` formats the times in it, because the engine does not
    /// know the user's time zone.
    pub fn text(&self, clock: impl Fn(Time) -> String) -> String {
        match self {
            Self::Preparing => "being classified".to_owned(),
            Self::Admission => "waiting until the whole backlog is classified".to_owned(),
            Self::BaseCheck => "waiting for the checks on the base".to_owned(),
            Self::Publishing(issue) => {
                format!("waiting until the finished work of {issue} is published")
            }
            Self::Stopping => "the session is stopping".to_owned(),
            Self::Until => "past the `--until` time".to_owned(),
            Self::Dependencies(issues) => {
                let names: Vec<String> = issues.iter().map(ToString::to_string).collect();
                format!("waiting for {}", names.join(", "))
            }
            Self::Delay(until) => format!("retrying at {}", clock(*until)),
            Self::ServicePaused(service, until, message) => {
                format!("{service} is paused until {}: {message}", clock(*until))
            }
            // Only a full disk opens the breaker of the machine.
            Self::BreakerOpen(Service::Machine, until) => {
                format!("the disk is full; paused until {}", clock(*until))
            }
            Self::BreakerOpen(service, until) => {
                format!("{service} failed too often; paused until {}", clock(*until))
            }
            Self::Probing(service, issue) => {
                format!("waiting while {issue} tests whether {service} works again")
            }
            Self::Slots(1) => "the only slot is taken".to_owned(),
            Self::Slots(n) => format!("all {n} slots are taken"),
            Self::ExclusiveRuns(issue, domain) => {
                format!("waiting for {issue}, which runs alone ({})", named(domain))
            }
            Self::RunsAlone(domain, n) => {
                let others = if *n == 1 { "other" } else { "others" };
                format!(
                    "waiting to run alone ({}); {n} {others} running",
                    named(domain)
                )
            }
            Self::AfterExclusive(issue, domain) => format!(
                "waiting for {issue}, which is older and must run alone ({})",
                named(domain)
            ),
            Self::DomainBusy(domain, issue) => format!("domain {domain} is busy with {issue}"),
            Self::Conflict(issue, path) => format!("touches {path}, which {issue} is changing"),
            Self::Budget { needed, available } => {
                format!("needs {needed}; only {available} of the budget is free")
            }
            Self::Turn => "waiting for its turn".to_owned(),
        }
    }
}

impl fmt::Display for Blocked {
    /// Writes the reason with times in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(|time| time.to_string()))
    }
}

/// Returns a domain as it appears in a reason.
fn named(domain: &str) -> String {
    match domain {
        "unknown" => "unclassified issue".to_owned(),
        domain => format!("domain {domain}"),
    }
}
