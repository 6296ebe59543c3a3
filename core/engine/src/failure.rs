//! What can go wrong, told apart by what should happen next.
//!
//! | failure | what happens next |
//! | --- | --- |
//! | validation | the task ends: the same input cannot succeed |
//! | of the task | the task is tried again with what was learnt, at most `max_retries` times |
//! | transient | the same, after a delay |
//! | a rule of the forge | what every task would meet: the session is interrupted, and a resume publishes first |
//! | of a service | nobody's retries pay: the service pauses, its tasks wait, and go on in the same tree and session |
//! | of the machine | nobody's retries pay: nothing starts until a probe succeeds; after an hour the session is interrupted |
//! | credentials | nobody's retries pay: one more start confirms it, then the session is interrupted |
//! | interrupted | nobody's retries pay: the work goes on at resume, in the same tree and session |

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Time, Usd};

/// An outside thing that can fail for all tasks at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "name", rename_all = "snake_case")]
pub enum Service {
    /// An agent backend, by name.
    Agent(String),
    /// The forge.
    Forge,
    /// The machine that all of it runs on: its disk.
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

/// Why an effect did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Failure {
    /// Our input is wrong.
    Validation {
        /// What is wrong.
        message: String,
    },
    /// A person has to decide something, such as how to merge what conflicts.
    NeedsPerson {
        /// What is to be decided.
        message: String,
    },
    /// The forge refuses, by a rule of its own, what every task would ask of it; a person has to change that.
    Refused {
        /// The rule, in the words of the forge.
        message: String,
    },
    /// The agent gave up, or its work is not good enough.
    Task {
        /// What was not good enough.
        message: String,
    },
    /// The agent was done and had changed nothing.
    NoChange,
    /// A check failed; the next attempt goes on in the same worktree.
    Check {
        /// Names of the failed checks and the end of their output, for the next attempt.
        message: String,
    },
    /// The program crashed.
    Crash {
        /// How.
        message: String,
    },
    /// The program took too long, or was silent for too long.
    Timeout {
        /// Which limit.
        message: String,
    },
    /// Something could not be reached.
    Network {
        /// What.
        message: String,
    },
    /// The account is limited.
    RateLimit {
        /// What the service said.
        message: String,
        /// When the limit ends, where the service said so.
        until: Option<Time>,
    },
    /// The disk is full. It is counted as a crash, which is what it was told apart from.
    DiskFull {
        /// What could not be written.
        message: String,
    },
    /// The service is overloaded or out of order.
    Overloaded {
        /// What the service said.
        message: String,
    },
    /// The service does not accept the credentials, or nothing that is asked of it with this configuration: no task can succeed.
    Auth {
        /// What the service said.
        message: String,
    },
    /// We stopped it, or we died meanwhile.
    Interrupted,
}

/// The type under which a failure is shown and counted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FailureType {
    /// Our input is wrong.
    Validation,
    /// Of the task.
    Task,
    /// A program crashed.
    Crash,
    /// A program took too long.
    Timeout,
    /// Something could not be reached.
    Network,
    /// The account is limited.
    RateLimit,
    /// A service is overloaded.
    Overloaded,
    /// Bad credentials.
    Auth,
}

impl FailureType {
    /// Every type, for tables that show what did not happen too.
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

    /// Returns the name as it appears in JSON and metrics.
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
    /// Returns the type under which it is counted; an interruption is no failure.
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

    /// Returns its first line.
    pub(crate) fn headline(&self) -> String {
        self.to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// Returns whether it says something about the health of the service where it happened.
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

    /// Returns whether the task itself has used up one of its retries.
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

/// How an agent's run ended, as the backend read it. Never believed further than that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Ended {
    /// It says that it is done, and nothing speaks against it.
    Done,
    /// It reached its budget, by its own count or by ours.
    Budget,
    /// It failed, or was stopped.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// What is known of the cost of an agent's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "spent_usd", rename_all = "snake_case")]
pub enum Spent {
    /// The whole cost.
    Known(Usd),
    /// At least this, seen while it ran.
    AtLeast(Usd),
    /// Nothing was seen.
    Unknown,
}
