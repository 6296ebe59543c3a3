//! How a plugin says no. The case decides who is told and what happens next.

use std::fmt;

/// Why a strategy gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginError {
    /// The operator's settings are wrong; the text is shown to the operator as it is.
    InvalidSettings(String),
    /// This issue cannot be handled; others can.
    InvalidInput(String),
    /// A passing condition; the same call may succeed later.
    Unavailable(String),
    /// A defect of the plugin.
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
