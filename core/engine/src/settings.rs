//! The limits and rules of a session. Journaled with its start, so that a replay needs nothing
//! else.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{AgentSession, IssueNumber, PlanRules, Service, Time, Usd};

/// Limits and rules of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// Most that the session may spend.
    #[serde(rename = "budget_usd")]
    pub budget: Usd,
    /// Most that one task may spend, over all its attempts.
    #[serde(rename = "task_cap_usd")]
    pub task_cap: Usd,
    /// Amount withheld from the limit given to an agent, because agents check their spending only
    /// between turns.
    #[serde(rename = "turn_margin_usd")]
    pub turn_margin: Usd,
    /// How the cost of the agent becomes known.
    pub cost_reporting: CostReporting,
    /// Maximum number of concurrent attempts.
    pub n_slots: u32,
    /// Retries of a task after its first attempt.
    pub max_retries: u32,
    /// Maximum number of concurrent attempts in one domain.
    pub max_per_domain: u32,
    /// Domains whose tasks run alone.
    pub exclusive_domains: BTreeSet<String>,
    /// Consecutive failures of a service that open its breaker.
    pub breaker_threshold: u32,
    /// Milliseconds until an open breaker probes.
    pub breaker_cooldown_ms: u64,
    /// Whether to start as many tasks as the budget allows, even if the whole backlog does not fit.
    pub allow_partial: bool,
    /// Whether to stop once the plan is ready.
    pub dry_run: bool,
    /// Name of the agent backend.
    pub agent: String,
    /// How the model is chosen.
    pub model: ModelChoice,
    /// Whether there are checks to run.
    pub has_checks: bool,
    /// What to do when a check also fails without our work.
    pub red_base: RedBase,
    /// Nothing new starts from this time on.
    pub start_until: Option<Time>,
    /// Seed of the jitter.
    pub seed: u64,
    /// The strategy used for each replaceable decision, by kind: name and version, and for a plugin
    /// the SHA-256 of its component.
    pub deciders: BTreeMap<String, String>,
    /// How the issues are planned, if they are.
    pub plan: Option<PlanRules>,
    /// Whether to start tasks that depend on an open issue outside the session.
    pub ignore_outside: bool,
}

impl Settings {
    /// Returns the agent backend as a service.
    pub fn agent_service(&self) -> Service {
        Service::Agent(self.agent.clone())
    }

    /// Returns the effective margin: at most half of a task's cap, so that a small cap can still
    /// start an agent.
    pub fn margin(&self) -> Usd {
        self.margin_of(self.task_cap)
    }

    /// Returns the effective margin for another cap.
    pub fn margin_of(&self, cap: Usd) -> Usd {
        self.turn_margin.min(cap.half())
    }
}

impl Default for Settings {
    /// Returns the defaults of the configuration, without the name of an agent.
    fn default() -> Self {
        Self {
            budget: Usd::from_cents(50_00),
            task_cap: Usd::from_cents(5_00),
            turn_margin: Usd::from_cents(50),
            cost_reporting: CostReporting::AsItGoes,
            n_slots: 3,
            max_retries: 2,
            max_per_domain: 1,
            exclusive_domains: BTreeSet::from(["unknown".to_owned()]),
            breaker_threshold: 5,
            breaker_cooldown_ms: 60_000,
            allow_partial: false,
            dry_run: false,
            agent: "agent".to_owned(),
            model: ModelChoice::Fixed {
                model: Some("sonnet".to_owned()),
            },
            has_checks: false,
            red_base: RedBase::Fail,
            start_until: None,
            seed: 0,
            deciders: BTreeMap::new(),
            plan: None,
            ignore_outside: false,
        }
    }
}

/// How the cost of an agent becomes known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostReporting {
    /// The agent is free.
    Free,
    /// It is reported while the agent runs.
    AsItGoes,
    /// It is reported only at the end.
    AtTheEnd,
}

/// How the model of a task is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ModelChoice {
    /// Always this model; `None` leaves it to the program.
    Fixed {
        /// Name of the model.
        model: Option<String>,
    },
    /// The model selector decides.
    Auto,
}

/// What to do when a check already fails on the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RedBase {
    /// Start nothing.
    Fail,
    /// Ignore the check when judging the work.
    IgnoreKnown,
}

/// What a session is about, and the work that earlier sessions left to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionInfo {
    /// Label of its issues; empty if they are planned.
    pub label: String,
    /// Restricts the session to these issues with the label; empty means all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub only: BTreeSet<IssueNumber>,
    /// The directive to plan; `None` if the issues already exist.
    pub directive: Option<String>,
    /// `owner/name`, or the name of the local repository.
    pub repository: String,
    /// Branch that the work starts from and is merged into.
    pub base_branch: String,
    /// Version of autoissue.
    pub version: String,
    /// Interrupted work of earlier sessions, to be continued.
    #[serde(deserialize_with = "by_number")]
    #[schemars(with = "BTreeMap<String, UnfinishedWork>")]
    pub unfinished: BTreeMap<IssueNumber, UnfinishedWork>,
}

/// Reads an object whose keys are issue numbers. JSON keys are strings, and serde does not read
/// numbers from them inside an event: events are tagged, so they are buffered before their variant
/// is known.
fn by_number<'de, D>(deserializer: D) -> Result<BTreeMap<IssueNumber, UnfinishedWork>, D::Error>
where
    D: Deserializer<'de>,
{
    let read = BTreeMap::<String, UnfinishedWork>::deserialize(deserializer)?;
    read.into_iter()
        .map(|(key, unfinished)| {
            let number = key.parse().map_err(D::Error::custom)?;
            Ok((IssueNumber(number), unfinished))
        })
        .collect()
}

/// Work on an issue that an earlier session left unfinished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnfinishedWork {
    /// What all earlier sessions have spent on it. Counts against the task's cap, but not against
    /// the session's budget.
    #[serde(rename = "spent_usd")]
    pub spent: Usd,
    /// Commit that the work started from.
    pub base: String,
    /// Commit that contains the work; `None` if there is none.
    pub work: Option<String>,
    /// Session of the agent.
    pub session: Option<AgentSession>,
}
