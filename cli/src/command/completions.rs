//! `autoissue completions`: what a shell needs to complete our commands and flags.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::Arguments;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;

/// Arguments of `completions`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to print them for
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// Where standard output cannot be written.
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
