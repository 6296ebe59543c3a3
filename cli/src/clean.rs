//! `autoissue clean`: removes worktrees of finished sessions, never one that holds work not saved elsewhere.

use autoissue_core::clean::{Cleaned, Fate, clean};
use serde::Serialize;

use crate::args::CleanArgs;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
use crate::printable::one_line;

/// A worktree in JSON.
#[derive(Serialize)]
struct CleanedLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    issue: u64,
    session: &'a str,
    path: String,
    fate: &'static str,
    reason: Option<String>,
    dry_run: bool,
}

/// Runs the command. A worktree that stays because its work is not saved makes it end with 3.
///
/// # Errors
/// Where there is no repository, or another session holds it.
pub(crate) fn run(around: &Surroundings, args: &CleanArgs) -> Result<ExitCode, CliError> {
    let ready = around.ready(Vec::new())?;
    let cleaned = clean(ready.loaded.config, &ready.host, args.dry_run)?;
    for worktree in &cleaned {
        if around.console.is_json() {
            around.console.json(&line(worktree, args.dry_run))?;
        } else {
            around.console.print(&text(worktree, args.dry_run))?;
        }
    }
    if cleaned.is_empty() && !around.console.is_json() {
        around.console.print("nothing to clean\n")?;
    }
    let some_stay = cleaned
        .iter()
        .any(|worktree| matches!(worktree.fate, Fate::Kept(_)));
    Ok(if some_stay {
        ExitCode::SomeFailed
    } else {
        ExitCode::Success
    })
}

fn line(worktree: &Cleaned, dry_run: bool) -> CleanedLine<'_> {
    let (fate, reason) = match &worktree.fate {
        Fate::Removed => ("removed", None),
        Fate::Held => (
            "held",
            Some(format!("session {} can be resumed", worktree.session)),
        ),
        Fate::Kept(error) => ("kept", Some(error.to_string())),
    };
    CleanedLine {
        kind: "worktree",
        issue: worktree.issue,
        session: &worktree.session,
        path: worktree.path.display().to_string(),
        fate,
        reason,
        dry_run,
    }
}

fn text(worktree: &Cleaned, dry_run: bool) -> String {
    let path = worktree.path.display().to_string();
    let said = match &worktree.fate {
        Fate::Removed if dry_run => format!("would remove {path}"),
        Fate::Removed => format!("removed {path}"),
        Fate::Held => format!("left {path}: session {} can be resumed", worktree.session),
        Fate::Kept(error) => format!("kept {path}: {error}"),
    };
    format!("{}\n", one_line(&said))
}
