//! A plugin's own description of itself and its strategies, as validated by the host.

use std::fmt;

/// The kinds of strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Chooses the domain of an issue.
    Classifier,
    /// Chooses the model for an issue.
    ModelSelector,
    /// Chooses the program that runs as the agent.
    AgentBackend,
    /// Writes the pull request.
    PrTemplate,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Classifier,
        Self::ModelSelector,
        Self::AgentBackend,
        Self::PrTemplate,
    ];

    /// Returns its name, which is also that of its interface.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classifier => "classifier",
            Self::ModelSelector => "model-selector",
            Self::AgentBackend => "agent-backend",
            Self::PrTemplate => "pr-template",
        }
    }

    /// Returns the kind with that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A plugin's description of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginInfo {
    /// Name, `[a-z0-9-]{1,40}`.
    pub name: String,
    /// Version.
    pub version: String,
    /// Its purpose, in one line.
    pub description: String,
    /// URL for people.
    pub homepage: Option<String>,
    /// The strategies it provides. Kinds that this host does not know are left out.
    pub strategies: Vec<StrategyInfo>,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

/// A strategy that a plugin provides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyInfo {
    /// Kind.
    pub kind: Kind,
    /// Name, unique in the plugin and kind.
    pub name: String,
    /// What it does, in one line.
    pub summary: String,
    /// JSON Schema of its settings; `None` if it has no settings.
    pub settings_schema: Option<String>,
    /// Settings to start from.
    pub example_settings: Option<String>,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}
