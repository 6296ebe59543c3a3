//! The mirror: one bare repository per forge repository, in our state directory. It contains only
//! the bases that were fetched and the work that was collected, so whether a commit is ours is a
//! question of reachability here.
//!
//! ```text
//!   origin ──fetch──► refs/autoissue/base/<branch>
//!                      refs/autoissue/foreign/issue-<n>/<commit>      heads of our branches that someone else has moved
//!   worktree ─import─► refs/autoissue/salvage/<session>/issue-<n>/attempt-<a>     (worktrees)
//!                      refs/autoissue/published/issue-<n>
//!   refs ──copy_into──► the user's repository: objects and one branch, nothing else
//!        ──push───────► the remote: one branch, if what it held before is ours
//! ```
//!
//! Objects are never pruned automatically (`gc.auto=0`): private clones borrow them. The mirror
//! must not run git in a directory that an agent could write to, and knows nothing about sessions
//! except their names.

mod changes;
mod configuration;
mod conflict_markers;
mod copy;
mod foreign;
mod import;
mod kept;
mod large_files;
mod push;
#[cfg(test)]
mod tests;
mod tree_size;

pub use changes::{Changes, FileChange};
pub use copy::CopyError;
pub(crate) use copy::repository_containing;
pub use kept::bytes_below;
#[cfg(test)]
pub(super) use large_files::OBJECT_BYTES_MAX;
pub use large_files::UploadError;
pub use push::{PushError, Pushed};

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git2::{ObjectType, Oid, Repository, RepositoryInitOptions, Signature, Sort};

use crate::commit_id::{CommitId, NotACommitId};
use crate::library_error::LibraryError;
use crate::program::{Git, GitError};
use crate::remote::LS_REMOTE;
pub(super) use configuration::Configuration;

/// Most open repositories that are kept for reuse: about as many as are used at once on an ordinary
/// machine.
const N_IDLE_MAX: usize = 8;

const BASES: &str = "refs/autoissue/base/";
/// Heads that a base branch had before it was rewound: they still do not count as ours.
const REWOUND: &str = "refs/autoissue/rewound/";
const SALVAGE: &str = "refs/autoissue/salvage/";
const PUBLISHED: &str = "refs/autoissue/published/";

/// Old, harmless defects in many public histories. The user's base must be fetched anyway; an
/// agent's commits must not have them.
const PARDONED_IN_BASES: [&str; 9] = [
    "zeroPaddedFilemode",
    "zeroPaddedDate",
    "badDate",
    "badDateOverflow",
    "badTimezone",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeEmail",
    "missingSpaceBeforeDate",
];

/// A bare repository of ours; cheap to clone, usable from many threads.
#[derive(Debug, Clone)]
pub struct Mirror {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    git: Git,
    /// Two fetches of one branch would conflict on its ref.
    fetching: Mutex<()>,
    idle: Mutex<Vec<Repository>>,
    own: Mutex<Configuration>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mirror").field(&self.path).finish()
    }
}

/// An open repository that returns to the pool when dropped.
pub(super) struct OpenRepository<'m> {
    mirror: &'m Mirror,
    repository: Option<Repository>,
}

impl Deref for OpenRepository<'_> {
    type Target = Repository;
    fn deref(&self) -> &Repository {
        self.repository.as_ref().expect("it is only taken on drop")
    }
}

impl Drop for OpenRepository<'_> {
    fn drop(&mut self) {
        let mut idle = self.mirror.idle();
        if idle.len() < N_IDLE_MAX {
            idle.extend(self.repository.take());
        }
    }
}

