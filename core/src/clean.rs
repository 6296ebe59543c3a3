//! Removes worktrees that no session will use again, and kept work that is no longer needed. A
//! worktree with work that is saved nowhere else stays.

mod set_aside;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use autoissue_engine::IssueNumber;
use autoissue_forge::{Forge, IssueState};
use autoissue_git::checkout::Checkout;
use autoissue_git::collector::{CollectorError, Collectors};
use autoissue_git::mirror::{Mirror, Salvage};
use autoissue_git::worktrees::WorktreeEntry;
use autoissue_journal::{Journal, SessionId};
use autoissue_process::error_chain;

use crate::config::{Config, LoggingSettings};
use crate::host::Host;
use crate::past_sessions::Past;
use crate::preflight::{SessionError, roots};
use crate::retention::{Freed, remove_old_transcripts};
use crate::session::{Cleaning, cleaning, on_a_runtime};
use crate::wall_clock::wall_clock_ms;
pub use set_aside::{Contents, SetAside};

/// What to clean.
#[derive(Clone, Debug, Default)]
pub struct CleanOrder {
    /// Only report what would be removed.
    pub dry_run: bool,
    /// Issues whose kept work is removed unless a session that can be resumed needs it.
    pub salvage: BTreeSet<u64>,
}

/// The result of a cleanup.
#[derive(Debug, Default)]
pub struct Cleaned {
    /// Worktrees, by issue.
    pub worktrees: Vec<CleanedWorktree>,
    /// Kept work, by issue.
    pub kept_work: Vec<KeptWork>,
    /// Directories next to the worktrees that only their owner may remove.
    pub set_aside: Vec<SetAside>,
    /// Bytes freed by removing kept work.
    pub freed_bytes: u64,
    /// What could not be read or freed, and why.
    pub notes: Vec<String>,
}

/// A worktree, and what happened to it.
#[derive(Debug)]
pub struct CleanedWorktree {
    /// Its issue.
    pub issue: u64,
    /// The session that made it.
    pub session: String,
    /// The directory.
    pub path: PathBuf,
    /// What happened to it.
    pub outcome: CleanOutcome,
}

/// What happened to a worktree.
#[derive(Debug)]
pub enum CleanOutcome {
    /// It was removed, or would be.
    Removed,
    /// A session that can be resumed uses it.
    Held,
    /// It stays, for this reason.
    Kept(CollectorError),
}

/// Kept work of an issue, all sessions together.
#[derive(Debug)]
pub struct KeptWork {
    /// Its issue.
    pub issue: u64,
    /// How many salvage refs hold it.
    pub n_refs: usize,
    /// Why it is removed; `None` if it stays.
    pub reason: Option<Reason>,
    /// A session that can be resumed needs it, so it stays whatever the user names.
    pub is_held: bool,
}

/// Why kept work is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The issue's work has shipped since.
    Shipped,
    /// The issue is closed.
    Closed,
    /// The user named the issue.
    Named,
}

/// Removes transcripts of ended sessions that the configuration does not keep; with `dry_run` it
/// only reports what it would free. Blocking.
///
/// # Errors
/// Fails if the journal cannot be read.
pub fn clean_transcripts(
    settings: &LoggingSettings,
    host: &Host,
    dry_run: bool,
) -> Result<Freed, SessionError> {
    let journal = Journal::open_read_only(&host.state_dir)?;
    let now_ms = wall_clock_ms();
    Ok(remove_old_transcripts(
        &host.state_dir,
        &journal,
        settings,
        now_ms,
        dry_run,
    )?)
}

/// Removes the worktrees of finished sessions, and work that is kept for issues that have shipped,
/// are closed or were named. Blocking.
///
/// # Errors
/// Fails if another session holds the repository, or something cannot be read.
pub fn clean(config: &Config, host: &Host, order: &CleanOrder) -> Result<Cleaned, SessionError> {
    let mut cleaned = clean_what_is_known(config.clone(), host, order)?;
    cleaned.set_aside = set_aside_by(config, host, &cleaned.worktrees);
    Ok(cleaned)
}

fn clean_what_is_known(
    config: Config,
    host: &Host,
    order: &CleanOrder,
) -> Result<Cleaned, SessionError> {
    let id = SessionId::new(wall_clock_ms(), [0, 0]);
    let Some(Cleaning {
        lock: _lock,
        mirror,
        collectors,
        forge,
        project,
    }) = cleaning(config, host, &id)?
    else {
        return Ok(Cleaned::default());
    };
    let (worktrees, kept) = (collectors.list()?, mirror.salvaged()?);
    let named = worktrees.iter().map(|held| held.session.as_str());
    let sessions = named.chain(kept.iter().map(|salvage| salvage.session.as_str()));
    let journal = Journal::open_read_only(&host.state_dir)?;
    let mut cleaned = Cleaned::default();
    let past = Past::since(&journal, &project, &sessions.collect(), &mut cleaned.notes)?;
    cleaned.worktrees = clean_worktrees(worktrees, &collectors, &past, order.dry_run)?;
    cleaned.kept_work = judge(&kept, &past, &*forge, order, &mut cleaned.notes);
    if !order.dry_run {
        free(&kept, &mirror, &collectors, &mut cleaned)?;
    }
    Ok(cleaned)
}

