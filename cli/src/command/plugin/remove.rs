//! `autoissue plugin remove`: removes a plugin from the configuration and the lock file. The
//! component file stays.

use autoissue_core::plugins::lock::{self, PluginLock};
use clap::Args;
use serde_json::json;

use super::config_file::ConfigFile;
use super::files;
use crate::error::{CliError, PluginCommandError};
use crate::exit_code::ExitCode;
use crate::host::Invocation;

/// Arguments of `plugin remove`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Name of the plugin in the configuration
    pub(crate) name: String,
}

/// Runs the command.
///
/// # Errors
/// If there is no such plugin, or a file cannot be written.
pub(super) fn run(invocation: &Invocation, args: &RemoveArgs) -> Result<ExitCode, CliError> {
    let (project, config) = files(invocation)?;
    let file = ConfigFile::open(&config)?;
    let mut lock = PluginLock::read(&project)
        .map_err(PluginCommandError::Lock)?
        .unwrap_or_default();
    let (was_configured, was_locked) = (file.remove_plugin(&args.name)?, lock.remove(&args.name));
    if !was_configured && !was_locked {
        return Err(PluginCommandError::Unknown {
            name: args.name.clone(),
        }
        .into());
    }
    if was_configured {
        file.save()?;
    }
    if was_locked {
        lock.write(&project).map_err(PluginCommandError::Lock)?;
    }
    if invocation.console.is_json() {
        invocation
            .console
            .json(&json!({ "type": "removed", "name": args.name, "config": config, "lock": lock::FILE_NAME }))?;
    } else {
        invocation.console.print(&format!(
            "removed `{}` from {} and {}\n",
            args.name,
            config.display(),
            lock::FILE_NAME
        ))?;
    }
    Ok(ExitCode::Success)
}
