//! Requests to start, resume and interrupt a session.

use crate::{About, History, Settings};

/// A request about the session as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionInput {
    /// Start a new session.
    Started {
        /// Its limits and rules.
        settings: Box<Settings>,
        /// What the session is about.
        about: About,
        /// Costs of earlier tasks.
        history: History,
    },
    /// Resume a session after an interruption or a crash.
    Resumed {
        /// Limits and rules from now on.
        settings: Box<Settings>,
    },
    /// Stop, as requested by the user or the system; a second request stops immediately.
    Interrupted,
}
