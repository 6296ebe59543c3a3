//! Additional facts about agent backends that are linked into autoissue: how to log in to the
//! program, the names of its models, and which of its output can be dropped.
//!
//! Only for the plugins of this workspace. It exists only in native builds, components cannot
//! export it, and it changes whenever the host needs more: plugin authors cannot rely on it.

use crate::{AgentBackend, AgentRun};

/// A built-in agent backend, declared by its own crate and listed in the host's registry.
#[derive(Clone, Copy, Debug)]
pub struct BuiltInAgent {
    /// Creates the backend.
    pub backend: fn() -> Box<dyn AgentBackend>,
    /// How to log in to the program; `None` if it needs no login.
    pub login: Option<Login>,
    /// Oldest and newest release of the program that the tests run; `None` if they run none.
    pub tested_releases: Option<[&'static str; 2]>,
    /// Names of its models; `None` if there is no choice of models.
    pub models: Option<ModelNames>,
    /// Tools that the default configuration allows; empty if it has no list of tools.
    pub default_tools: &'static [&'static str],
    /// Files that the program reads as instructions in each parent directory of its own.
    pub instruction_files: &'static [&'static str],
    /// Creates a reader for the output in a transcript; `None` if the output is readable as it is.
    pub transcript: Option<fn() -> Box<dyn AgentRun>>,
    /// Returns whether a line is a fragment of a message that is later printed in full. Fragments
    /// are not kept: they are redundant, and a secret split over several of them could not be
    /// redacted.
    pub is_fragment: fn(&str) -> bool,
}

/// How to log in to a program. The host only checks whether the variables and files exist; it does
/// not read them.
#[derive(Clone, Copy, Debug)]
pub struct Login {
    /// Environment variables that hold a key.
    pub keys: &'static [&'static str],
    /// Environment variables that delegate the login to a cloud provider, each with the provider's
    /// name.
    pub clouds: &'static [(&'static str, &'static str)],
    /// Environment variable with the program's directory, and the directory below HOME that is used
    /// if it is not set.
    pub directory: (&'static str, &'static str),
    /// File in that directory that contains the login.
    pub file: &'static str,
    /// What to do if none of these exists.
    pub advice: &'static str,
}

/// Model names of a program.
#[derive(Clone, Copy, Debug)]
pub struct ModelNames {
    /// Model in the default configuration.
    pub default: &'static str,
    /// Aliases in addition to the models that the backend offers.
    pub more_aliases: &'static [&'static str],
    /// First word of full names: `maker-family-version`.
    pub maker: &'static str,
    /// Prefix of full names at a cloud provider, possibly after a region; empty if there is none.
    pub cloud_prefix: &'static str,
    /// Model families, as they appear in full names.
    pub families: &'static [&'static str],
    /// Returns whether the price of a model is known; if not, its running cost is estimated.
    pub has_list_price: fn(&str) -> bool,
}

impl BuiltInAgent {
    /// Declares a backend without any of these facts.
    pub const fn new(backend: fn() -> Box<dyn AgentBackend>) -> Self {
        Self {
            backend,
            login: None,
            tested_releases: None,
            models: None,
            default_tools: &[],
            instruction_files: &[],
            transcript: None,
            is_fragment: |_| false,
        }
    }

    /// Returns the name of the backend.
    pub fn name(&self) -> String {
        (self.backend)().describe().name
    }

    /// Returns the name of its program; `None` if the backend returns an error.
    pub fn program(&self) -> Option<String> {
        let info = (self.backend)().probe("").ok()?;
        Some(info.program)
    }

    /// Returns the short names of its models: those that it offers, then its other aliases. Empty
    /// if there is no choice of models.
    pub fn model_aliases(&self) -> Vec<String> {
        let Some(models) = &self.models else {
            return Vec::new();
        };
        let offered = (self.backend)().probe("").map(|info| info.models);
        let mut names = offered.unwrap_or_default();
        names.extend(models.more_aliases.iter().map(ToString::to_string));
        names
    }
}
