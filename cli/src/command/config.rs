//! `autoissue config`: the effective configuration with the origin of each value, and its JSON Schema.

use clap::{Args, Subcommand};

use crate::config::{schema, show};
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::project;

/// Arguments of `config`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigArgs {
    /// What to show.
    #[command(subcommand)]
    pub(crate) what: ConfigCommand,
}

/// What to show of the configuration.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show each value and where it is from
    Show,
    /// Print the JSON Schema of the configuration file
    Schema,
}

/// Runs the command.
///
/// # Errors
/// Where the configuration is wrong.
pub(crate) fn run(invocation: &Invocation, args: &ConfigArgs) -> Result<ExitCode, CliError> {
    match args.what {
        ConfigCommand::Show => print_values(invocation)?,
        ConfigCommand::Schema => print_schema(invocation)?,
    }
    Ok(ExitCode::Success)
}

fn print_values(invocation: &Invocation) -> Result<(), CliError> {
    let mut loaded = invocation.load(Vec::new())?;
    loaded
        .warnings
        .iter()
        .for_each(|warning| invocation.console.warn(warning));
    // What the remote would add is shown where it can be told; a configuration is worth looking at without it.
    if let Ok(project) = project::checkout(&loaded, &invocation.current_dir)
        && let Err(error) =
            project::derive_from_origin(&mut loaded, &project, invocation.path_env())
    {
        invocation.console.warn(&error.to_string());
    }
    if invocation.console.is_json() {
        return invocation.console.json(&show::json(&loaded));
    }
    invocation.console.print(&show::text(&loaded))
}

fn print_schema(invocation: &Invocation) -> Result<(), CliError> {
    let document = schema::document();
    if invocation.console.is_json() {
        return invocation.console.json(&document);
    }
    let text = serde_json::to_string_pretty(&document).expect("a schema has string keys only");
    invocation.console.print(&(text + "\n"))
}
