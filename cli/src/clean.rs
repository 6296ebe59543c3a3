//! `autoissue clean`: removes worktrees of finished sessions, never one that holds work not saved elsewhere, and transcripts that
//! are too old or too many.

use autoissue_core::clean::{Cleaned, Fate, clean, clean_transcripts};
use autoissue_core::retention::Freed;
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

/// The transcripts that were removed, in JSON.
#[derive(Serialize)]
struct FreedLine {
    #[serde(rename = "type")]
    kind: &'static str,
    sessions: u64,
    bytes: u64,
    dry_run: bool,
}

/// Runs the command. A worktree that stays because its work is not saved makes it end with 3.
///
/// # Errors
/// Where there is no repository, or another session holds it.
pub(crate) fn run(around: &Surroundings, args: &CleanArgs) -> Result<ExitCode, CliError> {
    let ready = around.ready(Vec::new())?;
    let freed = clean_transcripts(&ready.loaded.config.logging, &ready.host, args.dry_run)?;
    let cleaned = clean(ready.loaded.config, &ready.host, args.dry_run)?;
    for worktree in &cleaned {
        if around.console.is_json() {
            around.console.json(&line(worktree, args.dry_run))?;
        } else {
            around.console.print(&text(worktree, args.dry_run))?;
        }
    }
    if 0 < freed.n_sessions {
        print_freed(around, freed, args.dry_run)?;
    } else if cleaned.is_empty() && !around.console.is_json() {
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

fn print_freed(around: &Surroundings, freed: Freed, dry_run: bool) -> Result<(), CliError> {
    let Freed { n_sessions, bytes } = freed;
    if around.console.is_json() {
        return around.console.json(&FreedLine {
            kind: "transcripts",
            sessions: n_sessions,
            bytes,
            dry_run,
        });
    }
    let sessions = match n_sessions {
        1 => "1 session".to_owned(),
        n => format!("{n} sessions"),
    };
    let (removed, freed) = if dry_run {
        ("would remove", "would free")
    } else {
        ("removed", "freed")
    };
    let mib = bytes.div_ceil(1 << 20);
    around.console.print(&format!(
        "{removed} the transcripts of {sessions}, which {freed} {mib} MiB\n"
    ))
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
