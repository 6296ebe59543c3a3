//! A plugin that was to decide something and did not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::IssueNumber;

/// A plugin that was to decide something for a task and did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Undecided {
    /// Task.
    pub issue: IssueNumber,
    /// Kind of the decision, such as `classifier`.
    pub strategy: String,
    /// The plugin: name and version.
    pub plugin: String,
    /// Why it did not.
    pub message: String,
    /// What happens instead.
    pub then: Instead,
}

/// What happens instead of a plugin's decision, as the operator wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Instead {
    /// The built-in decides.
    Fallback,
    /// The task fails.
    Fail,
    /// The task is skipped.
    Skip,
}
