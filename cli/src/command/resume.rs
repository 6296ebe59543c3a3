//! `autoissue resume`: continues an interrupted session.

use std::path::Path;

use autoissue_core::journal::repository_lock::LockError;
use autoissue_core::session::{Resume, SessionError, SessionRequest, session_to_resume};
use clap::Args;

use super::{plan, status};
use crate::args::{Common, RunArgs};
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::liveness::{holder_of, recorded};
use crate::typed::{Typed, TypedCommand};

/// Arguments of `resume`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ResumeArgs {
    /// Session ID or a unique prefix of it [default: the newest unfinished session]
    pub(crate) session: Option<String>,
    /// Run a plan that is waiting for approval, without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Show what is left to do, without changing or spending anything
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl ResumeArgs {
    /// Returns the parts of the command that later hints repeat.
    pub(super) fn typed(self, common: Common) -> Typed {
        let Self {
            session: _,
            yes,
            dry_run: _,
            run,
        } = self;
        Typed::new(common, run, yes, TypedCommand::Other)
    }
}

/// Runs the command.
///
/// # Errors
/// If there is nothing to resume, or the session cannot run.
pub(crate) fn run(invocation: &Invocation, args: &ResumeArgs) -> Result<ExitCode, CliError> {
    let ready = invocation.ready(args.run.settings())?;
    if args.dry_run {
        return show_what_is_left(invocation, &ready.host.project, args.session.as_deref());
    }
    let order = SessionRequest::Resume(Resume {
        session: args.session.clone(),
        ..Resume::default()
    });
    plan::carry_out(invocation, &args.run, ready, order, args.yes, None)
}

/// Prints the session's tasks. Changes nothing, and fails in the same cases as a real resume.
fn show_what_is_left(
    invocation: &Invocation,
    project: &Path,
    session: Option<&str>,
) -> Result<ExitCode, CliError> {
    let journal = invocation.journal()?;
    let row = session_to_resume(&journal, project, session)?;
    if let Some(holder) = holder_of(&row, &invocation.state_dir()?) {
        return Err(SessionError::from(LockError::Held { holder }).into());
    }
    status::print_session(
        invocation,
        &recorded(&journal, row, &invocation.state_dir()?)?,
    )?;
    Ok(ExitCode::Success)
}
