//! One followed session, shared by all readers: each event is read, described and serialized once.
//!
//! ```text
//!   bus, or journal ─► follow ─► SessionViews ─┬─► log of messages ─► each stream, at its own pace
//!   agents' output ──► gather ──────────┼─► progress, four times a second and bounded ─► streams that keep up
//!                                       └─► overview, once a second at most ───────────► streams that keep up
//! ```
//!
//! The log is bounded. A stream that needs earlier events replays the journal itself.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use autoissue_core::bus::Envelope;
use autoissue_core::engine::{Event, Service};
use autoissue_core::journal::SessionId;
use axum::body::Bytes;
use serde::Serialize;
use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinHandle;

use super::output::Outputs;
use super::session_views::{SessionViews, Style};
use super::shown::Shown;
use super::view;
use crate::local_time::now_ms;

/// Number of bytes of messages kept for streams: about 50,000 events.
const LOG_BYTES_MAX: usize = 16 << 20;

/// Number of non-detail events kept for newly opened pages.
const N_RECENT_MAX: usize = 60;

/// Number of progress messages that a stream may lag behind before it misses some.
const N_PROGRESS_KEPT: usize = 16;

/// Maximum number of bytes that a stream takes from the log at once.
const TAKE_BYTES_MAX: usize = 128 << 10;

/// One followed session.
pub(crate) struct Hub {
    session: SessionId,
    state_dir: PathBuf,
    style: Style,
    shared: RwLock<Shared>,
    /// Number of the last event in the log.
    seq: watch::Sender<u64>,
    /// The newest overview, as a message.
    overview: watch::Sender<Bytes>,
    progress: broadcast::Sender<Bytes>,
    /// Whether the session has ended and no more events will follow.
    over: watch::Sender<bool>,
    /// How requests reach the session.
    pub(crate) control: BreakerControl,
    follower: RwLock<Option<JoinHandle<()>>>,
    /// Notified when a stream is opened.
    pub(crate) wake: Arc<Notify>,
}

/// How requests reach a session.
pub(crate) enum BreakerControl {
    /// It runs in this process.
    Here(autoissue_core::control::BreakerResetHandle),
    /// Through the journal, if it runs at all.
    Journal,
}

struct Shared {
    views: SessionViews,
    log: Log,
    recent: VecDeque<view::EventView>,
    outputs: Outputs,
    /// Whether the overview has changed since it was last sent.
    is_changed: bool,
}

/// Messages of the newest events, without gaps.
#[derive(Default)]
struct Log {
    messages: VecDeque<Bytes>,
    n_bytes: usize,
    last_seq: u64,
}

/// The answer of the log to a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// These messages, and the number of the last one.
    Messages(Bytes, u64),
    /// There are no new messages.
    Nothing,
    /// The messages were dropped; the log starts after this number.
    TooOld(u64),
}

impl Hub {
    /// Creates the hub of a session without events.
    pub(crate) fn new(
        session: SessionId,
        state_dir: PathBuf,
        style: Style,
        control: BreakerControl,
    ) -> Arc<Self> {
        let shared = Shared {
            views: SessionViews::new(session.clone(), style.clone()),
            log: Log::default(),
            recent: VecDeque::new(),
            outputs: Outputs::default(),
            is_changed: false,
        };
        Arc::new(Self {
            session,
            state_dir,
            style,
            shared: RwLock::new(shared),
            seq: watch::Sender::new(0),
            overview: watch::Sender::new(Bytes::new()),
            progress: broadcast::Sender::new(N_PROGRESS_KEPT),
            over: watch::Sender::new(false),
            control,
            follower: RwLock::new(None),
            wake: Arc::default(),
        })
    }

    /// Keeps the task that follows the session; it ends with the hub.
    pub(crate) fn keep(&self, follower: JoinHandle<()>) {
        *self
            .follower
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(follower);
    }

    pub(crate) const fn session(&self) -> &SessionId {
        &self.session
    }

    /// Returns the state directory.
    pub(crate) const fn state_dir(&self) -> &PathBuf {
        &self.state_dir
    }

