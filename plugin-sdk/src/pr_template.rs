//! Pull request templates: what the pull request says.

use serde::{Deserialize, Serialize};

use crate::setters::setters;
use crate::{Description, Issue, PluginError, Settings};

/// Writes the text of a pull request.
pub trait PrTemplate: Send + Sync {
    /// Returns the name, version and summary of this template.
    fn describe(&self) -> Description;

    /// Returns the settings that it accepts; by default none.
    fn settings(&self) -> Settings {
        Settings::none()
    }

    /// Checks the settings. Called before a session has any effect.
    ///
    /// # Errors
    /// [`PluginError::InvalidSettings`], which is shown to the operator unchanged.
    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        self.settings().check(settings)
    }

    /// Returns the title and body. The host adds its marker, by which later sessions find the pull
    /// request.
    ///
    /// # Errors
    /// See [`PluginError`]. By default the host then falls back to the built-in template.
    fn render(&self, context: &PrContext) -> Result<PullRequestText, PluginError>;
}

/// Information about the work.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PrContext {
    /// Settings of this strategy as JSON text; empty if there are none.
    pub settings: String,
    /// The issue.
    pub issue: Issue,
    /// Branch with the work.
    pub branch: String,
    /// Target branch of the pull request.
    pub base: String,
    /// Commit that the work started from, in hexadecimal.
    pub base_commit: String,
    /// Commits of the work, oldest first.
    pub commits: Vec<Commit>,
    /// Changed files.
    pub changes: Vec<Change>,
    /// The agent's own summary of its work. Not verified.
    pub agent_summary: Option<String>,
    /// Name of the agent backend.
    pub agent: String,
    /// Name of the model.
    pub model: Option<String>,
    /// Cost of all attempts, in US dollars.
    pub cost_usd: f64,
    /// Whether part of the cost is estimated.
    pub cost_is_estimated: bool,
    /// Number of attempts.
    pub attempts: u32,
    /// Checks that were run on the work.
    pub checks: Vec<CheckReport>,
    /// Tools that the agent was denied.
    pub denied: Vec<String>,
    /// Kinds of hidden text that were removed from the issue before the agent saw it, as text.
    pub removed_from_prompt: Vec<String>,
    /// Pull requests that must be merged first, in order.
    pub merge_after: Vec<u64>,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

setters! {
    PrContext {
        settings(String)
        issue(Issue)
        branch(String)
        base(String)
        base_commit(String)
        commits(Vec<Commit>)
        changes(Vec<Change>)
        agent_summary(Option<String>)
        agent(String)
        model(Option<String>)
        cost_usd(f64)
        cost_is_estimated(bool)
        attempts(u32)
        checks(Vec<CheckReport>)
        denied(Vec<String>)
        removed_from_prompt(Vec<String>)
        merge_after(Vec<u64>)
        extra(Vec<(String, String)>)
    }
}

/// A commit of the work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Commit {
    /// Hash, in hexadecimal.
    pub id: String,
    /// First line of the message.
    pub subject: String,
}

setters! {
    Commit {
        id(String)
        subject(String)
    }
}

impl Commit {
    /// Creates a commit.
    pub fn new(id: impl Into<String>, subject: impl Into<String>) -> Self {
        Self::default().id(id).subject(subject)
    }
}

/// A changed file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Change {
    /// Path in the repository.
    pub path: String,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
}

setters! {
    Change {
        path(String)
        added(u64)
        removed(u64)
    }
}

impl Change {
    /// Creates a change of a file, of 0 lines.
    pub fn new(path: impl Into<String>) -> Self {
        Self::default().path(path)
    }
}

/// A check and its result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CheckReport {
    /// Name.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// Whether it also fails without the work, so that its failure says nothing about the work.
    pub fails_on_base: bool,
    /// Duration in milliseconds.
    pub duration_ms: u64,
}

setters! {
    CheckReport {
        name(String)
        passed(bool)
        fails_on_base(bool)
        duration_ms(u64)
    }
}

impl CheckReport {
    /// Creates the report of a check that failed.
    pub fn new(name: impl Into<String>) -> Self {
        Self::default().name(name)
    }
}

/// The text of a pull request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct PullRequestText {
    /// Title, one line.
    pub title: String,
    /// Body, Markdown.
    pub body: String,
    /// Labels to set.
    pub labels: Vec<String>,
    /// Reserved for facts of later versions, as name and value. Leave it empty.
    pub extra: Vec<(String, String)>,
}

setters! {
    PullRequestText {
        title(String)
        body(String)
        labels(Vec<String>)
        extra(Vec<(String, String)>)
    }
}

impl PullRequestText {
    /// Creates a text without labels.
    pub fn new(title: impl Into<String>, body: impl Into<String>) -> Self {
        Self::default().title(title).body(body)
    }
}
