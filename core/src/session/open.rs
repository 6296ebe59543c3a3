//! Opening a session: everything that can go wrong for free goes wrong here, before anything is changed or spent.
//!
//! ```text
//!   strategies, git, checkout, base branch, forge ──► lock ──► journal ──► mirror, worktrees, sweep ──► Session
//!   └────────── changes nothing ─────────────────┘    └────────── changes only what is ours ──────────┘
//! ```

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use autoissue_engine::{About, Engine, History, Input, Metering, ModelChoice, RedBase, Settings, Time, Usd};
use autoissue_plugin_sdk as sdk;

use super::begun::Begun;
use super::{Consent, Host, Order, PlanOrder, Resume, Session, SessionError};
use crate::bus::Bus;
use crate::config::{self, Config, ForgeKind};
use crate::dispatcher::holders;
use crate::doctor::{AGENT_RIGHTS, DISK, Finding, Level, at_a_glance, at_facts};
use crate::journal::{Journal, NewSession, SessionId, SessionRow, SessionStatus};
use crate::plugins::{self, PluginArgument, Plugins};
use crate::recorded::Recorded;
use crate::repository_lock::{Holder, RepositoryLock, repository_key};
use crate::service::agent;
use crate::service::agent_environment::agent_environment;
use crate::service::checkout::Checkout;
use crate::service::forge::Forge;
use crate::service::git_program::Git;
use crate::service::github::{Access, Facts, Github, GithubError, Proxy, find_token};
use crate::service::local_forge::{LocalForge, initialise};
use crate::service::mirror::Mirror;
use crate::service::process::{SupervisorProgram, resolve, sweep_tagged};
use crate::service::remote::{Remote, web_host};
use crate::service::stale_locks::remove_stale_locks;
use crate::service::worktrees::{Options, Worktrees};
use crate::strategy::Strategies;
use crate::wall_clock::wall_clock_ms;
use crate::work::{Bench, Workshop};

/// Costs of earlier tasks that an estimate looks at: the newest say most.
const N_COSTS_MAX: usize = 200;
/// A file that is written and removed at once, where the local forge keeps its own.
const PROBE: &str = ".autoissue/can-be-written";
/// One block of most file systems: a full disk may still have room for the name of an empty file.
const N_PROBE_BYTES: usize = 4_096;
/// Sessions that are looked through for one to go on with.
const N_SESSIONS_MAX: usize = 1_000;

/// What is known before anything is changed.
struct Ground {
    config: Config,
    git: Git,
    checkout: Checkout,
    base_branch: String,
    forge: Forge,
    /// Where bases come from and branches go to; absent on the local forge, where both is the checkout.
    remote: Option<Remote>,
    /// What GitHub said, if it was asked and did.
    facts: Option<Facts>,
    repository: String,
    key: String,
    path: OsString,
}

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
        PlanOrder { given: None, directive, .. } if directive.trim().is_empty() => Err(SessionError::EmptyDirective),
        _ => Ok(()),
    }
}

/// Makes sure that the agent gives answers, where it is to be asked for a plan.
fn check_planner(strategies: &Strategies, begun: &Begun) -> Result<(), SessionError> {
    if begun.plan().is_none_or(|plan| plan.given.is_some()) {
        return Ok(());
    }
    let question = sdk::AgentTask {
        settings: strategies.backend_settings().to_owned(),
        read_only: true,
        answer_schema: Some("{}".to_owned()),
        ..sdk::AgentTask::default()
    };
    match strategies.backend().start(&question) {
        Err(sdk::PluginError::InvalidInput(message)) => Err(SessionError::CannotPlan { message }),
        _ => Ok(()),
    }
}

/// What a session decides and works with.
struct Equipment {
    strategies: Strategies,
    /// The environment of agents, setup and checks.
    agent_env: Vec<(OsString, OsString)>,
}

/// Finds what a session decides and works with.
fn equip(ground: &Ground, host: &Host, begun: &Begun, may_write: bool) -> Result<Equipment, SessionError> {
    let strategies = find_strategies(&ground.config, host, begun.plugins(), ground.checkout.path(), may_write)?;
    let strategies = strategies.for_run(&ground.repository, begun.label());
    let agent_env = agent_variables(&ground.config, host, &strategies)?;
    Ok(Equipment { strategies, agent_env })
}

