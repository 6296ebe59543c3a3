//! The built-in agent backend that runs OpenAI Codex (`codex exec`) without a terminal.
//!
//! Like every backend it does not run anything itself: it names the command, and interprets its
//! output.
//!
//! ```text
//!   prompt ──stdin──► codex exec --json … - ──lines──► CodexRun ─┬─► price  ──► cost, from tokens
//!                                                               ├─► sandbox ──► no command could run
//!                                                               └─► ending ──► outcome
//! ```
//!
//! The program confines the agent's commands by a sandbox instead of a list of tools:
//!
//! | task | sandbox |
//! | --- | --- |
//! | read-only | reads everything, writes nothing, no network; none of the user's own settings |
//! | otherwise | writes the work tree without `.git`, and temporary files; no network unless the user's settings allow it |
//! | `yolo` | none |
//!
//! A resumed session gets these rights anew: the program would not restore them.

#[cfg(not(target_arch = "wasm32"))]
mod built_in;
mod ending;
mod permissions;
mod price;
mod run;
mod sandbox;
mod schema;
mod tool;

use autoissue_plugin_sdk::{
    AgentBackend, AgentRun, AgentTask, CommandSpec, Description, Login, LoginFile, Metering,
    ModelInfo, PassedVariable, PluginError, ProgramInfo, StopSignal,
};

#[cfg(not(target_arch = "wasm32"))]
pub use built_in::{BUILT_IN, TESTED_RELEASES};
pub use run::CodexRun;
use run::Limits;

/// Name of the program on PATH.
const PROGRAM: &str = "codex";

/// Older releases trust a repository in which they may write, and then run its hooks and servers.
const VERSIONS: &str = ">=0.169.0";

/// Weakest and cheapest first. The program has no aliases for the newest version.
const MODELS: [&str; 4] = [
    "gpt-6-luna",
    "gpt-6.1-terra",
    "gpt-6.2-sol",
    "gpt-6.2-astra",
];

/// Names of the variables that tell the program where its files are and how to authenticate.
///
/// Keys of providers in the user's `config.toml` are listed in `agent.env`: their names are the
/// user's choice. The address of the service is a setting, not a variable.
const PASSED: [&str; 5] = [
    KEY,
    "CODEX_CA_CERTIFICATE",
    "CODEX_HOME",
    "OPENAI_ORGANIZATION",
    "OPENAI_PROJECT",
];

/// Variable with the key. `OPENAI_API_KEY` is not used by `codex exec`.
const KEY: &str = "CODEX_API_KEY";

/// Settings of every run.
const FIXED: [&str; 4] = [
    // Nobody can answer.
    r#"approval_policy="never""#,
    // The reported usage lacks that of further agents.
    "agents.enabled=false",
    // Without a connection the program would wait forever. The host knows about the other tasks.
    "features.unbounded_connection_retries=false",
    // The agent's commands need no login. An empty value in `set` leaves the user's policy as it is.
    r#"shell_environment_policy.set.CODEX_API_KEY="""#,
];

/// Name of the file with the schema of the final message.
const SCHEMA_FILE: &str = "answer-schema.json";

/// Files of a repository from which the program takes settings that can run a program, add a server
/// or change the agent's rights. It ignores them unless the user's own settings trust the attempt's
/// directory; no option prevents that without `AGENTS.md` being ignored too.
pub const REPOSITORY_SETTINGS: &[&str] = &[
    ".codex/config.toml",
    ".codex/hooks.json",
    ".codex/rules",
    ".codex/agents",
];

/// Runs OpenAI Codex.
#[derive(Clone, Copy, Debug, Default)]
pub struct CodexBackend;

autoissue_plugin_sdk::export_plugin! { agent_backend: CodexBackend }

impl AgentBackend for CodexBackend {
    fn describe(&self) -> Description {
        Description::new(
            "codex",
            env!("CARGO_PKG_VERSION"),
            "Runs OpenAI Codex without a terminal",
        )
    }

