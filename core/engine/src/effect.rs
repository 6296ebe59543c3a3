//! What is to be done in the world. An effect carries everything that the session decides of it, and can be written and read as JSON, so
//! that whoever does it need not ask the engine again, nor run in the same process. What belongs to the machine that does it (directories,
//! programs, credentials) is not in it. Every effect may be repeated; each is answered by exactly one input, unless it says otherwise.

mod attempt;
mod intake;
mod plan;
mod task;

use serde::{Deserialize, Serialize};

use crate::IssueNumber;

pub use attempt::{AgentOrder, AttemptEffect, PublishOrder, StackedOn, Start};
pub use intake::{BacklogSource, IntakeEffect};
pub use plan::{CreateOrder, PlanEffect, PlannerOrder};
pub use task::TaskEffect;

/// What is to be done, by chapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "chapter", rename_all = "snake_case")]
pub enum Effect {
    /// For the plan.
    Plan(PlanEffect),
    /// For the session's backlog and base.
    Intake(IntakeEffect),
    /// To make a task ready for its attempts.
    Task(TaskEffect),
    /// For one attempt.
    Attempt(AttemptEffect),
}

/// Why something is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It passed its reservation.
    Budget,
    /// The session is interrupted: ask it to end.
    Interrupted,
    /// The session is interrupted again: end it.
    Killed,
}

impl Effect {
    /// Returns its name, for the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Plan(effect) => effect.name(),
            Self::Intake(effect) => effect.name(),
            Self::Task(effect) => effect.name(),
            Self::Attempt(effect) => effect.name(),
        }
    }

    /// Returns the task that it is for, if it is for one.
    pub fn issue(&self) -> Option<IssueNumber> {
        match self {
            Self::Plan(_) | Self::Intake(_) => None,
            Self::Task(effect) => Some(effect.issue()),
            Self::Attempt(effect) => Some(effect.issue()),
        }
    }

    /// Returns the attempt that it is for, or that of the planner.
    pub fn attempt(&self) -> Option<u32> {
        match self {
            Self::Plan(effect) => effect.attempt(),
            Self::Intake(_) | Self::Task(_) => None,
            Self::Attempt(effect) => Some(effect.attempt()),
        }
    }
}

impl From<PlanEffect> for Effect {
    fn from(effect: PlanEffect) -> Self {
        Self::Plan(effect)
    }
}

impl From<IntakeEffect> for Effect {
    fn from(effect: IntakeEffect) -> Self {
        Self::Intake(effect)
    }
}

impl From<TaskEffect> for Effect {
    fn from(effect: TaskEffect) -> Self {
        Self::Task(effect)
    }
}

impl From<AttemptEffect> for Effect {
    fn from(effect: AttemptEffect) -> Self {
        Self::Attempt(effect)
    }
}
