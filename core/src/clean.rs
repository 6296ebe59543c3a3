//! Removes worktrees that no session will come back to. One that holds work which is saved nowhere else stays.

mod set_aside;

use std::path::PathBuf;

use crate::config::{Config, LoggingSettings};
use crate::dispatcher::holders;
use crate::journal::{Journal, SessionId, SessionStatus};
use crate::recorded::Recorded;
use crate::retention::{Freed, remove_old_transcripts};
use crate::service::checkout::Checkout;
use crate::service::worktrees::WorktreeError;
use crate::session::{Host, SessionError, cleaning, roots};
use crate::wall_clock::wall_clock_ms;

pub use set_aside::{Contents, SetAside};

/// A worktree, and what became of it.
#[derive(Debug)]
pub struct Cleaned {
    /// Its issue.
    pub issue: u64,
    /// The session that made it.
    pub session: String,
    /// The directory.
    pub path: PathBuf,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a worktree.
#[derive(Debug)]
pub enum Fate {
    /// It was removed, or would be.
    Removed,
    /// A session that can be resumed holds it.
    Held,
    /// It stays, for this reason.
    Kept(WorktreeError),
}

/// Removes transcripts of sessions that have ended, as far as the configuration does not keep them; with `dry_run` it only says what
/// it would free. Blocking.
///
/// # Errors
/// Where the journal cannot be read.
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

/// Sessions that are looked through for one that still holds a worktree.
const N_SESSIONS_MAX: usize = 1_000;

/// Removes the worktrees of finished sessions; with `dry_run` it only says which. Blocking.
///
/// # Errors
/// Where another session holds the repository, or something cannot be read.
pub fn clean(config: Config, host: &Host, dry_run: bool) -> Result<Vec<Cleaned>, SessionError> {
    let id = SessionId::new(wall_clock_ms(), [0, 0]);
    let Some((_lock, worktrees)) = cleaning(config, host, &id)? else {
        return Ok(Vec::new());
    };
    let journal = Journal::open_read_only(&host.state_dir)?;
    let mut cleaned = Vec::new();
    for held in worktrees.list()? {
        let fate = if is_held(&journal, &held.session, held.issue)? {
            Fate::Held
        } else if dry_run {
            Fate::Removed
        } else {
            worktrees
                .release(held.issue)
                .map_or_else(Fate::Kept, |()| Fate::Removed)
        };
        cleaned.push(Cleaned {
            issue: held.issue,
            session: held.session,
            path: held.path,
            fate,
        });
    }
    Ok(cleaned)
}

/// Returns the directories beside the worktrees that only their owner may remove, as they hold what is saved nowhere else, or are not
/// ours. `cleaned` are the worktrees that are known. Blocking.
pub fn set_aside(config: &Config, host: &Host, cleaned: &[Cleaned]) -> Vec<SetAside> {
    let known: Vec<PathBuf> = cleaned.iter().map(|it| it.path.clone()).collect();
    let checkout = Checkout::open(&host.project);
    let project = checkout
        .as_ref()
        .map_or(host.project.as_path(), Checkout::path);
    set_aside::find(&roots(config, host, project), &known)
}

/// Returns whether an unfinished session still works in the worktree of an issue.
fn is_held(journal: &Journal, session: &str, issue: u64) -> Result<bool, SessionError> {
    let unfinished = |status| matches!(status, SessionStatus::Running | SessionStatus::Interrupted);
    let rows = journal.sessions(None, N_SESSIONS_MAX)?;
    match rows
        .into_iter()
        .find(|row| row.id.as_str() == session && unfinished(row.status))
    {
        Some(row) => Ok(holders(&Recorded::read(journal, row)?.engine).contains(&issue)),
        None => Ok(false),
    }
}
