//! The journal of an earlier release, whose events can no longer be read: it is moved aside, and
//! the kept work of its sessions is found so that the user can recover it. None of it is changed or
//! deleted.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use autoissue_git::mirror::{Mirror, Salvage};
use autoissue_git::worktrees::{Directory, Roots};
use autoissue_journal::repository_lock::{repository_key, state_lock};
use autoissue_journal::{Journal, JournalError, OutdatedJournal};

use crate::session::mirror_dir;

/// What an earlier release left behind.
#[derive(Debug)]
pub struct OutdatedSessions {
    /// Where its journal is now.
    pub journal: PathBuf,
    /// Work of its sessions that is kept in a mirror.
    pub salvaged: Vec<Salvaged>,
    /// Directories of its attempts: worktrees, and directories that were kept because no commit can
    /// hold them.
    pub directories: Vec<Directory>,
}

/// Work that is kept in a mirror.
#[derive(Debug)]
pub struct Salvaged {
    /// The checkout that it belongs to.
    pub project: PathBuf,
    /// The bare repository that holds it.
    pub mirror: PathBuf,
    /// The ref, with its session and issue.
    pub salvage: Salvage,
}

/// Moves the journal of an earlier release aside and finds the kept work of its sessions; `None` if
/// there is none. While a session is running, which can only be one of that release, the journal
/// stays, and opening it is [`JournalError::Outdated`].
///
/// # Errors
/// Fails if the journal's files cannot be moved, or its sessions cannot be read.
pub fn set_aside(state_dir: &Path) -> Result<Option<OutdatedSessions>, JournalError> {
    if some_session_runs(state_dir) {
        return Ok(None);
    }
    let outdated = Journal::set_aside_outdated(state_dir)?;
    Ok(outdated.map(|outdated| left_by(state_dir, outdated)))
}

fn some_session_runs(state_dir: &Path) -> bool {
    let keys = fs::read_dir(state_dir.join("repos")).into_iter().flatten();
    keys.flatten().any(|key| {
        let lock = state_lock(state_dir, &key.file_name().to_string_lossy());
        File::open(lock).is_ok_and(|file| {
            // Shared, and released at once, so that it delays other users of the repository only
            // for a moment.
            matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
        })
    })
}

fn left_by(state_dir: &Path, outdated: OutdatedJournal) -> OutdatedSessions {
    let mut left = OutdatedSessions {
        journal: outdated.path,
        salvaged: Vec::new(),
        directories: Vec::new(),
    };
    let mut projects: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for (session, project) in outdated.sessions {
        projects.entry(project).or_default().push(session);
    }
    for (project, sessions) in projects {
        let mirror = mirror_dir(state_dir, &project);
        let salvaged = Mirror::salvaged_at(&mirror).unwrap_or_default();
        let theirs = salvaged
            .into_iter()
            .filter(|salvage| sessions.contains(&salvage.session))
            .map(|salvage| Salvaged {
                project: project.clone(),
                mirror: mirror.clone(),
                salvage,
            });
        left.salvaged.extend(theirs);
        let roots = Roots::of(None, state_dir, &repository_key(&project), &project);
        left.directories.extend(roots.directories());
    }
    left
}