    /// Returns the display settings.
    pub(crate) const fn style(&self) -> &Style {
        &self.style
    }

    /// Adds events.
    pub(crate) fn take<'a>(&self, envelopes: impl IntoIterator<Item = &'a Envelope<Event>>) {
        let last_seq = {
            let mut shared = self.write();
            for envelope in envelopes {
                shared.take(&self.session, envelope);
            }
            shared.log.last_seq
        };
        self.seq
            .send_if_modified(|seq| std::mem::replace(seq, last_seq) != last_seq);
    }

    /// Adds agents' lines, and sends what has gathered.
    pub(crate) fn take_output(&self, gather: impl FnOnce(&mut Outputs, &SessionViews)) {
        let message = {
            let mut shared = self.write();
            let Shared { views, outputs, .. } = &mut *shared;
            gather(outputs, views);
            outputs.forget(|issue| {
                views
                    .engine()
                    .task(issue)
                    .is_some_and(|task| task.attempt().is_some())
            });
            outputs.batch(&self.style.screen)
        };
        if let Some(progress) = message {
            // Sending fails if there are no streams, which is fine.
            let _ = self.progress.send(message_of("progress", None, &progress));
        }
    }

    /// Sends the overview to all streams if it has changed. Returns whether it had.
    pub(crate) fn publish_overview(&self) -> bool {
        let is_changed = std::mem::take(&mut self.write().is_changed);
        if is_changed && self.overview.receiver_count() > 0 {
            self.overview.send_replace(self.overview_message());
        }
        is_changed
    }

    /// Returns the overview as a message.
    pub(crate) fn overview_message(&self) -> Bytes {
        message_of("overview", None, &self.overview())
    }

    /// Announces that no more events will follow.
    pub(crate) fn end(&self) {
        self.publish_overview();
        self.over.send_replace(true);
    }

    /// Records whether the session's process died.
    pub(crate) fn set_dead(&self, is_dead: bool) {
        let mut shared = self.write();
        shared.is_changed |= shared.views.set_dead(is_dead);
    }

    /// Records the command that started the session.
    pub(crate) fn set_command(&self, command: String) {
        self.write().views.command = command;
    }

    /// Reads the current state of the session.
    pub(crate) fn look<T>(&self, see: impl FnOnce(&SessionViews) -> T) -> T {
        see(&self.read().views)
    }

    /// Returns the overview.
    pub(crate) fn overview(&self) -> view::SessionView {
        let shared = self.read();
        shared
            .views
            .overview(now_ms(), &shared.outputs.last_lines(&self.style.screen))
    }

    /// Returns recent events.
    pub(crate) fn recent(&self) -> view::RecentView {
        let shared = self.read();
        view::RecentView {
            session: self.session.to_string(),
            last_seq: shared.log.last_seq,
            events: shared.recent.iter().cloned().collect(),
        }
    }

    /// Returns the newest known lines of a running attempt, and whether there may have been earlier
    /// ones.
    pub(crate) fn lines(&self, issue: u64, attempt: u32) -> Option<(Vec<Shown>, bool)> {
        self.read()
            .outputs
            .lines(issue, attempt, &self.style.screen)
    }

    /// Returns the services that the session knows.
    pub(crate) fn services(&self) -> Vec<Service> {
        self.look(|views| {
            let engine = views.engine();
            let mut services = vec![engine.settings().agent_service(), Service::Forge];
            services.extend(engine.breakers().keys().cloned());
            services
        })
    }

    /// Returns the messages after a number.
    pub(crate) fn messages_after(&self, seq: u64) -> Taken {
        self.read().log.after(seq)
    }

    /// Watches for events.
    pub(crate) fn watch_events(&self) -> watch::Receiver<u64> {
        self.seq.subscribe()
    }

    /// Watches for overviews.
    pub(crate) fn watch_overview(&self) -> watch::Receiver<Bytes> {
        self.overview.subscribe()
    }

    /// Watches for progress.
    pub(crate) fn watch_progress(&self) -> broadcast::Receiver<Bytes> {
        self.progress.subscribe()
    }

    /// Watches for the end.
    pub(crate) fn watch_end(&self) -> watch::Receiver<bool> {
        self.over.subscribe()
    }

    /// Returns whether there are streams.
    pub(crate) fn has_streams(&self) -> bool {
        self.seq.receiver_count() > 0
    }

    fn read(&self) -> RwLockReadGuard<'_, Shared> {
        // An event is applied completely, or the process is lost anyway, so the data can still be
        // shown.
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shared> {
        self.shared.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(follower) = self
            .follower
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            follower.abort();
        }
    }
}

