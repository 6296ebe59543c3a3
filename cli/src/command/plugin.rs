//! `autoissue plugin`: commands for plugin authors (`new`, `build`, `test`) and users (`inspect`,
//! `list`, `add`, `remove`).
//!
//! ```text
//!   new ─► directory ─► build ─► component ─► test
//!                                    │
//!                                    └─► inspect ─► add ─► configuration and autoissue.plugins.lock ─► list, remove
//! ```
//!
//! None of these commands prompts. If `add` needs a decision, it fails and names the flag to pass.

mod add;
mod build;
mod config_file;
mod inspect;
mod list;
mod new;
mod profile;
mod remove;
mod settings;
mod test;

use std::path::PathBuf;

use autoissue_core::plugins::cache_dir;
use autoissue_core::plugins::host::{HostOptions, PluginHost};
use clap::{Args, Subcommand};

use crate::config::FILE_NAME;
use crate::error::{CliError, PluginCommandError};
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::project;

use add::AddArgs;
use build::BuildArgs;
use inspect::InspectArgs;
use new::NewArgs;
use remove::RemoveArgs;
use test::TestArgs;

/// Arguments of `plugin`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PluginArgs {
    #[command(subcommand)]
    pub(crate) what: PluginCommand,
}

/// The `plugin` subcommands.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Create a plugin project (Rust)
    New(NewArgs),
    /// Build a plugin from its directory, or from a WebAssembly module
    Build(BuildArgs),
    /// Test a plugin: its own cases, fuzzed input, limits and speed
    Test(TestArgs),
    /// Show what a plugin provides, what it imports and which grants it needs
    Inspect(InspectArgs),
    /// List the built-in strategies and the plugins of this repository
    List,
    /// Add a plugin to the configuration and to autoissue.plugins.lock
    Add(AddArgs),
    /// Remove a plugin from the configuration and the lock file
    Remove(RemoveArgs),
}

impl PluginArgs {
    /// Returns whether it adds a plugin, with grants.
    pub(crate) const fn adds(&self) -> bool {
        matches!(self.what, PluginCommand::Add(_))
    }
}

/// Runs the command.
///
/// # Errors
/// See [`PluginCommandError`].
pub(crate) fn run(invocation: &Invocation, args: &PluginArgs) -> Result<ExitCode, CliError> {
    match &args.what {
        PluginCommand::New(args) => new::run(invocation, args),
        PluginCommand::Build(args) => build::run(invocation, args),
        PluginCommand::Test(args) => test::run(invocation, args),
        PluginCommand::Inspect(args) => inspect::run(invocation, args),
        PluginCommand::List => list::run(invocation),
        PluginCommand::Add(args) => add::run(invocation, args),
        PluginCommand::Remove(args) => remove::run(invocation, args),
    }
}

/// Returns a host that shares the cache of compiled code with sessions.
fn host(invocation: &Invocation) -> Result<PluginHost, CliError> {
    let cache = cache_dir(&invocation.state_dir()?);
    let host = PluginHost::new(HostOptions {
        compiler: Some(invocation.compiler()?),
        ..HostOptions::cached_in(&cache)
    });
    Ok(host.map_err(PluginCommandError::Host)?)
}

/// Returns the checkout and the path of the configuration that lists its plugins, which need not
/// exist. Fails if the existing configuration cannot be loaded, because it could not be edited
/// safely.
fn files(invocation: &Invocation) -> Result<(PathBuf, PathBuf), CliError> {
    let loaded = invocation.load(Vec::new())?;
    let project = project::checkout(&loaded, &invocation.current_dir)?;
    let config = loaded.file.unwrap_or_else(|| project.join(FILE_NAME));
    Ok((project, config))
}
