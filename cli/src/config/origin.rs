//! The origin of a configuration value.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// Where a value comes from. As JSON: `{"kind": "file", "path": "…", "line": 4}`; part of `config
/// show --output json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum Origin {
    /// It was not set.
    Default,
    /// A configuration file. `line` counts from 1; it is missing if the problem is about the whole
    /// file.
    File { path: PathBuf, line: Option<u32> },
    /// An environment variable.
    Env { name: String },
    /// A flag, with its dashes.
    Flag { name: String },
    /// The git repository itself.
    Git { what: String },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Env { name } => write!(f, "environment {name}"),
            Self::Flag { name } => write!(f, "flag {name}"),
            Self::Git { what } => write!(f, "git: {what}"),
        }
    }
}
