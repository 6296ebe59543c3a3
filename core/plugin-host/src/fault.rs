//! How a call goes wrong through the plugin's fault, and what the host says of it.
//!
//! The message names the plugin, the function and what was wrong: its author reads it, and so does whoever has to decide at night
//! whether to do without it.

use std::time::Duration;

use autoissue_plugin_sdk::PluginError;
use wasmtime::Trap;

use crate::grants::NotGranted;
use crate::limits::LimitReached;

/// What a plugin did wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It took too long.
    #[error("took longer than {0:?}")]
    TimedOut(Duration),
    /// It ran into a bound.
    #[error(transparent)]
    Limit(LimitReached),
    /// It ended by a trap.
    #[error("{why}{}", in_its_words(.said))]
    Trapped {
        /// The kind of trap.
        why: String,
        /// What it logged last as an error: the text of a panic.
        said: Option<String>,
    },
    /// A value that it gave cannot be worked with.
    #[error("`{field}` is {found}, allowed is {allowed}")]
    BadValue {
        /// Which value.
        field: String,
        /// What it is.
        found: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// It asks for what it was not granted.
    #[error("asks {0}")]
    NotGranted(NotGranted),
    /// An earlier call of the same instance went wrong.
    #[error("an earlier call went wrong")]
    Spent,
}

/// A function of WASI that fails when it is called.
#[derive(Debug, thiserror::Error)]
#[error("called `{0}`, which an empty WASI does not have")]
pub(crate) struct NotThere(pub(crate) String);

fn in_its_words(said: &Option<String>) -> String {
    said.as_ref()
        .map(|text| format!(": {text}"))
        .unwrap_or_default()
}

impl Fault {
    /// Makes a fault of what wasmtime says of a call that was given `time`.
    pub(crate) fn of(error: &wasmtime::Error, time: Duration, said: Option<String>) -> Self {
        if let Some(limit) = error.downcast_ref::<LimitReached>() {
            return Self::Limit(*limit);
        }
        if let Some(not_there) = error.downcast_ref::<NotThere>() {
            return Self::Trapped {
                why: not_there.to_string(),
                said,
            };
        }
        let why = match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => return Self::TimedOut(time),
            Some(Trap::StackOverflow) => "overflowed its stack".to_owned(),
            Some(Trap::UnreachableCodeReached) if said.is_some() => "gave up".to_owned(),
            Some(trap) => format!(
                "trapped: {}",
                trap.to_string().trim_start_matches("wasm trap: ")
            ),
            // What breaks the rules of the component model has no type: a text that is no UTF-8, a list out of memory, too large
            // a result.
            None => format!(
                "gave something that cannot be read: {}",
                one_line(&error.root_cause().to_string())
            ),
        };
        Self::Trapped { why, said }
    }

    /// Returns it as the answer of a call.
    pub(crate) fn in_call(self, plugin: &str, function: &str) -> PluginError {
        PluginError::Internal(format!("plugin `{plugin}`, `{function}`: {self}"))
    }
}

impl From<NotGranted> for Fault {
    fn from(not_granted: NotGranted) -> Self {
        Self::NotGranted(not_granted)
    }
}

/// Longest text of a plugin's in a message of ours, characters.
const QUOTED_CHARS_MAX: usize = 500;

/// Returns a text on one line, without control characters, cut where it is long.
pub(crate) fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .take(QUOTED_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(QUOTED_CHARS_MAX).is_some() {
        line.push('…');
    }
    line.trim().to_owned()
}
