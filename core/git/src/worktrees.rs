//! The directories in which attempts work: private clones in `<root>/autoissue-issue-<N>`, one per issue (see [`Roots`]).
//!
//! ```text
//!             lease                      agent works                collect                 let go, remove
//!   mirror ──────────► …-issue-<N> ──────────────────► files, .git ─────────► salvage ref ────────────────► directory gone
//!      ▲  objects are borrowed               │                        │ in the mirror
//!      └──── record and index are ours ──────┘ not trusted ───────────┘
//! ```
//!
//! A clone has a `.git` of its own, so an agent can neither break another worktree nor plant anything that a git of ours reads: after the
//! lease no git runs with the configuration found in the directory. Objects come back through a gate (`agent_head`), files through a walk and
//! an index of ours (`snapshot`). Filter programs (LFS) run only when the *base* uses them, and then the user's, by the user's configuration.
//!
//! No directory goes before its work is on a ref of the mirror. A directory without a record of ours is a stranger's: it is moved aside when
//! it is in the way, and never deleted.

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
use crate::mirror::{Doing, FileChange, Mirror, MirrorError};
use crate::program::{Git, GitError};
use ignored::Ignored;
use record::{Phase, Record, Records};
use snapshot::{Scene, Snapshot, Take};

/// No honest `.gitattributes` is larger; a larger one is not searched for filters.
const ATTRIBUTES_BYTES_MAX: usize = 1 << 20;

/// What agents write is nobody else's business.
const ROOT_MODE: u32 = 0o700;

/// Switches forms of the index off that libgit2 does not read.
const PLAIN_INDEX: [&str; 6] = [
    "-c",
    "index.version=2",
    "-c",
    "index.skipHash=false",
    "-c",
    "core.splitIndex=false",
];

/// A submodule may contain itself; no honest one lies deeper.
const NESTED_SUBMODULES_PATH_PARTS_MAX: usize = 64;

/// Who commits what an agent left uncommitted, and whose name the agent's own commits carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// What [`Worktrees::open`] needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Options {
    /// The user's checkout.
    #[serde(with = "super::path_bytes")]
    pub project: PathBuf,
    /// Where worktrees lie.
    pub roots: Roots,
    /// The session's id, a word fit for a ref.
    pub session: String,
    /// Who commits.
    pub identity: Identity,
    /// Added to the environment of git where it may reach the network or run the user's filters: submodules and LFS.
    pub env: Vec<(String, String)>,
    /// Added where a fresh directory is filled, before an agent has been there: what lets git in at the remote.
    pub credentials: Vec<(String, String)>,
}

/// The worktrees of one project in one session; cheap to clone, usable from many threads as long as each issue is one thread's.
#[derive(Debug, Clone)]
pub struct Worktrees {
    mirror: Mirror,
    project: PathBuf,
    session: String,
    identity: Identity,
    env: Vec<(String, String)>,
    credentials: Vec<(String, String)>,
    /// Where new ones are made.
    place: Place,
    /// Where others may be, which are finished where they are.
    older: Vec<Place>,
    root_is_ready: Arc<Mutex<bool>>,
}

/// A directory of worktrees, and what we know of those in it.
#[derive(Debug, Clone)]
struct Place {
    root: PathBuf,
    records: Records,
}

/// A wish for a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// Whose issue.
    pub issue: u64,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Where the branch begins; in the mirror.
    pub start: CommitId,
    /// Go on in the directory as it is, if it is a clone of ours on that very commit.
    pub keep: bool,
    /// Work on top of the start that a fresh directory begins with; in the mirror.
    pub work: Option<CommitId>,
}

/// A directory that is ready for an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leased {
    /// The directory, absolute.
    #[serde(with = "super::path_bytes")]
    pub path: PathBuf,
    /// Where its branch begins.
    pub base: CommitId,
    /// Whether the directory was left as the attempt before left it.
    pub kept: bool,
    /// The salvage ref of work that was found in the directory and was not saved yet.
    pub leftovers: Option<String>,
}

/// What stands where an attempt is to work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// The directory of the attempt before, which is gone on with.
    Kept(Leased),
    /// Nothing, or what may go.
    Free {
        /// The salvage ref of work that was found there and was not saved yet.
        leftovers: Option<String>,
    },
}

