//! Why a plugin does not decide, told apart by what the person has to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use autoissue_plugin_host::{HostError, Kind, LoadError, NoStrategy, Sha256Digest};
use autoissue_plugin_sdk::PluginError;
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
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is a directory.
    #[error("the plugin `{}` is a directory", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// No plugin can be run here.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A file is no plugin that can be run.
    #[error("the plugin `{}` cannot be used", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// A plugin has the name of a built-in.
    #[error("the plugin `{}` is called `{name}`, like a built-in", path.display())]
    ReservedName {
        /// The name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// Two plugins have one name.
    #[error("two plugins are called `{name}`: `{}` and `{}`", first.display(), second.display())]
    TwoOfOneName {
        /// The name.
        name: String,
        /// A file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Two plugins of the command line would take one decision.
    #[error("both `{first}` and `{second}` have a {kind}")]
    TwoForOneKind {
        /// The decision.
        kind: Kind,
        /// A plugin.
        first: String,
        /// The other.
        second: String,
    },
    /// A plugin does not have what it was named for.
    #[error(transparent)]
    NoStrategy(#[from] NoStrategy),
    /// A file is not the one that the configuration means.
    #[error("the plugin `{plugin}` has changed: `{}` has the SHA-256 {found}, the configuration has {expected}", path.display())]
    Changed {
        /// The plugin.
        plugin: String,
        /// The file.
        path: PathBuf,
        /// What the configuration has.
        expected: String,
        /// What is there.
        found: Sha256Digest,
    },
    /// A plugin is not what the lock file agrees to.
    #[error(transparent)]
    Locked(#[from] Changed),
    /// A plugin has grants, and nothing says for which file.
    #[error(
        "the plugin `{plugin}` is granted something, but neither its entry nor {FILE_NAME} says for which file"
    )]
    NotPinned {
        /// The plugin.
        plugin: String,
        /// What is there.
        found: Sha256Digest,
    },
    /// A backend asks for more than it was granted.
    #[error("the plugin `{plugin}` asks for what it was not granted: {}", quoted(.asked))]
    NotGranted {
        /// The plugin.
        plugin: String,
        /// Programs and variables.
        asked: Vec<String>,
        /// The entry in the configuration that grants them.
        line: String,
    },
    /// Its settings are wrong.
    #[error("the settings of the plugin `{plugin}` are wrong: {}", list(.problems))]
    Settings {
        /// The plugin.
        plugin: String,
        /// What is wrong.
        problems: Vec<SettingsProblem>,
    },
    /// It went wrong when it was asked.
    #[error("the plugin `{plugin}` went wrong")]
    Failed {
        /// The plugin.
        plugin: String,
        /// How.
        #[source]
        source: PluginError,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] PluginLockError),
}

/// What is wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsProblem {
    /// There are some, and none are taken.
    None,
    /// A value is not what the schema allows.
    At {
        /// Where, as a JSON pointer.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// The plugin says so.
    Said(String),
    /// The schema itself is wrong.
    BadSchema(String),
}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("it takes none"),
            Self::At { path, message } if path.is_empty() => f.write_str(message),
            Self::At { path, message } => write!(f, "`{path}`: {message}"),
            Self::Said(text) => f.write_str(text),
            Self::BadSchema(text) => write!(f, "the plugin's own schema is wrong: {text}"),
        }
    }
}

impl PluginsError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreadable { .. } => {
                "see whether the path is right; it is relative to the file that names it".to_owned()
            }
            Self::Directory { path } => {
                format!("build it with `autoissue plugin build {}`, and name the component", path.display())
            }
            Self::Refused { source, .. } => source.hint().to_owned(),
            Self::ReservedName { .. } => format!("give it another name; {} are taken", reserved()),
            Self::TwoOfOneName { .. } => "name one of them only".to_owned(),
            Self::TwoForOneKind { kind, .. } => format!("say which: `--plugin {kind}=PATH`"),
            Self::Changed { plugin, path, found, .. } => format!(
                "if the change is meant, look at it with `autoissue plugin inspect {0}` and agree with `autoissue plugin add {0}`, \
                 or set `\"sha256\": \"{found}\"` in the entry of `{plugin}`",
                path.display()
            ),
            Self::NotPinned { plugin, found } => {
                format!("run `autoissue plugin add`, or add `\"sha256\": \"{found}\"` to the entry of `{plugin}`")
            }
            Self::Locked(Changed::Content { path, .. }) => format!(
                "if the change is meant, look at it with `autoissue plugin inspect {0}` and agree with `autoissue plugin add {0}`",
                path.display()
            ),
            Self::Locked(Changed::Grants { .. }) => {
                format!(
                    "if it is meant, run `autoissue plugin add`, which writes {FILE_NAME}; else take it out of `grants`"
                )
            }
            Self::NotGranted { line, .. } => format!("if it may, have this in `plugins`: {line}"),
            Self::Settings { .. } => "`autoissue plugin inspect` shows what it takes".to_owned(),
            Self::Failed { .. } => {
                "this is a defect of the plugin; its author can find it with `autoissue plugin test`".to_owned()
            }
            Self::Lock(error) => return error.hint().map(str::to_owned),
            Self::Host(error) => return error.hint().map(str::to_owned),
            Self::NoStrategy(_) => return None,
        };
        Some(hint)
    }
}

/// Returns the entry in the configuration that grants what is asked for, to this very file.
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
    if grants.wasi {
        granted.insert("wasi".to_owned(), json!(true));
    }
    json!({"name": name, "path": path, "sha256": digest.to_string(), "grants": granted}).to_string()
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
