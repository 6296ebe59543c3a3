//! Finds the strategies and the agent's program, and builds the environment of programs.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use autoissue_git::worktrees::Roots;
use autoissue_process::environment::agent_environment;

use super::SessionError;
use crate::agent;
use crate::config::Config;
use crate::host::Host;
use crate::plugins::{self, PluginArgument, Plugins};
use crate::strategy::Strategies;

/// Finds the strategies by name, and loads the plugins among them. Caches compiled code if
/// `may_write`.
pub(crate) fn find_strategies(
    config: &Config,
    host: &Host,
    arguments: &[PluginArgument],
    project: &Path,
    may_write: bool,
) -> Result<Strategies, SessionError> {
    let request = plugins::Request {
        config,
        arguments,
        project,
        state_dir: &host.state_dir,
        may_write,
        own_program: &host.own_program,
        compiler: &host.compiler,
    };
    Ok(Strategies::configured(config, &Plugins::load(&request)?)?)
}

/// Finds the agent's program, so that a missing one is reported before the first attempt. `None`
/// means the built-in agent.
pub(crate) fn find_agent(
    strategies: &Strategies,
    path: &OsStr,
    worktrees: &Roots,
) -> Result<Option<PathBuf>, SessionError> {
    let backend = strategies.backend();
    let Ok(info) = strategies.probe_backend() else {
        return Ok(None);
    };
    if info.program == agent::OWN_PROGRAM {
        return Ok(None);
    }
    let found = agent::find_program(&info.program, path, &worktrees.all());
    found.map(Some).map_err(|source| SessionError::NoAgent {
        agent: backend.describe().name,
        install_hint: info.install_hint,
        source: Box::new(source),
    })
}

/// Returns the environment of agents, setup and checks. From then on, the secrets in it are
/// redacted.
pub(crate) fn agent_variables(
    config: &Config,
    host: &Host,
    strategies: &Strategies,
) -> Result<Vec<(OsString, OsString)>, SessionError> {
    let mut passed: Vec<String> = strategies
        .probe_backend()
        .map(|info| info.environment)
        .unwrap_or_default();
    passed.extend(config.agent.env.iter().cloned());
    host.redaction.learn_passed(&host.environment, &passed);
    Ok(agent_environment(&host.environment, &passed)?)
}
