//! Whether git may push to the remote, and whether a branch blocks the names of ours.

use autoissue_git::BRANCH_PREFIX;
use autoissue_git::checkout::Checkout;
use autoissue_git::program::GitError;
use autoissue_git::remote::{Remote, RemoteFailure, classify_failure};

use super::Finding;

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