impl Shared {
    fn take(&mut self, session: &SessionId, envelope: &Envelope<Event>) {
        // Two concurrent readers of the journal deliver the same events.
        if envelope.seq <= self.log.last_seq {
            return;
        }
        self.is_changed = true;
        let view = self.views.take(envelope);
        self.log.push(view.seq, event_message(session, &view));
        if view
            .sentences
            .iter()
            .any(|sentence| sentence.tone != view::ToneView::Detail)
        {
            if self.recent.len() == N_RECENT_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back(view);
        }
    }
}

impl Log {
    fn push(&mut self, seq: u64, message: Bytes) {
        debug_assert_eq!(seq, self.last_seq + 1, "events come without gaps");
        self.last_seq = seq;
        self.n_bytes += message.len();
        self.messages.push_back(message);
        while LOG_BYTES_MAX < self.n_bytes {
            let Some(oldest) = self.messages.pop_front() else {
                return;
            };
            self.n_bytes -= oldest.len();
        }
    }

    fn after(&self, seq: u64) -> Taken {
        let before_first = self.last_seq - self.messages.len() as u64;
        if self.last_seq <= seq {
            return Taken::Nothing;
        }
        if seq < before_first {
            return Taken::TooOld(before_first);
        }
        let n_had = usize::try_from(seq - before_first).unwrap_or(usize::MAX);
        let mut taken = Vec::new();
        let mut last = seq;
        for message in self.messages.range(n_had..) {
            taken.extend_from_slice(message);
            last += 1;
            if TAKE_BYTES_MAX < taken.len() {
                break;
            }
        }
        Taken::Messages(taken.into(), last)
    }
}

/// Returns an event as a stream message. Its id contains the session, because the numbers restart
/// in each session.
pub(crate) fn event_message(session: &SessionId, view: &view::EventView) -> Bytes {
    message_of("happened", Some(&format!("{session}:{}", view.seq)), view)
}

/// Returns a server-sent event.
pub(crate) fn message_of(kind: &str, id: Option<&str>, data: &impl Serialize) -> Bytes {
    // JSON has no line breaks, so the data is one line.
    let data = serde_json::to_string(data).expect("our own types have string keys");
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("{id}event: {kind}\ndata: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(n: u64) -> Log {
        let mut log = Log::default();
        (1..=n).for_each(|seq| log.push(seq, Bytes::from(format!("<{seq}>"))));
        log
    }

    #[test]
    fn a_reader_gets_what_it_has_not_had() {
        assert_eq!(log(3).after(1), Taken::Messages(Bytes::from("<2><3>"), 3));
        assert_eq!(log(3).after(3), Taken::Nothing);
        assert_eq!(log(3).after(9), Taken::Nothing);
        assert_eq!(log(0).after(0), Taken::Nothing);
    }

    #[test]
    fn the_log_is_bounded_and_says_where_it_begins() {
        let mut log = Log::default();
        let message = Bytes::from(vec![b'x'; LOG_BYTES_MAX / 4]);
        (1..=10).for_each(|seq| log.push(seq, message.clone()));
        assert!(log.n_bytes <= LOG_BYTES_MAX);
        assert_eq!(log.after(0), Taken::TooOld(6));
        assert!(
            matches!(log.after(6), Taken::Messages(_, 7)),
            "at most `TAKE_BYTES_MAX` at once"
        );
    }
}