/// A wish for an attempt's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectRequest {
    /// Whose issue.
    pub issue: u64,
    /// Which attempt.
    pub attempt: u32,
    /// What the work is compared with: the commit that was leased.
    pub base: CommitId,
    /// The message of the commit for what the agent left uncommitted.
    pub message: String,
}

/// What an attempt achieved, as git sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Collected {
    /// The files are those of the base, or as the project's own preparation left them.
    Nothing {
        /// What was not taken: nested repositories, moved submodules, and names that git refuses.
        skipped: Vec<String>,
        /// Salvage refs of commits that the agent left on other branches, or stashed.
        strays: Vec<String>,
        /// Files that the agent made and git ignores.
        ignored: Option<IgnoredFiles>,
    },
    /// There is work, and the salvage ref of the attempt holds it.
    Work(CollectedWork),
}

/// An attempt's work in the mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedWork {
    /// The commit that has all of it; descends from the base.
    pub commit: CommitId,
    /// The full name of the salvage ref that holds it.
    pub salvage: String,
    /// Commits from the base to it.
    pub n_commits: usize,
    /// The changed files, at most 3,000.
    pub changes: Vec<FileChange>,
    /// How many files changed, listed or not.
    pub n_files: usize,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// Whether there was too much to list or compare everything.
    pub truncated: bool,
    /// What became of the agent's own commits.
    pub history: History,
    /// What was not taken: nested repositories, moved submodules, and names that git refuses.
    pub skipped: Vec<String>,
    /// Files with a merge that nobody finished: still unmerged in the agent's index, or with conflict markers that the base has not.
    pub conflicts: Vec<String>,
    /// Files that the agent made and git ignores; they are not part of the commit.
    pub ignored: Option<IgnoredFiles>,
}

/// New files that git ignores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredFiles {
    /// The files, or the directories that hold nothing else, sorted.
    pub paths: Vec<String>,
    /// The salvage ref that keeps them; `None` where there are more than [`IGNORED_BYTES_MAX`], or a repository: then the directory stays.
    pub salvage: Option<String>,
}

/// Where work is that was not saved yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The salvage ref.
    pub reference: Option<String>,
    /// The directory, under its new name, where no commit of ours can hold all of it.
    #[serde(with = "crate::path_bytes::option")]
    pub directory: Option<PathBuf>,
}

impl Saved {
    /// Says where it is; `None` where nothing had to be saved.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        let directory = self.directory.as_ref().map(|it| it.display().to_string());
        self.reference.clone().or(directory)
    }
}

/// What became of the commits that the agent made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum History {
    /// There were none.
    Untouched,
    /// They are part of the work.
    Kept,
    /// They do not descend from the base; the files were taken as one commit on it.
    Rewritten,
    /// They cannot be read, for the reason given; the files were taken as one commit on the base.
    Unreadable(String),
}

/// A directory of ours, for those who clean up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Whose issue.
    pub issue: u64,
    /// The session that leased it last.
    pub session: String,
    /// The attempt that leased it last.
    pub attempt: u32,
    /// Where its branch begins.
    pub base: CommitId,
    /// The directory.
    pub path: PathBuf,
    /// Whether the directory is there.
    pub exists: bool,
}

