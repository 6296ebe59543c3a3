//! Reads agents' work in a separate process that can be killed.
//!
//! A few objects can expand to more paths than fit into any memory, and one line of a `.gitignore`
//! can keep its reader busy for years. Everything that reads the directory of an attempt therefore
//! runs in a collector: our own binary in a hidden mode, forked from its supervisor, with a
//! deadline for each step and a memory limit. A directory that it cannot read is moved aside as
//! `….kept-N`, and the session continues.
//!
//! ```text
//!   Collectors ── request ──► collector (one for each issue) ── worktrees, mirror, git
//!       │      ◄── answer ───
//!       └─ late, or out of memory ─► killed with everything it started; the directory is moved aside
//! ```
//!
//! One collector serves all steps of an issue; another one is only started once it has ended. It
//! decides nothing: it carries out requests with [`worktrees`](super::worktrees).

mod serve;
mod wire;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use autoissue_process::{Exit, ProcessError, Running, Source, SupervisorProgram, spawn_forked};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::mirror::Mirror;
use crate::remote::RemoteFailure;
use crate::worktrees::{
    CollectRequest, Collected, Directory, ExistingWorktree, LeaseRequest, Leased, Options, Saved,
    WorktreeEntry, WorktreeError, Worktrees,
};
pub use serve::serve;
use wire::{Answer, Refusal, Reply, Request, Setup};

/// How long filling a new directory may take. Each run of git in it ends after ten minutes at most,
/// and a checkout with submodules takes several of them.
const FILL_TIME_MAX: Duration = Duration::from_secs(3_600);

/// Largest answer, in bytes: changed files and names, of which there are thousands at most.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// What Rust prints before it aborts a process that cannot allocate memory.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// Most released directories that are kept. Above this, all of them are removed at once, because
/// file systems create files slowly for a while after others were removed.
const N_FINISHED_MAX: usize = 100;

/// Released directories are kept only while one part in this many of the disk's space and of its
/// inodes is free.
const FREE_PARTS_MIN: u64 = 10;

/// Limits of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time for one step.
    pub step: Duration,
    /// Anonymous memory, in bytes; mapped files do not count.
    pub memory_bytes: u64,
}

/// The collectors of a session; cheap to clone.
#[derive(Clone)]
pub struct Collectors {
    inner: Arc<Inner>,
}

struct Inner {
    supervisor: SupervisorProgram,
    mirror: Mirror,
    worktrees: Worktrees,
    options: Options,
    limits: Limits,
    tag_prefix: String,
    kill: CancellationToken,
    slots: Mutex<HashMap<u64, Arc<Slot>>>,
    /// Issues whose directories were released but still exist.
    finished: Mutex<BTreeSet<u64>>,
}

/// Holds the collector of an issue. Locked during a request, so that there is never a second one.
type Slot = AsyncMutex<Option<Collector>>;

struct Collector {
    running: Running,
}

/// Why a step of collecting failed.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// The issue has no worktree of ours.
    #[error("{0}")]
    Gone(String),
    /// The work cannot become a pull request; it is still in the directory.
    #[error("{0}")]
    Unfit(String),
    /// A submodule could not be fetched.
    #[error("{message}")]
    Submodule {
        /// The submodule, and the reason.
        message: String,
        /// What the failure means for the next attempt.
        failure: RemoteFailure,
    },
    /// The disk is full.
    #[error("{0}")]
    NoRoom(String),
    /// Repeating the step would fail in the same way.
    #[error("{0}")]
    Invalid(String),
    /// The step failed for the given reason.
    #[error("{0}")]
    Refused(String),
    /// The directory could not be read within the limits.
    #[error("{limit}{}", place(.kept.as_deref()))]
    Unreadable {
        /// The limit.
        limit: Limit,
        /// The new path of the directory, if it was moved aside.
        kept: Option<PathBuf>,
    },
    /// Everything is to be stopped at once.
    #[error("collecting was stopped")]
    Killed,
    /// The collector could not be started.
    #[error("failed to start a collector")]
    Start(#[from] ProcessError),
    /// The directory could not be moved aside.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
}

