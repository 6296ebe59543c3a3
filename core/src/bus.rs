//! Fan-out of what happens to all who show it: the terminal, JSON output, the dashboard.
//!
//! Two lanes, as their content differs. Events are durable: the dispatcher publishes them after the journal has them,
//! and a reader that fell behind is told which ones to read there. Progress (agent lines) is lossy: what a slow reader
//! misses is in the transcript. Neither lane ever makes the dispatcher wait, and neither grows.
//!
//! ```text
//! dispatcher ──► journal ──► publish ─► [ last 1024 events ] ─► Subscription: Event, Event, Lagged, Event
//! executor ──────────────► report ──► [ last 4096 lines  ] ─► ProgressLane: what is left
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast::{
    self,
    error::{RecvError, TryRecvError},
};

/// Events kept for slow readers. A night has a few thousand; a reader behind this far reads the journal.
const EVENTS_KEPT: usize = 1_024;

/// Events kept where there is no journal to read: all of the longest backlog's plan, for the room of a few megabytes.
const EVENTS_KEPT_WITHOUT_JOURNAL: usize = 1 << 16;

/// Pieces of progress kept for slow readers: some seconds of several talkative agents.
const PROGRESS_KEPT: usize = 4_096;

/// The two lanes of one session.
#[derive(Debug)]
pub struct Bus<E> {
    events: broadcast::Sender<Arc<Envelope<E>>>,
    progress: broadcast::Sender<Arc<Progress>>,
    last_seq: AtomicU64,
}

/// An event with its place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<E> {
    /// Its number in the session, from 1.
    pub seq: u64,
    /// When it was journaled, in milliseconds since 1970.
    pub at_ms: u64,
    /// The event.
    pub event: E,
}

/// Something seen on the way, which nobody needs later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The issue that an agent works on.
    pub issue: u64,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// What sort of text it is.
    pub kind: ProgressKind,
    /// The text.
    pub text: String,
}

/// What sort of progress it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressKind {
    /// A line of the agent's output.
    Line,
    /// What it has used so far.
    Usage,
}

/// What a subscription hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery<E> {
    /// The next event.
    Event(Arc<Envelope<E>>),
    /// Events that are no longer here, both ends included. The journal has them, and the next delivery follows them.
    Lagged {
        /// The first of them.
        from_seq: u64,
        /// The last of them.
        to_seq: u64,
    },
}

impl<E: Clone> Bus<E> {
    /// Makes the bus of a session whose journal ends with `last_seq` (0 for a new one).
    pub fn new(last_seq: u64) -> Bus<E> {
        Self::with_room(EVENTS_KEPT, last_seq)
    }

    /// Makes the bus of a session without a journal, in which a reader could look for what it missed.
    pub fn without_journal() -> Bus<E> {
        Self::with_room(EVENTS_KEPT_WITHOUT_JOURNAL, 0)
    }

    fn with_room(n_events: usize, last_seq: u64) -> Bus<E> {
        Bus {
            events: broadcast::Sender::new(n_events),
            progress: broadcast::Sender::new(PROGRESS_KEPT),
            last_seq: AtomicU64::new(last_seq),
        }
    }

    /// Hands a journaled event to all subscribers. Numbers must rise; there is one publisher.
    pub fn publish(&self, envelope: Envelope<E>) {
        // Before the event itself: a subscriber that misses the event then knows that it exists.
        self.last_seq.store(envelope.seq, Ordering::SeqCst);
        // Without subscribers it is an error, and no loss.
        let _ = self.events.send(Arc::new(envelope));
    }

    /// Hands a piece of progress to all who watch.
    pub fn report(&self, progress: Progress) {
        let _ = self.progress.send(Arc::new(progress));
    }

    /// Delivers all events after number `after_seq`, without a gap: those that are past as [`Delivery::Lagged`].
    pub fn subscribe(&self, after_seq: u64) -> Subscription<E> {
        let events = self.events.subscribe();
        Subscription {
            events,
            next_seq: after_seq + 1,
            known_seq: self.last_seq.load(Ordering::SeqCst),
            held: None,
        }
    }

    /// Delivers progress from now on.
    pub fn watch_progress(&self) -> ProgressLane {
        ProgressLane {
            progress: self.progress.subscribe(),
            n_skipped: 0,
        }
    }
}

/// A reader's place in the lane of events.
#[derive(Debug)]
pub struct Subscription<E> {
    events: broadcast::Receiver<Arc<Envelope<E>>>,
    next_seq: u64,
    /// All events up to here are known to be in the journal.
    known_seq: u64,
    /// Received already, but events before it are missing.
    held: Option<Arc<Envelope<E>>>,
}

