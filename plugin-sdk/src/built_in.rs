//! What autoissue knows of an agent backend that is linked into it, beyond the strategy itself: how its program is logged in, the names
//! of its models, and what of its output nobody reads.
//!
//! Only for the plugins of this workspace. It exists only in native builds, a component cannot export it, and it changes whenever the
//! host needs to know more: nothing here is a promise to authors of plugins.

use crate::{AgentBackend, AgentRun};

/// A built-in agent backend, declared by its own crate and listed in the host's registry.
#[derive(Clone, Copy, Debug)]
pub struct BuiltInAgent {
    /// Makes the backend.
    pub backend: fn() -> Box<dyn AgentBackend>,
    /// How its program is logged in; `None` if it needs no login.
    pub login: Option<Login>,
    /// The oldest and the newest release of its program that the tests run; `None` if the tests run no release of it.
    pub tested_releases: Option<[&'static str; 2]>,
    /// The names of its models; `None` if it has no choice of models.
    pub models: Option<ModelNames>,
    /// Tools that the default configuration allows; empty if it has no list of tools.
    pub default_tools: &'static [&'static str],
    /// Files from which its program takes instructions in every directory above its own.
    pub instruction_files: &'static [&'static str],
    /// Makes a reader for the output that a transcript keeps; `None` if that output is meant for people.
    pub transcript: Option<fn() -> Box<dyn AgentRun>>,
    /// Returns whether a line is a fragment of a message that comes whole later. Fragments are not kept: nobody reads them, and a secret
    /// that is split over several of them cannot be hidden.
    pub is_fragment: fn(&str) -> bool,
}

/// How a program is logged in. Core only looks at whether variables and files are there; it reads none of them.
#[derive(Clone, Copy, Debug)]
pub struct Login {
    /// Environment variables that hold a key.
    pub keys: &'static [&'static str],
    /// Environment variables that leave the login to a cloud, each with the name of the cloud.
    pub clouds: &'static [(&'static str, &'static str)],
    /// The environment variable that names the program's directory, and that directory below HOME if the variable is not set.
    pub directory: (&'static str, &'static str),
    /// The file in that directory which holds the login.
    pub file: &'static str,
    /// What to do if none of these is there.
    pub advice: &'static str,
}

/// The names that a program has for models.
#[derive(Clone, Copy, Debug)]
pub struct ModelNames {
    /// The model that the default configuration names.
    pub default: &'static str,
    /// Aliases beyond the models that the backend offers.
    pub more_aliases: &'static [&'static str],
    /// The first word of full names: `maker-family-version`.
    pub maker: &'static str,
    /// What full names begin with on a cloud, perhaps behind a region; empty if that is nothing.
    pub cloud_prefix: &'static str,
    /// Kinds of models, as full names have them.
    pub families: &'static [&'static str],
    /// Returns whether the price of a model is known; otherwise its running cost is estimated.
    pub has_list_price: fn(&str) -> bool,
}

impl BuiltInAgent {
    /// Declares a backend of which nothing is special.
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

    /// Returns the name of its program; `None` if the backend does not answer.
    pub fn program(&self) -> Option<String> {
        let info = (self.backend)().probe("").ok()?;
        Some(info.program)
    }

    /// Returns the short names that it has for models: those that it offers, then its other aliases. Empty if it has no choice of models.
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
