//! Agents that are known by name: their variables, logins and switches.
//!
//! Any other program works too, if it needs no variable of its own; further variables are listed in
//! `agent.env`.

use autoissue_plugin_sdk::{AgentTask, Endpoint, Login, LoginFile};
use serde_json::{Value, json};

/// A known agent.
#[derive(Debug)]
pub(crate) struct Known {
    /// Name of its program or of its package, without the scope.
    names: &'static [&'static str],
    /// Variables with a key that logs it in.
    keys: &'static [&'static str],
    /// Further variables that it may see.
    passed: &'static [&'static str],
    /// Variables that are set for every run.
    fixed: &'static [(&'static str, &'static str)],
    /// Variable that restricts its tools, with the values for an agent that may only read, and for
    /// others.
    restricted: Option<(&'static str, &'static str, &'static str)>,
    /// Variable with its directory, that directory below the home directory, and the file of a login
    /// in it.
    login_file: (Option<&'static str>, &'static str, &'static str),
    /// What to do if it is not logged in.
    advice: &'static str,
    /// How to install it.
    pub(crate) install_hint: &'static str,
    /// Protocol, variable and default of the address of its models.
    endpoint: Option<[&'static str; 3]>,
    /// Files of a repository that it obeys whatever it is told.
    pub(crate) repository_settings: &'static [&'static str],
    /// Whether it takes the options of Claude Code in `_meta`.
    takes_claude_options: bool,
}

/// The known agents.
static KNOWN: [Known; 4] = [
    Known {
        names: &["claude-agent-acp", "claude-code-acp"],
        keys: &[
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN",
        ],
        passed: &[
            "ANTHROPIC_BASE_URL",
            "ANTHROPIC_CUSTOM_HEADERS",
            "CLAUDE_CONFIG_DIR",
        ],
        fixed: &[
            ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            // Longer problems are left to the host, which knows about the other tasks.
            ("CLAUDE_CODE_MAX_RETRIES", "2"),
            ("DISABLE_AUTOUPDATER", "1"),
        ],
        restricted: None,
        login_file: (Some("CLAUDE_CONFIG_DIR"), ".claude", ".credentials.json"),
        advice: "run `claude` once to log in, or set `ANTHROPIC_API_KEY`",
        install_hint: "install it with `npm install -g @agentclientprotocol/claude-agent-acp`",
        endpoint: Some([
            "anthropic-messages",
            "ANTHROPIC_BASE_URL",
            "https://api.anthropic.com",
        ]),
        // It is told to read none.
        repository_settings: &[],
        takes_claude_options: true,
    },
    Known {
        names: &["codex-acp"],
        keys: &["CODEX_API_KEY", "OPENAI_API_KEY"],
        passed: &["CODEX_HOME"],
        fixed: &[],
        restricted: None,
        login_file: (Some("CODEX_HOME"), ".codex", "auth.json"),
        advice: "run `codex login`, or set `OPENAI_API_KEY`",
        install_hint: "install it with `npm install -g @zed-industries/codex-acp`",
        // The address is in its own configuration only.
        endpoint: None,
        // Read in every session after the first one that may write in the directory.
        repository_settings: &[".codex"],
        takes_claude_options: false,
    },
    Known {
        names: &["gemini", "gemini-cli"],
        keys: &["GEMINI_API_KEY"],
        passed: &["GOOGLE_GEMINI_BASE_URL"],
        fixed: &[],
        restricted: None,
        login_file: (None, ".gemini", "oauth_creds.json"),
        advice: "run `gemini` once to log in, or set `GEMINI_API_KEY`",
        install_hint: "install it with `npm install -g @google/gemini-cli`",
        endpoint: Some([
            "gemini",
            "GOOGLE_GEMINI_BASE_URL",
            "https://generativelanguage.googleapis.com",
        ]),
        // It ignores its settings in this mode, but not variables in files.
        repository_settings: &[
            ".env",
            ".gemini/.env",
            ".gemini/agents",
            ".gemini/skills",
            ".agents/skills",
        ],
        takes_claude_options: false,
    },
    Known {
        names: &["opencode", "opencode-ai"],
        keys: &[
            "ANTHROPIC_API_KEY",
            "OPENAI_API_KEY",
            "GEMINI_API_KEY",
            "OPENROUTER_API_KEY",
        ],
        passed: &["OPENCODE_CONFIG", "OPENCODE_CONFIG_CONTENT"],
        // Without its switch, configuration of the repository starts servers and plugins, and grants
        // permissions.
        fixed: &[
            ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
            ("OPENCODE_DISABLE_PROJECT_CONFIG", "1"),
        ],
        // It asks for nothing by default, and its planning mode runs commands. Tools are named
        // because names in the user's own configuration count more than `*`.
        restricted: Some((
            "OPENCODE_PERMISSION",
            r#"{"*":"deny","edit":"deny","bash":"deny","task":"deny","webfetch":"deny","websearch":"deny","codesearch":"deny","external_directory":"deny","skill":"deny","lsp":"deny","todowrite":"deny","question":"deny","read":"allow","grep":"allow","glob":"allow","list":"allow"}"#,
            r#"{"*":"ask","edit":"ask","bash":"ask","task":"ask","webfetch":"ask","websearch":"ask","codesearch":"ask","external_directory":"ask","skill":"ask","lsp":"ask","todowrite":"allow","question":"ask","read":"allow","grep":"allow","glob":"allow","list":"allow"}"#,
        )),
        login_file: (Some("XDG_DATA_HOME"), ".local/share", "opencode/auth.json"),
        advice: "run `opencode auth login`, or set the key of its provider",
        install_hint: "install it with `npm install -g opencode-ai`",
        endpoint: None,
        // Plugins run even without the configuration of the repository.
        repository_settings: &["opencode.json", "opencode.jsonc", ".opencode"],
        takes_claude_options: false,
    },
];

/// Tools of Claude Code that neither write nor run anything.
const CLAUDE_READING_TOOLS: [&str; 3] = ["Glob", "Grep", "Read"];

/// Tools of Claude Code that wait for a later event, or for a person.
const CLAUDE_UNATTENDED: [&str; 3] = ["ScheduleWakeup", "Monitor", "CronCreate"];

/// Replaces the instructions of the repository, which Claude Code reads only together with its
/// settings.
const CLAUDE_INSTRUCTIONS: &str = "If the working directory contains a file `CLAUDE.md`, `.claude/CLAUDE.md` or `AGENTS.md`, read it \
     before you start, and follow its instructions for working in this repository.";

/// Programs that run a package.
const RUNNERS: [&str; 4] = ["npx", "bunx", "pnpx", "node"];

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

impl Known {
    /// Returns the agent that a command starts: its program, or the package that a package runner
    /// gets. Any other wrapper may do something else with a name among its arguments.
    pub(crate) fn of_command(command: &[String]) -> Option<&'static Self> {
        let (program, args) = command.split_first()?;
        let name = file_name(program);
        let started = if RUNNERS.contains(&name) {
            let package = args.iter().find(|arg| !arg.starts_with('-'))?;
            file_name(package).split('@').next().unwrap_or_default()
        } else {
            name
        };
        KNOWN.iter().find(|agent| agent.names.contains(&started))
    }

    /// Returns the names of the variables that it may see if they are set.
    pub(crate) fn passed(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().chain(self.passed).copied()
    }

    /// Returns the variables to set for a task.
    pub(crate) fn set(&self, task: &AgentTask) -> Vec<(&'static str, &'static str)> {
        let restricted = self
            .restricted
            .map(|(name, reading, asking)| (name, if task.read_only { reading } else { asking }));
        self.fixed.iter().copied().chain(restricted).collect()
    }

    /// Returns the names of the variables that a command may set.
    pub(crate) fn settable(&self) -> impl Iterator<Item = &'static str> {
        let restricted = self.restricted.map(|(name, _, _)| name);
        self.fixed.iter().map(|(name, _)| *name).chain(restricted)
    }

    /// Returns how to see whether it is logged in.
    pub(crate) fn login(&self) -> Login {
        let login = self
            .keys
            .iter()
            .copied()
            .fold(Login::new(self.advice), Login::key);
        let (variable, directory, file) = self.login_file;
        let file = LoginFile::new(directory, file);
        login.file(match variable {
            Some(variable) => file.directory_variable(variable.to_owned()),
            None => file,
        })
    }

    /// Returns the service that it sends requests to.
    pub(crate) fn endpoint(&self) -> Option<Endpoint> {
        let [protocol, variable, url] = self.endpoint?;
        Some(Endpoint::new(protocol, variable, url))
    }

    /// Returns the `_meta` of the requests that open a session.
    pub(crate) fn session_meta(&self, task: &AgentTask) -> Option<Value> {
        self.takes_claude_options.then(|| claude_meta(task))
    }
}