/// Why an operation on the mirror failed.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The git library failed.
    #[error("failed to {doing}")]
    Library {
        /// The step, beginning with a verb.
        doing: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file of ours could not be read or written.
    #[error("failed to {doing} `{}`", path.display())]
    Io {
        /// The step, beginning with a verb.
        doing: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A text that should be a commit id is not one.
    #[error(transparent)]
    NotACommitId(#[from] NotACommitId),
    /// There is nothing to merge.
    #[error("there are no commits to merge")]
    NothingToMerge,
}

/// Why a base could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The repository exists, but the branch does not.
    #[error("branch `{branch}` does not exist in `{from}`")]
    BranchMissing {
        /// The branch.
        branch: String,
        /// The repository, without credentials.
        from: String,
    },
    /// The repository cannot be read: no network, no such repository, or no permission.
    #[error("cannot read repository `{from}`")]
    Unreachable {
        /// The repository, without credentials.
        from: String,
        /// Git's error.
        #[source]
        source: GitError,
    },
    /// The repository answers, but the fetch failed.
    #[error("failed to fetch `{branch}` from `{from}`")]
    Failed {
        /// The branch.
        branch: String,
        /// The repository, without credentials.
        from: String,
        /// Git's error.
        #[source]
        source: GitError,
    },
    /// The mirror itself failed.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl FetchError {
    /// Returns what the user can do about it, unless git's error already says it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => Some(LS_REMOTE),
            Self::BranchMissing { .. } => Some("set `project.baseBranch` to an existing branch"),
            Self::Failed { .. } | Self::Mirror(_) => None,
        }
    }
}

/// Files whose changes in two commits conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeConflict {
    /// Their paths, sorted; a name that is not UTF-8 contains replacement characters.
    pub files: Vec<String>,
}

/// A piece of salvaged work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvage {
    /// The session that created it.
    pub session: String,
    /// Its issue.
    pub issue: u64,
    /// The part after `issue-<n>/`: `attempt-<a>`, or `attempt-<a>-leftover-<hash>`.
    pub name: String,
    /// The full name of the ref.
    pub reference: String,
    /// The commit it points to.
    pub commit: CommitId,
}