fn clean_worktrees(
    worktrees: Vec<WorktreeEntry>,
    collectors: &Collectors,
    past: &Past,
    dry_run: bool,
) -> Result<Vec<CleanedWorktree>, SessionError> {
    let mut cleaned = Vec::new();
    for held in worktrees {
        let outcome = if past.holds(&held.session, held.issue) {
            CleanOutcome::Held
        } else if dry_run {
            CleanOutcome::Removed
        } else {
            on_a_runtime(collectors.release(held.issue))?
                .map_or_else(CleanOutcome::Kept, |()| CleanOutcome::Removed)
        };
        cleaned.push(CleanedWorktree {
            issue: held.issue,
            session: held.session,
            path: held.path,
            outcome,
        });
    }
    Ok(cleaned)
}

/// Returns the directories next to the worktrees that only their owner may remove, because they
/// hold files that are saved nowhere else, or are not ours. `known` are our worktrees.
fn set_aside_by(config: &Config, host: &Host, known: &[CleanedWorktree]) -> Vec<SetAside> {
    let known: Vec<PathBuf> = known.iter().map(|it| it.path.clone()).collect();
    let checkout = Checkout::open(&host.project);
    let project = checkout
        .as_ref()
        .map_or(host.project.as_path(), Checkout::path);
    set_aside::find(&roots(config, host, project), &known)
}

/// Decides for each issue's kept work whether it is removed.
fn judge(
    kept: &[Salvage],
    past: &Past,
    forge: &dyn Forge,
    order: &CleanOrder,
    notes: &mut Vec<String>,
) -> Vec<KeptWork> {
    let mut by_issue: BTreeMap<u64, Vec<&Salvage>> = BTreeMap::new();
    for salvage in kept {
        by_issue.entry(salvage.issue).or_default().push(salvage);
    }
    let mut works = Vec::new();
    for (issue, refs) in by_issue {
        let is_held = refs.iter().any(|it| past.holds(&it.session, issue));
        let has_shipped = refs.iter().all(|it| past.has_shipped(&it.session, issue));
        let reason = match () {
            () if is_held => None,
            () if order.salvage.contains(&issue) => Some(Reason::Named),
            () if has_shipped => Some(Reason::Shipped),
            () => None,
        };
        if is_held && order.salvage.contains(&issue) {
            notes.push(format!(
                "the work of #{issue} stays: a session that can be resumed needs it"
            ));
        }
        works.push(KeptWork {
            issue,
            n_refs: refs.len(),
            reason,
            is_held,
        });
    }
    let open: Vec<IssueNumber> = works
        .iter()
        .filter(|work| work.reason.is_none() && !work.is_held)
        .map(|work| IssueNumber(work.issue))
        .collect();
    let states = if open.is_empty() {
        BTreeMap::new()
    } else {
        forge.states(&open).unwrap_or_else(|error| {
            let why = error_chain(&error);
            notes.push(format!("cannot determine which issues are closed: {why}"));
            BTreeMap::new()
        })
    };
    works
        .into_iter()
        .map(|work| {
            let is_closed = states.get(&IssueNumber(work.issue)) == Some(&IssueState::Closed);
            KeptWork {
                reason: work
                    .reason
                    .or((is_closed && !work.is_held).then_some(Reason::Closed)),
                ..work
            }
        })
        .collect()
}

/// Drops the work to be removed, and frees its space and that of work dropped earlier, unless a
/// directory may still borrow from it.
fn free(
    kept: &[Salvage],
    mirror: &Mirror,
    collectors: &Collectors,
    cleaned: &mut Cleaned,
) -> Result<(), SessionError> {
    let goes = |salvage: &&Salvage| {
        let of_issue = |work: &&KeptWork| work.issue == salvage.issue;
        let work = cleaned.kept_work.iter().find(of_issue);
        work.is_some_and(|work| work.reason.is_some())
    };
    let forgotten: Vec<Salvage> = kept.iter().filter(goes).cloned().collect();
    let before = mirror.object_bytes();
    if !forgotten.is_empty() {
        mirror.forget(&forgotten)?;
    }
    if mirror.is_to_be_pruned() {
        if let Some(borrower) = collectors.directories().first() {
            cleaned.notes.push(format!(
                "the space of removed work is not freed yet because `{}` may borrow from it; run `autoissue clean` again \
                 once that directory is gone",
                borrower.path.display()
            ));
        } else if let Err(error) = mirror.prune() {
            let why = error_chain(&error);
            cleaned.notes.push(format!(
                "the space of removed work is not freed yet; run `autoissue clean` again: {why}"
            ));
        }
    }
    cleaned.freed_bytes = before.saturating_sub(mirror.object_bytes());
    Ok(())
}
