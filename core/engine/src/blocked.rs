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

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preparing => f.write_str("being classified"),
            Self::Admission => f.write_str("waiting until the whole backlog is classified"),
            Self::BaseCheck => f.write_str("waiting for the checks on the base"),
            Self::Publishing(issue) => {
                write!(f, "waiting until the finished work of {issue} is published")
            }
            Self::Stopping => f.write_str("the session is stopping"),
            Self::Until => f.write_str("past the `--until` time"),
            Self::Dependencies(issues) => {
                let names: Vec<String> = issues.iter().map(ToString::to_string).collect();
                write!(f, "waiting for {}", names.join(", "))
            }
            Self::Delay(until) => write!(f, "retrying at {until}"),
            Self::ServicePaused(service, until, message) => {
                write!(f, "{service} is paused until {until}: {message}")
            }
            Self::BreakerOpen(service, until) => {
                write!(f, "{service} failed too often; paused until {until}")
            }
            Self::Probing(service, issue) => {
                write!(
                    f,
                    "waiting while {issue} tests whether {service} works again"
                )
            }
            Self::Slots(n) => write!(f, "all {n} slots are taken"),
            Self::ExclusiveRuns(issue, domain) => {
                write!(
                    f,
                    "waiting for {issue}, which runs alone ({})",
                    named(domain)
                )
            }
            Self::RunsAlone(domain, n) => {
                let others = if *n == 1 { "other" } else { "others" };
                write!(
                    f,
                    "waiting to run alone ({}); {n} {others} running",
                    named(domain)
                )
            }
            Self::AfterExclusive(issue, domain) => {
                write!(
                    f,
                    "waiting for {issue}, which is older and must run alone ({})",
                    named(domain)
                )
            }
            Self::DomainBusy(domain, issue) => write!(f, "domain {domain} is busy with {issue}"),
            Self::Conflict(issue, path) => write!(f, "touches {path}, which {issue} is changing"),
            Self::Budget { needed, available } => {
                write!(f, "needs {needed}; only {available} of the budget is free")
            }
            Self::Turn => f.write_str("waiting for its turn"),
        }
    }
}

/// Returns a domain as it appears in a reason.
fn named(domain: &str) -> String {
    match domain {
        "unknown" => "unclassified issue".to_owned(),
        domain => format!("domain {domain}"),
    }
}
