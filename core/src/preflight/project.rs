//! What is known before anything is changed: configuration, checkout, forge.

use std::ffi::OsString;
use std::path::Path;

use super::{SessionError, variable_of};
use crate::config::{Config, ForgeKind};
use crate::host::Host;
use crate::repository_lock::repository_key;
use crate::service::checkout::Checkout;
use crate::service::forge::Forge;
use crate::service::git_program::Git;
use crate::service::github::{Access, Facts, Github, GithubError, Proxy, find_token};
use crate::service::local_forge::LocalForge;
use crate::service::process::SupervisorProgram;
use crate::service::remote::{Remote, web_host};
use crate::service::worktrees::Roots;

/// What is known before anything is changed.
pub(crate) struct Project {
    pub(crate) config: Config,
    pub(crate) git: Git,
    pub(crate) checkout: Checkout,
    pub(crate) base_branch: String,
    pub(crate) forge: Forge,
    /// Where bases come from and branches go to; absent on the local forge, where both is the checkout.
    pub(crate) remote: Option<Remote>,
    /// What GitHub said, if it was asked and did.
    pub(crate) facts: Option<Facts>,
    pub(crate) repository: String,
    /// The forge's host and port, where the repository is one on a host.
    pub(crate) on_forge: Option<String>,
    pub(crate) key: String,
    pub(crate) path: OsString,
}

/// Checks what can be checked without changing anything. Where issues are to be made, a local forge may be missing.
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
    let mut facts = None;
    let (forge, remote, base_branch) = match config.forge.kind {
        ForgeKind::Local => {
            let base_branch = checkout.base_branch(configured)?;
            let path = checkout.path();
            let forge = if makes_issues {
                LocalForge::in_project(path)
            } else {
                LocalForge::open(path)?
            };
            (Forge::Local(forge), None, base_branch)
        }
        ForgeKind::Github => {
            let WayToGithub {
                mut github, remote, ..
            } = way_to_github(&config, host, &git, &checkout)?;
            facts = ask_for_facts(&github)?;
            facts.iter().for_each(|facts| github.rename(&facts.repo));
            let base_branch = remote.base_branch(configured, default_branch(facts.as_ref()))?;
            (Forge::Github(Box::new(github)), Some(remote), base_branch)
        }
    };
    let key = repository_key(checkout.path());
    let named = facts
        .as_ref()
        .map(|facts| facts.repo.clone())
        .or_else(|| config.project.repo.clone());
    let repository = named.unwrap_or_else(|| checkout.name());
    let on_forge = config.github.api_url.as_deref().map(web_host);
    let on_forge = on_forge.filter(|_| config.forge.kind == ForgeKind::Github);
    Ok(Project {
        config,
        git,
        checkout,
        base_branch,
        forge,
        remote,
        facts,
        repository,
        on_forge,
        key,
        path,
    })
}

/// Returns the branch that GitHub calls the default one, if it said so.
pub(crate) fn default_branch(facts: Option<&Facts>) -> Option<&str> {
    let branch = facts.map(|facts| facts.default_branch.as_str());
    branch.filter(|branch| !branch.is_empty())
}

/// What leads to GitHub. Nothing has been sent yet.
pub(crate) struct WayToGithub {
    /// Where the token is from.
    pub(crate) token_origin: &'static str,
    pub(crate) github: Github,
    pub(crate) remote: Remote,
}

/// Finds the token, and makes ready to ask GitHub with it.
pub(crate) fn way_to_github(
    config: &Config,
    host: &Host,
    git: &Git,
    checkout: &Checkout,
) -> Result<WayToGithub, SessionError> {
    let missing = |key| SessionError::Unset { key };
    let repo = config
        .project
        .repo
        .clone()
        .ok_or_else(|| missing("project.repo"))?;
    let api_url = config
        .github
        .api_url
        .clone()
        .ok_or_else(|| missing("github.apiUrl"))?;
    let supervisor = SupervisorProgram::of(&host.own_program);
    let outside = roots(config, host, checkout.path()).all();
    let token = find_token(
        &host.environment,
        &web_host(&api_url),
        &supervisor,
        &outside,
    )?;
    host.redaction.learn([token.secret.expose()]);
    let token_origin = token.origin;
    let remote = Remote::of(git.clone(), checkout.path(), &repo, &api_url, &token.secret)?;
    let github = Github::new(&Access {
        proxy: Proxy::of(&host.environment, &api_url),
        api_url,
        repo,
        token,
        writes_per_minute: config.github.writes_per_minute,
        writes_per_hour: config.github.writes_per_hour,
    })?;
    Ok(WayToGithub {
        token_origin,
        github,
        remote,
    })
}

/// Asks GitHub once what the token may do. An outage is left to the session, which waits for its end.
fn ask_for_facts(github: &Github) -> Result<Option<Facts>, GithubError> {
    match github.facts() {
        Err(
            error @ (GithubError::Limited { .. }
            | GithubError::Broken { .. }
            | GithubError::Unreachable { .. }),
        ) => {
            tracing::warn!(%error, "GitHub did not say what the token may do");
            Ok(None)
        }
        answered => {
            let facts = answered?;
            facts.check_push_right()?;
            Ok(Some(facts))
        }
    }
}

/// Returns where worktrees of a checkout lie.
pub(crate) fn roots(config: &Config, host: &Host, checkout: &Path) -> Roots {
    Roots::of(
        config.executor.worktree_root.as_deref(),
        &host.state_dir,
        &repository_key(checkout),
        checkout,
    )
}
