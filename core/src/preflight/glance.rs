//! What costs nothing to look at once a session has been prepared: no program but git and `git-lfs` is started, and nothing is sent.
//! So every session looks at it, and `doctor` as well.

use std::ffi::OsStr;

use autoissue_git::checkout::Checkout;
use autoissue_git::program::Git;
use autoissue_git::worktrees::Identity;
use autoissue_plugin_sdk::Metering;

use super::{Finding, agent, large_files, login, machine, roots};
use crate::config::Config;
use crate::host::Host;
use crate::strategy::Strategies;

/// The finding that says what agents may do. People should know it although nothing is wrong.
pub(crate) const AGENT_RIGHTS: &str = "agent rights";

/// Looks at what can be seen of machine, checkout and configuration.
pub(crate) fn at_a_glance(
    config: &Config,
    host: &Host,
    checkout: &Checkout,
    strategies: &Strategies,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Without git there is no session, which is said elsewhere.
    if let Some(git) = git_of(host) {
        findings.push(identity(&git, checkout, host));
        findings.extend(large_files::look(&git, checkout));
    }
    // What a program is missing is an error elsewhere.
    let info = strategies.probe_backend().ok();
    if let Some(info) = &info {
        findings.extend(login::look(info, &host.environment));
        findings.extend(agent::objection(config, strategies, &host.environment));
    }
    findings.extend(machine::disks(
        checkout.path(),
        &host.state_dir,
        &roots(config, host, checkout.path()).current,
    ));
    if info.is_some_and(|info| info.metering != Metering::Free) {
        let rights = "agents run with your rights: what you can read and change, they can";
        findings.push(Finding::ok(AGENT_RIGHTS, rights));
        findings.extend(machine::memory(config.executor.max_parallel));
    }
    findings
}

fn git_of(host: &Host) -> Option<Git> {
    let path = host.environment.iter().find(|(name, _)| name == "PATH");
    Git::find(path.map_or(OsStr::new(""), |(_, value)| value)).ok()
}

/// Commits are made in the user's name.
fn identity(git: &Git, checkout: &Checkout, host: &Host) -> Finding {
    if let Some(Identity { name, email }) = checkout.author(git, &host.environment) {
        return Finding::ok("identity", format!("{name} <{email}>"));
    }
    let (name, email) = checkout.configured_user();
    let missing = match (name, email) {
        (None, Some(_)) => "no `user.name`",
        (Some(_), None) => "no `user.email`",
        _ => "neither `user.name` nor `user.email`",
    };
    let fallback = checkout.identity(git, &host.environment);
    Finding::warning(
        "identity",
        format!(
            "git knows {missing}; commits would be by {} <{}>",
            fallback.name, fallback.email
        ),
        "run `git config --global user.name \"…\"` and `git config --global user.email \"…\"`",
    )
}