impl Mirror {
    /// Opens the mirror at `path`, creating or completing it if needed.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn open(path: &Path, git: Git) -> Result<Mirror, MirrorError> {
        Mirror::open_with(path, git, Configuration::default())
    }

    /// Like [`open`](Mirror::open), with what another process of ours knows about the repository.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub(super) fn open_with(
        path: &Path,
        git: Git,
        configuration: Configuration,
    ) -> Result<Mirror, MirrorError> {
        // Each object was verified when it was imported, or is created here. Hashing it again on
        // each read costs more than reading it; git does not do that either.
        git2::opts::strict_hash_verification(false);
        let repository = match Repository::open_bare(path) {
            Ok(repository) => repository,
            // Missing, or incomplete after a crash: initialising it again keeps existing data.
            Err(_) => Repository::init_opts(
                path,
                RepositoryInitOptions::new()
                    .bare(true)
                    .mkpath(true)
                    .external_template(false),
            )
            .doing(|| format!("create the mirror `{}`", path.display()))?,
        };
        drop(repository);
        let path = path
            .canonicalize()
            .map_err(|source| io_error("resolve", path, source))?;
        let mirror = Mirror {
            inner: Arc::new(Inner {
                path,
                git,
                fetching: Mutex::new(()),
                idle: Mutex::default(),
                own: Mutex::new(configuration),
            }),
        };
        mirror
            .renew_configuration()
            .map_err(|source| io_error("configure the mirror", mirror.path(), source))?;
        Ok(mirror)
    }

    /// Returns the absolute path of the bare repository.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Copies the filters (LFS, encryption) and the Git LFS settings that only the user's
    /// repository configures, so that ours converts files as the user's git does. Those of the
    /// user's own configuration apply everywhere anyway.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn take_filters(&self, user_repository: &Path) -> Result<(), MirrorError> {
        let doing = || format!("copy the filters of `{}`", user_repository.display());
        let user = copy::repository_containing(user_repository).doing(doing)?;
        let theirs = filters_of(&user).doing(doing)?;
        let of_lfs = large_files::settings_of(&user).doing(doing)?;
        {
            let mut own = self.own();
            (own.filters, own.lfs_of_user) = (theirs, of_lfs);
        }
        self.renew_configuration()
            .map_err(|source| io_error("configure the mirror", self.path(), source))
    }

    /// Returns what this process knows about the repository.
    pub(super) fn configuration(&self) -> Configuration {
        self.own().clone()
    }

    /// Returns the filters that were copied: keys and values of git's configuration.
    pub fn filters(&self) -> BTreeMap<String, String> {
        self.own().filters.clone()
    }

    /// Fetches a *base* branch from a repository (absolute path or URL) and returns its head. `env`
    /// contains credentials. A branch of ours must not be fetched this way: commits reachable from
    /// a base never count as ours.
    ///
    /// # Errors
    /// [`FetchError`].
    pub fn fetch(
        &self,
        source: &str,
        branch: &str,
        env: &[(String, String)],
    ) -> Result<CommitId, FetchError> {
        let _one_at_a_time = self
            .inner
            .fetching
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = self.base(branch)?;
        self.own().source = Some(without_password(source));
        self.fetch_into(source, branch, &format!("{BASES}{branch}"), env)?;
        let head = self
            .base(branch)?
            .ok_or_else(|| branch_missing(source, branch))?;
        self.keep_rewound(before, &head)?;
        self.note_lfsconfig(&head)?;
        Ok(head)
    }

    /// Fetches a branch of a repository into a ref of ours.
    fn fetch_into(
        &self,
        source: &str,
        branch: &str,
        reference: &str,
        env: &[(String, String)],
    ) -> Result<(), FetchError> {
        let pardons: Vec<String> = PARDONED_IN_BASES
            .iter()
            .map(|fault| format!("fetch.fsck.{fault}=ignore"))
            .collect();
        let refspec = format!("+refs/heads/{branch}:{reference}");
        let mut args: Vec<&str> = pardons.iter().flat_map(|pardon| ["-c", pardon]).collect();
        args.extend([
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--update-shallow",
        ]);
        args.extend(["--", source, &refspec]);
        let fetched = self.run_git(self.path(), &args, env, None);
        fetched
            .map(|_| ())
            .map_err(|error| self.why_not_fetched(source, branch, env, error))
    }

    /// Copies what the user's checkout has of a base branch of its remote, if nothing was fetched
    /// yet. Then only newer objects have to be downloaded, instead of all of them.
    pub fn borrow_base(&self, checkout: &Path, branch: &str) {
        if !matches!(self.base(branch), Ok(None)) {
            return;
        }
        let checkout = checkout.to_string_lossy();
        let refspec = format!("+refs/remotes/origin/{branch}:{BASES}{branch}");
        let none: [(&str, &str); 0] = [];
        let args = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--update-shallow",
            "--",
            &checkout,
            &refspec,
        ];
        if let Err(error) = self.run_git(self.path(), &args, &none, None) {
            tracing::debug!(%error, "failed to copy the base branch from the checkout");
        }
    }

    /// Returns the head of a branch in a repository on this machine; `None` if it does not exist or
    /// cannot be read.
    pub fn head_in(&self, repository: &Path, branch: &str) -> Option<CommitId> {
        let repository = copy::repository_containing(repository).ok()?;
        let head = repository.refname_to_id(&format!("refs/heads/{branch}"));
        head.ok().map(CommitId::from)
    }

    /// Returns the head of a base branch as it was last fetched.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn base(&self, branch: &str) -> Result<Option<CommitId>, MirrorError> {
        self.read_ref(&format!("{BASES}{branch}"))
    }

    /// Returns whether the commit is in the mirror.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn has_commit(&self, commit: &CommitId) -> Result<bool, MirrorError> {
        Ok(self.repository()?.find_commit(commit.oid()).is_ok())
    }

    /// Returns whether the commit is our work: in the mirror, not reachable from any base that was
    /// ever fetched, and not seen as someone else's.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn is_ours(&self, commit: &CommitId) -> Result<bool, MirrorError> {
        let repository = self.repository()?;
        let commit = commit.oid();
        if repository.find_commit(commit).is_err() {
            return Ok(false);
        }
        for prefix in [BASES, REWOUND] {
            for (_, base) in refs_below(&repository, prefix)? {
                if base == commit || self.descends(&base.into(), &commit.into())? {
                    return Ok(false);
                }
            }
        }
        Ok(!self.is_foreign(&commit.into())?)
    }

    /// Writes a salvage ref, replacing one with the same name, and returns its full name.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn salvage(
        &self,
        session: &str,
        issue: u64,
        name: &str,
        commit: &CommitId,
    ) -> Result<String, MirrorError> {
        let reference = salvage_ref(session, issue, name);
        self.write_ref(&reference, commit)?;
        Ok(reference)
    }

    /// Returns the salvaged work in the mirror at `path`, sorted by ref; nothing is created or
    /// changed.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn salvaged_at(path: &Path) -> Result<Vec<Salvage>, MirrorError> {
        let repository = Repository::open_bare(path)
            .doing(|| format!("open the mirror `{}`", path.display()))?;
        let found = refs_below(&repository, SALVAGE)?;
        Ok(found
            .into_iter()
            .filter_map(|(name, oid)| parse_salvage(&name, oid))
            .collect())
    }

    /// Returns all salvaged work of all sessions, sorted by ref.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn salvaged(&self) -> Result<Vec<Salvage>, MirrorError> {
        let repository = self.repository()?;
        let found = refs_below(&repository, SALVAGE)?;
        Ok(found
            .into_iter()
            .filter_map(|(name, oid)| parse_salvage(&name, oid))
            .collect())
    }

    /// Returns the salvaged work of one issue in one session, sorted by ref.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn salvaged_of(&self, session: &str, issue: u64) -> Result<Vec<Salvage>, MirrorError> {
        let repository = self.repository()?;
        let found = refs_below(&repository, &salvage_ref(session, issue, ""))?;
        Ok(found
            .into_iter()
            .filter_map(|(name, oid)| parse_salvage(&name, oid))
            .collect())
    }

    /// Returns the commit of one salvage ref, if it exists.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn salvaged_commit(
        &self,
        session: &str,
        issue: u64,
        name: &str,
    ) -> Result<Option<CommitId>, MirrorError> {
        self.read_ref(&salvage_ref(session, issue, name))
    }

    /// Deletes a salvage ref; a missing one is not an error.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn delete_salvage(&self, session: &str, issue: u64, name: &str) -> Result<(), MirrorError> {
        let repository = self.repository()?;
        let name = salvage_ref(session, issue, name);
        match repository.find_reference(&name) {
            Ok(mut reference) => reference.delete().doing(|| format!("delete ref `{name}`")),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(()),
            Err(error) => Err(error).doing(|| format!("read ref `{name}`")),
        }
    }

    /// Records the commit that was published for an issue.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn set_published(&self, issue: u64, commit: &CommitId) -> Result<(), MirrorError> {
        self.write_ref(&format!("{PUBLISHED}issue-{issue}"), commit)
    }

    /// Returns the commit that was last published for an issue.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn published(&self, issue: u64) -> Result<Option<CommitId>, MirrorError> {
        self.read_ref(&format!("{PUBLISHED}issue-{issue}"))
    }

    /// Merges commits in order and returns the result; the same commits always give the same
    /// result. A commit that another one contains adds nothing.
    ///
    /// # Errors
    /// [`MirrorError`]; a conflict is a result, not an error.
    pub fn merge(
        &self,
        commits: &[CommitId],
    ) -> Result<Result<CommitId, MergeConflict>, MirrorError> {
        let repository = self.repository()?;
        let (first, rest) = commits.split_first().ok_or(MirrorError::NothingToMerge)?;
        let mut merged = first.oid();
        for next in rest {
            match merge_two(&repository, merged, next.oid())? {
                Ok(commit) => merged = commit,
                Err(conflict) => return Ok(Err(conflict)),
            }
        }
        Ok(Ok(merged.into()))
    }

    /// Returns the changes from `base` to `commit`, reading sizes before contents.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn changes(&self, base: &CommitId, commit: &CommitId) -> Result<Changes, MirrorError> {
        let repository = self.repository()?;
        let tree_of = |id: &CommitId| {
            repository
                .find_commit(id.oid())
                .and_then(|commit| commit.tree())
                .doing(|| format!("read the tree of {id}"))
        };
        changes::between(&repository, &tree_of(base)?, &tree_of(commit)?)
    }

    /// Returns the commits that a commit has and `base` has not, each after its parents, with the
    /// first lines of their messages; at most `n_max`, the newest.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub fn subjects(
        &self,
        base: &CommitId,
        commit: &CommitId,
        n_max: usize,
    ) -> Result<Vec<(CommitId, String)>, MirrorError> {
        let repository = self.repository()?;
        let ids = self.commits(base, commit)?;
        let newest = &ids[ids.len().saturating_sub(n_max)..];
        newest
            .iter()
            .map(|id| {
                let found = repository
                    .find_commit(*id)
                    .doing(|| format!("read commit {id}"))?;
                let subject = String::from_utf8_lossy(found.summary_bytes().unwrap_or_default());
                Ok(((*id).into(), subject.into_owned()))
            })
            .collect()
    }

    /// Returns the files, at most 20, in which the commit adds a complete block of conflict
    /// markers.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub(super) fn conflict_markers(
        &self,
        base: &CommitId,
        commit: &CommitId,
    ) -> Result<Vec<String>, MirrorError> {
        let repository = self.repository()?;
        let tree_of = |id: &CommitId| {
            repository
                .find_commit(id.oid())
                .and_then(|commit| commit.tree())
                .doing(|| format!("read the tree of {id}"))
        };
        conflict_markers::between(&repository, &tree_of(base)?, &tree_of(commit)?)
    }

    /// Returns whether a commit is small enough to be read: at most a million files more than its
    /// base.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub(super) fn is_readable(
        &self,
        base: &CommitId,
        commit: &CommitId,
    ) -> Result<bool, MirrorError> {
        let repository = self.repository()?;
        let tree_of = |id: &CommitId| Ok(repository.find_commit(id.oid())?.tree_id());
        let counted = tree_of(base)
            .and_then(|base| tree_size::is_readable(&repository, base, tree_of(commit)?));
        counted.doing(|| format!("count the files of {commit}"))
    }

    pub(super) fn git(&self) -> &Git {
        &self.inner.git
    }

    /// Runs git with the mirror's own configuration, which is written first.
    pub(super) fn run_git<A: AsRef<OsStr>, K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &self,
        dir: &Path,
        args: &[A],
        env: &[(K, V)],
        stdin: Option<&[u8]>,
    ) -> Result<Vec<u8>, GitError> {
        self.configured()?;
        self.git().run(dir, args, env, stdin)
    }

    /// Writes the mirror's configuration for a run of git.
    fn configured(&self) -> Result<(), GitError> {
        self.renew_configuration()
            .map_err(|source| GitError::Start {
                command: "git with our own configuration".to_owned(),
                dir: self.path().to_owned(),
                source,
            })
    }

    /// Returns whether a commit has another one among its ancestors, excluding itself.
    pub(super) fn descends(&self, commit: &CommitId, from: &CommitId) -> Result<bool, MirrorError> {
        let repository = self.repository()?;
        let doing = || format!("look for {from} below {commit}");
        if !repository.is_shallow() {
            return repository
                .graph_descendant_of(commit.oid(), from.oid())
                .doing(doing);
        }
        // libgit2 looks for parents that a shallow repository does not have.
        let none: [(&str, &str); 0] = [];
        match self.run_git(
            self.path(),
            &[
                "merge-base",
                "--is-ancestor",
                from.as_str(),
                commit.as_str(),
            ],
            &none,
            None,
        ) {
            Ok(_) => Ok(commit != from),
            Err(GitError::Failed { code: Some(1), .. }) => Ok(false),
            Err(error) => Err(MirrorError::Library {
                doing: doing(),
                source: Box::new(error),
            }),
        }
    }

    /// Returns the number of commits reachable from a commit but not from `base`.
    pub(super) fn n_commits(
        &self,
        base: &CommitId,
        commit: &CommitId,
    ) -> Result<usize, MirrorError> {
        let repository = self.repository()?;
        let doing = || format!("count the commits from {base} to {commit}");
        if !repository.is_shallow() {
            return Ok(repository
                .graph_ahead_behind(commit.oid(), base.oid())
                .doing(doing)?
                .0);
        }
        let none: [(&str, &str); 0] = [];
        let range = format!("{base}..{commit}");
        let counted = self.run_git(self.path(), &["rev-list", "--count", &range], &none, None);
        let counted = counted.map_err(|error| MirrorError::Library {
            doing: doing(),
            source: Box::new(error),
        })?;
        Ok(String::from_utf8_lossy(&counted)
            .trim()
            .parse()
            .unwrap_or_default())
    }

    /// Returns the commits that a commit has and `base` has not, each after its parents.
    pub(super) fn commits(
        &self,
        base: &CommitId,
        commit: &CommitId,
    ) -> Result<Vec<Oid>, MirrorError> {
        let repository = self.repository()?;
        let doing = || format!("list the commits from {base} to {commit}");
        if !repository.is_shallow() {
            let walk = || {
                let mut walk = repository.revwalk()?;
                walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
                walk.push(commit.oid())?;
                walk.hide(base.oid())?;
                walk.collect::<Result<Vec<Oid>, git2::Error>>()
            };
            return walk().doing(doing);
        }
        let none: [(&str, &str); 0] = [];
        let range = format!("{base}..{commit}");
        let args = ["rev-list", "--topo-order", "--reverse", &range];
        let listed = self.run_git(self.path(), &args, &none, None);
        let listed = listed.map_err(|error| MirrorError::Library {
            doing: doing(),
            source: Box::new(error),
        })?;
        let ids = String::from_utf8_lossy(&listed);
        let ids: Result<Vec<Oid>, _> = ids.lines().map(Oid::from_str).collect();
        ids.doing(doing)
    }

    /// Takes an open repository from the pool, opening one (about 60 system calls) if it is empty.
    /// The handle is exclusive; its configuration must not be changed.
    pub(super) fn repository(&self) -> Result<OpenRepository<'_>, MirrorError> {
        let idle = self.idle().pop();
        let repository = idle.map_or_else(|| self.open_anew(), Ok)?;
        Ok(OpenRepository {
            mirror: self,
            repository: Some(repository),
        })
    }

    /// Opens the repository for a caller that changes its configuration.
    pub(super) fn open_anew(&self) -> Result<Repository, MirrorError> {
        Repository::open_bare(self.path())
            .doing(|| format!("open the mirror `{}`", self.path().display()))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Repository>> {
        // The pool is valid even if a holder panicked: handles are only pushed and popped.
        self.inner
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the URL that bases are fetched from, without credentials; submodules and LFS resolve
    /// their URLs against it.
    pub(super) fn source(&self) -> Option<String> {
        self.own().source.clone()
    }

    /// Queries the repository again, because exit codes distinguish the reasons and messages do
    /// not.
    fn why_not_fetched(
        &self,
        source: &str,
        branch: &str,
        env: &[(String, String)],
        error: GitError,
    ) -> FetchError {
        let from = crate::program::redact(source);
        if !matches!(error, GitError::Failed { .. }) {
            return FetchError::Failed {
                branch: branch.to_owned(),
                from,
                source: error,
            };
        }
        let head = format!("refs/heads/{branch}");
        let args = ["ls-remote", "--exit-code", "--", source, &head];
        let asked = self.run_git(self.path(), &args, env, None);
        match asked {
            Err(GitError::Failed { code: Some(2), .. }) => branch_missing(source, branch),
            Err(GitError::Failed { .. }) => FetchError::Unreachable {
                from,
                source: error,
            },
            Ok(_) | Err(_) => FetchError::Failed {
                branch: branch.to_owned(),
                from,
                source: error,
            },
        }
    }

    /// Keeps the head that a base had before it was rewound, so that it still does not count as
    /// ours.
    fn keep_rewound(&self, before: Option<CommitId>, head: &CommitId) -> Result<(), MirrorError> {
        let Some(before) = before.filter(|before| before != head) else {
            return Ok(());
        };
        let went_on = self.descends(head, &before)?;
        if went_on {
            Ok(())
        } else {
            self.write_ref(&format!("{REWOUND}{before}"), &before)
        }
    }

    fn read_ref(&self, name: &str) -> Result<Option<CommitId>, MirrorError> {
        match self.repository()?.refname_to_id(name) {
            Ok(oid) => Ok(Some(oid.into())),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).doing(|| format!("read ref `{name}`")),
        }
    }

    fn write_ref(&self, name: &str, commit: &CommitId) -> Result<(), MirrorError> {
        let written = self
            .repository()?
            .reference(name, commit.oid(), true, "autoissue")
            .map(|_| ());
        written.doing(|| format!("write ref `{name}` to {commit}"))
    }
}

