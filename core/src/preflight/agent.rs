//! Asks the agent's program for its version, and whether it is logged in: a program that cannot
//! print its version will not work either.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use autoissue_git::checkout::Checkout;
use autoissue_plugin_host::Kind;
use autoissue_plugin_sdk::{AgentTask, PluginError, ProgramInfo};
use autoissue_process::{
    Finished, ProcessError, ProgramSpec, Stdin, StopSignal, SupervisorProgram, run_bounded,
};
use semver::Version;
use tokio_util::sync::CancellationToken;

use super::{Finding, machine, release};
use crate::agent::repository_settings as repository_settings_of;
use crate::config::Config;
use crate::strategy::Strategies;

/// A program of 250 MB takes a second to start on a cold disk; taking ten of these means that
/// something is wrong with the machine.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 4_096;

/// Returns why the agent's backend refuses to run as configured, as this user in this environment;
/// `None` if it does not object.
///
/// The backend is asked for the command of an attempt that is never made.
pub(crate) fn objection(
    config: &Config,
    strategies: &Strategies,
    environment: &[(OsString, OsString)],
) -> Option<Finding> {
    let settings = &config.agent;
    let mut task = strategies
        .on_this_machine(AgentTask::default(), environment)
        .yolo(settings.yolo)
        .allowed_tools(settings.allowed_tools.clone());
    task.max_turns = settings.max_turns;
    match strategies.backend().start(&task) {
        Err(PluginError::InvalidSettings(message)) => Some(Finding::failure(
            "agent",
            message,
            "see where each setting comes from with `autoissue config show`",
        )),
        _ => None,
    }
}

/// Returns the failure for a repository with files that could configure the agent's program; each
/// attempt would be refused.
pub(crate) fn repository_settings(
    config: &Config,
    info: &ProgramInfo,
    checkout: &Checkout,
) -> Option<Finding> {
    if config.agent.repository_settings {
        return None;
    }
    let paths = repository_settings_of(info);
    let found = checkout.contained(&paths);
    let [first, ..] = found[..] else {
        return None;
    };
    let more = match found.len() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    Some(Finding::failure(
        "agent",
        format!(
            "the repository contains `{first}`{more}, which could make `{}` run commands or send keys elsewhere",
            info.program
        ),
        "remove it, use another `agent.backend`, or set `agent.repositorySettings` to true if you trust everyone who can change it",
    ))
}

/// Lists the configured models that this release does not know. They may exist: a likely typo is
/// reported as a warning about the configuration instead.
pub(crate) fn unknown_models(config: &Config, strategies: &Strategies) -> Option<Finding> {
    let planner = Some(&config.planner.model).filter(|_| config.planner.enabled);
    let mut names: Vec<String> = std::iter::once(&config.agent.model)
        .chain(planner)
        .filter(|model| {
            let used = strategies.fixed_model(model);
            used.is_some_and(|model| strategies.is_unknown_model(&model))
        })
        .map(|model| format!("`{model}`"))
        .collect();
    names.dedup();
    (!names.is_empty()).then(|| {
        let names = names.join(" and ");
        Finding::ok(
            "model",
            format!("{names}: unknown to this release, so running costs are estimated high"),
        )
    })
}

/// Warns about a model selector of a plugin that no session asks.
pub(crate) fn idle_selector(config: &Config, strategies: &Strategies) -> Option<Finding> {
    let plugins = strategies.plugins();
    let (_, plugin) = plugins
        .iter()
        .find(|(kind, _)| *kind == Kind::ModelSelector)?;
    // The digest is in the record.
    let plugin = plugin.split(", ").next().unwrap_or_default();
    let model = &config.agent.model;
    let (why, advice) = if !strategies.has_models() {
        let backend = strategies.backend().describe().name;
        (
            format!("the agent backend `{backend}` does not offer a choice of models"),
            "to use it, set `agent.backend` to a backend that does",
        )
    } else if model != "auto" {
        (
            format!("`agent.model` is `{model}`"),
            "to use it, set `agent.model` to `auto`",
        )
    } else {
        return None;
    };
    Some(Finding::warning(
        "model",
        format!("the model selector `{plugin}` is never asked, because {why}"),
        advice,
    ))
}

/// The agent's program, and how to start it for a question.
pub(crate) struct InstalledProgram<'a> {
    /// Name of its backend.
    pub(crate) backend: &'a str,
    /// What the backend says about it.
    pub(crate) info: &'a ProgramInfo,
    /// Its path.
    pub(crate) path: PathBuf,
    /// The environment of agents.
    pub(crate) env: Vec<(OsString, OsString)>,
}