/// A limit that a collector exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Seconds for a step that reads an attempt's work.
    Reading(u64),
    /// Seconds for filling a new worktree.
    Filling(u64),
    /// Seconds for removing a worktree.
    Removing(u64),
    /// MiB of memory.
    Memory(u64),
    /// The collector ended unexpectedly, for the given reason.
    Died(String),
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reading(seconds) => write!(
                f,
                "reading the work took longer than {seconds} s; raise `executor.collectSeconds` if it really is that large"
            ),
            Self::Filling(seconds) => {
                write!(f, "filling a new worktree took longer than {seconds} s")
            }
            Self::Removing(seconds) => write!(
                f,
                "removing the worktree took longer than {seconds} s (`executor.collectSeconds`); the next command continues with it"
            ),
            Self::Memory(mib) => write!(
                f,
                "reading the work took more than {mib} MiB of memory; raise `executor.collectMemoryMib` if it really is that large"
            ),
            Self::Died(how) => write!(f, "reading the work failed: {how}"),
        }
    }
}

fn place(kept: Option<&Path>) -> String {
    kept.map_or_else(String::new, |kept| {
        format!("; everything is kept in `{}`", kept.display())
    })
}

/// Why a collector gave no answer.
enum RequestFailure {
    Late,
    Died(Exit, String),
    Killed,
}

impl Collectors {
    /// Prepares collecting without starting a process. `kill` ends all collectors at once.
    ///
    /// # Errors
    /// [`WorktreeError::Io`] if the project's directory does not exist.
    pub fn new(
        own_program: &Path,
        mirror: Mirror,
        options: Options,
        limits: Limits,
        tag_prefix: &str,
        kill: CancellationToken,
    ) -> Result<Collectors, WorktreeError> {
        let tag_prefix = format!("{tag_prefix}{}/", options.session);
        let worktrees = Worktrees::open(mirror.clone(), options.clone())?;
        let inner = Inner {
            supervisor: SupervisorProgram {
                args: vec!["internal".into(), "collect".into()],
                ..SupervisorProgram::of(own_program)
            },
            mirror,
            worktrees,
            options,
            limits,
            tag_prefix,
            kill,
            slots: Mutex::default(),
            finished: Mutex::default(),
        };
        Ok(Collectors {
            inner: Arc::new(inner),
        })
    }

    /// Returns the path that an issue's worktree has or would have.
    #[must_use]
    pub fn path(&self, issue: u64) -> PathBuf {
        self.inner.worktrees.path(issue)
    }

    /// Like [`Worktrees::root`].
    pub fn root(&self) -> &Path {
        self.inner.worktrees.root()
    }

    /// Like [`Worktrees::check_root`].
    ///
    /// # Errors
    /// [`WorktreeError::RootNotADirectory`].
    pub fn check_root(&self) -> Result<(), WorktreeError> {
        self.inner.worktrees.check_root()
    }

    /// Like [`Worktrees::list`].
    ///
    /// # Errors
    /// [`WorktreeError`] if the records cannot be read.
    pub fn list(&self) -> Result<Vec<WorktreeEntry>, WorktreeError> {
        self.inner.worktrees.list()
    }

    /// Like [`Roots::directories`](crate::worktrees::Roots::directories).
    pub fn directories(&self) -> Vec<Directory> {
        self.inner.options.roots.directories()
    }

    /// Creates the directory for an attempt, like [`Worktrees::lease`]. An earlier attempt's
    /// directory that cannot be read is moved aside.
    ///
    /// # Errors
    /// [`CollectorError`].
    pub async fn lease(&self, request: &LeaseRequest) -> Result<Leased, CollectorError> {
        let issue = request.issue;
        let asked = self.read(issue, Request::MakeWay(request.clone())).await;
        let leftovers = match asked {
            Ok(Reply::ExistingWorktree(ExistingWorktree::Kept(leased))) => return Ok(leased),
            Ok(Reply::ExistingWorktree(ExistingWorktree::Free { leftovers })) => leftovers,
            Ok(_) => return Err(nonsense()),
            Err(error @ CollectorError::Unreadable { kept: Some(_), .. }) => {
                tracing::warn!(issue, %error, "failed to read what an earlier attempt left in the worktree");
                None
            }
            Err(error) => return Err(error),
        };
        self.remove(issue).await?;
        match self.ask(issue, &Request::Fill(request.clone())).await? {
            Reply::Filled(leased) => Ok(Leased {
                leftovers,
                ..leased
            }),
            _ => Err(nonsense()),
        }
    }

