//! The built-in agent backend that runs Gemini CLI (`gemini`) without a terminal.
//!
//! Like every backend it does not run anything itself: it names the command, and interprets its
//! output.
//!
//! ```text
//!   prompt ──stdin──┐
//!   policy ──file───┴─► gemini --output-format=stream-json ──lines──► GeminiRun ─► ending ─► outcome
//!                                                       └──exit code──────┘
//! ```
//!
//! What the agent may do is decided by a policy of ours alone: see [`policy`].
//!
//! Without a terminal the program only works in a folder that it trusts, and it has no argument for
//! settings: system settings must belong to root. So part of what it reads from the repository has
//! no switch; see [`REPOSITORY_SETTINGS`].

#[cfg(not(target_arch = "wasm32"))]
mod built_in;
mod ending;
mod policy;
mod price;
mod run;

use autoissue_plugin_sdk::{
    AgentBackend, AgentRun, AgentTask, CommandSpec, Description, Endpoint, Login, LoginFile,
    ModelInfo, PassedVariable, PluginError, ProgramInfo,
};

#[cfg(not(target_arch = "wasm32"))]
pub use built_in::{BUILT_IN, TESTED_RELEASES};
pub use run::GeminiRun;

/// Name of the program on PATH.
const PROGRAM: &str = "gemini";

/// Weakest and cheapest first. Aliases, so that they refer to the newest version.
const MODELS: [&str; 3] = ["flash-lite", "flash", "pro"];

/// Files of the repository that could move a key or run something, and have no switch.
///
/// The program ignores `.gemini/settings.json`, and commands, extensions and policies of the
/// repository: it reads settings before `--skip-trust` takes effect.
pub const REPOSITORY_SETTINGS: &[&str] = &[
    // Their variables count if they are not set. The nearest file counts, also in parent
    // directories.
    ".env",
    ".gemini/.env",
    // Agents for some tasks, with MCP servers.
    ".gemini/agents",
    // Instructions with scripts.
    ".gemini/skills",
    ".agents/skills",
];

/// Names of the variables that tell the program where its models are and how to authenticate.
///
/// `GOOGLE_APPLICATION_CREDENTIALS` is omitted on purpose: on many machines it gives access to
/// production. Users who pay for Gemini with it list it in `agent.env`; a login of the Google Cloud
/// CLI needs nothing.
const PASSED: [&str; 14] = [
    "GEMINI_API_KEY",
    "GEMINI_API_KEY_AUTH_MECHANISM",
    "GEMINI_CLI_CUSTOM_HEADERS",
    "GEMINI_CLI_HOME",
    "GEMINI_MODEL",
    "GOOGLE_API_KEY",
    "GOOGLE_CLOUD_LOCATION",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_GENAI_API_VERSION",
    "GOOGLE_GENAI_USE_GCA",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "GOOGLE_VERTEX_BASE_URL",
    "CODE_ASSIST_ENDPOINT",
];

/// Name of the file with the policy.
const POLICY_FILE: &str = "policy.toml";

/// Set for every run. The program otherwise starts itself again with more memory, and the first
/// process ignores signals. Without a browser it does not wait for somebody to log in.
const FIXED: [(&str, &str); 2] = [("GEMINI_CLI_NO_RELAUNCH", "true"), ("NO_BROWSER", "true")];

/// Variables that move a key or run something else, set to nothing unless the operator has set
/// them: the repository's `.env` only counts for variables that are not set.
const GUARDED: [&str; 7] = [
    "CODE_ASSIST_ENDPOINT",
    "GEMINI_CLI_CUSTOM_HEADERS",
    "GEMINI_SANDBOX",
    "GEMINI_SYSTEM_MD",
    "GEMINI_TELEMETRY_ENABLED",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_VERTEX_BASE_URL",
];

/// Name of an MCP server that does not exist, as the only one that is allowed.
const NO_SERVER: &str = "autoissue-none";

/// Precedes a prompt with `@`, which the program would replace by the content of files whose names
/// follow, so that an issue could fill the conversation.
const ESCAPED: &str = "In this text, `\\@` stands for an at sign.\n\n";

/// Runs Gemini CLI.
#[derive(Clone, Copy, Debug, Default)]
pub struct GeminiBackend;

autoissue_plugin_sdk::export_plugin! { agent_backend: GeminiBackend }

impl AgentBackend for GeminiBackend {
    fn describe(&self) -> Description {
        Description::new(
            "gemini",
            env!("CARGO_PKG_VERSION"),
            "Runs Gemini CLI without a terminal",
        )
    }

