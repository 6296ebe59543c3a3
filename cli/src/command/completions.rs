//! `autoissue completions`: prints shell completions for the commands and flags.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::Arguments;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;

/// Arguments of `completions`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to generate completions for
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn run(invocation: &Invocation, args: &CompletionsArgs) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    generate(
        args.shell,
        &mut Arguments::command(),
        "autoissue",
        &mut script,
    );
    invocation
        .console
        .print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Success)
}
