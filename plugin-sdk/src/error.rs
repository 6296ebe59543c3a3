//! Errors of a plugin. The variant determines who sees the error and what happens next.

use std::fmt;

/// Why a strategy did not return an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PluginError {
    /// The operator's settings are invalid; the text is shown to the operator unchanged.
    InvalidSettings(String),
    /// This issue cannot be handled; others can.
    InvalidInput(String),
    /// A temporary condition; the same call may succeed later.
    Unavailable(String),
    /// A bug in the plugin.
    Internal(String),
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidSettings(text) => write!(f, "invalid settings: {text}"),
            Self::InvalidInput(text) => write!(f, "invalid input: {text}"),
            Self::Unavailable(text) => write!(f, "unavailable: {text}"),
            Self::Internal(text) => write!(f, "internal error: {text}"),
        }
    }
}

impl std::error::Error for PluginError {}
