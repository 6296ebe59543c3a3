//! Writes one branch into the user's own repository: the missing objects, then the ref, and nothing
//! else.
//!
//! Objects are written children first, so that an existing commit always has everything it needs,
//! even after a crash in between. Git LFS objects are written before the ref.

use std::fs;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Odb, Oid, Repository, RepositoryOpenFlags};

use super::{CommitId, LibraryStep, Mirror, MirrorError, kind_of_entry};

/// Why a branch was not written into the user's repository.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The branch exists and contains foreign work.
    #[error("branch `{branch}` in `{}` is at {head}, which autoissue did not create; rename it (`git branch -m {branch} NAME`) or delete it, then run again", repository.display())]
    NotOurs {
        /// The branch.
        branch: String,
        /// Its head.
        head: CommitId,
        /// The repository.
        repository: PathBuf,
    },
    /// The branch is checked out; moving it would confuse its working directory.
    #[error("branch `{branch}` is checked out at `{}`; switch to another branch there, then run again", at.display())]
    CheckedOut {
        /// The branch.
        branch: String,
        /// The checkout, or its git directory if only that is known.
        at: PathBuf,
    },
    /// A branch is named like the parent directory of our branches, so git cannot create them.
    #[error(
        "branch `{branch}` prevents creating `{branch}/…`; rename it (`git branch -m {branch} NAME`), then run again"
    )]
    InTheWay {
        /// The conflicting branch.
        branch: String,
    },
    /// A file is stored in Git LFS, but its object is missing.
    #[error(
        "the Git LFS object of `{path}` is missing: the work refers to it, but neither its worktree nor the base contains it"
    )]
    LargeFileMissing {
        /// The file.
        path: String,
    },
    /// The commit is not in the mirror.
    #[error("commit {commit} is not in the mirror")]
    NoSuchCommit {
        /// The commit.
        commit: CommitId,
    },
    /// The mirror or the user's repository failed.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl Mirror {
    /// Writes `commit` as branch `branch` into the repository that contains `user_repository`.
    /// Repeating it changes nothing.
    ///
    /// # Errors
    /// [`CopyError`]; in each case the repository is unchanged, except perhaps for some
    /// unreferenced objects.
    pub fn copy_into(
        &self,
        commit: &CommitId,
        user_repository: &Path,
        branch: &str,
    ) -> Result<(), CopyError> {
        let user = open_containing(user_repository)?;
        let name = format!("refs/heads/{branch}");
        let head = self.head_to_replace(&user, user_repository, branch, Some(commit))?;
        if head == Some(commit.oid()) {
            return Ok(());
        }
        self.copy_objects(commit, &user)?;
        self.copy_large_files(commit, &user)?;
        Ok(move_branch(&user, &name, head, commit)?)
    }

    /// Checks whether [`Mirror::copy_into`] could write a branch, before any work is done for it.
    ///
    /// # Errors
    /// Like [`Mirror::copy_into`].
    pub fn check_place(&self, user_repository: &Path, branch: &str) -> Result<(), CopyError> {
        let user = open_containing(user_repository)?;
        self.head_to_replace(&user, user_repository, branch, None)
            .map(|_| ())
    }

    /// Returns the current head of the branch if it may be moved, or if it is at `wanted` already.
    fn head_to_replace(
        &self,
        user: &Repository,
        user_repository: &Path,
        branch: &str,
        wanted: Option<&CommitId>,
    ) -> Result<Option<Oid>, CopyError> {
        let name = format!("refs/heads/{branch}");
        let parents = branch.match_indices('/').map(|(at, _)| &branch[..at]);
        if let Some(parent) = parents
            .into_iter()
            .find(|at| user.refname_to_id(&format!("refs/heads/{at}")).is_ok())
        {
            return Err(CopyError::InTheWay {
                branch: parent.to_owned(),
            });
        }
        let head = match user.refname_to_id(&name) {
            Ok(head) => Some(head),
            Err(error) if error.code() == git2::ErrorCode::NotFound => None,
            Err(error) => Err(error)
                .doing(|| format!("read branch `{branch}` of `{}`", user_repository.display()))?,
        };
        if head.is_some() && head == wanted.map(CommitId::oid) {
            return Ok(head);
        }
        if let Some(at) = checked_out_at(user, &name) {
            return Err(CopyError::CheckedOut {
                branch: branch.to_owned(),
                at,
            });
        }
        if let Some(head) = head.map(CommitId::from)
            && !self.is_ours(&head)?
        {
            return Err(CopyError::NotOurs {
                branch: branch.to_owned(),
                head,
                repository: user_repository.to_owned(),
            });
        }
        Ok(head)
    }

    fn copy_objects(&self, commit: &CommitId, user: &Repository) -> Result<(), CopyError> {
        let mirror = self.repository()?;
        if mirror.find_commit(commit.oid()).is_err() {
            return Err(CopyError::NoSuchCommit {
                commit: commit.clone(),
            });
        }
        let open = |repository: &Repository| repository.path().display().to_string();
        let from = mirror
            .odb()
            .doing(|| format!("open the objects of `{}`", open(&mirror)))?;
        let to = user
            .odb()
            .doing(|| format!("open the objects of `{}`", open(user)))?;
        Ok(copy_closure(&mirror, &from, &to, commit.oid())?)
    }
}

