//! `autoissue history verify`: checks that the journal is unchanged. Every row carries the hash of
//! the previous one, so any changed, moved or missing byte is found and reported. Reads only the
//! journal, and works while a session runs.

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
    #[command(subcommand)]
    what: HistoryCommand,
}

/// The `history` subcommands.
#[derive(Clone, Copy, Debug, Subcommand)]
enum HistoryCommand {
    /// Verify the hash chain of the journal of all sessions
    Verify,
}

/// Runs the command.
///
/// # Errors
/// If the journal cannot be read, or a row does not match its hash; the error names the first such
/// row.
pub(crate) fn run(invocation: &Invocation, args: &HistoryArgs) -> Result<ExitCode, CliError> {
    match args.what {
        HistoryCommand::Verify => verify(invocation),
    }
}

/// Counts of verified entries.
#[derive(Debug, Default)]
struct Checked {
    n_sessions: u64,
    n_events: u64,
    n_costs: u64,
}

/// The result as a line of JSON.
#[derive(Debug, Serialize)]
struct HistoryLine {
    r#type: &'static str,
    n_sessions: u64,
    n_events: u64,
    n_costs: u64,
    /// Whether everything was checked and matches.
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
            "all rows are intact"
        } else {
            "the next row has been changed"
        };
        invocation.console.print(&format!("{checked}: {end}\n"))?;
    }
    result?;
    Ok(ExitCode::Success)
}

impl Checked {
    /// Verifies the events of each session, from the oldest on, and then the recorded costs. Stops
    /// at the first row that does not match.
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