    fn probe(&self, _settings: &str) -> Result<ProgramInfo, PluginError> {
        Ok(ProgramInfo::new(PROGRAM)
            .versions(VERSIONS.to_owned())
            .install_hint(
                "install Codex (https://developers.openai.com/codex/cli), then run `codex login` or set `CODEX_API_KEY`",
            )
            .metering(Metering::AtTheEnd)
            .models(MODELS.map(model))
            .environment(PASSED)
            .login(login())
            .repository_settings(REPOSITORY_SETTINGS.iter().copied()))
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        let schema = task.answer_schema.as_deref().and_then(schema::strict);
        let mut command = CommandSpec::new(PROGRAM)
            .args(arguments(task, schema.is_some())?)
            .pass_env(PASSED.map(PassedVariable::new))
            .stdin(&task.prompt)
            // The program then ends the agent's commands; a SIGTERM would leave them running.
            .stop_signal(StopSignal::Interrupt);
        if let Some(schema) = schema {
            command = command.file(SCHEMA_FILE, schema);
        }
        let run = CodexRun::new(task.model.clone(), limits(task));
        Ok((Box::new(run), command))
    }
}

fn model(name: &str) -> ModelInfo {
    let model = ModelInfo::new(name);
    match price::listed(name) {
        Some(prices) => model.prices(prices),
        None => model,
    }
}

fn login() -> Login {
    let advice = "run `codex login`, or set `CODEX_API_KEY`; not needed if a provider in its `config.toml` has its own key";
    let file = LoginFile::new(".codex", "auth.json").directory_variable("CODEX_HOME".to_owned());
    Login::new(advice)
        .key(KEY)
        .file(file)
        // Finds a login in the system's key store, too.
        .status_args(["login", "status"])
}

fn limits(task: &AgentTask) -> Limits {
    let cost = task.resume.as_ref().map(|session| session.cost_usd);
    let is_cost = |usd: &f64| usd.is_finite() && 0.0 <= *usd;
    Limits {
        is_resumed: task.resume.is_some(),
        earlier_usd: cost.filter(is_cost).unwrap_or_default(),
        n_turns_max: task.max_turns,
        wants_answer: task.answer_schema.is_some(),
    }
}

