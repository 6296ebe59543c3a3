//! A plan: issues that a directive was split into, and how far they have come.
//!
//! ```text
//!   Decomposing ─► planner runs ─► its answer ─┬─► Confirming ─► Creating ─► issues, then what they depend on ─► Intake
//!        ▲              │            not good  │        └─► declined
//!        └── failed ────┴── once more, with ◄──┘
//!                           what is wrong
//! ```
//!
//! Positions count from 1, as people count.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AgentReport, AgentSession, IssueNumber, Time, Usd};

/// Issues to be created and run, in the order in which they are created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Names the plan, and is in none of its issues: whoever does not know it cannot make an issue pass for one of the plan.
    pub id: String,
    /// When it was made; none of its issues is older. The beginning of 1970 where nobody knows.
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
    /// Names of the labels; exactly one is a domain.
    pub labels: Vec<String>,
    /// How much work it is.
    pub complexity: Complexity,
    /// Positions of the issues that have to come before.
    pub depends_on: Vec<u32>,
    /// Domain that it is expected to be classified as.
    pub domain: String,
    /// Model that is expected to work on it; `None` leaves it to the program.
    pub model: Option<String>,
}

/// How much work an issue is.
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
    /// Returns the name as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Medium => "medium",
            Self::Complex => "complex",
        }
    }
}

/// How a session comes by its issues where it plans them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRules {
    /// Where the plan is from.
    pub source: PlanSource,
    /// Whether a person has to agree before anything is created.
    pub confirm: bool,
}

/// Where a plan is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlanSource {
    /// The agent makes it.
    Planner {
        /// Its model; `None` leaves it to the program.
        model: Option<String>,
        /// Most that planning may spend, all attempts together.
        #[serde(rename = "cap_usd")]
        cap: Usd,
    },
    /// It is given, and costs nothing.
    Given,
}

/// How far a session has come that plans its issues.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Planning {
    /// Attempts of the planner so far.
    pub n_attempts: u32,
    /// Retries used up.
    pub n_retries: u32,
    /// What planning has cost, all attempts.
    pub spent: Usd,
    /// How much of that is assumed.
    pub assumed: Usd,
    /// The planner in flight.
    pub attempt: Option<PlannerAttempt>,
    /// When the planner may be asked again.
    pub(crate) not_before: Time,
    /// The answer that was not good enough.
    pub rejection: Option<Rejection>,
    /// Last report of the planner.
    pub report: Option<AgentReport>,
    /// Session of the agent whose answer was not good enough, to go on with.
    pub(crate) session: Option<AgentSession>,
    /// The plan.
    pub plan: Option<Plan>,
    /// Whether a person does not want it.
    pub is_declined: bool,
    /// Numbers of the issues that are created, by position.
    pub created: Vec<IssueNumber>,
    /// Positions whose dependencies are written down, or that have none.
    pub(crate) n_linked: usize,
    /// What the creation waits for.
    pub(crate) creation: Creation,
}

/// A run of the planner in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannerAttempt {
    /// Number, from 1.
    pub number: u32,
    /// Money still set aside.
    pub reserved: Usd,
    /// What it was seen to spend.
    pub metered: Usd,
    /// Whether it was told to stop for its money.
    pub over_budget: bool,
}

/// An answer that is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rejection {
    /// What is wrong with it, a line each.
    pub message: String,
    /// File that keeps it.
    pub file: String,
}

/// What the creation of issues waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Creation {
    /// Nothing was asked for.
    #[default]
    Idle,
    /// The forge owes an answer, after so many failures in a row.
    InFlight {
        /// Failures in a row.
        n_failures: u32,
    },
    /// It is tried again, not before this time.
    Delayed {
        /// When.
        until: Time,
        /// Failures in a row.
        n_failures: u32,
    },
}

/// The next thing to do for a plan that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanStep {
    /// Create the issue at this position.
    Create(u32),
    /// Write down what the issue at this position depends on.
    Link(u32),
}

impl Planning {
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

    /// Returns whether the world owes an answer.
    pub(crate) const fn is_in_flight(&self) -> bool {
        self.attempt.is_some() || matches!(self.creation, Creation::InFlight { .. })
    }

    /// Returns what comes next; `None` where all issues are there, or there is no plan.
    pub(crate) fn next_step(&self) -> Option<PlanStep> {
        let plan = self.plan.as_ref()?;
        let position = |at: usize| u32::try_from(at + 1).unwrap_or(u32::MAX);
        if self.created.len() < plan.issues.len() {
            return Some(PlanStep::Create(position(self.created.len())));
        }
        (self.n_linked < plan.issues.len()).then(|| PlanStep::Link(position(self.n_linked)))
    }

    /// Passes over the issues that depend on nothing.
    pub(crate) fn pass_unlinked(&mut self) {
        let Some(plan) = &self.plan else { return };
        let rest = plan.issues.iter().skip(self.n_linked);
        self.n_linked += rest.take_while(|issue| issue.depends_on.is_empty()).count();
    }

    /// Gives back a retry that an outage cost.
    pub(crate) const fn forgive(&mut self) {
        self.n_retries = self.n_retries.saturating_sub(1);
        if let Creation::InFlight { n_failures } | Creation::Delayed { n_failures, .. } =
            &mut self.creation
        {
            *n_failures = n_failures.saturating_sub(1);
        }
    }
}