/// Finds the strategies that take the decisions, by name; loads the plugins among them. Compiled code is kept if it `may_write`.
pub(crate) fn find_strategies(
    config: &Config,
    host: &Host,
    arguments: &[PluginArgument],
    project: &Path,
    may_write: bool,
) -> Result<Strategies, SessionError> {
    let request = plugins::Request { config, arguments, project, state_dir: &host.state_dir, may_write };
    Ok(Strategies::configured(config, &Plugins::load(&request)?)?)
}

/// Looks at what would cost a night, as far as it can be seen for free; returns what a person should know.
fn look_around(ground: &Ground, host: &Host, strategies: &Strategies) -> Result<Vec<Finding>, SessionError> {
    find_agent(strategies, &ground.path, ground.checkout.path())?;
    let mut findings = ground.facts.as_ref().map(|facts| at_facts(&ground.config, facts)).unwrap_or_default();
    findings.extend(at_a_glance(&ground.config, host, &ground.checkout, strategies));
    // How much room a night needs nobody knows; a disk that is full is survived.
    let is_fatal = |it: &Finding| it.level == Level::Failure && it.check != DISK;
    let (failures, others): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_fatal);
    if failures.is_empty() {
        return Ok(others.into_iter().filter(|it| it.level != Level::Ok || it.check == AGENT_RIGHTS).collect());
    }
    Err(SessionError::NotReady { failures })
}

/// Checks what can be checked without changing anything. Where issues are to be made, a local forge may be missing.
fn survey(config: Config, host: &Host, makes_issues: bool) -> Result<Ground, SessionError> {
    let path = variable(host, "PATH");
    let git = Git::find(&path)?;
    let checkout = Checkout::open(&host.project)?;
    let configured = config.project.base_branch.as_deref();
    let mut facts = None;
    let (forge, remote, base_branch) = match config.forge.kind {
        ForgeKind::Local => {
            let base_branch = checkout.base_branch(configured)?;
            let path = checkout.path();
            let forge = if makes_issues { LocalForge::in_project(path) } else { LocalForge::open(path)? };
            (Forge::Local(forge), None, base_branch)
        }
        ForgeKind::Github => {
            let WayToGithub { mut github, remote, .. } = way_to_github(&config, host, &git, &checkout)?;
            facts = ask_for_facts(&github)?;
            facts.iter().for_each(|facts| github.rename(&facts.repo));
            let base_branch = remote.base_branch(configured)?;
            (Forge::Github(Box::new(github)), Some(remote), base_branch)
        }
    };
    let key = repository_key(checkout.path());
    let named = facts.as_ref().map(|facts| facts.repo.clone()).or_else(|| config.project.repo.clone());
    let repository = named.unwrap_or_else(|| checkout.name());
    Ok(Ground { config, git, checkout, base_branch, forge, remote, facts, repository, key, path })
}

/// What leads to GitHub. Nothing has been sent yet.
pub(crate) struct WayToGithub {
    /// Where the token is from.
    pub(crate) token_origin: &'static str,
    pub(crate) github: Github,
    pub(crate) remote: Remote,
}

/// Finds the token, and makes ready to ask GitHub with it.
pub(crate) fn way_to_github(
    config: &Config,
    host: &Host,
    git: &Git,
    checkout: &Checkout,
) -> Result<WayToGithub, SessionError> {
    let missing = |key| SessionError::Unset { key };
    let repo = config.project.repo.clone().ok_or_else(|| missing("project.repo"))?;
    let api_url = config.github.api_url.clone().ok_or_else(|| missing("github.apiUrl"))?;
    let supervisor = SupervisorProgram::of(&host.own_program);
    let outside = [checkout.path().join(".worktrees")];
    let token = find_token(&host.environment, &web_host(&api_url), &supervisor, &outside)?;
    host.redaction.learn([token.secret.expose()]);
    let token_origin = token.origin;
    let remote = Remote::of(git.clone(), checkout.path(), &repo, &api_url, &token.secret)?;
    let github = Github::new(&Access {
        proxy: Proxy::of(&host.environment, &api_url),
        api_url,
        repo,
        token,
        writes_per_minute: config.github.writes_per_minute,
        writes_per_hour: config.github.writes_per_hour,
    })?;
    Ok(WayToGithub { token_origin, github, remote })
}

