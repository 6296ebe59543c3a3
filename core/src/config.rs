//! The configuration of core: every setting of a session, with its default.
//!
//! Core reads these from no file, argument or environment; the embedding program fills in a
//! [`Config`]. The field comments are the descriptions in the JSON Schema ([`schema`]), so they are
//! written for users.
//!
//! ```text
//!   types ──► schema()    names, types, ranges, defaults: the allowed values of each key
//!     └─────► problems()  relations between values, and formats that a schema cannot express
//! ```
//!
//! Deserialising refuses unknown keys and wrong types but does not enforce the schema's ranges: a
//! loader checks values against [`schema`] first (because it knows where they came from), then
//! calls [`Config::problems`].

mod instructions;
mod problems;
mod secret_source;
mod usd;

use std::net::IpAddr;
use std::path::PathBuf;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::built_in;
pub use autoissue_forge::ForgeKind;
pub use instructions::{Instructions, InstructionsError};
pub use problems::Problem;
pub use secret_source::SecretOrEnv;
pub use usd::{NonNegativeUsd, NonNegativeUsdError};

/// Configuration of autoissue.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The repository to work on.
    pub project: ProjectSettings,
    /// How attempts run.
    pub executor: ExecutorSettings,
    /// The coding agent.
    pub agent: AgentSettings,
    /// Maximum amount that a session may spend, in US dollars; 0 starts nothing that costs money.
    pub max_total_budget_usd: NonNegativeUsd,
    /// Which tasks may run at the same time.
    pub scheduler: SchedulerSettings,
    /// The circuit breaker, one per service.
    pub breaker: BreakerSettings,
    /// The dashboard.
    pub dashboard: DashboardSettings,
    /// The planner, which splits a directive into issues.
    pub planner: PlannerSettings,
    /// Where issues and pull requests live.
    pub forge: ForgeSettings,
    /// Access to GitHub.
    pub github: GithubSettings,
    /// Which built-in or plugin makes each replaceable decision.
    pub strategies: StrategySettings,
    /// Plugins to load.
    pub plugins: Vec<PluginSettings>,
    /// Log files.
    pub logging: LoggingSettings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            project: ProjectSettings::default(),
            executor: ExecutorSettings::default(),
            agent: AgentSettings::default(),
            max_total_budget_usd: NonNegativeUsd::from_cents(50_00),
            scheduler: SchedulerSettings::default(),
            breaker: BreakerSettings::default(),
            dashboard: DashboardSettings::default(),
            planner: PlannerSettings::default(),
            forge: ForgeSettings::default(),
            github: GithubSettings::default(),
            strategies: StrategySettings::default(),
            plugins: Vec::new(),
            logging: LoggingSettings::default(),
        }
    }
}

impl Config {
    /// Returns the agent backend that runs tasks: the strategy if one is named, otherwise
    /// `agent.backend`.
    pub fn agent_backend(&self) -> &str {
        self.strategies
            .agent_backend
            .as_deref()
            .unwrap_or(&self.agent.backend)
    }
}

/// Returns the JSON Schema of [`Config`] (draft 2020-12, without references), with defaults, ranges
/// and descriptions.
pub fn schema() -> Schema {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Config>()
}

/// The repository to work on.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProjectSettings {
    /// The repository as `owner/name`; if unset, read from the remote `origin`.
    pub repo: Option<String>,
    /// Directory of the checkout, relative to this file; if unset, the checkout that contains this file, or else the current one.
    pub path: Option<PathBuf>,
    /// Base of branches and pull requests; if unset, the forge's default branch (on the local forge, `main` if it exists).
    pub base_branch: Option<String>,
}

