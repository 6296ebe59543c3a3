//! One session, from the first check to the last event: the main entry point of core.
//!
//! ```text
//!   open ── preconditions, lock, journal ──► Session ── run ──► dispatcher ─► Finished
//!                                              │ bus(): events and progress as they come
//!                                              └ stopper(): asks it to stop
//! ```

mod context;
mod crash_at;
mod open;
mod request;
mod settings;
mod waiting;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use autoissue_engine::{Event, Input, SessionInput, Time};
use autoissue_journal::repository_lock::RepositoryLock;
use autoissue_journal::{CommitHook, Journal, NewSession, SessionId, SessionRow};
use autoissue_process::awake::keep_awake;
use autoissue_process::{SupervisorProgram, adopt_orphans};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::backlog_notes::BacklogNotes;
use crate::bus::Bus;
use crate::chronicle::Chronicle;
use crate::config::Config;
use crate::control::BreakerResetHandle;
use crate::dispatcher::{Dispatcher, Unrecorded};
use crate::executor::Executor;
pub use crate::host::Host;
use crate::log;
pub use crate::planner::PLAN_FILE;
use crate::plugins::PluginArgument;
use crate::preflight::Finding;
pub use crate::preflight::SessionError;
use crate::work::Services;
pub use crash_at::{CrashPoint, NoCrashPoint};
pub use open::{newest_session, session_dir, session_to_resume};
pub use request::{Consent, PlanOrder, PlannedBefore, planned_before};
pub use workspace::mirror_dir;
pub(crate) use workspace::{Cleaning, cleaning, on_a_runtime};

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionRequest {
    /// The open issues that carry a label.
    Exec(Exec),
    /// Issues made from a directive, or those of an existing plan.
    Plan(PlanOrder),
    /// An interrupted session.
    Resume(Resume),
}

/// Which session to resume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// Its id, or a prefix of it; `None` means the newest unfinished session of this repository.
    pub session: Option<String>,
    /// Whether the user has approved the plan, if it is waiting for approval.
    pub consent: Consent,
}

/// Options of a new session. Kept in the journal, because a resume must use the same ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The label.
    pub label: String,
    /// Only these issues; empty means all.
    pub only: Vec<u64>,
    /// Start as many issues as the budget allows, even if not all fit.
    pub allow_partial: bool,
    /// Start nothing from this time on.
    pub until: Option<Time>,
    /// Only make the plan: change nothing and spend nothing.
    pub dry_run: bool,
    /// Ignore open dependencies that are not part of the session.
    pub ignore_outside: bool,
    /// Plugins from the command line that started the session; set when it is opened.
    pub plugins: Vec<PluginArgument>,
}

/// A session that is ready to run.
pub struct Session {
    id: SessionId,
    first: Input,
    chronicle: Chronicle,
    /// Absent in a dry run.
    journal: Option<Journal>,
    services: Services,
    bus: Arc<Bus<Event>>,
    inputs: (Sender<Input>, Receiver<Input>),
    /// Ends every running collector.
    kill: CancellationToken,
    mirror: PathBuf,
    /// Held while the session exists; absent in a dry run.
    lock: Option<RepositoryLock>,
    awake: Option<Awake>,
    remarks: Vec<Finding>,
    left_behind: Option<SessionRow>,
    /// Set for a session that is not in the journal yet.
    unrecorded: Option<NewSession>,
    notes: Arc<BacklogNotes>,
}

/// Keeps the machine awake while a session runs.
struct Awake {
    supervisor: SupervisorProgram,
    program: (PathBuf, Vec<OsString>),
    env: Vec<(OsString, OsString)>,
    tag: String,
}

impl Awake {
    async fn until(self, cancel: CancellationToken) {
        let Self {
            supervisor,
            program,
            env,
            tag,
        } = self;
        keep_awake(&supervisor, program, env, tag, &cancel).await;
    }
}

/// A session that has ended or was interrupted.
#[derive(Debug)]
pub struct Finished {
    /// Its id.
    pub id: SessionId,
    /// Its history, with its final state.
    pub chronicle: Chronicle,
    /// The bare repository that keeps its salvaged work.
    pub mirror: PathBuf,
    /// Labels that open issues carry, if none carries the requested one; nothing was recorded then.
    pub known_labels: Vec<String>,
}