/// Asks GitHub once what the token may do. An outage is left to the session, which waits for its end.
fn ask_for_facts(github: &Github) -> Result<Option<Facts>, GithubError> {
    match github.facts() {
        Err(error @ (GithubError::Limited { .. } | GithubError::Broken { .. } | GithubError::Unreachable { .. })) => {
            tracing::warn!(%error, "GitHub did not say what the token may do");
            Ok(None)
        }
        answered => {
            let facts = answered?;
            facts.check_push_right()?;
            Ok(Some(facts))
        }
    }
}

/// Finds the agent's program, before an attempt would find out that it is not there. `None` is our own.
pub(crate) fn find_agent(
    strategies: &Strategies,
    path: &OsStr,
    project: &Path,
) -> Result<Option<PathBuf>, SessionError> {
    let backend = strategies.backend();
    let Ok(info) = strategies.probe_backend() else { return Ok(None) };
    if info.program == agent::OWN_PROGRAM {
        return Ok(None);
    }
    let found = resolve(&info.program, path, &[project.join(".worktrees")]);
    found.map(Some).map_err(|source| SessionError::NoAgent {
        agent: backend.describe().name,
        install_hint: info.install_hint,
        source: Box::new(source),
    })
}

/// Returns the environment of agents, setup and checks.
pub(crate) fn agent_variables(
    config: &Config,
    host: &Host,
    strategies: &Strategies,
) -> Result<Vec<(OsString, OsString)>, SessionError> {
    let mut passed: Vec<String> = strategies.probe_backend().map(|info| info.environment).unwrap_or_default();
    passed.extend(config.agent.env.iter().cloned());
    Ok(agent_environment(&host.environment, &passed)?)
}

