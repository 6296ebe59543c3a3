//! The messages of an agent's own commits: whoever merges them means to close no issue, to switch off no checks and to call nobody.
//!
//! Commits whose message changes are made again, and so are those on top of them; authors, dates and files stay. The same commits always
//! give the same ones.

use std::collections::HashMap;

use autoissue_plugin_sdk::commit_text;
use git2::{Oid, Repository};

use super::WorktreeError;
use crate::commit_id::CommitId;
use crate::mirror::{Doing, Mirror};

/// The most commits that are taken one by one; of more, nobody reads the messages.
const COMMITS_MAX: usize = 10_000;

/// The longest message that is kept whole: longer ones are not written by people, nor for them.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Returns the commit that has the same history from `base` on with harmless messages: `head` itself where they are. `None` where there
/// are too many commits.
///
/// # Errors
/// Where a commit cannot be read or written.
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

/// Makes a commit again if its message or one of its parents is another one.
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
