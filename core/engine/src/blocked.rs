//! Why a task does not run right now. There is always an answer.

use std::fmt;

use crate::{IssueNumber, Service, Time, Usd};

/// Why a task does not run right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// It is being classified, or its model is being chosen.
    Planning,
    /// The rest of the backlog is being classified.
    Admission,
    /// The checks run on the base first.
    BaseCheck,
    /// Finished work is published first: what the forge refuses to take of it, it would refuse of every other.
    Publishing(IssueNumber),
    /// The session is stopping.
    Stopping,
    /// The time after which nothing starts has come.
    Until,
    /// It waits for these issues.
    Dependencies(Vec<IssueNumber>),
    /// It failed and waits before it is tried again.
    Delay(Time),
    /// A service stated when it can be used again.
    ServicePaused(Service, Time, String),
    /// The breaker of a service is open.
    BreakerOpen(Service, Time),
    /// Another task probes a service.
    Probing(Service, IssueNumber),
    /// All slots are taken.
    Slots(u32),
    /// A task of an exclusive domain runs alone.
    ExclusiveRuns(IssueNumber, String),
    /// Its own domain runs alone, and others run.
    RunsAlone(String, u32),
    /// An older task that runs alone is let in first.
    AfterExclusive(IssueNumber, String),
    /// Its domain has as many running as it may.
    DomainBusy(String, IssueNumber),
    /// A running task works on the same file.
    Conflict(IssueNumber, String),
    /// Its money is not there while others run.
    Budget {
        /// What it needs.
        needed: Usd,
        /// What is neither spent nor set aside.
        available: Usd,
    },
    /// Older tasks come first.
    Turn,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planning => f.write_str("being classified"),
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
                write!(f, "waiting while {issue} tests whether {service} works again")
            }
            Self::Slots(n) => write!(f, "all {n} slots are taken"),
            Self::ExclusiveRuns(issue, domain) => {
                write!(f, "waiting for {issue}, which runs alone ({})", named(domain))
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
                write!(
                    f,
                    "needs {needed}; only {available} of the budget is free"
                )
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