/// Names the operation that failed in the git library.
pub(super) trait LibraryStep<T> {
    /// Wraps the library's error.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, MirrorError>;
}

impl<T> LibraryStep<T> for Result<T, git2::Error> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, MirrorError> {
        self.map_err(|error| MirrorError::Library {
            doing: what(),
            source: Box::new(LibraryError::from(error)),
        })
    }
}

fn io_error(doing: &'static str, path: &Path, source: io::Error) -> MirrorError {
    MirrorError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}

fn local_config(repository: &Repository) -> Result<git2::Config, git2::Error> {
    repository.config()?.open_level(git2::ConfigLevel::Local)
}

/// Returns the filters that a repository itself configures; of several values, the last one wins.
fn filters_of(repository: &Repository) -> Result<BTreeMap<String, String>, git2::Error> {
    let config = local_config(repository)?;
    let mut filters = BTreeMap::new();
    config.entries(Some(r"^filter\."))?.for_each(|entry| {
        if let (Ok(key), Ok(value)) = (entry.name(), entry.value()) {
            filters.insert(key.to_owned(), value.to_owned());
        }
    })?;
    Ok(filters)
}

fn branch_missing(source: &str, branch: &str) -> FetchError {
    FetchError::BranchMissing {
        branch: branch.to_owned(),
        from: crate::program::redact(source),
    }
}

