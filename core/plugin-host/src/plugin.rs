//! A loaded plugin: its description, and its strategies behind the SDK's traits.

use autoissue_plugin_sdk::{
    AgentBackend, Classifier, ModelSelector, PluginError, PrTemplate, ProgramInfo,
};

use crate::digest::Sha256Digest;
use crate::error::LoadError;
use crate::grants::Grants;
use crate::info::{Kind, PluginInfo, StrategyInfo};
use crate::shape::Shape;
use crate::track_0_1::Loaded;

/// A loaded plugin. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    loaded: Loaded,
    info: PluginInfo,
    digest: Sha256Digest,
    shape: Shape,
    grants: Grants,
}

/// Why a backend did not report which program it needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The plugin has no such backend.
    #[error(transparent)]
    NoStrategy(#[from] NoStrategy),
    /// The plugin returned an error.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// The plugin has no such strategy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plugin `{plugin}` has no {kind}{}; it has {known}", named(.name))]
pub struct NoStrategy {
    /// The plugin.
    pub plugin: String,
    /// The kind.
    pub kind: Kind,
    /// The strategy's name, if one was requested.
    pub name: Option<String>,
    /// The strategies it has instead.
    pub known: String,
}

fn named(name: &Option<String>) -> String {
    name.as_ref()
        .map(|name| format!(" `{name}`"))
        .unwrap_or_default()
}

impl Plugin {
    pub(crate) fn new(
        loaded: Loaded,
        digest: Sha256Digest,
        shape: Shape,
        grants: Grants,
    ) -> Result<Self, LoadError> {
        let mut info = loaded.describe().map_err(LoadError::Failed)?;
        // A kind that it only provides in another version is none of this host.
        info.strategies.retain(|strategy| {
            shape.kinds.contains(&strategy.kind) || !shape.exports_elsewhere(strategy.kind)
        });
        for kind in Kind::ALL {
            let exports = shape.kinds.contains(&kind);
            if exports != info.strategies.iter().any(|strategy| strategy.kind == kind) {
                return Err(LoadError::WrongClaim { kind, exports });
            }
        }
        let loaded = loaded.named(&info);
        Ok(Self {
            loaded,
            info,
            digest,
            shape,
            grants,
        })
    }

    /// Returns its description of itself.
    pub const fn info(&self) -> &PluginInfo {
        &self.info
    }

    /// Returns the SHA-256 of its component.
    pub const fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Returns its imports, with versions.
    pub fn imports(&self) -> &[String] {
        &self.shape.imports
    }

    /// Returns its exports, with versions.
    pub fn exports(&self) -> &[String] {
        &self.shape.exports
    }

    /// Returns the version line of its interfaces, such as `0.1`.
    pub const fn track(&self) -> &'static str {
        crate::track_0_1::TRACK
    }

    /// Returns its grants.
    pub const fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Returns it with other grants.
    #[must_use]
    pub fn granted(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Returns the strategy of a kind: by name, or the first one.
    ///
    /// # Errors
    /// The plugin has no such strategy.
    pub fn strategy(&self, kind: Kind, name: Option<&str>) -> Result<&StrategyInfo, NoStrategy> {
        let mut of_kind = self
            .info
            .strategies
            .iter()
            .filter(|strategy| strategy.kind == kind);
        let found = of_kind.find(|strategy| name.is_none_or(|name| strategy.name == name));
        found.ok_or_else(|| NoStrategy {
            plugin: self.info.name.clone(),
            kind,
            name: name.map(str::to_owned),
            known: known(&self.info.strategies),
        })
    }

    /// Asks the plugin to validate settings.
    ///
    /// # Errors
    /// The plugin's answer, or how it failed.
    pub fn check_settings(
        &self,
        strategy: &StrategyInfo,
        settings: &str,
    ) -> Result<(), PluginError> {
        self.loaded.check_settings(strategy, settings)
    }

    /// Returns the classifier with that name, or the first one.
    ///
    /// # Errors
    /// The plugin has no such strategy.
    pub fn classifier(&self, name: Option<&str>) -> Result<Box<dyn Classifier>, NoStrategy> {
        Ok(self
            .loaded
            .classifier(self.strategy(Kind::Classifier, name)?))
    }

    /// Returns the model selector with that name, or the first one.
    ///
    /// # Errors
    /// The plugin has no such strategy.
    pub fn model_selector(&self, name: Option<&str>) -> Result<Box<dyn ModelSelector>, NoStrategy> {
        Ok(self
            .loaded
            .model_selector(self.strategy(Kind::ModelSelector, name)?))
    }

    /// Returns the agent backend with that name, or the first one. It is restricted to the plugin's
    /// grants.
    ///
    /// # Errors
    /// The plugin has no such strategy.
    pub fn agent_backend(&self, name: Option<&str>) -> Result<Box<dyn AgentBackend>, NoStrategy> {
        Ok(self.loaded.agent_backend(
            self.strategy(Kind::AgentBackend, name)?,
            self.grants.clone(),
        ))
    }

    /// Returns the requests of the agent backend with that name, or the first one, whether granted
    /// or not.
    ///
    /// # Errors
    /// The plugin has no such strategy, or returned an error.
    pub fn asked_program(
        &self,
        name: Option<&str>,
        settings: &str,
    ) -> Result<ProgramInfo, AskError> {
        let strategy = self.strategy(Kind::AgentBackend, name)?;
        Ok(self.loaded.asked_program(strategy, settings)?)
    }

    /// Returns the pull request template with that name, or the first one.
    ///
    /// # Errors
    /// The plugin has no such strategy.
    pub fn pr_template(&self, name: Option<&str>) -> Result<Box<dyn PrTemplate>, NoStrategy> {
        Ok(self
            .loaded
            .pr_template(self.strategy(Kind::PrTemplate, name)?))
    }
}

fn known(strategies: &[StrategyInfo]) -> String {
    let names: Vec<String> = strategies
        .iter()
        .map(|it| format!("{} `{}`", it.kind, it.name))
        .collect();
    names.join(", ")
}
