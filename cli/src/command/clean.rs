//! `autoissue clean`: removes worktrees of finished sessions (except those with work that is not
//! saved elsewhere), kept work that is no longer needed, and transcripts that exceed the limits on
//! age or size.

use std::collections::BTreeSet;

use autoissue_core::clean::{
    CleanOrder, CleanOutcome, Cleaned, CleanedWorktree, Contents, KeptWork, Reason, SetAside,
    clean, clean_transcripts,
};
use autoissue_core::process::error_chain;
use autoissue_core::retention::Freed;
use clap::Args;
use serde::Serialize;

use crate::args::issue_number;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::narration::counted;
use crate::printable::one_line;
use crate::shell::quoted;

/// Arguments of `clean`.
#[derive(Clone, Debug, Args)]
pub(crate) struct CleanArgs {
    /// Show what would be removed, without removing it
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also remove the kept work of this issue, unless a resumable session needs it (repeatable)
    #[arg(long, value_name = "ISSUE", value_parser = issue_number)]
    pub(crate) salvage: Vec<u64>,
}

/// A worktree as JSON.
#[derive(Serialize)]
struct CleanedLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    issue: u64,
    session: &'a str,
    path: String,
    outcome: &'static str,
    reason: Option<String>,
    dry_run: bool,
}

/// Kept work as JSON.
#[derive(Serialize)]
struct KeptWorkLine {
    #[serde(rename = "type")]
    kind: &'static str,
    issue: u64,
    refs: usize,
    outcome: &'static str,
    reason: Option<&'static str>,
    dry_run: bool,
}

/// Size of the removed kept work, as JSON.
#[derive(Serialize)]
struct FreedBytesLine {
    #[serde(rename = "type")]
    kind: &'static str,
    bytes: u64,
}

/// A directory that only its owner may remove, as JSON.
#[derive(Serialize)]
struct SetAsideLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    issue: u64,
    path: String,
    files: u64,
    bytes: u64,
    repositories: &'a [String],
    /// Whether the directory contains more than was counted.
    partial: bool,
}

/// The removed transcripts, as JSON.
#[derive(Serialize)]
struct FreedLine {
    #[serde(rename = "type")]
    kind: &'static str,
    sessions: u64,
    bytes: u64,
    dry_run: bool,
}

/// Runs the command. Exits with 3 if a worktree stays because its work is not saved.
///
/// # Errors
/// If there is no repository, or a session is using it.
pub(crate) fn run(invocation: &Invocation, args: &CleanArgs) -> Result<ExitCode, CliError> {
    let ready = invocation.ready(Vec::new())?;
    let freed = clean_transcripts(&ready.loaded.config.logging, &ready.host, args.dry_run)?;
    let order = CleanOrder {
        dry_run: args.dry_run,
        salvage: args.salvage.iter().copied().collect(),
    };
    let cleaned = clean(&ready.loaded.config, &ready.host, &order)?;
    for worktree in &cleaned.worktrees {
        if invocation.console.is_json() {
            invocation.console.json(&line(worktree, args.dry_run))?;
        } else {
            invocation.console.print(&text(worktree, args.dry_run))?;
        }
    }
    print_kept_work(invocation, &cleaned, args.dry_run)?;
    for issue in without_kept_work(&order.salvage, &cleaned.kept_work) {
        if invocation.console.is_json() {
            invocation
                .console
                .json(&no_kept_work(issue, args.dry_run))?;
        } else {
            let text = format!("there is no kept work of #{issue}\n");
            invocation.console.print(&text)?;
        }
    }
    for note in &cleaned.notes {
        invocation.console.warn(note);
    }
    if 0 < freed.n_sessions {
        print_freed(invocation, freed, args.dry_run)?;
    } else if cleaned.worktrees.is_empty()
        && cleaned.kept_work.is_empty()
        && cleaned.set_aside.is_empty()
        && cleaned.freed_bytes == 0
        && !invocation.console.is_json()
    {
        invocation.console.print("nothing to clean\n")?;
    }
    for directory in &cleaned.set_aside {
        if invocation.console.is_json() {
            invocation.console.json(&set_aside_line(directory))?;
        } else {
            invocation.console.print(&set_aside_text(directory))?;
        }
    }
    let some_stay = cleaned
        .worktrees
        .iter()
        .any(|worktree| matches!(worktree.outcome, CleanOutcome::Kept(_)));
    Ok(if some_stay {
        ExitCode::SomeFailed
    } else {
        ExitCode::Success
    })
}

fn print_kept_work(
    invocation: &Invocation,
    cleaned: &Cleaned,
    dry_run: bool,
) -> Result<(), CliError> {
    let is_json = invocation.console.is_json();
    for work in &cleaned.kept_work {
        if is_json {
            invocation.console.json(&kept_work_line(work, dry_run))?;
        } else {
            invocation.console.print(&kept_work_text(work, dry_run))?;
        }
    }
    let bytes = cleaned.freed_bytes;
    if is_json && 0 < bytes {
        invocation.console.json(&FreedBytesLine {
            kind: "freed",
            bytes,
        })?;
    } else if 0 < bytes {
        let kib = bytes.div_ceil(1 << 10);
        invocation.console.print(&format!("freed {kib} KiB\n"))?;
    }
    Ok(())
}

