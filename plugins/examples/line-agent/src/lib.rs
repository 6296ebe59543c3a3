//! Runs any command as the agent, using a simple protocol: one message per line, with a keyword
//! first.
//!
//! | line | meaning |
//! | --- | --- |
//! | `say TEXT` | text written by the agent |
//! | `think TEXT` | reasoning of the agent |
//! | `tool NAME` | the agent uses a tool |
//! | `denied NAME` | the agent was denied a tool |
//! | `session ID` | id of the agent's session |
//! | `tokens IN OUT` | tokens read and written so far |
//! | `cost USD` | cost of the run so far |
//! | `limited [SECONDS]` | the service limits the account, for this time; the task is retried later |
//! | `gone` | the session to resume no longer exists |
//! | `tell TEXT` | a note for the operator |
//! | `overloaded TEXT` | the service is unavailable |
//! | `login TEXT` | the service rejects the credentials |
//! | `invalid TEXT` | no agent can work on the issue |
//! | `failed TEXT` | the agent gave up |
//! | `done TEXT` | the agent finished; a summary |
//!
//! All other lines are notes for the transcript. The prompt is passed on standard input, or in a
//! file whose path replaces `{prompt-file}` in the arguments; `{model}` and `{session}` are
//! replaced too. A shell script of ten lines is sufficient.

mod protocol;

use autoissue_plugin_sdk::prelude::*;
use autoissue_plugin_sdk::{schemars, serde};

use protocol::Reader;

/// Required and optional settings.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(
    crate = "autoissue_plugin_sdk::serde",
    rename_all = "camelCase",
    deny_unknown_fields
)]
#[schemars(crate = "autoissue_plugin_sdk::schemars")]
struct CommandSettings {
    /// Program, a name on PATH. It must also be granted.
    program: String,
    /// Its arguments; `{prompt-file}`, `{model}` and `{session}` are replaced.
    #[serde(default)]
    args: Vec<String>,
    /// Arguments that make it print its version.
    #[serde(default)]
    version_args: Vec<String>,
    /// Names of environment variables that it needs. They must also be granted.
    #[serde(default)]
    env: Vec<String>,
    /// Models that it offers, cheapest first.
    #[serde(default)]
    models: Vec<String>,
    /// How its cost becomes known.
    #[serde(default)]
    cost: CostSettings,
}

/// How the cost of a program becomes known.
#[derive(Clone, Copy, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(crate = "autoissue_plugin_sdk::serde", rename_all = "camelCase")]
#[schemars(crate = "autoissue_plugin_sdk::schemars")]
enum CostSettings {
    /// It prints `cost` while it runs.
    #[default]
    AsItGoes,
    /// It prints `cost` at the end.
    AtTheEnd,
    /// It is free.
    Free,
}

/// Placeholder for the file with the prompt in an argument.
const PROMPT_FILE: &str = "{prompt-file}";

/// Runs the configured command.
#[derive(Default)]
struct LineAgent;

impl AgentBackend for LineAgent {
    fn describe(&self) -> Description {
        Description::new(
            "line-agent",
            env!("CARGO_PKG_VERSION"),
            "Runs any command that uses a simple line protocol",
        )
    }

    fn settings(&self) -> Settings {
        Settings::of::<CommandSettings>()
            .with_example(r#"{"program": "my-agent", "args": ["--model", "{model}"]}"#)
    }

    fn probe(&self, settings: &str) -> Result<ProgramInfo, PluginError> {
        let settings: CommandSettings = read_settings(settings)?;
        Ok(ProgramInfo::new(&settings.program)
            .install_hint(format!("put `{}` on your PATH", settings.program))
            .version_args(settings.version_args)
            .metering(match settings.cost {
                CostSettings::AsItGoes => Metering::AsItGoes,
                CostSettings::AtTheEnd => Metering::AtTheEnd,
                CostSettings::Free => Metering::Free,
            })
            .models(settings.models.into_iter().map(ModelInfo::new))
            .environment(settings.env))
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        let settings: CommandSettings = read_settings(&task.settings)?;
        let wants_file = settings.args.iter().any(|arg| arg.contains(PROMPT_FILE));
        let model = task.model.as_deref().unwrap_or_default();
        let session = task.resume.as_ref().map_or(&task.session, |it| &it.id);
        let filled = |arg: &String| arg.replace("{model}", model).replace("{session}", session);
        let command = CommandSpec::new(settings.program)
            .args(settings.args.iter().map(filled))
            .pass_env(settings.env.into_iter().map(PassedVariable::new));
        let command = if wants_file {
            command.file("prompt-file", &task.prompt)
        } else {
            command.stdin(&task.prompt)
        };
        Ok((Box::new(Reader::default()), command))
    }
}

export_plugin! { agent_backend: LineAgent }

#[cfg(test)]
mod tests {
    use super::*;

    fn command(settings: &str) -> CommandSpec {
        let task = AgentTask::default()
            .settings(settings)
            .prompt("fix it")
            .model("large")
            .session("s-1");
        LineAgent.start(&task).unwrap().1
    }

    #[test]
    fn arguments_are_filled_in() {
        let command = command(
            r#"{"program": "a", "args": ["-m", "{model}", "--session={session}"], "env": ["KEY"]}"#,
        );
        assert_eq!(command.args, ["-m", "large", "--session=s-1"]);
        assert_eq!(
            (command.stdin.as_str(), &command.pass_env[..]),
            ("fix it", &[PassedVariable::new("KEY")][..])
        );
    }

    #[test]
    fn the_prompt_may_come_in_a_file() {
        let command = command(r#"{"program": "a", "args": ["--prompt", "{prompt-file}"]}"#);
        assert_eq!(command.args[1], "{prompt-file}", "the host replaces it");
        assert_eq!(command.files, [InputFile::new("prompt-file", "fix it")]);
    }

    #[test]
    fn a_program_is_required() {
        let error = LineAgent.check_settings("{}").unwrap_err();
        assert!(
            error.to_string().contains("missing field `program`"),
            "{error}"
        );
    }
}
