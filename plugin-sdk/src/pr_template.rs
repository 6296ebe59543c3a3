//! Pull request templates: what does the pull request say?

use serde::{Deserialize, Serialize};

use crate::{Description, Issue, PluginError, Settings};

/// Writes the text of a pull request.
pub trait PrTemplate: Send + Sync {
    /// Returns who this template is.
    fn describe(&self) -> Description;

    /// Returns what it takes as settings; by default none.
    fn settings(&self) -> Settings {
        Settings::none()
    }

    /// Returns whether these settings are right. Asked before a session has any effect.
    ///
    /// # Errors
    /// [`PluginError::InvalidSettings`], which is shown to the operator as it is.
    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        self.settings().check(settings)
    }

    /// Returns title and body. The host adds its marker, by which a later run finds the pull request.
    ///
    /// # Errors
    /// See [`PluginError`]; the host then falls back to the built-in template unless told otherwise.
    fn render(&self, context: &PrContext) -> Result<PullRequestText, PluginError>;
}

/// What is known of the work.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PrContext {
    /// Settings of this strategy, one JSON text; empty where there are none.
    pub settings: String,
    /// The issue.
    pub issue: Issue,
    /// Branch with the work.
    pub branch: String,
    /// Branch that the pull request is to be merged into.
    pub base: String,
    /// Commit that the work started from, in hexadecimal.
    pub base_commit: String,
    /// Commits of the work, oldest first.
    pub commits: Vec<Commit>,
    /// Changed files.
    pub changes: Vec<Change>,
    /// What the agent says that it did. Not verified.
    pub agent_summary: Option<String>,
    /// Agent backend.
    pub agent: String,
    /// Model.
    pub model: Option<String>,
    /// Cost of all attempts, US dollars.
    pub cost_usd: f64,
    /// Whether part of the cost is assumed and not known.
    pub cost_is_assumed: bool,
    /// Number of attempts that it took.
    pub attempts: u32,
    /// Checks that were run on the work.
    pub checks: Vec<CheckReport>,
    /// Tools that the agent was denied.
    pub denied: Vec<String>,
    /// Kinds of hidden text that were removed from the issue before the agent saw it, in words.
    pub removed_from_prompt: Vec<String>,
    /// Pull requests that must be merged before, in order.
    pub merge_after: Vec<u64>,
    /// Facts that later versions add, as name and value.
    pub extra: Vec<(String, String)>,
}

/// A commit of the work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Commit {
    /// Hash, in hexadecimal.
    pub id: String,
    /// First line of the message.
    pub subject: String,
}

/// A changed file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Change {
    /// Path in the repository.
    pub path: String,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
}

/// A check and its result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CheckReport {
    /// Name.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// Whether it fails without the work too, so that its failure says nothing.
    pub fails_on_base: bool,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
}

/// What a pull request says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequestText {
    /// Title, one line.
    pub title: String,
    /// Body, Markdown.
    pub body: String,
    /// Labels to set.
    pub labels: Vec<String>,
}
