//! Decides which tools the agent may use, as a file for the program's policy engine.
//!
//! ```text
//!   read-only: read ─────────────────────────► allow      everything else ─► deny
//!   otherwise: read, allowed tools ──────────► allow      everything else ─► deny
//!   yolo:      everything ───────────────────► allow
//! ```
//!
//! The file is given with `--policy`, so it replaces the user's own policies. Its priorities are
//! above those of all settings; only the policies of the machine's administrator are above it.
//! Without a terminal a tool that needs approval is denied.

use std::fmt::Write as _;

use autoissue_plugin_sdk::{AgentTask, PluginError};

const SHELL: &str = "run_shell_command";

/// Tools that only read.
pub(crate) const READING_TOOLS: [&str; 4] = ["glob", "grep_search", "list_directory", "read_file"];

/// Tools that keep notes for the agent itself and have no effect outside the program.
const HARMLESS_TOOLS: [&str; 2] = ["update_topic", "write_todos"];

/// Tools allowed if the configuration lists none: file edits and the shell.
pub(crate) const DEFAULT_TOOLS: [&str; 7] = [
    "glob",
    "grep_search",
    "list_directory",
    "read_file",
    "replace",
    SHELL,
    "write_file",
];

/// Other tools that the program has.
const OTHER_TOOLS: [&str; 4] = [
    "activate_skill",
    "google_web_search",
    "read_many_files",
    "web_fetch",
];

/// Tools that nobody can answer, or that forbid the agent everything else from then on.
const UNATTENDED: [&str; 2] = ["ask_user", "enter_plan_mode"];

/// Priorities. The highest possible one is 999.
const FORBIDDEN: u32 = 990;
const ALLOWED: u32 = 980;
const REST: u32 = 900;

/// A tool that is allowed.
#[derive(Debug, PartialEq, Eq)]
struct Allowed<'a> {
    name: &'a str,
    /// What a command of the shell must start with.
    prefix: Option<&'a str>,
}

/// Returns whether the program has a tool with this name.
pub(crate) fn is_tool(name: &str) -> bool {
    DEFAULT_TOOLS
        .iter()
        .chain(&HARMLESS_TOOLS)
        .chain(&OTHER_TOOLS)
        .any(|tool| *tool == name)
}

/// Returns the policy of a task, in TOML.
///
/// # Errors
/// [`PluginError::InvalidSettings`] if a tool to allow is not one of the program's.
pub(crate) fn of(task: &AgentTask) -> Result<String, PluginError> {
    // Also checked if it is not used: the operator should hear of a mistake at once.
    let allowed: Vec<Allowed<'_>> = task
        .allowed_tools
        .iter()
        .map(|tool| allowed(tool))
        .collect::<Result<_, _>>()?;
    let mut file = String::new();
    for tool in UNATTENDED {
        rule(&mut file, tool, "deny", FORBIDDEN, "");
    }
    for tool in READING_TOOLS.iter().chain(&HARMLESS_TOOLS) {
        rule(&mut file, tool, "allow", ALLOWED, "");
    }
    let is_yolo = task.yolo && !task.read_only;
    if is_yolo || task.read_only {
        // The last rule decides.
    } else if allowed.is_empty() {
        let names = DEFAULT_TOOLS.into_iter();
        names.for_each(|name| allow(&mut file, name, None));
    } else {
        let tools = allowed.iter();
        tools.for_each(|tool| allow(&mut file, tool.name, tool.prefix));
    }
    let rest = if is_yolo { "allow" } else { "deny" };
    rule(&mut file, "*", rest, REST, "");
    Ok(file)
}

fn allow(file: &mut String, name: &str, prefix: Option<&str>) {
    match prefix {
        _ if name != SHELL => rule(file, name, "allow", ALLOWED, ""),
        // A rule with a pattern is not overruled by the program's own opinion that a command is
        // dangerous and needs approval.
        None => rule(
            file,
            name,
            "allow",
            ALLOWED,
            "commandRegex = \".\"\nallowRedirection = true\n",
        ),
        // Without redirection: it would write files that the prefix does not name.
        Some(prefix) => {
            let more = format!("commandPrefix = {}\n", quoted(prefix));
            rule(file, name, "allow", ALLOWED, &more);
        }
    }
}

fn rule(file: &mut String, tool: &str, decision: &str, priority: u32, more: &str) {
    let written = write!(
        file,
        "[[rule]]\ntoolName = \"{tool}\"\ndecision = \"{decision}\"\npriority = {priority}\n{more}\n"
    );
    written.expect("a string takes all");
}