impl InstalledProgram<'_> {
    /// Returns what the program's version says, and the version if it can be parsed.
    ///
    /// A program that cannot print its version, or has one that its backend does not work with, is
    /// a failure. A program without a way to ask for its version is not started.
    pub(crate) async fn version(
        &self,
        supervisor: &SupervisorProgram,
        cancel: &CancellationToken,
    ) -> (Finding, Option<Version>) {
        if self.info.version_args.is_empty() {
            let message = format!("{}, {}", self.backend, self.path.display());
            return (Finding::ok("agent", message), None);
        }
        let line = match self.printed_version(supervisor, cancel).await {
            Ok(line) => line,
            Err(finding) => return (finding, None),
        };
        let message = format!("{}, {line}, {}", self.backend, self.path.display());
        let version = release::version_in(&line);
        let finding = release::finding(self.info, version.as_ref(), message);
        (finding, version)
    }

    /// Returns the first line with a version that it prints, or the first one.
    async fn printed_version(
        &self,
        supervisor: &SupervisorProgram,
        cancel: &CancellationToken,
    ) -> Result<String, Finding> {
        let args = &self.info.version_args;
        let command = self.command(args);
        let ended = match self.run(args, supervisor, cancel).await? {
            Ok(finished) if finished.exit.is_success() => {
                // A runtime may print warnings first.
                let lines = || finished.output.lines().map(str::trim);
                let line = lines()
                    .find(|line| release::version_in(line).is_some())
                    .or_else(|| lines().find(|line| !line.is_empty()));
                return Ok(line.unwrap_or_default().to_owned());
            }
            Ok(finished) if finished.timed_out => {
                format!("printed nothing for {} seconds", ANSWER_TIME_MAX.as_secs())
            }
            Ok(finished) => match (finished.exit.code, finished.exit.signal) {
                (Some(code), _) => {
                    format!("failed with exit code {code}: {}", finished.output.trim())
                }
                (None, signal) => format!("was killed by signal {}", signal.unwrap_or_default()),
            },
            Err(error) => error.to_string(),
        };
        Err(Finding::failure(
            "agent",
            format!("{}: `{command}` {ended}", self.backend),
            format!("run `{command}` yourself; reinstall it if it does not work"),
        ))
    }

    /// Asks the program whether it is logged in; `None` if it has no command for that.
    pub(crate) async fn login(
        &self,
        supervisor: &SupervisorProgram,
        cancel: &CancellationToken,
    ) -> Option<Finding> {
        let login = self.info.login.as_ref()?;
        let args = Some(&login.status_args).filter(|args| !args.is_empty())?;
        let command = self.command(args);
        let unknown = |why: String| {
            let message = format!("unknown: `{command}` {why}");
            Finding::warning("login", message, &login.advice)
        };
        Some(match self.run(args, supervisor, cancel).await {
            Ok(Ok(finished)) if finished.exit.is_success() => {
                Finding::ok("login", format!("`{command}` says that it is logged in"))
            }
            Ok(Ok(finished)) if finished.timed_out => unknown(format!(
                "did not end within {} seconds",
                ANSWER_TIME_MAX.as_secs()
            )),
            Ok(Ok(finished)) if finished.exit.code.is_some() => {
                let message = format!("not found: `{command}` says that it is not logged in");
                Finding::warning("login", message, &login.advice)
            }
            Ok(Ok(_)) => unknown("was killed".to_owned()),
            Ok(Err(error)) => unknown(error.to_string()),
            Err(finding) => finding,
        })
    }

    fn command(&self, args: &[String]) -> String {
        format!("{} {}", self.path.display(), args.join(" "))
    }

    /// Runs it in an empty directory: a checkout could make it load files.
    async fn run(
        &self,
        args: &[String],
        supervisor: &SupervisorProgram,
        cancel: &CancellationToken,
    ) -> Result<Result<Finished, ProcessError>, Finding> {
        let directory = machine::temporary_directory("agent")?;
        let spec = ProgramSpec {
            program: self.path.clone(),
            args: args.iter().map(Into::into).collect(),
            env: self.env.clone(),
            directory: directory.path().to_owned(),
            stdin: Stdin::default(),
            stop_signal: StopSignal::default(),
            tag: format!("doctor-{}", std::process::id()),
        };
        let (time, bytes) = (ANSWER_TIME_MAX, ANSWER_BYTES_MAX);
        Ok(run_bounded(supervisor, spec, time, bytes, cancel).await)
    }
}
