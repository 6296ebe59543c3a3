//! Classifiers: which domain of the product an issue belongs to.

use serde::Serialize;

use crate::setters::setters;
use crate::{Description, Issue, PluginError, Settings};

/// Decides the domain of an issue.
pub trait Classifier: Send + Sync {
    /// Returns the name, version and summary of this classifier.
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

    /// Returns the domain of one issue. The same issue must always get the same answer, regardless
    /// of earlier calls.
    ///
    /// # Errors
    /// See [`PluginError`]. By default the host then falls back to the built-in classifier.
    fn classify(
        &self,
        issue: &Issue,
        context: &ClassifierContext,
    ) -> Result<Classification, PluginError>;
}

/// The parts of the configuration that a classifier needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct ClassifierContext {
    /// Settings of this strategy as JSON text; empty if there are none.
    pub settings: String,
    /// Domains known to the operator; a classifier may return others.
    pub domains: Vec<String>,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

setters! {
    ClassifierContext {
        settings(String)
        domains(Vec<String>)
        extra(Vec<(String, String)>)
    }
}

/// A domain, with confidence and reasons.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Classification {
    /// Domain, `[a-z0-9-]{1,40}`.
    pub domain: String,
    /// Confidence, 0 to 1.
    pub confidence: f32,
    /// Reasons, as text for people.
    pub reasons: Vec<String>,
    /// Other domains that were considered, best first.
    pub alternatives: Vec<Score>,
    /// Paths that work on this issue is expected to touch, in addition to those that it mentions.
    pub paths: Vec<String>,
    /// Reserved for facts of later versions, as name and value. Leave it empty.
    pub extra: Vec<(String, String)>,
}

setters! {
    Classification {
        domain(String)
        confidence(f32)
        reasons(Vec<String>)
        alternatives(Vec<Score>)
        paths(Vec<String>)
        extra(Vec<(String, String)>)
    }
}

/// A domain that was considered.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// Domain.
    pub domain: String,
    /// Confidence, 0 to 1.
    pub confidence: f32,
}

setters! {
    Score {
        domain(String)
        confidence(f32)
    }
}

impl Score {
    /// Creates a score.
    pub fn new(domain: impl Into<String>, confidence: f32) -> Self {
        Self {
            domain: domain.into(),
            confidence,
        }
    }
}

impl Classification {
    /// Creates a classification without reasons.
    pub fn new(domain: impl Into<String>, confidence: f32) -> Self {
        Self {
            domain: domain.into(),
            confidence,
            reasons: Vec::new(),
            alternatives: Vec::new(),
            paths: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Creates the answer for an issue that cannot be classified.
    pub fn unknown() -> Self {
        Self::new("unknown", 0.0)
    }

    /// Adds a reason to the field `reasons`.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reasons.push(reason.into());
        self
    }
}
