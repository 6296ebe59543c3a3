//! `autoissue completions`: what a shell needs to complete our commands and flags.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::Arguments;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;

/// Runs the command.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn run(around: &Surroundings, shell: Shell) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "autoissue", &mut script);
    around.console.print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Success)
}
