//! Converts the rights of a task into the program's permission rules.
//!
//! The last matching rule counts, so that the general rule comes first. Nothing is left to `ask`:
//! without a terminal the program rejects such a request and ends its turn as if it had finished.
//!
//! | task | rules |
//! | --- | --- |
//! | read-only | reading, nothing else |
//! | yolo | everything except [`NEVER`] |
//! | a list of tools | reading, and these tools |
//! | otherwise | reading, file edits and the shell |
//!
//! Claude's spelling of a tool is accepted too (`Edit`, `Bash(git:*)`, `mcp__server__tool`), so that
//! one list of tools can serve several backends.

use autoissue_plugin_sdk::{AgentTask, PluginError};
use serde_json::{Map, Value, json};

/// Permissions for reading files of the working directory.
const READING: [&str; 3] = ["glob", "grep", "list"];

/// Permissions in addition to reading if the configuration lists no tools: file edits and the
/// shell. Instructions of a skill are only text.
const WORKING: [&str; 4] = ["bash", "edit", "skill", "todowrite"];

/// Permissions that no task gets. Nobody can answer a question or approve a plan, and the cost of
/// subagents, which `task` starts, is not reported.
const NEVER: [&str; 4] = ["plan_enter", "plan_exit", "question", "task"];

/// Names of tools and the permission that each needs, if they differ or are spelled differently.
const ALIASES: [(&str, &str); 9] = [
    ("apply_patch", "edit"),
    ("ls", "list"),
    ("multiedit", "edit"),
    ("notebookedit", "edit"),
    ("patch", "edit"),
    ("shell", "bash"),
    ("todoread", "todowrite"),
    ("write", "edit"),
    ("agent", "task"),
];

/// Names of permissions, in lower case.
const KNOWN: [&str; 15] = [
    "bash",
    "codesearch",
    "doom_loop",
    "edit",
    "external_directory",
    "glob",
    "grep",
    "list",
    "lsp",
    "read",
    "skill",
    "task",
    "todowrite",
    "webfetch",
    "websearch",
];

/// Returns whether the program has a tool of this name.
pub(crate) fn is_tool(name: &str) -> bool {
    let permission = of_tool(name);
    KNOWN.contains(&permission) || NEVER.contains(&permission)
}

/// Returns the permission that a tool of this name needs.
fn of_tool(tool: &str) -> &str {
    ALIASES
        .iter()
        .find(|(name, _)| *name == tool)
        .map_or(tool, |(_, permission)| permission)
}

/// Returns the rules for a task: an object in the form of the program's own configuration.
///
/// # Errors
/// [`PluginError::InvalidSettings`] if a tool of the task cannot be allowed.
pub(crate) fn rules(task: &AgentTask) -> Result<Map<String, Value>, PluginError> {
    let mut rules = Map::new();
    if task.yolo && !task.read_only {
        rules.insert("*".into(), "allow".into());
    } else {
        rules.insert("*".into(), "deny".into());
        rules.insert("read".into(), without_secrets());
        rules.extend(READING.map(|name| (name.into(), "allow".into())));
        if !task.read_only {
            allow_tools(&mut rules, &task.allowed_tools)?;
        }
    }
    rules.extend(NEVER.map(|name| (name.into(), "deny".into())));
    Ok(rules)
}

/// Returns the rule for reading files. By default the program asks before it reads such files.
fn without_secrets() -> Value {
    json!({"*": "allow", "*.env": "deny", "*.env.*": "deny", "*.env.example": "allow"})
}

fn allow_tools(rules: &mut Map<String, Value>, tools: &[String]) -> Result<(), PluginError> {
    if tools.is_empty() {
        rules.extend(WORKING.map(|name| (name.into(), "allow".into())));
        return Ok(());
    }
    for tool in tools {
        let (name, pattern) = parsed(tool).ok_or_else(|| invalid(tool, "is not a tool"))?;
        if NEVER.contains(&name.as_str()) {
            return Err(invalid(
                tool,
                "cannot be allowed: nobody can answer a question, and `opencode` does not report the cost of \
                 subagents",
            ));
        }
        allow(rules, name, pattern);
    }
    Ok(())
}

fn invalid(tool: &str, what: &str) -> PluginError {
    PluginError::InvalidSettings(format!("`agent.allowedTools`: `{tool}` {what}"))
}

/// Allows a permission for a pattern, or entirely.
fn allow(rules: &mut Map<String, Value>, name: String, pattern: Option<String>) {
    match pattern {
        None if name == "read" => {}
        None => {
            rules.insert(name, "allow".into());
        }
        Some(pattern) => {
            let rule = rules.entry(name).or_insert_with(|| json!({"*": "deny"}));
            // A string allows the permission entirely.
            if let Some(patterns) = rule.as_object_mut() {
                patterns.insert(pattern, "allow".into());
            }
        }
    }
}

