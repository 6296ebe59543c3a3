//! What a session was begun with: the issues of a label, or a plan. Kept in the journal, for a resume must do the same.

use std::collections::BTreeMap;
use std::path::Path;

use autoissue_engine::{Plan, PlanRules, PlanSource, Usd};
use autoissue_journal::{Journal, SessionId, SessionRow, SessionStatus};
use serde::{Deserialize, Serialize};

use super::{Exec, SessionError};
use crate::config::Config;
use crate::plugins::PluginArgument;
use crate::recorded::Recorded;
use crate::strategy::Strategies;

/// Sessions that are looked through for one with the same directive.
const N_SESSIONS_MAX: usize = 1_000;

/// What to plan and run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanOrder {
    /// What is to be split into issues; of a given plan, what it is for, or nothing.
    pub directive: String,
    /// A plan that is there already; then no planner is asked, and no money is spent on it.
    pub given: Option<Plan>,
    /// Only make the plan: the planner is paid, and nothing is created.
    pub dry_run: bool,
    /// Plugins of the command line that began it; set when the session is opened.
    pub plugins: Vec<PluginArgument>,
    /// What is known of a person's will. Each run has its own, so it is not kept.
    #[serde(skip)]
    pub consent: Consent,
}

/// What is known of a person's will to carry out a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// Nobody has to be asked.
    #[default]
    Assumed,
    /// Somebody has to be asked: the session stops before it creates anything, and a resume goes on.
    Wanted,
    /// Somebody was asked and said no: the session ends.
    Refused,
}

/// What a session was begun with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum StartRequest {
    /// A plan.
    Plan(PlanOrder),
    /// The open issues with a label.
    Exec(Exec),
}

impl StartRequest {
    /// Returns what the session was begun with.
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

    /// Returns the plugins of the command line that began it.
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

    /// Returns how the issues are planned, where they are.
    pub(super) fn rules(&self, config: &Config, strategies: &Strategies) -> Option<PlanRules> {
        let plan = self.plan()?;
        let source = match plan.given {
            Some(_) => PlanSource::Given,
            None => PlanSource::Planner {
                model: strategies
                    .has_models()
                    .then(|| config.planner.model.clone()),
                cap: Usd::from_micros(config.planner.max_budget_usd.micros()),
            },
        };
        Some(PlanRules {
            source,
            confirm: plan.consent == Consent::Wanted,
        })
    }
}

/// What an earlier session made of a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlannedBefore {
    /// It is unfinished: it has paid for its plan, and may have created issues.
    Unfinished(SessionId),
    /// It has ended with a plan, which nobody has to pay for again, and whose issues may be there.
    Ended {
        /// The session.
        session: SessionId,
        /// Its plan.
        plan: Plan,
    },
}

/// Returns what the newest session of a checkout made of the same directive, if it came to a plan that nobody declined. Dry runs do
/// not count. A session that was begun with the plan of another one is a part of that one's story.
///
/// # Errors
/// Where the journal cannot be read.
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
                let planning = engine.planning().filter(|planning| !planning.is_declined);
                let Some(plan) = planning.and_then(|planning| planning.plan.clone()) else {
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
        SessionStatus::Running | SessionStatus::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_session_was_begun_with_is_read_back() {
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
