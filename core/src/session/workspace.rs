//! Lock, mirror and worktrees of a session. Opening them changes only our own files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use autoissue_forge::Forge;
use autoissue_git::collector::{Collectors, Limits};
use autoissue_git::mirror::Mirror;
use autoissue_git::stale_locks::remove_stale_locks;
use autoissue_git::worktrees::Options;
use autoissue_journal::repository_lock::{
    Holder, RepositoryLock, checkout_lock, forge_lock, repository_key, state_lock,
};
use autoissue_journal::{Journal, SessionId};
use autoissue_process::error_chain;
use autoissue_process::sweep_tagged;
use tokio_util::sync::CancellationToken;

use super::SessionError;
use crate::config::Config;
use crate::host::Host;
use crate::past_sessions::Past;
use crate::preflight::{PROBE, Project, inspect, roots};
use crate::wall_clock::wall_clock_ms;
use crate::work::Workspace;

/// One block of most file systems: a full disk may still have room for the name of an empty file.
const N_PROBE_BYTES: usize = 4_096;

pub(super) fn lock(
    project: &Project,
    host: &Host,
    id: &SessionId,
    now_ms: u64,
) -> Result<RepositoryLock, SessionError> {
    let holder = Holder {
        pid: std::process::id(),
        session: id.clone(),
        started_at_ms: now_ms,
        command: host.command.clone(),
        project: project.checkout.path().to_string_lossy().into_owned(),
    };
    if project.remote.is_none() {
        try_writing(project.checkout.path())?;
    }
    // This lock comes first because, if the state directory cannot be created, nothing is left in
    // the checkout.
    let mut paths = vec![
        state_lock(&host.state_dir, &project.key),
        checkout_lock(&project.checkout.git_dir()?),
    ];
    if let Some(on_forge) = &project.on_forge {
        paths.push(forge_lock(
            &host.environment,
            on_forge,
            &project.repository,
        )?);
    }
    Ok(RepositoryLock::acquire(&paths, &holder)?)
}

/// Prepares the mirror and the worktrees, and cleans up after a session that died. The worktrees of
/// the issues in `keep` stay, and those that another session needs when it is resumed.
pub(super) fn open_workspace(
    project: &Project,
    host: &Host,
    id: &SessionId,
    journal: &Journal,
    keep: &[u64],
    ignored_paths: Vec<String>,
    kill: CancellationToken,
) -> Result<Workspace, SessionError> {
    let n_stragglers = sweep_tagged(&format!("{}/", project.key));
    if n_stragglers > 0 {
        tracing::warn!(n_stragglers, "ended processes left by an earlier session");
    }
    let mirror = mirror_of(&host.state_dir, &project.key);
    let n_locks = remove_stale_locks(&mirror, &project.checkout.git_dir()?);
    if n_locks > 0 {
        tracing::warn!(n_locks, "removed git locks left by a killed session");
    }
    let mirror = Mirror::open(&mirror, project.git.clone())?;
    mirror.take_filters(project.checkout.path())?;
    let base = match &project.remote {
        Some(remote) => {
            mirror.borrow_base(project.checkout.path(), &project.base_branch);
            mirror.fetch(remote.fetch_url(), &project.base_branch, remote.env())?
        }
        None => mirror.fetch(
            &project.checkout.path().to_string_lossy(),
            &project.base_branch,
            &[],
        )?,
    };
    let collectors = collectors(project, host, &mirror, id, ignored_paths, kill)?;
    collectors.check_root()?;
    let idle = unused(&collectors, journal, project, keep)?;
    on_a_runtime(async {
        for issue in idle {
            match collectors.sweep(issue).await {
                Ok(saved) => match saved.place() {
                    None => tracing::info!(issue, "removed an unused worktree"),
                    Some(place) => {
                        tracing::warn!(issue, place, "saved and removed a leftover worktree");
                    }
                },
                Err(error) => {
                    tracing::warn!(issue, error = %error_chain(&error), "cannot remove a leftover worktree");
                }
            }
        }
    })?;
    Ok(Workspace {
        mirror,
        remote: project.remote.clone(),
        collectors,
        base_branch: project.base_branch.clone(),
        base,
    })
}

