//! Displays a session while it runs. One loop follows the event bus and keeps the chronicle; one of
//! three reporters handles each event.
//!
//! ```text
//!   bus ─ events ──► follow ─► Chronicle::take ─► Reporter::event ─► json: stdout · plain: stderr · live: screen
//!       └ progress ──►  ▲ │                       Reporter::progress
//!   signals ─ notices ──┘ └─ a gap is read from the journal
//! ```
//!
//! It never slows the session down: a slow reader falls behind on the bus and catches up from the
//! journal.

mod json;
mod live;
mod plain;

use std::path::PathBuf;
use std::time::Duration;

use autoissue_core::bus::{Bus, Delivery, Envelope, Progress, ProgressLane, Subscription};
use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::{Event, TaskEvent};
use autoissue_core::journal::{Journal, SessionId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

pub(crate) use json::{EventLine, Json};
pub(crate) use live::Live;
#[cfg(test)]
pub(crate) use live::screen_of;
pub(crate) use plain::{Plain, line};

use crate::console::Console;
use crate::narration::plugin_failed;

/// How often the live screen checks for changes.
const TICK: Duration = Duration::from_millis(100);

/// Displays events. `chronicle` is the state after the event.
pub(crate) trait Reporter: Send {
    /// Returns whether it uses the chronicle. That is another copy of the session's state, so it is
    /// only kept for those that do; others get an empty one.
    fn needs_chronicle(&self) -> bool {
        true
    }
    /// Handles an event.
    fn event(&mut self, envelope: &Envelope<Event>, chronicle: &Chronicle);
    /// Handles a line of agent output.
    fn progress(&mut self, _progress: &Progress) {}
    /// Shows a message of autoissue itself.
    fn notice(&mut self, text: &str);
    /// Called periodically.
    fn tick(&mut self, _chronicle: &Chronicle) {}
    /// Called after the last event.
    fn finish(&mut self) {}
}

/// Shows only autoissue's own messages.
pub(crate) struct Quiet(pub(crate) Console);

impl Reporter for Quiet {
    fn needs_chronicle(&self) -> bool {
        false
    }

    fn event(&mut self, _envelope: &Envelope<Event>, _chronicle: &Chronicle) {}

    fn notice(&mut self, text: &str) {
        self.0.say(text);
    }
}

/// Warns about plugins that made no decision; shows no other events.
pub(crate) struct FailedPlugins(pub(crate) Console);

impl Reporter for FailedPlugins {
    fn needs_chronicle(&self) -> bool {
        false
    }

    fn event(&mut self, envelope: &Envelope<Event>, _chronicle: &Chronicle) {
        if let Event::Task(TaskEvent::PluginFailed(failure)) = &envelope.event {
            self.0
                .warn(&format!("{}: {}", failure.issue, plugin_failed(failure)));
        }
    }

    fn notice(&mut self, text: &str) {
        self.0.say(text);
    }
}

/// Follows one session.
pub(crate) struct Follower {
    events: Subscription<Event>,
    progress: Option<ProgressLane>,
    chronicle: Chronicle,
    session: SessionId,
    state_dir: PathBuf,
    /// A resumed session replays its past events: they rebuild the state but are not displayed
    /// again.
    has_past: bool,
}

impl Follower {
    /// Creates a follower before the session runs. `has_past` is true for a resumed session.
    pub(crate) fn new(
        bus: &Bus<Event>,
        session: SessionId,
        state_dir: PathBuf,
        has_past: bool,
    ) -> Self {
        Self {
            events: bus.subscribe(0),
            progress: Some(bus.watch_progress()),
            chronicle: Chronicle::default(),
            session,
            state_dir,
            has_past,
        }
    }

    /// Displays events until the bus closes, or until `ended` says that there are no more.
    pub(crate) async fn follow(
        mut self,
        mut reporter: Box<dyn Reporter>,
        mut notices: mpsc::Receiver<String>,
        mut ended: oneshot::Receiver<()>,
    ) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                delivery = self.events.next() => match delivery {
                    Some(delivery) => if !self.take(delivery, reporter.as_mut()) { break },
                    None => break,
                },
                Some(notice) = notices.recv() => reporter.notice(&notice),
                _ = &mut ended => break,
                _ = ticks.tick() => reporter.tick(&self.chronicle),
                progress = next_progress(&mut self.progress) => match progress {
                    Some(progress) => reporter.progress(&progress),
                    None => self.progress = None,
                },
            }
        }
        reporter.finish();
    }

    /// Returns false once the session can no longer be followed.
    fn take(&mut self, delivery: Delivery<Event>, reporter: &mut dyn Reporter) -> bool {
        match delivery {
            Delivery::Event(envelope) => self.show(&envelope, reporter),
            Delivery::Lagged { from_seq, to_seq } => {
                let is_past = std::mem::take(&mut self.has_past) && from_seq == 1;
                let Some(missed) = self.missed(from_seq, to_seq) else {
                    // From here on the chronicle would be wrong. The session itself does not depend
                    // on it.
                    reporter
                        .notice("this display lost track of the session, which is still running; run `autoissue status`");
                    return false;
                };
                for envelope in &missed {
                    if is_past {
                        self.chronicle.take(envelope);
                    } else {
                        self.show(envelope, reporter);
                    }
                }
            }
        }
        true
    }

    fn show(&mut self, envelope: &Envelope<Event>, reporter: &mut dyn Reporter) {
        if reporter.needs_chronicle() {
            self.chronicle.take(envelope);
        }
        reporter.event(envelope, &self.chronicle);
    }

    fn missed(&self, from_seq: u64, to_seq: u64) -> Option<Vec<Envelope<Event>>> {
        fn parse(stored: &autoissue_core::journal::StoredEvent) -> Option<Envelope<Event>> {
            let event = serde_json::from_str(&stored.body).ok()?;
            Some(Envelope {
                seq: stored.seq,
                at_ms: stored.at_ms,
                event,
            })
        }

        let n = to_seq - from_seq + 1;
        let journal = Journal::open_read_only(&self.state_dir).ok()?;
        let stored = journal
            .read(&self.session, from_seq - 1, usize::try_from(n).ok()?)
            .ok()?;
        let missed: Option<Vec<_>> = stored.iter().map(parse).collect();
        missed.filter(|missed| u64::try_from(missed.len()).is_ok_and(|found| found == n))
    }
}

