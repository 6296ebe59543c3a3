//! Model selectors: which model works on an issue?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Description, Issue, PluginError, Settings};

/// Chooses the model for one attempt. Asked only where the operator set the model to `auto`.
pub trait ModelSelector: Send + Sync {
    /// Returns who this selector is.
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

    /// Returns the model for the attempt that `request` describes; it must be one of `request.available`.
    ///
    /// # Errors
    /// See [`PluginError`]; the host then falls back to the built-in selector unless told otherwise.
    fn select(&self, request: &SelectionRequest) -> Result<Selection, PluginError>;
}

/// What is known when a model is chosen.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SelectionRequest {
    /// Settings of this strategy, one JSON text; empty where there are none.
    pub settings: String,
    /// The issue.
    pub issue: Issue,
    /// Its domain.
    pub domain: String,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// How many of the earlier attempts failed for a reason of substance (not a crash, not a limit).
    pub failures_of_substance: u32,
    /// Money left for this task, US dollars.
    pub budget_left_usd: Option<f64>,
    /// Models to choose from, weakest and cheapest first.
    pub available: Vec<ModelInfo>,
    /// What each model did so far.
    pub history: Vec<ModelHistory>,
    /// Facts that later versions add, as name and value.
    pub extra: Vec<(String, String)>,
}

/// A model that the agent backend offers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ModelInfo {
    /// Name that the backend takes.
    pub id: String,
    /// Price of a million input tokens, US dollars.
    pub usd_per_million_input: Option<f64>,
    /// Price of a million output tokens, US dollars.
    pub usd_per_million_output: Option<f64>,
}

/// Past results of one model, over all sessions.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ModelHistory {
    /// Name of the model.
    pub model: String,
    /// Tasks that it worked on to an end.
    pub n_runs: u32,
    /// Those of them that ended in a pull request.
    pub n_successes: u32,
    /// Median cost of a task, US dollars.
    pub median_cost_usd: Option<f64>,
}

/// How hard a model should think, where the backend has such a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Effort {
    /// Least.
    Low,
    /// Between.
    Medium,
    /// Most.
    High,
}

impl Effort {
    /// Returns its name, which is what agents call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Returns the one of a name; `None` for a name that a later version may add.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High]
            .into_iter()
            .find(|effort| effort.name() == name)
    }
}

/// The chosen model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    /// Name of the model, one of those available.
    pub model: String,
    /// How hard it should think; `None` leaves it to the backend.
    pub effort: Option<Effort>,
    /// Models to take in turn when this one is not to be had. This host only checks and keeps the list: after a failure of substance it
    /// asks the selector again.
    pub fallbacks: Vec<String>,
    /// Reason, in words for people.
    pub reason: String,
}
