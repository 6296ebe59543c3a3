//! The available sessions: the one running in this process, and those in the journal.
//!
//! A session that is being viewed is kept as a hub, so that many readers cost as much as one. Only
//! a few are kept; those without streams are dropped first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use autoissue_core::chronicle::{SessionStatus, Totals};
use autoissue_core::journal::{JournalError, SessionId, SessionRow, StoredStatus};
use autoissue_core::recorded;
use autoissue_core::summary::rfc3339;
use tokio::sync::watch;
use tokio::time::Instant;

use super::archive::{Archive, ArchiveError};
use super::follow;
use super::hub::{BreakerControl, Hub};
use super::problem::Problem;
use super::session_views::Style;
use super::view;
use crate::liveness::is_dead;

/// Number of sessions from the journal kept in memory.
const N_KEPT_MAX: usize = 6;

/// Maximum age of a session's state in an answer, so that many simultaneous requests cause one
/// read.
const FRESH: Duration = Duration::from_millis(200);

/// How often the current session is determined if none runs in this process.
const CURRENT_EVERY: Duration = Duration::from_secs(2);

/// The available sessions.
pub(crate) struct Library {
    archive: Archive,
    style: Style,
    /// The session of this process.
    live: Option<Arc<Hub>>,
    shelf: tokio::sync::Mutex<Vec<Kept>>,
    totals: Mutex<HashMap<SessionId, (u64, Totals)>>,
    /// The default session of requests.
    current: watch::Sender<Option<SessionId>>,
}

/// A session kept in memory.
struct Kept {
    hub: Arc<Hub>,
    read_at: Instant,
}

impl Library {
    /// Creates the library of a state directory; `live` is the session of this process.
    pub(crate) fn new(archive: Archive, style: Style, live: Option<Arc<Hub>>) -> Self {
        let current = watch::Sender::new(live.as_ref().map(|hub| hub.session().clone()));
        Self {
            archive,
            style,
            live,
            shelf: tokio::sync::Mutex::default(),
            totals: Mutex::default(),
            current,
        }
    }

    pub(crate) const fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Watches the default session of requests.
    pub(crate) fn watch_current(&self) -> watch::Receiver<Option<SessionId>> {
        self.current.subscribe()
    }

    /// Updates the current session periodically. Never returns.
    pub(crate) async fn keep_current(&self) {
        while self.live.is_none() {
            self.find_current().await;
            tokio::time::sleep(CURRENT_EVERY).await;
        }
    }

    /// Returns the newest running session, else the newest one.
    async fn find_current(&self) -> Option<SessionId> {
        let state_dir = self.archive.state_dir().to_owned();
        let found = self.archive.read(move |journal| {
            let rows = journal.sessions(None, usize::MAX)?;
            let runs = |row: &&SessionRow| {
                row.status == StoredStatus::Running && !is_dead(row, &state_dir)
            };
            Ok(rows
                .iter()
                .find(runs)
                .or(rows.first())
                .map(|row| row.id.clone()))
        });
        let Ok(found) = found.await else {
            return self.current.borrow().clone();
        };
        self.current.send_if_modified(|current| {
            let is_new = *current != found;
            current.clone_from(&found);
            is_new
        });
        found
    }

    /// Returns a session by its id or a prefix of it; the current one by default.
    ///
    /// # Errors
    /// If it does not exist, or cannot be read.
    pub(crate) async fn hub(&self, wanted: Option<&str>) -> Result<Arc<Hub>, Problem> {
        let session = match (wanted, &self.live) {
            (None, Some(live)) => return Ok(live.clone()),
            (Some(wanted), Some(live)) if live.session().as_str() == wanted => {
                return Ok(live.clone());
            }
            (Some(wanted), _) => {
                self.archive
                    .session(wanted.to_owned())
                    .await
                    .map_err(problem)?
                    .id
            }
            (None, None) => self.find_current().await.ok_or_else(Problem::no_session)?,
        };
        if let Some(live) = self.live.as_ref().filter(|live| *live.session() == session) {
            return Ok(live.clone());
        }
        self.recorded(session).await.map_err(problem)
    }