/// Why a worktree could not be had, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    /// The place for worktrees is taken by a file or a link, which could lead anywhere.
    #[error("`{}` is not a directory", path.display())]
    RootNotADirectory {
        /// The place.
        path: PathBuf,
    },
    /// The issue has no worktree of ours, or the agent removed it.
    #[error("issue #{issue} has no worktree at `{}`", path.display())]
    Gone {
        /// Whose issue.
        issue: u64,
        /// Where it should be.
        path: PathBuf,
    },
    /// The directory holds work that no ref of the mirror holds.
    #[error("`{}` holds work that is not saved", path.display())]
    Unsaved {
        /// The directory.
        path: PathBuf,
    },
    /// A file is too big for a pull request; it is still in the directory.
    #[error("`{path}` has {bytes} bytes, more than {FILE_BYTES_MAX}")]
    TooBig {
        /// The file, relative to the worktree.
        path: String,
        /// Its size.
        bytes: u64,
    },
    /// There is too much for a pull request; it is still in the directory.
    #[error(
        "{n_files} changed files with {bytes} bytes in `{}`, more than {WORK_FILES_MAX} files or {WORK_BYTES_MAX} bytes",
        dir.display()
    )]
    TooMuch {
        /// The worktree.
        dir: PathBuf,
        /// Bytes of all changed files.
        bytes: u64,
        /// How many.
        n_files: usize,
    },
    /// There is too much to keep; it is still in the directory.
    #[error("{bytes} bytes of changed files in `{}`, more than {KEPT_BYTES_MAX}", dir.display())]
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
        /// What git said.
        #[source]
        source: GitError,
    },
    /// The user's filter programs (LFS) failed.
    #[error("failed to run the repository's filters")]
    Filters(#[source] GitError),
    /// Git answered for another number of files than it was asked for.
    #[error("git hashed {got} of {asked} files")]
    Hashes {
        /// How many were asked for.
        asked: usize,
        /// How many came.
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
        /// Where.
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

/// What a worktree holds, seen without trusting it.
struct Examined {
    /// The agent's last commit, in the mirror, if it is not the base.
    head: Option<CommitId>,
    /// The commit on which the files are taken: the agent's, or the base.
    parent: CommitId,
    snapshot: Snapshot,
    history: History,
}

impl Worktrees {
    /// Opens the worktrees of a project. Nothing is written before the first lease.
    ///
    /// # Errors
    /// [`WorktreeError::Io`] when the project's directory does not exist.
    pub fn open(mirror: Mirror, options: Options) -> Result<Worktrees, WorktreeError> {
        let Options {
            project,
            roots,
            session,
            identity,
            env,
            credentials,
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
            place,
            older,
            root_is_ready: Arc::default(),
        })
    }

    /// Makes sure that worktrees can be made where they go, without making anything: better known before any attempt starts.
    ///
    /// # Errors
    /// [`WorktreeError::RootNotADirectory`] where something else is there; [`WorktreeError::Io`] where nothing can be made.
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

    /// Returns the directory in which new worktrees are made; it may not be there yet.
    pub fn root(&self) -> &Path {
        &self.place.root
    }

    /// Returns where an issue's worktree lies or would lie.
    #[must_use]
    pub fn path(&self, issue: u64) -> PathBuf {
        self.place_of(issue).root.join(format!("{PREFIX}{issue}"))
    }

    /// Makes the directory for an attempt: [`make_way`](Worktrees::make_way) and then [`fill`](Worktrees::fill).
    ///
    /// # Errors
    /// [`WorktreeError`]; asking again is always possible.
    pub fn lease(&self, request: &LeaseRequest) -> Result<Leased, WorktreeError> {
        match self.make_way(request)? {
            Way::Kept(leased) => Ok(leased),
            Way::Free { leftovers } => {
                self.discard(request.issue)?;
                Ok(Leased {
                    leftovers,
                    ..self.fill(request)?
                })
            }
        }
    }

    /// Looks at the directory that an earlier attempt left. With `keep` it may be gone on with; else its work is salvaged, and it may be
    /// discarded.
    ///
    /// # Errors
    /// [`WorktreeError`]; asking again is always possible.
    pub fn make_way(&self, request: &LeaseRequest) -> Result<Way, WorktreeError> {
        self.prepare_root()?;
        let Some(record) = self.records(request.issue).read(request.issue)? else {
            return Ok(Way::Free { leftovers: None });
        };
        if request.keep && self.can_go_on(&record, request) {
            self.records(request.issue).write(&Record {
                prepared: record.prepared,
                modules: record.modules,
                made: record.made,
                ignored_at_collection: record.ignored_at_collection,
                ..self.record(request, Phase::Ready, record.filters)
            })?;
            return Ok(Way::Kept(Leased {
                path: self.path(request.issue),
                base: record.base,
                kept: true,
                leftovers: None,
            }));
        }
        let leftovers = self.save_leftovers(&record)?.reference;
        Ok(Way::Free { leftovers })
    }

    /// Makes a fresh clone at `start`, once the way is free.
    ///
    /// # Errors
    /// [`WorktreeError`]; asking again is always possible.
    pub fn fill(&self, request: &LeaseRequest) -> Result<Leased, WorktreeError> {
        self.prepare_root()?;
        // Where new ones are made, also if the one before lay elsewhere.
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

    /// Takes an attempt's work into the mirror: the agent's commits, and what it left uncommitted. Asking again gives the same answer,
    /// also after the directory was released.
    ///
    /// # Errors
    /// [`WorktreeError`]; then the directory is as it was.
    pub fn collect(&self, request: &CollectRequest) -> Result<Collected, WorktreeError> {
        let name = attempt_name(request.attempt);
        let Some(record) = self.present(request.issue)? else {
            return match self
                .mirror
                .salvaged_commit(&self.session, request.issue, &name)?
            {
                Some(commit) => self
                    .describe(request, commit, History::Kept, Vec::new(), Vec::new())
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

    /// Notes the files of a fresh directory as they are: what is as that later is not the work of an agent.
    ///
    /// # Errors
    /// [`WorktreeError`].
    pub fn note_prepared(&self, issue: u64) -> Result<(), WorktreeError> {
        let Some(record) = self.present(issue)? else {
            return Ok(());
        };
        // As they are now, and not less what an earlier preparation left.
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
            // Whoever collects is told the same.
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

    /// Notes that the checks have run in an issue's directory: what is there now, is ignored by git, and was not when the work was
    /// collected, is theirs.
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

    /// Notes that the checks have run in a directory that no agent has been in: what git ignores there is theirs, wherever they run.
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

    /// Returns what git ignores in a directory: files, and directories that hold nothing else.
    fn ignored_names(&self, record: &Record) -> Result<BTreeSet<String>, WorktreeError> {
        let head =
            agent_head::read(&self.path(record.issue)).unwrap_or_else(|| record.base.clone());
        let base = self.tree_of(&record.base)?;
        let seed = self.tree_of(&head).unwrap_or(base);
        let found = self.look(record, seed, base, Take::Everything, snapshot::ignored)?;
        Ok(names(&found))
    }

    /// Keeps whatever the directory holds, for attempts whose work cannot be collected.
    ///
    /// # Errors
    /// [`WorktreeError`].
    pub fn salvage(&self, issue: u64) -> Result<Saved, WorktreeError> {
        match self.present(issue)? {
            Some(record) => self.save_leftovers(&record),
            None => Ok(Saved::default()),
        }
    }

    /// Makes sure that nothing would be lost with an issue's directory. Nothing is lost with what is gone, or was never ours.
    ///
    /// # Errors
    /// [`WorktreeError::Unsaved`] when it holds work that no ref of the mirror holds.
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

    /// Lets the directory of an issue go, unless something would be lost with it: it stays where it is, and nobody needs it any more.
    /// [`remove_finished`](Worktrees::remove_finished) removes it.
    ///
    /// # Errors
    /// As [`check_saved`](Worktrees::check_saved).
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

    /// Removes the directory of an issue that was let go; another one stays.
    ///
    /// # Errors
    /// [`WorktreeError::Io`]; doing it again goes on.
    pub fn remove_finished(&self, issue: u64) -> Result<(), WorktreeError> {
        let record = self.records(issue).read(issue)?;
        record
            .filter(|record| record.phase == Phase::Removing)
            .map_or(Ok(()), |record| self.remove(record))
    }

    /// Removes the directory of an issue with whatever is in it: for one that no agent has worked in, or whose work is saved.
    ///
    /// # Errors
    /// [`WorktreeError::Io`]; doing it again goes on.
    pub fn discard(&self, issue: u64) -> Result<(), WorktreeError> {
        self.records(issue)
            .read(issue)?
            .map_or(Ok(()), |record| self.remove(record))
    }

    /// Returns the issues with a worktree of ours that are not in `keep`.
    ///
    /// # Errors
    /// [`WorktreeError`] when the records cannot be read.
    pub fn idle(&self, keep: &[u64]) -> Result<Vec<u64>, WorktreeError> {
        let issues = self.all_records()?.into_iter().map(|record| record.issue);
        Ok(issues.filter(|issue| !keep.contains(issue)).collect())
    }

    /// Returns all worktrees of ours in this project, of any session, by issue.
    ///
    /// # Errors
    /// [`WorktreeError`] when the records cannot be read.
    pub fn list(&self) -> Result<Vec<Held>, WorktreeError> {
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
                Held {
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

    /// Returns where the worktree of an issue lies: where it is known, else where it would be made.
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

    /// Returns the records of all places, by issue; the current place counts where two have the same.
    fn all_records(&self) -> Result<Vec<Record>, WorktreeError> {
        let mut all: BTreeMap<u64, Record> = BTreeMap::new();
        for place in std::iter::once(&self.place).chain(&self.older) {
            for record in place.records.all()? {
                all.entry(record.issue).or_insert(record);
            }
        }
        Ok(all.into_values().collect())
    }

    /// Makes the directory of worktrees and hides it from the user's git, once.
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

    /// Makes sure that the directory of worktrees is still the one that it was, and leads nowhere else: agents can write to it.
    fn check_root_of(&self, issue: u64) -> Result<(), WorktreeError> {
        let path = &self.place_of(issue).root;
        match path.canonicalize() {
            Ok(real) if real == *path => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(()),
            _ => Err(WorktreeError::RootNotADirectory { path: path.clone() }),
        }
    }

    /// Returns the record of an issue whose directory is there and may hold work.
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
        let mut files = Index::new().doing(|| "make an index".to_owned())?;
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

    /// Writes the files of a fresh directory and their index; returns whether that could be done without the library.
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

    /// Makes a repository that borrows the mirror's objects, with the issue's branch at the start.
    fn make_clone(&self, request: &LeaseRequest, path: &Path) -> Result<Repository, WorktreeError> {
        let doing = || format!("make a clone at `{}`", path.display());
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
            // Where the user keeps them may be shared by all repositories, and we look for the agent's here.
            ("lfs.storage", "lfs"),
        ] {
            config.set_str(key, value).doing(doing)?;
        }
        // What the agent commits goes through the same filters.
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

    /// Initialises submodules and what lies below them. The directory's own configuration is used, because no agent has been there yet.
    ///
    /// Git's `--recursive` is not used: it stops at a link that nothing declares, anywhere below.
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

    /// Returns the submodules that the commit declares which a fresh submodule stands on.
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
                .doing(|| format!("take the preparation of `{}` back", dir.display()))?;
        }
        let added = head.iter().map(CommitId::oid).chain([snapshot.tree]);
        let left = self.take_large_files(record, &added.collect::<Vec<_>>())?;
        snapshot.skipped.extend(left);
        let parent = head
            .clone()
            .filter(|_| history == History::Kept)
            .unwrap_or_else(|| base.clone());
        Ok(Examined {
            head,
            parent,
            snapshot,
            history,
        })
    }

    /// Takes the Git LFS objects of what an agent made, commits and trees, into the mirror. Returns what was left in the directory.
    fn take_large_files(
        &self,
        record: &Record,
        added: &[Oid],
    ) -> Result<Vec<String>, WorktreeError> {
        let git_dir = self.path(record.issue).join(".git");
        match self.mirror.take_large_files(&git_dir, added, &record.base) {
            Ok(left) => Ok(left),
            // Hostile commits can have so many files that nobody lists them. Then the objects are kept where they are.
            Err(error @ MirrorError::Library { .. }) => {
                tracing::warn!(issue = record.issue, %error, "Git LFS objects stay in the worktree");
                Ok(vec![".git/lfs/objects".to_owned()])
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Looks at the files of a worktree.
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
        })
    }

    /// Returns what the agent made and git ignores.
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

    /// Returns the agent's last commit, imported, unless there is none of its own; and what is to be thought of it.
    fn agents_history(
        &self,
        record: &Record,
        base: &CommitId,
        dir: &Path,
    ) -> Result<(Option<CommitId>, History), WorktreeError> {
        let Some(head) = agent_head::read(dir) else {
            return Ok((
                None,
                History::Unreadable(
                    "the agent's repository is gone or has no readable head".to_owned(),
                ),
            ));
        };
        if head == *base {
            return Ok((None, History::Untouched));
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
            return Ok((None, History::Unreadable(reason)));
        }
        if !self.mirror.is_readable(base, &head)? {
            // Nobody can read it, but somebody made it.
            let kept = self.save_as_leftover(record, &head)?;
            let reason = format!("{head} holds more files than can be read; it is kept as {kept}");
            return Ok((None, History::Unreadable(reason)));
        }
        let descends = self.mirror.descends(&head, base)?;
        Ok((
            Some(head),
            if descends {
                History::Kept
            } else {
                History::Rewritten
            },
        ))
    }

    /// Lets the files be taken on the agent's commits with harmless messages; on the base where there are too many of them.
    fn with_harmless_messages(
        &self,
        mut examined: Examined,
        base: &CommitId,
    ) -> Result<Examined, WorktreeError> {
        if examined.parent != *base {
            let disarmed = messages::disarmed(&self.mirror, base, &examined.parent)?;
            examined.parent = disarmed.unwrap_or_else(|| {
                examined.history = History::Rewritten;
                base.clone()
            });
        }
        Ok(examined)
    }

    /// Makes the commit that has all of the work. A commit `before` that says the same is used again.
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
        history: History,
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

    /// Returns whether nothing would be lost with the directory: each tree that differs from the base is on a ref of the issue.
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

    /// Returns the trees of the base and of all that is saved of the issue in the session that leased the directory.
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

    /// Returns the agent's last commit and its tree when the work will not contain it: the agent turned away from it.
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
        let contained = examined.history == History::Kept && examined.snapshot.tree != base_tree;
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

    /// Keeps what the agent committed and then left on other branches, or stashed; returns the refs.
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
                        tracing::warn!(issue = record.issue, %stray, ?left, "Git LFS objects are not kept");
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

    /// Keeps what the agent made and git ignores, where that is little.
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

    /// Keeps a tree as a commit on the base, unless a ref of the issue has it already; returns the ref.
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
                tracing::warn!(issue = record.issue, %error, "the directory stays");
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
        // What no commit of ours can hold stays where it is, under another name.
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

    /// Removes a directory whose work is safe. The phase tells a crash half-way from an agent that deleted files.
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

    /// Moves the directory of an issue, which cannot be read, out of the way, and forgets it; returns where it is now. One that is
    /// being removed holds nothing that is not saved, and stays where it is.
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

    /// Moves a file or directory out of the way, to a name that says why; returns that name.
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

/// What the tree of a base asks of a checkout.
struct Features {
    /// Whether attributes may make a file in a directory another one than in the tree.
    conversions: bool,
    /// Whether they name programs that do so.
    filters: bool,
    submodules: Vec<String>,
}

fn features_of(
    git: &Git,
    repository: &Repository,
    tree: &git2::Tree<'_>,
    // An index rather than a walk of the tree: the library's walk stops at a directory whose name is not UTF-8.
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
        // A link that nothing declares is a repository that somebody committed by accident: git cannot fetch it either.
        if entry.mode == snapshot::GITLINK && declared.contains(&entry.path) {
            features
                .submodules
                .push(String::from_utf8_lossy(&entry.path).into_owned());
        }
        if entry.path.rsplit(|byte| *byte == b'/').next() == Some(b".gitattributes") {
            let blob = repository.find_blob(entry.id);
            let blob = blob.ok().filter(|it| it.size() <= ATTRIBUTES_BYTES_MAX);
            let attributes = blob.as_ref().map(|blob| blob.content());
            features.filters |= attributes.is_some_and(names_a_filter);
            features.conversions |= attributes.is_none_or(names_a_conversion);
        }
    }
    Ok(features)
}

/// Returns whether a line of attributes sets a filter, or an encoding, which only the git program knows; `-filter` and `!filter` take
/// it away.
fn names_a_filter(attributes: &[u8]) -> bool {
    attributes::words(attributes)
        .any(|word| word.starts_with(b"filter=") || word.starts_with(b"working-tree-encoding="))
}

/// Returns whether a line of attributes may make a file another one when it is checked out. `text` does not: lines end as they do in the
/// repository, unless something asks for other ends.
fn names_a_conversion(attributes: &[u8]) -> bool {
    let converts = |word: &[u8]| word == b"ident" || word.starts_with(b"eol=") && word != b"eol=lf";
    names_a_filter(attributes) || attributes::words(attributes).any(converts)
}

/// Returns whether the user's configuration asks for other ends of lines than the repository's.
fn converts_all(repository: &Repository) -> bool {
    let config = repository.config();
    config.is_ok_and(|config| config.get_string("core.eol").is_ok_and(|eol| eol != "lf"))
}

/// Returns the environment for a git program that works on a directory with the mirror as its git directory.
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

/// Returns the file by which a clone borrows the mirror's objects.
fn alternates_of(mirror: &Mirror) -> Vec<u8> {
    [mirror.path().join("objects").as_os_str().as_bytes(), b"\n"].concat()
}

/// A mirror of a shallow repository ends early, and a borrower must know where.
fn copy_shallow(mirror: &Mirror, git_dir: &Path) -> Result<(), WorktreeError> {
    let shallow = mirror.path().join("shallow");
    if !shallow.exists() {
        return Ok(());
    }
    fs::copy(&shallow, git_dir.join("shallow"))
        .map(|_| ())
        .map_err(|source| WorktreeError::io("copy", &shallow, source))
}

/// Keeps the index that the checkout wrote, before an agent can change it.
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
