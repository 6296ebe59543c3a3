//! Opening a session: everything that can go wrong for free goes wrong here, before anything is changed or spent.
//!
//! ```text
//!   strategies, git, checkout, base branch, forge ──► lock ──► journal ──► mirror, worktrees, sweep ──► Session
//!   └────────── changes nothing ─────────────────┘    └────────── changes only what is ours ──────────┘
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use autoissue_engine::Input;
use tokio_util::sync::CancellationToken;

use super::begun::{Begun, is_unfinished};
use super::bench::{bench, lock, mirror_of, roots};
use super::equipment::{Equipment, check_planner, equip, look_around};
use super::ground::{Ground, survey};
use super::settings::{cut_off, history, settings, started};
use super::waiting;
use super::{Awake, Consent, Host, Intake, Order, PlanOrder, Resume, Session, SessionError};
use crate::bus::Bus;
use crate::chronicle::Chronicle;
use crate::config::Config;
use crate::declared::Home;
use crate::dispatcher::holders;
use crate::doctor::Finding;
use crate::journal::{Journal, NewSession, SessionId, SessionRow, SessionStatus};
use crate::recorded::Recorded;
use crate::repository_lock::RepositoryLock;
use crate::retention::{Freed, remove_old_transcripts};
use crate::service::agent_environment::agent_environment;
use crate::service::awake;
use crate::service::checkout::Checkout;
use crate::service::forge::Forge;
use crate::service::local_forge::initialise;
use crate::service::process::SupervisorProgram;
use crate::wall_clock::wall_clock_ms;
use crate::work::{Bench, Workshop};

/// Sessions that are looked through for one to go on with.
const N_SESSIONS_MAX: usize = 1_000;

pub(super) fn open(config: Config, host: &Host, order: Order) -> Result<Session, SessionError> {
    if matches!(&order, Order::Exec(exec) if exec.label.trim().is_empty()) {
        return Err(SessionError::EmptyLabel);
    }
    if let Order::Plan(plan) = &order {
        check_plan(&config, plan)?;
    }
    let ground = survey(config, host, matches!(order, Order::Plan(_)))?;
    match order {
        Order::Exec(exec) if exec.dry_run => rehearse(ground, host, Begun::Exec(exec)),
        Order::Exec(exec) => start(ground, host, Begun::Exec(exec)),
        Order::Plan(plan) => start(ground, host, Begun::Plan(plan)),
        Order::Resume(wanted) => resume(ground, host, &wanted),
    }
}

/// Makes sure that planning is allowed, and that there is something to plan.
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

/// Opens a dry run: it reads what there is, and writes nothing at all.
fn rehearse(ground: Ground, host: &Host, mut begun: Begun) -> Result<Session, SessionError> {
    let now_ms = wall_clock_ms();
    let id = SessionId::new(now_ms, entropy());
    begun.set_plugins(&host.plugins);
    let Equipment {
        strategies,
        agent_env,
    } = equip(&ground, host, &begun, false)?;
    let settings = settings(&ground.config, &strategies, &begun, now_ms);
    let past = Journal::open_read_only(&host.state_dir)?;
    let history = history(&past, &settings, &strategies)?;
    let cut_off = cut_off(&past, ground.checkout.path())?;
    let strategies = strategies.remembering(&past.costs()?);
    let first = started(&ground, settings, &begun, history, cut_off);
    let new = new_session(&ground, host, &id, &begun, now_ms);
    let fresh = Parts::fresh(
        id,
        now_ms,
        first,
        begun,
        Equipment {
            strategies,
            agent_env,
        },
    );
    // There is no journal, but what was mistyped is told in the same way.
    let parts = Parts {
        unrecorded: Some(new),
        ..fresh
    };
    Ok(assemble(ground, host, parts))
}

