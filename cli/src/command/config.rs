//! `autoissue config`: prints the effective configuration with the origin of each value, or its
//! JSON Schema.

use clap::{Args, Subcommand};

use crate::config::{schema, show};
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::printable::fitted;
use crate::project;

/// Arguments of `config`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) what: ConfigCommand,
}

/// The `config` subcommands.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting and where it comes from
    Show,
    /// Print the JSON Schema of the configuration file
    Schema,
}

/// Runs the command.
///
/// # Errors
/// If the configuration is invalid.
pub(crate) fn run(invocation: &Invocation, args: &ConfigArgs) -> Result<ExitCode, CliError> {
    match args.what {
        ConfigCommand::Show => print_values(invocation)?,
        ConfigCommand::Schema => invocation.console.document(&schema::document())?,
    }
    Ok(ExitCode::Success)
}

fn print_values(invocation: &Invocation) -> Result<(), CliError> {
    let mut loaded = invocation.load(Vec::new())?;
    loaded
        .warnings
        .iter()
        .for_each(|warning| invocation.console.warn(warning));
    // The remote adds settings if it can be read; without it, the rest is still useful.
    if let Ok(project) = project::checkout(&loaded, &invocation.current_dir)
        && let Err(error) =
            project::derive_from_origin(&mut loaded, &project, invocation.path_env())
    {
        invocation.console.warn(&error.to_string());
    }
    if invocation.console.is_json() {
        return invocation.console.json(&show::json(&loaded));
    }
    let console = &invocation.console;
    console.page(&fitted(&show::text(&loaded), console.out.columns()))
}
