//! The strategies that a plugin supplies: implemented by [`export_plugin!`](crate::export_plugin),
//! used by the exports for the host.

use crate::{AgentBackend, Classifier, ModelSelector, PrTemplate};

/// Description of a plugin, from its crate.
pub struct CrateInfo {
    /// Name.
    pub name: &'static str,
    /// Version.
    pub version: &'static str,
    /// Description.
    pub description: &'static str,
    /// Web address; empty if there is none.
    pub homepage: &'static str,
}

/// Implemented by the macro.
pub trait Supplies {
    /// Returns the description of the plugin.
    fn about() -> CrateInfo;
    /// Returns its strategies.
    fn strategies() -> PluginStrategies;
}

/// The strategies of a plugin, by kind, in order.
#[derive(Default)]
pub struct PluginStrategies {
    /// Classifiers.
    pub classifiers: Vec<Box<dyn Classifier>>,
    /// Model selectors.
    pub model_selectors: Vec<Box<dyn ModelSelector>>,
    /// Agent backends.
    pub agent_backends: Vec<Box<dyn AgentBackend>>,
    /// Pull request templates.
    pub pr_templates: Vec<Box<dyn PrTemplate>>,
}

impl PluginStrategies {
    /// Adds a classifier.
    pub fn classifier(&mut self, strategy: impl Classifier + 'static) {
        self.classifiers.push(Box::new(strategy));
    }

    /// Adds a model selector.
    pub fn model_selector(&mut self, strategy: impl ModelSelector + 'static) {
        self.model_selectors.push(Box::new(strategy));
    }

    /// Adds an agent backend.
    pub fn agent_backend(&mut self, strategy: impl AgentBackend + 'static) {
        self.agent_backends.push(Box::new(strategy));
    }

    /// Adds a pull request template.
    pub fn pr_template(&mut self, strategy: impl PrTemplate + 'static) {
        self.pr_templates.push(Box::new(strategy));
    }
}
