//! Classifiers: to which domain of the product does an issue belong?

use serde::Serialize;

use crate::{Description, Issue, PluginError, Settings};

/// Decides the domain of an issue.
pub trait Classifier: Send + Sync {
    /// Returns who this classifier is.
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

    /// Returns the domain of one issue. The same issue must get the same answer, whatever was asked before.
    ///
    /// # Errors
    /// See [`PluginError`]; the host then falls back to the built-in classifier unless told otherwise.
    fn classify(
        &self,
        issue: &Issue,
        context: &ClassifierContext,
    ) -> Result<Classification, PluginError>;
}

/// What the operator configured, as far as a classifier needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassifierContext {
    /// Settings of this strategy, one JSON text; empty where there are none.
    pub settings: String,
    /// Domains known to the operator; a classifier may name others.
    pub domains: Vec<String>,
    /// Facts that later versions add, as name and value.
    pub extra: Vec<(String, String)>,
}

/// A domain with the confidence in it and the reasons for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Classification {
    /// Domain, `[a-z0-9-]{1,40}`.
    pub domain: String,
    /// Confidence, 0 to 1.
    pub confidence: f32,
    /// Reasons, in words for people.
    pub reasons: Vec<String>,
    /// Other domains that were considered, best first.
    pub alternatives: Vec<Score>,
    /// Paths that work on this issue is expected to touch, beyond those that it names.
    pub paths: Vec<String>,
}

/// A domain that was considered.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// Domain.
    pub domain: String,
    /// Confidence, 0 to 1.
    pub confidence: f32,
}

impl Classification {
    /// Makes a classification without reasons.
    pub fn new(domain: &str, confidence: f32) -> Self {
        Self {
            domain: domain.into(),
            confidence,
            reasons: Vec::new(),
            alternatives: Vec::new(),
            paths: Vec::new(),
        }
    }

    /// Makes the answer for an issue that nothing is known about.
    pub fn unknown() -> Self {
        Self::new("unknown", 0.0)
    }

    /// Adds a reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reasons.push(reason.into());
        self
    }
}