/// Returns the refs below a prefix with their targets, sorted; broken refs are left out.
fn refs_below(repository: &Repository, prefix: &str) -> Result<Vec<(String, Oid)>, MirrorError> {
    let glob = format!("{prefix}*");
    let found = repository
        .references_glob(&glob)
        .doing(|| format!("list `{glob}`"))?;
    let mut refs = Vec::new();
    for reference in found {
        let reference = reference.doing(|| format!("list `{glob}`"))?;
        if let (Ok(name), Some(oid)) = (reference.name(), reference.target()) {
            refs.push((name.to_owned(), oid));
        }
    }
    refs.sort();
    Ok(refs)
}

fn salvage_ref(session: &str, issue: u64, name: &str) -> String {
    format!("{SALVAGE}{session}/issue-{issue}/{name}")
}

fn parse_salvage(reference: &str, oid: Oid) -> Option<Salvage> {
    let mut parts = reference.strip_prefix(SALVAGE)?.splitn(3, '/');
    let (session, issue, name) = (parts.next()?, parts.next()?, parts.next()?);
    let issue = issue.strip_prefix("issue-")?.parse().ok()?;
    Some(Salvage {
        session: session.to_owned(),
        issue,
        name: name.to_owned(),
        reference: reference.to_owned(),
        commit: oid.into(),
    })
}

