//! The built-in agent backend that runs opencode (`opencode run`) without a terminal.
//!
//! Like every backend it does not run anything itself: it names the command, and interprets its
//! output.
//!
//! ```text
//!   prompt ──stdin──► opencode run --format json ──lines──► OpencodeRun ──► ending ──► outcome
//!                       ▲                                        │
//!   rights, switches ───┘ OPENCODE_CONFIG_CONTENT                └──► tokens, cost, turns
//! ```
//!
//! The work tree is not trusted. A switch of the program ignores its settings (`opencode.json`,
//! `.opencode/`, and in them tools, commands, agents, MCP servers, addresses of providers), and
//! formatters and language servers are off. Release 1.18.33 still loads plugins from these files,
//! for which there is no switch: see [`REPOSITORY_SETTINGS`]. Instructions in `AGENTS.md` and
//! `CLAUDE.md` are kept. The user's own settings, plugins and MCP servers in the home directory
//! apply: they are where logins and providers are configured.

#[cfg(not(target_arch = "wasm32"))]
mod built_in;
mod config;
mod ending;
mod permission;
mod price;
mod run;
mod session;

use autoissue_plugin_sdk::{
    AgentBackend, AgentRun, AgentTask, CommandSpec, Description, Endpoint, Login, LoginFile,
    Metering, ModelInfo, PassedVariable, PluginError, ProgramInfo,
};

#[cfg(not(target_arch = "wasm32"))]
pub use built_in::{BUILT_IN, TESTED_RELEASES};
pub use run::OpencodeRun;
use session::Session;

/// Files of a work tree that must not be there while the program runs, as paths in its root.
///
/// The program imports plugins that `opencode.json` and `opencode.jsonc` name and those in
/// `.opencode/plugin` and `.opencode/plugins`, even with `OPENCODE_DISABLE_PROJECT_CONFIG` and
/// `OPENCODE_PURE`, and also for an agent that may only read.
pub const REPOSITORY_SETTINGS: &[&str] = &[".opencode", "opencode.json", "opencode.jsonc"];

/// Name of the program on PATH.
const PROGRAM: &str = "opencode";

/// Releases before 1.1.30 have no switch for the settings of the work tree, and version 2 ignores the
/// form of our settings, and with it the rights. Nothing before 1.18 was tried.
const VERSIONS: &str = ">=1.18.0, <2";

/// Name of the agent that this backend configures, and title of its sessions. With a title of its
/// own, a session costs no request that makes one.
const AGENT: &str = "autoissue";

/// Variables that contain a key for models, and nothing else.
///
/// `GITHUB_TOKEN`, `GITLAB_TOKEN`, `CLOUDFLARE_API_TOKEN`, `HF_TOKEN` and `AWS_ACCESS_KEY_ID`, which
/// the program also accepts, are omitted on purpose: on many machines they give access to
/// production. Users who pay for models with them list them in `agent.env`.
const KEYS: [&str; 22] = [
    "ANTHROPIC_API_KEY",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AZURE_API_KEY",
    "BASETEN_API_KEY",
    "CEREBRAS_API_KEY",
    "DEEPINFRA_API_KEY",
    "DEEPSEEK_API_KEY",
    "FIREWORKS_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "GROQ_API_KEY",
    "MINIMAX_API_KEY",
    "MISTRAL_API_KEY",
    "MOONSHOT_API_KEY",
    "OPENAI_API_KEY",
    "OPENCODE_API_KEY",
    "OPENROUTER_API_KEY",
    "PERPLEXITY_API_KEY",
    "TOGETHER_API_KEY",
    "XAI_API_KEY",
    "ZAI_API_KEY",
    "ZHIPU_API_KEY",
];

/// Other variables that tell the program where its models, its login and its settings are.
const PASSED: [&str; 14] = [
    "ANTHROPIC_BASE_URL",
    "OPENAI_BASE_URL",
    "AZURE_RESOURCE_NAME",
    "AWS_REGION",
    "GOOGLE_CLOUD_LOCATION",
    "GOOGLE_CLOUD_PROJECT",
    "OPENCODE_CONFIG",
    "OPENCODE_CONFIG_DIR",
    "OPENCODE_DISABLE_CLAUDE_CODE",
    "OPENCODE_PURE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
];

/// Protocol, variable with the address, and default address of the providers that have such a
/// variable. Others are configured in the user's own settings.
const ENDPOINTS: [(&str, &str, &str); 2] = [
    (
        "anthropic-messages",
        "ANTHROPIC_BASE_URL",
        "https://api.anthropic.com/v1",
    ),
    (
        "openai-responses",
        "OPENAI_BASE_URL",
        "https://api.openai.com/v1",
    ),
];

