//! `autoissue config`: the effective configuration with the origin of each value, and its JSON Schema.

use clap::{Args, Subcommand};

use crate::config::{schema, show};
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
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
pub(crate) fn run(around: &Surroundings, args: &ConfigArgs) -> Result<ExitCode, CliError> {
    match args.what {
        ConfigCommand::Show => print_values(around)?,
        ConfigCommand::Schema => print_schema(around)?,
    }
    Ok(ExitCode::Success)
}

fn print_values(around: &Surroundings) -> Result<(), CliError> {
    let mut loaded = around.load(Vec::new())?;
    loaded
        .warnings
        .iter()
        .for_each(|warning| around.console.warn(warning));
    // What the remote would add is shown where it can be told; a configuration is worth looking at without it.
    if let Ok(project) = project::checkout(&loaded, &around.current_dir)
        && let Err(error) = project::derive_from_origin(&mut loaded, &project, around.path_env())
    {
        around.console.warn(&error.to_string());
    }
    if around.console.is_json() {
        return around.console.json(&show::json(&loaded));
    }
    around.console.print(&show::text(&loaded))
}

fn print_schema(around: &Surroundings) -> Result<(), CliError> {
    let document = schema::document();
    if around.console.is_json() {
        return around.console.json(&document);
    }
    let text = serde_json::to_string_pretty(&document).expect("a schema has string keys only");
    around.console.print(&(text + "\n"))
}
