//! What can be typed after `autoissue plugin`.

use std::path::PathBuf;
use std::str::FromStr;

use autoissue_core::config::PluginGrants;
use autoissue_core::plugins::host::Kind;
use clap::{Args, Subcommand, ValueEnum};

/// Arguments of `plugin`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PluginArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) what: PluginCommand,
}

/// What to do with a plugin.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Write a plugin to begin with, in Rust
    New(NewArgs),
    /// Build a plugin from its directory
    Build(BuildArgs),
    /// Put a plugin to the test: the cases of its author, odd input of every sort, limits, speed
    Test(TestArgs),
    /// Show what a plugin is, what it imports and what it asks for
    Inspect(InspectArgs),
    /// List built-in strategies and the plugins of this repository, with their state
    List,
    /// Add a plugin to the configuration and to autoissue.plugins.lock
    Add(AddArgs),
    /// Remove a plugin from both
    Remove(RemoveArgs),
}

/// Arguments of `plugin new`.
#[derive(Clone, Debug, Args)]
pub(crate) struct NewArgs {
    /// What it decides
    #[arg(value_enum)]
    pub(crate) kind: KindName,
    /// Its name, and that of its directory
    pub(crate) name: String,
    /// Take the SDK from this directory instead of from its repository
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk: Option<PathBuf>,
}

/// The kinds, as they are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindName {
    /// To which domain of the product an issue belongs
    Classifier,
    /// Which model works on an issue
    ModelSelector,
    /// Which program runs as the agent, and what its output means
    AgentBackend,
    /// What a pull request says
    PrTemplate,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Classifier => Self::Classifier,
            KindName::ModelSelector => Self::ModelSelector,
            KindName::AgentBackend => Self::AgentBackend,
            KindName::PrTemplate => Self::PrTemplate,
        }
    }
}

/// Arguments of `plugin build`.
#[derive(Clone, Debug, Args)]
pub(crate) struct BuildArgs {
    /// Directory of the plugin, or a WebAssembly module that another language's tools have made
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Write the component to this file instead of into the directory
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Arguments of `plugin test`.
#[derive(Clone, Debug, Args)]
pub(crate) struct TestArgs {
    /// A component, or the directory of a plugin, which is built first
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Read the author's cases from this file [default: cases.json beside the component]
    #[arg(long, value_name = "FILE")]
    pub(crate) cases: Option<PathBuf>,
    /// Give it these settings, JSON or a file with it [default: its own example]
    #[arg(long, value_name = "JSON|FILE")]
    pub(crate) settings: Option<String>,
}

/// Arguments of `plugin inspect`.
#[derive(Clone, Debug, Args)]
pub(crate) struct InspectArgs {
    /// A component, or the directory of a plugin, which is built first
    pub(crate) path: PathBuf,
    /// Ask it with these settings, JSON or a file with it [default: its own example]
    #[arg(long, value_name = "JSON|FILE")]
    pub(crate) settings: Option<String>,
}

/// Arguments of `plugin add`.
#[derive(Clone, Debug, Args)]
pub(crate) struct AddArgs {
    /// A component, or the directory of a plugin, which is built first
    pub(crate) path: PathBuf,
    /// Grant what it asks for: `exec=PROGRAM`, `env=VARIABLE` or `wasi` (repeatable)
    #[arg(long = "grant", value_name = "GRANT")]
    pub(crate) grants: Vec<Grant>,
    /// Settings for the configuration, JSON or a file with it
    #[arg(long, value_name = "JSON|FILE")]
    pub(crate) settings: Option<String>,
}

/// Arguments of `plugin remove`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Its name in the configuration
    pub(crate) name: String,
}

/// One grant, as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// A program that may be run.
    Exec(String),
    /// A variable that it may see.
    Env(String),
    /// An empty WASI.
    Wasi,
}

impl FromStr for Grant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some(("exec", name)) if !name.is_empty() => Ok(Self::Exec(name.to_owned())),
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            None if text == "wasi" => Ok(Self::Wasi),
            _ => Err("not `exec=PROGRAM`, `env=VARIABLE` or `wasi`"),
        }
    }
}

/// Returns grants as the configuration has them.
pub(crate) fn grants(typed: &[Grant]) -> PluginGrants {
    let mut grants = PluginGrants::default();
    for grant in typed {
        match grant {
            Grant::Exec(name) => grants.exec.push(name.clone()),
            Grant::Env(name) => grants.env.push(name.clone()),
            Grant::Wasi => grants.wasi = true,
        }
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_typed_in_one_of_three_forms() {
        for (text, expected) in [
            ("exec=codex", Ok(Grant::Exec("codex".to_owned()))),
            ("env=CODEX_KEY", Ok(Grant::Env("CODEX_KEY".to_owned()))),
            ("wasi", Ok(Grant::Wasi)),
        ] {
            assert_eq!(text.parse(), expected);
        }
        for text in ["", "exec", "exec=", "wasi=yes", "net=*"] {
            assert!(text.parse::<Grant>().is_err(), "{text}");
        }
    }
}
