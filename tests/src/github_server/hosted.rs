//! A repository on the server, as tests use it: adds issues, commits and pull requests, and reads
//! the results.

use std::sync::Arc;

use serde_json::Value;

use super::Shared;
use super::api::{add_item, add_labels, merge_pull, open_pull};
use super::git_store::GitStore;
use super::lfs;
use super::world::{Distort, Item, Repository, World};

/// A repository of a server.
#[derive(Clone, Debug)]
pub struct HostedRepository {
    shared: Arc<Shared>,
    id: u64,
}

/// An issue to add.
#[derive(Clone, Debug)]
pub struct Issue {
    title: String,
    body: Option<String>,
    labels: Vec<String>,
    author: Option<String>,
    created_at: Option<String>,
    is_open: bool,
    distort: Option<Distort>,
}

/// The current state of an issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueState {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its body.
    pub body: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Whether it is open.
    pub is_open: bool,
}

/// The current state of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its body.
    pub body: String,
    /// The source branch.
    pub head: String,
    /// The commit of the source branch.
    pub head_sha: String,
    /// The target branch.
    pub base: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Who opened it.
    pub author: String,
    /// Whether it is open.
    pub is_open: bool,
    /// Whether it is a draft.
    pub is_draft: bool,
    /// Whether it was merged.
    pub is_merged: bool,
}

impl Issue {
    /// Creates an open issue by `ada`, without body and labels.
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            body: None,
            labels: Vec::new(),
            author: Some("ada".to_owned()),
            created_at: None,
            is_open: true,
            distort: None,
        }
    }

    /// Sets the body.
    pub fn body(self, body: &str) -> Self {
        Self {
            body: Some(body.to_owned()),
            ..self
        }
    }

    /// Adds a label.
    pub fn label(mut self, label: &str) -> Self {
        self.labels.push(label.to_owned());
        self
    }

    /// Sets the author.
    pub fn by(self, login: &str) -> Self {
        Self {
            author: Some(login.to_owned()),
            ..self
        }
    }

    /// Makes the author a deleted user: `user` is null.
    pub fn by_a_ghost(self) -> Self {
        Self {
            author: None,
            ..self
        }
    }

    /// Sets the creation time, such as `2026-01-01T00:00:00Z`.
    pub fn created_at(self, at: &str) -> Self {
        Self {
            created_at: Some(at.to_owned()),
            ..self
        }
    }

    /// Closes the issue.
    pub fn closed(self) -> Self {
        Self {
            is_open: false,
            ..self
        }
    }

    /// Passes the issue's JSON through `change` whenever it is returned, to remove fields or change
    /// their types.
    pub fn odd(self, change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self {
            distort: Some(Distort(Arc::new(change))),
            ..self
        }
    }
}

impl HostedRepository {
    pub(super) fn create(shared: &Arc<Shared>, full_name: &str, files: &[(&str, &str)]) -> Self {
        let (owner, name) = full_name.split_once('/').expect("`owner/name`");
        let mut world = shared.world();
        let id = world.new_id();
        let git = GitStore::create(&shared.root.path().join(format!("{id}.git")), "main");
        git.commit("main", None, files, "first");
        world.repositories.push(Repository {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            former_names: Vec::new(),
            is_private: false,
            is_archived: false,
            has_issues: true,
            default_branch: "main".to_owned(),
            labels: Vec::new(),
            items: std::collections::BTreeMap::new(),
            comments: Vec::new(),
            blocked_by: std::collections::BTreeSet::new(),
            protected_branches: std::collections::BTreeSet::new(),
            readers: std::collections::BTreeSet::new(),
            git,
        });
        Self {
            shared: Arc::clone(shared),
            id,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Repository) -> T) -> T {
        change(
            self.shared
                .world()
                .by_id_mut(self.id)
                .expect("repositories are never removed"),
        )
    }

