//! Every decision of an autoissue session, as a pure state machine.
//!
//! ```text
//!                 ┌──────────────────────────────┐
//!   now, Input ──►│ Engine::step                 │──► Step { events, effects, wake_at, over }
//!                 │   decide ─► Event ─► apply   │
//!                 └──────────────────────────────┘
//! ```
//!
//! An [`Input`] says what happened. The engine answers with [`Event`]s (what is now true, to be
//! journaled first) and [`Effect`]s (what to do next, carried out elsewhere). The state changes
//! only in `apply`, so replaying the events of a session yields exactly the engine that emitted
//! them: [`Engine::replay`].
//!
//! The engine uses no clock, files, environment or randomness: the time comes with each input.

mod agent;
mod blocked;
mod breaker;
mod conflict;
mod dependency;
mod effect;
mod engine;
mod estimate;
mod event;
mod failure;
mod input;
mod issue;
mod kind;
mod ledger;
mod money;
mod outcome;
mod plan;
mod plugin_failure;
mod queue;
mod retry;
mod settings;
mod task;
mod time;

pub use agent::{AgentReport, AgentSession};
pub use autoissue_plugin_sdk::{AgentTask, Effort};
pub use blocked::Blocked;
pub use breaker::{Breaker, BreakerState};
pub use conflict::overlap;
pub use dependency::{circles as dependency_circles, cycle as dependency_cycle};
pub use effect::{
    AgentOrder, AttemptEffect, BacklogSource, CreateOrder, Effect, IntakeEffect, PlanEffect,
    PlannerOrder, PublishOrder, StackedOn, Start, StopReason, TaskEffect,
};
pub use engine::{Engine, Phase, Step};
pub use estimate::{CostHistory, p90};
pub use event::{
    AttemptEvent, Event, IntakeEvent, PlanEvent, ServiceEvent, SessionEvent, TaskEvent,
};
pub use failure::{Ended, Failure, FailureType, Service, Spent};
pub use input::{
    Answer, AttemptInput, CheckResult, FileChange, Input, IntakeInput, PlanInput, Publication,
    ServiceInput, SessionInput, TaskInput, Withdrawal, Work,
};
pub use issue::{Classification, Dependency, Issue, IssueNumber, PullRequest};
pub use kind::{AttemptStage, TaskKind};
pub use ledger::Ledger;
pub use money::Usd;
pub use outcome::{NotStarted, Outcome, OutcomeGroup, SessionOutcome, Skip};
pub use plan::{
    Complexity, Plan, PlanProgress, PlanRules, PlanSource, PlannedIssue, PlannerAttempt, Rejection,
};
pub use plugin_failure::{PluginFailure, PluginFailureAction};
pub use settings::{CostReporting, ModelChoice, RedBase, SessionInfo, Settings, UnfinishedWork};
pub use task::{Attempt, AttemptState, Task, TaskState};
pub use time::Time;
