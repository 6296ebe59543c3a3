//! The directories in which attempts work: private clones in `<root>/autoissue-issue-<N>`, one per
//! issue (see [`Roots`]).
//!
//! ```text
//!             lease                      agent works                collect                 let go, remove
//!   mirror ──────────► …-issue-<N> ──────────────────► files, .git ─────────► salvage ref ────────────────► directory gone
//!      ▲  objects are borrowed               │                        │ in the mirror
//!      └──── record and index are ours ──────┘ not trusted ───────────┘
//! ```
//!
//! Each clone has its own `.git`, so an agent can neither break another worktree nor plant anything
//! that our git reads: after the lease, git never runs with the configuration found in the
//! directory. Objects return through a gate (`agent_head`), files through a walk and our own index
//! (`snapshot`). Filter programs (LFS) run only if the *base* uses them, and then the user's, with
//! the user's configuration.
//!
//! A directory is only removed once its work is on a ref of the mirror. A directory without a
//! record of ours belongs to someone else: it is moved aside if it is in the way, and never
//! deleted.

mod agent_head;
mod exclude;
mod fresh_files;
mod ignored;
mod messages;
mod modules_file;
mod prepared;
mod record;
mod removal;
mod roots;
mod snapshot;
mod submodule;
#[cfg(test)]
mod tests;

pub use ignored::IGNORED_BYTES_MAX;
pub use roots::{Directory, Roots};
use roots::{KEPT, PREFIX};
pub use snapshot::{FILE_BYTES_MAX, KEPT_BYTES_MAX, WORK_BYTES_MAX, WORK_FILES_MAX};

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use git2::build::CheckoutBuilder;
use git2::{Index, Oid, Repository, RepositoryInitOptions, Signature};
use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

use crate::attributes;
use crate::commit_id::CommitId;
use crate::mirror::{FileChange, LibraryStep, Mirror, MirrorError};
use crate::program::{Git, GitError};
use ignored::Ignored;
use record::{Phase, Record, Records};
use snapshot::{Scene, Snapshot, Take};

/// Largest `.gitattributes` that is searched for filters; no legitimate one is larger.
const ATTRIBUTES_BYTES_MAX: usize = 1 << 20;

/// Other users must not read agents' work.
const ROOT_MODE: u32 = 0o700;

/// Disables index formats that libgit2 cannot read.
const PLAIN_INDEX: [&str; 6] = [
    "-c",
    "index.version=2",
    "-c",
    "index.skipHash=false",
    "-c",
    "core.splitIndex=false",
];

/// A submodule may contain itself; legitimate ones are not nested deeper.
const NESTED_SUBMODULES_PATH_PARTS_MAX: usize = 64;

/// The author of the commit for an agent's uncommitted changes, and of the agent's own commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The email address.
    pub email: String,
}

/// What [`Worktrees::open`] needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Options {
    /// The user's checkout.
    #[serde(with = "super::path_bytes")]
    pub project: PathBuf,
    /// The directories of worktrees.
    pub roots: Roots,
    /// The session's id, usable in a ref.
    pub session: String,
    /// The author of commits.
    pub identity: Identity,
    /// Environment for git commands that may use the network or run the user's filters: submodules
    /// and LFS.
    pub env: Vec<(String, String)>,
    /// Additional environment while a new directory is filled, before an agent has used it:
    /// credentials for the remote.
    pub credentials: Vec<(String, String)>,
    /// Files that agents leave and that never belong in a commit, as patterns of a `.gitignore`
    /// file. They count as ignored, before the repository's own rules.
    pub ignored_paths: Vec<String>,
}

/// The worktrees of one project in one session. Cheap to clone; usable from many threads, as long
/// as each issue is handled by one thread.
#[derive(Debug, Clone)]
pub struct Worktrees {
    mirror: Mirror,
    project: PathBuf,
    session: String,
    identity: Identity,
    env: Vec<(String, String)>,
    credentials: Vec<(String, String)>,
    ignored_paths: Vec<String>,
    /// The directory for new worktrees.
    place: Place,
    /// Other directories that may contain worktrees, which are finished where they are.
    older: Vec<Place>,
    root_is_ready: Arc<Mutex<bool>>,
}

/// A directory of worktrees, and the records of those in it.
#[derive(Debug, Clone)]
struct Place {
    root: PathBuf,
    records: Records,
}

/// A request for an attempt's directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// The issue.
    pub issue: u64,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The commit that the branch starts from; in the mirror.
    pub start: CommitId,
    /// Whether to continue in the existing directory, if it is a clone of ours on exactly that
    /// commit.
    pub keep: bool,
    /// Work on top of the start commit that a new directory starts with; in the mirror.
    pub work: Option<CommitId>,
}

/// A directory that is ready for an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leased {
    /// The directory, absolute.
    #[serde(with = "super::path_bytes")]
    pub path: PathBuf,
    /// The commit that its branch starts from.
    pub base: CommitId,
    /// Whether the directory was kept from the previous attempt.
    pub kept: bool,
    /// The salvage ref of unsaved work that was found in the directory.
    pub leftovers: Option<String>,
}

/// The state of the directory for an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExistingWorktree {
    /// The directory of the previous attempt, which is continued.
    Kept(Leased),
    /// Nothing, or a directory that may be removed.
    Free {
        /// The salvage ref of unsaved work that was found there.
        leftovers: Option<String>,
    },
}

/// A request to collect an attempt's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectRequest {
    /// The issue.
    pub issue: u64,
    /// The attempt.
    pub attempt: u32,
    /// The commit that the work is compared with: the one that was leased.
    pub base: CommitId,
    /// Message of the commit for the agent's uncommitted changes.
    pub message: String,
}

/// The result of an attempt, as git sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Collected {
    /// The files are those of the base, or unchanged since the project's own preparation.
    Nothing {
        /// What was not collected: nested repositories, moved submodules, and names that git
        /// refuses.
        skipped: Vec<String>,
        /// Salvage refs of commits that the agent left on other branches, or stashed.
        strays: Vec<String>,
        /// Files that the agent created and git ignores.
        ignored: Option<IgnoredFiles>,
    },
    /// There is work, and the attempt's salvage ref contains it.
    Work(CollectedWork),
}

/// An attempt's work in the mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedWork {
    /// The commit that contains all of it; a descendant of the base.
    pub commit: CommitId,
    /// The full name of its salvage ref.
    pub salvage: String,
    /// Number of commits since the base.
    pub n_commits: usize,
    /// The changed files, at most 3,000.
    pub changes: Vec<FileChange>,
    /// Number of changed files, listed or not.
    pub n_files: usize,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// Whether there was too much to list or compare everything.
    pub truncated: bool,
    /// What happened to the agent's own commits.
    pub history: AgentCommits,
    /// What was not collected: nested repositories, moved submodules, and names that git refuses.
    pub skipped: Vec<String>,
    /// Files with an unfinished merge: still unmerged in the agent's index, or with conflict
    /// markers that the base does not have.
    pub conflicts: Vec<String>,
    /// Files that the agent created and git ignores; they are not part of the commit.
    pub ignored: Option<IgnoredFiles>,
}

