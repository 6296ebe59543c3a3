//! The outcome of applying a patch, and the line that reports it. Shared by the writer (the host's
//! binary) and the reader (the backend), so that they cannot diverge.

use std::fmt;

use serde_json::{Value, json};

/// The outcome of applying a patch. Displayed as one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `{"applied":["path",...]}`: these files were changed.
    Applied(Vec<String>),
    /// `{"already_applied":true}`: the files already contain the changes.
    AlreadyApplied,
    /// `{"rejected":"..."}`: the patch does not apply, with git's message; no file was changed.
    Rejected(String),
}

impl Outcome {
    /// Parses the outcome from `line`; `None` for any other line.
    pub fn from_line(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        if let Some(paths) = value.get("applied").and_then(Value::as_array) {
            let paths = paths.iter().map(|path| path.as_str().map(String::from));
            return paths.collect::<Option<_>>().map(Self::Applied);
        }
        if let Some(reason) = value.get("rejected").and_then(Value::as_str) {
            return Some(Self::Rejected(reason.into()));
        }
        (value.get("already_applied") == Some(&Value::Bool(true))).then_some(Self::AlreadyApplied)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match self {
            Self::Applied(paths) => json!({ "applied": paths }),
            Self::AlreadyApplied => json!({ "already_applied": true }),
            Self::Rejected(reason) => json!({ "rejected": reason }),
        };
        write!(f, "{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_one_line_that_reads_back() {
        for outcome in [
            Outcome::Applied(vec!["a \"b\"\n.rs".into(), "é".into()]),
            Outcome::AlreadyApplied,
            Outcome::Rejected("error: a\nerror: b".into()),
        ] {
            let line = outcome.to_string();
            assert_eq!(
                (line.lines().count(), Outcome::from_line(&line)),
                (1, Some(outcome))
            );
        }
    }
}
