//! Work to be done outside the engine. An effect carries everything that the session decides about
//! it and can be serialized as JSON, so that it can be carried out without asking the engine again,
//! and in another process. Details of the machine that carries it out (directories, programs,
//! credentials) are not part of it. Every effect may be repeated. Each is answered by exactly one
//! input, unless documented otherwise.

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

/// Work to be done, by chapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "chapter", rename_all = "snake_case")]
pub enum Effect {
    /// For the plan.
    Plan(PlanEffect),
    /// For the session's backlog and base.
    Intake(IntakeEffect),
    /// To prepare a task for its attempts.
    Task(TaskEffect),
    /// For one attempt.
    Attempt(AttemptEffect),
}

/// Why an effect is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The run exceeded its reservation.
    Budget,
    /// The session was interrupted: ask the program to exit.
    Interrupted,
    /// The session was interrupted a second time: kill the program.
    Killed,
}

impl Effect {
    /// Returns the name of the effect, for the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Plan(effect) => effect.name(),
            Self::Intake(effect) => effect.name(),
            Self::Task(effect) => effect.name(),
            Self::Attempt(effect) => effect.name(),
        }
    }

    /// Returns the task that the effect belongs to, if any.
    pub fn issue(&self) -> Option<IssueNumber> {
        match self {
            Self::Plan(_) | Self::Intake(_) => None,
            Self::Task(effect) => Some(effect.issue()),
            Self::Attempt(effect) => Some(effect.issue()),
        }
    }

    /// Returns the number of the attempt that the effect belongs to, which for planning is the
    /// planner's.
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
