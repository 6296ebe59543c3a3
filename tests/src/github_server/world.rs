//! The server's state: tokens, repositories, issues and pull requests. Branches and commits are
//! stored in git only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::git_store::GitStore;
use super::token::Token;

/// All state except git's.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) repositories: Vec<Repository>,
    last_id: u64,
}

/// A repository as the API sees it.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) owner: String,
    pub(super) name: String,
    /// Former names, each `owner/name`; they redirect.
    pub(super) former_names: Vec<String>,
    pub(super) is_private: bool,
    pub(super) is_archived: bool,
    pub(super) has_issues: bool,
    pub(super) default_branch: String,
    pub(super) labels: Vec<Label>,
    /// Issues and pull requests by number; they share one sequence.
    pub(super) items: BTreeMap<u64, Item>,
    pub(super) comments: Vec<Comment>,
    /// Pairs of numbers: the first is blocked by the second.
    pub(super) blocked_by: BTreeSet<(u64, u64)>,
    pub(super) protected_branches: BTreeSet<String>,
    /// Users with read permission only.
    pub(super) readers: BTreeSet<String>,
    pub(super) git: GitStore,
}

#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) color: String,
    pub(super) description: Option<String>,
}

/// An issue, or a pull request if `pull` is set.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: Option<String>,
    /// `None` if the user was deleted.
    pub(super) author: Option<String>,
    /// Names, in the order in which they were added.
    pub(super) labels: Vec<String>,
    pub(super) is_open: bool,
    pub(super) state_reason: Option<String>,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) closed_at: Option<String>,
    pub(super) pull: Option<Pull>,
    pub(super) distort: Option<Distort>,
}

/// The fields that only pull requests have.
#[derive(Clone, Debug)]
pub(super) struct Pull {
    pub(super) head: String,
    pub(super) base: String,
    /// Follows the branch while the pull request is open.
    pub(super) head_sha: String,
    pub(super) base_sha: String,
    pub(super) is_draft: bool,
    pub(super) merged: Option<Merged>,
}

/// How a pull request was merged.
#[derive(Clone, Debug)]
pub(super) struct Merged {
    pub(super) at: String,
    pub(super) by: String,
    pub(super) commit: String,
}

/// A comment on an issue or pull request.
#[derive(Clone, Debug)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) author: String,
    pub(super) body: String,
    pub(super) created_at: String,
}

/// Changes an issue's JSON before it is returned.
#[derive(Clone)]
pub(super) struct Distort(pub(super) Arc<dyn Fn(&mut Value) + Send + Sync>);

impl fmt::Debug for Distort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Distort")
    }
}

impl World {
    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn by_id(&self, id: u64) -> Option<&Repository> {
        self.repositories
            .iter()
            .find(|repository| repository.id == id)
    }

    pub(super) fn by_id_mut(&mut self, id: u64) -> Option<&mut Repository> {
        self.repositories
            .iter_mut()
            .find(|repository| repository.id == id)
    }

    /// Returns the repository with this current name, ignoring case as GitHub does.
    pub(super) fn by_name(&self, owner: &str, name: &str) -> Option<&Repository> {
        let is_it = |it: &&Repository| {
            it.owner.eq_ignore_ascii_case(owner) && it.name.eq_ignore_ascii_case(name)
        };
        self.repositories.iter().find(is_it)
    }

    /// Returns whether the object at this API address exists and, if it can be closed, is open.
    pub(super) fn is_still_there(&self, url: &str) -> bool {
        let Some((_, path)) = url.split_once("/repos/") else {
            return false;
        };
        let parts: Vec<&str> = path.split('/').collect();
        let [owner, name, kind, number] = parts[..] else {
            return true;
        };
        let item = self
            .by_name(owner, name)
            .and_then(|it| it.items.get(&number.parse().ok()?));
        !["issues", "pulls"].contains(&kind) || item.is_some_and(|item| item.is_open)
    }

    /// Returns the repository that formerly had this name.
    pub(super) fn by_former_name(&self, owner: &str, name: &str) -> Option<&Repository> {
        let former = format!("{owner}/{name}");
        let had_it = |it: &&Repository| {
            it.former_names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&former))
        };
        self.repositories.iter().find(had_it)
    }
}

impl Repository {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.items.keys().next_back().copied().unwrap_or(0) + 1
    }

    pub(super) fn label(&self, name: &str) -> Option<&Label> {
        self.labels
            .iter()
            .find(|label| label.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn comments_on(&self, number: u64) -> impl Iterator<Item = &Comment> {
        self.comments
            .iter()
            .filter(move |comment| comment.number == number)
    }

    /// Updates open pull requests from their branches. As on GitHub, one whose head or base branch
    /// was deleted is closed.
    pub(super) fn follow_branches(&mut self, now: &str) {
        let Self { items, git, .. } = self;
        let mut opened = items
            .values_mut()
            .filter(|item| item.is_open && item.pull.is_some())
            .peekable();
        if opened.peek().is_none() {
            return;
        }
        let heads: BTreeMap<String, String> = git.branches().into_iter().collect();
        for item in opened {
            let Some(pull) = &mut item.pull else { continue };
            match heads
                .get(&pull.head)
                .filter(|_| heads.contains_key(&pull.base))
            {
                Some(head) if *head == pull.head_sha => continue,
                Some(head) => head.clone_into(&mut pull.head_sha),
                None => (item.is_open, item.closed_at) = (false, Some(now.to_owned())),
            }
            now.clone_into(&mut item.updated_at);
            git.keep_pull(item.number, &pull.head_sha);
        }
    }
}

impl Item {
    pub(super) fn has_label(&self, name: &str) -> bool {
        self.labels
            .iter()
            .any(|label| label.eq_ignore_ascii_case(name))
    }

    pub(super) fn close(&mut self, reason: Option<&str>, now: &str) {
        self.is_open = false;
        self.state_reason = reason.map(str::to_owned);
        self.closed_at = Some(now.to_owned());
        now.clone_into(&mut self.updated_at);
    }

    pub(super) fn reopen(&mut self, now: &str) {
        self.is_open = true;
        self.state_reason = Some("reopened".to_owned()).filter(|_| self.pull.is_none());
        self.closed_at = None;
        now.clone_into(&mut self.updated_at);
    }
}
