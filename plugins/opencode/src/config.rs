//! Writes the settings that a run gets in addition to the user's own, over which they take
//! precedence.
//!
//! The rights of the task stand in two places: those of the agent that the run uses, which no other
//! setting can extend, and those of all agents, in case the program falls back to another one.

use serde_json::{Map, Value, json};

use crate::AGENT;

/// Instructions of the repository that are kept although its settings are ignored.
pub(crate) const INSTRUCTIONS: [&str; 2] = ["AGENTS.md", "CLAUDE.md"];

/// Starts of the placeholders that the program replaces with variables and files.
const PLACEHOLDERS: [&str; 2] = ["{env:", "{file:"];

/// Returns settings for a run in this directory with these permission rules, as JSON.
///
/// Snapshots would copy the work tree at every step; formatters and language servers would run the
/// repository's own packages, also for an agent that only reads.
pub(crate) fn of(directory: &str, rules: &Map<String, Value>) -> String {
    let config = json!({
        "autoupdate": false,
        "share": "disabled",
        "snapshot": false,
        "formatter": false,
        "lsp": false,
        "instructions": INSTRUCTIONS.map(|file| format!("{directory}/{file}")),
        "permission": rules,
        "agent": {AGENT: {"mode": "primary", "permission": rules}},
        "experimental": {"continue_loop_on_deny": true},
    });
    without_placeholders(config.to_string())
}

/// Escapes the start of a placeholder. In JSON this text can only be part of a string.
fn without_placeholders(json: String) -> String {
    PLACEHOLDERS.iter().fold(json, |json, placeholder| {
        json.replace(placeholder, &placeholder.replace('{', "\\u007b"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(directory: &str) -> (String, Value) {
        let rules = Map::from_iter([("*".to_owned(), Value::from("deny"))]);
        let text = of(directory, &rules);
        let value = serde_json::from_str(&text).expect("it is JSON");
        (text, value)
    }

    #[test]
    fn instructions_of_the_repository_are_kept() {
        let (_, settings) = settings("/repo");
        assert_eq!(
            settings["instructions"],
            json!(["/repo/AGENTS.md", "/repo/CLAUDE.md"])
        );
    }

    #[test]
    fn nothing_of_the_repository_is_started() {
        let (_, settings) = settings("/repo");
        for name in ["formatter", "lsp", "snapshot", "autoupdate"] {
            assert_eq!(settings[name], false, "{name}");
        }
        assert_eq!(settings["share"], "disabled");
    }

    #[test]
    fn the_rights_are_those_of_the_agent_and_of_all_others() {
        let (_, settings) = settings("/repo");
        assert_eq!(settings["permission"], json!({"*": "deny"}));
        assert_eq!(
            settings["agent"][AGENT],
            json!({"mode": "primary", "permission": {"*": "deny"}})
        );
    }

    #[test]
    fn placeholders_in_a_path_are_not_replaced() {
        let (text, settings) = settings("/{env:HOME}/{file:x}");
        assert!(
            !text.contains("{env:") && !text.contains("{file:"),
            "{text}"
        );
        assert_eq!(
            settings["instructions"][0],
            "/{env:HOME}/{file:x}/AGENTS.md"
        );
    }
}
