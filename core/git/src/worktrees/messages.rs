//! Makes the messages of an agent's own commits harmless: merging them must not close issues, skip
//! checks or notify anyone.
//!
//! Commits whose message changes are created again, and so are those on top of them; authors, dates
//! and files stay the same. The same commits always give the same result.

use std::collections::HashMap;

use autoissue_plugin_sdk::commit_text;
use git2::{Oid, Repository};

use super::WorktreeError;
use crate::commit_id::CommitId;
use crate::mirror::{LibraryStep, Mirror};

/// Most commits that are processed one by one; nobody reads the messages of more.
const COMMITS_MAX: usize = 10_000;

/// Longest message that is kept whole, in bytes: longer ones are neither written by people nor for
/// them.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Returns the commit with the same history since `base` and harmless messages, or `head` itself if
/// they are harmless already. `None` if there are too many commits.
///
/// # Errors
/// A commit cannot be read or written.
pub(super) fn disarmed(
    mirror: &Mirror,
    base: &CommitId,
    head: &CommitId,
) -> Result<Option<CommitId>, WorktreeError> {
    if COMMITS_MAX < mirror.n_commits(base, head)? {
        return Ok(None);
    }
    let repository = mirror.repository()?;
    let mut again: HashMap<Oid, Oid> = HashMap::new();
    for id in mirror.commits(base, head)? {
        let doing = || format!("make commit {id} again");
        if let Some(made) = make_again(&repository, id, &again).doing(doing)? {
            again.insert(id, made);
        }
    }
    let head = again.get(&head.oid()).copied().unwrap_or(head.oid());
    Ok(Some(head.into()))
}

/// Rewrites a commit if its message or one of its parents has changed.
fn make_again(
    repository: &Repository,
    id: Oid,
    again: &HashMap<Oid, Oid>,
) -> Result<Option<Oid>, git2::Error> {
    let commit = repository.find_commit(id)?;
    let raw = commit.message_raw_bytes();
    let text = String::from_utf8_lossy(&raw[..raw.len().min(MESSAGE_BYTES_MAX)]);
    let message = commit_text::disarm(&text);
    let has_new_parent = commit
        .parent_ids()
        .any(|parent| again.contains_key(&parent));
    if !has_new_parent && message == text && raw.len() <= MESSAGE_BYTES_MAX {
        return Ok(None);
    }
    let parents = commit
        .parent_ids()
        .map(|parent| repository.find_commit(again.get(&parent).copied().unwrap_or(parent)))
        .collect::<Result<Vec<_>, _>>()?;
    let parents: Vec<_> = parents.iter().collect();
    let (author, committer) = (commit.author(), commit.committer());
    let tree = commit.tree()?;
    repository
        .commit(None, &author, &committer, &message, &tree, &parents)
        .map(Some)
}
