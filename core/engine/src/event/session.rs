//! A session as a whole: its start, its interruption, its end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{About, History, SessionStatus, Settings};

/// What happened to the session as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SessionEvent {
    /// The session began.
    Started {
        /// Limits and rules.
        settings: Box<Settings>,
        /// What it is about.
        about: About,
        /// Costs of earlier tasks.
        #[serde(rename = "costs_usd")]
        history: History,
    },
    /// It goes on after an interruption or a crash.
    Resumed {
        /// Limits and rules from now on.
        settings: Box<Settings>,
    },
    /// Someone asked to stop.
    InterruptRequested,
    /// Everything is saved; the session can be resumed.
    Interrupted,
    /// Nothing more starts, for this reason.
    Stopping {
        /// Why.
        message: String,
        /// Whether finished work waits for it to be mended: the session is interrupted then, and a resume goes on.
        resumable: bool,
    },
    /// The session ended.
    Finished {
        /// How.
        status: SessionStatus,
    },
}
