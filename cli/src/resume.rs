//! `autoissue resume`: goes on with an interrupted session.

use std::path::Path;

use autoissue_core::journal::{Journal, SessionRow, SessionStatus};
use autoissue_core::recorded::Recorded;
use autoissue_core::session::{Order, Resume};

use crate::args::ResumeArgs;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
use crate::{plan_command, status};

/// Runs the command.
///
/// # Errors
/// Where there is nothing to resume, or the session cannot run.
pub(crate) fn run(around: &Surroundings, args: &ResumeArgs) -> Result<ExitCode, CliError> {
    let ready = around.ready(args.run.settings())?;
    if args.dry_run {
        return show_what_is_left(around, &ready.host.project, args.session.as_deref());
    }
    let order = Order::Resume(Resume {
        session: args.session.clone(),
        ..Resume::default()
    });
    plan_command::carry_out(around, &args.run, ready, order, args.yes, None)
}

/// Shows the session's tasks as they stand; changes nothing.
fn show_what_is_left(
    around: &Surroundings,
    project: &Path,
    session: Option<&str>,
) -> Result<ExitCode, CliError> {
    let journal = around.journal()?;
    let row = match session {
        Some(prefix) => journal.session(prefix)?,
        None => newest_unfinished(&journal, project)?,
    };
    status::print_session(around, &Recorded::read(&journal, row)?)?;
    Ok(ExitCode::Success)
}

fn newest_unfinished(journal: &Journal, project: &Path) -> Result<SessionRow, CliError> {
    let is_unfinished = |row: &SessionRow| {
        Path::new(&row.project_path) == project
            && matches!(
                row.status,
                SessionStatus::Running | SessionStatus::Interrupted
            )
    };
    let mut sessions = journal.sessions(None, usize::MAX)?.into_iter();
    sessions
        .find(is_unfinished)
        .ok_or_else(|| CliError::NothingToResume {
            project: project.to_owned(),
        })
}
