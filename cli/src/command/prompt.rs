//! `autoissue prompt`: prints what an agent would be told about an issue. Runs and changes nothing.

use std::io::{self, IsTerminal as _};

use autoissue_core::prompt_preview::prompt_for;
use clap::Args;
use serde_json::json;

use crate::args::issue_number;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::printable::lines;

/// Arguments of `prompt`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PromptArgs {
    /// Number of the issue
    #[arg(value_name = "N", value_parser = issue_number)]
    issue: u64,
}

/// Runs the command.
///
/// # Errors
/// If the issue is not open, or the repository cannot be read.
pub(crate) fn run(invocation: &Invocation, args: &PromptArgs) -> Result<ExitCode, CliError> {
    let ready = invocation.ready(Vec::new())?;
    let prompt = prompt_for(ready.loaded.config, &ready.host, args.issue)?;
    if invocation.console.is_json() {
        invocation.console.json(&json!({
            "type": "prompt",
            "issue": args.issue,
            "text": prompt.text,
            "removed": prompt.removed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))?;
    } else {
        for kind in &prompt.removed {
            let text = format!("removed invisible text from #{}: {kind}", args.issue);
            invocation.console.warn(&text);
        }
        // Escape sequences in an issue must not reach the terminal.
        let text = match io::stdout().is_terminal() {
            true => lines(&prompt.text).map(|line| line + "\n").collect(),
            false => prompt.text,
        };
        invocation.console.print(&text)?;
    }
    Ok(ExitCode::Success)
}
