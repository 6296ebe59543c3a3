//! Checks that cost nothing once a session has been prepared: they start no program but git and
//! `git-lfs`, and send nothing. Every session runs them, and so does `doctor`.

use std::ffi::OsStr;

use autoissue_git::checkout::Checkout;
use autoissue_git::program::Git;
use autoissue_git::worktrees::Identity;

use super::{Finding, agent, large_files, login, machine, roots};
use crate::agent::OWN_PROGRAM;
use crate::config::Config;
use crate::host::Host;
use crate::strategy::Strategies;

/// The finding that says what agents may do. It is reported even though nothing is wrong.
pub(crate) const AGENT_PERMISSIONS: &str = "permissions";

/// Checks machine, checkout and configuration.
pub(crate) fn at_a_glance(
    config: &Config,
    host: &Host,
    checkout: &Checkout,
    strategies: &Strategies,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A missing git prevents the session, which is reported elsewhere.
    if let Some(git) = git_of(host) {
        findings.push(identity(&git, checkout, host));
        findings.extend(large_files::look(&git, checkout));
    }
    // A missing program is reported as an error elsewhere.
    let info = strategies.probe_backend().ok();
    if let Some(info) = &info {
        findings.extend(login::look(info, &host.environment));
        findings.extend(agent::objection(config, strategies, &host.environment));
        findings.extend(agent::repository_settings(config, info, checkout));
    }
    findings.extend(agent::idle_selector(config, strategies));
    findings.extend(machine::disks(
        checkout.path(),
        &host.state_dir,
        &roots(config, host, checkout.path()).current,
    ));
    if info.is_some_and(|info| info.program != OWN_PROGRAM) {
        let permissions =
            "agents run with your permissions: they can read and change whatever you can";
        findings.push(Finding::ok(AGENT_PERMISSIONS, permissions));
        findings.extend(machine::memory(config.executor.max_parallel));
    }
    findings
}

fn git_of(host: &Host) -> Option<Git> {
    let path = host.environment.iter().find(|(name, _)| name == "PATH");
    Git::find(path.map_or(OsStr::new(""), |(_, value)| value)).ok()
}

/// Returns the author of commits.
fn identity(git: &Git, checkout: &Checkout, host: &Host) -> Finding {
    if let Some(Identity { name, email }) = checkout.author(git, &host.environment) {
        return Finding::ok("identity", format!("{name} <{email}>"));
    }
    let (name, email) = checkout.configured_user();
    let missing = match (name, email) {
        (None, Some(_)) => "`user.name` is",
        (Some(_), None) => "`user.email` is",
        _ => "`user.name` and `user.email` are",
    };
    let fallback = checkout.identity(git, &host.environment);
    Finding::warning(
        "identity",
        format!(
            "{missing} not set in git; commits will be authored by {} <{}>",
            fallback.name, fallback.email
        ),
        "run `git config --global user.name \"…\"` and `git config --global user.email \"…\"`",
    )
}
