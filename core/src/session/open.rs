//! Opens a session: every failure that can be found for free is found here, before anything is
//! changed or spent.
//!
//! ```text
//!   strategies, git, checkout, base branch, forge ──► lock ──► journal ──► mirror, worktrees, sweep ──► Session
//!   └────────── changes nothing ─────────────────┘    └────────── changes only what is ours ──────────┘
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use autoissue_engine::{Input, PlanInput, SessionInput, TaskInput};
use autoissue_forge::declared::Home;
use autoissue_git::checkout::Checkout;
use autoissue_journal::repository_lock::RepositoryLock;
use autoissue_journal::{Journal, NewSession, SessionId, SessionRow, StoredStatus};
use autoissue_process::SupervisorProgram;
use autoissue_process::awake;
use autoissue_process::environment::agent_environment;
use tokio_util::sync::CancellationToken;

use super::context::{Context, check_planner, inspect_for_free, prepare};
use super::request::{StartRequest, is_unfinished};
use super::settings::{history, settings, started, unfinished_work};
use super::waiting;
use super::workspace::{lock, mirror_of, open_workspace};
use super::{Awake, Consent, PlanOrder, Resume, Session, SessionError, SessionRequest};
use crate::backlog_notes::BacklogNotes;
use crate::bus::Bus;
use crate::chronicle::Chronicle;
use crate::config::Config;
use crate::dispatcher::holders;
use crate::host::Host;
use crate::preflight::agent::idle_selector;
use crate::preflight::{Finding, Project, inspect, roots};
use crate::recorded::Recorded;
use crate::retention::{Freed, remove_old_transcripts};
use crate::wall_clock::wall_clock_ms;
use crate::work::{Services, Workspace};

/// How many sessions are searched for one to resume.
const N_SESSIONS_MAX: usize = 1_000;

pub(super) fn open(
    config: Config,
    host: &Host,
    order: SessionRequest,
) -> Result<Session, SessionError> {
    if matches!(&order, SessionRequest::Exec(exec) if exec.label.trim().is_empty()) {
        return Err(SessionError::EmptyLabel);
    }
    if let SessionRequest::Plan(plan) = &order {
        check_plan(&config, plan)?;
    }
    let project = inspect(config, host, matches!(order, SessionRequest::Plan(_)))?;
    match order {
        SessionRequest::Exec(exec) if exec.dry_run => {
            dry_run(project, host, StartRequest::Exec(exec))
        }
        SessionRequest::Exec(exec) => start(project, host, StartRequest::Exec(exec)),
        SessionRequest::Plan(plan) => start(project, host, StartRequest::Plan(plan)),
        SessionRequest::Resume(wanted) => resume(project, host, &wanted),
    }
}

/// Checks that planning is allowed, and that there is something to plan.
fn check_plan(config: &Config, plan: &PlanOrder) -> Result<(), SessionError> {
    match plan {
        _ if !config.planner.enabled => Err(SessionError::PlannerOff),
        PlanOrder {
            given: None,
            directive,
            ..
        } if directive.trim().is_empty() => Err(SessionError::EmptyDirective),
        _ => Ok(()),
    }
}

/// Opens a dry run: it only reads.
fn dry_run(
    project: Project,
    host: &Host,
    mut request: StartRequest,
) -> Result<Session, SessionError> {
    let now_ms = wall_clock_ms();
    let id = SessionId::new(now_ms, entropy());
    request.set_plugins(&host.plugins);
    let Context {
        strategies,
        agent_env,
        instructions,
    } = prepare(&project, host, &request, false)?;
    let settings = settings(&project.config, &strategies, &request, now_ms);
    let past = Journal::open_read_only(&host.state_dir)?;
    let left_behind = left_behind(&past, project.checkout.path())?;
    let history = history(&past, &settings, &strategies)?;
    let unfinished = unfinished_work(&past, project.checkout.path())?;
    let remarks = idle_selector(&project.config, &strategies)
        .into_iter()
        .collect();
    let strategies = strategies.remembering(&past.costs()?);
    let first = started(&project, settings, &request, history, unfinished);
    let new = new_session(&project, host, &id, &request, now_ms);
    let fresh = Parts::fresh(
        id,
        now_ms,
        first,
        request,
        Context {
            strategies,
            agent_env,
            instructions,
        },
    );
    // There is no journal, but typos are reported in the same way.
    let parts = Parts {
        unrecorded: Some(new),
        left_behind,
        remarks,
        ..fresh
    };
    Ok(assemble(project, host, parts))
}

