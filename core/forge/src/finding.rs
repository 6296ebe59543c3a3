//! What was looked at, and how well it is.

use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub check: &'static str,
    /// How well it is.
    pub level: Level,
    /// What is there, for people; a fragment without a period.
    pub message: String,
    /// What to do about it; absent where all is well.
    pub advice: Option<String>,
    /// The end of what a program printed, where that tells more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// Lines of an output that are kept: the reason mostly stands at the end.
const N_LINES_MAX: usize = 10;

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A night can be run with it.
    Ok,
    /// A night can be run with it, and may not end as one would like.
    Warning,
    /// No night can be run with it.
    Failure,
}

impl Finding {
    /// Says that all is well.
    pub fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self {
            check,
            level: Level::Ok,
            message: message.into(),
            advice: None,
            output: None,
        }
    }

    /// Says what may go wrong, and what to do about it.
    pub fn warning(
        check: &'static str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            check,
            level: Level::Warning,
            message: message.into(),
            advice: Some(advice.into()),
            output: None,
        }
    }

    /// Says what is wrong, and what to do about it.
    pub fn failure(
        check: &'static str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            check,
            level: Level::Failure,
            message: message.into(),
            advice: Some(advice.into()),
            output: None,
        }
    }

    /// Adds the end of what a program printed.
    pub fn with_output(self, output: &str) -> Self {
        let lines: Vec<&str> = output
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        let shown = lines[lines.len().saturating_sub(N_LINES_MAX)..].join("\n");
        Self {
            output: Some(shown).filter(|shown| !shown.is_empty()),
            ..self
        }
    }
}
