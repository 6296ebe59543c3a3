//! The result of one check, as `doctor` prints it.

use serde::Serialize;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked, in a word or two.
    pub check: &'static str,
    /// How serious it is.
    pub level: Level,
    /// What was found, for people; a fragment without a period.
    pub message: String,
    /// What to do about it; `None` if nothing is wrong.
    pub advice: Option<String>,
    /// The end of a program's output, if that explains more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// Lines of output that are kept: the reason is usually at the end.
const N_LINES_MAX: usize = 10;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A session can run.
    Ok,
    /// A session can run, but may not end well.
    Warning,
    /// A session cannot run.
    Failure,
}

impl Finding {
    /// Creates a finding for a check that passed.
    pub fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self {
            check,
            level: Level::Ok,
            message: message.into(),
            advice: None,
            output: None,
        }
    }

    /// Creates a finding for a risk, with advice on how to avoid it.
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

    /// Creates a finding for a failed check, with advice on how to fix it.
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

    /// Adds the end of a program's output.
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