    /// Takes an attempt's work into the mirror, like [`Worktrees::collect`].
    ///
    /// # Errors
    /// [`CollectorError`].
    pub async fn collect(&self, request: &CollectRequest) -> Result<Collected, CollectorError> {
        match self
            .read(request.issue, Request::Collect(request.clone()))
            .await?
        {
            Reply::Collected(collected) => Ok(*collected),
            _ => Err(nonsense()),
        }
    }

    /// Saves everything in the directory, like [`Worktrees::salvage`].
    ///
    /// # Errors
    /// [`CollectorError`].
    pub async fn salvage(&self, issue: u64) -> Result<Saved, CollectorError> {
        saved(self.read(issue, Request::Salvage(issue)).await?)
    }

    /// Salvages and removes a worktree that is no longer in use; returns where its work is.
    ///
    /// # Errors
    /// [`CollectorError`].
    pub async fn sweep(&self, issue: u64) -> Result<Saved, CollectorError> {
        let swept = match self.salvage(issue).await {
            Ok(saved) => self.remove(issue).await.map(|()| saved),
            Err(error) => Err(error),
        };
        self.end(issue).await;
        swept
    }

    /// Removes an issue's directory, unless it contains work that is saved nowhere else.
    ///
    /// # Errors
    /// [`CollectorError`].
    pub async fn release(&self, issue: u64) -> Result<(), CollectorError> {
        let released = match self.read(issue, Request::CheckSaved(issue)).await {
            Ok(_) => self.remove(issue).await,
            Err(error) => Err(error),
        };
        self.end(issue).await;
        released
    }