/// How attempts run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExecutorSettings {
    /// Maximum number of concurrent attempts.
    #[schemars(range(min = 1, max = 256))]
    pub max_parallel: u32,
    /// Time limit of one attempt, in minutes.
    #[schemars(range(min = 1, max = 1440))]
    pub timeout_minutes: u32,
    /// Minutes of silence after which an agent is stopped.
    #[schemars(range(min = 1, max = 1440))]
    pub stall_minutes: u32,
    /// Open pull requests; if false, the work ends up on the branch `autoissue/issue-<N>` in your repository, and nothing is pushed.
    pub create_pr: bool,
    /// Open pull requests as drafts.
    pub pr_draft: bool,
    /// Maximum number of retries of a task after its first attempt.
    #[schemars(range(max = 20))]
    pub max_retries: u32,
    /// Commands to run in a fresh worktree before the agent, such as installing dependencies.
    #[schemars(inner(length(min = 1)))]
    pub setup: Vec<String>,
    /// Commands that must all pass before a pull request is opened; each is an object, or just the command.
    pub checks: Vec<CheckConfig>,
    /// What to do if a check already fails on the base commit: `fail` the session, or `ignoreKnown` failures.
    pub red_base: RedBaseSetting,
    /// Time limit of one step of collecting an attempt's work, in seconds; work that takes longer is moved aside and reported.
    #[schemars(range(min = 1, max = 86400))]
    pub collect_seconds: u32,
    /// Memory limit of collecting, in MiB, not counting memory-mapped packs (Linux only).
    #[schemars(range(min = 64, max = 1_048_576))]
    pub collect_memory_mib: u32,
    /// Maximum size of kept work over all sessions of the repository, in GiB; when it is reached, nothing new starts until `clean` frees space.
    #[schemars(range(min = 0.001, max = 1_048_576.0))]
    pub max_salvage_gib: f64,
    /// Keep the machine awake while a session runs, with `systemd-inhibit` or `caffeinate` if one is on PATH.
    pub keep_awake: bool,
    /// Directory for the worktrees of attempts, relative to the checkout; if unset, a directory in the state directory, which exposes fewer files to agents.
    pub worktree_root: Option<PathBuf>,
}

impl Default for ExecutorSettings {
    fn default() -> Self {
        Self {
            max_parallel: 3,
            timeout_minutes: 30,
            stall_minutes: 10,
            create_pr: true,
            pr_draft: false,
            max_retries: 2,
            setup: Vec::new(),
            checks: Vec::new(),
            red_base: RedBaseSetting::Fail,
            collect_seconds: 60,
            collect_memory_mib: 1024,
            max_salvage_gib: 10.0,
            keep_awake: true,
            worktree_root: None,
        }
    }
}

/// A command of the repository that must pass before a pull request is opened.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(from = "CheckForm", rename_all = "camelCase")]
pub struct CheckConfig {
    /// Name in reports and pull requests.
    pub name: String,
    /// Shell command; exit code 0 is a pass.
    pub run: String,
    /// Minutes after which the check has failed.
    pub timeout_minutes: u32,
}

/// How a check may be written: in full, or as just its command.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum CheckForm {
    /// The command, which is also the name.
    Command(#[schemars(length(min = 1))] String),
    Whole(WholeCheck),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WholeCheck {
    /// Name in reports and pull requests; unique.
    #[schemars(length(min = 1))]
    name: String,
    /// Shell command; exit code 0 is a pass.
    #[schemars(length(min = 1))]
    run: String,
    /// Minutes after which the check has failed.
    #[serde(default = "CheckConfig::default_timeout_minutes")]
    #[schemars(range(min = 1, max = 1440))]
    timeout_minutes: u32,
}

impl CheckConfig {
    const fn default_timeout_minutes() -> u32 {
        15
    }
}

impl From<CheckForm> for CheckConfig {
    fn from(form: CheckForm) -> Self {
        match form {
            CheckForm::Command(run) => Self {
                name: run.clone(),
                run,
                timeout_minutes: Self::default_timeout_minutes(),
            },
            CheckForm::Whole(WholeCheck {
                name,
                run,
                timeout_minutes,
            }) => Self {
                name,
                run,
                timeout_minutes,
            },
        }
    }
}

/// What to do if a check already fails on the base commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RedBaseSetting {
    /// Stop before any money is spent.
    Fail,
    /// Continue, and ignore this check for all attempts.
    IgnoreKnown,
}