/// Asks a running session to stop.
#[derive(Clone, Debug)]
pub struct Stopper {
    inputs: Sender<Input>,
    kill: CancellationToken,
}

impl Stopper {
    /// Asks the session to save everything and stop. Does nothing once it has ended.
    pub fn stop(&self) {
        let _ = self.inputs.send(Input::Session(SessionInput::Interrupted));
    }

    /// Kills the agents of a session that was asked to stop, and the collectors of their work; a
    /// resume collects that work.
    pub fn kill(&self) {
        self.kill.cancel();
        self.stop();
    }
}

impl Session {
    /// Checks everything that can be checked for free, takes the repository's lock, and opens the
    /// journal. Blocking.
    ///
    /// # Errors
    /// Fails if the session could not run; nothing has been changed then.
    pub fn open(config: Config, host: &Host, order: SessionRequest) -> Result<Self, SessionError> {
        open::open(config, host, order)
    }

    /// Returns its id.
    pub const fn id(&self) -> &SessionId {
        &self.id
    }

    /// Returns what the user should know before the session runs: what may go wrong, and what
    /// agents may do.
    pub fn remarks(&self) -> &[Finding] {
        &self.remarks
    }

    /// Returns the previous session if it is unfinished: the work that it did not publish is done
    /// again.
    pub const fn left_behind(&self) -> Option<&SessionRow> {
        self.left_behind.as_ref()
    }

    /// Returns the bus on which its events are published after they are journaled.
    pub const fn bus(&self) -> &Arc<Bus<Event>> {
        &self.bus
    }

    /// Returns a handle that stops the session.
    pub fn stopper(&self) -> Stopper {
        Stopper {
            inputs: self.inputs.0.clone(),
            kill: self.kill.clone(),
        }
    }

    /// Returns a handle that closes its breakers.
    pub fn breaker_reset(&self) -> BreakerResetHandle {
        BreakerResetHandle::new(self.inputs.0.clone())
    }

    /// Calls `hook` around each write of the journal, for tests that crash there.
    pub fn on_commit(&mut self, hook: CommitHook) {
        if let Some(journal) = &mut self.journal {
            journal.on_commit(hook);
        }
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// Fails if the journal can no longer be written; everything that was running is stopped then.
    /// Fails if a requested issue is not in the backlog; nothing has been started or recorded then.
    pub async fn run(self) -> Result<Finished, SessionError> {
        adopt_orphans();
        let (sender, inputs) = self.inputs;
        let collectors = self
            .services
            .workspace
            .as_ref()
            .map(|workspace| workspace.collectors.clone());
        let executor = Executor::new(Handle::current(), Arc::new(self.services), sender);
        let (tasks, everything) = executor.handles();
        let dispatcher = Dispatcher {
            session: self.id.clone(),
            engine: self.chronicle.engine().clone(),
            journal: self.journal,
            chronicle: self.chronicle,
            bus: self.bus,
            executor,
            inputs,
            looked_at: std::time::Instant::now(),
            requested: Vec::new(),
            unrecorded: self.unrecorded.map(|new| Unrecorded {
                new,
                events: Vec::new(),
            }),
            notes: self.notes.clone(),
        };
        let is_over = CancellationToken::new();
        let awake = self
            .awake
            .map(|awake| tokio::spawn(awake.until(is_over.clone())));
        let first = self.first;
        let span = log::session(&self.id);
        let ended =
            tokio::task::spawn_blocking(move || span.in_scope(|| dispatcher.run(first))).await;
        // Nobody waits for the results of whatever is still running.
        everything.cancel();
        tasks.close();
        tasks.wait().await;
        if let Some(collectors) = collectors {
            collectors.remove_finished().await;
            collectors.end_all().await;
        }
        is_over.cancel();
        if let Some(awake) = awake {
            let _ = awake.await;
        }
        drop(self.lock);
        let (engine, chronicle) = ended.map_err(|error| SessionError::Defect {
            message: error.to_string(),
        })??;
        if let Some((issues, warnings)) = self.notes.missing() {
            return Err(SessionError::NotInBacklog {
                issues: issues.clone(),
                label: engine.info().label.clone(),
                warnings: warnings.clone(),
            });
        }
        Ok(Finished {
            id: self.id,
            chronicle,
            mirror: self.mirror,
            known_labels: self.notes.labels().to_vec(),
        })
    }
}