    async fn recorded(&self, session: SessionId) -> Result<Arc<Hub>, ArchiveError> {
        // Held during a read, so that concurrent requests share it.
        let mut shelf = self.shelf.lock().await;
        if let Some(kept) = shelf.iter_mut().find(|kept| *kept.hub.session() == session) {
            if FRESH <= kept.read_at.elapsed() {
                follow::open(&kept.hub, &self.archive).await?;
                kept.read_at = Instant::now();
            }
            return Ok(kept.hub.clone());
        }
        let state_dir = self.archive.state_dir().to_owned();
        let hub = Hub::new(
            session,
            state_dir,
            self.style.clone(),
            BreakerControl::Journal,
        );
        follow::open(&hub, &self.archive).await?;
        hub.keep(tokio::spawn(follow::journal(
            Arc::downgrade(&hub),
            self.archive.clone(),
        )));
        if shelf.len() == N_KEPT_MAX {
            let oldest =
                (0..shelf.len()).min_by_key(|&at| (shelf[at].hub.has_streams(), shelf[at].read_at));
            oldest.map(|at| shelf.swap_remove(at));
        }
        shelf.push(Kept {
            hub: hub.clone(),
            read_at: Instant::now(),
        });
        Ok(hub)
    }

    /// Lists sessions, newest first.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub(crate) async fn sessions(
        &self,
        offset: usize,
        limit: usize,
    ) -> Result<view::SessionsView, Problem> {
        let rows = self.archive.sessions(usize::MAX).await.map_err(problem)?;
        let total = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let mut sessions = Vec::new();
        for row in rows.into_iter().skip(offset).take(limit) {
            let totals = self.totals(&row).await.map_err(problem)?;
            sessions.push(self.line(&row, totals));
        }
        let current = match &self.live {
            Some(live) => Some(live.session().to_string()),
            None => self.find_current().await.map(|session| session.to_string()),
        };
        Ok(view::SessionsView {
            current,
            total,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            sessions,
        })
    }

    /// A session's totals change only with its events.
    async fn totals(&self, row: &SessionRow) -> Result<Totals, ArchiveError> {
        let lock = || self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, totals)) = lock()
            .get(&row.id)
            .filter(|(last_seq, _)| *last_seq == row.last_seq)
        {
            return Ok(totals.clone());
        }
        let read = row.clone();
        let totals = self
            .archive
            .read(move |journal| Ok(recorded::chronicle(journal, &read, drop)?.totals()))
            .await?;
        lock().insert(row.id.clone(), (row.last_seq, totals.clone()));
        Ok(totals)
    }

    fn line(&self, row: &SessionRow, totals: Totals) -> view::SessionLine {
        let is_live = self
            .live
            .as_ref()
            .is_some_and(|live| *live.session() == row.id);
        view::SessionLine {
            session: row.id.to_string(),
            repository: self.style.screen.line(&row.repository),
            command: self.style.screen.line(&row.command),
            status: match totals.status {
                SessionStatus::Running if !is_live && is_dead(row, self.archive.state_dir()) => {
                    SessionStatus::Died
                }
                status => status,
            },
            started_at: rfc3339(totals.started_at_ms),
            finished_at: totals.finished_at_ms.map(rfc3339),
            n_tasks: totals.counts.total,
            outcomes: totals.outcomes,
            spent_usd: totals.money.spent.dollars(),
        }
    }
}

/// Returns the API's error for a journal that cannot be read.
pub(crate) fn problem(error: ArchiveError) -> Problem {
    match error {
        ArchiveError::Journal(
            error @ (JournalError::NoSession { .. } | JournalError::Ambiguous { .. }),
        ) => Problem::not_found(error.to_string()),
        error => {
            tracing::warn!(%error, "the dashboard failed to read the journal");
            Problem::journal("for the reason, see the log or run `autoissue status`")
        }
    }
}