/// The coding agent.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AgentSettings {
    /// The coding program: `claude`, `codex`, `gemini`, `opencode`, `acp`, `command`, `patch`, or one provided by a plugin.
    #[schemars(length(min = 1))]
    pub backend: String,
    /// Program and arguments of the backends `acp` and `command`, which run any program.
    #[schemars(inner(length(min = 1)))]
    pub command: Vec<String>,
    /// Further settings of the backend `command`, which checks them; see `docs/agents.md`.
    pub settings: StrategyConfig,
    /// `opus`, `sonnet`, `haiku`, or the backend's own name for a model; with `auto`, the model selector chooses.
    #[schemars(length(min = 1))]
    pub model: String,
    /// Maximum amount that one task may spend, over all its attempts, in US dollars.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub max_budget_usd: NonNegativeUsd,
    /// Amount in US dollars by which the limit passed to an agent is lowered, because agents check their spending only between turns.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub turn_margin_usd: NonNegativeUsd,
    /// Maximum number of turns of one attempt; if unset, the backend's own limit.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_turns: Option<u32>,
    /// Run the agent without permission prompts.
    pub yolo: bool,
    /// Tools that the agent may use, for backends with such a list; if empty, file edits and the shell.
    #[schemars(inner(length(min = 1)))]
    pub allowed_tools: Vec<String>,
    /// Names of environment variables that the agent may see in addition to the backend's own.
    #[schemars(inner(length(min = 1)))]
    pub env: Vec<String>,
    /// What every agent that works on an issue is told in addition: a text, or `{"file": PATH}`.
    pub instructions: Option<Instructions>,
    /// Start agents although the repository contains files that can configure them: hooks, servers, addresses. Anyone who can change these can then run commands as you.
    pub repository_settings: bool,
}

impl Default for AgentSettings {
    fn default() -> Self {
        let agent = built_in::default_agent();
        Self {
            backend: agent.name(),
            command: Vec::new(),
            settings: StrategyConfig::new(),
            model: built_in::default_model().to_owned(),
            max_budget_usd: NonNegativeUsd::from_cents(5_00),
            turn_margin_usd: NonNegativeUsd::from_cents(50),
            max_turns: None,
            yolo: false,
            allowed_tools: Vec::new(),
            env: Vec::new(),
            instructions: None,
            repository_settings: false,
        }
    }
}

/// Which tasks may run at the same time.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SchedulerSettings {
    /// Domains whose tasks run alone.
    #[schemars(inner(length(min = 1)))]
    pub exclusive_domains: Vec<String>,
    /// Maximum number of concurrent attempts in one domain; tasks that name the same files never run at the same time.
    #[schemars(range(min = 1, max = 256))]
    pub max_per_domain: u32,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            exclusive_domains: vec!["unknown".to_owned()],
            max_per_domain: 1,
        }
    }
}

/// The circuit breaker, one per service.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BreakerSettings {
    /// How many consecutive failures of a service make its tasks wait.
    #[schemars(range(min = 1, max = 1000))]
    pub threshold: u32,
    /// Seconds until one task tries whether the service has recovered.
    #[schemars(range(min = 1, max = 86_400))]
    pub cooldown_seconds: u32,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            threshold: 5,
            cooldown_seconds: 60,
        }
    }
}

/// The dashboard.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DashboardSettings {
    /// Serve the dashboard while a session runs.
    pub enabled: bool,
    /// Port to listen on; 0 chooses any free port.
    #[schemars(range(max = 65_535))]
    pub port: u16,
    /// Address to listen on; one that other machines can reach requires `dashboard.auth`.
    #[schemars(length(min = 1))]
    pub host: String,
    /// Who may see the dashboard.
    pub auth: AuthSettings,
}

impl Default for DashboardSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            port: 3030,
            host: "127.0.0.1".to_owned(),
            auth: AuthSettings::default(),
        }
    }
}

impl DashboardSettings {
    /// Returns whether only this machine can reach the dashboard; false for any name except
    /// `localhost`, because it may resolve to anything.
    pub fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// Who may see the dashboard.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuthSettings {
    /// Require credentials.
    pub enabled: bool,
    /// Which credentials are accepted: `basic` (user name and password), `token`, or `both`.
    #[serde(rename = "type")]
    pub kind: AuthKind,
    /// User name for `basic` and `both`: a string, or `{"env": "NAME"}`.
    pub username: Option<SecretOrEnv>,
    /// Password for `basic` and `both`: a string, or better `{"env": "NAME"}`.
    pub password: Option<SecretOrEnv>,
    /// Token for `token` and `both`: a string, or better `{"env": "NAME"}`.
    pub token: Option<SecretOrEnv>,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            kind: AuthKind::Basic,
            username: None,
            password: None,
            token: None,
        }
    }
}

