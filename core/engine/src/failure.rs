//! What can go wrong, classified by what should happen next.
//!
//! | failure | what happens next |
//! | --- | --- |
//! | validation | the task ends: the same input cannot succeed |
//! | of the task | the task is retried with what was learnt, at most `max_retries` times |
//! | transient | the same, after a delay |
//! | a rule of the forge | every task would meet it: the session is interrupted, and a resume publishes first |
//! | of a service | costs no retries: the service is paused; its tasks wait, then continue in the same worktree and agent session |
//! | of the machine | costs no retries: nothing starts until a probe succeeds; after an hour the session is interrupted |
//! | credentials | costs no retries: one more start confirms it, then the session is interrupted |
//! | interrupted | costs no retries: the work continues on resume, in the same worktree and agent session |

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Time, Usd};

/// An external dependency whose failure affects all tasks at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "name", rename_all = "snake_case")]
pub enum Service {
    /// An agent backend, by name.
    Agent(String),
    /// The forge.
    Forge,
    /// The machine that everything runs on: its disk.
    Machine,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(name) => write!(f, "agent `{name}`"),
            Self::Forge => f.write_str("the forge"),
            Self::Machine => f.write_str("this machine"),
        }
    }
}

/// Why an effect failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Failure {
    /// Our input is invalid.
    Validation {
        /// What is wrong.
        message: String,
    },
    /// Someone has to make a decision, such as how to resolve merge conflicts.
    NeedsPerson {
        /// The decision to make.
        message: String,
    },
    /// A rule of the forge rejects what every task would ask for; someone has to change the rule.
    Refused {
        /// The rule, in the forge's words.
        message: String,
    },
    /// The agent gave up, or its work is not good enough.
    Task {
        /// What was wrong.
        message: String,
    },
    /// The agent finished without changing anything.
    NoChange,
    /// A check failed; the next attempt continues in the same worktree.
    Check {
        /// Names of the failed checks and the end of their output, for the next attempt.
        message: String,
    },
    /// The program crashed.
    Crash {
        /// How it crashed.
        message: String,
    },
    /// The program ran too long, or produced no output for too long.
    Timeout {
        /// The limit that was exceeded.
        message: String,
    },
    /// A network destination could not be reached.
    Network {
        /// The error message.
        message: String,
    },
    /// The account reached a limit.
    RateLimit {
        /// The service's message.
        message: String,
        /// When the limit ends, if the service reported it.
        until: Option<Time>,
    },
    /// The disk is full. Counted as a crash.
    DiskFull {
        /// What could not be written.
        message: String,
    },
    /// The service is overloaded or unavailable.
    Overloaded {
        /// The service's message.
        message: String,
    },
    /// The service rejects the credentials, or every request with this configuration: no task can
    /// succeed.
    Auth {
        /// The service's message.
        message: String,
    },
    /// We stopped it, or our process ended in the meantime.
    Interrupted,
}

/// The type under which a failure is reported and counted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FailureType {
    /// Our input is invalid.
    Validation,
    /// The task itself failed.
    Task,
    /// A program crashed.
    Crash,
    /// A program ran too long.
    Timeout,
    /// A network destination could not be reached.
    Network,
    /// The account reached a limit.
    RateLimit,
    /// A service is overloaded.
    Overloaded,
    /// The credentials were rejected.
    Auth,
}

impl FailureType {
    /// All types, for tables that include types with a count of zero.
    pub const ALL: [Self; 8] = [
        Self::Validation,
        Self::Task,
        Self::Crash,
        Self::Timeout,
        Self::Network,
        Self::RateLimit,
        Self::Overloaded,
        Self::Auth,
    ];

    /// Returns the name used in JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Task => "task",
            Self::Crash => "crash",
            Self::Timeout => "timeout",
            Self::Network => "network",
            Self::RateLimit => "rate_limit",
            Self::Overloaded => "overloaded",
            Self::Auth => "auth",
        }
    }
}

impl Failure {
    /// Returns the type under which the failure is counted; `None` for an interruption, which is
    /// not a failure.
    pub const fn failure_type(&self) -> Option<FailureType> {
        Some(match self {
            Self::Validation { .. } | Self::Refused { .. } => FailureType::Validation,
            Self::NeedsPerson { .. } | Self::Task { .. } | Self::NoChange | Self::Check { .. } => {
                FailureType::Task
            }
            Self::Crash { .. } | Self::DiskFull { .. } => FailureType::Crash,
            Self::Timeout { .. } => FailureType::Timeout,
            Self::Network { .. } => FailureType::Network,
            Self::RateLimit { .. } => FailureType::RateLimit,
            Self::Overloaded { .. } => FailureType::Overloaded,
            Self::Auth { .. } => FailureType::Auth,
            Self::Interrupted => return None,
        })
    }

    /// Returns the first line of the message.
    pub(crate) fn headline(&self) -> String {
        self.to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// Returns whether the failure says something about the health of the service where it
    /// happened.
    pub const fn is_of_service(&self) -> bool {
        matches!(
            self,
            Self::Crash { .. }
                | Self::DiskFull { .. }
                | Self::Timeout { .. }
                | Self::Network { .. }
                | Self::RateLimit { .. }
                | Self::Overloaded { .. }
        )
    }

    /// Returns whether the failure costs the task one of its retries.
    pub const fn costs_a_retry(&self) -> bool {
        match self {
            Self::Validation { .. }
            | Self::NeedsPerson { .. }
            | Self::Task { .. }
            | Self::NoChange
            | Self::Check { .. }
            | Self::Crash { .. }
            | Self::Timeout { .. } => true,
            Self::Refused { .. }
            | Self::DiskFull { .. }
            | Self::Network { .. }
            | Self::RateLimit { .. }
            | Self::Overloaded { .. }
            | Self::Auth { .. }
            | Self::Interrupted => false,
        }
    }

    /// Returns whether the work was not good enough, so that a stronger model may do better.
    pub const fn is_of_substance(&self) -> bool {
        matches!(
            self,
            Self::Task { .. } | Self::NoChange | Self::Check { .. }
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChange => f.write_str("the agent changed nothing"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Validation { message }
            | Self::NeedsPerson { message }
            | Self::Refused { message }
            | Self::Task { message }
            | Self::Check { message }
            | Self::Crash { message }
            | Self::DiskFull { message }
            | Self::Timeout { message }
            | Self::Network { message }
            | Self::RateLimit { message, .. }
            | Self::Overloaded { message }
            | Self::Auth { message } => f.write_str(message),
        }
    }
}

/// How an agent run ended, according to its backend. Only a claim: the work is checked
/// independently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Ended {
    /// The agent reports success, and nothing contradicts it.
    Done,
    /// It reached its budget, according to itself or to us.
    Budget,
    /// It failed, or was stopped.
    Failed {
        /// The failure.
        failure: Failure,
    },
}

/// What is known about the cost of an agent run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "spent_usd", rename_all = "snake_case")]
pub enum Spent {
    /// The complete cost.
    Known(Usd),
    /// A lower bound, metered while it ran.
    AtLeast(Usd),
    /// Nothing was observed.
    Unknown,
}
