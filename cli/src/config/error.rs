//! A problem in the configuration, as text.

use std::fmt;

use autoissue_core::config::Problem;

use super::Origin;

/// An invalid value and its origin.
///
/// ```text
/// invalid `executor.maxParallel` in /p/autoissue.config.json:4
///   found: `0`
///   allowed: a whole number from 1 to 256
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError {
    /// Where the value comes from.
    pub(crate) origin: Origin,
    /// Path of the key, such as `executor.checks[1].name`; empty if the problem is about the whole
    /// configuration.
    pub(crate) key: String,
    /// What was found; never a secret.
    pub(crate) found: String,
    /// What is allowed.
    pub(crate) allowed: String,
    /// What to do about it, unless that is obvious. Boxed to keep errors small.
    pub(crate) hint: Option<Box<str>>,
}

impl ConfigError {
    /// Adds the origin to a problem.
    pub(crate) fn new(origin: Origin, problem: Problem) -> Self {
        let Problem {
            key,
            found,
            allowed,
            hint,
        } = problem;
        Self {
            origin,
            key,
            found,
            allowed,
            hint: hint.map(String::into_boxed_str),
        }
    }
}

impl ConfigError {
    /// Returns the problem without its hint, as several lines.
    pub(crate) fn problem(&self) -> String {
        let without_hint = Self {
            hint: None,
            ..self.clone()
        };
        without_hint.to_string()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "invalid configuration")?,
            key => write!(f, "invalid `{}`", key.escape_debug())?,
        }
        match &self.origin {
            // The values contradict each other and this one was not set: there is no place to point
            // to.
            Origin::Default => {}
            origin @ Origin::File { .. } => write!(f, " in {origin}")?,
            origin => write!(f, " from {origin}")?,
        }
        write!(f, "\n  found: {}\n  allowed: {}", self.found, self.allowed)?;
        self.hint
            .iter()
            .try_for_each(|hint| write!(f, "\n  hint: {hint}"))
    }
}

impl std::error::Error for ConfigError {}