/// New files that git ignores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredFiles {
    /// The files, or the directories that contain nothing else, sorted.
    pub paths: Vec<String>,
    /// The salvage ref that contains them; `None` if they exceed [`IGNORED_BYTES_MAX`] or contain a
    /// repository: in that case the directory is kept.
    pub salvage: Option<String>,
}

/// Where previously unsaved work is now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The salvage ref.
    pub reference: Option<String>,
    /// The directory under its new name, if a commit of ours cannot contain all of it.
    #[serde(with = "crate::path_bytes::option")]
    pub directory: Option<PathBuf>,
}

impl Saved {
    /// Returns where the work is, for people; `None` if nothing had to be saved.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        let directory = self.directory.as_ref().map(|it| it.display().to_string());
        self.reference.clone().or(directory)
    }
}

/// What happened to the agent's own commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentCommits {
    /// There were none.
    Untouched,
    /// They are part of the work.
    Kept,
    /// They do not descend from the base; the files were collected as one commit on it.
    Rewritten,
    /// They cannot be read, for the given reason; the files were collected as one commit on the
    /// base.
    Unreadable(String),
}

/// A directory of ours, for cleaning up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorktreeEntry {
    /// The issue.
    pub issue: u64,
    /// The session that leased it last.
    pub session: String,
    /// The attempt that leased it last.
    pub attempt: u32,
    /// The commit that its branch starts from.
    pub base: CommitId,
    /// The directory.
    pub path: PathBuf,
    /// Whether the directory exists.
    pub exists: bool,
}