impl<E: Clone> Subscription<E> {
    /// Waits for the next delivery; `None` once the bus is gone. May be cancelled without loss.
    pub async fn next(&mut self) -> Option<Delivery<E>> {
        loop {
            if self.next_seq <= self.known_seq {
                let from_seq = std::mem::replace(&mut self.next_seq, self.known_seq + 1);
                return Some(Delivery::Lagged {
                    from_seq,
                    to_seq: self.known_seq,
                });
            }
            let envelope = match self.held.take() {
                Some(envelope) => envelope,
                None => match self.events.recv().await {
                    Ok(envelope) => envelope,
                    // The gap shows in the number of the next event.
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return None,
                },
            };
            if envelope.seq > self.next_seq {
                self.known_seq = envelope.seq - 1;
                self.held = Some(envelope);
            } else if envelope.seq == self.next_seq {
                self.next_seq += 1;
                return Some(Delivery::Event(envelope));
            }
        }
    }
}

/// A reader's place in the lane of progress.
#[derive(Debug)]
pub struct ProgressLane {
    progress: broadcast::Receiver<Arc<Progress>>,
    n_skipped: u64,
}

impl ProgressLane {
    /// Waits for the next piece; `None` once the bus is gone. What a slow reader missed is skipped, and counted.
    pub async fn next(&mut self) -> Option<Arc<Progress>> {
        loop {
            match self.progress.recv().await {
                Ok(progress) => return Some(progress),
                Err(RecvError::Lagged(n)) => self.n_skipped += n,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Returns the next piece if it is here already.
    pub fn ready(&mut self) -> Option<Arc<Progress>> {
        loop {
            match self.progress.try_recv() {
                Ok(progress) => return Some(progress),
                Err(TryRecvError::Lagged(n)) => self.n_skipped += n,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }

    /// Returns how many pieces were skipped since the last call.
    pub fn take_skipped(&mut self) -> u64 {
        std::mem::take(&mut self.n_skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(bus: &Bus<&'static str>, seqs: impl IntoIterator<Item = u64>) {
        for seq in seqs {
            bus.publish(Envelope {
                seq,
                at_ms: 9,
                event: "event",
            });
        }
    }

    /// Reads to the end, and returns the numbers as they came: `5` for an event, `2..=4` for a gap.
    async fn drain(bus: Bus<&'static str>, mut subscription: Subscription<&'static str>) -> String {
        drop(bus);
        let mut came = Vec::new();
        while let Some(delivery) = subscription.next().await {
            came.push(match delivery {
                Delivery::Event(envelope) => envelope.seq.to_string(),
                Delivery::Lagged { from_seq, to_seq } => format!("{from_seq}..={to_seq}"),
            });
        }
        came.join(" ")
    }

    #[tokio::test]
    async fn a_subscriber_gets_every_event_in_order() {
        let bus = Bus::new(0);
        let subscription = bus.subscribe(0);
        publish(&bus, 1..=3);
        assert_eq!(drain(bus, subscription).await, "1 2 3");
    }

    #[tokio::test]
    async fn the_past_is_left_to_the_journal() {
        let bus = Bus::new(4);
        publish(&bus, [5]);
        let subscription = bus.subscribe(2);
        publish(&bus, [6]);
        assert_eq!(drain(bus, subscription).await, "3..=5 6");
    }

    #[tokio::test]
    async fn what_a_subscriber_read_elsewhere_does_not_come_again() {
        let bus = Bus::new(0);
        let subscription = bus.subscribe(2);
        publish(&bus, 1..=3);
        assert_eq!(drain(bus, subscription).await, "3");
    }

    #[tokio::test]
    async fn a_lagging_subscriber_is_told_what_to_read_and_the_publisher_never_waits() {
        let bus = Bus::new(0);
        let subscription = bus.subscribe(0);
        let n = 3 * EVENTS_KEPT as u64;
        publish(&bus, 1..=n);
        let came = drain(bus, subscription).await;
        let kept_from = n - EVENTS_KEPT as u64 + 1;
        assert!(
            came.starts_with(&format!(
                "1..={} {kept_from} {} ",
                kept_from - 1,
                kept_from + 1
            )),
            "{came}"
        );
        assert!(came.ends_with(&format!(" {n}")));
    }

    #[tokio::test]
    async fn progress_is_skipped_rather_than_kept() {
        let bus: Bus<()> = Bus::new(0);
        let mut lane = bus.watch_progress();
        let n = PROGRESS_KEPT as u64 + 5;
        for issue in 1..=n {
            bus.report(Progress {
                issue,
                attempt: 1,
                kind: ProgressKind::Line,
                text: "line".to_owned(),
            });
        }
        drop(bus);
        let mut issues = vec![lane.ready().unwrap().issue];
        while let Some(progress) = lane.next().await {
            issues.push(progress.issue);
        }
        assert_eq!(issues, (6..=n).collect::<Vec<_>>());
        assert_eq!(
            (lane.take_skipped(), lane.take_skipped(), lane.ready()),
            (5, 0, None)
        );
    }
}