/// Set for every run: no settings of the work tree, no updates, no downloads.
const FIXED: [(&str, &str); 4] = [
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
    ("OPENCODE_DISABLE_PROJECT_CONFIG", "1"),
];

/// Variable with settings that take precedence over those in files.
const CONFIG: &str = "OPENCODE_CONFIG_CONTENT";

/// Variable with the name of the database.
const DATABASE: &str = "OPENCODE_DB";

/// Runs opencode.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpencodeBackend;

autoissue_plugin_sdk::export_plugin! { agent_backend: OpencodeBackend }

impl AgentBackend for OpencodeBackend {
    fn describe(&self) -> Description {
        Description::new(
            "opencode",
            env!("CARGO_PKG_VERSION"),
            "Runs opencode without a terminal",
        )
    }

    fn probe(&self, _settings: &str) -> Result<ProgramInfo, PluginError> {
        let fixed = FIXED.map(|(name, _)| name);
        let environment = KEYS
            .into_iter()
            .chain(PASSED)
            .chain(fixed)
            .chain([CONFIG, DATABASE]);
        Ok(ProgramInfo::new(PROGRAM)
            .install_hint(
                "install opencode (https://opencode.ai/docs), then run `opencode auth login` or set the key of your \
                 provider, such as `ANTHROPIC_API_KEY`",
            )
            .versions(VERSIONS.to_owned())
            .metering(Metering::AsItGoes)
            .models(price::MODELS.iter().map(|(name, _)| model(name)))
            .environment(environment)
            .endpoints(ENDPOINTS.map(|(protocol, variable, url)| {
                Endpoint::new(protocol, variable, url)
            }))
            .login(login())
            .repository_settings(REPOSITORY_SETTINGS.iter().copied()))
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        let rules = permission::rules(task)?;
        let session = Session::of(task);
        let command = CommandSpec::new(PROGRAM)
            .args(arguments(task, &session)?)
            .pass_env(KEYS.into_iter().chain(PASSED).map(PassedVariable::new))
            .set_env(DATABASE, session.database())
            .set_env(CONFIG, config::of(&task.directory, &rules))
            .stdin(&task.prompt);
        let command = FIXED.into_iter().fold(command, |command, (name, value)| {
            command.set_env(name, value)
        });
        Ok((Box::new(OpencodeRun::new(task, session)), command))
    }
}

fn model(name: &str) -> ModelInfo {
    let model = ModelInfo::new(name);
    match price::of(name) {
        Some(prices) => model.prices(prices),
        None => model,
    }
}

fn login() -> Login {
    let login = Login::new(
        "run `opencode auth login`, or set the key of your provider, such as `ANTHROPIC_API_KEY`; not needed if its \
         own settings contain the key, or for local models",
    );
    let login = KEYS.into_iter().fold(login, Login::key);
    let file = LoginFile::new(".local/share", "opencode/auth.json");
    login.file(file.directory_variable("XDG_DATA_HOME"))
}

fn arguments(task: &AgentTask, session: &Session) -> Result<Vec<String>, PluginError> {
    let mut args: Vec<String> = [
        "run",
        "--format",
        "json",
        "--thinking",
        // Otherwise the program works in the directory that `PWD` names, which may be another one.
        "--dir",
        &task.directory,
        "--agent",
        AGENT,
        "--title",
        AGENT,
    ]
    .map(String::from)
    .into();
    let mut option = |name: &str, value: &str| args.extend([name.to_owned(), value.to_owned()]);
    if let Some(model) = &task.model {
        option("--model", checked_model(model)?);
    }
    if let Some(effort) = task.effort {
        // Ignored by models that have no such variant.
        option("--variant", effort.name());
    }
    if let Some(id) = &session.resumed {
        option("--session", id);
    }
    Ok(args)
}