/// Which credentials the dashboard accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AuthKind {
    /// A user name and a password.
    Basic,
    /// A token, as `Authorization: Bearer` or through the login page.
    Token,
    /// Either.
    Both,
}

impl AuthKind {
    /// Returns whether a user name and a password are accepted.
    pub fn takes_password(self) -> bool {
        matches!(self, Self::Basic | Self::Both)
    }

    /// Returns whether a token is accepted.
    pub fn takes_token(self) -> bool {
        matches!(self, Self::Token | Self::Both)
    }
}

/// The planner, which splits a directive into issues.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlannerSettings {
    /// Allow `autoissue plan`.
    pub enabled: bool,
    /// Model that plans: `opus`, `sonnet`, `haiku`, or the backend's own name.
    #[schemars(length(min = 1))]
    pub model: String,
    /// Maximum amount that planning may spend, in US dollars; counts against the session's budget.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub max_budget_usd: NonNegativeUsd,
}

impl Default for PlannerSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            model: built_in::default_model().to_owned(),
            max_budget_usd: NonNegativeUsd::from_cents(2_00),
        }
    }
}

/// Where issues and pull requests live.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ForgeSettings {
    /// `github`, or `local`: the embedded forge, which keeps issues and pull requests in `.autoissue/`.
    pub kind: ForgeKind,
}

impl Default for ForgeSettings {
    fn default() -> Self {
        Self {
            kind: ForgeKind::Github,
        }
    }
}

/// Access to GitHub.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GithubSettings {
    /// URL of the API; if unset, derived from the host of `origin`. A configuration file may only name that host or this machine; use `AUTOISSUE_GITHUB_API_URL` for any other.
    pub api_url: Option<String>,
    /// Maximum number of writes to the API per minute.
    #[schemars(range(min = 1, max = 10_000))]
    pub writes_per_minute: u32,
    /// Maximum number of writes to the API per hour.
    #[schemars(range(min = 1, max = 100_000))]
    pub writes_per_hour: u32,
}

impl Default for GithubSettings {
    fn default() -> Self {
        Self {
            api_url: None,
            writes_per_minute: 60,
            writes_per_hour: 450,
        }
    }
}

/// Which built-in or plugin makes each replaceable decision.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StrategySettings {
    /// Assigns issues to domains: name of a built-in or plugin; if unset, the built-in.
    pub classifier: Option<String>,
    /// Chooses a model if `agent.model` is `auto`: name of a built-in or plugin; if unset, the built-in.
    pub model_selector: Option<String>,
    /// Runs the agent: name of a built-in or plugin; if unset, `agent.backend`.
    pub agent_backend: Option<String>,
    /// Writes the pull request: name of a built-in or plugin; if unset, the built-in.
    pub pr_template: Option<String>,
}

/// A plugin to load.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PluginSettings {
    /// Name by which `strategies` and `agent.backend` refer to it; unique.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The component, relative to this file.
    pub path: PathBuf,
    /// SHA-256 of the component in hexadecimal; any other content is refused. Required if there are grants and no lock file.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Settings of the strategy that takes some, passed to it unchanged; its own schema defines them. If several strategies take settings, use `configs`.
    #[serde(default)]
    pub config: Option<StrategyConfig>,
    /// Settings by kind of strategy, with the keys of `strategies`, for a plugin of which several strategies take settings.
    #[serde(default)]
    pub configs: StrategyConfigs,
    /// Additional permissions of the plugin; none by default.
    #[serde(default)]
    pub grants: PluginGrants,
    /// What to do if the plugin fails; an agent backend has no fallback, so its attempt fails.
    #[serde(default)]
    pub on_error: PluginOnError,
    /// The configuration file that contains this entry, for messages; `None` if there is none.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// Settings of a strategy of a plugin.
