//! The repository to work on: the checkout, and its name on the forge.
//!
//! Reads directories, and asks git for the URL of the remote. Changes nothing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use autoissue_core::git::program::{Git, GitError, ssh_host};

use crate::config::api_url::check_api_url;
use crate::config::git_remote::{GitRemote, GitRemoteError};
use crate::config::{Loaded, Origin};
use crate::error::{CliError, ProjectError};

/// Returns the nearest directory at or above `directory` that is a checkout.
///
/// # Errors
/// [`ProjectError::NoRepository`].
pub(crate) fn git_root(directory: &Path) -> Result<PathBuf, ProjectError> {
    let is_checkout = |directory: &&Path| directory.join(".git").exists();
    let root = directory.ancestors().find(is_checkout).map(Path::to_owned);
    root.ok_or_else(|| ProjectError::NoRepository {
        directory: directory.to_owned(),
    })
}

/// Returns the checkout that a configuration refers to.
///
/// # Errors
/// [`ProjectError::NoRepository`] if it is not one.
pub(crate) fn checkout(loaded: &Loaded, current_dir: &Path) -> Result<PathBuf, ProjectError> {
    let path = loaded.config.project.path.as_deref().unwrap_or(current_dir);
    if path.join(".git").exists() {
        return Ok(path.to_owned());
    }
    Err(ProjectError::NoRepository {
        directory: path.to_owned(),
    })
}

/// Fills in `project.repo` and the API's URL from the remote `origin`.
///
/// # Errors
/// If the forge is GitHub and the repository is unknown, or if a file would send the token
/// elsewhere.
pub(crate) fn derive_from_origin(
    loaded: &mut Loaded,
    project: &Path,
    path_env: &OsStr,
) -> Result<(), CliError> {
    if !loaded.config.forge.kind.has_host() {
        return Ok(());
    }
    let remote = match origin(project, path_env)? {
        Some(url) => remote_at(&url, path_env).map_err(Some),
        None => Err(None),
    };
    check_api_url(
        loaded,
        remote.as_ref().ok().map(|remote| remote.host.as_str()),
    )?;
    match remote {
        Ok(remote) => note(loaded, &remote),
        Err(_) if loaded.config.project.repo.is_some() => {}
        Err(None) => {
            return Err(ProjectError::NoOrigin {
                project: project.to_owned(),
            }
            .into());
        }
        Err(Some(source)) => {
            return Err(ProjectError::OriginElsewhere {
                project: project.to_owned(),
                source,
            }
            .into());
        }
    }
    Ok(())
}

fn note(loaded: &mut Loaded, remote: &GitRemote) {
    fn origin() -> Origin {
        Origin::Git {
            what: "the remote `origin`".to_owned(),
        }
    }

    if loaded.config.project.repo.is_none() {
        loaded.config.project.repo = Some(remote.repo());
        loaded.origins.insert("project.repo".to_owned(), origin());
    }
    if loaded.config.github.api_url.is_none() {
        loaded.config.github.api_url = Some(remote.api_url());
        loaded.origins.insert("github.apiUrl".to_owned(), origin());
    }
}

/// Exit code of `git remote get-url` for a remote that does not exist.
const NO_SUCH_REMOTE: i32 = 2;

/// Returns the URL of the remote `origin`; `None` if there is none.
///
/// # Errors
/// [`ProjectError::Git`].
pub(crate) fn origin(project: &Path, path_env: &OsStr) -> Result<Option<String>, ProjectError> {
    match git(project, path_env, &["remote", "get-url", "origin"]) {
        Ok(url) => Ok(Some(url).filter(|url| !url.is_empty())),
        Err(GitError::Failed {
            code: Some(NO_SUCH_REMOTE),
            ..
        }) => Ok(None),
        Err(source) => Err(ProjectError::Git {
            project: project.to_owned(),
            source,
        }),
    }
}

/// Exit code of `git check-ignore` for a path that is not ignored.
const NOT_IGNORED: i32 = 1;

/// Returns whether git ignores a path of the checkout.
///
/// # Errors
/// As [`Git::run`].
pub(crate) fn is_ignored(project: &Path, path_env: &OsStr, path: &str) -> Result<bool, GitError> {
    match git(project, path_env, &["check-ignore", "--quiet", "--", path]) {
        Ok(_) => Ok(true),
        Err(GitError::Failed {
            code: Some(NOT_IGNORED),
            ..
        }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the repository of a remote's URL, with SSH host aliases resolved.
///
/// # Errors
/// [`GitRemoteError`].
pub(crate) fn remote_at(url: &str, path_env: &OsStr) -> Result<GitRemote, GitRemoteError> {
    GitRemote::parse(url)?.resolved(|host| ssh_host(path_env, host))
}

/// Returns the trimmed output of a git command in the user's checkout.
///
/// # Errors
/// As [`Git::run`].
pub(crate) fn git(project: &Path, path_env: &OsStr, args: &[&str]) -> Result<String, GitError> {
    let none: [(&str, &str); 0] = [];
    let printed = Git::find(path_env)?.run(project, args, &none, None)?;
    Ok(String::from_utf8_lossy(&printed).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_found_from_below() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        assert!(
            matches!(git_root(&below), Err(ProjectError::NoRepository { directory }) if directory == below)
        );
        // A linked worktree has a file there.
        std::fs::write(directory.path().join(".git"), "gitdir: elsewhere").unwrap();
        assert_eq!(git_root(&below).unwrap(), directory.path());
    }
}
