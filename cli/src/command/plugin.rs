//! `autoissue plugin`: for authors (`new`, `build`, `test`) and for users (`inspect`, `list`, `add`, `remove`).
//!
//! ```text
//!   new ─► directory ─► build ─► component ─► test
//!                                    │
//!                                    └─► inspect ─► add ─► configuration and autoissue.plugins.lock ─► list, remove
//! ```
//!
//! Nothing here asks a question: what `add` needs to be told is a flag, and its refusal names the flag.

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
use autoissue_core::plugins::host::PluginHost;
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

/// Returns a host that keeps compiled code where sessions look for it.
fn host(invocation: &Invocation) -> Result<PluginHost, CliError> {
    let cache = cache_dir(&invocation.state_dir()?);
    Ok(PluginHost::new(&cache).map_err(PluginCommandError::Host)?)
}

/// Returns the checkout, and the configuration that names its plugins, which need not be there. A configuration that cannot be loaded is
/// not one to write into.
fn files(invocation: &Invocation) -> Result<(PathBuf, PathBuf), CliError> {
    let loaded = invocation.load(Vec::new())?;
    let project = project::checkout(&loaded, &invocation.current_dir)?;
    let config = loaded.file.unwrap_or_else(|| project.join(FILE_NAME));
    Ok((project, config))
}
