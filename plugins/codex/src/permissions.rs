//! What the agent may do, as settings of the program.
//!
//! The program has no list of tools: all that matters is done by its shell, which the sandbox
//! confines. So a list of tools can be followed only if it allows the shell.

use autoissue_plugin_sdk::{AgentTask, PluginError};

/// Options that leave out the user's own settings: servers whose tools are approved there, and rules
/// that let commands out of the sandbox. The login is not among these settings.
pub(crate) const WITHOUT_USER_SETTINGS: [&str; 2] = ["--ignore-user-config", "--ignore-rules"];

/// The sandbox of an agent that may only read.
const READING: &str = r#"sandbox_mode="read-only""#;
/// The sandbox of an agent that may write in its work tree.
const WRITING: &str = r#"sandbox_mode="workspace-write""#;
/// No sandbox.
const UNCONFINED: &str = r#"sandbox_mode="danger-full-access""#;

/// Keeps the web away from an agent to which the task does not give it: the service searches on its
/// own, so the sandbox has no influence.
const WITHOUT_WEB: &str = r#"web_search="disabled""#;

/// Names of the shell in lists of tools.
const SHELL: [&str; 2] = ["Bash", "shell"];
/// Name of the search in lists of tools.
const WEB: [&str; 2] = ["WebSearch", "web_search"];
/// Names of tools that the shell includes.
const INCLUDED: [&str; 8] = [
    "Edit",
    "Glob",
    "Grep",
    "MultiEdit",
    "NotebookEdit",
    "Read",
    "Write",
    "apply_patch",
];

/// Returns the settings for the rights of a task.
///
/// # Errors
/// [`PluginError::InvalidSettings`] if the list of tools cannot be followed.
pub(crate) fn settings(task: &AgentTask) -> Result<Vec<&'static str>, PluginError> {
    if task.read_only {
        return Ok(vec![READING, WITHOUT_WEB]);
    }
    if task.yolo {
        return Ok(vec![UNCONFINED]);
    }
    check(&task.allowed_tools)?;
    let allows_web = task.allowed_tools.iter().any(|tool| is_in(tool, &WEB));
    let mut settings = vec![WRITING];
    settings.extend((!allows_web).then_some(WITHOUT_WEB));
    Ok(settings)
}

/// Checks that a list of tools can be followed.
fn check(tools: &[String]) -> Result<(), PluginError> {
    let invalid = |message: String| Err(PluginError::InvalidSettings(message));
    let known = [&SHELL[..], &WEB, &INCLUDED].concat();
    if let Some(tool) = tools.iter().find(|tool| !is_in(tool, &known)) {
        return invalid(format!(
            "`codex` has no list of tools, so `{tool}` in `agent.allowedTools` cannot be followed: remove it \
             (its sandbox confines what its shell can do)"
        ));
    }
    if !tools.is_empty() && !tools.iter().any(|tool| is_in(tool, &SHELL)) {
        return invalid(
            "`codex` does all its work with its shell: add `Bash` to `agent.allowedTools`, or remove the list \
             (its sandbox confines what the shell can do)"
                .into(),
        );
    }
    Ok(())
}

fn is_in(tool: &str, names: &[&str]) -> bool {
    names.contains(&tool)
}
