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
pub(crate) mod args;
mod build;
mod component;
mod config_file;
mod error;
mod inspect;
mod list;
mod new;
mod profile;
mod remove;
mod settings;
mod test;

use std::path::{Path, PathBuf};

use autoissue_core::plugins::cache_dir;
use autoissue_core::plugins::host::PluginHost;

use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
use args::{PluginArgs, PluginCommand};
use component::ComponentFile;

pub(crate) use error::PluginCommandError;

/// Runs the command.
///
/// # Errors
/// See [`PluginCommandError`].
pub(crate) fn run(around: &Surroundings, args: &PluginArgs) -> Result<ExitCode, CliError> {
    match &args.what {
        PluginCommand::New(args) => new::run(around, args),
        PluginCommand::Build(args) => build::run(around, args),
        PluginCommand::Test(args) => test::run(around, args),
        PluginCommand::Inspect(args) => inspect::run(around, args),
        PluginCommand::List => list::run(around),
        PluginCommand::Add(args) => add::run(around, args),
        PluginCommand::Remove(args) => remove::run(around, args),
    }
}

/// Returns the absolute path of a component that was typed; a directory is built first.
///
/// # Errors
/// Where it does not build.
pub(crate) fn component_path(around: &Surroundings, typed: &Path) -> Result<PathBuf, CliError> {
    let path = around.current_dir.join(typed);
    if path.is_dir() {
        Ok(ComponentFile::open(around, &path)?.path)
    } else {
        Ok(path)
    }
}

/// Returns a host that keeps compiled code where sessions look for it.
fn host(around: &Surroundings) -> Result<PluginHost, CliError> {
    let cache = cache_dir(&around.state_dir()?);
    Ok(PluginHost::new(&cache).map_err(PluginCommandError::Host)?)
}