/// Returns the issues whose worktrees neither this session nor one that can be resumed uses.
fn unused(
    collectors: &Collectors,
    journal: &Journal,
    project: &Project,
    keep: &[u64],
) -> Result<Vec<u64>, SessionError> {
    let mut others = collectors.list()?;
    others.retain(|it| !keep.contains(&it.issue));
    let sessions = others.iter().map(|it| it.session.as_str()).collect();
    let mut unreadable = Vec::new();
    let past = Past::of(journal, project.checkout.path(), &sessions, &mut unreadable)?;
    for note in unreadable {
        tracing::warn!("{note}");
    }
    others.retain(|it| !past.holds(&it.session, it.issue));
    Ok(others.into_iter().map(|it| it.issue).collect())
}

/// Checks for free what each task would otherwise find out after its agent was paid: whether work
/// and pull requests can be written.
fn try_writing(project: &Path) -> Result<(), SessionError> {
    let probe = project.join(PROBE);
    let written = std::fs::write(&probe, [b' '; N_PROBE_BYTES]);
    let removed = std::fs::remove_file(&probe);
    written
        .and(removed)
        .map_err(|source| SessionError::NotWritable {
            path: project.to_owned(),
            source,
        })
}

/// Runs a future that waits for other processes, outside of a session's own runtime.
///
/// # Errors
/// Fails if the system cannot start another thread.
pub(crate) fn on_a_runtime<T>(work: impl Future<Output = T>) -> Result<T, SessionError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(SessionError::NoRuntime)?;
    Ok(runtime.block_on(work))
}

fn collectors(
    project: &Project,
    host: &Host,
    mirror: &Mirror,
    id: &SessionId,
    ignored_paths: Vec<String>,
    kill: CancellationToken,
) -> Result<Collectors, SessionError> {
    let executor = &project.config.executor;
    let limits = Limits {
        step: Duration::from_secs(executor.collect_seconds.into()),
        memory_bytes: u64::from(executor.collect_memory_mib) << 20,
    };
    let options = Options {
        project: project.checkout.path().to_owned(),
        roots: roots(&project.config, host, project.checkout.path()),
        session: id.to_string(),
        identity: project.checkout.identity(&project.git, &host.environment),
        env: Vec::new(),
        credentials: project
            .remote
            .as_ref()
            .map(|remote| remote.env_of_programs().to_vec())
            .unwrap_or_default(),
        ignored_paths,
    };
    Ok(Collectors::new(
        &host.own_program,
        mirror.clone(),
        options,
        limits,
        &format!("{}/", project.key),
        kill,
    )?)
}

/// What `clean` needs.
pub(crate) struct Cleaning {
    pub(crate) lock: RepositoryLock,
    pub(crate) mirror: Mirror,
    pub(crate) collectors: Collectors,
    pub(crate) forge: Box<dyn Forge>,
    pub(crate) project: PathBuf,
}

/// Takes the lock and prepares the removal of worktrees; `None` if there were never any.
pub(crate) fn cleaning(
    config: Config,
    host: &Host,
    id: &SessionId,
) -> Result<Option<Cleaning>, SessionError> {
    let project = inspect(config, host, false)?;
    let mirror = mirror_of(&host.state_dir, &project.key);
    if !mirror.exists() {
        return Ok(None);
    }
    let lock = lock(&project, host, id, wall_clock_ms())?;
    let mirror = Mirror::open(&mirror, project.git.clone())?;
    mirror.take_filters(project.checkout.path())?;
    let kill = CancellationToken::new();
    let collectors = collectors(&project, host, &mirror, id, Vec::new(), kill)?;
    Ok(Some(Cleaning {
        lock,
        mirror,
        collectors,
        project: project.checkout.path().to_owned(),
        forge: project.forge,
    }))
}

pub(super) fn mirror_of(state_dir: &Path, key: &str) -> PathBuf {
    state_dir.join("repos").join(key).join("mirror.git")
}

/// Returns the bare repository that holds the salvaged work of a checkout. The path is canonical,
/// as sessions record it.
pub fn mirror_dir(state_dir: &Path, project: &Path) -> PathBuf {
    mirror_of(state_dir, &repository_key(project))
}