/// Returns options of Claude Code.
///
/// Settings of the repository are not read: they can run programs, grant permissions and redirect
/// keys. Neither are MCP servers of anybody.
fn claude_meta(task: &AgentTask) -> Value {
    let mut options = json!({
        "settingSources": ["user"],
        "strictMcpConfig": true,
        "disallowedTools": CLAUDE_UNATTENDED,
    });
    if task.read_only {
        options["tools"] = json!(CLAUDE_READING_TOOLS);
    }
    if let Some(n_turns) = task.max_turns {
        options["maxTurns"] = n_turns.into();
    }
    if let Some(usd) = task.budget_usd {
        options["maxBudgetUsd"] = usd.into();
    }
    json!({
        "claudeCode": {"options": options},
        "systemPrompt": {"append": CLAUDE_INSTRUCTIONS},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_known_by_program_or_package() {
        let known = |parts: &[&str]| {
            let command: Vec<String> = parts.iter().map(ToString::to_string).collect();
            Known::of_command(&command).map(|agent| agent.names[0])
        };
        assert_eq!(known(&["claude-agent-acp"]), Some("claude-agent-acp"));
        assert_eq!(
            known(&["my-wrapper", "--provider", "gemini"]),
            None,
            "a wrapper may start anything"
        );
        assert_eq!(
            known(&["npx", "-y", "@zed-industries/codex-acp@0.16.0"]),
            Some("codex-acp")
        );
        assert_eq!(known(&["gemini", "--acp"]), Some("gemini"));
        assert_eq!(known(&["/usr/bin/opencode", "acp"]), Some("opencode"));
        assert_eq!(known(&["my-agent", "--gemini-like"]), None);
    }

    #[test]
    fn a_read_only_claude_gets_no_other_tools() {
        let task = AgentTask::default().read_only(true).max_turns(7);
        let meta = claude_meta(&task);
        let options = &meta["claudeCode"]["options"];
        assert_eq!(options["tools"], json!(["Glob", "Grep", "Read"]));
        assert_eq!(
            (&options["maxTurns"], &options["settingSources"]),
            (&json!(7), &json!(["user"]))
        );
        assert_eq!(
            claude_meta(&AgentTask::default())["claudeCode"]["options"]["tools"],
            Value::Null
        );
    }

    #[test]
    fn a_read_only_opencode_is_denied_everything_else() {
        let opencode = Known::of_command(&["opencode".into()]).unwrap();
        for (is_read_only, expected) in [(true, r#"{"*":"deny""#), (false, r#"{"*":"ask""#)] {
            let set = opencode.set(&AgentTask::default().read_only(is_read_only));
            let (_, value) = set.last().unwrap();
            assert!(value.starts_with(expected), "{value}");
        }
    }
}
