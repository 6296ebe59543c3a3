//! A session as a whole: its start, its interruption, its end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CostHistory, SessionInfo, SessionOutcome, Settings};

/// What happened to the session as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SessionEvent {
    /// The session started.
    Started {
        /// Limits and rules.
        settings: Box<Settings>,
        /// What the session is about.
        info: SessionInfo,
        /// Costs of earlier tasks.
        #[serde(rename = "costs_usd")]
        history: CostHistory,
    },
    /// The session resumed after an interruption or a crash.
    Resumed {
        /// Limits and rules from now on.
        settings: Box<Settings>,
    },
    /// An interruption was requested.
    InterruptRequested,
    /// Everything is saved; the session can be resumed.
    Interrupted,
    /// Nothing new starts, for this reason.
    Stopping {
        /// The reason.
        message: String,
        /// Whether finished work waits until the problem is fixed: if so, the session is
        /// interrupted and can be resumed.
        resumable: bool,
    },
    /// The session ended.
    Finished {
        /// How it ended.
        outcome: SessionOutcome,
    },
}
