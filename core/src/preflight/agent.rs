//! Asks the agent's program for its version: a program that cannot print its version will not work
//! either.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use autoissue_plugin_host::Kind;
use autoissue_plugin_sdk::{AgentTask, PluginError};
use autoissue_process::{ProgramSpec, SupervisorProgram, run_bounded};
use rustix::process::geteuid;
use tokio_util::sync::CancellationToken;

use super::{Finding, machine, release};
use crate::config::Config;
use crate::strategy::Strategies;

/// A program of 250 MB takes a second to start on a cold disk; taking ten of these means that
/// something is wrong with the machine.
const VERSION_TIME_MAX: Duration = Duration::from_secs(10);
const VERSION_BYTES_MAX: usize = 4_096;

/// Returns why the agent's backend refuses to run as configured, as this user in this environment;
/// `None` if it does not object.
///
/// The backend is asked for the command of an attempt that is never made.
pub(crate) fn objection(
    config: &Config,
    strategies: &Strategies,
    environment: &[(OsString, OsString)],
) -> Option<Finding> {
    let mut names = strategies
        .probe_backend()
        .map(|info| info.environment)
        .unwrap_or_default();
    names.retain(|name| {
        environment
            .iter()
            .any(|(known, _)| known == OsStr::new(name))
    });
    let mut extra = vec![("environment".to_owned(), names.join(" "))];
    if geteuid().is_root() {
        extra.push(("user".to_owned(), "root".to_owned()));
    }
    let settings = &config.agent;
    let task = AgentTask {
        settings: strategies.backend_settings().to_owned(),
        max_turns: settings.max_turns,
        yolo: settings.yolo,
        allowed_tools: settings.allowed_tools.clone(),
        extra,
        ..AgentTask::default()
    };
    match strategies.backend().start(&task) {
        Err(PluginError::InvalidSettings(message)) => Some(Finding::failure(
            "agent",
            message,
            "see where each setting comes from with `autoissue config show`",
        )),
        _ => None,
    }
}

/// Lists the configured models that this release does not know. They may exist: a likely typo is
/// reported as a warning about the configuration instead.
pub(crate) fn unknown_models(config: &Config, strategies: &Strategies) -> Option<Finding> {
    let planner = Some(&config.planner.model).filter(|_| config.planner.enabled);
    let mut names: Vec<String> = std::iter::once(&config.agent.model)
        .chain(planner)
        .filter(|model| strategies.is_unknown_model(model))
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

/// Which program to ask for its version, and how.
pub(crate) struct VersionProbe<'a> {
    pub(crate) name: &'a str,
    /// The name by which its program is known.
    pub(crate) known_as: &'a str,
    /// The path of its program.
    pub(crate) program: PathBuf,
    /// The arguments that make it print its version.
    pub(crate) args: Vec<String>,
    /// The environment of agents.
    pub(crate) env: Vec<(OsString, OsString)>,
}

/// Asks a program for its version, in an empty directory: a checkout could make it load files.
pub(crate) async fn version(
    supervisor: &SupervisorProgram,
    question: VersionProbe<'_>,
    cancel: &CancellationToken,
) -> Finding {
    let VersionProbe {
        name,
        known_as,
        program,
        args,
        env,
    } = question;
    let directory = match machine::temporary_directory("agent") {
        Ok(directory) => directory,
        Err(finding) => return finding,
    };
    let shown = program.display().to_string();
    let command = format!("{shown} {}", args.join(" "));
    let spec = ProgramSpec {
        program,
        args: args.into_iter().map(Into::into).collect(),
        env,
        directory: directory.path().to_owned(),
        stdin: Vec::new(),
        tag: format!("doctor-{}", std::process::id()),
    };
    let run = run_bounded(
        supervisor,
        spec,
        VERSION_TIME_MAX,
        VERSION_BYTES_MAX,
        cancel,
    )
    .await;
    let advice = format!("run `{command}` yourself; reinstall it if it does not work");
    let ended = match &run {
        Ok(finished) if finished.exit.is_success() => {
            let version = finished
                .output
                .lines()
                .find(|line| !line.trim().is_empty())
                .unwrap_or_default()
                .trim();
            return release::finding(known_as, version, format!("{name}, {version}, {shown}"));
        }
        Ok(finished) if finished.timed_out => {
            format!("printed nothing for {} seconds", VERSION_TIME_MAX.as_secs())
        }
        Ok(finished) => match (finished.exit.code, finished.exit.signal) {
            (Some(code), _) => format!("failed with exit code {code}: {}", finished.output.trim()),
            (None, signal) => format!("was killed by signal {}", signal.unwrap_or_default()),
        },
        Err(error) => error.to_string(),
    };
    Finding::failure("agent", format!("{name}: `{command}` {ended}"), advice)
}