/// Returns the permission that a tool of the configuration needs, and its pattern; `None` if it has
/// not the form of a tool.
fn parsed(tool: &str) -> Option<(String, Option<String>)> {
    let (name, pattern) = match tool.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')')?)),
        None => (tool, None),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-*".contains(c);
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    Some((permission(name), pattern.map(own_pattern)))
}

/// Returns the permission of a tool. Names of tools of MCP servers and plugins are permissions.
fn permission(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if is_tool(&lower) {
        return of_tool(&lower).to_owned();
    }
    match name.strip_prefix("mcp__") {
        Some(tool) => tool.replacen("__", "_", 1),
        None => name.to_owned(),
    }
}

/// Returns a pattern in the program's own form: `git:*` is a command with any arguments.
fn own_pattern(pattern: &str) -> String {
    match pattern.strip_suffix(":*") {
        Some(command) => format!("{command} *"),
        None => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = r#""read":{"*":"allow","*.env":"deny","*.env.*":"deny","*.env.example":"allow"},"glob":"allow","grep":"allow","list":"allow""#;
    const NONE: &str = r#""plan_enter":"deny","plan_exit":"deny","question":"deny","task":"deny""#;

    fn check(task: &AgentTask, expected: &str) {
        let rules = Value::Object(rules(task).unwrap()).to_string();
        assert_eq!(rules, format!("{{{expected},{NONE}}}"));
    }

    fn with_tools<const N: usize>(tools: [&str; N]) -> AgentTask {
        AgentTask::default().allowed_tools(tools)
    }

    #[test]
    fn without_a_list_of_tools_files_and_the_shell_are_allowed() {
        let work = r#""bash":"allow","edit":"allow","skill":"allow","todowrite":"allow""#;
        check(
            &AgentTask::default(),
            &format!(r#""*":"deny",{READ},{work}"#),
        );
    }

    #[test]
    fn yolo_allows_everything_that_can_work_unattended() {
        check(&AgentTask::default().yolo(true), r#""*":"allow""#);
    }

    #[test]
    fn a_read_only_task_has_no_other_rights_whatever_else_is_allowed() {
        let task = with_tools(["bash", "edit", "server_write"])
            .yolo(true)
            .read_only(true);
        check(&task, &format!(r#""*":"deny",{READ}"#));
        // Names that cannot be allowed do not matter either.
        check(
            &with_tools(["task"]).read_only(true),
            &format!(r#""*":"deny",{READ}"#),
        );
    }

    #[test]
    fn tools_are_known_by_their_own_names_and_by_claudes() {
        for (tool, expected) in [
            ("edit", r#""edit":"allow""#),
            ("Write", r#""edit":"allow""#),
            ("MultiEdit", r#""edit":"allow""#),
            ("WebFetch", r#""webfetch":"allow""#),
            ("bash(git *)", r#""bash":{"*":"deny","git *":"allow"}"#),
            ("Bash(git:*)", r#""bash":{"*":"deny","git *":"allow"}"#),
            ("mcp__docs__find_page", r#""docs_find_page":"allow""#),
            ("docs_*", r#""docs_*":"allow""#),
            (
                "external_directory(~/lib/*)",
                r#""external_directory":{"*":"deny","~/lib/*":"allow"}"#,
            ),
        ] {
            check(
                &with_tools([tool]),
                &format!(r#""*":"deny",{READ},{expected}"#),
            );
        }
        check(&with_tools(["Read"]), &format!(r#""*":"deny",{READ}"#));
    }

    #[test]
    fn patterns_of_a_tool_add_up() {
        let tools = with_tools(["bash(git *)", "bash(make)"]);
        let expected = r#""bash":{"*":"deny","git *":"allow","make":"allow"}"#;
        check(&tools, &format!(r#""*":"deny",{READ},{expected}"#));
        for both in [["bash(git *)", "bash"], ["bash", "bash(git *)"]] {
            check(
                &with_tools(both),
                &format!(r#""*":"deny",{READ},"bash":"allow""#),
            );
        }
    }

    #[test]
    fn a_tool_that_cannot_be_allowed_is_an_error() {
        for tool in [
            "task", "Task", "Agent", "question", "", "bash(git", "a b", "(x)",
        ] {
            let error = rules(&with_tools([tool]));
            assert!(
                matches!(error, Err(PluginError::InvalidSettings(_))),
                "{tool}"
            );
        }
    }
}
