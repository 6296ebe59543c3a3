//! Who a plugin is and what it supplies, as it says itself and as the host found it.

use std::fmt;

/// The kinds of strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// To which domain an issue belongs.
    Classifier,
    /// Which model works on it.
    ModelSelector,
    /// Which program runs as the agent.
    AgentBackend,
    /// What the pull request says.
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

    /// Returns its name, which is that of its interface too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classifier => "classifier",
            Self::ModelSelector => "model-selector",
            Self::AgentBackend => "agent-backend",
            Self::PrTemplate => "pr-template",
        }
    }

    /// Returns the kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A plugin, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginInfo {
    /// Name, `[a-z0-9-]{1,40}`.
    pub name: String,
    /// Version.
    pub version: String,
    /// What it is for, in one line.
    pub description: String,
    /// Address for people.
    pub homepage: Option<String>,
    /// What it supplies. Kinds that this host does not know are left out.
    pub strategies: Vec<StrategyInfo>,
}

/// A strategy that a plugin supplies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyInfo {
    /// Kind.
    pub kind: Kind,
    /// Name, unique in the plugin and kind.
    pub name: String,
    /// What it does, in one line.
    pub summary: String,
    /// JSON Schema of its settings; `None` where it takes none.
    pub settings_schema: Option<String>,
    /// Settings to begin with.
    pub example_settings: Option<String>,
}
