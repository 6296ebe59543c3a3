//! The result of an agent run, and the agent session that a later run can resume.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Ended, Failure, Spent, Usd};

/// What a backend read from an agent run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentReport {
    /// How it ended.
    pub ended: Ended,
    /// What it cost.
    pub spent: Spent,
    /// Session of the agent, which a later run can resume.
    pub session: Option<String>,
    /// The agent's own summary of its work.
    pub summary: Option<String>,
    /// Tools that the agent was denied.
    pub denied: Vec<String>,
    /// Number of turns, if the backend reports it.
    #[serde(default)]
    pub n_turns: Option<u32>,
    /// Model that answered, if the backend reports it; it need not be the one that was asked for.
    #[serde(default)]
    pub model: Option<String>,
    /// What the backend tells the operator.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Whether the session to resume no longer exists.
    #[serde(default)]
    pub has_lost_session: bool,
    /// Tokens read and written, in total.
    pub tokens: u64,
    /// Duration of the run, in milliseconds.
    pub duration_ms: u64,
}

/// A session of an agent that a later run can resume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentSession {
    /// Id of the session, as known to the agent's program.
    pub id: String,
    /// Known cost of the session, over all its runs. Programs include it in the bill of the next
    /// run.
    #[serde(rename = "spent_usd")]
    pub spent: Usd,
}

impl AgentReport {
    /// Returns the known cost of a run that has metered `metered`: the whole cost if it is known,
    /// otherwise the lower bound.
    pub(crate) fn seen(&self, metered: Usd) -> Usd {
        match self.spent {
            Spent::Known(cost) => cost,
            Spent::AtLeast(seen) => seen.max(metered),
            Spent::Unknown => metered,
        }
    }

    /// Returns whether the agent is known to have spent nothing.
    pub(crate) fn did_nothing(&self) -> bool {
        self.spent == Spent::Known(Usd::ZERO) && self.tokens == 0
    }

    /// Returns whether a run that was to resume a session could not: its backend says so, or it did
    /// nothing.
    pub(crate) fn lost_its_session(&self) -> bool {
        self.has_lost_session || self.did_nothing()
    }

    /// Returns whether the agent was interrupted, either by us or because our process ended.
    pub(crate) fn was_interrupted(&self) -> bool {
        matches!(
            self.ended,
            Ended::Failed {
                failure: Failure::Interrupted
            }
        )
    }

    /// Returns the agent session after a run that metered `metered`, whether the run resumed a
    /// session or started one.
    pub(crate) fn session_after(
        &self,
        resumed: Option<&AgentSession>,
        metered: Usd,
    ) -> Option<AgentSession> {
        let resumed =
            resumed.filter(|resumed| self.session.as_ref().is_none_or(|id| *id == resumed.id));
        let id = self
            .session
            .as_ref()
            .or(resumed.map(|resumed| &resumed.id))?;
        Some(AgentSession {
            id: id.clone(),
            spent: self.seen(metered) + resumed.map_or(Usd::ZERO, |resumed| resumed.spent),
        })
    }

    /// Creates the report of a run whose end was not observed; what it metered is charged by the
    /// rule for unknown costs.
    pub const fn unseen(failure: Failure) -> Self {
        Self {
            ended: Ended::Failed { failure },
            spent: Spent::Unknown,
            session: None,
            summary: None,
            denied: Vec::new(),
            n_turns: None,
            model: None,
            notes: Vec::new(),
            has_lost_session: false,
            tokens: 0,
            duration_ms: 0,
        }
    }
}
