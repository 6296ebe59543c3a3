//! `autoissue plugin inspect`: shows what a plugin is before it is trusted. The plugin runs
//! sandboxed and without effective grants.

use std::path::PathBuf;

use clap::Args;

use super::profile::Profile;
use super::settings;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;

/// Arguments of `plugin inspect`.
#[derive(Clone, Debug, Args)]
pub(crate) struct InspectArgs {
    /// A component, or a plugin directory to build first
    pub(crate) path: PathBuf,
    /// Call it with these settings, as JSON or a file name [default: the plugin's own example]
    #[arg(long, value_name = "JSON|FILE")]
    pub(crate) settings: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// If it is not a plugin.
pub(super) fn run(invocation: &Invocation, args: &InspectArgs) -> Result<ExitCode, CliError> {
    let settings = settings::read(invocation, args.settings.as_deref())?;
    let file = invocation.component(&args.path)?;
    let profile = Profile::of(invocation, &file, |_| settings::text(settings.as_ref()))?;
    if invocation.console.is_json() {
        invocation.console.json(&profile.json("plugin"))?;
    } else {
        invocation
            .console
            .print(&profile.text(invocation.console.out))?;
    }
    Ok(ExitCode::Success)
}
