//! The built-in agent backend that runs programs which speak the Agent Client Protocol (ACP).
//!
//! Like every backend it does not run anything itself: it names the command, and answers the lines
//! that the program prints.
//!
//! ```text
//!            initialize ─stdin─►             ┌─► Offer    model, effort, mode
//!                               agent ─lines─► AcpRun ─┼─► Rights   permission requests
//!   AgentEvent::Send ────stdin─►             ├─► Meter    tokens and cost
//!                                            └─► ending   outcome
//! ```
//!
//! One session and one prompt for each run. The agent works on the files itself: it is offered
//! neither `fs` nor `terminal` methods.

#[cfg(not(target_arch = "wasm32"))]
mod built_in;
mod calls;
mod ending;
mod known;
mod permission;
mod price;
mod rpc;
mod run;
mod setup;
mod usage;

use autoissue_plugin_sdk::{
    AgentBackend, AgentRun, AgentTask, CommandSpec, Description, Metering, PassedVariable,
    PluginError, ProgramInfo, Settings, known_settings, schemars, serde, settings,
};

#[cfg(not(target_arch = "wasm32"))]
pub use built_in::{BUILT_IN, TESTED_RELEASES};
use known::Known;
use permission::Rights;
pub use run::AcpRun;

/// An example of the settings.
const EXAMPLE: &str = r#"{"command": ["claude-agent-acp"]}"#;

/// Settings of the backend.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(crate = "autoissue_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "autoissue_plugin_sdk::schemars")]
struct AcpSettings {
    /// Program that speaks the Agent Client Protocol on its standard input and output, and its
    /// arguments.
    #[schemars(length(min = 1))]
    command: Vec<String>,
}

impl AcpSettings {
    fn read(settings: &str) -> Result<Self, PluginError> {
        let read: Self = settings::read(settings).map_err(|error| match error {
            PluginError::InvalidSettings(message) if settings.trim().is_empty() => {
                PluginError::InvalidSettings(format!(
                    "{message}: set `agent.command`, such as `[\"claude-agent-acp\"]`"
                ))
            }
            error => error,
        })?;
        match read.command.first() {
            Some(program) if !program.trim().is_empty() => Ok(read),
            _ => Err(PluginError::InvalidSettings(
                "`command` must begin with the name of a program".into(),
            )),
        }
    }

    /// Returns the program and its arguments.
    fn split(&self) -> (&str, &[String]) {
        match self.command.split_first() {
            Some((program, args)) => (program, args),
            None => ("", &[]),
        }
    }

    fn known(&self) -> Option<&'static Known> {
        Known::of_command(&self.command)
    }
}

/// Runs programs that speak the Agent Client Protocol.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcpBackend;

autoissue_plugin_sdk::export_plugin! { agent_backend: AcpBackend }

impl AgentBackend for AcpBackend {
    fn describe(&self) -> Description {
        Description::new(
            "acp",
            env!("CARGO_PKG_VERSION"),
            "Runs any program that speaks the Agent Client Protocol",
        )
    }

    fn settings(&self) -> Settings {
        Settings::of::<AcpSettings>().with_example(EXAMPLE)
    }

    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        AcpSettings::read(settings).map(|_| ())
    }

    fn probe(&self, settings: &str) -> Result<ProgramInfo, PluginError> {
        let settings = AcpSettings::read(settings)?;
        let (program, _) = settings.split();
        // Its arguments may start a conversation, whatever follows them.
        let info = ProgramInfo::new(program)
            .version_args(Vec::<String>::new())
            .metering(Metering::AtTheEnd)
            .install_hint(format!(
                "install `{program}`, or correct `agent.command`; it must speak the Agent Client Protocol"
            ));
        let Some(known) = settings.known() else {
            // It gets no switches.
            return Ok(info.repository_settings(known_settings::OF_ANY_AGENT.iter().copied()));
        };
        Ok(info
            .repository_settings(known.repository_settings.iter().copied())
            .install_hint(known.install_hint)
            .environment(known.passed().chain(known.settable()))
            .endpoints(known.endpoint())
            .login(known.login()))
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        let settings = AcpSettings::read(&task.settings)?;
        let (program, args) = settings.split();
        let known = settings.known();
        let meta = known.and_then(|known| known.session_meta(task));
        let (run, initialize) = AcpRun::new(program, task, Rights::of(task)?, meta);
        let command = CommandSpec::new(program)
            .args(args.iter().cloned())
            .stdin(initialize)
            .keep_stdin_open(true);
        let Some(known) = known else {
            return Ok((Box::new(run), command));
        };
        let command = command.pass_env(known.passed().map(PassedVariable::new));
        let set = known.set(task).into_iter();
        let command = set.fold(command, |command, (name, value)| {
            command.set_env(name, value)
        });
        Ok((Box::new(run), command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_settings(settings: &str, expected: &str) {
        let error = AcpBackend.check_settings(settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let error = AcpBackend.probe(settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_command_is_required() {
        check_settings("", "set `agent.command`");
        check_settings("{}", "`command`");
        check_settings(
            r#"{"command": []}"#,
            "must begin with the name of a program",
        );
        check_settings(
            r#"{"command": [" "]}"#,
            "must begin with the name of a program",
        );
        check_settings(r#"{"command": "x"}"#, "`command`");
        check_settings(r#"{"command": ["x"], "y": 1}"#, "y");
        AcpBackend.check_settings(EXAMPLE).unwrap();
    }

    fn command(settings: &str, task: AgentTask) -> CommandSpec {
        AcpBackend.start(&task.settings(settings)).unwrap().1
    }

    #[test]
    fn the_command_is_the_configured_one_and_its_input_stays_open() {
        let task = AgentTask::default().prompt("secret words").model("m");
        let command = command(r#"{"command": ["my-agent", "--acp"]}"#, task);
        assert_eq!(
            (command.program.as_str(), command.args.join(" ")),
            ("my-agent", "--acp".into())
        );
        assert!(command.keep_stdin_open);
        assert!(command.stdin.ends_with("}\n") && !command.stdin.contains("secret"));
        assert!(command.env.is_empty() && command.pass_env.is_empty());
    }

    #[test]
    fn a_known_agent_gets_its_variables_all_of_them_declared() {
        for agent in ["claude-agent-acp", "codex-acp", "gemini", "opencode"] {
            let settings = format!(r#"{{"command": ["{agent}"]}}"#);
            let info = AcpBackend.probe(&settings).unwrap();
            let command = command(&settings, AgentTask::default());
            let names = command.env.iter().map(|(name, _)| name);
            let names = names.chain(command.pass_env.iter().map(|passed| &passed.name));
            for name in names {
                assert!(info.environment.contains(name), "{agent}: {name}");
            }
            assert!(info.login.is_some(), "{agent}");
        }
    }
}