/// Opens a new session.
fn start(
    project: Project,
    host: &Host,
    mut request: StartRequest,
) -> Result<Session, SessionError> {
    let now_ms = wall_clock_ms();
    let id = SessionId::new(now_ms, entropy());
    request.set_plugins(&host.plugins);
    let Context {
        strategies,
        agent_env,
        instructions,
    } = prepare(&project, host, &request, true)?;
    check_planner(&strategies, &request)?;
    let remarks = inspect_for_free(&project, host, &strategies)?;
    if request.plan().is_some() {
        project.forge.prepare()?;
    }
    let settings = settings(&project.config, &strategies, &request, now_ms);
    let lock = lock(&project, host, &id, now_ms)?;
    let mut journal = Journal::open(&host.state_dir)?;
    let left_behind = left_behind(&journal, project.checkout.path())?;
    make_room(&journal, &project, host, now_ms);
    let history = history(&journal, &settings, &strategies)?;
    let unfinished = unfinished_work(&journal, project.checkout.path())?;
    let strategies = strategies.remembering(&journal.costs()?);
    let kill = CancellationToken::new();
    let workspace = open_workspace(
        &project,
        host,
        &id,
        &journal,
        &[],
        strategies.ignored_paths(),
        kill.clone(),
    )?;
    let waiting = waiting::find(&journal, project.checkout.path())?;
    let new = new_session(&project, host, &id, &request, now_ms);
    let is_planned = request.plan().is_some();
    let first = started(&project, settings, &request, history, unfinished);
    let fresh = Parts::fresh(
        id,
        now_ms,
        first,
        request,
        Context {
            strategies,
            agent_env,
            instructions,
        },
    );
    let parts = Parts {
        workspace: Some(workspace),
        kill,
        lock: Some(lock),
        remarks,
        left_behind,
        ..fresh
    };
    let mut session = assemble(project, host, parts);
    session.services.waiting = waiting::publish(waiting, &session.services, &mut journal)?;
    let has_room = session.services.check_room();
    has_room.map_err(|failure| SessionError::NoRoom {
        message: failure.to_string(),
    })?;
    if is_planned {
        journal.create_session(&new)?;
    } else {
        session.unrecorded = Some(new);
    }
    session.journal = Some(journal);
    Ok(session)
}

/// Removes transcripts that are too old or too many. A failure does not prevent the session.
fn make_room(journal: &Journal, project: &Project, host: &Host, now_ms: u64) {
    let settings = &project.config.logging;
    match remove_old_transcripts(&host.state_dir, journal, settings, now_ms, false) {
        Ok(Freed { n_sessions: 0, .. }) => {}
        Ok(Freed { n_sessions, bytes }) => {
            tracing::info!(n_sessions, bytes, "removed old transcripts");
        }
        Err(error) => tracing::warn!(%error, "cannot remove old transcripts"),
    }
}

/// Opens an unfinished session to resume it.
fn resume(project: Project, host: &Host, wanted: &Resume) -> Result<Session, SessionError> {
    let now_ms = wall_clock_ms();
    let checkout = project.checkout.path();
    let found = unfinished(
        &Journal::open_read_only(&host.state_dir)?,
        checkout,
        wanted.session.as_deref(),
    )?
    .id;
    let lock = lock(&project, host, &found, now_ms)?;
    // Looked up again: before it was locked, another process may have resumed it.
    let journal = Journal::open(&host.state_dir)?;
    let row = unfinished(&journal, checkout, Some(found.as_str()))?;
    let id = row.id.clone();
    let mut request = StartRequest::of(&row)?;
    if let StartRequest::Plan(plan) = &mut request {
        plan.consent = wanted.consent;
    }
    if !host.plugins.is_empty() {
        request.set_plugins(&host.plugins);
    }
    let is_decline = wanted.consent == Consent::Refused;
    let Context {
        strategies,
        agent_env,
        instructions,
    } = prepare(&project, host, &request, true)?;
    let remarks = if is_decline {
        Vec::new()
    } else {
        inspect_for_free(&project, host, &strategies)?
    };
    let strategies = strategies.remembering(&journal.costs()?);
    let started_at_ms = row.started_at_ms;
    let chronicle = Recorded::read(&journal, row)?.chronicle;
    let engine = chronicle.engine();
    let settings = Box::new(settings(
        &project.config,
        &strategies,
        &request,
        started_at_ms,
    ));
    if is_decline && !engine.is_unconfirmed() {
        return Err(SessionError::NothingToDecline {
            session: id.to_string(),
        });
    }
    let kill = CancellationToken::new();
    // Declining a plan touches only the journal.
    let workspace = if is_decline {
        None
    } else {
        Some(open_workspace(
            &project,
            host,
            &id,
            &journal,
            &holders(engine),
            strategies.ignored_paths(),
            kill.clone(),
        )?)
    };
    // A session that died before its first event has nothing to resume, so it starts.
    let first = if chronicle.last_seq() == 0 {
        let history = history(&journal, &settings, &strategies)?;
        let unfinished = unfinished_work(&journal, checkout)?;
        started(&project, *settings, &request, history, unfinished)
    } else if is_decline {
        Input::Plan(PlanInput::Declined)
    } else {
        Input::Session(SessionInput::Resumed { settings })
    };
    let fresh = Parts::fresh(
        id,
        started_at_ms,
        first,
        request,
        Context {
            strategies,
            agent_env,
            instructions,
        },
    );
    let (journal, lock) = (Some(journal), Some(lock));
    Ok(assemble(
        project,
        host,
        Parts {
            journal,
            chronicle,
            workspace,
            kill,
            lock,
            remarks,
            ..fresh
        },
    ))
}

