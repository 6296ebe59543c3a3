//! What a session was started with: the issues of a label, or a plan. Kept in the journal, because
//! a resume must use the same.

use std::collections::BTreeMap;
use std::path::Path;

use autoissue_engine::{Plan, PlanRules, PlanSource, Usd};
use autoissue_journal::{Journal, SessionId, SessionRow, StoredStatus};
use serde::{Deserialize, Serialize};

use super::{Exec, SessionError};
use crate::config::Config;
use crate::plugins::PluginArgument;
use crate::recorded::Recorded;
use crate::strategy::Strategies;

/// How many sessions are searched for one with the same directive.
const N_SESSIONS_MAX: usize = 1_000;

/// What to plan and run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanOrder {
    /// The text to split into issues; for a given plan, its purpose, or empty.
    pub directive: String,
    /// An existing plan; then no planner is called, and no money is spent on it.
    pub given: Option<Plan>,
    /// Only make the plan: the planner costs money, but nothing is created.
    pub dry_run: bool,
    /// Plugins from the command line that started the session; set when it is opened.
    pub plugins: Vec<PluginArgument>,
    /// Whether the user has approved the plan. Each run has its own answer, so it is not kept.
    #[serde(skip)]
    pub consent: Consent,
}

/// Whether the user has approved carrying out a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// No approval is needed.
    #[default]
    Assumed,
    /// Approval is needed: the session stops before it creates anything, and a resume continues.
    Wanted,
    /// The user declined: the session ends.
    Refused,
}

/// What a session was started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum StartRequest {
    /// A plan.
    Plan(PlanOrder),
    /// The open issues with a label.
    Exec(Exec),
}

impl StartRequest {
    /// Returns what the session was started with.
    pub(super) fn of(row: &SessionRow) -> Result<Self, SessionError> {
        serde_json::from_str(&row.settings_json).map_err(|source| SessionError::UnreadableOrder {
            session: row.id.to_string(),
            source,
        })
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("the options of a session have string keys only")
    }

    pub(super) fn exec(&self) -> Option<&Exec> {
        match self {
            Self::Exec(exec) => Some(exec),
            Self::Plan(_) => None,
        }
    }

    pub(super) fn plan(&self) -> Option<&PlanOrder> {
        match self {
            Self::Plan(plan) => Some(plan),
            Self::Exec(_) => None,
        }
    }

    /// Returns the plugins from the command line that started it.
    pub(super) fn plugins(&self) -> &[PluginArgument] {
        match self {
            Self::Exec(exec) => &exec.plugins,
            Self::Plan(plan) => &plan.plugins,
        }
    }

    pub(super) fn set_plugins(&mut self, plugins: &[PluginArgument]) {
        let its = match self {
            Self::Exec(exec) => &mut exec.plugins,
            Self::Plan(plan) => &mut plan.plugins,
        };
        plugins.clone_into(its);
    }

    pub(super) fn label(&self) -> &str {
        self.exec().map_or("", |exec| &exec.label)
    }

    pub(super) fn is_dry_run(&self) -> bool {
        match self {
            Self::Exec(exec) => exec.dry_run,
            Self::Plan(plan) => plan.dry_run,
        }
    }

    /// Returns the rules for planning the issues, if they are to be planned.
    pub(super) fn rules(&self, config: &Config, strategies: &Strategies) -> Option<PlanRules> {
        let plan = self.plan()?;
        let source = match plan.given {
            Some(_) => PlanSource::Given,
            None => PlanSource::Planner {
                model: strategies.fixed_model(&config.planner.model),
                cap: Usd::from_micros(config.planner.max_budget_usd.micros()),
            },
        };
        Some(PlanRules {
            source,
            confirm: plan.consent == Consent::Wanted,
        })
    }
}

/// The result of an earlier session with the same directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlannedBefore {
    /// It is unfinished: it has paid for its plan, and may have created issues.
    Unfinished(SessionId),
    /// It has ended with a plan, which need not be paid for again and whose issues may exist.
    Ended {
        /// The session.
        session: SessionId,
        /// Its plan.
        plan: Plan,
    },
}

/// Returns the result of the newest session of a checkout with the same directive, if it made a
/// plan that was not declined. Dry runs do not count. A session that was started with the plan of
/// another one counts as part of that one.
///
/// # Errors
/// Fails if the journal cannot be read.
pub fn planned_before(
    journal: &Journal,
    project: &Path,
    directive: &str,
) -> Result<Option<PlannedBefore>, SessionError> {
    let mut repeated = BTreeMap::new();
    let rows = journal.sessions(None, N_SESSIONS_MAX)?.into_iter();
    for row in rows.filter(|row| Path::new(&row.project_path) == project) {
        let Ok(StartRequest::Plan(begun)) = StartRequest::of(&row) else {
            continue;
        };
        let id = row.id.clone();
        match &begun.given {
            _ if begun.directive != directive || begun.dry_run => {}
            Some(plan) if is_unfinished(&row) => {
                repeated.entry(plan.id.clone()).or_insert(id);
            }
            Some(_) => {}
            None if is_unfinished(&row) => return Ok(Some(PlannedBefore::Unfinished(id))),
            None => {
                let engine = Recorded::read(journal, row)?.chronicle.into_engine();
                let plan_progress = engine
                    .plan_progress()
                    .filter(|plan_progress| !plan_progress.is_declined);
                let Some(plan) = plan_progress.and_then(|plan_progress| plan_progress.plan.clone())
                else {
                    continue;
                };
                return Ok(Some(match repeated.remove(&plan.id) {
                    Some(session) => PlannedBefore::Unfinished(session),
                    None => PlannedBefore::Ended { session: id, plan },
                }));
            }
        }
    }
    Ok(None)
}

pub(super) fn is_unfinished(row: &SessionRow) -> bool {
    matches!(
        row.status,
        StoredStatus::Running | StoredStatus::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_request_survives_the_journal() {
        let exec = StartRequest::Exec(Exec {
            label: "bug".to_owned(),
            ..Exec::default()
        });
        let plan = StartRequest::Plan(PlanOrder {
            directive: "Build it".to_owned(),
            ..PlanOrder::default()
        });
        let again =
            |request: &StartRequest| serde_json::from_str::<StartRequest>(&request.text()).unwrap();
        assert_eq!(again(&exec).label(), "bug");
        assert_eq!(again(&plan).plan().unwrap().directive, "Build it");
    }
}