pub type StrategyConfig = serde_json::Map<String, serde_json::Value>;

/// Settings of the strategies of a plugin, by kind.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StrategyConfigs {
    /// Settings of the classifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classifier: Option<StrategyConfig>,
    /// Settings of the model selector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_selector: Option<StrategyConfig>,
    /// Settings of the agent backend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_backend: Option<StrategyConfig>,
    /// Settings of the pull request template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pr_template: Option<StrategyConfig>,
}

/// Additional permissions of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PluginGrants {
    /// Programs that an agent backend may run, by name on PATH.
    #[schemars(inner(length(min = 1)))]
    pub exec: Vec<String>,
    /// Names of environment variables that those programs may see.
    #[schemars(inner(length(min = 1)))]
    pub env: Vec<String>,
}

/// What to do if a plugin fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PluginOnError {
    /// Let the built-in decide; this is counted and shown.
    #[default]
    Fallback,
    /// Fail the task.
    Fail,
    /// Skip the issue.
    Skip,
}

/// Log files.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LoggingSettings {
    /// Directory of the log files, relative to this file; if unset, in the state directory.
    pub dir: Option<PathBuf>,
    /// Least severe level that is logged.
    pub level: LogLevel,
    /// How many days log files, and the transcripts of ended sessions, are kept.
    #[schemars(range(min = 1, max = 3650))]
    pub keep_days: u32,
    /// Maximum size of the transcripts of all sessions, in MiB; beyond it, the oldest are removed.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub max_transcript_mib: u32,
}

impl Default for LoggingSettings {
    fn default() -> Self {
        Self {
            dir: None,
            level: LogLevel::Info,
            keep_days: 14,
            max_transcript_mib: 2048,
        }
    }
}

/// How severe a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something unusual happened.
    Warn,
    /// What a session did.
    Info,
    /// Why it did so.
    Debug,
    /// Everything.
    Trace,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_object_is_the_default() {
        assert_eq!(
            serde_json::from_value::<Config>(json!({})).unwrap(),
            Config::default()
        );
    }

    #[test]
    fn a_config_survives_its_own_json() {
        let config: Config = serde_json::from_value(json!({
            "executor": {"checks": ["cargo test", {"name": "lint", "run": "make lint", "timeoutMinutes": 3}]},
            "agent": {"maxBudgetUsd": 0.000001, "maxTurns": 7},
            "plugins": [
                {"name": "p", "path": "p.wasm", "config": {"a": [1]}, "grants": {"exec": ["x"]}},
                {"name": "q", "path": "q.wasm", "configs": {"prTemplate": {"a": 1}}},
            ],
        }))
        .unwrap();
        let json = serde_json::to_value(&config).unwrap();
        assert_eq!(serde_json::from_value::<Config>(json).unwrap(), config);
    }

    #[test]
    fn a_check_may_be_just_its_command() {
        let check: CheckConfig = serde_json::from_value(json!("cargo test")).unwrap();
        let whole: CheckConfig =
            serde_json::from_value(json!({"name": "cargo test", "run": "cargo test"})).unwrap();
        assert_eq!(check, whole);
        assert_eq!(check.timeout_minutes, 15);
    }

    #[test]
    fn unknown_keys_are_refused_at_every_depth() {
        for json in [
            json!({"maxParallel": 1}),
            json!({"executor": {"parallel": 1}}),
            json!({"dashboard": {"auth": {"pass": "x"}}}),
            json!({"executor": {"checks": [{"name": "a", "run": "b", "timeout": 1}]}}),
            json!({"plugins": [{"name": "a", "path": "b", "grants": {"net": []}}]}),
            json!({"plugins": [{"name": "a", "path": "b", "configs": {"pr-template": {}}}]}),
        ] {
            assert!(
                serde_json::from_value::<Config>(json.clone()).is_err(),
                "{json}"
            );
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        fn is_loopback(host: &str) -> bool {
            DashboardSettings {
                host: host.to_owned(),
                ..Default::default()
            }
            .is_loopback()
        }

        for host in [
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "[::1]",
            "localhost",
            "LOCALHOST",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "0.0.0.0",
            "::",
            "192.168.1.2",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "box",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
