//! The built-in agent backend that runs Claude Code (`claude`) without a terminal.
//!
//! Like every backend it does not run anything itself: it names the command, and interprets its
//! output.
//!
//! ```text
//!   prompt ──stdin──► claude -p --output-format stream-json ──lines──► ClaudeRun ─┬─► Meter ──► spent so far
//!                                                                                └─► ending ─► outcome
//! ```
//!
//! The program's own claim of success is only one of several facts: see [`ending`].

#[cfg(not(target_arch = "wasm32"))]
mod built_in;
mod ending;
mod meter;
mod price;
mod run;

use autoissue_plugin_sdk::{
    AgentBackend, AgentRun, AgentTask, CommandSpec, Description, Endpoint, Login, LoginFile,
    Metering, ModelInfo, PassedVariable, PluginError, ProgramInfo,
};

#[cfg(not(target_arch = "wasm32"))]
pub use built_in::{BUILT_IN, TESTED_RELEASES};
pub use run::ClaudeRun;
use serde_json::json;

/// Name of the program on PATH.
const PROGRAM: &str = "claude";

/// Weakest and cheapest first. Aliases, so that they refer to the newest version.
const MODELS: [&str; 3] = ["haiku", "sonnet", "opus"];

/// Tools allowed if the configuration lists none: file edits and the shell.
const DEFAULT_TOOLS: [&str; 7] = [
    "Bash",
    "Edit",
    "Glob",
    "Grep",
    "NotebookEdit",
    "Read",
    "Write",
];

/// Tools of a read-only agent.
const READING_TOOLS: [&str; 3] = ["Glob", "Grep", "Read"];

/// Tools that wait for a later event, which never arrives because the program ends with its result.
const UNATTENDED: [&str; 3] = ["ScheduleWakeup", "Monitor", "CronCreate"];

/// Names of the variables that tell the program where its models are and how to authenticate.
///
/// `AWS_ACCESS_KEY_ID` and related variables are omitted on purpose: on many machines they give
/// access to production. Users who pay for Claude with them list them in `agent.env`; a profile, a
/// role or a Bedrock token needs nothing.
const PASSED: [&str; 31] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_SMALL_FAST_MODEL",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CONFIG_DIR",
    // Amazon Bedrock.
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    // Google Vertex AI.
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_VERTEX_PROJECT_ID",
    "CLOUD_ML_REGION",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
    // Microsoft Foundry.
    "CLAUDE_CODE_USE_FOUNDRY",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "ANTHROPIC_FOUNDRY_RESOURCE",
    MAY_BE_THROWN_AWAY,
];

/// Variable that lets root skip permissions because the machine is disposable.
const MAY_BE_THROWN_AWAY: &str = "IS_SANDBOX";

/// Message for the program's refusal to run as root.
const NOT_AS_ROOT: &str = "`claude` refuses to skip permissions as root: run autoissue as an ordinary user, or turn off `agent.yolo` \
     (the agent can still edit files and run commands), or set `IS_SANDBOX=1` if this machine is disposable";

/// Set for every run. Two tries get past a short problem. Longer problems are left to the host,
/// which knows about the other tasks; with the program's own ten tries an outage would be invisible
/// for minutes. Background tasks would keep the program alive after its result.
const FIXED: [(&str, &str); 4] = [
    ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("CLAUDE_CODE_MAX_RETRIES", "2"),
    ("DISABLE_AUTOUPDATER", "1"),
];

/// What a line contains that is a fragment of a message, which is printed in full later.
const FRAGMENT: [&str; 2] = ["\"stream_event\"", "\"content_block_delta\""];

/// Runs Claude Code.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClaudeBackend;

autoissue_plugin_sdk::export_plugin! { agent_backend: ClaudeBackend }

impl AgentBackend for ClaudeBackend {
    fn describe(&self) -> Description {
        Description::new(
            "claude",
            env!("CARGO_PKG_VERSION"),
            "Runs Claude Code without a terminal",
        )
    }

    fn probe(&self, _settings: &str) -> Result<ProgramInfo, PluginError> {
        let fixed = FIXED.map(|(name, _)| name);
        Ok(ProgramInfo::new(PROGRAM)
            .install_hint(
                "install Claude Code (https://code.claude.com/docs/en/setup), then run `claude` once to log in \
                 or set `ANTHROPIC_API_KEY`",
            )
            .metering(Metering::AsItGoes)
            .models(MODELS.map(model))
            .environment(PASSED.into_iter().chain(fixed))
            .endpoints([Endpoint::new(
                "anthropic-messages",
                "ANTHROPIC_BASE_URL",
                "https://api.anthropic.com",
            )])
            .login(login())
            // Worktrees that the program makes for itself.
            .ignored_paths([".claude/worktrees/"])
            .noise([FRAGMENT.map(String::from).to_vec()]))
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        let is_disposable = task
            .environment
            .iter()
            .any(|name| name == MAY_BE_THROWN_AWAY);
        if task.yolo && task.is_root && !is_disposable {
            return Err(PluginError::InvalidSettings(NOT_AS_ROOT.into()));
        }
        let command = CommandSpec::new(PROGRAM)
            .args(arguments(task))
            .pass_env(PASSED.map(PassedVariable::new))
            .stdin(&task.prompt);
        let command = FIXED.into_iter().fold(command, |command, (name, value)| {
            command.set_env(name, value)
        });
        let run = ClaudeRun::new(task.model.clone(), earlier_usd(task));
        Ok((Box::new(run), command))
    }
}

