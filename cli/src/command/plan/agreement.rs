//! Asks the user to confirm a plan.

use std::io::{self, BufRead, IsTerminal};

use autoissue_core::session::Finished;
use rustix::termios::{QueueSelector, tcflush};
use tokio::runtime::Builder;

use crate::error::CliError;
use crate::host::Invocation;
use crate::narration::counted;
use crate::proposal::proposal;
use crate::signals::Signals;

/// The user's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    /// Run the plan.
    Yes,
    /// Decline the plan.
    No,
    /// No answer: interrupted, or the input has ended.
    None,
}

/// Returns whether there is a user to ask: standard error and standard input are terminals.
pub(super) fn can_be_asked() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Shows the plan and asks.
///
/// # Errors
/// If signals cannot be handled.
pub(super) fn ask(invocation: &Invocation, finished: &Finished) -> Result<Agreement, CliError> {
    let n_issues = finished
        .chronicle
        .engine()
        .planning()
        .and_then(|planning| Some(planning.plan.as_ref()?.issues.len()));
    // Discards keys that were pressed while the planner was working, before the question was asked.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    invocation.console.say(proposal(
        finished.chronicle.engine(),
        invocation.console.err,
    ));
    invocation.console.say(format!(
        "Create {} and run them? [y/N]",
        counted(n_issues.unwrap_or(0), "issue")
    ));
    wait_for_line().map(|line| line.as_deref().map_or(Agreement::None, meaning))
}

/// Waits for a line or a signal. The session that ran before has replaced the default signal
/// handlers.
fn wait_for_line() -> Result<Option<String>, CliError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| CliError::System {
        what: "wait for an answer",
        source,
    })?;
    let line = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            let n_bytes = io::stdin().lock().read_line(&mut line).unwrap_or(0);
            (n_bytes > 0).then_some(line)
        });
        tokio::select! {
            line = line => Ok(line.unwrap_or(None)),
            () = signals.next() => Ok(None),
        }
    });
    // Does not wait for the thread that reads the line; it ends with the process.
    runtime.shutdown_background();
    line
}

fn meaning(line: &str) -> Agreement {
    if matches!(line.trim().to_lowercase().as_str(), "y" | "yes") {
        Agreement::Yes
    } else {
        Agreement::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_yes_counts() {
        for line in ["y\n", "Yes", " YES \r\n"] {
            assert_eq!(meaning(line), Agreement::Yes, "{line:?}");
        }
        for line in ["\n", "n", "no", "yes please", "yy"] {
            assert_eq!(meaning(line), Agreement::No, "{line:?}");
        }
    }
}
