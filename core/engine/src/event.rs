//! What is now true, in the past tense. The journal, the live screen, `status`, `resume` and the
//! test oracles read these events.
//!
//! ```text
//!   {"chapter":"attempt","type":"started","issue":7,"attempt":1,"reserved_usd":1.5,"model":"sonnet"}
//! ```
//!
//! The JSON form is stable and described by [`Event`]'s JSON Schema: each object with variants is
//! distinguished by its own field `type`; amounts are dollars in fields that end in `_usd`, times
//! are RFC 3339, durations end in `_ms`. Fields added later have a default, because new releases
//! read old journals. An unknown event is an error in an old release, because it could not continue
//! correctly.

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
    /// SessionInfo the session as a whole.
    Session(SessionEvent),
    /// SessionInfo the plan, from a directive to issues.
    Plan(PlanEvent),
    /// SessionInfo the backlog.
    Intake(IntakeEvent),
    /// SessionInfo a task, apart from its attempts.
    Task(TaskEvent),
    /// SessionInfo one attempt at a task.
    Attempt(AttemptEvent),
    /// SessionInfo a service that all tasks share.
    Service(ServiceEvent),
}

impl Event {
    /// Returns the failure that the event reports, if any.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Session(_) | Self::Task(_) | Self::Service(_) => None,
            Self::Plan(event) => event.failure(),
            Self::Intake(event) => event.failure(),
            Self::Attempt(event) => event.failure(),
        }
    }

    /// Returns the task that the event is about.
    pub fn issue(&self) -> Option<IssueNumber> {
        match self {
            Self::Session(_) | Self::Plan(_) | Self::Intake(_) => None,
            Self::Task(event) => Some(event.issue()),
            Self::Attempt(event) => Some(event.attempt_id().0),
            Self::Service(event) => event.issue(),
        }
    }

    /// Returns the number of the attempt that the event is about: the task's or, if there is no
    /// task, the planner's.
    pub const fn attempt(&self) -> Option<u32> {
        match self {
            Self::Session(_) | Self::Intake(_) | Self::Task(_) | Self::Service(_) => None,
            Self::Plan(event) => event.attempt(),
            Self::Attempt(event) => Some(event.attempt_id().1),
        }
    }
}
