//! `autoissue history verify`: whether the journal still holds what was written to it. Every row carries the hash of the row before, so a
//! byte that was changed, moved or lost is found and named. Reads the journal only, also while a session runs.

use std::fmt;

use autoissue_core::journal::{Journal, JournalError};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::narration::counted;

/// Arguments of `history`.
#[derive(Clone, Debug, Args)]
pub(crate) struct HistoryArgs {
    /// What to do.
    #[command(subcommand)]
    what: HistoryCommand,
}

/// What to do with the history.
#[derive(Clone, Copy, Debug, Subcommand)]
enum HistoryCommand {
    /// Check that the journal of all sessions holds what was written to it
    Verify,
}

/// Runs the command.
///
/// # Errors
/// Where the journal cannot be read, or holds something else than was written: the first such row is named.
pub(crate) fn run(invocation: &Invocation, args: &HistoryArgs) -> Result<ExitCode, CliError> {
    match args.what {
        HistoryCommand::Verify => verify(invocation),
    }
}

/// What was found to be as it was written.
#[derive(Debug, Default)]
struct Checked {
    n_sessions: u64,
    n_events: u64,
    n_costs: u64,
}

/// What was checked, as a line of JSON.
#[derive(Debug, Serialize)]
struct HistoryLine {
    r#type: &'static str,
    n_sessions: u64,
    n_events: u64,
    n_costs: u64,
    /// Whether all of it was checked, and fits.
    intact: bool,
}

fn verify(invocation: &Invocation) -> Result<ExitCode, CliError> {
    let journal = invocation.journal()?;
    let mut checked = Checked::default();
    let result = checked.check(&journal);
    if invocation.console.is_json() {
        invocation.console.json(&HistoryLine {
            r#type: "history",
            n_sessions: checked.n_sessions,
            n_events: checked.n_events,
            n_costs: checked.n_costs,
            intact: result.is_ok(),
        })?;
    } else {
        let end = if result.is_ok() {
            "every row is as it was written"
        } else {
            "the next row is not as it was written"
        };
        invocation.console.print(&format!("{checked}: {end}\n"))?;
    }
    result?;
    Ok(ExitCode::Success)
}

impl Checked {
    /// Checks everything: the rows of all sessions at once, then the events of each, from the oldest on, then what tasks cost. Ends at
    /// the first row that does not fit.
    fn check(&mut self, journal: &Journal) -> Result<(), JournalError> {
        let sessions = journal.sessions(None, usize::MAX)?;
        for row in sessions.iter().rev() {
            self.n_events += journal.verify(&row.id)?;
            self.n_sessions += 1;
        }
        self.n_costs = journal.costs()?.len() as u64;
        Ok(())
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "checked {}, {}, {}",
            counted(self.n_sessions, "session"),
            counted(self.n_events, "event"),
            counted(self.n_costs, "cost")
        )
    }
}
