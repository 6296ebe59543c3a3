//! The built-in agent backend that runs any program which edits files.
//!
//! The program need not know anything about this: it gets the prompt and works in the attempt's
//! directory. Like every backend this one does not run anything itself.
//!
//! ```text
//!   prompt ──stdin, or the file `{prompt}`──► program ──lines──► CommandRun ──► text, and the last lines of a failure
//!                                                └─exit code──► ending ──► done, failed, or what `exitCodes` says
//! ```
//!
//! Such a program reports neither cost, tokens, turns nor denied tools, and has no session that can
//! be resumed: each attempt starts anew, with the findings about the previous one in its prompt.
//! Whether it did anything is judged by the host, with git.
//!
//! What cannot be enforced, because it is up to the arguments that the operator chose: `yolo`,
//! `allowed_tools`, the effort, and the limits on turns and money. Tasks that need certainty are
//! rejected: a read-only agent, and an answer of a given form.

mod ending;
mod last_lines;
mod plain_text;
mod run;
mod settings;

#[cfg(not(target_arch = "wasm32"))]
use autoissue_plugin_sdk::built_in::BuiltInAgent;
use autoissue_plugin_sdk::{
    AgentBackend, AgentRun, AgentTask, CommandSpec, Description, Metering, ModelInfo,
    PassedVariable, PluginError, ProgramInfo, Settings, known_settings,
};

use run::CommandRun;
use settings::{CommandSettings, MODEL, PROMPT};

/// Message for a task that only a program with read-only tools could do.
const CANNOT_PLAN: &str = "the agent `command` runs a program that may change files, so it cannot plan: set `agent.backend` to `claude`, \
     or run a plan with `--from`";

/// Example settings.
const EXAMPLE: &str = r#"{"command": ["aider", "--yes-always", "--message-file", "{prompt}"], "env": ["OPENAI_API_KEY"], "ignoredPaths": [".aider*"]}"#;

/// Runs the configured command.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommandBackend;

autoissue_plugin_sdk::export_plugin! { agent_backend: CommandBackend }

/// The backend, as listed in the host's registry. It has no program until it is configured.
#[cfg(not(target_arch = "wasm32"))]
pub static BUILT_IN: BuiltInAgent = BuiltInAgent {
    takes_command: true,
    ..BuiltInAgent::new(|| Box::new(CommandBackend))
};

impl AgentBackend for CommandBackend {
    fn describe(&self) -> Description {
        Description::new(
            "command",
            env!("CARGO_PKG_VERSION"),
            "Runs any program that edits files, with the permissions that its arguments give it",
        )
    }

    fn settings(&self) -> Settings {
        Settings::of::<CommandSettings>().with_example(EXAMPLE)
    }

    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        CommandSettings::read(settings).map(|_| ())
    }

    fn probe(&self, settings: &str) -> Result<ProgramInfo, PluginError> {
        let settings = CommandSettings::read(settings)?;
        let program = settings.program();
        Ok(ProgramInfo::new(program)
            .version_args(settings.version_args.iter().cloned())
            .install_hint(format!(
                "install `{program}` or put it on your PATH; it is the first entry of `command`"
            ))
            .metering(match settings.free {
                true => Metering::Free,
                false => Metering::AtTheEnd,
            })
            .models(settings.models.iter().map(ModelInfo::new))
            .environment(settings.env)
            .ignored_paths(settings.ignored_paths)
            .repository_settings(known_settings::OF_ANY_AGENT.iter().copied()))
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        let settings = CommandSettings::read(&task.settings)?;
        if task.read_only || task.answer_schema.is_some() {
            return Err(PluginError::InvalidInput(CANNOT_PLAN.into()));
        }
        let command = CommandSpec::new(settings.program())
            .args(arguments(&settings, task.model.as_deref()))
            .pass_env(settings.env.iter().map(PassedVariable::new));
        let command = match settings.wants_file() {
            true => command.file(PROMPT.name, &task.prompt),
            false => command.stdin(&task.prompt),
        };
        Ok((Box::new(CommandRun::new(settings)), command))
    }
}