/// Returns the name of a model if it has the only form that the program understands.
fn checked_model(name: &str) -> Result<&str, PluginError> {
    let is_full = name
        .split_once('/')
        .is_some_and(|(provider, model)| !provider.is_empty() && !model.is_empty());
    if is_full && !name.starts_with('-') {
        return Ok(name);
    }
    Err(PluginError::InvalidSettings(format!(
        "`{name}` is not a model of `opencode`: use `provider/model`, such as `{}`; `opencode models` lists them",
        price::DEFAULT
    )))
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::{Effort, ResumedSession};

    use super::*;

    fn started(task: AgentTask) -> CommandSpec {
        let task = task.session("S").directory("/repo").prompt("secret words");
        OpencodeBackend.start(&task).unwrap().1
    }

    fn check_arguments(task: AgentTask, expected: &str) {
        let command = started(task);
        let start = "run --format json --thinking --dir /repo --agent autoissue --title autoissue";
        assert_eq!(command.args.join(" "), format!("{start}{expected}"));
        assert_eq!(
            (command.program.as_str(), command.stdin.as_str()),
            ("opencode", "secret words")
        );
    }

    fn variable(command: &CommandSpec, name: &str) -> String {
        let found = command.env.iter().find(|(variable, _)| variable == name);
        found.expect("it is set").1.clone()
    }

    #[test]
    fn an_attempt_is_given_its_model_and_effort() {
        let task = AgentTask::default()
            .model("anthropic/claude-sonnet-4-6")
            .effort(Effort::High);
        check_arguments(task, " --model anthropic/claude-sonnet-4-6 --variant high");
        check_arguments(AgentTask::default(), "");
    }

    #[test]
    fn a_resumed_session_has_the_same_rights_as_a_new_one() {
        let session = ResumedSession::new("ses_1@f7556aa5a4543342.S", 0.5);
        for task in [
            AgentTask::default(),
            AgentTask::default().yolo(true),
            AgentTask::default().read_only(true),
        ] {
            let resumed = task.clone().resume(session.clone());
            assert_eq!(started(task).env, started(resumed.clone()).env);
            check_arguments(resumed, " --session ses_1");
        }
    }

    #[test]
    fn parallel_runs_share_no_database_and_a_resumed_session_finds_its_own() {
        let run = |key: &str| AgentTask::default().directory("/repo").session(key);
        let database = |task: AgentTask| {
            let (_, command) = OpencodeBackend.start(&task).unwrap();
            variable(&command, DATABASE)
        };
        assert_eq!(database(run("a")), "autoissue-a.db");
        assert_eq!(database(run("b")), "autoissue-b.db");
        let session = ResumedSession::new("ses_1@f7556aa5a4543342.a", 0.5);
        assert_eq!(database(run("b").resume(session)), "autoissue-a.db");
    }

    #[test]
    fn a_session_of_another_directory_is_not_resumed() {
        let session = ResumedSession::new("ses_1@0.S", 0.5);
        check_arguments(AgentTask::default().resume(session), " --session ses_none");
    }

    #[test]
    fn a_model_without_a_provider_is_rejected() {
        for name in ["sonnet", "", "/m", "anthropic/", "--help/x"] {
            let task = AgentTask::default().model(name);
            let error = OpencodeBackend.start(&task).err();
            assert!(
                matches!(error, Some(PluginError::InvalidSettings(_))),
                "{name}"
            );
        }
        check_arguments(
            AgentTask::default().model("openrouter/z-ai/glm-9"),
            " --model openrouter/z-ai/glm-9",
        );
    }

    #[test]
    fn settings_of_the_work_tree_updates_and_downloads_are_off() {
        let command = started(AgentTask::default());
        for name in [
            "OPENCODE_DISABLE_PROJECT_CONFIG",
            "OPENCODE_DISABLE_AUTOUPDATE",
            "OPENCODE_DISABLE_MODELS_FETCH",
            "OPENCODE_DISABLE_LSP_DOWNLOAD",
        ] {
            assert_eq!(variable(&command, name), "1");
        }
    }

    #[test]
    fn each_variable_is_declared() {
        let declared = OpencodeBackend.probe("").unwrap().environment;
        let command = started(AgentTask::default());
        let set = command.env.iter().map(|(name, _)| name);
        let passed = command.pass_env.iter().map(|variable| &variable.name);
        for name in set.chain(passed) {
            assert!(declared.contains(name), "{name}");
        }
    }

    #[test]
    fn each_address_has_a_declared_variable() {
        let info = OpencodeBackend.probe("").unwrap();
        for endpoint in info.endpoints {
            assert!(info.environment.contains(&endpoint.variable));
        }
    }

    #[test]
    fn keys_of_other_services_are_not_requested() {
        let environment = OpencodeBackend.probe("").unwrap().environment;
        for name in [
            "SECRET",
            "ACCESS_KEY",
            "_TOKEN",
            "GITHUB",
            "GITLAB",
            "CLOUDFLARE",
        ] {
            let found = environment.iter().find(|variable| {
                variable.contains(name) && *variable != "AWS_BEARER_TOKEN_BEDROCK"
            });
            assert_eq!(found, None);
        }
    }

    #[test]
    fn a_login_is_seen_by_its_file_or_a_key() {
        let login = OpencodeBackend.probe("").unwrap().login.unwrap();
        let file = &login.files[0];
        assert_eq!(
            (file.directory.as_str(), file.file.as_str()),
            (".local/share", "opencode/auth.json")
        );
        assert_eq!(file.directory_variable.as_deref(), Some("XDG_DATA_HOME"));
        assert_eq!(login.variables.len(), KEYS.len());
    }
}
