//! Distributes events to everything that shows them: the terminal, JSON output, the dashboard.
//!
//! There are two lanes, because their contents differ. Events are durable: the dispatcher publishes
//! them after they are in the journal, and a reader that has fallen behind is told which ones to
//! read from there. Progress (agent lines) is lossy: lines that a slow reader misses are in the
//! transcript. Neither lane ever makes the dispatcher wait, and neither grows.
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

/// How many events are kept for slow readers. A session has a few thousand; a reader that is
/// further behind reads the journal.
const EVENTS_KEPT: usize = 1_024;

/// How many events are kept if there is no journal to read: enough for the plan of the longest
/// backlog, which takes a few megabytes.
const EVENTS_KEPT_WITHOUT_JOURNAL: usize = 1 << 16;

/// How many pieces of progress are kept for slow readers: a few seconds of several talkative
/// agents.
const PROGRESS_KEPT: usize = 4_096;

/// The two lanes of one session.
#[derive(Debug)]
pub struct Bus<E> {
    events: broadcast::Sender<Arc<Envelope<E>>>,
    progress: broadcast::Sender<Arc<Progress>>,
    last_seq: AtomicU64,
}

/// An event with its position in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<E> {
    /// Its number in the session, from 1.
    pub seq: u64,
    /// When it was journaled, in milliseconds since 1970.
    pub at_ms: u64,
    /// The event.
    pub event: E,
}

/// Something that happened on the way and is not needed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The issue that an agent works on.
    pub issue: u64,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// The kind of text.
    pub kind: ProgressKind,
    /// The text.
    pub text: String,
}

/// The kind of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressKind {
    /// A line of the agent's output.
    Line,
    /// The agent's usage so far.
    Usage,
}

/// What a subscription delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery<E> {
    /// The next event.
    Event(Arc<Envelope<E>>),
    /// Events that are no longer available here, both ends included. They are in the journal, and
    /// the next delivery follows them.
    Lagged {
        /// The first of them.
        from_seq: u64,
        /// The last of them.
        to_seq: u64,
    },
}

impl<E: Clone> Bus<E> {
    /// Creates the bus of a session whose journal ends with `last_seq` (0 for a new one).
    pub fn new(last_seq: u64) -> Bus<E> {
        Self::with_room(EVENTS_KEPT, last_seq)
    }

    /// Creates the bus of a session without a journal from which a reader could catch up.
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

    /// Sends a journaled event to all subscribers. Numbers must increase; there is one publisher.
    pub fn publish(&self, envelope: Envelope<E>) {
        // Stored before the event is sent: a subscriber that misses the event then knows that it
        // exists.
        self.last_seq.store(envelope.seq, Ordering::SeqCst);
        // Sending without subscribers is an error, but nothing is lost.
        let _ = self.events.send(Arc::new(envelope));
    }

    /// Sends a piece of progress to all watchers.
    pub fn report(&self, progress: Progress) {
        let _ = self.progress.send(Arc::new(progress));
    }

    /// Delivers all events after number `after_seq`, without a gap: past ones as
    /// [`Delivery::Lagged`].
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

/// A reader's position in the lane of events.
#[derive(Debug)]
pub struct Subscription<E> {
    events: broadcast::Receiver<Arc<Envelope<E>>>,
    next_seq: u64,
    /// All events up to here are known to be in the journal.
    known_seq: u64,
    /// Already received, but events before it are missing.
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
                    // The number of the next event reveals the gap.
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

/// A reader's position in the lane of progress.
#[derive(Debug)]
pub struct ProgressLane {
    progress: broadcast::Receiver<Arc<Progress>>,
    n_skipped: u64,
}

impl ProgressLane {
    /// Waits for the next piece; `None` once the bus is gone. Pieces that a slow reader missed are
    /// skipped and counted.
    pub async fn next(&mut self) -> Option<Arc<Progress>> {
        loop {
            match self.progress.recv().await {
                Ok(progress) => return Some(progress),
                Err(RecvError::Lagged(n)) => self.n_skipped += n,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Returns the next piece if one is already available.
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

    /// Reads to the end, and returns the numbers in order: `5` for an event, `2..=4` for a gap.
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
    async fn past_events_are_left_to_the_journal() {
        let bus = Bus::new(4);
        publish(&bus, [5]);
        let subscription = bus.subscribe(2);
        publish(&bus, [6]);
        assert_eq!(drain(bus, subscription).await, "3..=5 6");
    }

    #[tokio::test]
    async fn events_read_elsewhere_are_not_delivered_again() {
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
