//! Reports, once, that the journal of an earlier release was moved aside, and how to recover the
//! work that its sessions kept.

use std::fmt::Write as _;
use std::path::Path;

use autoissue_core::outdated_journal::{self, OutdatedSessions, Salvaged};

use crate::command::Command;
use crate::error::CliError;
use crate::host::Invocation;
use crate::shell::quoted;

/// Moves the journal of an earlier release aside before a command needs one.
///
/// # Errors
/// If its files cannot be moved.
pub(crate) fn set_aside(invocation: &Invocation, command: &Command) -> Result<(), CliError> {
    let needs_no_journal = matches!(
        command,
        Command::Init
            | Command::Demo(_)
            | Command::Plugin(_)
            | Command::Config(_)
            | Command::Schema(_)
            | Command::Completions(_)
            | Command::Internal(_)
    );
    // Without a state directory there is nothing to move; the command reports that if it needs one.
    let (false, Ok(state_dir)) = (needs_no_journal, invocation.state_dir()) else {
        return Ok(());
    };
    let Some(left) = outdated_journal::set_aside(&state_dir)? else {
        return Ok(());
    };
    let commands = commands(&left);
    let list = left.journal.with_extension("txt");
    let is_kept = std::fs::write(&list, &commands).is_ok();
    // Printed even with `--quiet`, because it is printed only once.
    invocation.console.say(format_args!(
        "{} the journal of an earlier release can no longer be read; it was moved to `{}`",
        invocation.console.err.yellow("warning:"),
        left.journal.display()
    ));
    if commands.is_empty() {
        return Ok(());
    }
    let again = if is_kept {
        format!(" (also in `{}`)", list.display())
    } else {
        String::new()
    };
    invocation.console.say(format_args!(
        "to recover the work that its sessions kept, run{again}:"
    ));
    for line in commands.lines() {
        invocation.console.say_exactly(&format!("  {line}"));
    }
    Ok(())
}

/// Returns one command per piece of work that recovers it.
fn commands(left: &OutdatedSessions) -> String {
    let path = |path: &Path| quoted(&path.to_string_lossy());
    let mut commands = String::new();
    for Salvaged {
        project,
        mirror,
        salvage,
    } in &left.salvaged
    {
        let branch = format!(
            "recovered/{}/issue-{}/{}",
            salvage.session, salvage.issue, salvage.name
        );
        let (project, mirror) = (path(project), path(mirror));
        let refspec = quoted(&format!("{}:refs/heads/{branch}", salvage.reference));
        let _ = writeln!(commands, "git -C {project} fetch {mirror} {refspec}");
    }
    for directory in &left.directories {
        let _ = writeln!(commands, "cp -R {} .", path(&directory.path));
    }
    commands
}
