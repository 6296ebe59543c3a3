//! Whether the agent can work as configured: found out before anything is spent, and not by each attempt for itself.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use autoissue_plugin_sdk::{AgentTask, PluginError};
use rustix::process::geteuid;

use super::SessionError;
use crate::config::Config;
use crate::service::agent::OWN_PROGRAM;
use crate::service::process::resolve;
use crate::strategy::Strategies;

/// Makes sure that the agent's program is there, and that it would start as it will be asked to.
pub(super) fn check(
    config: &Config,
    project: &Path,
    path: &OsStr,
    environment: &[(OsString, OsString)],
) -> Result<(), SessionError> {
    let strategies = Strategies::configured(config, "", "")?;
    let backend = strategies.backend();
    let Ok(info) = backend.probe("") else { return Ok(()) };
    if info.program != OWN_PROGRAM {
        let found = resolve(&info.program, path, &[project.join(".worktrees")]);
        found.map_err(|source| SessionError::NoAgent {
            agent: backend.describe().name,
            install_hint: info.install_hint,
            source: Box::new(source),
        })?;
    }
    agent_objection(config, environment).map_or(Ok(()), |message| Err(SessionError::AgentRefuses { message }))
}

/// Returns what the agent has against being run as configured, by this user with this environment; `None` if nothing.
///
/// The backend is asked for the command of an attempt that never takes place.
pub fn agent_objection(config: &Config, environment: &[(OsString, OsString)]) -> Option<String> {
    let strategies = Strategies::configured(config, "", "").ok()?;
    let backend = strategies.backend();
    let mut names = backend.probe("").map(|info| info.environment).unwrap_or_default();
    names.retain(|name| environment.iter().any(|(known, _)| known == OsStr::new(name)));
    let mut extra = vec![("environment".to_owned(), names.join(" "))];
    if geteuid().is_root() {
        extra.push(("user".to_owned(), "root".to_owned()));
    }
    let settings = &config.agent;
    let task = AgentTask {
        max_turns: settings.max_turns,
        yolo: settings.yolo,
        allowed_tools: settings.allowed_tools.clone(),
        extra,
        ..AgentTask::default()
    };
    match backend.start(&task) {
        Err(PluginError::InvalidSettings(message)) => Some(message),
        _ => None,
    }
}
