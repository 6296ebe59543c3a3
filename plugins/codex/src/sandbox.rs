//! Recognises a machine on which the program's sandbox cannot start.
//!
//! No event reports it, and the program exits with 0: each command fails with the sandbox's own
//! words in place of its output, and the model says that it could not do anything.

use serde_json::Value;

/// How the sandbox begins what it prints if it cannot start: `bwrap` itself, and the program that
/// calls it.
const COMPLAINTS: [&str; 4] = [
    "bwrap: ",
    "execvp codex-linux-sandbox",
    "error running landlock: ",
    "sandbox-exec: ",
];

/// What became of the commands of a run.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    /// Words of the sandbox in the first command that it failed to start.
    complaint: Option<String>,
    /// Whether a command has run, or files were changed without one.
    has_any_run: bool,
}

impl Commands {
    /// Notes a command or a change of files that has ended.
    pub(crate) fn note(&mut self, item: &Value) {
        match complaint(item) {
            Some(words) => {
                self.complaint.get_or_insert(words);
            }
            None => {
                self.has_any_run |=
                    item["type"] == "command_execution" || item["status"] == "completed";
            }
        }
    }

    /// Returns what to say about a run in which the sandbox failed every command.
    ///
    /// Every task on this machine would run into it. But a command can print the same words at the
    /// request of an issue, so this must not stop the session.
    pub(crate) fn failure(&self) -> Option<String> {
        let words = self.complaint.as_ref().filter(|_| !self.has_any_run)?;
        Some(format!(
            "the sandbox of `codex` cannot start on this machine, so no command ran: allow unprivileged user \
             namespaces, or set `agent.yolo` if this machine is disposable ({words})"
        ))
    }
}

/// Returns the first line of a command's output if the sandbox printed it.
fn complaint(item: &Value) -> Option<String> {
    if item["type"] != "command_execution" || item["exit_code"] == 0 {
        return None;
    }
    let output = item["aggregated_output"].as_str()?;
    let line = output
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    let is_of_sandbox = COMPLAINTS.iter().any(|start| line.starts_with(start));
    is_of_sandbox.then(|| line.to_owned())
}
