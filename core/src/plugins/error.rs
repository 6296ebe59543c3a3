//! Why a plugin cannot decide: one variant for each thing that the user has to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use autoissue_plugin_host::{HostError, Kind, LoadError, NoStrategy, Sha256Digest};
use autoissue_plugin_sdk::PluginError;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::lock::{Changed, FILE_NAME, PluginLockError};
use crate::built_in;
use crate::config::PluginGrants;

/// Why the plugins of a session cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PluginsError {
    /// A file cannot be read.
    #[error("failed to read the plugin `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Whether a configuration file names it, rather than the command line.
        is_configured: bool,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// It is a directory.
    #[error("the plugin `{}` is a directory", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// Plugins cannot run here.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A file is not a usable plugin.
    #[error("the plugin `{}` cannot be used", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// A plugin has the name of a built-in.
    #[error("the plugin `{}` is named `{name}`, which is the name of a built-in", path.display())]
    ReservedName {
        /// The name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// Two plugins have the same name.
    #[error("two plugins are named `{name}`: `{}` and `{}`", first.display(), second.display())]
    TwoOfOneName {
        /// The name.
        name: String,
        /// A file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Two plugins of the command line would make the same decision.
    #[error("both `{first}` and `{second}` provide a {kind}")]
    TwoForOneKind {
        /// The decision.
        kind: Kind,
        /// A plugin.
        first: String,
        /// The other.
        second: String,
    },
    /// A plugin does not provide the requested strategy.
    #[error(transparent)]
    NoStrategy(#[from] NoStrategy),
    /// A file is not the one that the configuration pins.
    #[error("the plugin `{plugin}` has changed: `{}` has SHA-256 {found}, but the configuration expects {expected}", path.display())]
    Changed {
        /// The plugin.
        plugin: String,
        /// The file.
        path: PathBuf,
        /// The digest in the configuration.
        expected: String,
        /// The digest of the file.
        found: Sha256Digest,
    },
    /// A plugin does not match the lock file.
    #[error(transparent)]
    Locked(#[from] Changed),
    /// There is a lock file, but it does not list a plugin.
    #[error("{FILE_NAME} does not list the plugin `{plugin}`")]
    NotLocked {
        /// The plugin.
        plugin: String,
        /// The file.
        path: PathBuf,
    },
    /// A plugin has grants, but no digest is pinned.
    #[error(
        "the plugin `{plugin}` has grants but no pinned digest, neither in its entry nor in {FILE_NAME}"
    )]
    NotPinned {
        /// The plugin.
        plugin: String,
        /// The file.
        path: PathBuf,
        /// The digest of the file.
        found: Sha256Digest,
    },
    /// A backend asks for more than it was granted.
    #[error("the plugin `{plugin}` asks for more than it was granted: {}", quoted(.asked))]
    NotGranted {
        /// The plugin.
        plugin: String,
        /// Programs and variables.
        asked: Vec<String>,
        /// The missing grants in the form of the flag `--grant`, if the plugin is only on the
        /// command line.
        for_this_run: Option<Vec<String>>,
        /// The entry in the configuration that grants them.
        line: String,
    },
    /// Its settings are invalid.
    #[error("invalid settings of the plugin `{plugin}`{}: {}", in_file(.file.as_deref()), list(.problems))]
    Settings {
        /// The plugin.
        plugin: String,
        /// The component.
        path: PathBuf,
        /// The configuration file with the settings.
        file: Option<PathBuf>,
        /// What is wrong.
        problems: Vec<SettingsProblem>,
    },
    /// The plugin failed when it was called.
    #[error("the plugin `{plugin}` failed")]
    Failed {
        /// The plugin.
        plugin: String,
        /// The file.
        path: PathBuf,
        /// How.
        #[source]
        source: PluginError,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] PluginLockError),
}

/// A problem with settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettingsProblem {
    /// A value is not what the schema allows, or settings are for no strategy.
    At {
        /// Where: a JSON pointer, or the key in the configuration.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// The plugin refuses them.
    Said(String),
    /// The schema itself is invalid.
    BadSchema(String),
    /// They could not be checked.
    NotChecked(String),
}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At { path, message } if path.is_empty() => f.write_str(message),
            Self::At { path, message } => write!(f, "`{path}`: {message}"),
            Self::Said(text) => f.write_str(text),
            Self::NotChecked(why) => write!(f, "they could not be checked: {why}"),
            Self::BadSchema(text) => write!(f, "the plugin's own schema is invalid: {text}"),
        }
    }
}

