//! Errors of the plugin commands.

use std::path::PathBuf;

use autoissue_core::git::program::GitError;
use autoissue_core::plugins::build::BuildError;
use autoissue_core::plugins::host::{ComponentError, HostError, LoadError};
use autoissue_core::plugins::lock::PluginLockError;
use autoissue_core::plugins::recipients::NoRecipient;
use autoissue_core::plugins::sdk::PluginError;

use super::Explain;
use crate::exit_code::ExitCode;
use crate::shell::quoted;
use crate::typed::HintContext;

/// Why a plugin command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginCommandError {
    /// The build failed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The plugin host cannot be started.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The lock file cannot be read or written.
    #[error(transparent)]
    Lock(#[from] PluginLockError),
    /// The file is not a loadable plugin.
    #[error("`{}` cannot be loaded", path.display())]
    Load {
        path: PathBuf,
        #[source]
        source: LoadError,
    },
    /// The file is not a module that can be turned into a plugin.
    #[error("`{}` cannot be built", path.display())]
    Module {
        path: PathBuf,
        #[source]
        source: ComponentError,
    },
    /// Plugin names appear in commands, file names and domains.
    #[error(
        "`{name}` is not a valid plugin name: use 1 to 40 characters from `a` to `z`, `0` to `9` and `-`, starting with a letter"
    )]
    BadName { name: String },
    /// The name is taken by a built-in.
    #[error("`{name}` is the name of a built-in strategy")]
    Reserved { name: String },
    /// The directory already exists.
    #[error("`{}` exists", path.display())]
    Exists { path: PathBuf },
    /// The file that a component would be copied to is not an earlier copy of it.
    #[error("`{}` exists and {}", path.display(), owner_text(owner.as_deref()))]
    CopyExists {
        path: PathBuf,
        /// The configured plugin that uses it.
        owner: Option<String>,
    },
    /// The file that a component would be copied to could not be committed.
    #[error("`{path}` is ignored by git, so it would not be committed")]
    CopyIgnored { path: String },
    /// Git failed to answer.
    #[error("git cannot tell whether `{path}` is ignored")]
    Git {
        path: String,
        #[source]
        source: GitError,
    },
    /// The directory is not the plugin SDK.
    #[error("`{}` is not the directory of `autoissue-plugin-sdk`", path.display())]
    NoSdk { path: PathBuf },
    /// The test cases cannot be read.
    #[error("`{}` is not a valid file of test cases", path.display())]
    Cases {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    /// A grant was given to a plugin that does not declare what it needs.
    #[error("cannot determine which grants `{plugin}` needs: {why}")]
    UnknownGrants { plugin: String, why: String },
    /// The settings are not a JSON object.
    #[error("`--settings` is not a JSON object: {message}")]
    Settings { message: String },
    /// Two settings are for the same strategy.
    #[error("`--settings` is given more than once for the same strategy")]
    SettingsTwice,
    /// Settings are for no strategy of the plugin.
    #[error("no strategy of the plugin `{plugin}` can be given these settings")]
    NoRecipient {
        plugin: String,
        #[source]
        source: NoRecipient,
    },
    /// The plugin rejects the settings.
    #[error("the plugin `{plugin}` rejected these settings")]
    Refused {
        plugin: String,
        path: PathBuf,
        #[source]
        source: PluginError,
    },
    /// The plugin needs something that was not granted.
    #[error("the plugin `{plugin}` needs grants that it does not have: {}", .missing.join(", "))]
    NotGranted {
        plugin: String,
        /// Missing grants, in the form that `--grant` accepts.
        missing: Vec<String>,
        /// The command that grants them.
        command: String,
    },
    /// The configuration has no such plugin.
    #[error("no plugin `{name}` in the configuration")]
    Unknown { name: String },
    /// The configuration file cannot be edited without losing something.
    #[error("`{}` cannot be changed: {message}", path.display())]
    ConfigFile { path: PathBuf, message: String },
}

fn owner_text(owner: Option<&str>) -> String {
    owner.map_or_else(
        || "is not a copy of this plugin".to_owned(),
        |name| format!("is used by the plugin `{name}`"),
    )
}

impl Explain for PluginCommandError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::BadName { .. }
            | Self::Reserved { .. }
            | Self::Exists { .. }
            | Self::CopyExists { .. }
            | Self::CopyIgnored { .. }
            | Self::NoSdk { .. }
            | Self::Cases { .. }
            | Self::Settings { .. }
            | Self::SettingsTwice
            | Self::NoRecipient { .. }
            | Self::Refused { .. }
            | Self::NotGranted { .. }
            | Self::UnknownGrants { .. }
            | Self::Unknown { .. } => ExitCode::Usage,
            Self::Build(error) => error.exit_code(),
            Self::Host(_)
            | Self::Git { .. }
            | Self::Lock(_)
            | Self::Load { .. }
            | Self::Module { .. }
            | Self::ConfigFile { .. } => ExitCode::Error,
        }
    }

    fn hint(&self, _context: &HintContext) -> Option<String> {
        let hint = match self {
            Self::Build(error) => error.hint()?,
            Self::Git { source, .. } => source.hint()?,
            Self::Host(error) => error.hint()?,
            Self::Lock(error) => error.hint()?,
            Self::Load { path, source } => return Some(source.hint(path)),
            Self::Reserved { .. } => "choose another name in its `Cargo.toml`",
            Self::Exists { .. } => "choose another name, or remove it first",
            Self::CopyExists { .. } => {
                "move it away, or copy the component yourself and add the copy without `--copy`"
            }
            Self::CopyIgnored { .. } => {
                "change the ignore rules (`git check-ignore -v FILE` names the one), or copy the component yourself and add the copy without `--copy`"
            }
            Self::NoSdk { .. } => {
                "pass the `plugin-sdk` directory of an autoissue checkout with `--sdk DIR`, or leave out `--sdk` to use the SDK of this release"
            }
            Self::Cases { .. } => "see the SDK's documentation for an example file of cases",
            Self::Refused { path, .. } => {
                return Some(format!(
                    "run `autoissue plugin inspect {}` to see what it accepts, and pass it with `--settings`",
                    quoted(&path.to_string_lossy())
                ));
            }
            Self::SettingsTwice
            | Self::NoRecipient {
                source: NoRecipient::Several(..),
                ..
            } => {
                "give each kind of strategy its own settings, such as `--settings classifier=FILE --settings pr-template=FILE`"
            }
            Self::UnknownGrants { .. } => "pass the settings that it needs with `--settings`",
            Self::NotGranted { command, .. } => {
                return Some(format!("to allow this, run `{command}`"));
            }
            Self::Unknown { .. } => "list the plugins with `autoissue plugin list`",
            Self::ConfigFile { .. } => {
                "edit it by hand; `autoissue config schema` prints the allowed keys"
            }
            // These messages already say what is allowed.
            Self::Module { .. }
            | Self::BadName { .. }
            | Self::Settings { .. }
            | Self::NoRecipient {
                source: NoRecipient::Absent { .. },
                ..
            } => return None,
        };
        Some(hint.to_owned())
    }
}