/// Returns the URL without a password; the user of an `ssh` URL is kept.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let host_end = rest.find('/').unwrap_or(rest.len());
    let Some(at) = rest[..host_end].rfind('@') else {
        return url.to_owned();
    };
    let user = if scheme.starts_with("http") {
        ""
    } else {
        rest[..at].split(':').next().unwrap_or_default()
    };
    let separator = if user.is_empty() { "" } else { "@" };
    format!("{scheme}://{user}{separator}{}", &rest[at + 1..])
}

fn merge_two(
    repository: &Repository,
    ours: Oid,
    theirs: Oid,
) -> Result<Result<Oid, MergeConflict>, MirrorError> {
    let doing = || format!("merge {theirs} into {ours}");
    if ours == theirs || repository.graph_descendant_of(ours, theirs).doing(doing)? {
        return Ok(Ok(ours));
    }
    if repository.graph_descendant_of(theirs, ours).doing(doing)? {
        return Ok(Ok(theirs));
    }
    let (ours, theirs) = (
        repository.find_commit(ours).doing(doing)?,
        repository.find_commit(theirs).doing(doing)?,
    );
    let mut index = repository
        .merge_commits(&ours, &theirs, None)
        .doing(doing)?;
    if index.has_conflicts() {
        return Ok(Err(MergeConflict {
            files: conflicting(&index).doing(doing)?,
        }));
    }
    let tree = index
        .write_tree_to(repository)
        .and_then(|tree| repository.find_tree(tree))
        .doing(doing)?;
    // The time comes from the parents, so that repeating the merge gives the same commit.
    let when = ours.committer().when().max(theirs.committer().when());
    let author = Signature::new("autoissue", "autoissue@localhost", &when).doing(doing)?;
    let message = format!("Merge {} into {}\n", theirs.id(), ours.id());
    repository
        .commit(None, &author, &author, &message, &tree, &[&ours, &theirs])
        .map(Ok)
        .doing(doing)
}

fn conflicting(index: &git2::Index) -> Result<Vec<String>, git2::Error> {
    let mut files = Vec::new();
    for conflict in index.conflicts()? {
        let conflict = conflict?;
        let sides = [conflict.our, conflict.their, conflict.ancestor];
        files.extend(
            sides
                .into_iter()
                .flatten()
                .map(|entry| String::from_utf8_lossy(&entry.path).into_owned()),
        );
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Returns the type of an object in a commit's closure; gitlinks point outside of the repository
/// and are not followed.
fn kind_of_entry(entry: &git2::TreeEntry<'_>) -> Option<ObjectType> {
    entry
        .kind()
        .filter(|kind| matches!(kind, ObjectType::Blob | ObjectType::Tree))
}
