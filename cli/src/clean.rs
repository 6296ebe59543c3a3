//! `autoissue clean`: removes worktrees of finished sessions, never one that holds work not saved elsewhere.

use crate::args::CleanArgs;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;

/// Runs the command.
///
/// # Errors
/// Where there is no repository, or another session holds it.
pub(crate) fn run(around: &Surroundings, args: &CleanArgs) -> Result<ExitCode, CliError> {
    let ready = around.ready(Vec::new())?;
    clean_worktrees(&ready, args.dry_run)
}

/// Has core remove them.
fn clean_worktrees(_ready: &crate::host::Ready, _dry_run: bool) -> Result<ExitCode, CliError> {
    Err(CliError::NotInThisBuild { what: "removing worktrees" })
}