/// Returns the arguments with the model filled in. The host replaces the prompt's placeholder by the
/// path of the file.
///
/// Without a model, as in a check before the session, the cheapest one is used: an argument cannot
/// be left out.
fn arguments(settings: &CommandSettings, model: Option<&str>) -> Vec<String> {
    let cheapest = settings.models.first().map(String::as_str);
    let model = model.or(cheapest).unwrap_or_default();
    let filled = |arg: &String| arg.replace(MODEL.text, model);
    settings.arguments().iter().map(filled).collect()
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::{Effort, InputFile, ResumedSession};

    use super::*;

    fn task(settings: &str) -> AgentTask {
        AgentTask::default().settings(settings).prompt("fix {it}")
    }

    fn start(task: &AgentTask) -> CommandSpec {
        CommandBackend.start(task).unwrap().1
    }

    #[test]
    fn the_prompt_is_on_standard_input() {
        let command = start(&task(r#"{"command": ["qwen", "--yolo"]}"#));
        let expected = CommandSpec::new("qwen").args(["--yolo"]).stdin("fix {it}");
        assert_eq!(command, expected);
    }

    #[test]
    fn the_prompt_is_in_a_file_if_an_argument_names_it() {
        for arg in ["{prompt}", "--message-file={prompt}", "@{prompt}:ro"] {
            let settings = serde_json::json!({"command": ["a", arg]}).to_string();
            let command = start(&task(&settings));
            assert_eq!(command.args, [arg], "the host replaces it");
            assert_eq!(command.files, [InputFile::new("prompt", "fix {it}")]);
            assert_eq!(command.stdin, "");
        }
    }

    #[test]
    fn the_prompt_is_never_an_argument() {
        let models = r#"{"command": ["a", "{model}", "{prompt}"], "models": ["m"]}"#;
        for settings in [r#"{"command": ["a", "b"]}"#, models] {
            let command = start(&task(settings).model("{prompt}"));
            assert!(!command.args.iter().any(|arg| arg.contains("fix")));
        }
    }

    #[test]
    fn the_model_is_filled_in() {
        let settings = r#"{"command": ["a", "--model=openai/{model}", "{model}"], "models": ["small", "large"]}"#;
        let command = start(&task(settings).model("large"));
        assert_eq!(command.args, ["--model=openai/large", "large"]);
        let command = start(&task(settings));
        assert_eq!(command.args, ["--model=openai/small", "small"]);
    }

    #[test]
    fn other_braces_are_left_alone() {
        let args = ["{directory}", "{}", "{\"a\": {\"b\": 1}}", "{Prompt}"];
        let mut command = vec!["a"];
        command.extend(args);
        let settings = serde_json::json!({ "command": command }).to_string();
        let command = start(&task(&settings));
        assert_eq!(command.args, args);
        assert_eq!(command.stdin, "fix {it}");
    }

    #[test]
    fn variables_are_declared_and_passed() {
        let settings = r#"{"command": ["a"], "env": ["OPENAI_API_KEY", "HTTP_X"]}"#;
        let info = CommandBackend.probe(settings).unwrap();
        assert_eq!(info.environment, ["OPENAI_API_KEY", "HTTP_X"]);
        let passed = start(&task(settings)).pass_env;
        let expected: Vec<_> = info.environment.iter().map(PassedVariable::new).collect();
        assert_eq!(passed, expected);
    }

    #[test]
    fn a_program_is_asked_for_its_version_and_assumed_to_cost_money() {
        let info = CommandBackend.probe(r#"{"command": ["/opt/a"]}"#).unwrap();
        let expected = ProgramInfo::new("/opt/a")
            .version_args(["--version"])
            .metering(Metering::AtTheEnd)
            .repository_settings(known_settings::OF_ANY_AGENT.iter().copied())
            .install_hint(info.install_hint.clone());
        assert_eq!(info, expected);
        assert!(info.install_hint.contains("`/opt/a`"));
    }

    #[test]
    fn what_the_settings_say_about_the_program_is_passed_on() {
        let settings = r#"{"command": ["a", "{model}"], "free": true, "models": ["m", "n"], "ignoredPaths": [".a*"], "versionArgs": ["-V"]}"#;
        let info = CommandBackend.probe(settings).unwrap();
        assert_eq!(info.metering, Metering::Free);
        assert_eq!(info.version_args, ["-V"]);
        assert_eq!(info.ignored_paths, [".a*"]);
        assert_eq!(info.models, ["m", "n"].map(ModelInfo::new));
    }

    #[test]
    fn planning_is_rejected_whatever_else_is_allowed() {
        let settings = r#"{"command": ["a"], "free": true}"#;
        for task in [
            task(settings).read_only(true),
            task(settings).answer_schema("{}"),
            task(settings).read_only(true).yolo(true),
        ] {
            let error = CommandBackend.start(&task).map(|_| ()).unwrap_err();
            assert_eq!(error, PluginError::InvalidInput(CANNOT_PLAN.into()));
        }
    }

    #[test]
    fn a_later_attempt_gets_the_same_command() {
        let settings = r#"{"command": ["a", "-b"]}"#;
        let later = task(settings)
            .resume(ResumedSession::new("S", 1.0))
            .session("T");
        assert_eq!(start(&later), start(&task(settings)));
    }

    #[test]
    fn what_cannot_be_enforced_changes_nothing() {
        let settings = r#"{"command": ["a", "-b"]}"#;
        let limited = task(settings)
            .allowed_tools(["Read"])
            .max_turns(1)
            .budget_usd(0.1)
            .effort(Effort::Low);
        assert_eq!(start(&limited), start(&task(settings)));
        assert_eq!(start(&limited.yolo(true)), start(&task(settings)));
    }

    #[test]
    fn the_registry_finds_no_program_before_it_is_configured() {
        assert_eq!(BUILT_IN.name(), "command");
        assert_eq!(BUILT_IN.program(), None);
        assert!(BUILT_IN.model_aliases().is_empty());
    }

    #[test]
    fn the_example_is_valid() {
        let settings = CommandBackend.settings();
        let example = settings.example().unwrap();
        settings.check(example).unwrap();
        CommandBackend.check_settings(example).unwrap();
    }
}
