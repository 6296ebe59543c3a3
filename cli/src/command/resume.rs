//! `autoissue resume`: goes on with an interrupted session.

use std::path::Path;

use autoissue_core::journal::repository_lock::LockError;
use autoissue_core::session::{Order, Resume, SessionError, session_to_resume};
use clap::Args;

use super::{plan, status};
use crate::args::{Common, RunArgs};
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::liveness::{holder_of, recorded};
use crate::typed::{Deed, Typed};

/// Arguments of `resume`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ResumeArgs {
    /// Id of the session, or the beginning of it; the newest unfinished one by default
    pub(crate) session: Option<String>,
    /// Carry out a plan that waits for somebody to agree to it, without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Show what is left to do; change nothing and spend nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How to run.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl ResumeArgs {
    /// Returns what of the command is kept, for the commands that are printed after it.
    pub(super) fn typed(self, common: Common) -> Typed {
        let Self {
            session: _,
            yes,
            dry_run: _,
            run,
        } = self;
        Typed::new(common, run, yes, Deed::Other)
    }
}

/// Runs the command.
///
/// # Errors
/// Where there is nothing to resume, or the session cannot run.
pub(crate) fn run(invocation: &Invocation, args: &ResumeArgs) -> Result<ExitCode, CliError> {
    let ready = invocation.ready(args.run.settings())?;
    if args.dry_run {
        return show_what_is_left(invocation, &ready.host.project, args.session.as_deref());
    }
    let order = Order::Resume(Resume {
        session: args.session.clone(),
        ..Resume::default()
    });
    plan::carry_out(invocation, &args.run, ready, order, args.yes, None)
}

/// Shows the session's tasks as they stand; changes nothing, and refuses what a resume refuses.
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