fn open_containing(path: &Path) -> Result<Repository, MirrorError> {
    repository_containing(path).doing(|| format!("open the repository of `{}`", path.display()))
}

/// Opens the repository that contains a directory, with its working directory even if its git
/// directory is elsewhere.
pub(crate) fn repository_containing(directory: &Path) -> Result<Repository, git2::Error> {
    let no_ceiling: [&Path; 0] = [];
    Repository::open_ext(directory, RepositoryOpenFlags::CROSS_FS, no_ceiling)
}

/// Moves the branch only if its head has not changed since.
fn move_branch(
    user: &Repository,
    name: &str,
    head: Option<Oid>,
    commit: &CommitId,
) -> Result<(), MirrorError> {
    let moved = match head {
        Some(head) => {
            user.reference_matching(name, commit.oid(), true, head, "autoissue: collected work")
        }
        None => user.reference(name, commit.oid(), false, "autoissue: collected work"),
    };
    moved
        .map(|_| ())
        .doing(|| format!("move `{name}` of `{}` to {commit}", user.path().display()))
}

/// Copies an object and everything it refers to, unless the destination has it. Uses an explicit
/// stack, because a hostile tree may be deeply nested.
fn copy_closure(
    mirror: &Repository,
    from: &Odb<'_>,
    to: &Odb<'_>,
    root: Oid,
) -> Result<(), MirrorError> {
    let mut stack = vec![(root, false)];
    while let Some((oid, children_done)) = stack.pop() {
        if to.exists(oid) {
            continue;
        }
        let doing = || format!("copy object {oid}");
        let object = from.read(oid).doing(doing)?;
        if children_done || object.kind() == ObjectType::Blob {
            let written = to.write(object.kind(), object.data()).doing(doing)?;
            if written != oid {
                let damaged = git2::Error::from_str("the mirror's copy is damaged");
                return Err(damaged).doing(doing);
            }
            continue;
        }
        stack.push((oid, true));
        stack.extend(
            children(mirror, oid, object.kind())
                .doing(doing)?
                .into_iter()
                .map(|child| (child, false)),
        );
    }
    Ok(())
}

fn children(mirror: &Repository, oid: Oid, kind: ObjectType) -> Result<Vec<Oid>, git2::Error> {
    if kind == ObjectType::Commit {
        let commit = mirror.find_commit(oid)?;
        return Ok(commit.parent_ids().chain([commit.tree_id()]).collect());
    }
    let tree = mirror.find_tree(oid)?;
    Ok(tree
        .iter()
        .filter(|entry| kind_of_entry(entry).is_some())
        .map(|entry| entry.id())
        .collect())
}

/// Returns where a branch is checked out: in the repository itself or in one of its linked
/// worktrees.
fn checked_out_at(user: &Repository, name: &str) -> Option<PathBuf> {
    let common = user.commondir();
    let linked = fs::read_dir(common.join("worktrees"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let at = [common.to_owned()]
        .into_iter()
        .chain(linked)
        .find(|dir| head_is(dir, name))?;
    Some(checkout_of(&at))
}

fn head_is(git_dir: &Path, name: &str) -> bool {
    fs::read_to_string(git_dir.join("HEAD"))
        .is_ok_and(|head| head.strip_prefix("ref:").map(str::trim) == Some(name))
}

/// Returns the directory that people see: a linked worktree's `gitdir` file names its `.git`; a
/// repository's directory contains its `.git`.
fn checkout_of(git_dir: &Path) -> PathBuf {
    let dot_git = fs::read_to_string(git_dir.join("gitdir"))
        .map_or_else(|_| git_dir.to_owned(), |path| PathBuf::from(path.trim()));
    match dot_git.parent() {
        Some(parent) if dot_git.ends_with(".git") => parent.to_owned(),
        _ => dot_git,
    }
}
