//! Failures of a call that are the plugin's fault, and how the host reports them.
//!
//! The message names the plugin, the function and the problem. It is read by the plugin's author,
//! and by users who have to decide whether to continue without it.

use std::time::Duration;

use autoissue_plugin_sdk::PluginError;
use autoissue_plugin_sdk::hidden_text::is_control;
use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use crate::grants::NotGranted;
use crate::limits::LimitReached;

/// Why a call failed through the plugin's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PluginFault {
    /// The call took too long.
    #[error("took longer than {0:?}")]
    TimedOut(Duration),
    /// The call exceeded a limit.
    #[error(transparent)]
    Limit(LimitReached),
    /// The call ended in a trap.
    #[error("{why}{}", in_its_words(.said))]
    Trapped {
        /// The kind of trap.
        why: String,
        /// The last error that it logged: the text of a panic.
        said: Option<String>,
    },
    /// The call returned an invalid value.
    #[error("`{field}` is {found}; expected {allowed}")]
    BadValue {
        /// Name of the value.
        field: String,
        /// The value, for people.
        found: String,
        /// The allowed values.
        allowed: &'static str,
    },
    /// The plugin requests something that was not granted.
    #[error("asks {0}")]
    NotGranted(NotGranted),
    /// An earlier call of the same instance failed.
    #[error("an earlier call failed")]
    Spent,
}

fn in_its_words(said: &Option<String>) -> String {
    said.as_ref()
        .map(|text| format!(": {text}"))
        .unwrap_or_default()
}

impl PluginFault {
    /// Converts a wasmtime error of a call that was given `time`.
    pub(crate) fn of(error: &wasmtime::Error, time: Duration, said: Option<String>) -> Self {
        if let Some(limit) = error.downcast_ref::<LimitReached>() {
            return Self::Limit(*limit);
        }
        if let Some(exit) = error.downcast_ref::<I32Exit>() {
            let why = format!("exited with code {}", exit.0);
            return Self::Trapped { why, said };
        }
        let why = match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => return Self::TimedOut(time),
            Some(Trap::StackOverflow) => "overflowed its stack".to_owned(),
            Some(Trap::UnreachableCodeReached) if said.is_some() => "aborted".to_owned(),
            Some(trap) => format!(
                "trapped: {}",
                trap.to_string().trim_start_matches("wasm trap: ")
            ),
            // Violations of the component model's rules have no type of their own: text that is not
            // UTF-8, a list outside of the memory, a result that is too large.
            None => format!(
                "returned an invalid value: {}",
                one_line(&error.root_cause().to_string())
            ),
        };
        Self::Trapped { why, said }
    }

    /// Converts it to the error of a call.
    pub(crate) fn in_call(self, plugin: &str, function: &str) -> PluginError {
        PluginError::Internal(format!("plugin `{plugin}`, `{function}`: {self}"))
    }
}

impl From<NotGranted> for PluginFault {
    fn from(not_granted: NotGranted) -> Self {
        Self::NotGranted(not_granted)
    }
}

/// Most characters of a plugin's text in our messages.
const QUOTED_CHARS_MAX: usize = 500;

/// Returns a text on one line, without control characters, shortened if it is long.
pub(crate) fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .take(QUOTED_CHARS_MAX)
        .map(|c| if is_control(c) { ' ' } else { c })
        .collect();
    if text.chars().nth(QUOTED_CHARS_MAX).is_some() {
        line.push('…');
    }
    line.trim().to_owned()
}
