//! Decides what an agent may do: which permission requests are granted, and which session mode is
//! chosen.
//!
//! | the task | granted | mode |
//! | --- | --- | --- |
//! | read only, whatever else is set | `read`, `search`, `think` | one that only reads; without one the run does not start |
//! | `yolo` | everything | one without permission requests, if there is one |
//! | neither | the allowed tools | one that asks; never one without permission requests |
//!
//! A tool is allowed by its kind or by its name. Names count only where the agent reports them
//! apart from the title, because titles contain text of the model. An agent that does not ask
//! cannot be restricted in this way: its own settings decide.

use autoissue_plugin_sdk::{AgentTask, PluginError};
use serde_json::{Value, json};

/// Kinds of tools allowed if the configuration lists none: reading, file edits and the shell.
pub(crate) const DEFAULT_KINDS: [&str; 7] = [
    "read", "search", "think", "edit", "delete", "move", "execute",
];

/// Kinds that neither write nor run anything.
const READING_KINDS: [&str; 3] = ["read", "search", "think"];

/// Kind of a request to leave a mode, such as planning.
const SWITCH_MODE: &str = "switch_mode";

/// Modes in which an agent only reads, without separators; the first that is offered is chosen.
const READING_MODES: [&str; 4] = ["readonly", "plan", "planmode", "architect"];
/// Modes in which an agent never asks.
const UNASKED_MODES: [&str; 6] = [
    "bypasspermissions",
    "yolo",
    "fullaccess",
    "dangerfullaccess",
    "allowall",
    "autopilot",
];
/// Modes in which an agent works and asks; the first that is offered is chosen.
const ASKING_MODES: [&str; 6] = ["default", "build", "code", "agent", "ask", "auto"];

/// A mode or another value that the agent offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Choice {
    /// Name in the protocol.
    pub(crate) id: String,
    /// Name for people.
    pub(crate) name: String,
}

impl Choice {
    /// Returns whether its id or its name is this one, apart from case and separators.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        plain(&self.id) == wanted || plain(&self.name) == wanted
    }

    fn is_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is(name))
    }
}

/// Returns a name without its case and separators.
pub(crate) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// A tool call, as far as it matters for a decision.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked<'a> {
    /// Kind in the permission request.
    pub(crate) kind: Option<&'a str>,
    /// Kind in earlier messages about the same call.
    pub(crate) earlier_kind: Option<&'a str>,
    /// Name of the tool, if the agent reports it.
    pub(crate) name: Option<&'a str>,
}

/// What the mode of a session must be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ModeChoice {
    /// This one, which is not the current one.
    Set(String),
    /// The current one.
    Keep,
    /// None of them is acceptable; contains the reason.
    Refuse(String),
}

/// The rights of one attempt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights {
    is_read_only: bool,
    is_yolo: bool,
    /// Kinds and names in lower case.
    allowed: Vec<String>,
}

impl Rights {
    /// Returns the rights of a task.
    ///
    /// # Errors
    /// [`PluginError::InvalidSettings`] if a listed tool has a rule that cannot be enforced.
    pub(crate) fn of(task: &AgentTask) -> Result<Self, PluginError> {
        if let Some(rule) = task.allowed_tools.iter().find(|tool| tool.contains('(')) {
            return Err(PluginError::InvalidSettings(format!(
                "the `acp` backend cannot restrict a tool to single commands or paths as `{rule}` does: \
                 list kinds of tools ({}) or whole tools",
                DEFAULT_KINDS.join(", ")
            )));
        }
        let allowed = match task.allowed_tools.as_slice() {
            [] => DEFAULT_KINDS.map(String::from).into(),
            tools => tools.iter().map(|tool| tool.to_lowercase()).collect(),
        };
        Ok(Self {
            is_read_only: task.read_only,
            is_yolo: task.yolo && !task.read_only,
            allowed,
        })
    }

    /// Returns whether the agent may only read.
    pub(crate) const fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Returns whether a tool call is granted.
    fn grants(&self, asked: Asked<'_>) -> bool {
        if self.is_yolo {
            return true;
        }
        let kinds = || [asked.kind, asked.earlier_kind].into_iter().flatten();
        let is_known = kinds().next().is_some();
        if self.is_read_only {
            return is_known && kinds().all(|kind| READING_KINDS.contains(&kind));
        }
        let allows = |name: &str| self.allowed.iter().any(|tool| *tool == name.to_lowercase());
        let allows_kind = |kind: &str| match kind {
            // The mode that asks again for everything is harmless.
            SWITCH_MODE => allows("edit"),
            kind => allows(kind),
        };
        asked.name.is_some_and(allows) || (is_known && kinds().all(allows_kind))
    }

