//! What a session decides and works with, and whether that will do.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use autoissue_plugin_sdk as sdk;

use super::begun::Begun;
use super::ground::Ground;
use super::workspace::roots;
use super::{Host, SessionError};
use crate::config::Config;
use crate::doctor::{
    AGENT_RIGHTS, DISK, Finding, Level, at_a_glance, at_facts, branch_in_the_way, dry_run_push,
};
use crate::plugins::{self, PluginArgument, Plugins};
use crate::service::agent;
use crate::service::agent_environment::agent_environment;
use crate::service::process::resolve;
use crate::service::worktrees::Roots;
use crate::strategy::Strategies;

/// What a session decides and works with.
pub(super) struct Equipment {
    pub(super) strategies: Strategies,
    /// The environment of agents, setup and checks.
    pub(super) agent_env: Vec<(OsString, OsString)>,
}

/// Finds what a session decides and works with.
pub(super) fn equip(
    ground: &Ground,
    host: &Host,
    begun: &Begun,
    may_write: bool,
) -> Result<Equipment, SessionError> {
    let strategies = find_strategies(
        &ground.config,
        host,
        begun.plugins(),
        ground.checkout.path(),
        may_write,
    )?;
    let strategies = strategies.for_run(&ground.repository, begun.label());
    let agent_env = agent_variables(&ground.config, host, &strategies)?;
    Ok(Equipment {
        strategies,
        agent_env,
    })
}

/// Finds the strategies that take the decisions, by name; loads the plugins among them. Compiled code is kept if it `may_write`.
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
    };
    Ok(Strategies::configured(config, &Plugins::load(&request)?)?)
}

/// Finds the agent's program, before an attempt would find out that it is not there. `None` is our own.
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
    let found = resolve(&info.program, path, &worktrees.all());
    found.map(Some).map_err(|source| SessionError::NoAgent {
        agent: backend.describe().name,
        install_hint: info.install_hint,
        source: Box::new(source),
    })
}

/// Returns the environment of agents, setup and checks. From now on, what it holds of secrets is hidden.
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

/// Makes sure that the agent gives answers, where it is to be asked for a plan.
pub(super) fn check_planner(strategies: &Strategies, begun: &Begun) -> Result<(), SessionError> {
    if begun.plan().is_none_or(|plan| plan.given.is_some()) {
        return Ok(());
    }
    let question = sdk::AgentTask {
        settings: strategies.backend_settings().to_owned(),
        read_only: true,
        answer_schema: Some("{}".to_owned()),
        ..sdk::AgentTask::default()
    };
    match strategies.backend().start(&question) {
        Err(sdk::PluginError::InvalidInput(message)) => Err(SessionError::CannotPlan { message }),
        _ => Ok(()),
    }
}

/// Looks at what would cost a night, as far as it can be seen for free; returns what a person should know.
pub(super) fn look_around(
    ground: &Ground,
    host: &Host,
    strategies: &Strategies,
) -> Result<Vec<Finding>, SessionError> {
    let worktrees = roots(&ground.config, host, ground.checkout.path());
    find_agent(strategies, &ground.path, &worktrees)?;
    let mut findings = ground
        .facts
        .as_ref()
        .map(|facts| at_facts(&ground.config, facts))
        .unwrap_or_default();
    findings.extend(at_a_glance(
        &ground.config,
        host,
        &ground.checkout,
        strategies,
    ));
    let published_to = ground
        .remote
        .as_ref()
        .filter(|_| ground.config.executor.create_pr);
    findings.extend(published_to.and_then(|remote| dry_run_push(remote, &ground.checkout)));
    findings.extend(branch_in_the_way(&ground.checkout, published_to));
    // How much room a night needs nobody knows; a disk that is full is survived.
    let is_fatal = |it: &Finding| it.level == Level::Failure && it.check != DISK;
    let (failures, others): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_fatal);
    if failures.is_empty() {
        return Ok(others
            .into_iter()
            .filter(|it| it.level != Level::Ok || it.check == AGENT_RIGHTS)
            .collect());
    }
    Err(SessionError::NotReady { failures })
}