/// Returns a text as a basic string of TOML, which is the same as in JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Reads an allowed tool, such as `write_file`, `run_shell_command` or `run_shell_command(git)`.
fn allowed(text: &str) -> Result<Allowed<'_>, PluginError> {
    let whole = Allowed {
        name: text,
        prefix: None,
    };
    let tool = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((SHELL, prefix)) if is_prefix(prefix) => Allowed {
            name: SHELL,
            prefix: Some(prefix),
        },
        Some(_) => return Err(unknown(text)),
        None => whole,
    };
    if is_tool(tool.name) {
        Ok(tool)
    } else {
        Err(unknown(text))
    }
}

/// Returns whether a text can be the start of a command. The patterns of other programs, such as
/// `git:*`, would never match.
fn is_prefix(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains('*') && !text.contains(char::is_control)
}

fn unknown(tool: &str) -> PluginError {
    let known = DEFAULT_TOOLS.into_iter().chain(OTHER_TOOLS);
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    PluginError::InvalidSettings(format!(
        "`{tool}` is not a tool of `gemini`: expected {}, or the start of a command as in `{SHELL}(git log)`",
        known.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the rules of a policy, one a line.
    fn rules(task: &AgentTask) -> String {
        let file = of(task).unwrap();
        let rules = file.split("[[rule]]\n").filter(|rule| !rule.is_empty());
        let lines: Vec<String> = rules
            .map(|rule| rule.trim().replace("toolName = ", "").replace('\n', " "))
            .collect();
        lines.join("\n")
    }

    const ALWAYS: &str = r#""ask_user" decision = "deny" priority = 990
"enter_plan_mode" decision = "deny" priority = 990
"glob" decision = "allow" priority = 980
"grep_search" decision = "allow" priority = 980
"list_directory" decision = "allow" priority = 980
"read_file" decision = "allow" priority = 980
"update_topic" decision = "allow" priority = 980
"write_todos" decision = "allow" priority = 980
"#;

    #[track_caller]
    fn check(task: &AgentTask, expected: &str) {
        assert_eq!(rules(task), format!("{ALWAYS}{expected}"));
    }

    const ANY_COMMAND: &str = r#""run_shell_command" decision = "allow" priority = 980 commandRegex = "." allowRedirection = true"#;

    #[test]
    fn a_read_only_agent_may_only_read_whatever_else_is_allowed() {
        let task = AgentTask::default()
            .read_only(true)
            .yolo(true)
            .allowed_tools(["run_shell_command", "write_file"]);
        check(&task, r#""*" decision = "deny" priority = 900"#);
    }

    #[test]
    fn only_listed_tools_are_allowed() {
        let task = AgentTask::default().allowed_tools(["replace", "run_shell_command(git log)"]);
        check(
            &task,
            r#""replace" decision = "allow" priority = 980
"run_shell_command" decision = "allow" priority = 980 commandPrefix = "git log"
"*" decision = "deny" priority = 900"#,
        );
        let task = AgentTask::default().allowed_tools(["run_shell_command"]);
        check(
            &task,
            &format!("{ANY_COMMAND}\n\"*\" decision = \"deny\" priority = 900"),
        );
    }

    #[test]
    fn without_a_list_edits_and_the_shell_are_allowed() {
        let rules = rules(&AgentTask::default());
        for allowed in [
            ANY_COMMAND,
            r#""replace" decision = "allow""#,
            r#""write_file" decision = "allow""#,
            r#""*" decision = "deny""#,
        ] {
            assert!(rules.contains(allowed), "{allowed}: {rules}");
        }
        assert!(!rules.contains("web_fetch"), "{rules}");
    }

    #[test]
    fn yolo_allows_everything_that_can_work_unattended() {
        let task = AgentTask::default().yolo(true).allowed_tools(["replace"]);
        check(&task, r#""*" decision = "allow" priority = 900"#);
    }

    #[test]
    fn tools_of_other_programs_are_rejected() {
        for tool in [
            "Bash",
            "Bash(git:*)",
            "run_shell_command(git:*)",
            "run_shell_command()",
            "run_shell_command( )",
            "run_shell_command(git",
            "write_file(a)",
            "mcp_server_tool",
            "*",
            "",
            "a\"\n[[rule]]",
        ] {
            let task = AgentTask::default().allowed_tools([tool]);
            let error = of(&task).unwrap_err();
            assert!(
                matches!(&error, PluginError::InvalidSettings(text) if text.contains("is not a tool of `gemini`")),
                "{tool}: {error}"
            );
        }
    }

    #[test]
    fn a_prefix_cannot_break_out_of_its_text() {
        let task = AgentTask::default().allowed_tools([r#"run_shell_command(echo "\)"#]);
        assert!(rules(&task).contains(r#"commandPrefix = "echo \"\\""#));
    }
}