fn variable(host: &Host, name: &str) -> OsString {
    let found = host.environment.iter().find(|(known, _)| known == OsStr::new(name));
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Opens a dry run: it reads what there is, and writes nothing at all.
fn rehearse(ground: Ground, host: &Host, mut begun: Begun) -> Result<Session, SessionError> {
    let now_ms = wall_clock_ms();
    let id = SessionId::new(now_ms, entropy());
    begun.set_plugins(&host.plugins);
    let Equipment { strategies, agent_env } = equip(&ground, host, &begun, false)?;
    let settings = settings(&ground.config, &strategies, &begun, now_ms);
    let past = Journal::open_read_only(&host.state_dir)?;
    let history = history(&past, &settings, &strategies)?;
    let strategies = strategies.remembering(&past.costs()?);
    let first = started(&ground, settings, &begun, history);
    Ok(assemble(
        ground,
        host,
        Parts {
            id,
            started_at_ms: now_ms,
            first,
            begun,
            strategies,
            agent_env,
            journal: None,
            engine: Engine::new(),
            last_seq: 0,
            last_at_ms: 0,
            bench: None,
            lock: None,
            remarks: Vec::new(),
        },
    ))
}

/// Opens a new session.
fn start(ground: Ground, host: &Host, mut begun: Begun) -> Result<Session, SessionError> {
    let now_ms = wall_clock_ms();
    let id = SessionId::new(now_ms, entropy());
    begun.set_plugins(&host.plugins);
    let Equipment { strategies, agent_env } = equip(&ground, host, &begun, true)?;
    check_planner(&strategies, &begun)?;
    let remarks = look_around(&ground, host, &strategies)?;
    if let (Some(_), Forge::Local(_)) = (begun.plan(), &ground.forge) {
        initialise(ground.checkout.path())?;
    }
    let settings = settings(&ground.config, &strategies, &begun, now_ms);
    let lock = lock(&ground, host, &id, now_ms)?;
    let mut journal = Journal::open(&host.state_dir)?;
    let history = history(&journal, &settings, &strategies)?;
    let strategies = strategies.remembering(&journal.costs()?);
    let bench = bench(&ground, host, &id, &[])?;
    journal.create_session(&new_session(&ground, host, &id, &begun, now_ms))?;
    let first = started(&ground, settings, &begun, history);
    let (journal, engine, bench, lock) = (Some(journal), Engine::new(), Some(bench), Some(lock));
    let (started_at_ms, last_seq, last_at_ms) = (now_ms, 0, 0);
    Ok(assemble(
        ground,
        host,
        Parts {
            id,
            started_at_ms,
            first,
            begun,
            strategies,
            agent_env,
            journal,
            engine,
            last_seq,
            last_at_ms,
            bench,
            lock,
            remarks,
        },
    ))
}

/// Opens an unfinished session to go on with it.
fn resume(ground: Ground, host: &Host, wanted: &Resume) -> Result<Session, SessionError> {
    let now_ms = wall_clock_ms();
    let project = ground.checkout.path();
    let found = unfinished(&Journal::open_read_only(&host.state_dir)?, project, wanted.session.as_deref())?.id;
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
    let Equipment { strategies, agent_env } = equip(&ground, host, &begun, true)?;
    let remarks = if is_decline { Vec::new() } else { look_around(&ground, host, &strategies)? };
    let strategies = strategies.remembering(&journal.costs()?);
    let (started_at_ms, last_seq) = (row.started_at_ms, row.last_seq);
    let Recorded { engine, events, .. } = Recorded::read(&journal, row)?;
    let last_at_ms = events.last().map_or(0, |last| last.at_ms);
    let settings = Box::new(settings(&ground.config, &strategies, &begun, started_at_ms));
    if is_decline && !engine.is_unconfirmed() {
        return Err(SessionError::NothingToDecline { session: id.to_string() });
    }
    // To decline a plan nothing has to be touched but the journal.
    let bench = if is_decline { None } else { Some(bench(&ground, host, &id, &holders(&engine))?) };
    // A session that died before its first event has nothing to go on with, and starts.
    let first = if last_seq == 0 {
        let history = history(&journal, &settings, &strategies)?;
        started(&ground, *settings, &begun, history)
    } else if is_decline {
        Input::PlanDeclined
    } else {
        Input::Resumed { settings }
    };
    let (journal, lock) = (Some(journal), Some(lock));
    Ok(assemble(
        ground,
        host,
        Parts {
            id,
            started_at_ms,
            first,
            begun,
            strategies,
            agent_env,
            journal,
            engine,
            last_seq,
            last_at_ms,
            bench,
            lock,
            remarks,
        },
    ))
}

/// What the ways of opening a session differ in.
struct Parts {
    id: SessionId,
    started_at_ms: u64,
    first: Input,
    begun: Begun,
    strategies: Strategies,
    agent_env: Vec<(OsString, OsString)>,
    journal: Option<Journal>,
    engine: Engine,
    last_seq: u64,
    last_at_ms: u64,
    bench: Option<Bench>,
    lock: Option<RepositoryLock>,
    remarks: Vec<Finding>,
}

fn assemble(ground: Ground, host: &Host, parts: Parts) -> Session {
    let bus = if parts.journal.is_some() { Bus::new(parts.last_seq) } else { Bus::without_journal() };
    let bus = Arc::new(bus);
    let mirror = mirror_of(&host.state_dir, &ground.key);
    let inputs = channel();
    let heard = inputs.0.clone();
    // The dispatcher is gone only when the session is over.
    let tell = move |undecided| drop(heard.send(Input::Undecided(undecided)));
    let workshop = Workshop {
        strategies: parts.strategies.telling(tell),
        forge: ground.forge,
        bench: parts.bench,
        bus: bus.clone(),
        only: parts.begun.exec().map(|exec| exec.only.iter().copied().collect()).unwrap_or_default(),
        ignore_outside: parts.begun.exec().is_some_and(|exec| exec.ignore_outside),
        plan: parts.begun.plan().cloned(),
        session: parts.id.to_string(),
        project: ground.checkout.path().to_owned(),
        own_program: host.own_program.clone(),
        path: ground.path,
        agent_env: parts.agent_env,
        tag_prefix: format!("{}/", ground.key),
        session_dir: session_dir(&host.state_dir, &parts.id),
        minute: host.minute,
        redaction: host.redaction.clone(),
        config: ground.config,
    };
    Session {
        id: parts.id,
        started_at_ms: parts.started_at_ms,
        first: parts.first,
        engine: parts.engine,
        journal: parts.journal,
        last_seq: parts.last_seq,
        workshop,
        bus,
        inputs,
        mirror,
        last_at_ms: parts.last_at_ms,
        lock: parts.lock,
        remarks: parts.remarks,
    }
}

/// Returns the directory with a session's transcripts.
pub fn session_dir(state_dir: &Path, session: &SessionId) -> PathBuf {
    state_dir.join("sessions").join(session.as_str())
}

fn lock(ground: &Ground, host: &Host, id: &SessionId, now_ms: u64) -> Result<RepositoryLock, SessionError> {
    let holder =
        Holder { pid: std::process::id(), session: id.clone(), started_at_ms: now_ms, command: host.command.clone() };
    Ok(RepositoryLock::acquire(&host.state_dir, &ground.key, &holder)?)
}

/// Makes the mirror and the worktrees ready, and clears away what a dead session left.
fn bench(ground: &Ground, host: &Host, id: &SessionId, keep: &[u64]) -> Result<Bench, SessionError> {
    let n_stragglers = sweep_tagged(&format!("{}/", ground.key));
    if n_stragglers > 0 {
        tracing::warn!(n_stragglers, "ended processes that an earlier session had left");
    }
    if ground.remote.is_none() {
        try_writing(ground.checkout.path())?;
    }
    let mirror = mirror_of(&host.state_dir, &ground.key);
    let n_locks = remove_stale_locks(&mirror, &ground.checkout.git_dir()?);
    if n_locks > 0 {
        tracing::warn!(n_locks, "removed locks of git that a killed session had left");
    }
    let mirror = Mirror::open(&mirror, ground.git.clone())?;
    let base = match &ground.remote {
        Some(remote) => {
            mirror.borrow_base(ground.checkout.path(), &ground.base_branch);
            mirror.fetch(remote.fetch_url(), &ground.base_branch, remote.env())?
        }
        None => mirror.fetch(&ground.checkout.path().to_string_lossy(), &ground.base_branch, &[])?,
    };
    let worktrees = worktrees(ground, &mirror, id)?;
    worktrees.check_root()?;
    for swept in worktrees.sweep(keep)? {
        match swept.result {
            Ok(None) => tracing::info!(issue = swept.issue, "removed a worktree that nobody holds"),
            Ok(Some(salvage)) => tracing::warn!(issue = swept.issue, salvage, "saved and removed a left worktree"),
            Err(error) => tracing::warn!(issue = swept.issue, %error, "a left worktree stays"),
        }
    }
    Ok(Bench { mirror, remote: ground.remote.clone(), worktrees, base })
}

/// Finds out for free what each task would find out after its agent was paid: whether work and pull requests can be written.
fn try_writing(project: &Path) -> Result<(), SessionError> {
    let probe = project.join(PROBE);
    let written = std::fs::write(&probe, [b' '; N_PROBE_BYTES]);
    let removed = std::fs::remove_file(&probe);
    written.and(removed).map_err(|source| SessionError::NotWritable { project: project.to_owned(), source })
}

fn worktrees(ground: &Ground, mirror: &Mirror, id: &SessionId) -> Result<Worktrees, SessionError> {
    let options = Options {
        project: ground.checkout.path().to_owned(),
        session: id.to_string(),
        identity: ground.checkout.identity(),
        env: Vec::new(),
        credentials: ground.remote.as_ref().map(|remote| remote.env().to_vec()).unwrap_or_default(),
    };
    Ok(Worktrees::open(mirror.clone(), options)?)
}

/// Takes the lock and opens the worktrees for someone who cleans up; `None` where there never were any.
pub(crate) fn cleaning(
    config: Config,
    host: &Host,
    id: &SessionId,
) -> Result<Option<(RepositoryLock, Worktrees)>, SessionError> {
    let ground = survey(config, host, false)?;
    let mirror = mirror_of(&host.state_dir, &ground.key);
    if !mirror.exists() {
        return Ok(None);
    }
    let lock = lock(&ground, host, id, wall_clock_ms())?;
    let mirror = Mirror::open(&mirror, ground.git.clone())?;
    Ok(Some((lock, worktrees(&ground, &mirror, id)?)))
}

fn mirror_of(state_dir: &Path, key: &str) -> PathBuf {
    state_dir.join("repos").join(key).join("mirror.git")
}

/// Returns the bare repository that holds the salvaged work of a checkout. The path is canonical, as sessions record it.
pub fn mirror_dir(state_dir: &Path, project: &Path) -> PathBuf {
    mirror_of(state_dir, &repository_key(project))
}

fn unfinished(journal: &Journal, project: &Path, wanted: Option<&str>) -> Result<SessionRow, SessionError> {
    let is_ours = |row: &SessionRow| Path::new(&row.project_path) == project;
    let row = match wanted {
        Some(wanted) => journal.session(wanted)?,
        None => journal
            .sessions(None, N_SESSIONS_MAX)?
            .into_iter()
            .find(|row| is_ours(row) && matches!(row.status, SessionStatus::Running | SessionStatus::Interrupted))
            .ok_or_else(|| SessionError::NothingToResume { project: project.to_owned() })?,
    };
    let session = row.id.to_string();
    match row.status {
        _ if !is_ours(&row) => Err(SessionError::OtherProject { session, project: row.project_path.into() }),
        SessionStatus::Running | SessionStatus::Interrupted => Ok(row),
        SessionStatus::Completed => Err(SessionError::AlreadyOver { session, status: "completed" }),
        SessionStatus::Failed => Err(SessionError::AlreadyOver { session, status: "failed" }),
    }
}

fn new_session(ground: &Ground, host: &Host, id: &SessionId, begun: &Begun, now_ms: u64) -> NewSession {
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

fn started(ground: &Ground, settings: Settings, begun: &Begun, history: History) -> Input {
    let about = About {
        label: begun.label().to_owned(),
        directive: begun.plan().map(|plan| plan.directive.clone()),
        repository: ground.repository.clone(),
        base_branch: ground.base_branch.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Input::Started { settings: Box::new(settings), about, history }
}

fn settings(config: &Config, strategies: &Strategies, begun: &Begun, started_at_ms: u64) -> Settings {
    let metering = strategies.probe_backend().map(|info| (info.metering, info.models));
    let (metering, models) = metering.unwrap_or((sdk::Metering::AtTheEnd, Vec::new()));
    let model = match config.agent.model.as_str() {
        _ if models.is_empty() => ModelChoice::Fixed { model: None },
        "auto" => ModelChoice::Auto,
        model => ModelChoice::Fixed { model: Some(model.to_owned()) },
    };
    Settings {
        budget: Usd::from_micros(config.max_total_budget_usd.micros()),
        task_cap: Usd::from_micros(config.agent.max_budget_usd.micros()),
        turn_margin: Usd::from_micros(config.agent.turn_margin_usd.micros()),
        metering: match metering {
            sdk::Metering::Free => Metering::Free,
            sdk::Metering::AsItGoes => Metering::AsItGoes,
            sdk::Metering::AtTheEnd => Metering::AtTheEnd,
        },
        n_slots: config.executor.max_parallel,
        max_retries: config.executor.max_retries,
        max_per_domain: config.scheduler.max_per_domain,
        exclusive_domains: config.scheduler.exclusive_domains.iter().cloned().collect(),
        breaker_threshold: config.breaker.threshold,
        breaker_cooldown_ms: 1_000 * u64::from(config.breaker.cooldown_seconds),
        allow_partial: begun.exec().is_some_and(|exec| exec.allow_partial),
        dry_run: begun.is_dry_run(),
        agent: strategies.backend().describe().name,
        model,
        has_checks: !config.executor.checks.is_empty(),
        red_base: match config.executor.red_base {
            config::RedBase::Fail => RedBase::Fail,
            config::RedBase::IgnoreKnown => RedBase::IgnoreKnown,
        },
        start_until: begun.exec().and_then(|exec| exec.until_ms).map(Time::from_ms),
        seed: started_at_ms,
        deciders: strategies.deciders(),
        plan: begun.rules(config, strategies),
        ignore_outside: begun.exec().is_some_and(|exec| exec.ignore_outside),
    }
}

/// Returns what earlier tasks cost with the models that this session may use.
fn history(journal: &Journal, settings: &Settings, strategies: &Strategies) -> Result<History, SessionError> {
    let models = match &settings.model {
        ModelChoice::Fixed { model } => vec![model.clone().unwrap_or_default()],
        ModelChoice::Auto => strategies.probe_backend().map(|info| info.models).unwrap_or_default(),
    };
    let mut costs = BTreeMap::new();
    for model in models {
        let known = journal.cost_history(&settings.agent, &model, N_COSTS_MAX)?;
        costs.insert(model, known.into_iter().map(Usd::from_micros).collect());
    }
    Ok(History(costs))
}

/// Returns two bytes that no other session of this millisecond has.
fn entropy() -> [u8; 2] {
    use std::hash::{BuildHasher, RandomState};
    // The standard library seeds this from the system's randomness.
    let [first, second, ..] = RandomState::new().hash_one(std::process::id()).to_le_bytes();
    [first, second]
}
