//! A plan: the issues that a directive was split into, and the progress of creating them.
//!
//! ```text
//!   Decomposing ─► planner runs ─► its answer ─┬─► Confirming ─► Creating ─► issues, then what they depend on ─► Intake
//!        ▲              │            not good  │        └─► declined
//!        └── failed ────┴── once more, with ◄──┘
//!                           what is wrong
//! ```
//!
//! Positions count from 1.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AgentReport, AgentSession, IssueNumber, Time, Usd};

/// Issues to create and run, in order of creation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Id of the plan. It appears in none of the issues, so nobody who does not know it can pass an
    /// issue off as part of the plan.
    pub id: String,
    /// When the plan was made; none of its issues is older. The start of 1970 if unknown.
    pub created_at: Time,
    /// The issues.
    pub issues: Vec<PlannedIssue>,
}

/// An issue of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedIssue {
    /// Title, one line.
    pub title: String,
    /// Body, Markdown.
    pub body: String,
    /// Names of the labels; exactly one of them is a domain.
    pub labels: Vec<String>,
    /// Amount of work.
    pub complexity: Complexity,
    /// Positions of the issues that this one depends on.
    pub depends_on: Vec<u32>,
    /// Domain that the issue is expected to be classified as.
    pub domain: String,
    /// Model that is expected to work on the issue; `None` leaves it to the program.
    pub model: Option<String>,
}

/// Amount of work of an issue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// A small change in one place.
    Simple,
    /// A change in several places.
    #[default]
    Medium,
    /// A change that takes thought.
    Complex,
}

impl Complexity {
    /// Returns the name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Medium => "medium",
            Self::Complex => "complex",
        }
    }
}

/// How a session gets its issues if it plans them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRules {
    /// Source of the plan.
    pub source: PlanSource,
    /// Whether the plan must be approved before anything is created.
    pub confirm: bool,
}

/// Source of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlanSource {
    /// The agent makes the plan.
    Planner {
        /// Model of the planner; `None` leaves it to the program.
        model: Option<String>,
        /// Most that planning may spend, over all attempts.
        #[serde(rename = "cap_usd")]
        cap: Usd,
    },
    /// The plan is given, and costs nothing.
    Given,
}

/// Progress of a session that plans its issues.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanProgress {
    /// Attempts of the planner so far.
    pub n_attempts: u32,
    /// Retries used.
    pub n_retries: u32,
    /// Cost of planning, over all attempts.
    pub spent: Usd,
    /// The estimated part of `spent`.
    pub estimated: Usd,
    /// The running planner.
    pub attempt: Option<PlannerAttempt>,
    /// Earliest time to start the planner again.
    pub(crate) not_before: Time,
    /// The invalid answer.
    pub rejection: Option<Rejection>,
    /// Last report of the planner.
    pub report: Option<AgentReport>,
    /// Agent session that gave the invalid answer, to be resumed.
    pub(crate) session: Option<AgentSession>,
    /// The plan.
    pub plan: Option<Plan>,
    /// Whether the plan was declined.
    pub is_declined: bool,
    /// Numbers of the created issues, by position.
    pub created: Vec<IssueNumber>,
    /// Number of issues whose dependencies are recorded, or that have none.
    pub(crate) n_linked: usize,
    /// Progress of the creation of issues.
    pub(crate) creation: Creation,
}

/// A run of the planner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannerAttempt {
    /// Number, from 1.
    pub number: u32,
    /// Amount still reserved.
    pub reserved: Usd,
    /// Amount that the planner was seen to spend.
    pub metered: Usd,
    /// Whether the planner was stopped for exceeding its limit.
    pub over_budget: bool,
}

/// An answer that is not a valid plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rejection {
    /// What is wrong with it, one problem per line.
    pub message: String,
    /// File that contains the answer.
    pub file: String,
}

/// Progress of the creation of issues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Creation {
    /// Nothing was requested.
    #[default]
    Idle,
    /// Waiting for the forge's answer.
    InFlight {
        /// Failures in a row.
        n_failures: u32,
    },
    /// Waiting to retry.
    Delayed {
        /// Earliest time of the retry.
        until: Time,
        /// Failures in a row.
        n_failures: u32,
    },
}

/// The next step for a plan that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanStep {
    /// Create the issue at this position.
    Create(u32),
    /// Record the dependencies of the issue at this position.
    Link(u32),
}

impl PlanProgress {
    /// Returns the number of the issue at a position, once it is created.
    pub fn number_of(&self, position: u32) -> Option<IssueNumber> {
        self.created
            .get((position as usize).checked_sub(1)?)
            .copied()
    }

    /// Returns the issue at a position.
    pub fn issue_at(&self, position: u32) -> Option<&PlannedIssue> {
        self.plan
            .as_ref()?
            .issues
            .get((position as usize).checked_sub(1)?)
    }

    /// Returns whether an answer is outstanding.
    pub(crate) const fn is_in_flight(&self) -> bool {
        self.attempt.is_some() || matches!(self.creation, Creation::InFlight { .. })
    }

    /// Returns the next step; `None` if all issues exist, or there is no plan.
    pub(crate) fn next_step(&self) -> Option<PlanStep> {
        let plan = self.plan.as_ref()?;
        let position = |at: usize| u32::try_from(at + 1).unwrap_or(u32::MAX);
        if self.created.len() < plan.issues.len() {
            return Some(PlanStep::Create(position(self.created.len())));
        }
        (self.n_linked < plan.issues.len()).then(|| PlanStep::Link(position(self.n_linked)))
    }

    /// Skips the issues that have no dependencies.
    pub(crate) fn pass_unlinked(&mut self) {
        let Some(plan) = &self.plan else { return };
        let rest = plan.issues.iter().skip(self.n_linked);
        self.n_linked += rest.take_while(|issue| issue.depends_on.is_empty()).count();
    }

    /// Returns a retry that an outage cost.
    pub(crate) const fn forgive(&mut self) {
        self.n_retries = self.n_retries.saturating_sub(1);
        if let Creation::InFlight { n_failures } | Creation::Delayed { n_failures, .. } =
            &mut self.creation
        {
            *n_failures = n_failures.saturating_sub(1);
        }
    }
}
