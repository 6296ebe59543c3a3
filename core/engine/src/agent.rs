//! What the run of an agent came to, and the session of the agent that a later run goes on with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Ended, Failure, Spent, Usd};

/// What a backend read from the run of its program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentReport {
    /// How it ended.
    pub ended: Ended,
    /// What it cost.
    pub spent: Spent,
    /// Session of the agent, to go on with.
    pub session: Option<String>,
    /// What the agent says that it did.
    pub summary: Option<String>,
    /// Tools that it was denied.
    pub denied: Vec<String>,
    /// Tokens read and written, all in all.
    pub tokens: u64,
    /// Milliseconds that it ran.
    pub duration_ms: u64,
}

/// Session of an agent, to go on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentSession {
    /// The name that its program knows it by.
    pub id: String,
    /// What is known to have been spent in it, all its runs together. Programs count it into the bill of the next run.
    #[serde(rename = "spent_usd")]
    pub spent: Usd,
}

impl AgentReport {
    /// Returns what is known to have been spent by a run of which so much was metered: the whole cost, or the least of it.
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

    /// Returns whether it was stopped by us, or by our end.
    pub(crate) fn was_interrupted(&self) -> bool {
        matches!(
            self.ended,
            Ended::Failed {
                failure: Failure::Interrupted
            }
        )
    }

    /// Returns the session of a run of which so much was metered, and that went on with a session or began one.
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

    /// Makes the report of a run whose end nobody saw: what was metered is charged by the rule for unknown cost.
    pub const fn unseen(failure: Failure) -> Self {
        Self {
            ended: Ended::Failed { failure },
            spent: Spent::Unknown,
            session: None,
            summary: None,
            denied: Vec::new(),
            tokens: 0,
            duration_ms: 0,
        }
    }
}