/// Why a worktree could not be created, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    /// The path for worktrees is a file or a link, which could lead anywhere.
    #[error("`{}` is not a directory", path.display())]
    RootNotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// The issue has no worktree of ours, or the agent removed it.
    #[error("issue #{issue} has no worktree at `{}`", path.display())]
    Gone {
        /// The issue.
        issue: u64,
        /// Its expected path.
        path: PathBuf,
    },
    /// The directory contains work that is on no ref of the mirror.
    #[error("`{}` contains unsaved work", path.display())]
    Unsaved {
        /// The directory.
        path: PathBuf,
    },
    /// A file is too large for a pull request; it is still in the directory.
    #[error("`{path}` is too large: {bytes} bytes, at most {FILE_BYTES_MAX} are allowed")]
    TooBig {
        /// The file, relative to the worktree.
        path: String,
        /// Its size, in bytes.
        bytes: u64,
    },
    /// There is too much for a pull request; it is still in the directory.
    #[error(
        "too many changes in `{}`: {n_files} files with {bytes} bytes, at most {WORK_FILES_MAX} files and {WORK_BYTES_MAX} bytes are allowed",
        dir.display()
    )]
    TooMuch {
        /// The worktree.
        dir: PathBuf,
        /// Bytes of all changed files.
        bytes: u64,
        /// Number of changed files.
        n_files: usize,
    },
    /// There is too much to save; it is still in the directory.
    #[error("too many changes to save in `{}`: {bytes} bytes, at most {KEPT_BYTES_MAX} are allowed", dir.display())]
    TooMuchToKeep {
        /// The worktree.
        dir: PathBuf,
        /// Bytes of all changed files.
        bytes: u64,
    },
    /// A submodule could not be initialised.
    #[error("failed to initialise submodule `{path}`")]
    Submodule {
        /// Its path in the repository.
        path: String,
        /// Git's error.
        #[source]
        source: GitError,
    },
    /// The user's filter programs (LFS) failed.
    #[error("failed to run the repository's filters")]
    Filters(#[source] GitError),
    /// Git returned another number of hashes than the number of files.
    #[error("git hashed {got} of {asked} files")]
    Hashes {
        /// Number of files.
        asked: usize,
        /// Number of hashes.
        got: usize,
    },
    /// The git program could not import the agent's commits.
    #[error("failed to import the agent's commits")]
    Git(#[source] GitError),
    /// A file or directory could not be read or written.
    #[error("failed to {doing} `{}`", path.display())]
    Io {
        /// The step, a verb.
        doing: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The mirror failed.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl WorktreeError {
    fn io(doing: &'static str, path: &Path, source: io::Error) -> WorktreeError {
        WorktreeError::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

/// The content of a worktree, read without trusting it.
struct Examined {
    /// The agent's last commit, in the mirror, if it is not the base.
    head: Option<CommitId>,
    /// The commit that the files are collected on: the agent's, or the base.
    parent: CommitId,
    snapshot: Snapshot,
    history: AgentCommits,
}

impl Worktrees {
    /// Opens the worktrees of a project. Nothing is written before the first lease.
    ///
    /// # Errors
    /// [`WorktreeError::Io`] if the project's directory does not exist.
    pub fn open(mirror: Mirror, options: Options) -> Result<Worktrees, WorktreeError> {
        let Options {
            project,
            roots,
            session,
            identity,
            env,
            credentials,
            ignored_paths,
        } = options;
        let project = project
            .canonicalize()
            .map_err(|source| WorktreeError::io("resolve", &project, source))?;
        let place = |root: PathBuf| Place {
            records: Records::of(mirror.path(), &root),
            root,
        };
        let (older, place) = (
            roots.others.into_iter().map(place).collect(),
            place(roots.current),
        );
        Ok(Worktrees {
            mirror,
            project,
            session,
            identity,
            env,
            credentials,
            ignored_paths,
            place,
            older,
            root_is_ready: Arc::default(),
        })
    }

    /// Checks that worktrees can be created, without creating anything, so that problems are found
    /// before any attempt starts.
    ///
    /// # Errors
    /// [`WorktreeError::RootNotADirectory`] if the path is something else; [`WorktreeError::Io`] if
    /// nothing can be created there.
    pub fn check_root(&self) -> Result<(), WorktreeError> {
        let path = &self.place.root;
        if path.symlink_metadata().is_ok() && !is_directory(path) {
            return Err(WorktreeError::RootNotADirectory { path: path.clone() });
        }
        let Some(existing) = path.ancestors().find(|it| it.symlink_metadata().is_ok()) else {
            return Ok(());
        };
        if !existing.is_dir() {
            return Err(WorktreeError::RootNotADirectory {
                path: existing.to_owned(),
            });
        }
        access(existing, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| WorktreeError::io("write in", existing, error.into()))
    }

    /// Returns the directory for new worktrees; it may not exist yet.
    pub fn root(&self) -> &Path {
        &self.place.root
    }

    /// Returns the path that an issue's worktree has or would have.
    #[must_use]
    pub fn path(&self, issue: u64) -> PathBuf {
        self.place_of(issue).root.join(format!("{PREFIX}{issue}"))
    }

    /// Creates the directory for an attempt: [`make_way`](Worktrees::make_way), then
    /// [`fill`](Worktrees::fill).
    ///
    /// # Errors
    /// [`WorktreeError`]; the call can always be repeated.
    pub fn lease(&self, request: &LeaseRequest) -> Result<Leased, WorktreeError> {
        match self.make_way(request)? {
            ExistingWorktree::Kept(leased) => Ok(leased),
            ExistingWorktree::Free { leftovers } => {
                self.discard(request.issue)?;
                Ok(Leased {
                    leftovers,
                    ..self.fill(request)?
                })
            }
        }
    }

    /// Checks the directory of an earlier attempt. With `keep`, it may be continued; otherwise its
    /// work is salvaged, and it may be discarded.
    ///
    /// # Errors
    /// [`WorktreeError`]; the call can always be repeated.
    pub fn make_way(&self, request: &LeaseRequest) -> Result<ExistingWorktree, WorktreeError> {
        self.prepare_root()?;
        let Some(record) = self.records(request.issue).read(request.issue)? else {
            return Ok(ExistingWorktree::Free { leftovers: None });
        };
        if request.keep && self.can_go_on(&record, request) {
            self.records(request.issue).write(&Record {
                prepared: record.prepared,
                modules: record.modules,
                made: record.made,
                ignored_at_collection: record.ignored_at_collection,
                ..self.record(request, Phase::Ready, record.filters)
            })?;
            return Ok(ExistingWorktree::Kept(Leased {
                path: self.path(request.issue),
                base: record.base,
                kept: true,
                leftovers: None,
            }));
        }
        let leftovers = self.save_leftovers(&record)?.reference;
        Ok(ExistingWorktree::Free { leftovers })
    }

    /// Creates a new clone at `start`, once the path is free.
    ///
    /// # Errors
    /// [`WorktreeError`]; the call can always be repeated.
    pub fn fill(&self, request: &LeaseRequest) -> Result<Leased, WorktreeError> {
        self.prepare_root()?;
        // The path for new ones, even if the previous one was elsewhere.
        let path = self.path(request.issue);
        self.move_aside(&path, "not-ours")?;
        self.make(request, &path)?;
        Ok(Leased {
            path,
            base: request.start.clone(),
            kept: false,
            leftovers: None,
        })
    }

    /// Takes an attempt's work into the mirror: the agent's commits, and its uncommitted changes.
    /// Repeating the call gives the same result, even after the directory was released.
    ///
    /// # Errors
    /// [`WorktreeError`]; in that case the directory is unchanged.
    pub fn collect(&self, request: &CollectRequest) -> Result<Collected, WorktreeError> {
        let name = attempt_name(request.attempt);
        let Some(record) = self.present(request.issue)? else {
            return match self
                .mirror
                .salvaged_commit(&self.session, request.issue, &name)?
            {
                Some(commit) => self
                    .describe(request, commit, AgentCommits::Kept, Vec::new(), Vec::new())
                    .map(Collected::Work),
                None => Err(WorktreeError::Gone {
                    issue: request.issue,
                    path: self.path(request.issue),
                }),
            };
        };
        let examined = self.examine(&record, &request.base, Take::Publishable)?;
        self.save_abandoned(&record, &request.base, &examined)?;
        let strays = self.save_strays(&record, &examined)?;
        let ignored = self.save_ignored(&record, &examined)?;
        self.records(request.issue).write(&Record {
            ignored_at_collection: names(&examined.snapshot.ignored),
            ..record
        })?;
        let tree = examined.snapshot.tree;
        if tree == self.tree_of(&request.base)? {
            return Ok(Collected::Nothing {
                skipped: examined.snapshot.skipped,
                strays,
                ignored,
            });
        }
        let before = self
            .mirror
            .salvaged_commit(&self.session, request.issue, &name)?;
        let examined = self.with_harmless_messages(examined, &request.base)?;
        let commit = self.commit(&examined, &request.message, before)?;
        let unmerged = agent_head::unmerged(&self.path(request.issue));
        let Examined {
            history, snapshot, ..
        } = examined;
        let mut work = self.describe(request, commit, history, snapshot.skipped, unmerged)?;
        work.ignored = ignored;
        self.mirror
            .salvage(&self.session, request.issue, &name, &work.commit)?;
        Ok(Collected::Work(work))
    }

    /// Records the files of a new directory: whatever is unchanged later is not an agent's work.
    ///
    /// # Errors
    /// [`WorktreeError`].
    pub fn note_prepared(&self, issue: u64) -> Result<(), WorktreeError> {
        let Some(record) = self.present(issue)? else {
            return Ok(());
        };
        // The current files, regardless of what an earlier preparation left.
        let record = Record {
            prepared: None,
            made: BTreeSet::new(),
            ..record
        };
        let (prepared, modules, made) = match self.examine(&record, &record.base, Take::Publishable)
        {
            Ok(examined) => (
                Some(examined.snapshot.tree.to_string()),
                examined.snapshot.modules,
                names(&examined.snapshot.ignored),
            ),
            // Collecting reports the same error.
            Err(WorktreeError::TooBig { .. } | WorktreeError::TooMuch { .. }) => {
                (None, BTreeMap::new(), BTreeSet::new())
            }
            Err(error) => return Err(error),
        };
        self.records(issue).write(&Record {
            prepared,
            modules,
            made,
            ..record
        })
    }

    /// Records that the checks have run in an issue's directory: ignored files that exist now, but
    /// did not when the work was collected, were created by them.
    ///
    /// # Errors
    /// [`WorktreeError`].
    pub fn note_checked(&self, issue: u64) -> Result<(), WorktreeError> {
        let Some(mut record) = self.present(issue)? else {
            return Ok(());
        };
        let now = self.ignored_names(&record)?;
        let by_checks = now.difference(&record.ignored_at_collection);
        record.made.extend(by_checks.cloned());
        self.records(issue).write(&record)
    }

    /// Records that the checks have run in a directory that no agent has used: the ignored files
    /// there are created by the checks, wherever they run.
    ///
    /// # Errors
    /// [`WorktreeError`].
    pub fn note_made_by_checks(&self, issue: u64) -> Result<(), WorktreeError> {
        let Some(record) = self.present(issue)? else {
            return Ok(());
        };
        let made = self.ignored_names(&record)?;
        self.place.records.write_made_by_checks(&made)
    }

    /// Returns the ignored files of a directory, and the directories that contain nothing else.
    fn ignored_names(&self, record: &Record) -> Result<BTreeSet<String>, WorktreeError> {
        let head =
            agent_head::read(&self.path(record.issue)).unwrap_or_else(|| record.base.clone());
        let base = self.tree_of(&record.base)?;
        let seed = self.tree_of(&head).unwrap_or(base);
        let found = self.look(record, seed, base, Take::Everything, snapshot::ignored)?;
        Ok(names(&found))
    }

    /// Saves everything in the directory, for attempts whose work cannot be collected.
    ///
    /// # Errors
    /// [`WorktreeError`].
    pub fn salvage(&self, issue: u64) -> Result<Saved, WorktreeError> {
        match self.present(issue)? {
            Some(record) => self.save_leftovers(&record),
            None => Ok(Saved::default()),
        }
    }

    /// Checks that removing an issue's directory would lose nothing. That is also true if it is
    /// already gone, or was never ours.
    ///
    /// # Errors
    /// [`WorktreeError::Unsaved`] if it contains work that is on no ref of the mirror.
    pub fn check_saved(&self, issue: u64) -> Result<(), WorktreeError> {
        let Some(record) = self.present(issue)? else {
            return Ok(());
        };
        let examined = self.examine(&record, &record.base, Take::Everything)?;
        if self.is_saved(&record, &examined)? {
            return Ok(());
        }
        Err(WorktreeError::Unsaved {
            path: self.path(issue),
        })
    }

    /// Releases the directory of an issue, unless it contains unsaved work. It still exists, but is
    /// no longer needed; [`remove_finished`](Worktrees::remove_finished) removes it.
    ///
    /// # Errors
    /// Like [`check_saved`](Worktrees::check_saved).
    pub fn let_go(&self, issue: u64) -> Result<(), WorktreeError> {
        self.check_saved(issue)?;
        let records = self.records(issue);
        match records.read(issue)? {
            Some(record) => records.write(&Record {
                phase: Phase::Removing,
                ..record
            }),
            None => Ok(()),
        }
    }

    /// Removes the directory of an issue if it was released.
    ///
    /// # Errors
    /// [`WorktreeError::Io`]; repeating the call continues.
    pub fn remove_finished(&self, issue: u64) -> Result<(), WorktreeError> {
        let record = self.records(issue).read(issue)?;
        record
            .filter(|record| record.phase == Phase::Removing)
            .map_or(Ok(()), |record| self.remove(record))
    }

    /// Removes the directory of an issue with everything in it: either no agent has worked there,
    /// or its work is saved.
    ///
    /// # Errors
    /// [`WorktreeError::Io`]; repeating the call continues.
    pub fn discard(&self, issue: u64) -> Result<(), WorktreeError> {
        self.records(issue)
            .read(issue)?
            .map_or(Ok(()), |record| self.remove(record))
    }

    /// Returns all worktrees of ours in this project, of any session, by issue.
    ///
    /// # Errors
    /// [`WorktreeError`] if the records cannot be read.
    pub fn list(&self) -> Result<Vec<WorktreeEntry>, WorktreeError> {
        let held = self.all_records()?.into_iter().map(
            |Record {
                 issue,
                 session,
                 attempt,
                 base,
                 ..
             }| {
                let path = self.path(issue);
                let exists = fs::symlink_metadata(&path).is_ok();
                WorktreeEntry {
                    issue,
                    session,
                    attempt,
                    base,
                    path,
                    exists,
                }
            },
        );
        Ok(held.collect())
    }

    /// Returns the place of an issue's worktree: the known one, or else the one for new worktrees.
    fn place_of(&self, issue: u64) -> &Place {
        let knows = |place: &&Place| place.records.has(issue);
        std::iter::once(&self.place)
            .chain(&self.older)
            .find(knows)
            .unwrap_or(&self.place)
    }

    fn records(&self, issue: u64) -> &Records {
        &self.place_of(issue).records
    }

    /// Returns the records of all places, by issue; if two places have the same issue, the current
    /// one wins.
    fn all_records(&self) -> Result<Vec<Record>, WorktreeError> {
        let mut all: BTreeMap<u64, Record> = BTreeMap::new();
        for place in std::iter::once(&self.place).chain(&self.older) {
            for record in place.records.all()? {
                all.entry(record.issue).or_insert(record);
            }
        }
        Ok(all.into_values().collect())
    }

    /// Creates the directory of worktrees and hides it from the user's git, once.
    fn prepare_root(&self) -> Result<(), WorktreeError> {
        let mut ready = self
            .root_is_ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *ready {
            return Ok(());
        }
        let root = &self.place.root;
        if let Ok(below) = root.strip_prefix(&self.project) {
            exclude::exclude(&self.project, below)
                .map_err(|source| WorktreeError::io("exclude", root, source))?;
        }
        self.check_root()?;
        DirBuilder::new()
            .recursive(true)
            .mode(ROOT_MODE)
            .create(root)
            .map_err(|source| WorktreeError::io("create", root, source))?;
        *ready = true;
        Ok(())
    }

    /// Checks that the directory of worktrees has not been replaced and leads nowhere else: agents
    /// can write to it.
    fn check_root_of(&self, issue: u64) -> Result<(), WorktreeError> {
        let path = &self.place_of(issue).root;
        match path.canonicalize() {
            Ok(real) if real == *path => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(()),
            _ => Err(WorktreeError::RootNotADirectory { path: path.clone() }),
        }
    }

    /// Returns the record of an issue whose directory exists and may contain work.
    fn present(&self, issue: u64) -> Result<Option<Record>, WorktreeError> {
        self.check_root_of(issue)?;
        let record = self
            .records(issue)
            .read(issue)?
            .filter(|record| record.phase == Phase::Ready);
        Ok(record.filter(|_| is_directory(&self.path(issue))))
    }

    fn can_go_on(&self, record: &Record, request: &LeaseRequest) -> bool {
        let path = self.path(record.issue);
        record.phase == Phase::Ready
            && record.base == request.start
            && is_directory(&path)
            && agent_head::read(&path).is_some()
    }

    fn record(&self, request: &LeaseRequest, phase: Phase, filters: bool) -> Record {
        let LeaseRequest {
            issue,
            attempt,
            start,
            ..
        } = request.clone();
        Record {
            issue,
            session: self.session.clone(),
            attempt,
            base: start,
            phase,
            filters,
            prepared: None,
            modules: BTreeMap::new(),
            made: BTreeSet::new(),
            ignored_at_collection: BTreeSet::new(),
        }
    }

    fn make(&self, request: &LeaseRequest, path: &Path) -> Result<(), WorktreeError> {
        let mirror = self.mirror.repository()?;
        let first = request.work.as_ref().unwrap_or(&request.start);
        let tree = mirror
            .find_commit(first.oid())
            .doing(|| format!("find commit {first}"))?
            .tree()
            .doing(|| format!("read the tree of {first}"))?;
        let mut files = Index::new().doing(|| "create an index".to_owned())?;
        files
            .read_tree(&tree)
            .doing(|| format!("read the tree of {first}"))?;
        let features = features_of(self.mirror.git(), &mirror, &tree, &files)
            .doing(|| format!("read the attributes of {first}"))?;
        self.records(request.issue).write(&self.record(
            request,
            Phase::Making,
            features.filters,
        ))?;
        let clone = self.make_clone(request, path)?;
        let index = self.records(request.issue).index(request.issue);
        if features.filters {
            self.mirror.borrow_large_files(&self.project, first);
            self.checkout_filtered(first, path, &index)?;
            fs::copy(&index, path.join(".git/index"))
                .map_err(|source| WorktreeError::io("write", path, source))?;
        } else {
            let converts = features.conversions || converts_all(&clone);
            if converts || !self.write_files(&mirror, &files, path)? {
                let tree = clone
                    .find_object(tree.id(), None)
                    .doing(|| format!("read tree {}", tree.id()))?;
                let mut checkout = CheckoutBuilder::new();
                checkout.force().disable_filters(!converts);
                clone
                    .checkout_tree(&tree, Some(&mut checkout))
                    .doing(|| format!("check out `{}`", path.display()))?;
            }
            copy_index(&clone, &index)?;
        }
        self.initialise(path, &features.submodules)?;
        self.records(request.issue)
            .write(&self.record(request, Phase::Ready, features.filters))
    }

    /// Writes the files of a new directory and their index; returns whether that was possible
    /// without the library.
    fn write_files(
        &self,
        mirror: &Repository,
        files: &Index,
        path: &Path,
    ) -> Result<bool, WorktreeError> {
        let doing = || format!("check out `{}`", path.display());
        let odb = mirror.odb().doing(doing)?;
        let mut written = Index::open(&path.join(".git/index")).doing(doing)?;
        let is_done = fresh_files::write(&odb, files, path, &mut written)
            .map_err(|source| WorktreeError::io("check out", path, source))?;
        if is_done {
            written.write().doing(doing)?;
        }
        Ok(is_done)
    }

    /// Creates a repository that borrows the mirror's objects, with the issue's branch at the start
    /// commit.
    fn make_clone(&self, request: &LeaseRequest, path: &Path) -> Result<Repository, WorktreeError> {
        let doing = || format!("create a clone at `{}`", path.display());
        let branch = branch_of(request.issue);
        let mut options = RepositoryInitOptions::new();
        let clone = Repository::init_opts(
            path,
            options
                .external_template(false)
                .mkdir(true)
                .initial_head(&branch),
        )
        .doing(doing)?;
        let info = path.join(".git/objects/info");
        fs::create_dir_all(&info)
            .and_then(|()| fs::write(info.join("alternates"), alternates_of(&self.mirror)))
            .map_err(|source| WorktreeError::io("write", &info, source))?;
        copy_shallow(&self.mirror, &path.join(".git"))?;
        let mut config = clone
            .config()
            .and_then(|config| config.open_level(git2::ConfigLevel::Local))
            .doing(doing)?;
        let Identity { name, email } = &self.identity;
        for (key, value) in [
            ("user.name", name.as_str()),
            ("user.email", email),
            ("core.autocrlf", "false"),
            ("gc.auto", "0"),
            // The user's directory may be shared by all repositories, and the agent's objects are
            // looked for here.
            ("lfs.storage", "lfs"),
        ] {
            config.set_str(key, value).doing(doing)?;
        }
        // The agent's commits use the same filters.
        for (key, value) in self.mirror.filters() {
            config.set_str(&key, &value).doing(doing)?;
        }
        clone
            .reference(
                &format!("refs/heads/{branch}"),
                request.work.as_ref().unwrap_or(&request.start).oid(),
                true,
                "autoissue: lease",
            )
            .doing(doing)?;
        Ok(clone)
    }

    fn checkout_filtered(
        &self,
        start: &CommitId,
        path: &Path,
        index: &Path,
    ) -> Result<(), WorktreeError> {
        let env = git_env(&self.mirror, path, Some(index), &self.fresh_env());
        let args = PLAIN_INDEX
            .into_iter()
            .chain(["read-tree", "--reset", "-u"]);
        let args: Vec<&str> = args.chain([start.as_str()]).collect();
        self.mirror
            .run_git(path, &args, &env, None)
            .map_err(WorktreeError::Filters)?;
        Ok(())
    }

    /// Initialises submodules recursively. The directory's own configuration is used, because no
    /// agent has been there yet.
    ///
    /// Git's `--recursive` is not used: it stops at any gitlink that is not declared, at any depth.
    fn initialise(&self, path: &Path, submodules: &[String]) -> Result<(), WorktreeError> {
        let origin = self
            .mirror
            .source()
            .map(|source| format!("remote.origin.url={source}"));
        let mut found: Vec<(PathBuf, String)> = submodules
            .iter()
            .map(|submodule| (PathBuf::new(), submodule.clone()))
            .collect();
        while let Some((within, submodule)) = found.pop() {
            let below = within.join(&submodule);
            let failed = |source| WorktreeError::Submodule {
                path: below.display().to_string(),
                source,
            };
            let is_top = within.as_os_str().is_empty();
            let origin = origin.as_ref().filter(|_| is_top);
            let mut args: Vec<&str> = origin.iter().flat_map(|origin| ["-c", origin]).collect();
            args.extend(["submodule", "--quiet", "update", "--init", "--", &submodule]);
            self.mirror
                .git()
                .run(&path.join(&within), &args, &self.fresh_env(), None)
                .map_err(failed)?;
            let more = self.submodules_of(&path.join(&below))?;
            if below.components().count() <= NESTED_SUBMODULES_PATH_PARTS_MAX {
                found.extend(more.into_iter().map(|nested| (below.clone(), nested)));
            }
        }
        Ok(())
    }

    /// Returns the submodules that the commit checked out in a new submodule declares.
    fn submodules_of(&self, fresh: &Path) -> Result<Vec<String>, WorktreeError> {
        let doing = || format!("read the submodule `{}`", fresh.display());
        let repository = Repository::open(fresh).doing(doing)?;
        let tree = repository
            .head()
            .and_then(|head| head.peel_to_tree())
            .doing(doing)?;
        let mut files = Index::new().doing(doing)?;
        files.read_tree(&tree).doing(doing)?;
        let features = features_of(self.mirror.git(), &repository, &tree, &files).doing(doing)?;
        Ok(features.submodules)
    }

    fn fresh_env(&self) -> Vec<(String, String)> {
        self.env.iter().chain(&self.credentials).cloned().collect()
    }

    fn examine(
        &self,
        record: &Record,
        base: &CommitId,
        take: Take,
    ) -> Result<Examined, WorktreeError> {
        let dir = self.path(record.issue);
        let (head, history) = self.agents_history(record, base, &dir)?;
        let seed = self.tree_of(head.as_ref().unwrap_or(base))?;
        let base_tree = self.tree_of(base)?;
        let mut snapshot = self.look(record, seed, base_tree, take, snapshot::take)?;
        if let Some(prepared) = record.prepared_tree() {
            let repository = self.mirror.repository()?;
            snapshot.tree = prepared::without(&repository, base_tree, prepared, snapshot.tree)
                .doing(|| format!("revert the preparation of `{}`", dir.display()))?;
        }
        let added = head.iter().map(CommitId::oid).chain([snapshot.tree]);
        let left = self.take_large_files(record, &added.collect::<Vec<_>>())?;
        snapshot.skipped.extend(left);
        let parent = head
            .clone()
            .filter(|_| history == AgentCommits::Kept)
            .unwrap_or_else(|| base.clone());
        Ok(Examined {
            head,
            parent,
            snapshot,
            history,
        })
    }

    /// Copies the Git LFS objects of an agent's commits and trees into the mirror. Returns what was
    /// left in the directory.
    fn take_large_files(
        &self,
        record: &Record,
        added: &[Oid],
    ) -> Result<Vec<String>, WorktreeError> {
        let git_dir = self.path(record.issue).join(".git");
        match self.mirror.take_large_files(&git_dir, added, &record.base) {
            Ok(left) => Ok(left),
            // Hostile commits can have more files than can be listed. In that case the objects are
            // kept where they are.
            Err(error @ MirrorError::Library { .. }) => {
                tracing::warn!(issue = record.issue, %error, "Git LFS objects are kept in the worktree");
                Ok(vec![".git/lfs/objects".to_owned()])
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a snapshot of a worktree's files.
    fn look<T>(
        &self,
        record: &Record,
        seed: Oid,
        base: Oid,
        take: Take,
        looks: impl FnOnce(&Scene<'_>) -> Result<T, WorktreeError>,
    ) -> Result<T, WorktreeError> {
        looks(&Scene {
            mirror: &self.mirror,
            dir: &self.path(record.issue),
            index: &self.records(record.issue).index(record.issue),
            seed,
            base,
            take,
            filters: record.filters.then_some(self.env.as_slice()),
            gate: &self.records(record.issue).gate(record.issue),
            modules: &record.modules,
            env: &self.env,
            ignored_paths: &self.ignored_paths,
        })
    }

    /// Returns the ignored files that the agent created.
    fn ignored(
        &self,
        record: &Record,
        examined: &Examined,
    ) -> Result<Option<Ignored>, WorktreeError> {
        let by_checks = self.place.records.made_by_checks();
        let known = record.made.union(&by_checks).cloned().collect();
        let new = ignored::new_ones(&examined.snapshot.ignored, &known);
        let base = self.tree_of(&record.base)?;
        let repository = self.mirror.repository()?;
        ignored::take(&repository, base, &self.path(record.issue), &new)
    }

    /// Returns the agent's last commit, imported, if it made any; and how its history is to be
    /// treated.
    fn agents_history(
        &self,
        record: &Record,
        base: &CommitId,
        dir: &Path,
    ) -> Result<(Option<CommitId>, AgentCommits), WorktreeError> {
        let Some(head) = agent_head::read(dir) else {
            return Ok((
                None,
                AgentCommits::Unreadable(
                    "the agent's repository is gone or has no readable head".to_owned(),
                ),
            ));
        };
        if head == *base {
            return Ok((None, AgentCommits::Untouched));
        }
        if !self.mirror.has_commit(&head)?
            && let Err(reason) = agent_head::import(
                &self.mirror,
                &self.records(record.issue).gate(record.issue),
                dir,
                &head,
                base,
                &self.env,
            )?
        {
            return Ok((None, AgentCommits::Unreadable(reason)));
        }
        if !self.mirror.is_readable(base, &head)? {
            // It cannot be read, but an agent made it.
            let kept = self.save_as_leftover(record, &head)?;
            let reason =
                format!("{head} contains more files than can be read; it is kept as {kept}");
            return Ok((None, AgentCommits::Unreadable(reason)));
        }
        let descends = self.mirror.descends(&head, base)?;
        Ok((
            Some(head),
            if descends {
                AgentCommits::Kept
            } else {
                AgentCommits::Rewritten
            },
        ))
    }

    /// Makes the messages of the agent's commits harmless before the files are collected on them;
    /// if there are too many commits, the base is used.
    fn with_harmless_messages(
        &self,
        mut examined: Examined,
        base: &CommitId,
    ) -> Result<Examined, WorktreeError> {
        if examined.parent != *base {
            let disarmed = messages::disarmed(&self.mirror, base, &examined.parent)?;
            examined.parent = disarmed.unwrap_or_else(|| {
                examined.history = AgentCommits::Rewritten;
                base.clone()
            });
        }
        Ok(examined)
    }

    /// Creates the commit with all of the work. An equal commit `before` is reused.
    fn commit(
        &self,
        examined: &Examined,
        message: &str,
        before: Option<CommitId>,
    ) -> Result<CommitId, WorktreeError> {
        let Examined {
            parent, snapshot, ..
        } = examined;
        let repository = self.mirror.repository()?;
        let doing = || format!("commit tree {} on {parent}", snapshot.tree);
        let parent = repository.find_commit(parent.oid()).doing(doing)?;
        if parent.tree_id() == snapshot.tree {
            return Ok(parent.id().into());
        }
        if let Some(before) = before.and_then(|before| repository.find_commit(before.oid()).ok())
            && before.tree_id() == snapshot.tree
            && before.parent_ids().eq([parent.id()])
            && before.message_bytes() == message.as_bytes()
        {
            return Ok(before.id().into());
        }
        let author = Signature::now(&self.identity.name, &self.identity.email).doing(doing)?;
        let tree = repository.find_tree(snapshot.tree).doing(doing)?;
        Ok(repository
            .commit(None, &author, &author, message, &tree, &[&parent])
            .doing(doing)?
            .into())
    }

    fn describe(
        &self,
        request: &CollectRequest,
        commit: CommitId,
        history: AgentCommits,
        skipped: Vec<String>,
        unmerged: Vec<String>,
    ) -> Result<CollectedWork, WorktreeError> {
        let changes = self.mirror.changes(&request.base, &commit)?;
        if let Some((path, bytes)) = changes.largest.filter(|(_, bytes)| FILE_BYTES_MAX < *bytes) {
            return Err(WorktreeError::TooBig { path, bytes });
        }
        let mut conflicts = self.mirror.conflict_markers(&request.base, &commit)?;
        conflicts.extend(unmerged);
        conflicts.sort();
        conflicts.dedup();
        let salvage = format!(
            "refs/autoissue/salvage/{}/issue-{}/{}",
            self.session,
            request.issue,
            attempt_name(request.attempt)
        );
        Ok(CollectedWork {
            n_commits: self.mirror.n_commits(&request.base, &commit)?,
            commit,
            salvage,
            changes: changes.files,
            n_files: changes.n_files,
            added: changes.added,
            removed: changes.removed,
            truncated: changes.truncated,
            history,
            skipped,
            conflicts,
            ignored: None,
        })
    }

    fn tree_of(&self, commit: &CommitId) -> Result<Oid, WorktreeError> {
        let repository = self.mirror.repository()?;
        let found = repository
            .find_commit(commit.oid())
            .doing(|| format!("find commit {commit}"))?;
        Ok(found.tree_id())
    }

    /// Returns whether removing the directory would lose nothing: every tree that differs from the
    /// base is on a ref of the issue.
    fn is_saved(&self, record: &Record, examined: &Examined) -> Result<bool, WorktreeError> {
        let saved = self.saved_trees(record, &record.base)?;
        let abandoned = self.abandoned(&record.base, examined)?;
        let is_ignored_saved = self
            .ignored(record, examined)?
            .is_none_or(|it| it.tree.is_some_and(|tree| saved.contains(&tree)));
        Ok(examined.snapshot.skipped.is_empty()
            && is_ignored_saved
            && saved.contains(&examined.snapshot.tree)
            && abandoned.is_none_or(|(_, tree)| saved.contains(&tree)))
    }

    /// Returns the trees of the base and of everything that is saved for the issue in the session
    /// that leased the directory.
    fn saved_trees(&self, record: &Record, base: &CommitId) -> Result<Vec<Oid>, WorktreeError> {
        let salvaged = self
            .mirror
            .salvaged_of(&record.session, record.issue)?
            .into_iter()
            .map(|salvage| salvage.commit);
        let commits = salvaged
            .chain(self.mirror.published(record.issue)?)
            .chain([base.clone()]);
        let prepared = record.prepared_tree().map(Ok);
        commits
            .map(|commit| self.tree_of(&commit))
            .chain(prepared)
            .collect()
    }

    /// Returns the agent's last commit and its tree if the work will not contain it, because the
    /// agent moved away from it.
    fn abandoned(
        &self,
        base: &CommitId,
        examined: &Examined,
    ) -> Result<Option<(CommitId, Oid)>, WorktreeError> {
        let Some(head) = &examined.head else {
            return Ok(None);
        };
        let tree = self.tree_of(head)?;
        let base_tree = self.tree_of(base)?;
        let contained =
            examined.history == AgentCommits::Kept && examined.snapshot.tree != base_tree;
        let repeated = tree == base_tree || tree == examined.snapshot.tree;
        Ok((!contained && !repeated && self.mirror.is_ours(head)?).then(|| (head.clone(), tree)))
    }

    fn save_abandoned(
        &self,
        record: &Record,
        base: &CommitId,
        examined: &Examined,
    ) -> Result<Option<String>, WorktreeError> {
        let Some((head, tree)) = self.abandoned(base, examined)? else {
            return Ok(None);
        };
        if self.saved_trees(record, base)?.contains(&tree) {
            return Ok(None);
        }
        self.save_as_leftover(record, &head).map(Some)
    }

    /// Saves what the agent committed to other branches, or stashed; returns the refs.
    fn save_strays(
        &self,
        record: &Record,
        examined: &Examined,
    ) -> Result<Vec<String>, WorktreeError> {
        let dir = self.path(record.issue);
        let mut strays = Vec::new();
        for stray in agent_head::others(&dir) {
            let is_known = stray == record.base || examined.head.as_ref() == Some(&stray);
            let reaches = |from: &CommitId| -> Result<bool, MirrorError> {
                self.mirror.descends(from, &stray)
            };
            if is_known
                || (self.mirror.has_commit(&stray)?
                    && (reaches(&record.base)? || reaches(&examined.parent)?))
            {
                continue;
            }
            let gate = self.records(record.issue).gate(record.issue);
            match agent_head::import(&self.mirror, &gate, &dir, &stray, &record.base, &self.env)? {
                Ok(()) => {
                    let left = self.take_large_files(record, &[stray.oid()])?;
                    if !left.is_empty() {
                        tracing::warn!(issue = record.issue, %stray, ?left, "Git LFS objects of a commit are not kept");
                    }
                    strays.push(self.save_as_leftover(record, &stray)?);
                }
                Err(reason) => {
                    tracing::warn!(issue = record.issue, %stray, reason, "a commit of the agent is lost");
                }
            }
        }
        Ok(strays)
    }

    /// Saves the ignored files that the agent created, unless there is too much.
    fn save_ignored(
        &self,
        record: &Record,
        examined: &Examined,
    ) -> Result<Option<IgnoredFiles>, WorktreeError> {
        let Some(Ignored { paths, tree }) = self.ignored(record, examined)? else {
            return Ok(None);
        };
        let salvage = match tree {
            None => None,
            Some(tree) => Some(self.save_tree(record, tree)?),
        };
        Ok(Some(IgnoredFiles { paths, salvage }))
    }

    /// Saves a tree as a commit on the base, unless a ref of the issue already contains it; returns
    /// the ref.
    fn save_tree(&self, record: &Record, tree: Oid) -> Result<String, WorktreeError> {
        for saved in self.mirror.salvaged_of(&record.session, record.issue)? {
            if self.tree_of(&saved.commit)? == tree {
                return Ok(saved.reference);
            }
        }
        let repository = self.mirror.repository()?;
        let doing = || format!("commit tree {tree}");
        let base = repository.find_commit(record.base.oid()).doing(doing)?;
        let author = Signature::now(&self.identity.name, &self.identity.email).doing(doing)?;
        let message = format!(
            "Ignored files of attempt {} at issue {}\n",
            record.attempt, record.issue
        );
        let found = repository.find_tree(tree).doing(doing)?;
        let commit = repository
            .commit(None, &author, &author, &message, &found, &[&base])
            .doing(doing)?;
        self.save_as_leftover(record, &commit.into())
    }

    fn save_leftovers(&self, record: &Record) -> Result<Saved, WorktreeError> {
        self.check_root_of(record.issue)?;
        let path = self.path(record.issue);
        if record.phase != Phase::Ready || !is_directory(&path) {
            return Ok(Saved::default());
        }
        let examined = match self.examine(record, &record.base, Take::Everything) {
            Err(error @ WorktreeError::TooMuchToKeep { .. }) => {
                tracing::warn!(issue = record.issue, %error, "too much to save; keeping the directory");
                return Ok(Saved {
                    reference: None,
                    directory: self.move_aside(&path, KEPT)?,
                });
            }
            examined => examined?,
        };
        let abandoned = self.save_abandoned(record, &record.base, &examined)?;
        let stray = self.save_strays(record, &examined)?.into_iter().next();
        let ignored = self.save_ignored(record, &examined)?;
        let is_too_much = ignored.as_ref().is_some_and(|it| it.salvage.is_none());
        // Files that a commit of ours cannot contain stay where they are, under another name.
        let directory = if !examined.snapshot.skipped.is_empty() || is_too_much {
            self.move_aside(&path, KEPT)?
        } else {
            None
        };
        if self
            .saved_trees(record, &record.base)?
            .contains(&examined.snapshot.tree)
        {
            return Ok(Saved {
                reference: abandoned.or(stray).or(ignored.and_then(|it| it.salvage)),
                directory,
            });
        }
        let commit = self.commit(
            &examined,
            &format!(
                "Leftovers of attempt {} at issue {}\n",
                record.attempt, record.issue
            ),
            None,
        )?;
        Ok(Saved {
            reference: Some(self.save_as_leftover(record, &commit)?),
            directory,
        })
    }

    fn save_as_leftover(
        &self,
        record: &Record,
        commit: &CommitId,
    ) -> Result<String, WorktreeError> {
        let name = format!(
            "{}-leftover-{}",
            attempt_name(record.attempt),
            commit.short()
        );
        Ok(self
            .mirror
            .salvage(&record.session, record.issue, &name, commit)?)
    }

    /// Removes a directory whose work is saved. The phase distinguishes an interrupted removal from
    /// an agent that deleted files.
    fn remove(&self, record: Record) -> Result<(), WorktreeError> {
        let issue = record.issue;
        self.check_root_of(issue)?;
        self.records(issue).write(&Record {
            phase: Phase::Removing,
            ..record
        })?;
        let path = self.path(issue);
        if is_directory(&path) || path.is_symlink() {
            removal::remove(&path).map_err(|source| WorktreeError::io("remove", &path, source))?;
        }
        self.records(issue).forget(issue)
    }

    /// Moves the unreadable directory of an issue out of the way and deletes its record; returns
    /// the new path. A directory that is being removed contains only saved work, and stays where it
    /// is.
    ///
    /// # Errors
    /// [`WorktreeError::Io`].
    pub fn set_aside(&self, issue: u64) -> Result<Option<PathBuf>, WorktreeError> {
        let records = self.records(issue);
        let Some(record) = records.read(issue)? else {
            return Ok(None);
        };
        if record.phase == Phase::Removing {
            return Ok(None);
        }
        self.check_root_of(issue)?;
        let kept = self.move_aside(&self.path(issue), KEPT)?;
        records.forget(issue)?;
        Ok(kept)
    }

    /// Moves a file or directory aside, to a name that shows the reason; returns the new path.
    fn move_aside(&self, path: &Path, why: &str) -> Result<Option<PathBuf>, WorktreeError> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(None);
        }
        let beside = |n: u32| {
            path.with_file_name(format!(
                "{}.{why}-{n}",
                path.file_name().unwrap_or_default().display()
            ))
        };
        let free = (1..)
            .map(beside)
            .find(|beside| fs::symlink_metadata(beside).is_err())
            .unwrap_or_else(|| beside(0));
        fs::rename(path, &free).map_err(|source| WorktreeError::io("move aside", path, source))?;
        Ok(Some(free))
    }
}

/// What the tree of a base requires of a checkout.
struct Features {
    /// Whether attributes may convert a file when it is checked out.
    conversions: bool,
    /// Whether they name programs that convert files.
    filters: bool,
    submodules: Vec<String>,
}

fn features_of(
    git: &Git,
    repository: &Repository,
    tree: &git2::Tree<'_>,
    // Uses an index instead of walking the tree, because the library's walk stops at a directory
    // whose name is not UTF-8.
    index: &Index,
) -> Result<Features, git2::Error> {
    let mut features = Features {
        conversions: false,
        filters: false,
        submodules: Vec::new(),
    };
    let modules = tree.get_name(".gitmodules").map(|entry| entry.id());
    let declared = modules.map_or_else(BTreeSet::new, |modules| {
        submodule::declared(git, repository.path(), modules)
    });
    for entry in index.iter() {
        // An undeclared gitlink is a repository that someone committed by accident: git cannot
        // fetch it either.
        if entry.mode == snapshot::GITLINK && declared.contains(&entry.path) {
            features
                .submodules
                .push(String::from_utf8_lossy(&entry.path).into_owned());
        }
        if entry.path.rsplit(|byte| *byte == b'/').next() == Some(b".gitattributes") {
            let blob = repository.find_blob(entry.id);
            let blob = blob.ok().filter(|it| it.size() <= ATTRIBUTES_BYTES_MAX);
            let attributes = blob.as_ref().map(git2::Blob::content);
            features.filters |= attributes.is_some_and(names_a_filter);
            features.conversions |= attributes.is_none_or(names_a_conversion);
        }
    }
    Ok(features)
}

/// Returns whether a line of attributes sets a filter, or an encoding, which only the git program
/// supports; `-filter` and `!filter` remove it.
fn names_a_filter(attributes: &[u8]) -> bool {
    attributes::words(attributes)
        .any(|word| word.starts_with(b"filter=") || word.starts_with(b"working-tree-encoding="))
}

/// Returns whether a line of attributes may convert a file when it is checked out. `text` does not:
/// line endings are those of the repository unless others are configured.
fn names_a_conversion(attributes: &[u8]) -> bool {
    let converts = |word: &[u8]| word == b"ident" || word.starts_with(b"eol=") && word != b"eol=lf";
    names_a_filter(attributes) || attributes::words(attributes).any(converts)
}

/// Returns whether the user's configuration requests other line endings than the repository's.
fn converts_all(repository: &Repository) -> bool {
    let config = repository.config();
    config.is_ok_and(|config| config.get_string("core.eol").is_ok_and(|eol| eol != "lf"))
}

/// Returns the environment for git commands on a directory with the mirror as their git directory.
fn git_env(
    mirror: &Mirror,
    dir: &Path,
    index: Option<&Path>,
    env: &[(String, String)],
) -> Vec<(OsString, OsString)> {
    let own = [
        ("GIT_DIR", Some(mirror.path())),
        ("GIT_WORK_TREE", Some(dir)),
        ("GIT_INDEX_FILE", index),
    ];
    let own = own
        .into_iter()
        .filter_map(|(name, path)| Some((OsString::from(name), path?.as_os_str().to_owned())));
    env.iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)))
        .chain(own)
        .collect()
}

/// Returns the content of the file through which a clone borrows the mirror's objects.
fn alternates_of(mirror: &Mirror) -> Vec<u8> {
    [mirror.path().join("objects").as_os_str().as_bytes(), b"\n"].concat()
}

/// The history of a shallow repository's mirror is incomplete, and a borrower must know where it
/// ends.
fn copy_shallow(mirror: &Mirror, git_dir: &Path) -> Result<(), WorktreeError> {
    let shallow = mirror.path().join("shallow");
    if !shallow.exists() {
        return Ok(());
    }
    fs::copy(&shallow, git_dir.join("shallow"))
        .map(|_| ())
        .map_err(|source| WorktreeError::io("copy", &shallow, source))
}

/// Copies the index that the checkout wrote, before an agent can change it.
fn copy_index(clone: &Repository, to: &Path) -> Result<(), WorktreeError> {
    let from = clone.path().join("index");
    fs::copy(&from, to)
        .map(|_| ())
        .map_err(|source| WorktreeError::io("copy", &from, source))
}

/// Returns paths as text.
fn names(paths: &[Vec<u8>]) -> BTreeSet<String> {
    paths
        .iter()
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect()
}

fn branch_of(issue: u64) -> String {
    format!("autoissue/issue-{issue}")
}

fn attempt_name(attempt: u32) -> String {
    format!("attempt-{attempt}")
}

fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}
