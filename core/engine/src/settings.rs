//! What a session was told: limits and rules. Journaled with its start, so that a replay needs nothing else.

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
    /// Most that one task may spend, all its attempts together.
    #[serde(rename = "task_cap_usd")]
    pub task_cap: Usd,
    /// Money kept back from what an agent is told, for it checks between turns.
    #[serde(rename = "turn_margin_usd")]
    pub turn_margin: Usd,
    /// How the cost of the agent is known.
    pub metering: Metering,
    /// Attempts in flight.
    pub n_slots: u32,
    /// Retries of a task after its first attempt.
    pub max_retries: u32,
    /// Attempts at once in one domain.
    pub max_per_domain: u32,
    /// Domains that run alone.
    pub exclusive_domains: BTreeSet<String>,
    /// Consecutive failures of a service that open its breaker.
    pub breaker_threshold: u32,
    /// Milliseconds until an open breaker probes.
    pub breaker_cooldown_ms: u64,
    /// Whether to start what fits although the whole backlog does not fit the budget.
    pub allow_partial: bool,
    /// Whether to stop when the plan stands.
    pub dry_run: bool,
    /// Name of the agent backend.
    pub agent: String,
    /// Which model works.
    pub model: ModelChoice,
    /// Whether there are checks to run.
    pub has_checks: bool,
    /// What to do when a check fails without any work of ours.
    pub red_base: RedBase,
    /// Nothing starts from this time on.
    pub start_until: Option<Time>,
    /// Seed of the jitter.
    pub seed: u64,
    /// Who takes each replaceable decision, by its kind: name and version, and of a plugin the SHA-256 of its component.
    pub deciders: BTreeMap<String, String>,
    /// How the issues are planned, where they are.
    pub plan: Option<PlanRules>,
    /// Whether to start what depends on an open issue that is not part of the session.
    pub ignore_outside: bool,
}

impl Settings {
    /// Returns the service that the agent backend is.
    pub fn agent_service(&self) -> Service {
        Service::Agent(self.agent.clone())
    }

    /// Returns the margin in force: never more than half of a task's cap, or a small cap could start nothing.
    pub fn margin(&self) -> Usd {
        self.margin_of(self.task_cap)
    }

    /// Returns the margin in force under another cap.
    pub fn margin_of(&self, cap: Usd) -> Usd {
        self.turn_margin.min(cap.half())
    }
}

impl Default for Settings {
    /// The defaults of the configuration, for an agent that is not named.
    fn default() -> Self {
        Self {
            budget: Usd::from_cents(50_00),
            task_cap: Usd::from_cents(5_00),
            turn_margin: Usd::from_cents(50),
            metering: Metering::AsItGoes,
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

/// How the cost of an agent is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metering {
    /// It costs nothing.
    Free,
    /// While it runs.
    AsItGoes,
    /// At the end only.
    AtTheEnd,
}

/// Which model works on a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ModelChoice {
    /// Always this one; `None` leaves it to the program.
    Fixed {
        /// Its name.
        model: Option<String>,
    },
    /// The model selector is asked.
    Auto,
}

/// What to do when a check fails on the base already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RedBase {
    /// Start nothing.
    Fail,
    /// Let such a check say nothing about the work.
    IgnoreKnown,
}

/// What a session is about, and what earlier sessions left to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// Label that its issues carry; empty where they are planned.
    pub label: String,
    /// Only these of the issues with the label; empty means all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub only: BTreeSet<IssueNumber>,
    /// What is planned; `None` where the issues are there already.
    pub directive: Option<String>,
    /// `owner/name`, or the name of the local repository.
    pub repository: String,
    /// Branch that the work starts from and goes back to.
    pub base_branch: String,
    /// Version of autoissue.
    pub version: String,
    /// Work of earlier sessions that was cut off, to be continued.
    #[serde(deserialize_with = "by_number")]
    #[schemars(with = "BTreeMap<String, CutOff>")]
    pub cut_off: BTreeMap<IssueNumber, CutOff>,
}

/// Reads an object whose keys are the numbers of issues. In JSON they are strings, which a number is not read from within an event:
/// events are tagged, so they are taken in whole before it is known which one it is.
fn by_number<'de, D>(deserializer: D) -> Result<BTreeMap<IssueNumber, CutOff>, D::Error>
where
    D: Deserializer<'de>,
{
    let read = BTreeMap::<String, CutOff>::deserialize(deserializer)?;
    read.into_iter()
        .map(|(key, cut_off)| {
            let number = key.parse().map_err(D::Error::custom)?;
            Ok((IssueNumber(number), cut_off))
        })
        .collect()
}

/// Work on an issue that an earlier session had to leave unfinished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CutOff {
    /// What all earlier sessions have spent on it. It counts against the task's cap, and not against the session's budget.
    #[serde(rename = "spent_usd")]
    pub spent: Usd,
    /// Commit that the work started from.
    pub base: String,
    /// Commit that holds the work; `None` where there is none.
    pub work: Option<String>,
    /// Session of the agent.
    pub session: Option<AgentSession>,
}