/// The parts in which the ways of opening a session differ.
struct Parts {
    id: SessionId,
    first: Input,
    request: StartRequest,
    context: Context,
    journal: Option<Journal>,
    chronicle: Chronicle,
    workspace: Option<Workspace>,
    kill: CancellationToken,
    lock: Option<RepositoryLock>,
    remarks: Vec<Finding>,
    left_behind: Option<SessionRow>,
    unrecorded: Option<NewSession>,
}

impl Parts {
    /// Returns the parts of a session that writes nothing.
    fn fresh(
        id: SessionId,
        started_at_ms: u64,
        first: Input,
        request: StartRequest,
        context: Context,
    ) -> Self {
        Self {
            id,
            first,
            request,
            context,
            journal: None,
            chronicle: Chronicle::opened_at(started_at_ms),
            workspace: None,
            kill: CancellationToken::new(),
            lock: None,
            remarks: Vec::new(),
            left_behind: None,
            unrecorded: None,
        }
    }
}

fn assemble(project: Project, host: &Host, parts: Parts) -> Session {
    // A dry run has no workspace.
    let bus = if parts.journal.is_some() || parts.workspace.is_some() {
        Bus::new(parts.chronicle.last_seq())
    } else {
        Bus::without_journal()
    };
    let bus = Arc::new(bus);
    let awake = keeping_awake(&project, host, &parts);
    let mirror = mirror_of(&host.state_dir, &project.key);
    let inputs = channel();
    let heard = inputs.0.clone();
    // The dispatcher is gone only when the session has ended.
    let tell = move |plugin_failure| {
        drop(heard.send(Input::Task(TaskInput::PluginFailed(plugin_failure))));
    };
    let notes = Arc::new(BacklogNotes::default());
    let services = Services {
        notes: notes.clone(),
        strategies: parts.context.strategies.telling(tell),
        home: home(&project.repository, &project.config),
        forge: project.forge,
        workspace: parts.workspace,
        bus: bus.clone(),
        checked_bases: tokio::sync::Mutex::default(),
        room: std::sync::Mutex::default(),
        waiting: Vec::new(),
        given_plan: parts.request.plan().and_then(|plan| plan.given.clone()),
        session: parts.id.to_string(),
        project: project.checkout.path().to_owned(),
        worktree_roots: roots(&project.config, host, project.checkout.path()).all(),
        own_program: host.own_program.clone(),
        path: project.path,
        agent_env: parts.context.agent_env,
        tag_prefix: format!("{}/", project.key),
        session_dir: session_dir(&host.state_dir, &parts.id),
        minute: host.minute,
        redaction: host.redaction.clone(),
        instructions: parts.context.instructions,
        config: project.config,
    };
    Session {
        id: parts.id,
        first: parts.first,
        chronicle: parts.chronicle,
        journal: parts.journal,
        services,
        bus,
        inputs,
        kill: parts.kill,
        mirror,
        lock: parts.lock,
        awake,
        remarks: parts.remarks,
        left_behind: parts.left_behind,
        unrecorded: parts.unrecorded,
        notes,
    }
}

/// Returns the repository's names in the texts of issues: a renamed repository is also known by its
/// old name.
fn home(repository: &str, config: &Config) -> Home {
    let configured = config.project.repo.as_deref();
    let names = [Some(repository), configured].into_iter().flatten();
    Home::new(names, config.github.api_url.as_deref())
}

