//! The plan of a session, as figures.

use autoissue_engine::{PlannedIssue, Usd};
use schemars::JsonSchema;
use serde::Serialize;

use crate::chronicle::Chronicle;
use crate::planner::mermaid;

/// The plan of a session.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlanSummary {
    /// What it is for; null where nobody said.
    pub directive: Option<String>,
    /// US dollars that planning cost; part of what the session spent.
    pub spent_usd: f64,
    /// US dollars that its issues are expected to cost.
    pub estimate_usd: f64,
    /// Its issues, in the order in which they are created.
    pub issues: Vec<PlannedIssueSummary>,
    /// The dependencies as a Mermaid diagram.
    pub mermaid: String,
}

/// An issue of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlannedIssueSummary {
    /// Position in the plan, from 1.
    pub position: u32,
    /// Number on the forge, once it is created; null before.
    pub issue: Option<u64>,
    /// Title.
    pub title: String,
    /// Domain that it is expected to be classified as.
    pub domain: String,
    /// Labels.
    pub labels: Vec<String>,
    /// `simple`, `medium` or `complex`.
    pub complexity: &'static str,
    /// Positions of the issues that have to come before.
    pub depends_on: Vec<u32>,
    /// Model that is expected to work on it; null leaves it to the agent.
    pub model: Option<String>,
    /// US dollars that it is expected to cost.
    pub estimate_usd: f64,
}

impl PlanSummary {
    /// Returns the plan of a session that has one.
    pub(super) fn of(chronicle: &Chronicle) -> Option<Self> {
        let engine = chronicle.engine();
        let planning = engine.planning()?;
        let plan = planning.plan.as_ref()?;
        let issue = |(position, issue): (u32, &PlannedIssue)| PlannedIssueSummary {
            position,
            issue: planning.number_of(position).map(|number| number.0),
            title: issue.title.clone(),
            domain: issue.domain.clone(),
            labels: issue.labels.clone(),
            complexity: issue.complexity.name(),
            depends_on: issue.depends_on.clone(),
            model: issue.model.clone(),
            estimate_usd: engine.planned_estimate(issue).dollars(),
        };
        Some(Self {
            directive: engine
                .about()
                .directive
                .clone()
                .filter(|text| !text.is_empty()),
            spent_usd: chronicle.money().planned.dollars(),
            estimate_usd: plan
                .issues
                .iter()
                .map(|issue| engine.planned_estimate(issue))
                .sum::<Usd>()
                .dollars(),
            issues: (1..).zip(&plan.issues).map(issue).collect(),
            mermaid: mermaid(plan),
        })
    }
}