    fn world<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.shared.world())
    }

    /// Returns a separate store, so that git is not used under the server's lock.
    fn git(&self) -> GitStore {
        self.change(|repository| repository.git.clone())
    }

    /// Returns `owner/name`.
    pub fn full_name(&self) -> String {
        self.change(|repository| repository.full_name())
    }

    /// Returns the URL for cloning it.
    pub fn clone_url(&self) -> String {
        format!("{}/{}.git", self.shared.site.origin, self.full_name())
    }

    /// Makes it private: without a token that can see it, requests get a 404.
    pub fn make_private(&self) -> &Self {
        self.change(|repository| repository.is_private = true);
        self
    }

    /// Makes it read-only for everybody.
    pub fn archive(&self) -> &Self {
        self.change(|repository| repository.is_archived = true);
        self
    }

    /// Disables issues: their endpoints return 410.
    pub fn disable_issues(&self) -> &Self {
        self.change(|repository| repository.has_issues = false);
        self
    }

    /// Renames it (`owner/name`); the old name redirects.
    pub fn rename(&self, full_name: &str) -> &Self {
        let (owner, name) = full_name.split_once('/').expect("`owner/name`");
        self.change(|repository| {
            repository.former_names.push(repository.full_name());
            (repository.owner, repository.name) = (owner.to_owned(), name.to_owned());
        });
        self
    }

    /// Sets the default branch, which must exist.
    pub fn set_default_branch(&self, branch: &str) -> &Self {
        assert!(self.head(branch).is_some(), "no branch `{branch}`");
        self.git().point_head_at(branch);
        self.change(|repository| branch.clone_into(&mut repository.default_branch));
        self
    }

    /// Protects a branch: pushes to it are rejected.
    pub fn protect(&self, branch: &str) -> &Self {
        self.change(|repository| {
            repository.protected_branches.insert(branch.to_owned());
            repository.git.protect(repository.protected_branches.iter());
        });
        self
    }

    /// Removes the protection of a branch.
    pub fn unprotect(&self, branch: &str) -> &Self {
        self.change(|repository| {
            repository.protected_branches.remove(branch);
            repository.git.protect(repository.protected_branches.iter());
        });
        self
    }

    /// Removes a user's write permission.
    pub fn read_only_for(&self, login: &str) -> &Self {
        self.change(|repository| repository.readers.insert(login.to_owned()));
        self
    }

    /// Adds an issue; returns its number. Missing labels are created. The default creation time is
    /// on 2026-01-01, one minute after the previous issue.
    pub fn issue(&self, issue: Issue) -> u64 {
        let now = self.shared.clock.now_text();
        self.world(|world| {
            let repository = world
                .by_id(self.id)
                .expect("repositories are never removed");
            let minute = repository.next_number();
            let seeded = format!(
                "2026-01-{:02}T{:02}:{:02}:00Z",
                1 + minute / 1440,
                minute / 60 % 24,
                minute % 60
            );
            let at = issue.created_at.unwrap_or(seeded);
            let number = add_item(
                world,
                self.id,
                &issue.title,
                issue.body.as_deref(),
                issue.author,
                &at,
            );
            add_labels(world, self.id, number, &issue.labels, &at);
            let repository = world
                .by_id_mut(self.id)
                .expect("repositories are never removed");
            let item = repository.items.get_mut(&number).expect("it was added");
            item.distort = issue.distort;
            if !issue.is_open {
                item.close(Some("completed"), &now);
            }
            number
        })
    }

    /// Adds another user's pull request with its own branch and these labels; returns its number.
    pub fn foreign_pull(&self, title: &str, branch: &str, labels: &[&str]) -> u64 {
        let base = self.change(|repository| repository.default_branch.clone());
        if self.head(branch).is_none() {
            self.commit_from(
                branch,
                &base,
                &[(&format!("{branch}.txt"), "foreign\n")],
                title,
            );
        }
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let now = self.shared.clock.now_text();
        self.world(|world| {
            let number = open_pull(world, self.id, title, branch, &base, &now);
            add_labels(world, self.id, number, &labels, &now);
            number
        })
    }

    /// Marks an issue as blocked by another.
    pub fn block(&self, number: u64, by: u64) -> &Self {
        self.change(|repository| repository.blocked_by.insert((number, by)));
        self
    }

    /// Returns the numbers of the issues that block an issue.
    pub fn blockers(&self, number: u64) -> Vec<u64> {
        let of = |repository: &mut Repository| {
            repository
                .blocked_by
                .iter()
                .filter(|(blocked, _)| *blocked == number)
                .map(|(_, by)| *by)
                .collect()
        };
        self.change(of)
    }

    /// Closes an issue or pull request.
    pub fn close(&self, number: u64) -> &Self {
        let now = self.shared.clock.now_text();
        self.item(number, |item| item.close(Some("completed"), &now));
        self
    }

    /// Reopens an issue.
    pub fn reopen(&self, number: u64) -> &Self {
        let now = self.shared.clock.now_text();
        self.item(number, |item| item.reopen(&now));
        self
    }

    /// Removes a label from an issue.
    pub fn unlabel(&self, number: u64, label: &str) -> &Self {
        self.item(number, |item| item.labels.retain(|it| it != label));
        self
    }

    /// Merges a pull request with a merge commit, as a maintainer does. If its base is the default
    /// branch, the issues it names are closed.
    ///
    /// # Panics
    ///
    /// If it cannot be merged.
    pub fn merge(&self, number: u64) -> &Self {
        let now = self.shared.clock.now_text();
        self.change(|repository| merge_pull(repository, number, &now));
        self
    }

    fn item<T>(&self, number: u64, change: impl FnOnce(&mut Item) -> T) -> T {
        self.change(|repository| {
            change(
                repository
                    .items
                    .get_mut(&number)
                    .expect("an issue of that number"),
            )
        })
    }

    /// Commits files to a branch, which is created as a new root if it is missing; returns the
    /// commit.
    pub fn commit(&self, branch: &str, files: &[(&str, &str)], message: &str) -> String {
        self.git().commit(branch, None, files, message)
    }

    /// Commits files to a branch, which is created from another if it is missing; returns the
    /// commit.
    pub fn commit_from(
        &self,
        branch: &str,
        from: &str,
        files: &[(&str, &str)],
        message: &str,
    ) -> String {
        self.git().commit(branch, Some(from), files, message)
    }

    /// Deletes a branch, like the button on a pull request page.
    pub fn delete_branch(&self, branch: &str) -> &Self {
        self.git().delete_branch(branch);
        self
    }

    /// Returns the commit of a branch.
    pub fn head(&self, branch: &str) -> Option<String> {
        self.git().head(branch)
    }

    /// Returns all branches with their commits, sorted by name.
    pub fn branches(&self) -> Vec<(String, String)> {
        self.git().branches()
    }

    /// Returns the text of a file on a branch.
    pub fn file(&self, branch: &str, path: &str) -> Option<String> {
        self.git().file(branch, path)
    }

    /// Returns the path of the bare repository, for inspection with git.
    pub fn git_dir(&self) -> std::path::PathBuf {
        self.git().path().to_owned()
    }

    /// Returns the contents of its Git LFS objects, sorted.
    pub fn lfs_objects(&self) -> Vec<String> {
        lfs::objects(&self.git())
    }

    /// Returns all pull requests, including other users', by number.
    pub fn pulls(&self) -> Vec<PullRequest> {
        let now = self.shared.clock.now_text();
        self.change(|repository| {
            repository.follow_branches(&now);
            repository.items.values().filter_map(pull_request).collect()
        })
    }

    /// Returns all issues without pull requests, by number.
    pub fn issues(&self) -> Vec<IssueState> {
        fn seen(item: &Item) -> IssueState {
            IssueState {
                number: item.number,
                title: item.title.clone(),
                body: item.body.clone().unwrap_or_default(),
                labels: item.labels.clone(),
                is_open: item.is_open,
            }
        }

        self.change(|repository| {
            repository
                .items
                .values()
                .filter(|item| item.pull.is_none())
                .map(seen)
                .collect()
        })
    }

    /// Returns the comments on an issue or pull request, oldest first.
    pub fn comments(&self, number: u64) -> Vec<String> {
        self.change(|repository| {
            repository
                .comments_on(number)
                .map(|comment| comment.body.clone())
                .collect()
        })
    }

    /// Returns the names of the repository's labels.
    pub fn labels(&self) -> Vec<String> {
        self.change(|repository| {
            repository
                .labels
                .iter()
                .map(|label| label.name.clone())
                .collect()
        })
    }
}

fn pull_request(item: &Item) -> Option<PullRequest> {
    let pull = item.pull.as_ref()?;
    Some(PullRequest {
        number: item.number,
        title: item.title.clone(),
        body: item.body.clone().unwrap_or_default(),
        head: pull.head.clone(),
        head_sha: pull.head_sha.clone(),
        base: pull.base.clone(),
        labels: item.labels.clone(),
        author: item.author.clone().unwrap_or_default(),
        is_open: item.is_open,
        is_draft: pull.is_draft,
        is_merged: pull.merged.is_some(),
    })
}
