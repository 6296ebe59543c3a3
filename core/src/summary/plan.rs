//! The plan of a session, in figures.

use autoissue_engine::{PlannedIssue, Usd};
use schemars::JsonSchema;
use serde::Serialize;

use crate::chronicle::Chronicle;
use crate::planner::mermaid;

/// The plan of a session.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlanSummary {
    /// The directive; null if none was given.
    pub directive: Option<String>,
    /// US dollars that planning cost; part of what the session spent.
    pub spent_usd: f64,
    /// Estimated cost of its issues in US dollars.
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
    /// Domain as which it is expected to be classified.
    pub domain: String,
    /// Labels.
    pub labels: Vec<String>,
    /// `simple`, `medium` or `complex`.
    pub complexity: &'static str,
    /// Positions of the issues that have to be done first.
    pub depends_on: Vec<u32>,
    /// Model that is expected to be used; null if the agent chooses.
    pub model: Option<String>,
    /// Estimated cost in US dollars.
    pub estimate_usd: f64,
}

impl PlanSummary {
    /// Returns the plan of a session that has one.
    pub(super) fn of(chronicle: &Chronicle) -> Option<Self> {
        let engine = chronicle.engine();
        let plan_progress = engine.plan_progress()?;
        let plan = plan_progress.plan.as_ref()?;
        let issue = |(position, issue): (u32, &PlannedIssue)| PlannedIssueSummary {
            position,
            issue: plan_progress.number_of(position).map(|number| number.0),
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
                .info()
                .directive
                .clone()
                .filter(|text| !text.is_empty()),
            spent_usd: chronicle.money().planning.dollars(),
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