/// Returns what keeps the machine awake while a session runs, if there is a session and the system
/// has a program for it.
fn keeping_awake(project: &Project, host: &Host, parts: &Parts) -> Option<Awake> {
    if !project.config.executor.keep_awake || parts.workspace.is_none() {
        return None;
    }
    let outside = roots(&project.config, host, project.checkout.path()).all();
    let why = format!("session {} is running", parts.id);
    let Some(program) = awake::program(&project.path, &outside, &why, std::process::id()) else {
        tracing::info!("no program found that keeps the machine awake");
        return None;
    };
    let none: [&str; 0] = [];
    Some(Awake {
        supervisor: SupervisorProgram::of(&host.own_program).hiding(&host.redaction),
        program,
        env: agent_environment(&host.environment, &none).ok()?,
        tag: format!("{}/{}/awake", project.key, parts.id),
    })
}

/// Returns the directory with a session's transcripts.
pub fn session_dir(state_dir: &Path, session: &SessionId) -> PathBuf {
    state_dir.join("sessions").join(session.as_str())
}

/// Returns the session that a resume would continue: the named one, or the newest unfinished one of
/// the checkout.
///
/// # Errors
/// Fails if a resume would refuse: there is no such session, it has ended, it belongs to another
/// checkout, or a newer one has run since.
pub fn session_to_resume(
    journal: &Journal,
    project: &Path,
    wanted: Option<&str>,
) -> Result<SessionRow, SessionError> {
    let row = unfinished(journal, Checkout::open(project)?.path(), wanted)?;
    StartRequest::of(&row)?;
    Ok(row)
}

/// Returns the newest session of `project`, the path of the checkout.
///
/// # Errors
/// Fails if there is none, or `project` is not a checkout.
pub fn newest_session(journal: &Journal, project: &Path) -> Result<SessionRow, SessionError> {
    let checkout = Checkout::open(project)?;
    let mut sessions = journal.sessions(None, N_SESSIONS_MAX)?.into_iter();
    sessions
        .find(|row| Path::new(&row.project_path) == checkout.path())
        .ok_or_else(|| SessionError::NoSession {
            project: checkout.path().to_owned(),
        })
}

fn unfinished(
    journal: &Journal,
    project: &Path,
    wanted: Option<&str>,
) -> Result<SessionRow, SessionError> {
    let is_ours = |row: &SessionRow| Path::new(&row.project_path) == project;
    let row = match wanted {
        Some(wanted) => journal.session(wanted)?,
        None => newest_unfinished(
            journal
                .sessions(None, N_SESSIONS_MAX)?
                .into_iter()
                .filter(is_ours),
            project,
        )?,
    };
    let session = row.id.to_string();
    match row.status {
        _ if !is_ours(&row) => Err(SessionError::OtherProject {
            session,
            project: row.project_path.into(),
        }),
        StoredStatus::Running | StoredStatus::Interrupted => Ok(row),
        StoredStatus::Completed => Err(SessionError::AlreadyOver {
            session,
            status: "completed",
            command: row.command,
        }),
        StoredStatus::Failed => Err(SessionError::AlreadyOver {
            session,
            status: "failed",
            command: row.command,
        }),
    }
}

/// Returns the previous session if it is unfinished: the work that it was about to finish is done
/// again.
fn left_behind(journal: &Journal, project: &Path) -> Result<Option<SessionRow>, SessionError> {
    let rows = journal.sessions(None, N_SESSIONS_MAX)?.into_iter();
    let ours = rows.filter(|row| Path::new(&row.project_path) == project);
    Ok(newest_unfinished(ours, project).ok())
}

/// Returns the newest session if it is unfinished. Resuming an older one would repeat the work of
/// newer ones, so the user has to name it.
fn newest_unfinished(
    newest_first: impl Iterator<Item = SessionRow>,
    project: &Path,
) -> Result<SessionRow, SessionError> {
    let mut newer: Option<SessionId> = None;
    for row in newest_first {
        match newer {
            None if is_unfinished(&row) => return Ok(row),
            Some(newer) if is_unfinished(&row) => {
                return Err(SessionError::Overtaken {
                    session: row.id.to_string(),
                    command: row.command,
                    newer: newer.to_string(),
                });
            }
            _ => newer = newer.or(Some(row.id)),
        }
    }
    Err(SessionError::NothingToResume {
        project: project.to_owned(),
    })
}

fn new_session(
    project: &Project,
    host: &Host,
    id: &SessionId,
    request: &StartRequest,
    now_ms: u64,
) -> NewSession {
    NewSession {
        id: id.clone(),
        repository: project.repository.clone(),
        project_path: project.checkout.path().to_string_lossy().into_owned(),
        command: host.command.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at_ms: now_ms,
        settings_json: request.text(),
    }
}

/// Returns two bytes that no other session of this millisecond has.
fn entropy() -> [u8; 2] {
    use std::hash::{BuildHasher, RandomState};
    // The standard library seeds this from the system's randomness.
    let [first, second, ..] = RandomState::new()
        .hash_one(std::process::id())
        .to_le_bytes();
    [first, second]
}
