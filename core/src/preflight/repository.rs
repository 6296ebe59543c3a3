//! Whether a session can write where it has to: to the checkout, and to the remote.

use std::path::Path;

use autoissue_git::BRANCH_PREFIX;
use autoissue_git::checkout::Checkout;
use autoissue_git::program::GitError;
use autoissue_git::remote::{Remote, RemoteFailure, classify_failure};

use rustix::fs::{Access, access};

use super::{Finding, SessionError};
use crate::disk::nearest_existing;

/// A file that a session writes and removes at once, next to the files of the local forge.
pub(crate) const PROBE: &str = ".autoissue/can-be-written";

/// Checks, without changing anything, whether a file can be written or created.
pub(crate) fn check_writable(file: &Path) -> Result<(), SessionError> {
    let path = nearest_existing(file).unwrap_or(file);
    access(path, Access::WRITE_OK).map_err(|error| SessionError::NotWritable {
        path: path.to_owned(),
        source: error.into(),
    })
}

/// Tries a push with `--dry-run` before a session starts, so that a failure that every task would
/// meet is found before an agent costs money. An outage is ignored: the session waits for it to
/// end.
pub(crate) fn dry_run_push(remote: &Remote, checkout: &Checkout) -> Option<Finding> {
    let commit = checkout.head()?;
    match remote.dry_run_push(checkout.path(), &commit) {
        Err(error) if classify_failure(&error) == RemoteFailure::Credentials => {
            Some(no_push(remote, &error))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot try a push with `--dry-run`");
            None
        }
        Ok(()) => None,
    }
}

/// Finds a branch that prevents every branch of ours from being created, because git stores
/// branches as files and directories. An outage is ignored: the session waits for it to end.
pub(crate) fn branch_in_the_way(checkout: &Checkout, remote: Option<&Remote>) -> Option<Finding> {
    let (blocking, _) = BRANCH_PREFIX.split_once('/')?;
    let (is_there, place, advice) = match remote {
        Some(remote) => (
            matches!(remote.head(blocking), Ok(Some(_))),
            remote.name(),
            "rename or delete that branch on the remote".to_owned(),
        ),
        None => (
            checkout.has_branch(blocking),
            checkout.path().display().to_string(),
            format!("rename it with `git branch -m {blocking} NAME`"),
        ),
    };
    is_there.then(|| {
        let message =
            format!("branch `{blocking}` of `{place}` prevents creating `{BRANCH_PREFIX}<N>`");
        Finding::failure("branches", message, advice)
    })
}

fn no_push(remote: &Remote, error: &GitError) -> Finding {
    Finding::failure(
        "push",
        format!("cannot push to {}: {error}", remote.name()),
        "check that the token or ssh key has write access to it",
    )
}

/// Asks the remote whether it would accept a branch of ours. `None` if the checkout has no commit
/// to push.
pub(crate) fn push(remote: &Remote, checkout: &Checkout) -> Option<Finding> {
    let commit = checkout.head()?;
    Some(match remote.dry_run_push(checkout.path(), &commit) {
        Ok(()) => Finding::ok("push", format!("can push to {}", remote.name())),
        Err(error) => no_push(remote, &error),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_can_be_written_if_it_or_the_directory_above_it_can() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a/b");
        check_writable(&file).unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o500)).unwrap();
        let refused = check_writable(&file);
        fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
        let is_refused = matches!(
            refused,
            Err(SessionError::NotWritable { path, .. }) if path == directory.path()
        );
        assert!(rustix::process::geteuid().is_root() || is_refused);
    }
}