fn arguments(task: &AgentTask, has_schema: bool) -> Result<Vec<String>, PluginError> {
    let mut args: Vec<String> = ["exec", "--json", "--skip-git-repo-check"]
        .map(String::from)
        .into();
    if task.read_only {
        args.extend(permissions::WITHOUT_USER_SETTINGS.map(String::from));
    }
    let mut option = |name: &str, value: &str| args.extend([name.to_owned(), value.to_owned()]);
    if let Some(model) = &task.model {
        option("--model", model);
    }
    if let Some(effort) = task.effort {
        option(
            "-c",
            &format!("model_reasoning_effort=\"{}\"", effort.name()),
        );
    }
    FIXED.iter().for_each(|setting| option("-c", setting));
    for setting in permissions::settings(task)? {
        option("-c", setting);
    }
    if has_schema {
        option("--output-schema", &format!("{{{SCHEMA_FILE}}}"));
    }
    // All options come before `resume`, which itself accepts only some of them.
    if let Some(session) = &task.resume {
        option("resume", &session.id);
    }
    args.push("-".into());
    Ok(args)
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::{Effort, ResumedSession};

    use super::*;

    const WRITING: &str = r#"-c approval_policy="never" -c agents.enabled=false -c features.unbounded_connection_retries=false -c shell_environment_policy.set.CODEX_API_KEY="" -c sandbox_mode="workspace-write" -c web_search="disabled""#;

    fn check_arguments(task: AgentTask, expected: &str) {
        let task = task.session("S").prompt("secret words").directory("/tree");
        let (_, command) = CodexBackend.start(&task).unwrap();
        let start = "exec --json --skip-git-repo-check";
        assert_eq!(command.args.join(" "), format!("{start} {expected} -"));
        assert_eq!(
            (command.program.as_str(), command.stdin.as_str()),
            ("codex", "secret words")
        );
    }

    #[test]
    fn an_attempt_is_given_its_model_and_effort() {
        let task = AgentTask::default()
            .model("gpt-6.2-sol")
            .effort(Effort::High)
            .max_turns(9)
            .budget_usd(4.5);
        check_arguments(
            task,
            &format!("--model gpt-6.2-sol -c model_reasoning_effort=\"high\" {WRITING}"),
        );
        check_arguments(AgentTask::default(), WRITING);
    }

    #[test]
    fn a_resumed_session_gets_the_rights_of_a_first_run() {
        let tasks = [
            AgentTask::default(),
            AgentTask::default().yolo(true),
            AgentTask::default().read_only(true).answer_schema("{}"),
        ];
        for task in tasks {
            let arguments = |task: &AgentTask| CodexBackend.start(task).unwrap().1.args;
            let mut first = arguments(&task);
            let resumed = arguments(&task.resume(ResumedSession::new("R", 0.5)));
            first.splice(first.len() - 1.., ["resume", "R", "-"].map(String::from));
            assert_eq!(resumed, first);
            // `resume` refuses it.
            assert!(!resumed.iter().any(|arg| arg == "--sandbox" || arg == "-s"));
        }
    }

    #[test]
    fn a_read_only_agent_gets_no_rights_from_other_settings() {
        let task = AgentTask::default()
            .yolo(true)
            .read_only(true)
            .allowed_tools(["Bash", "WebSearch"]);
        let writing = WRITING.replace("workspace-write", "read-only");
        check_arguments(
            task,
            &format!("--ignore-user-config --ignore-rules {writing}"),
        );
    }

    #[test]
    fn yolo_turns_the_sandbox_off() {
        let unconfined = WRITING
            .replace("workspace-write", "danger-full-access")
            .replace(" -c web_search=\"disabled\"", "");
        check_arguments(AgentTask::default().yolo(true), &unconfined);
    }

    #[test]
    fn a_list_of_tools_is_followed_or_refused() {
        let task = |tools: &[&str]| AgentTask::default().allowed_tools(tools.iter().copied());
        check_arguments(
            task(&["Bash", "Edit", "Glob", "Grep", "Read", "Write"]),
            WRITING,
        );
        check_arguments(
            task(&["Bash", "WebSearch"]),
            &WRITING.replace(" -c web_search=\"disabled\"", ""),
        );
        let error = |tools: &[&str]| CodexBackend.start(&task(tools)).err().unwrap().to_string();
        assert!(error(&["Read"]).contains("add `Bash`"));
        assert!(error(&["Bash(git:*)"]).contains("`Bash(git:*)`"));
        assert!(error(&["Bash", "mcp__files__write"]).contains("`mcp__files__write`"));
    }

    #[test]
    fn a_schema_is_passed_in_a_file_if_the_service_accepts_it() {
        let start = |schema: &str| {
            let task = AgentTask::default().read_only(true).answer_schema(schema);
            CodexBackend.start(&task).unwrap().1
        };
        let command = start(r#"{"type":"object","properties":{"ok":{"type":"boolean"}}}"#);
        let option = [
            "--output-schema".to_owned(),
            "{answer-schema.json}".to_owned(),
        ];
        assert!(
            command.args.windows(2).any(|pair| pair == option),
            "{:?}",
            command.args
        );
        assert_eq!(command.files[0].name, "answer-schema.json");
        let other = start("{}");
        assert!(other.files.is_empty() && !other.args.contains(&option[0]));
    }

    #[test]
    fn the_program_is_interrupted_so_that_it_ends_its_commands() {
        let (_, command) = CodexBackend.start(&AgentTask::default()).unwrap();
        assert_eq!(command.stop_signal, StopSignal::Interrupt);
    }

    #[test]
    fn old_releases_that_trust_every_repository_are_refused() {
        let info = CodexBackend.probe("").unwrap();
        assert_eq!(info.versions.as_deref(), Some(">=0.169.0"));
    }

    #[test]
    fn every_offered_model_has_a_price_and_is_weaker_than_the_next() {
        let models = CodexBackend.probe("").unwrap().models;
        let prices: Vec<f64> = models
            .iter()
            .map(|model| model.prices.as_ref().unwrap().output)
            .collect();
        assert!(prices.is_sorted(), "{prices:?}");
    }

    #[test]
    fn only_the_programs_own_variables_are_requested() {
        let environment = CodexBackend.probe("").unwrap().environment;
        assert!(environment.contains(&"CODEX_API_KEY".to_owned()));
        let is_foreign = |name: &String| {
            name.contains("AWS") || name.contains("GITHUB") || name.contains("SECRET")
        };
        assert!(!environment.iter().any(is_foreign));
    }
}
