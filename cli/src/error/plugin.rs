//! Why a command about plugins did not do what it was asked.

use std::path::PathBuf;

use autoissue_core::plugins::build::BuildError;
use autoissue_core::plugins::host::{ComponentError, HostError, LoadError};
use autoissue_core::plugins::lock::PluginLockError;
use autoissue_core::plugins::sdk::PluginError;

use super::Explain;
use crate::exit_code::ExitCode;
use crate::typed::HintContext;

/// Why a command about plugins did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginCommandError {
    /// Nothing was built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// No plugin can be run at all.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The lock file cannot be worked with.
    #[error(transparent)]
    Lock(#[from] PluginLockError),
    /// The file is no plugin.
    #[error("`{}` cannot be loaded", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// The file is no module that can become a plugin.
    #[error("`{}` cannot be built", path.display())]
    Module {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ComponentError,
    },
    /// A plugin's name is a part of commands, files and domains.
    #[error(
        "`{name}` is no name for a plugin: 1 to 40 of `a` to `z`, `0` to `9` and `-`, with a letter first"
    )]
    BadName {
        /// What was typed.
        name: String,
    },
    /// The name is that of a built-in.
    #[error("`{name}` is the name of a built-in strategy")]
    Reserved {
        /// The name.
        name: String,
    },
    /// The directory is there already.
    #[error("`{}` exists", path.display())]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// There is no SDK.
    #[error("`{}` is not the directory of `autoissue-plugin-sdk`", path.display())]
    NoSdk {
        /// Where it was said to be.
        path: PathBuf,
    },
    /// The cases cannot be read.
    #[error("`{}` holds no cases", path.display())]
    Cases {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// Something is granted to a plugin that does not say what it asks for.
    #[error("`{plugin}` does not say what it asks for: {why}")]
    UnknownGrants {
        /// The plugin.
        plugin: String,
        /// What it says instead.
        why: String,
    },
    /// Settings that are no JSON object.
    #[error("`--settings` is no JSON object: {message}")]
    Settings {
        /// Where and why.
        message: String,
    },
    /// The plugin does not take these settings.
    #[error("the plugin `{plugin}` does not take these settings")]
    Refused {
        /// Its name.
        plugin: String,
        /// What it says.
        #[source]
        source: PluginError,
    },
    /// It asks for what was not granted.
    #[error("the plugin `{plugin}` asks for what was not granted: {}", .missing.join(", "))]
    NotGranted {
        /// Its name.
        plugin: String,
        /// What is missing, as `--grant` takes it.
        missing: Vec<String>,
        /// The command that grants it.
        command: String,
    },
    /// The configuration names no such plugin.
    #[error("no plugin `{name}` in the configuration")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The configuration cannot be changed without losing something of it.
    #[error("`{}` cannot be changed: {message}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

impl Explain for PluginCommandError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::BadName { .. }
            | Self::Reserved { .. }
            | Self::Exists { .. }
            | Self::NoSdk { .. }
            | Self::Cases { .. }
            | Self::Settings { .. }
            | Self::Refused { .. }
            | Self::NotGranted { .. }
            | Self::UnknownGrants { .. }
            | Self::Unknown { .. } => ExitCode::Usage,
            Self::Build(error) => error.exit_code(),
            Self::Host(_)
            | Self::Lock(_)
            | Self::Load { .. }
            | Self::Module { .. }
            | Self::ConfigFile { .. } => ExitCode::Error,
        }
    }

    fn hint(&self, _context: &HintContext) -> Option<String> {
        let hint = match self {
            Self::Build(error) => error.hint()?,
            Self::Host(error) => error.hint()?,
            Self::Lock(error) => error.hint()?,
            Self::Load { source, .. } => source.hint(),
            Self::Reserved { .. } => "give it another name in its `Cargo.toml`",
            Self::Exists { .. } => "choose another name, or remove it first",
            Self::NoSdk { .. } => "name the directory `plugin-sdk` of a checkout of autoissue",
            Self::Cases { .. } => "the front page of the SDK shows a file of cases",
            Self::Refused { .. } => {
                "`autoissue plugin inspect` shows what it takes; give it with `--settings`"
            }
            Self::UnknownGrants { .. } => "give the settings that it needs with `--settings`",
            Self::NotGranted { command, .. } => {
                return Some(format!("if it may have that, run `{command}`"));
            }
            Self::Unknown { .. } => "`autoissue plugin list` lists them",
            Self::ConfigFile { .. } => {
                "change it by hand; `autoissue config schema` says what it may hold"
            }
            // Each says what it should be.
            Self::Module { .. } | Self::BadName { .. } | Self::Settings { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