    fn probe(&self, _settings: &str) -> Result<ProgramInfo, PluginError> {
        let fixed = FIXED.map(|(name, _)| name);
        let guarded = GUARDED.into_iter().filter(|name| !PASSED.contains(name));
        Ok(ProgramInfo::new(PROGRAM)
            .install_hint(
                "install Gemini CLI (https://geminicli.com/docs/get-started/installation), then run `gemini` once to log in \
                 or set `GEMINI_API_KEY`",
            )
            .models(MODELS.map(model))
            .environment(PASSED.into_iter().chain(fixed).chain(guarded))
            .endpoints([Endpoint::new(
                "gemini",
                "GOOGLE_GEMINI_BASE_URL",
                "https://generativelanguage.googleapis.com",
            )])
            .login(login())
            .repository_settings(REPOSITORY_SETTINGS.iter().copied()))
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        let is_set = |name: &&str| task.environment.iter().any(|it| it == name);
        let guarded: Vec<&str> = GUARDED.into_iter().filter(|name| !is_set(name)).collect();
        let passed = PASSED.into_iter().filter(|name| !guarded.contains(name));
        let command = CommandSpec::new(PROGRAM)
            .args(arguments(task))
            .pass_env(passed.map(PassedVariable::new))
            .stdin(prompt(&task.prompt))
            .file(POLICY_FILE, policy::of(task)?);
        let guarded = guarded.into_iter().map(|name| (name, ""));
        let command = FIXED
            .into_iter()
            .chain(guarded)
            .fold(command, |command, (name, value)| {
                command.set_env(name, value)
            });
        Ok((Box::new(GeminiRun::new(task)), command))
    }
}

fn model(name: &str) -> ModelInfo {
    let model = ModelInfo::new(name);
    match price::of_alias(name) {
        Some(prices) => model.prices(prices),
        None => model,
    }
}

fn login() -> Login {
    let login = Login::new(
        "run `gemini` once to log in, or to choose a Gemini API key and set `GEMINI_API_KEY`",
    );
    ["GEMINI_API_KEY", "GOOGLE_API_KEY"]
        .into_iter()
        .fold(login, Login::key)
        .provider("GOOGLE_GENAI_USE_VERTEXAI", "Google Vertex AI")
        .file(LoginFile::new(".gemini", "oauth_creds.json"))
}

/// Returns a prompt in which nothing is a command to the program: neither `/tools` at the start nor
/// `@file` anywhere.
fn prompt(text: &str) -> String {
    if !text.contains('@') {
        let start = if text.starts_with('/') { "\n" } else { "" };
        return format!("{start}{text}");
    }
    let mut escaped = String::from(ESCAPED);
    let mut before = ' ';
    for c in text.chars() {
        if c == '@' && before != '\\' {
            escaped.push('\\');
        }
        escaped.push(c);
        before = c;
    }
    escaped
}