fn model(name: &str) -> ModelInfo {
    let model = ModelInfo::new(name);
    match price::of_newest(name) {
        Some(prices) => model.prices(prices),
        None => model,
    }
}

fn login() -> Login {
    let keys = [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
    ];
    let clouds = [
        ("CLAUDE_CODE_USE_BEDROCK", "Amazon Bedrock"),
        ("CLAUDE_CODE_USE_VERTEX", "Google Vertex AI"),
        ("CLAUDE_CODE_USE_FOUNDRY", "Microsoft Foundry"),
    ];
    let login = Login::new(
        "run `claude` once to log in, or set `ANTHROPIC_API_KEY`; not needed if `apiKeyHelper` in its settings provides the key",
    );
    let login = keys.into_iter().fold(login, Login::key);
    let login = clouds.into_iter().fold(login, |login, (variable, cloud)| {
        login.provider(variable, cloud)
    });
    let file = LoginFile::new(".claude", ".credentials.json");
    login.file(file.directory_variable("CLAUDE_CONFIG_DIR"))
}

/// Returns the cost so far of the resumed session, in US dollars.
fn earlier_usd(task: &AgentTask) -> f64 {
    let cost = task.resume.as_ref().map(|session| session.cost_usd);
    cost.filter(|usd: &f64| usd.is_finite() && 0.0 <= *usd)
        .unwrap_or_default()
}

fn arguments(task: &AgentTask) -> Vec<String> {
    // Only partial messages report the exact number of tokens that were written.
    let mut args: Vec<String> = [
        "-p",
        "--output-format",
        "stream-json",
        "--verbose",
        "--include-partial-messages",
    ]
    .map(String::from)
    .into();
    let mut option = |name: &str, value: &str| args.extend([name.to_owned(), value.to_owned()]);
    if let Some(model) = &task.model {
        option("--model", model);
    }
    if let Some(effort) = task.effort {
        option("--effort", effort.name());
    }
    match &task.resume {
        Some(session) => option("--resume", &session.id),
        None => option("--session-id", &task.session),
    }
    if let Some(n_turns) = task.max_turns {
        option("--max-turns", &n_turns.to_string());
    }
    if let Some(usd) = task.budget_usd {
        // The limit is for this run alone: the earlier cost of a resumed session does not count
        // against it.
        option("--max-budget-usd", &usd.to_string());
    }
    if let Some(checkout) = &task.checkout {
        option("--settings", &settings(checkout));
    }
    if let Some(schema) = &task.answer_schema {
        option("--json-schema", schema);
    }
    if task.read_only {
        args.extend(looking_only());
        return args;
    }
    // Takes all arguments up to the next option.
    args.push("--disallowedTools".into());
    args.extend(UNATTENDED.map(String::from));
    if task.yolo {
        args.push("--dangerously-skip-permissions".into());
        return args;
    }
    args.extend(["--permission-mode", "acceptEdits"].map(String::from));
    // Takes all remaining arguments, so it must be last.
    args.push("--allowedTools".into());
    if task.allowed_tools.is_empty() {
        args.extend(DEFAULT_TOOLS.map(String::from));
    } else {
        args.extend(task.allowed_tools.iter().cloned());
    }
    args
}

/// Returns settings that keep instructions from the user's own checkout away from the agent.
///
/// The program reads instructions in all parent directories, and it works below that checkout. It
/// should follow the base commit's instructions, which are in its own directory, not uncommitted
/// changes of the user.
fn settings(checkout: &str) -> String {
    // This is a glob pattern without a way to escape characters.
    let checkout = checkout.replace(|c| "*?{}[]()!|\\".contains(c), "?");
    let files = ["CLAUDE.md", ".claude/**"].map(|file| format!("{checkout}/{file}"));
    json!({"claudeMdExcludes": files}).to_string()
}

