//! The strategies, environment and settings of a session, and whether they can be used.

use std::ffi::OsString;

use autoissue_plugin_sdk as sdk;
use autoissue_process::SupervisorProgram;
use semver::Version;
use tokio_util::sync::CancellationToken;

use super::request::StartRequest;
use super::{SessionError, on_a_runtime};
use crate::config::Instructions;
use crate::host::Host;
use crate::preflight::{
    AGENT_PERMISSIONS, DISK, Finding, InstalledProgram, Level, Project, agent_variables,
    at_a_glance, branch_in_the_way, dry_run_push, find_agent, find_strategies, roots,
};
use crate::strategy::Strategies;

/// The strategies and environment of a session.
pub(super) struct Context {
    pub(super) strategies: Strategies,
    /// The environment of agents, setup and checks.
    pub(super) agent_env: Vec<(OsString, OsString)>,
    /// The maintainers' instructions for every agent.
    pub(super) instructions: Option<String>,
}

/// Returns the version of the agent's program, if its backend states which ones it works with.
fn program_version(
    project: &Project,
    host: &Host,
    strategies: &Strategies,
    agent_env: &[(OsString, OsString)],
) -> Result<Option<Version>, SessionError> {
    let Some(info) = strategies
        .probe_backend()
        .ok()
        .filter(|info| info.versions.is_some())
    else {
        return Ok(None);
    };
    let worktrees = roots(&project.config, host, project.checkout.path());
    let Some(path) = find_agent(strategies, &project.path, &worktrees)? else {
        return Ok(None);
    };
    let program = InstalledProgram {
        backend: &strategies.backend().describe().name,
        info: &info,
        path,
        env: agent_env.to_vec(),
    };
    let supervisor = SupervisorProgram::of(&host.own_program).hiding(&host.redaction);
    let cancel = CancellationToken::new();
    let (finding, version) = on_a_runtime(program.version(&supervisor, &cancel))?;
    match finding.level {
        Level::Failure => Err(SessionError::NotReady {
            failures: vec![finding],
        }),
        _ => Ok(version),
    }
}

/// Prepares the strategies and environment of a session.
pub(super) fn prepare(
    project: &Project,
    host: &Host,
    request: &StartRequest,
    may_write: bool,
) -> Result<Context, SessionError> {
    let strategies = find_strategies(
        &project.config,
        host,
        request.plugins(),
        project.checkout.path(),
        may_write,
    )?;
    let strategies = strategies.for_run(&project.repository, request.label());
    let agent_env = agent_variables(&project.config, host, &strategies)?;
    let version = match may_write {
        true => program_version(project, host, &strategies, &agent_env)?,
        false => None,
    };
    let strategies = strategies.with_program_version(version);
    let instructions = project.config.agent.instructions.as_ref();
    Ok(Context {
        strategies,
        agent_env,
        instructions: instructions.map(Instructions::text).transpose()?,
    })
}

/// Checks that the agent can answer planning prompts, if it is needed for a plan.
pub(super) fn check_planner(
    strategies: &Strategies,
    request: &StartRequest,
) -> Result<(), SessionError> {
    if request.plan().is_none_or(|plan| plan.given.is_some()) {
        return Ok(());
    }
    let question = sdk::AgentTask::default()
        .settings(strategies.backend_settings())
        .read_only(true)
        .answer_schema("{}");
    match strategies.backend().start(&question) {
        Err(sdk::PluginError::InvalidInput(message)) => Err(SessionError::CannotPlan { message }),
        _ => Ok(()),
    }
}

/// Checks for free whatever could make the session fail; returns what the user should know.
pub(super) fn inspect_for_free(
    project: &Project,
    host: &Host,
    strategies: &Strategies,
) -> Result<Vec<Finding>, SessionError> {
    let worktrees = roots(&project.config, host, project.checkout.path());
    find_agent(strategies, &project.path, &worktrees)?;
    let mut findings = project
        .description
        .as_ref()
        .map(|description| description.findings.clone())
        .unwrap_or_default();
    findings.extend(at_a_glance(
        &project.config,
        host,
        &project.checkout,
        strategies,
    ));
    let published_to = project
        .remote
        .as_ref()
        .filter(|_| project.config.executor.create_pr);
    findings.extend(published_to.and_then(|remote| dry_run_push(remote, &project.checkout)));
    findings.extend(branch_in_the_way(&project.checkout, published_to));
    // A low disk is no reason to refuse: nobody knows how much space a session needs, and it
    // survives a full disk.
    let is_fatal = |it: &Finding| it.level == Level::Failure && it.check != DISK;
    let (failures, others): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_fatal);
    if failures.is_empty() {
        return Ok(others
            .into_iter()
            .filter(|it| it.level != Level::Ok || it.check == AGENT_PERMISSIONS)
            .collect());
    }
    Err(SessionError::NotReady { failures })
}
