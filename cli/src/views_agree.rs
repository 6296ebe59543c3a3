//! Compares all reports and screens for a thousand simulated sessions (while they run, after an
//! interruption, after a crash, and at their end) with counts and amounts computed from the journal
//! alone.

mod journal;
mod read;

use autoissue_core::bus::Envelope;
use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::{AttemptEvent, Event, Outcome, PlanEvent, SessionEvent, TaskEvent};
use autoissue_core::journal::SessionId;
use autoissue_core::secret::redaction::Redaction;
use autoissue_simulation::{Edition, play};

use crate::dashboard::{Screen, Story, Style};
use crate::local_time::LocalTime;
use crate::typed::Typed;
use journal::Expected;
use read::Objections;

/// Number of sessions to compare.
const N_SESSIONS: u64 = 1_000;
/// Number of interruptions per session to compare at.
const N_INTERRUPTIONS_MAX: usize = 2;

/// Runs the session of a seed.
fn session(seed: u64) -> Vec<Envelope<Event>> {
    let (journal, error) = play(Edition::Second, seed);
    assert_eq!(error, None, "session {seed}");
    let envelope = |(seq, entry): (u64, autoissue_simulation::Entry)| Envelope {
        seq,
        at_ms: entry.at.ms(),
        event: entry.event,
    };
    (1..).zip(journal).map(envelope).collect()
}

/// Returns the numbers of events after which to compare a session: twice on the way, after its
/// first interruptions, and at its end.
fn points(events: &[Envelope<Event>]) -> Vec<usize> {
    let is_stop = |event: &Event| {
        matches!(
            event,
            Event::Session(SessionEvent::Interrupted) | Event::Plan(PlanEvent::ConfirmationAwaited)
        )
    };
    let stops = (1..)
        .zip(events)
        .filter(|(_, envelope)| is_stop(&envelope.event))
        .map(|(n, _)| n);
    let mut points: Vec<usize> = stops.take(N_INTERRUPTIONS_MAX).collect();
    points.extend([events.len() / 3, events.len() * 2 / 3, events.len()]);
    points
}

/// A session as seen by each view, and by the journal alone.
struct Told {
    chronicle: Chronicle,
    story: Story,
    expected: Expected,
    /// The command that the report repeats; parsed once, because parsing is slow.
    typed: Typed,
}

impl Told {
    fn new(typed: &Typed) -> Self {
        let style = Style {
            screen: Screen::new(Redaction::default()),
            time: LocalTime::utc(),
            read_command: crate::command::read,
        };
        Self {
            chronicle: Chronicle::default(),
            story: Story::new(SessionId::new(0, [0, 1]), style),
            expected: Expected::default(),
            typed: typed.clone(),
        }
    }

    fn take(&mut self, envelope: &Envelope<Event>) {
        self.chronicle.take(envelope);
        self.story.take(envelope);
        self.expected.take(&envelope.event);
    }

    fn set_cut_off(&mut self, is_cut_off: bool) {
        self.chronicle.set_cut_off(is_cut_off);
        self.story.set_cut_off(is_cut_off);
        self.expected.is_cut_off = is_cut_off;
    }

    /// Compares all views with the expectation.
    fn compare(&self) -> Objections {
        let Self {
            chronicle,
            story,
            expected,
            typed,
        } = self;
        let mut objections = Objections::default();
        read::dashboard(story, expected, &mut objections);
        read::live_screen(chronicle, expected, &mut objections);
        read::reports(chronicle, typed, expected, &mut objections);
        read::status(chronicle, expected, &mut objections);
        read::metrics(chronicle, expected, &mut objections);
        read::summary(chronicle, expected, &mut objections);
        objections
    }
}

#[test]
fn all_views_of_a_thousand_sessions_agree_in_every_count_and_amount() {
    let (mut n_running, mut n_interrupted, mut n_cut_off, mut n_ended) = (0, 0, 0, 0);
    let typed = crate::command::read("autoissue exec bug");
    for seed in 0..N_SESSIONS {
        let events = session(seed);
        let points = points(&events);
        let mut told = Told::new(&typed);
        for (n, envelope) in (1..).zip(&events) {
            told.take(envelope);
            if !points.contains(&n) {
                continue;
            }
            // The process of a session that has stopped can no longer die.
            let is_running = told.expected.status() == "running";
            for is_cut_off in [true, false].into_iter().filter(|it| is_running || !it) {
                told.set_cut_off(is_cut_off);
                match told.expected.status() {
                    "running" => n_running += 1,
                    "interrupted" => n_interrupted += 1,
                    "cut_off" => n_cut_off += 1,
                    _ => n_ended += 1,
                }
                let Objections(wrong) = told.compare();
                assert!(
                    wrong.is_empty(),
                    "session {seed} after {n} events, process died: {is_cut_off}:\n{wrong:#?}\n{:#?}",
                    told.expected
                );
            }
        }
    }
    for n in [n_running, n_interrupted, n_cut_off, n_ended] {
        assert!(100 < n, "{n_running} {n_interrupted} {n_cut_off} {n_ended}");
    }
}

#[test]
fn a_view_that_misses_an_event_is_found() {
    const VIEWS: [&str; 10] = [
        "dashboard",
        "dashboard metrics",
        "html",
        "live screen",
        "markdown",
        "metrics",
        "prometheus",
        "report",
        "status",
        "summary",
    ];

    /// Finds an event that every view has to show. Returns the views before it and the expectation
    /// after it.
    fn missed(is_shown: impl Fn(&Event, &Expected, &Expected) -> bool) -> Told {
        for events in (0..N_SESSIONS).map(session) {
            let mut told = Told::new(&Typed::default());
            for envelope in &events {
                let mut after = told.expected.clone();
                after.take(&envelope.event);
                if is_shown(&envelope.event, &told.expected, &after) {
                    told.expected = after;
                    return told;
                }
                told.take(envelope);
            }
        }
        panic!("no session has such an event")
    }

    let ended = missed(|event, _, _| {
        matches!(
            event,
            Event::Task(TaskEvent::Finished {
                outcome: Outcome::Done { .. },
                ..
            })
        )
    });
    let settled = missed(|event, before, after| {
        let cents = (after.spent() - before.spent()).micros() / 10_000;
        matches!(event, Event::Attempt(AttemptEvent::AgentExited { .. })) && cents != 0
    });
    for told in [ended, settled] {
        let Objections(wrong) = told.compare();
        for view in VIEWS {
            let prefix = format!("{view}: ");
            assert!(
                wrong.iter().any(|objection| objection.starts_with(&prefix)),
                "{view} misses an event and is not found: {wrong:#?}"
            );
        }
    }
}
