//! Requests to start, resume and interrupt a session.

use crate::{CostHistory, SessionInfo, Settings};

/// A request about the session as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionInput {
    /// Start a new session.
    Started {
        /// Its limits and rules.
        settings: Box<Settings>,
        /// What the session is about.
        info: SessionInfo,
        /// Costs of earlier tasks.
        history: CostHistory,
    },
    /// Resume a session after an interruption or a crash.
    Resumed {
        /// Limits and rules from now on.
        settings: Box<Settings>,
    },
    /// Stop, as requested by the user or the system; a second request stops immediately.
    Interrupted,
}