const fn name(reason: Reason) -> &'static str {
    match reason {
        Reason::Shipped => "shipped",
        Reason::Closed => "closed",
        Reason::Named => "named",
    }
}

fn kept_work_line(work: &KeptWork, dry_run: bool) -> KeptWorkLine {
    KeptWorkLine {
        kind: "kept_work",
        issue: work.issue,
        refs: work.n_refs,
        outcome: if work.reason.is_some() {
            "removed"
        } else {
            "kept"
        },
        reason: work.reason.map(name),
        dry_run,
    }
}

/// Returns the named issues that have no kept work.
fn without_kept_work<'a>(
    named: &'a BTreeSet<u64>,
    kept_work: &'a [KeptWork],
) -> impl Iterator<Item = u64> + 'a {
    let has_none = |issue: &u64| kept_work.iter().all(|work| work.issue != *issue);
    named.iter().copied().filter(has_none)
}

const fn no_kept_work(issue: u64, dry_run: bool) -> KeptWorkLine {
    KeptWorkLine {
        kind: "kept_work",
        issue,
        refs: 0,
        outcome: "none",
        reason: None,
        dry_run,
    }
}

fn kept_work_text(work: &KeptWork, dry_run: bool) -> String {
    let KeptWork {
        issue,
        n_refs,
        reason,
        is_held,
    } = work;
    let refs = match n_refs {
        1 => "1 ref".to_owned(),
        n => format!("{n} refs"),
    };
    let verb = if dry_run { "would remove" } else { "removed" };
    match reason {
        Some(Reason::Shipped) => {
            format!("{verb} the kept work of #{issue} ({refs}): the issue's work has shipped\n")
        }
        Some(Reason::Closed) => {
            format!("{verb} the kept work of #{issue} ({refs}): the issue is closed\n")
        }
        Some(Reason::Named) => format!("{verb} the kept work of #{issue} ({refs})\n"),
        None if *is_held => {
            format!("kept the work of #{issue} ({refs}): a session that needs it can be resumed\n")
        }
        None => format!(
            "kept the work of #{issue} ({refs}); remove it with `autoissue clean --salvage {issue}`\n"
        ),
    }
}

fn print_freed(invocation: &Invocation, freed: Freed, dry_run: bool) -> Result<(), CliError> {
    let Freed { n_sessions, bytes } = freed;
    if invocation.console.is_json() {
        return invocation.console.json(&FreedLine {
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
    invocation.console.print(&format!(
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

/// Returns what a directory contains that is not removed, and how to remove it.
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
        "{}\n  if you do not need it, remove it with `rm -rf {remove}`\n",
        one_line(&held)
    )
}

fn line(worktree: &CleanedWorktree, dry_run: bool) -> CleanedLine<'_> {
    let (outcome, reason) = match &worktree.outcome {
        CleanOutcome::Removed => ("removed", None),
        CleanOutcome::Held => (
            "held",
            Some(format!("session {} can still be resumed", worktree.session)),
        ),
        CleanOutcome::Kept(error) => ("kept", Some(error_chain(error))),
    };
    CleanedLine {
        kind: "worktree",
        issue: worktree.issue,
        session: &worktree.session,
        path: worktree.path.display().to_string(),
        outcome,
        reason,
        dry_run,
    }
}

fn text(worktree: &CleanedWorktree, dry_run: bool) -> String {
    let path = worktree.path.display().to_string();
    let said = match &worktree.outcome {
        CleanOutcome::Removed if dry_run => format!("would remove {path}"),
        CleanOutcome::Removed => format!("removed {path}"),
        CleanOutcome::Held => format!(
            "kept {path}: session {} can still be resumed",
            worktree.session
        ),
        CleanOutcome::Kept(error) => format!("kept {path}: {}", error_chain(error)),
    };
    format!("{}\n", one_line(&said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_issue_without_kept_work_is_reported() {
        let kept = [KeptWork {
            issue: 7,
            n_refs: 1,
            reason: Some(Reason::Named),
            is_held: false,
        }];
        let named = BTreeSet::from([7, 99]);
        let without: Vec<u64> = without_kept_work(&named, &kept).collect();
        assert_eq!(without, [99]);
        assert_eq!(
            serde_json::to_value(no_kept_work(99, false)).unwrap(),
            serde_json::json!({
                "type": "kept_work", "issue": 99, "refs": 0, "outcome": "none", "reason": null, "dry_run": false
            })
        );
    }

    #[test]
    fn removal_is_suggested_only_for_work_that_can_be_removed() {
        let mut work = KeptWork {
            issue: 7,
            n_refs: 2,
            reason: None,
            is_held: false,
        };
        assert_eq!(
            kept_work_text(&work, false),
            "kept the work of #7 (2 refs); remove it with `autoissue clean --salvage 7`\n"
        );
        work.is_held = true;
        assert_eq!(
            kept_work_text(&work, false),
            "kept the work of #7 (2 refs): a session that needs it can be resumed\n"
        );
    }
}