/// Never returns once there is no more progress, so that the loop keeps handling the other events.
async fn next_progress(lane: &mut Option<ProgressLane>) -> Option<std::sync::Arc<Progress>> {
    match lane {
        Some(lane) => lane.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use autoissue_core::engine::Settings;
    use autoissue_core::journal::{AppendExtras, NewEvent, NewSession};

    use super::*;
    use crate::fixture::{accepted, started};

    /// Records what it receives.
    #[derive(Clone, Default)]
    struct Witness(Arc<Mutex<Vec<String>>>);

    impl Reporter for Witness {
        fn event(&mut self, envelope: &Envelope<Event>, chronicle: &Chronicle) {
            let told = format!("{} with {} tasks", envelope.seq, chronicle.counts().total);
            self.0.lock().unwrap().push(told);
        }

        fn notice(&mut self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }

    fn events() -> [Event; 3] {
        [
            started(Settings::default()),
            accepted(1, "one"),
            accepted(2, "two"),
        ]
    }

    fn journaled(state_dir: &std::path::Path, session: &SessionId) {
        let mut journal = Journal::open(state_dir).unwrap();
        let new = NewSession {
            id: session.clone(),
            repository: "owner/shop".to_owned(),
            project_path: "/p".to_owned(),
            command: "autoissue".to_owned(),
            version: "0".to_owned(),
            started_at_ms: 1,
            settings_json: "{}".to_owned(),
        };
        journal.create_session(&new).unwrap();
        for event in events() {
            let body = serde_json::to_string(&event).unwrap();
            let new = NewEvent {
                kind: "x",
                issue: None,
                body: &body,
            };
            journal
                .append(session, 1, &[new], AppendExtras::default())
                .unwrap();
        }
    }

    /// Follows a session whose first two events are in the past; returns what the reporter
    /// received.
    async fn told(state_dir: &std::path::Path, has_past: bool) -> Vec<String> {
        let session = SessionId::new(0, [0, 1]);
        let bus = Bus::new(2);
        let follower = Follower::new(&bus, session, state_dir.to_owned(), has_past);
        let [.., last] = events();
        bus.publish(Envelope {
            seq: 3,
            at_ms: 1,
            event: last,
        });
        drop(bus);
        let witness = Witness::default();
        let (_notify, notices) = mpsc::channel(1);
        let (_end, ended) = oneshot::channel();
        follower
            .follow(Box::new(witness.clone()), notices, ended)
            .await;
        witness.0.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn a_gap_is_read_from_the_journal() {
        let state = tempfile::tempdir().unwrap();
        journaled(state.path(), &SessionId::new(0, [0, 1]));
        assert_eq!(
            told(state.path(), false).await,
            ["1 with 0 tasks", "2 with 1 tasks", "3 with 2 tasks"]
        );
    }

    #[tokio::test]
    async fn the_past_of_a_resumed_session_is_replayed_but_not_shown() {
        let state = tempfile::tempdir().unwrap();
        journaled(state.path(), &SessionId::new(0, [0, 1]));
        assert_eq!(told(state.path(), true).await, ["3 with 2 tasks"]);
    }

    #[tokio::test]
    async fn a_gap_that_cannot_be_read_ends_the_display_with_a_notice() {
        let state = tempfile::tempdir().unwrap();
        let told = told(state.path(), false).await;
        assert!(
            told.len() == 1 && told[0].contains("lost track"),
            "{told:?}"
        );
    }
}
