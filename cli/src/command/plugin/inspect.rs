//! `autoissue plugin inspect`: what a plugin is, before anybody trusts it. It runs in its sandbox, without any grant that matters.

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
    /// A component, or the directory of a plugin, which is built first
    pub(crate) path: PathBuf,
    /// Ask it with these settings, JSON or a file with it [default: its own example]
    #[arg(long, value_name = "JSON|FILE")]
    pub(crate) settings: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// Where it is no plugin.
pub(super) fn run(invocation: &Invocation, args: &InspectArgs) -> Result<ExitCode, CliError> {
    let settings = settings::read(invocation, args.settings.as_deref())?;
    let file = invocation.component(&args.path)?;
    let profile = Profile::of(
        invocation,
        &file,
        settings::text(settings.as_ref()).as_deref(),
    )?;
    if invocation.console.is_json() {
        invocation.console.json(&profile.json("plugin"))?;
    } else {
        invocation
            .console
            .print(&profile.text(invocation.console.out))?;
    }
    Ok(ExitCode::Success)
}