/// Returns options that leave an agent no tool that writes or runs anything, whatever the user's
/// own settings allow: other tools, including those of MCP servers, are not available.
fn looking_only() -> impl Iterator<Item = String> {
    let tools = READING_TOOLS.join(",");
    let options = [
        "--strict-mcp-config",
        "--tools",
        &tools,
        "--permission-mode",
        "dontAsk",
        "--allowedTools",
    ];
    let options: Vec<String> = options.map(String::from).into();
    options.into_iter().chain(READING_TOOLS.map(String::from))
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::{Effort, ResumedSession};

    use super::*;

    fn check_arguments(task: AgentTask, expected: &str) {
        let task = task.session("S").prompt("secret words");
        let (_, command) = ClaudeBackend.start(&task).unwrap();
        let start = "-p --output-format stream-json --verbose --include-partial-messages ";
        assert_eq!(command.args.join(" "), format!("{start}{expected}"));
        assert_eq!(
            (command.program.as_str(), command.stdin.as_str()),
            ("claude", "secret words")
        );
    }

    #[test]
    fn an_attempt_is_given_its_model_session_and_limits() {
        let task = AgentTask::default()
            .model("opus")
            .effort(Effort::High)
            .max_turns(9)
            .budget_usd(4.5)
            .allowed_tools(["Edit", "Bash(git:*)"]);
        check_arguments(
            task,
            "--model opus --effort high --session-id S --max-turns 9 --max-budget-usd 4.5 \
             --disallowedTools ScheduleWakeup Monitor CronCreate --permission-mode acceptEdits \
             --allowedTools Edit Bash(git:*)",
        );
    }

    #[test]
    fn unset_options_are_left_to_the_program() {
        let tools = "Bash Edit Glob Grep NotebookEdit Read Write";
        check_arguments(
            AgentTask::default(),
            &format!(
                "--session-id S --disallowedTools ScheduleWakeup Monitor CronCreate --permission-mode acceptEdits \
                 --allowedTools {tools}"
            ),
        );
    }

    #[test]
    fn a_read_only_agent_gets_no_other_tools_even_with_yolo() {
        let task = AgentTask::default()
            .yolo(true)
            .read_only(true)
            .allowed_tools(["Bash"])
            .answer_schema("{}");
        check_arguments(
            task,
            "--session-id S --json-schema {} --strict-mcp-config --tools Glob,Grep,Read --permission-mode dontAsk \
             --allowedTools Glob Grep Read",
        );
    }

    #[test]
    fn a_resumed_session_keeps_its_own_id() {
        let task = AgentTask::default()
            .resume(ResumedSession::new("R", 0.0))
            .yolo(true);
        check_arguments(
            task,
            "--resume R --disallowedTools ScheduleWakeup Monitor CronCreate --dangerously-skip-permissions",
        );
    }

    #[test]
    fn the_limit_of_a_resumed_session_is_that_of_the_run() {
        let task = AgentTask::default()
            .resume(ResumedSession::new("R", 4.1))
            .budget_usd(0.5)
            .yolo(true);
        check_arguments(
            task,
            "--resume R --max-budget-usd 0.5 --disallowedTools ScheduleWakeup Monitor CronCreate \
             --dangerously-skip-permissions",
        );
    }

    #[test]
    fn instructions_in_the_users_checkout_are_excluded() {
        let task = AgentTask::default().yolo(true).checkout("/w/a [b]");
        check_arguments(
            task,
            r#"--session-id S --settings {"claudeMdExcludes":["/w/a ?b?/CLAUDE.md","/w/a ?b?/.claude/**"]} --disallowedTools ScheduleWakeup Monitor CronCreate --dangerously-skip-permissions"#,
        );
    }

    #[test]
    fn root_may_skip_permissions_only_on_a_disposable_machine() {
        let starts = |yolo, is_root, environment: &[&str]| {
            let task = AgentTask::default()
                .yolo(yolo)
                .is_root(is_root)
                .environment(environment.iter().copied());
            ClaudeBackend.start(&task).is_ok()
        };
        assert!(!starts(true, true, &[]) && !starts(true, true, &["ANTHROPIC_API_KEY"]));
        assert!(
            starts(true, true, &["ANTHROPIC_API_KEY", "IS_SANDBOX"])
                && starts(false, true, &[])
                && starts(true, false, &[])
        );
    }

    #[test]
    fn nested_retries_the_program_tries_at_most_twice_more() {
        let (_, command) = ClaudeBackend.start(&AgentTask::default()).unwrap();
        assert!(
            command
                .env
                .contains(&("CLAUDE_CODE_MAX_RETRIES".into(), "2".into())),
            "{:?}",
            command.env
        );
    }

    #[test]
    fn cloud_deployment_keys_are_not_requested() {
        let environment = ClaudeBackend.probe("").unwrap().environment;
        assert!(
            environment
                .iter()
                .all(|name| !name.contains("SECRET") && !name.contains("GITHUB"))
        );
        assert!(environment.contains(&"ANTHROPIC_API_KEY".to_owned()));
    }
}
