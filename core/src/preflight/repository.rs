//! Whether git may push to the remote, and whether a branch is in the way of ours.

use autoissue_git::BRANCH_PREFIX;
use autoissue_git::checkout::Checkout;
use autoissue_git::program::GitError;
use autoissue_git::remote::{Remote, Verdict, verdict};

use super::Finding;

/// Rehearses a push before a session starts: what is sure to fail for every task is found before an agent is paid. An outage is waited
/// for by the session itself.
pub(crate) fn dry_run_push(remote: &Remote, checkout: &Checkout) -> Option<Finding> {
    let commit = checkout.head()?;
    match remote.dry_run_push(checkout.path(), &commit) {
        Err(error) if verdict(&error) == Verdict::Account => Some(no_push(remote, &error)),
        Err(error) => {
            tracing::warn!(%error, "a dry run of the push is not possible");
            None
        }
        Ok(()) => None,
    }
}

/// Finds a branch that keeps every branch of ours from being made: git keeps branches as files and directories. An outage is waited for
/// by the session itself.
pub(crate) fn branch_in_the_way(checkout: &Checkout, remote: Option<&Remote>) -> Option<Finding> {
    let (blocking, _) = BRANCH_PREFIX.split_once('/')?;
    let (is_there, place, advice) = match remote {
        Some(remote) => (
            matches!(remote.head(blocking), Ok(Some(_))),
            remote.name(),
            "rename or delete that branch there".to_owned(),
        ),
        None => (
            checkout.has_branch(blocking),
            checkout.path().display().to_string(),
            format!("rename it with `git branch -m {blocking} NAME`"),
        ),
    };
    is_there.then(|| {
        let message =
            format!("branch `{blocking}` of `{place}` is in the way of `{BRANCH_PREFIX}<N>`");
        Finding::failure("branches", message, advice)
    })
}

fn no_push(remote: &Remote, error: &GitError) -> Finding {
    Finding::failure(
        "push",
        format!("{} takes no push: {error}", remote.name()),
        "see whether the token, or the ssh key, has the right to write there",
    )
}

/// Asks the remote whether it would take a branch of ours. `None` where the checkout has no commit to ask with.
pub(crate) fn push(remote: &Remote, checkout: &Checkout) -> Option<Finding> {
    let commit = checkout.head()?;
    Some(match remote.dry_run_push(checkout.path(), &commit) {
        Ok(()) => Finding::ok("push", format!("{} takes pushes", remote.name())),
        Err(error) => no_push(remote, &error),
    })
}
