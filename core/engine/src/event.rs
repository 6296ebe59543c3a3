//! What is now true, in the past tense: the journal, the live screen, `status`, `resume` and the test oracles read these.
//!
//! ```text
//!   {"chapter":"attempt","type":"started","issue":7,"attempt":1,"reserved_usd":1.5,"model":"sonnet"}
//! ```
//!
//! The JSON form is a promise, and [`Event`]'s JSON Schema states it: each object with variants is told apart by a field of its
//! own, `type`; amounts are dollars in fields that end in `_usd`, times are RFC 3339, durations end in `_ms`. A field added later has
//! a default, for old journals are read by new releases; an event that an old release does not know is an error there, for it
//! could not go on correctly.

mod attempt;
mod intake;
mod plan;
mod service;
mod session;
mod task;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Failure, IssueNumber};

pub use attempt::AttemptEvent;
pub use intake::IntakeEvent;
pub use plan::PlanEvent;
pub use service::ServiceEvent;
pub use session::SessionEvent;
pub use task::TaskEvent;

/// What happened in a session, by chapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "chapter", rename_all = "snake_case")]
pub enum Event {
    /// To the session as a whole.
    Session(SessionEvent),
    /// To the plan, on the way from a directive to issues.
    Plan(PlanEvent),
    /// To the backlog.
    Intake(IntakeEvent),
    /// To a task, apart from its attempts.
    Task(TaskEvent),
    /// To one try at a task.
    Attempt(AttemptEvent),
    /// To a service that all tasks share.
    Service(ServiceEvent),
}

impl Event {
    /// Returns the failure that the event is about, if it is about one.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Session(_) | Self::Task(_) | Self::Service(_) => None,
            Self::Plan(event) => event.failure(),
            Self::Intake(event) => event.failure(),
            Self::Attempt(event) => event.failure(),
        }
    }

    /// Returns the task that it is about.
    pub fn issue(&self) -> Option<IssueNumber> {
        match self {
            Self::Session(_) | Self::Plan(_) | Self::Intake(_) => None,
            Self::Task(event) => Some(event.issue()),
            Self::Attempt(event) => Some(event.whose().0),
            Self::Service(event) => event.issue(),
        }
    }

    /// Returns the number of the attempt that it is about: the task's, or, without a task, the planner's.
    pub const fn attempt(&self) -> Option<u32> {
        match self {
            Self::Session(_) | Self::Intake(_) | Self::Task(_) | Self::Service(_) => None,
            Self::Plan(event) => event.attempt(),
            Self::Attempt(event) => Some(event.whose().1),
        }
    }
}