/// Opens a new session.
fn start(ground: Ground, host: &Host, mut begun: Begun) -> Result<Session, SessionError> {
    let now_ms = wall_clock_ms();
    let id = SessionId::new(now_ms, entropy());
    begun.set_plugins(&host.plugins);
    let Equipment {
        strategies,
        agent_env,
    } = equip(&ground, host, &begun, true)?;
    check_planner(&strategies, &begun)?;
    let remarks = look_around(&ground, host, &strategies)?;
    if let (Some(_), Forge::Local(_)) = (begun.plan(), &ground.forge) {
        initialise(ground.checkout.path())?;
    }
    let settings = settings(&ground.config, &strategies, &begun, now_ms);
    let lock = lock(&ground, host, &id, now_ms)?;
    let mut journal = Journal::open(&host.state_dir)?;
    let left_behind = left_behind(&journal, ground.checkout.path())?;
    make_room(&journal, &ground, host, now_ms);
    let history = history(&journal, &settings, &strategies)?;
    let cut_off = cut_off(&journal, ground.checkout.path())?;
    let strategies = strategies.remembering(&journal.costs()?);
    let kill = CancellationToken::new();
    let bench = bench(&ground, host, &id, &[], kill.clone())?;
    let waiting = waiting::find(&journal, ground.checkout.path())?;
    let new = new_session(&ground, host, &id, &begun, now_ms);
    let is_planned = begun.plan().is_some();
    let first = started(&ground, settings, &begun, history, cut_off);
    let fresh = Parts::fresh(
        id,
        now_ms,
        first,
        begun,
        Equipment {
            strategies,
            agent_env,
        },
    );
    let parts = Parts {
        bench: Some(bench),
        kill,
        lock: Some(lock),
        remarks,
        left_behind,
        ..fresh
    };
    let mut session = assemble(ground, host, parts);
    session.workshop.waiting = waiting::publish(waiting, &session.workshop, &mut journal)?;
    let has_room = session.workshop.check_room();
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

/// Removes transcripts that are too old or too many. They are no reason not to start.
fn make_room(journal: &Journal, ground: &Ground, host: &Host, now_ms: u64) {
    let settings = &ground.config.logging;
    match remove_old_transcripts(&host.state_dir, journal, settings, now_ms, false) {
        Ok(Freed { n_sessions: 0, .. }) => {}
        Ok(Freed { n_sessions, bytes }) => {
            tracing::info!(n_sessions, bytes, "removed old transcripts");
        }
        Err(error) => tracing::warn!(%error, "old transcripts stay"),
    }
}

/// Opens an unfinished session to go on with it.
fn resume(ground: Ground, host: &Host, wanted: &Resume) -> Result<Session, SessionError> {
    let now_ms = wall_clock_ms();
    let project = ground.checkout.path();
    let found = unfinished(
        &Journal::open_read_only(&host.state_dir)?,
        project,
        wanted.session.as_deref(),
    )?
    .id;
    let lock = lock(&ground, host, &found, now_ms)?;
    // Looked up again: until it was locked, somebody else may have gone on with it.
    let journal = Journal::open(&host.state_dir)?;
    let row = unfinished(&journal, project, Some(found.as_str()))?;
    let id = row.id.clone();
    let mut begun = Begun::of(&row)?;
    if let Begun::Plan(plan) = &mut begun {
        plan.consent = wanted.consent;
    }
    if !host.plugins.is_empty() {
        begun.set_plugins(&host.plugins);
    }
    let is_decline = wanted.consent == Consent::Refused;
    let Equipment {
        strategies,
        agent_env,
    } = equip(&ground, host, &begun, true)?;
    let remarks = if is_decline {
        Vec::new()
    } else {
        look_around(&ground, host, &strategies)?
    };
    let strategies = strategies.remembering(&journal.costs()?);
    let started_at_ms = row.started_at_ms;
    let chronicle = Recorded::read(&journal, row)?.chronicle;
    let engine = chronicle.engine();
    let settings = Box::new(settings(&ground.config, &strategies, &begun, started_at_ms));
    if is_decline && !engine.is_unconfirmed() {
        return Err(SessionError::NothingToDecline {
            session: id.to_string(),
        });
    }
    let kill = CancellationToken::new();
    // To decline a plan nothing has to be touched but the journal.
    let bench = if is_decline {
        None
    } else {
        Some(bench(&ground, host, &id, &holders(engine), kill.clone())?)
    };
    // A session that died before its first event has nothing to go on with, and starts.
    let first = if chronicle.last_seq() == 0 {
        let history = history(&journal, &settings, &strategies)?;
        let cut_off = cut_off(&journal, project)?;
        started(&ground, *settings, &begun, history, cut_off)
    } else if is_decline {
        Input::PlanDeclined
    } else {
        Input::Resumed { settings }
    };
    let fresh = Parts::fresh(
        id,
        started_at_ms,
        first,
        begun,
        Equipment {
            strategies,
            agent_env,
        },
    );
    let (journal, lock) = (Some(journal), Some(lock));
    Ok(assemble(
        ground,
        host,
        Parts {
            journal,
            chronicle,
            bench,
            kill,
            lock,
            remarks,
            ..fresh
        },
    ))
}

/// What the ways of opening a session differ in.
struct Parts {
    id: SessionId,
    first: Input,
    begun: Begun,
    equipment: Equipment,
    journal: Option<Journal>,
    chronicle: Chronicle,
    bench: Option<Bench>,
    kill: CancellationToken,
    lock: Option<RepositoryLock>,
    remarks: Vec<Finding>,
    left_behind: Option<SessionRow>,
    unrecorded: Option<NewSession>,
}

impl Parts {
    /// What a session begins with that writes nothing.
    fn fresh(
        id: SessionId,
        started_at_ms: u64,
        first: Input,
        begun: Begun,
        equipment: Equipment,
    ) -> Self {
        Self {
            id,
            first,
            begun,
            equipment,
            journal: None,
            chronicle: Chronicle::opened_at(started_at_ms),
            bench: None,
            kill: CancellationToken::new(),
            lock: None,
            remarks: Vec::new(),
            left_behind: None,
            unrecorded: None,
        }
    }
}

fn assemble(ground: Ground, host: &Host, parts: Parts) -> Session {
    // A dry run has no bench.
    let bus = if parts.journal.is_some() || parts.bench.is_some() {
        Bus::new(parts.chronicle.last_seq())
    } else {
        Bus::without_journal()
    };
    let bus = Arc::new(bus);
    let awake = keeping_awake(&ground, host, &parts);
    let mirror = mirror_of(&host.state_dir, &ground.key);
    let inputs = channel();
    let heard = inputs.0.clone();
    // The dispatcher is gone only when the session is over.
    let tell = move |undecided| drop(heard.send(Input::Undecided(undecided)));
    let intake = Arc::new(Intake::default());
    let workshop = Workshop {
        intake: intake.clone(),
        strategies: parts.equipment.strategies.telling(tell),
        home: home(&ground.repository, &ground.config),
        forge: ground.forge,
        bench: parts.bench,
        bus: bus.clone(),
        only: parts
            .begun
            .exec()
            .map(|exec| exec.only.iter().copied().collect())
            .unwrap_or_default(),
        checked_bases: tokio::sync::Mutex::default(),
        waiting: Vec::new(),
        ignore_outside: parts.begun.exec().is_some_and(|exec| exec.ignore_outside),
        plan: parts.begun.plan().cloned(),
        session: parts.id.to_string(),
        project: ground.checkout.path().to_owned(),
        worktree_roots: roots(&ground.config, host, ground.checkout.path()).all(),
        own_program: host.own_program.clone(),
        path: ground.path,
        agent_env: parts.equipment.agent_env,
        tag_prefix: format!("{}/", ground.key),
        session_dir: session_dir(&host.state_dir, &parts.id),
        minute: host.minute,
        redaction: host.redaction.clone(),
        config: ground.config,
    };
    Session {
        id: parts.id,
        first: parts.first,
        chronicle: parts.chronicle,
        journal: parts.journal,
        workshop,
        bus,
        inputs,
        kill: parts.kill,
        mirror,
        lock: parts.lock,
        awake,
        remarks: parts.remarks,
        left_behind: parts.left_behind,
        unrecorded: parts.unrecorded,
        intake,
    }
}

/// Returns the repository as the texts of issues name it: a renamed one by its old name too.
fn home(repository: &str, config: &Config) -> Home {
    let configured = config.project.repo.as_deref();
    let names = [Some(repository), configured].into_iter().flatten();
    Home::new(names, config.github.api_url.as_deref())
}

/// Returns what keeps the machine awake while a session runs, where one is to run and the system has a program for it.
fn keeping_awake(ground: &Ground, host: &Host, parts: &Parts) -> Option<Awake> {
    if !ground.config.executor.keep_awake || parts.bench.is_none() {
        return None;
    }
    let outside = roots(&ground.config, host, ground.checkout.path()).all();
    let why = format!("session {} runs", parts.id);
    let Some(program) = awake::program(&ground.path, &outside, &why, std::process::id()) else {
        tracing::info!("no program was found that asks the machine not to sleep");
        return None;
    };
    let none: [&str; 0] = [];
    Some(Awake {
        supervisor: SupervisorProgram::of(&host.own_program).hiding(&host.redaction),
        program,
        env: agent_environment(&host.environment, &none).ok()?,
        tag: format!("{}/{}/awake", ground.key, parts.id),
    })
}

/// Returns the directory with a session's transcripts.
pub fn session_dir(state_dir: &Path, session: &SessionId) -> PathBuf {
    state_dir.join("sessions").join(session.as_str())
}

/// Returns the session that a resume would continue: the one that is named, else the newest unfinished one of the checkout.
///
/// # Errors
/// Where a resume would refuse: there is none, it is over, it belongs to another checkout, or a newer one has overtaken it.
pub fn session_to_resume(
    journal: &Journal,
    project: &Path,
    wanted: Option<&str>,
) -> Result<SessionRow, SessionError> {
    let row = unfinished(journal, Checkout::open(project)?.path(), wanted)?;
    Begun::of(&row)?;
    Ok(row)
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
        SessionStatus::Running | SessionStatus::Interrupted => Ok(row),
        SessionStatus::Completed => Err(SessionError::AlreadyOver {
            session,
            status: "completed",
            command: row.command,
        }),
        SessionStatus::Failed => Err(SessionError::AlreadyOver {
            session,
            status: "failed",
            command: row.command,
        }),
    }
}

/// Returns the session before this one if it is unfinished: what it was about to finish is done again.
fn left_behind(journal: &Journal, project: &Path) -> Result<Option<SessionRow>, SessionError> {
    let rows = journal.sessions(None, N_SESSIONS_MAX)?.into_iter();
    let ours = rows.filter(|row| Path::new(&row.project_path) == project);
    Ok(newest_unfinished(ours, project).ok())
}

/// Returns the newest session if it is unfinished. What a newer one did would be done again, unless a person knows better.
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
    ground: &Ground,
    host: &Host,
    id: &SessionId,
    begun: &Begun,
    now_ms: u64,
) -> NewSession {
    NewSession {
        id: id.clone(),
        repository: ground.repository.clone(),
        project_path: ground.checkout.path().to_string_lossy().into_owned(),
        command: host.command.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at_ms: now_ms,
        settings_json: begun.text(),
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
