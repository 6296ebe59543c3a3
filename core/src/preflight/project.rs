//! What is known before anything is changed: configuration, checkout, forge.

use std::ffi::OsString;
use std::path::Path;

use autoissue_forge::{Description, Forge, ForgeError, OpenRequest, Opened};
use autoissue_git::checkout::Checkout;
use autoissue_git::program::Git;
use autoissue_git::remote::Remote;
use autoissue_git::worktrees::Roots;
use autoissue_journal::repository_lock::repository_key;
use autoissue_process::SupervisorProgram;

use super::{SessionError, variable_of};
use crate::config::Config;
use crate::host::Host;

/// What is known before anything is changed.
pub(crate) struct Project {
    pub(crate) config: Config,
    pub(crate) git: Git,
    pub(crate) checkout: Checkout,
    pub(crate) base_branch: String,
    pub(crate) forge: Box<dyn Forge>,
    /// Where bases are fetched from and branches are pushed to; absent for the local forge, which
    /// uses the checkout for both.
    pub(crate) remote: Option<Remote>,
    /// What the forge says about the repository, if it was asked and answered.
    pub(crate) description: Option<Description>,
    pub(crate) repository: String,
    /// The forge's host and port, if the repository is on a host.
    pub(crate) on_forge: Option<String>,
    pub(crate) key: String,
    pub(crate) path: OsString,
}

/// Returns the directories that hold the worktrees of a checkout.
pub(crate) fn roots(config: &Config, host: &Host, checkout: &Path) -> Roots {
    Roots::of(
        config.executor.worktree_root.as_deref(),
        &host.state_dir,
        &repository_key(checkout),
        checkout,
    )
}

/// Checks what can be checked without changing anything. A local forge may be missing if issues are
/// to be created.
pub(crate) fn inspect(
    config: Config,
    host: &Host,
    makes_issues: bool,
) -> Result<Project, SessionError> {
    let path = variable_of(&host.environment, "PATH")
        .unwrap_or_default()
        .to_owned();
    let git = Git::find(&path)?;
    let checkout = Checkout::open(&host.project)?;
    let configured = config.project.base_branch.as_deref();
    let Opened {
        mut forge,
        remote,
        host: on_forge,
        ..
    } = open_forge(&config, host, &git, &checkout, makes_issues)?;
    let description = describe(&mut *forge)?;
    let base_branch = match &remote {
        Some(remote) => remote.base_branch(configured, default_branch(description.as_ref()))?,
        None => checkout.base_branch(configured)?,
    };
    let key = repository_key(checkout.path());
    let named = description
        .as_ref()
        .map(|description| description.repo.clone())
        .or_else(|| config.project.repo.clone());
    let repository = named.unwrap_or_else(|| checkout.name());
    Ok(Project {
        config,
        git,
        checkout,
        base_branch,
        forge,
        remote,
        description,
        repository,
        on_forge,
        key,
        path,
    })
}

/// Returns the forge's default branch, if the forge reported it.
pub(crate) fn default_branch(description: Option<&Description>) -> Option<&str> {
    description?.default_branch.as_deref()
}

/// Opens the configured forge. Sends nothing.
pub(crate) fn open_forge(
    config: &Config,
    host: &Host,
    git: &Git,
    checkout: &Checkout,
    may_be_missing: bool,
) -> Result<Opened, SessionError> {
    let request = OpenRequest {
        project: checkout.path(),
        repo: config.project.repo.as_deref(),
        api_url: config.github.api_url.as_deref(),
        writes_per_minute: config.github.writes_per_minute,
        writes_per_hour: config.github.writes_per_hour,
        may_be_missing,
        environment: &host.environment,
        git,
        supervisor: &SupervisorProgram::of(&host.own_program),
        outside: &roots(config, host, checkout.path()).all(),
        redaction: &host.redaction,
    };
    Ok(config.forge.kind.open(&request)?)
}

/// Asks the forge once what the credential may do. An outage is ignored here: the session waits for
/// it to end.
fn describe(forge: &mut dyn Forge) -> Result<Option<Description>, ForgeError> {
    let mut description = match forge.describe() {
        Err(error) if error.passes() => {
            tracing::warn!(%error, "cannot determine the permissions of the token");
            return Ok(None);
        }
        answered => answered?,
    };
    if let Some(description) = &mut description {
        std::mem::replace(&mut description.push_right, Ok(()))?;
    }
    Ok(description)
}