fn arguments(task: &AgentTask) -> Vec<String> {
    let policy = format!("{{{POLICY_FILE}}}");
    let session = match &task.resume {
        Some(session) => ("--resume", &session.id),
        None => ("--session-id", &task.session),
    };
    let is_yolo = task.yolo && !task.read_only;
    let mut options = vec![
        ("--output-format", "stream-json"),
        (session.0, session.1.as_str()),
        ("--policy", policy.as_str()),
        ("--approval-mode", if is_yolo { "yolo" } else { "default" }),
        // Servers and extensions are programs that the agent would be given; the repository can
        // also declare them.
        ("--allowed-mcp-server-names", NO_SERVER),
        ("--extensions", "none"),
    ];
    options.extend(task.model.as_deref().map(|model| ("--model", model)));
    // As one argument, so that no value is taken for an option.
    let options = options
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"));
    // Not by variable: it would count already when the repository's settings are read.
    options.chain(["--skip-trust".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::{Effort, ResumedSession};

    use super::*;

    fn command(task: AgentTask) -> CommandSpec {
        let task = task.session("S").prompt("secret words");
        GeminiBackend.start(&task).unwrap().1
    }

    #[track_caller]
    fn check_arguments(task: AgentTask, expected: &str) {
        let command = command(task);
        assert_eq!(command.args.join(" "), expected);
        assert!(command.stdin.ends_with("secret words"));
    }

    const REST: &str = "--allowed-mcp-server-names=autoissue-none --extensions=none";

    #[test]
    fn a_first_attempt_is_given_its_session_and_model() {
        let task = AgentTask::default()
            .model("pro")
            .effort(Effort::High)
            .max_turns(9);
        check_arguments(
            task,
            &format!(
                "--output-format=stream-json --session-id=S --policy={{policy.toml}} --approval-mode=default {REST} --model=pro --skip-trust"
            ),
        );
    }

    #[test]
    fn a_resumed_session_keeps_its_own_id_and_the_same_rights() {
        let resumed = AgentTask::default().resume(ResumedSession::new("R", 1.0));
        check_arguments(
            resumed.clone(),
            &format!(
                "--output-format=stream-json --resume=R --policy={{policy.toml}} --approval-mode=default {REST} --skip-trust"
            ),
        );
        for change in [
            |task: AgentTask| task,
            |task: AgentTask| task.read_only(true),
            |task: AgentTask| task.allowed_tools(["replace"]),
        ] {
            let (first, again) = (change(AgentTask::default()), change(resumed.clone()));
            let (first, again) = (command(first), command(again));
            assert_eq!((first.files, first.env), (again.files, again.env));
        }
    }

    #[test]
    fn a_read_only_agent_is_not_in_yolo_mode() {
        let task = AgentTask::default().yolo(true);
        let mode = |task| {
            command(task)
                .args
                .iter()
                .any(|arg| arg == "--approval-mode=yolo")
        };
        assert!(mode(task.clone()) && !mode(task.read_only(true)));
    }

    #[test]
    fn the_prompt_is_on_standard_input_and_never_a_command() {
        for prompt in ["/tools", "/mcp add x", "//", "fix it"] {
            let task = AgentTask::default().prompt(prompt);
            let (_, command) = GeminiBackend.start(&task).unwrap();
            assert!(command.stdin.ends_with(prompt) && !command.stdin.starts_with('/'));
            assert!(command.args.iter().all(|arg| !arg.contains(prompt)));
        }
        assert_eq!(super::prompt("fix it"), "fix it");
    }

    #[test]
    fn an_issue_cannot_include_files() {
        assert_eq!(
            super::prompt("/x @src and a@b, \\@c @@"),
            format!("{ESCAPED}/x \\@src and a\\@b, \\@c \\@\\@")
        );
        let is_reference = |text: &str| {
            let mut before = ' ';
            text.chars().any(|c| {
                let found = c == '@' && before != '\\';
                before = c;
                found
            })
        };
        assert!(!is_reference(&super::prompt("@@ a@b \\\\@c")));
    }

    #[test]
    fn the_repository_cannot_set_where_keys_go() {
        let with = |environment: &[&str]| {
            command(AgentTask::default().environment(environment.iter().copied())).env
        };
        let nothing = ("GOOGLE_GEMINI_BASE_URL".to_owned(), String::new());
        assert!(with(&[]).contains(&nothing));
        let (_, command) = GeminiBackend.start(&AgentTask::default()).unwrap();
        for passed in &command.pass_env {
            let is_also_set = command.env.iter().any(|(name, _)| *name == passed.name);
            assert!(!is_also_set, "{}", passed.name);
        }
        let chosen = with(&["GOOGLE_GEMINI_BASE_URL"]);
        assert!(!chosen.contains(&nothing) && chosen.len() == FIXED.len() + GUARDED.len() - 1);
    }

    #[test]
    fn trust_is_not_a_variable() {
        let command = command(AgentTask::default());
        assert!(!command.env.iter().any(|(name, _)| name.contains("TRUST")));
    }

    #[test]
    fn instructions_of_the_repository_do_not_stop_a_run() {
        assert!(
            REPOSITORY_SETTINGS
                .iter()
                .all(|path| !path.ends_with(".md"))
        );
    }

    #[test]
    fn a_tool_of_another_program_is_an_error_of_the_settings() {
        let task = AgentTask::default().allowed_tools(["Bash(git:*)"]);
        let error = GeminiBackend.start(&task).err();
        assert!(
            matches!(error, Some(PluginError::InvalidSettings(_))),
            "{error:?}"
        );
    }

    #[test]
    fn cloud_deployment_keys_are_not_requested() {
        let environment = GeminiBackend.probe("").unwrap().environment;
        assert!(
            environment
                .iter()
                .all(|name| !name.contains("SECRET") && !name.contains("CREDENTIALS"))
        );
        assert!(environment.contains(&"GEMINI_API_KEY".to_owned()));
    }

    #[test]
    fn models_are_offered_weakest_first_with_prices() {
        let models = GeminiBackend.probe("").unwrap().models;
        let prices: Vec<f64> = models
            .iter()
            .map(|model| model.prices.as_ref().unwrap().input)
            .collect();
        assert!(
            prices.is_sorted() && prices.len() == MODELS.len(),
            "{prices:?}"
        );
    }
}