    /// Returns the outcome of a permission request, and whether it is granted. Decisions for the
    /// future are never made.
    pub(crate) fn decide(&self, asked: Asked<'_>, options: &Value) -> (Value, bool) {
        let of_kind = |kind: &str| {
            let mut options = options.as_array().into_iter().flatten();
            options.find(|option| option["kind"] == kind)?["optionId"].as_str()
        };
        let granted = of_kind("allow_once").filter(|_| self.grants(asked));
        let chosen = granted.or_else(|| of_kind("reject_once"));
        let outcome = match chosen {
            Some(id) => json!({"outcome": "selected", "optionId": id}),
            None => json!({"outcome": "cancelled"}),
        };
        (json!({"outcome": outcome}), granted.is_some())
    }

    /// Chooses the mode of a session from those that are offered.
    pub(crate) fn choose_mode(&self, offered: &[Choice], current: Option<&str>) -> ModeChoice {
        let first = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| offered.iter().find(|mode| mode.is(name)))
        };
        let set = |mode: &Choice| match current == Some(mode.id.as_str()) {
            true => ModeChoice::Keep,
            false => ModeChoice::Set(mode.id.clone()),
        };
        if self.is_read_only {
            return first(&READING_MODES).map_or_else(
                || ModeChoice::Refuse("the agent offers no mode in which it only reads".into()),
                set,
            );
        }
        if let Some(mode) = first(&UNASKED_MODES).filter(|_| self.is_yolo) {
            return set(mode);
        }
        if let Some(mode) = first(&ASKING_MODES) {
            return set(mode);
        }
        let is_current = |mode: &&Choice| current == Some(mode.id.as_str());
        let unsuitable = [&UNASKED_MODES[..], &READING_MODES].concat();
        let is_suitable = |mode: &&Choice| !mode.is_any(&unsuitable);
        match offered.iter().find(is_current) {
            Some(mode) if is_suitable(&mode) => ModeChoice::Keep,
            None if offered.is_empty() => ModeChoice::Keep,
            _ => offered.iter().find(is_suitable).map_or_else(
                || {
                    ModeChoice::Refuse(
                        "the agent offers no mode in which it asks for permission".into(),
                    )
                },
                set,
            ),
        }
    }

    /// Returns whether the agent may be in this mode, which it has chosen itself.
    pub(crate) fn accepts_mode(&self, mode: &Choice) -> bool {
        if self.is_read_only {
            return mode.is_any(&READING_MODES);
        }
        self.is_yolo || !mode.is_any(&UNASKED_MODES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(task: &AgentTask) -> Rights {
        Rights::of(task).unwrap()
    }

    fn options() -> Value {
        json!([
            {"kind": "allow_always", "optionId": "always"},
            {"kind": "allow_once", "optionId": "once"},
            {"kind": "reject_always", "optionId": "never"},
            {"kind": "reject_once", "optionId": "no"},
        ])
    }

    fn kind(kind: &str) -> Asked<'_> {
        Asked {
            kind: Some(kind),
            ..Asked::default()
        }
    }

    #[track_caller]
    fn check(task: &AgentTask, asked: Asked<'_>, expected: &str) {
        let (outcome, is_granted) = rights(task).decide(asked, &options());
        assert_eq!(
            outcome,
            json!({"outcome": {"outcome": "selected", "optionId": expected}}),
            "{asked:?}"
        );
        assert_eq!(is_granted, expected == "once");
    }

    #[test]
    fn file_edits_and_the_shell_are_allowed_by_default() {
        let task = AgentTask::default();
        for allowed in DEFAULT_KINDS {
            check(&task, kind(allowed), "once");
        }
        for denied in ["fetch", "other", "", "Edit "] {
            check(&task, kind(denied), "no");
        }
        check(&task, Asked::default(), "no");
        check(&task, kind("switch_mode"), "once");
    }

    #[test]
    fn a_list_allows_kinds_and_names_and_nothing_else() {
        let task = AgentTask::default().allowed_tools(["edit", "WebFetch"]);
        check(&task, kind("edit"), "once");
        check(&task, kind("execute"), "no");
        check(&task, kind("read"), "no");
        let by_name = Asked {
            name: Some("WebFetch"),
            ..kind("fetch")
        };
        check(&task, by_name, "once");
        let changed = Asked {
            earlier_kind: Some("execute"),
            ..kind("edit")
        };
        check(&task, changed, "no");
    }

    #[test]
    fn a_read_only_agent_is_granted_nothing_else_whatever_is_set() {
        let task = AgentTask::default()
            .yolo(true)
            .read_only(true)
            .allowed_tools(["Bash", "execute", "edit"]);
        for denied in [
            "edit",
            "delete",
            "move",
            "execute",
            "fetch",
            "other",
            "switch_mode",
        ] {
            check(&task, kind(denied), "no");
        }
        check(&task, kind("read"), "once");
        let named = Asked {
            name: Some("Bash"),
            ..Asked::default()
        };
        check(&task, named, "no");
    }

    #[test]
    fn yolo_allows_once_but_never_always() {
        let task = AgentTask::default().yolo(true);
        check(&task, kind("other"), "once");
        let always = json!([{"kind": "allow_always", "optionId": "always"}]);
        assert_eq!(
            rights(&task).decide(kind("edit"), &always),
            (json!({"outcome": {"outcome": "cancelled"}}), false)
        );
    }

    #[test]
    fn rules_for_single_commands_are_refused() {
        let task = AgentTask::default().allowed_tools(["Bash(git:*)"]);
        let error = Rights::of(&task).unwrap_err();
        assert!(matches!(error, PluginError::InvalidSettings(_)), "{error}");
    }

    fn modes(ids: &[&str]) -> Vec<Choice> {
        let mode = |id: &&str| Choice {
            id: (*id).into(),
            name: String::new(),
        };
        ids.iter().map(mode).collect()
    }

    #[track_caller]
    fn check_mode(task: &AgentTask, ids: &[&str], current: &str, expected: Option<&str>) {
        let expected = expected.map_or(ModeChoice::Keep, |id| ModeChoice::Set(id.into()));
        assert_eq!(
            rights(task).choose_mode(&modes(ids), Some(current)),
            expected,
            "{ids:?}"
        );
    }

    const CLAUDE: [&str; 6] = [
        "auto",
        "default",
        "acceptEdits",
        "plan",
        "dontAsk",
        "bypassPermissions",
    ];
    const CODEX: [&str; 3] = ["read-only", "auto", "full-access"];
    const GEMINI: [&str; 4] = ["default", "autoEdit", "yolo", "plan"];
    const OPENCODE: [&str; 2] = ["build", "plan"];

    #[test]
    fn a_working_agent_gets_the_mode_that_asks() {
        let task = AgentTask::default();
        check_mode(&task, &CLAUDE, "bypassPermissions", Some("default"));
        check_mode(&task, &CODEX, "read-only", Some("auto"));
        check_mode(&task, &GEMINI, "default", None);
        check_mode(&task, &OPENCODE, "plan", Some("build"));
        check_mode(&task, &["careful", "yolo"], "yolo", Some("careful"));
        check_mode(&task, &["careful", "plan"], "careful", None);
        check_mode(&task, &[], "", None);
    }

    #[test]
    fn only_yolo_gets_a_mode_that_does_not_ask() {
        let task = AgentTask::default().yolo(true);
        check_mode(&task, &CLAUDE, "default", Some("bypassPermissions"));
        check_mode(&task, &CODEX, "read-only", Some("full-access"));
        check_mode(&task, &GEMINI, "default", Some("yolo"));
        check_mode(&task, &OPENCODE, "build", None);
        let none =
            rights(&AgentTask::default()).choose_mode(&modes(&["yolo", "plan"]), Some("yolo"));
        assert!(matches!(none, ModeChoice::Refuse(_)), "{none:?}");
    }

    #[test]
    fn a_read_only_agent_needs_a_mode_that_only_reads() {
        let task = AgentTask::default().yolo(true).read_only(true);
        check_mode(&task, &CLAUDE, "default", Some("plan"));
        check_mode(&task, &CODEX, "read-only", None);
        check_mode(&task, &OPENCODE, "build", Some("plan"));
        for offered in [&["default", "yolo"][..], &[]] {
            let choice = rights(&task).choose_mode(&modes(offered), None);
            assert!(matches!(choice, ModeChoice::Refuse(_)), "{choice:?}");
        }
    }

    #[test]
    fn a_mode_that_the_agent_chose_itself_is_checked() {
        let accepts = |task: AgentTask, id: &str| rights(&task).accepts_mode(&modes(&[id])[0]);
        assert!(accepts(AgentTask::default(), "plan"));
        assert!(!accepts(AgentTask::default(), "bypassPermissions"));
        assert!(accepts(
            AgentTask::default().yolo(true),
            "bypassPermissions"
        ));
        assert!(!accepts(AgentTask::default().read_only(true), "default"));
    }
}
