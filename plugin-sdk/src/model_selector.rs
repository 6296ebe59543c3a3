//! Model selectors: which model works on an issue.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::setters::setters;
use crate::{Description, Issue, PluginError, Settings};

/// Chooses the model for one attempt. Called only if the model is configured as `auto`.
pub trait ModelSelector: Send + Sync {
    /// Returns the name, version and summary of this selector.
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

    /// Returns the model for the attempt that `request` describes; it must be one of
    /// `request.available`.
    ///
    /// # Errors
    /// See [`PluginError`]. By default the host then falls back to the built-in selector.
    fn select(&self, request: &SelectionRequest) -> Result<Selection, PluginError>;
}

/// The information for choosing a model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SelectionRequest {
    /// Settings of this strategy as JSON text; empty if there are none.
    pub settings: String,
    /// The issue.
    pub issue: Issue,
    /// Its domain.
    pub domain: String,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Number of earlier attempts that failed because their work was not good enough (not because
    /// of a crash or a limit).
    pub failures_of_substance: u32,
    /// Remaining money for this task, in US dollars.
    pub budget_left_usd: Option<f64>,
    /// Models to choose from, weakest and cheapest first.
    pub available: Vec<ModelInfo>,
    /// Results of each model so far.
    pub history: Vec<ModelHistory>,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

setters! {
    SelectionRequest {
        settings(String)
        issue(Issue)
        domain(String)
        attempt(u32)
        failures_of_substance(u32)
        budget_left_usd(Option<f64>)
        available(Vec<ModelInfo>)
        history(Vec<ModelHistory>)
        extra(Vec<(String, String)>)
    }
}

/// A model that the agent backend offers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ModelInfo {
    /// Name that the backend accepts.
    pub id: String,
    /// `None` if they are unknown, or depend on the account.
    pub prices: Option<Prices>,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

impl ModelInfo {
    /// Creates a model without prices.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }
}

setters! {
    ModelInfo {
        id(String)
        prices(Option<Prices>)
        extra(Vec<(String, String)>)
    }
}

/// What a model costs, in US dollars per million tokens.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Prices {
    /// Tokens read by the model, without those of the cache.
    pub input: f64,
    /// Tokens written by the model.
    pub output: f64,
    /// Tokens read from the cache; `None` if they cost as much as others.
    pub cache_read: Option<f64>,
    /// Tokens written to the cache; `None` if they cost as much as others.
    pub cache_write: Option<f64>,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

impl Prices {
    /// Creates prices, in US dollars per million tokens.
    pub fn new(input: f64, output: f64) -> Self {
        Self {
            input,
            output,
            ..Self::default()
        }
    }
}

setters! {
    Prices {
        input(f64)
        output(f64)
        cache_read(Option<f64>)
        cache_write(Option<f64>)
        extra(Vec<(String, String)>)
    }
}

/// Past results of one model, over all sessions.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ModelHistory {
    /// Name of the model.
    pub model: String,
    /// Number of tasks that it worked on and that ended.
    pub n_runs: u32,
    /// Number of these that ended in a pull request.
    pub n_successes: u32,
    /// Median cost of a task, in US dollars.
    pub median_cost_usd: Option<f64>,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

setters! {
    ModelHistory {
        model(String)
        n_runs(u32)
        n_successes(u32)
        median_cost_usd(Option<f64>)
        extra(Vec<(String, String)>)
    }
}

impl ModelHistory {
    /// Creates the history of a model without runs.
    pub fn new(model: impl Into<String>) -> Self {
        Self::default().model(model)
    }
}

/// Effort level of a model, if the backend has such a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub enum Effort {
    /// Lowest effort.
    Low,
    /// Medium effort.
    Medium,
    /// Highest effort.
    High,
}

impl Effort {
    /// Returns the name, which agents use too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Returns the level with this name; `None` for a name added by a later version.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High]
            .into_iter()
            .find(|effort| effort.name() == name)
    }
}

/// The chosen model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    /// Name of the model, one of the available ones.
    pub model: String,
    /// Effort level; `None` leaves it to the backend.
    pub effort: Option<Effort>,
    /// Models to try in order if this one is not available. This host only checks and records the
    /// list: after a failure of substance it calls the selector again.
    pub fallbacks: Vec<String>,
    /// Reason, as text for people.
    pub reason: String,
    /// Reserved for facts of later versions, as name and value. Leave it empty.
    pub extra: Vec<(String, String)>,
}

setters! {
    Selection {
        model(String)
        effort(Option<Effort>)
        fallbacks(Vec<String>)
        reason(String)
        extra(Vec<(String, String)>)
    }
}

impl Selection {
    /// Creates a selection of this model. All other fields are empty.
    pub fn new(model: impl Into<String>) -> Self {
        Self::default().model(model)
    }
}
