//! `autoissue clean`: removes worktrees of finished sessions, never one that holds work not saved elsewhere, and transcripts that
//! are too old or too many.

use autoissue_core::clean::{
    Cleaned, Contents, Fate, SetAside, clean, clean_transcripts, set_aside,
};
use autoissue_core::retention::Freed;
use serde::Serialize;

use crate::args::CleanArgs;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::{Surroundings, quoted};
use crate::narration::counted;
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

/// A directory that only its owner may remove, in JSON.
#[derive(Serialize)]
struct SetAsideLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    issue: u64,
    path: String,
    files: u64,
    bytes: u64,
    repositories: &'a [String],
    /// Whether there is more than was looked at.
    partial: bool,
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
    let config = ready.loaded.config;
    let cleaned = clean(config.clone(), &ready.host, args.dry_run)?;
    let set_aside = set_aside(&config, &ready.host, &cleaned);
    for worktree in &cleaned {
        if around.console.is_json() {
            around.console.json(&line(worktree, args.dry_run))?;
        } else {
            around.console.print(&text(worktree, args.dry_run))?;
        }
    }
    if 0 < freed.n_sessions {
        print_freed(around, freed, args.dry_run)?;
    } else if cleaned.is_empty() && set_aside.is_empty() && !around.console.is_json() {
        around.console.print("nothing to clean\n")?;
    }
    for directory in &set_aside {
        if around.console.is_json() {
            around.console.json(&set_aside_line(directory))?;
        } else {
            around.console.print(&set_aside_text(directory))?;
        }
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

fn set_aside_line(directory: &SetAside) -> SetAsideLine<'_> {
    let Contents {
        n_files,
        bytes,
        repositories,
        is_partial,
    } = &directory.contents;
    SetAsideLine {
        kind: "set_aside",
        issue: directory.issue,
        path: directory.path.display().to_string(),
        files: *n_files,
        bytes: *bytes,
        repositories,
        partial: *is_partial,
    }
}

/// Says what a directory holds that is not removed, and how to remove it.
fn set_aside_text(directory: &SetAside) -> String {
    let Contents {
        n_files,
        bytes,
        repositories,
        is_partial,
    } = &directory.contents;
    let path = directory.path.display().to_string();
    let at_least = if *is_partial { "at least " } else { "" };
    let repositories = match repositories.as_slice() {
        [] => String::new(),
        names => format!(", repositories: {}", names.join(", ")),
    };
    let held = format!(
        "kept {path}: {at_least}{}, {} MiB{repositories}",
        counted(*n_files, "file"),
        bytes.div_ceil(1 << 20)
    );
    let remove = quoted(&path);
    format!(
        "{}\n  if you do not need them, remove them with `rm -rf {remove}`\n",
        one_line(&held)
    )
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
