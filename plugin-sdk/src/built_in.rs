//! Additional facts about agent backends that are linked into autoissue: the names of the program's
//! models, its tools, and what the tests run.
//!
//! Only for the plugins of this workspace. It exists only in native builds, components cannot
//! export it, and it changes whenever the host needs more: plugin authors cannot rely on it.

use crate::{AgentBackend, AgentRun, ProgramInfo};

/// A built-in agent backend, declared by its own crate and listed in the host's registry.
#[derive(Clone, Copy, Debug)]
pub struct BuiltInAgent {
    /// Creates the backend.
    pub backend: fn() -> Box<dyn AgentBackend>,
    /// Oldest and newest release of the program that the tests run; `None` if they run none.
    pub tested_releases: Option<[&'static str; 2]>,
    /// Names of its models; `None` if there is no choice of models.
    pub models: Option<ModelNames>,
    /// Whether it passes on any model that the configuration names, although it offers none.
    pub takes_any_model: bool,
    /// Whether its settings are the command to run, as `{"command": ["program", "argument"]}`.
    pub takes_command: bool,
    /// Files that the program reads as instructions in each parent directory of its own.
    pub instruction_files: &'static [&'static str],
    /// Creates a reader for the output in a transcript; `None` if the output is readable as it is.
    pub transcript: Option<fn() -> Box<dyn AgentRun>>,
}

/// Model names of a program.
#[derive(Clone, Copy, Debug)]
pub struct ModelNames {
    /// Model to use if the configuration names none; `None` leaves it to the program, which reports
    /// its cost whatever it uses.
    pub default: Option<&'static str>,
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
            tested_releases: None,
            models: None,
            takes_any_model: false,
            takes_command: false,
            instruction_files: &[],
            transcript: None,
        }
    }

    /// Returns the name of the backend.
    pub fn name(&self) -> String {
        (self.backend)().describe().name
    }

    /// Returns what it says about its program; `None` if the backend returns an error.
    pub fn info(&self) -> Option<ProgramInfo> {
        (self.backend)().probe("").ok()
    }

    /// Returns the name of its program; `None` if the backend returns an error.
    pub fn program(&self) -> Option<String> {
        Some(self.info()?.program)
    }

    /// Returns the short names of its models: those that it offers, then its other aliases. Empty
    /// if there is no choice of models.
    pub fn model_aliases(&self) -> Vec<String> {
        let Some(models) = &self.models else {
            return Vec::new();
        };
        let offered = self.info().map(|info| info.models).unwrap_or_default();
        let mut names: Vec<String> = offered.into_iter().map(|model| model.id).collect();
        names.extend(models.more_aliases.iter().map(ToString::to_string));
        names
    }
}