impl PluginsError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreadable {
                is_configured: true,
                ..
            } => "check the path; it is relative to the file that contains it".to_owned(),
            Self::Unreadable { .. } => {
                "check the path; it is relative to the current directory".to_owned()
            }
            Self::Directory { path } => {
                format!(
                    "build it with `autoissue plugin build {}`, and give the path of the component",
                    path.display()
                )
            }
            Self::Refused { path, source } => source.hint(path),
            Self::ReservedName { .. } => {
                format!("give it another name; {} are reserved", reserved())
            }
            Self::TwoOfOneName { .. } => "use only one of them".to_owned(),
            Self::TwoForOneKind { kind, .. } => format!("choose one with `--plugin {kind}=PATH`"),
            Self::Changed {
                plugin,
                path,
                found,
                ..
            } => format!(
                "if the change is intended, review it with `autoissue plugin inspect {0}` and approve it with `autoissue plugin add {0}`, \
                 or set `\"sha256\": \"{found}\"` in the entry of `{plugin}`",
                path.display()
            ),
            Self::NotLocked { plugin, path } => format!(
                "approve it with `autoissue plugin add {}`, or remove it with `autoissue plugin remove {plugin}`",
                path.display()
            ),
            Self::NotPinned {
                plugin,
                path,
                found,
            } => {
                format!(
                    "run `autoissue plugin add {}`, or add `\"sha256\": \"{found}\"` to the entry of `{plugin}`",
                    path.display()
                )
            }
            Self::Locked(Changed::Content { path, .. }) => format!(
                "if the change is intended, review it with `autoissue plugin inspect {0}` and approve it with `autoissue plugin add {0}`",
                path.display()
            ),
            Self::Locked(Changed::Grants { path, .. }) => format!(
                "if it is intended, run `autoissue plugin add {}`, which updates {FILE_NAME}; otherwise remove it from `grants`",
                path.display()
            ),
            Self::NotGranted {
                line,
                for_this_run: None,
                ..
            } => format!("to allow it, put this into `plugins`: {line}"),
            Self::NotGranted {
                line,
                for_this_run: Some(missing),
                ..
            } => format!(
                "to allow it for this run, add `--grant {}`; to allow it for every run, put this into `plugins`: {line}",
                missing.join(" --grant ")
            ),
            Self::Settings { path, .. } => {
                format!(
                    "run `autoissue plugin inspect {}` to see what it takes",
                    path.display()
                )
            }
            Self::Failed { path, .. } => format!(
                "this is a bug in the plugin; its author can reproduce it with `autoissue plugin test {}`",
                path.display()
            ),
            Self::Lock(error) => return error.hint().map(str::to_owned),
            Self::Host(error) => return error.hint().map(str::to_owned),
            Self::NoStrategy(_) => return None,
        };
        Some(hint)
    }
}

/// Returns the configuration entry that grants everything asked for, pinned to this file.
pub(super) fn entry_line(
    name: &str,
    path: &Path,
    digest: Sha256Digest,
    grants: &PluginGrants,
) -> String {
    let mut granted = serde_json::Map::new();
    if !grants.exec.is_empty() {
        granted.insert("exec".to_owned(), json!(grants.exec));
    }
    if !grants.env.is_empty() {
        granted.insert("env".to_owned(), json!(grants.env));
    }
    json!({"name": name, "path": path, "sha256": digest.to_string(), "grants": granted}).to_string()
}

fn in_file(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |file| format!(" in `{}`", file.display()))
}

fn quoted(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Returns the reserved names as a phrase.
fn reserved() -> String {
    let names: Vec<String> = built_in::reserved_names()
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

fn list(problems: &[SettingsProblem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_the_file_as_it_was_given() {
        let path = || PathBuf::from("dir/a.wasm");
        let unreadable = |is_configured| PluginsError::Unreadable {
            path: path(),
            is_configured,
            source: io::ErrorKind::NotFound.into(),
        };
        let refused = PluginsError::Refused {
            path: path(),
            source: LoadError::NotAComponent,
        };
        let settings = PluginsError::Settings {
            plugin: "a".to_owned(),
            path: path(),
            file: None,
            problems: vec![SettingsProblem::Said("no".to_owned())],
        };
        for (error, expected) in [
            (unreadable(true), "relative to the file that contains it"),
            (unreadable(false), "relative to the current directory"),
            (refused, "with `autoissue plugin build dir/a.wasm`"),
            (settings, "run `autoissue plugin inspect dir/a.wasm`"),
        ] {
            let hint = error.hint().unwrap();
            assert!(hint.contains(expected), "{hint}");
        }
    }
}