    /// Releases an issue's directory, unless it contains work that is saved nowhere else. It is
    /// removed at once, together with those released earlier, if there is `time`, if there are too
    /// many of them or if there is too little space; otherwise it is removed later.
    ///
    /// # Errors
    /// [`CollectorError`].
    pub async fn let_go(
        &self,
        issue: u64,
        time: impl FnOnce() -> bool + Send,
    ) -> Result<(), CollectorError> {
        let gone = match self.read(issue, Request::LetGo(issue)).await {
            Ok(_) => {
                self.finished().insert(issue);
                if time() || self.are_finished_too_many() {
                    self.remove_finished_by(issue).await;
                }
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.end(issue).await;
        gone
    }

    /// Removes all released directories. If one takes too long, the next command continues.
    pub async fn remove_finished(&self) {
        let first = self.finished().first().copied();
        if let Some(first) = first {
            self.remove_finished_by(first).await;
            self.end(first).await;
        }
    }

    /// Removes the released directories with the collector of one of the issues.
    async fn remove_finished_by(&self, issue: u64) {
        // Starts with its own issue, so that two removals never wait for each other's collectors.
        let mut next = self.finished().take(&issue);
        while let Some(finished) = next {
            let slot = (finished != issue).then(|| self.slot(finished));
            // Keeps others from creating a new directory there in the meantime.
            let _alone = match &slot {
                Some(slot) => Some(slot.lock().await),
                None => None,
            };
            let removed = self.ask(issue, &Request::RemoveFinished(finished)).await;
            if let Err(error) = removed {
                tracing::warn!(issue = finished, %error, "failed to remove a finished worktree");
                if matches!(error, CollectorError::Killed) {
                    return;
                }
            }
            next = self.finished().pop_first();
        }
    }

    fn are_finished_too_many(&self) -> bool {
        N_FINISHED_MAX < self.finished().len() || !has_room(self.root())
    }

    /// Removes the directory of an issue in which no agent has worked, like [`Worktrees::discard`].
    ///
    /// # Errors
    /// [`CollectorError`].
    pub async fn discard(&self, issue: u64) -> Result<(), CollectorError> {
        let discarded = self.remove(issue).await;
        self.end(issue).await;
        discarded
    }

    /// Removes a directory whose work is saved. If it takes too long, the next command continues.
    async fn remove(&self, issue: u64) -> Result<(), CollectorError> {
        self.ask(issue, &Request::Discard(issue)).await.map(drop)
    }

    /// Like [`Worktrees::note_prepared`].
    ///
    /// # Errors
    /// [`CollectorError`].
    pub async fn note_prepared(&self, issue: u64) -> Result<(), CollectorError> {
        self.ask(issue, &Request::NotePrepared(issue))
            .await
            .map(drop)
    }

    /// Like [`Worktrees::note_checked`].
    ///
    /// # Errors
    /// [`CollectorError`].
    pub async fn note_checked(&self, issue: u64) -> Result<(), CollectorError> {
        self.ask(issue, &Request::NoteChecked(issue))
            .await
            .map(drop)
    }

    /// Like [`Worktrees::note_made_by_checks`].
    ///
    /// # Errors
    /// [`CollectorError`].
    pub async fn note_made_by_checks(&self, issue: u64) -> Result<(), CollectorError> {
        self.ask(issue, &Request::NoteMadeByChecks(issue))
            .await
            .map(drop)
    }

    /// Ends all collectors.
    pub async fn end_all(&self) {
        let issues: Vec<u64> = self.slots().keys().copied().collect();
        for issue in issues {
            self.end(issue).await;
        }
    }

    async fn end(&self, issue: u64) {
        let slot = self.slots().remove(&issue);
        let Some(slot) = slot else {
            return;
        };
        if let Some(collector) = slot.lock().await.take() {
            collector.end().await;
        }
    }

    /// Sends a request that reads a directory where an agent may have worked; one that cannot be
    /// read is moved aside.
    async fn read(&self, issue: u64, request: Request) -> Result<Reply, CollectorError> {
        match self.ask(issue, &request).await {
            Err(CollectorError::Unreadable { limit, .. }) => {
                let worktrees = self.inner.worktrees.clone();
                let moved = tokio::task::spawn_blocking(move || worktrees.set_aside(issue)).await;
                let kept = moved.unwrap_or(Ok(None))?;
                Err(CollectorError::Unreadable { limit, kept })
            }
            answer => answer,
        }
    }

    async fn ask(&self, issue: u64, request: &Request) -> Result<Reply, CollectorError> {
        let Inner { kill, limits, .. } = &*self.inner;
        let time_max = match request {
            Request::Fill(_) => FILL_TIME_MAX,
            _ => limits.step,
        };
        let slot = self.slot(issue);
        let mut slot = slot.lock().await;
        if kill.is_cancelled() {
            return Err(CollectorError::Killed);
        }
        let mut collector = match slot.take() {
            Some(collector) => collector,
            None => self.start(issue).await?,
        };
        let answered = tokio::select! {
            answered = timeout(time_max, collector.answer(request)) => {
                answered.unwrap_or(Err(RequestFailure::Late))
            }
            () = kill.cancelled() => Err(RequestFailure::Killed),
        };
        let unreadable = |limit| CollectorError::Unreadable { limit, kept: None };
        let out_of_memory = || unreadable(Limit::Memory(limits.memory_bytes >> 20));
        let failed = match answered {
            Ok(Ok(reply)) => {
                *slot = Some(collector);
                return Ok(reply);
            }
            Ok(Err(Refusal::OutOfMemory)) => out_of_memory(),
            Ok(Err(refusal)) => {
                *slot = Some(collector);
                return Err(refused(refusal));
            }
            Err(RequestFailure::Late) => unreadable(match request {
                Request::Fill(_) => Limit::Filling(time_max.as_secs()),
                Request::Discard(_) | Request::RemoveFinished(_) => {
                    Limit::Removing(time_max.as_secs())
                }
                _ => Limit::Reading(time_max.as_secs()),
            }),
            Err(RequestFailure::Died(_, said)) if said.starts_with(OUT_OF_MEMORY) => {
                out_of_memory()
            }
            Err(RequestFailure::Died(exit, said)) => {
                unreadable(Limit::Died(how_it_died(&exit, &said)))
            }
            Err(RequestFailure::Killed) => CollectorError::Killed,
        };
        collector.end().await;
        Err(failed)
    }

    async fn start(&self, issue: u64) -> Result<Collector, ProcessError> {
        let Inner {
            supervisor,
            mirror,
            options,
            limits,
            tag_prefix,
            ..
        } = &*self.inner;
        let setup = Setup {
            mirror: mirror.path().to_owned(),
            git: mirror.git().program().to_owned(),
            configuration: mirror.configuration(),
            worktrees: options.clone(),
            memory_bytes_max: limits.memory_bytes,
        };
        // Git needs the environment of the user's git, and filters it (`git_program`).
        let env = std::env::vars_os().collect();
        let tag = format!("{tag_prefix}{issue}-collect");
        let mut running = spawn_forked(supervisor, env, tag).await?;
        running.feed(line(&setup)).await;
        Ok(Collector { running })
    }

    fn slot(&self, issue: u64) -> Arc<Slot> {
        self.slots().entry(issue).or_default().clone()
    }

    fn finished(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        self.inner
            .finished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Slot>>> {
        // The map is valid even if a holder panicked: entries are only inserted and removed.
        self.inner
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector {
    async fn answer(&mut self, request: &Request) -> Result<Answer, RequestFailure> {
        self.running.feed(line(request)).await;
        let mut answer = String::new();
        let mut said = String::new();
        while let Some(line) = self.running.next_line().await {
            match (line.source, line.text.split_at_checked(1)) {
                (Source::Stdout, Some((mark @ ("+" | "="), piece))) => {
                    answer.push_str(piece);
                    if mark == "=" || ANSWER_BYTES_MAX < answer.len() {
                        let read = serde_json::from_str(&answer);
                        return Ok(
                            read.unwrap_or_else(|error| Err(Refusal::Other(error.to_string())))
                        );
                    }
                }
                _ => {
                    tracing::warn!("the collector: {}", line.text);
                    said = line.text;
                }
            }
        }
        Err(RequestFailure::Died(self.running.wait().await, said))
    }

    /// Ends it together with everything it started.
    async fn end(mut self) {
        self.running.kill().await;
        self.running.wait().await;
    }
}

/// Returns whether a disk has space for unneeded directories. Some file systems do not count
/// inodes.
fn has_room(directory: &Path) -> bool {
    let is_free = |free: u64, all: u64| all / FREE_PARTS_MIN <= free;
    rustix::fs::statvfs(directory).is_ok_and(|disk| {
        is_free(disk.f_bavail, disk.f_blocks) && is_free(disk.f_favail, disk.f_files)
    })
}

fn line(message: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(message).expect("a message only has string keys");
    text + "\n"
}

fn refused(refusal: Refusal) -> CollectorError {
    match refusal {
        Refusal::Gone(message) => CollectorError::Gone(message),
        Refusal::Unfit(message) => CollectorError::Unfit(message),
        Refusal::Submodule { message, failure } => CollectorError::Submodule { message, failure },
        Refusal::NoRoom(message) => CollectorError::NoRoom(message),
        Refusal::Invalid(message) => CollectorError::Invalid(message),
        Refusal::Other(message) => CollectorError::Refused(message),
        Refusal::OutOfMemory => CollectorError::Refused("out of memory".to_owned()),
    }
}

fn saved(reply: Reply) -> Result<Saved, CollectorError> {
    match reply {
        Reply::Saved(saved) => Ok(saved),
        _ => Err(nonsense()),
    }
}

/// Only possible through a bug of ours: the collector is the same build.
fn nonsense() -> CollectorError {
    CollectorError::Refused("bug in autoissue: unexpected answer from the collector".to_owned())
}

fn how_it_died(exit: &Exit, said: &str) -> String {
    let ended = match (exit.code, exit.signal) {
        (Some(code), _) => format!("the collector exited with code {code}"),
        (None, Some(signal)) => format!("the collector was killed by signal {signal}"),
        (None, None) => "the collector exited".to_owned(),
    };
    if said.is_empty() {
        ended
    } else {
        format!("{ended}: {said}")
    }
}
