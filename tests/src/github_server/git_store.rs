//! A bare repository on disk, read and filled through libgit2. Pushes reach it through `git
//! http-backend`. Nothing is cached, so a pushed branch is immediately a branch of the API.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Once;

use git2::{BranchType, Oid, Signature, Time};

/// Rejects a push like GitHub's branch protection. `update` runs for each ref, so other branches of
/// the push are accepted.
const UPDATE_HOOK: &str = r#"#!/bin/sh
grep -qxF "$1" "$GIT_DIR/protected" 2>/dev/null || exit 0
echo "error: GH006: Protected branch update failed for $1." >&2
exit 1
"#;

/// The time of seeded commits, seconds since the Unix epoch. It is fixed to make their ids
/// reproducible.
const SEEDED_AT_S: i64 = 1_767_225_600;

#[derive(Clone, Debug)]
pub(super) struct GitStore {
    path: PathBuf,
}

/// The difference between two commits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Distance {
    pub(super) n_commits: usize,
    pub(super) n_files: usize,
    pub(super) n_added: usize,
    pub(super) n_deleted: usize,
}

/// Why two branches do not merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conflict;

impl GitStore {
    pub(super) fn create(path: &Path, default_branch: &str) -> Self {
        read_no_configuration_of_the_machine();
        let mut options = git2::RepositoryInitOptions::new();
        options
            .bare(true)
            .no_reinit(true)
            .external_template(false)
            .initial_head(default_branch);
        let repository = git2::Repository::init_opts(path, &options).expect("a bare repository");
        let mut config = repository.config().expect("its configuration");
        for (key, value) in [
            // Throw-away data: prefer speed to durability.
            ("core.fsync", "none"),
            ("gc.auto", "0"),
            ("receive.autogc", "false"),
            // As on GitHub: clients may fetch any commit, pull requests have refs, and nobody may
            // push to those refs.
            ("uploadpack.allowFilter", "true"),
            ("uploadpack.allowAnySHA1InWant", "true"),
            ("receive.hideRefs", "refs/pull"),
        ] {
            config.set_str(key, value).expect("a setting");
        }
        Self {
            path: path.to_owned(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn open(&self) -> git2::Repository {
        git2::Repository::open_bare(&self.path).expect("the repository exists")
    }

    /// Protects exactly these branches. The hook is installed only when needed because it starts
    /// two programs per push.
    pub(super) fn protect<'a>(&self, branches: impl Iterator<Item = &'a String>) {
        let refs: String = branches
            .map(|branch| format!("refs/heads/{branch}\n"))
            .collect();
        fs::write(self.path.join("protected"), refs).expect("the list of protected branches");
        let hook = self.path.join("hooks/update");
        fs::create_dir_all(self.path.join("hooks")).expect("the directory of hooks");
        fs::write(&hook, UPDATE_HOOK).expect("the hook");
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("an executable hook");
    }

    /// Returns the commit of a branch.
    pub(super) fn head(&self, branch: &str) -> Option<String> {
        self.open()
            .refname_to_id(&format!("refs/heads/{branch}"))
            .ok()
            .map(|id| id.to_string())
    }

    /// Returns all branches with their commits, sorted by name.
    pub(super) fn branches(&self) -> Vec<(String, String)> {
        let repository = self.open();
        let branches = repository
            .branches(Some(BranchType::Local))
            .expect("branches")
            .flatten();
        let mut found: Vec<(String, String)> = branches
            .filter_map(|(branch, _)| {
                let target = branch.get().target()?.to_string();
                Some((branch.name().ok()??.to_owned(), target))
            })
            .collect();
        found.sort();
        found
    }

    /// Commits files on top of a branch. If it is missing it is created: from `from`, or as a new
    /// root.
    pub(super) fn commit(
        &self,
        branch: &str,
        from: Option<&str>,
        files: &[(&str, &str)],
        message: &str,
    ) -> String {
        let repository = self.open();
        let parent = self
            .head(branch)
            .or_else(|| from.and_then(|from| self.head(from)));
        let parent = parent.map(|id| {
            repository
                .find_commit(Oid::from_str(&id).expect("an id"))
                .expect("a commit")
        });
        let mut index = git2::Index::new().expect("an index");
        if let Some(parent) = &parent {
            index
                .read_tree(&parent.tree().expect("its tree"))
                .expect("a readable tree");
        }
        for (path, text) in files {
            let blob = repository.blob(text.as_bytes()).expect("a blob");
            index.add(&index_entry(path, blob)).expect("an entry");
        }
        let tree = index.write_tree_to(&repository).expect("a tree");
        let tree = repository.find_tree(tree).expect("the tree");
        let ada = Signature::new("Ada", "ada@example.org", &Time::new(SEEDED_AT_S, 0))
            .expect("a signature");
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        let id = repository
            .commit(None, &ada, &ada, message, &tree, &parents)
            .expect("a commit");
        repository
            .reference(&format!("refs/heads/{branch}"), id, true, message)
            .expect("the branch");
        id.to_string()
    }

    pub(super) fn delete_branch(&self, branch: &str) {
        let repository = self.open();
        repository
            .find_reference(&format!("refs/heads/{branch}"))
            .expect("the branch")
            .delete()
            .expect("the branch is deleted");
    }

    pub(super) fn point_head_at(&self, branch: &str) {
        self.open()
            .set_head(&format!("refs/heads/{branch}"))
            .expect("HEAD is updated");
    }

    /// Returns the text of a file on a branch.
    pub(super) fn file(&self, branch: &str, path: &str) -> Option<String> {
        let repository = self.open();
        let object = repository
            .revparse_single(&format!("refs/heads/{branch}:{path}"))
            .ok()?;
        Some(String::from_utf8_lossy(object.as_blob()?.content()).into_owned())
    }

    /// Updates the ref under which git sees a pull request.
    pub(super) fn keep_pull(&self, number: u64, head_sha: &str) {
        let id = Oid::from_str(head_sha).expect("an id");
        let name = format!("refs/pull/{number}/head");
        self.open()
            .reference(&name, id, true, "pull request")
            .expect("the ref of the pull request");
    }

    /// Returns how many commits `head` is ahead of `base`; `None` if they have no common history.
    pub(super) fn distance(&self, base: &str, head: &str) -> Option<Distance> {
        let repository = self.open();
        let (base, head) = (Oid::from_str(base).ok()?, Oid::from_str(head).ok()?);
        let common = repository.merge_base(base, head).ok()?;
        let (n_commits, _) = repository.graph_ahead_behind(head, base).ok()?;
        let tree = |id| repository.find_commit(id).and_then(|commit| commit.tree());
        let diff = repository
            .diff_tree_to_tree(Some(&tree(common).ok()?), Some(&tree(head).ok()?), None)
            .ok()?;
        let stats = diff.stats().ok()?;
        let (n_files, n_added, n_deleted) =
            (stats.files_changed(), stats.insertions(), stats.deletions());
        Some(Distance {
            n_commits,
            n_files,
            n_added,
            n_deleted,
        })
    }

    /// Returns whether `head` merges into `base` without a conflict.
    pub(super) fn is_mergeable(&self, base: &str, head: &str) -> bool {
        let repository = self.open();
        let merged = merge_index(&repository, base, head);
        merged.is_ok()
    }

    /// Merges a commit into a branch, with both as parents or, squashed, with the branch as the
    /// only parent.
    pub(super) fn merge(
        &self,
        base: &str,
        head: &str,
        message: &str,
        squash: bool,
    ) -> Result<String, Conflict> {
        let repository = self.open();
        let tip = self.head(base).ok_or(Conflict)?;
        let mut index = merge_index(&repository, &tip, head)?;
        let tree = index.write_tree_to(&repository).map_err(|_| Conflict)?;
        let tree = repository.find_tree(tree).map_err(|_| Conflict)?;
        let find = |id: &str| {
            repository
                .find_commit(Oid::from_str(id).expect("an id"))
                .map_err(|_| Conflict)
        };
        let (tip, head) = (find(&tip)?, find(head)?);
        let parents = if squash {
            vec![&tip]
        } else {
            vec![&tip, &head]
        };
        let github = Signature::new("GitHub", "noreply@github.com", &Time::new(SEEDED_AT_S, 0))
            .expect("a signature");
        let id = repository
            .commit(None, &github, &github, message, &tree, &parents)
            .map_err(|_| Conflict)?;
        repository
            .reference(&format!("refs/heads/{base}"), id, true, message)
            .map_err(|_| Conflict)?;
        Ok(id.to_string())
    }
}

fn merge_index(
    repository: &git2::Repository,
    base: &str,
    head: &str,
) -> Result<git2::Index, Conflict> {
    let find = |id: &str| {
        Oid::from_str(id)
            .and_then(|id| repository.find_commit(id))
            .map_err(|_| Conflict)
    };
    let index = repository
        .merge_commits(&find(base)?, &find(head)?, None)
        .map_err(|_| Conflict)?;
    if index.has_conflicts() {
        Err(Conflict)
    } else {
        Ok(index)
    }
}

fn index_entry(path: &str, blob: Oid) -> git2::IndexEntry {
    let zero = git2::IndexTime::new(0, 0);
    git2::IndexEntry {
        ctime: zero,
        mtime: zero,
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: blob,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

/// Stops libgit2, once per process, from reading the machine's configuration.
fn read_no_configuration_of_the_machine() {
    static HERMETIC: Once = Once::new();
    HERMETIC.call_once(|| {
        for level in [
            git2::ConfigLevel::System,
            git2::ConfigLevel::Global,
            git2::ConfigLevel::XDG,
        ] {
            // SAFETY: `Once` makes all other callers wait, and every repository of a server is
            // opened after this.
            unsafe { git2::opts::set_search_path(level, "/nowhere") }.expect("a search path");
        }
    });
}
