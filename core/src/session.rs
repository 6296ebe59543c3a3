//! One session, from the first check to the last event: the front door of core.
//!
//! ```text
//!   open ── preconditions, lock, journal ──► Session ── run ──► dispatcher ─► Finished
//!                                              │ bus(): events and progress as they come
//!                                              └ stopper(): asks it to stop
//! ```

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use autoissue_engine::{Engine, Event};

use crate::bus::Bus;
use crate::journal::SessionId;

/// What a session is run with. Core reads no arguments and no environment of its own.
#[derive(Clone, Debug)]
pub struct Host {
    /// Directory that state is kept in.
    pub state_dir: PathBuf,
    /// The checkout.
    pub project: PathBuf,
    /// Our own program, which core starts again in its hidden modes.
    pub own_program: PathBuf,
    /// The environment that programs are found and started with.
    pub environment: Vec<(OsString, OsString)>,
    /// Command line, for people who read `status` later.
    pub command: String,
}

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The open issues that carry a label.
    Exec(Exec),
    /// An interrupted session; `None` means the newest unfinished one of this repository.
    Resume(Option<String>),
}

/// Options of a new session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec {
    /// The label.
    pub label: String,
    /// Only these issues; empty means all.
    pub only: Vec<u64>,
    /// Start what fits although not all fits the budget.
    pub allow_partial: bool,
    /// Start nothing from this time on, milliseconds since the Unix epoch.
    pub until_ms: Option<u64>,
    /// Only make the plan: nothing is changed and nothing is spent.
    pub dry_run: bool,
}

/// A session that is ready to run.
pub struct Session {
    id: SessionId,
    bus: Arc<Bus<Event>>,
}

/// A session that has ended or was interrupted.
#[derive(Debug)]
pub struct Finished {
    /// Its id.
    pub id: SessionId,
    /// Its final state.
    pub engine: Engine,
    /// When it began, milliseconds since the Unix epoch.
    pub started_at_ms: u64,
    /// When it ended.
    pub finished_at_ms: u64,
}

/// Asks a running session to stop. The first time it saves everything; the second time it kills the agents.
#[derive(Clone, Debug)]
pub struct Stopper {}

impl Stopper {
    /// Asks.
    pub fn stop(&self) {}
}

/// Why a session cannot run.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Placeholder until the session is wired.
    #[error("not wired yet")]
    NotWired,
}

impl Session {
    /// Checks everything that can be checked for free, takes the repository's lock, and opens the journal.
    ///
    /// # Errors
    /// Where the session could not run; nothing has been changed then.
    pub fn open(_config: crate::config::Config, _host: Host, _order: Order) -> Result<Self, SessionError> {
        Err(SessionError::NotWired)
    }

    /// Returns its id.
    pub const fn id(&self) -> &SessionId {
        &self.id
    }

    /// Returns where its events appear, after they are journaled.
    pub const fn bus(&self) -> &Arc<Bus<Event>> {
        &self.bus
    }

    /// Returns what stops it.
    pub fn stopper(&self) -> Stopper {
        Stopper {}
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// Where the journal cannot be written any more; what was running is stopped then.
    #[expect(clippy::unused_async, reason = "not wired yet")]
    pub async fn run(self) -> Result<Finished, SessionError> {
        Err(SessionError::NotWired)
    }
}
