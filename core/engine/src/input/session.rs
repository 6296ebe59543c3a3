//! What begins, goes on with and interrupts a session.

use crate::{About, History, Settings};

/// What is asked of the session as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionInput {
    /// A new session is to run.
    Started {
        /// Its limits and rules.
        settings: Box<Settings>,
        /// What it is about.
        about: About,
        /// Costs of earlier tasks.
        history: History,
    },
    /// A session is to go on, after an interruption or a crash.
    Resumed {
        /// Limits and rules from now on.
        settings: Box<Settings>,
    },
    /// A person or the system asks to stop; a second time means at once.
    Interrupted,
}
