//! A plugin that failed to decide.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::IssueNumber;

/// A plugin that failed to decide something for a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginFailure {
    /// The task.
    pub issue: IssueNumber,
    /// Kind of decision, such as `classifier`.
    pub strategy: String,
    /// Name and version of the plugin.
    pub plugin: String,
    /// The reason.
    pub message: String,
    /// What happens instead.
    pub action: PluginFailureAction,
}

/// What happens when a plugin does not decide, as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PluginFailureAction {
    /// The built-in decides.
    Fallback,
    /// The task fails.
    Fail,
    /// The task is skipped.
    Skip,
}
