//! The owner of the engine: turns inputs into journaled events, published events and started
//! effects, in that order.
//!
//! ```text
//!   inputs ──► step, step, … ──► journal (one write) ──► bus ──► executor
//!     ▲                                                             │
//!     └──────────────────────── answers ────────────────────────────┘
//! ```
//!
//! Runs on its own thread, because a journal write blocks. Inputs that arrive together are decided
//! together and share one write; their effects start only after it.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use autoissue_engine::{
    Effect, Engine, Event, Input, IntakeEvent, IssueNumber, Phase, PlanEvent, SessionEvent,
    SessionOutcome, TaskEvent, Time,
};
use autoissue_journal::{
    self, AppendExtras, CostRow, Journal, JournalError, NewEvent, NewSession, SessionId,
    StatusChange,
};

use crate::backlog_notes::BacklogNotes;
use crate::bus::{Bus, Envelope};
use crate::chronicle::Chronicle;
use crate::control::Control;
use crate::executor::Executor;
use crate::log;
use crate::wall_clock::wall_clock_ms;

/// Most inputs that are decided together: a long backlog is classified in few writes, and none of
/// them takes long.
const N_INPUTS_TOGETHER_MAX: usize = 256;
/// How often the journal is polled for requests of other processes: a person waits for the result,
/// and polling costs almost nothing.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The loop of one session.
pub(crate) struct Dispatcher {
    pub(crate) session: SessionId,
    pub(crate) engine: Engine,
    /// Absent in a dry run, which keeps nothing.
    pub(crate) journal: Option<Journal>,
    /// The history made of the published events.
    pub(crate) chronicle: Chronicle,
    pub(crate) bus: Arc<Bus<Event>>,
    pub(crate) executor: Executor,
    pub(crate) inputs: Receiver<Input>,
    /// When the journal was last polled for requests.
    pub(crate) looked_at: Instant,
    /// Requests that are not decided yet.
    pub(crate) requested: Vec<Input>,
    /// A session that is not in the journal yet.
    pub(crate) unrecorded: Option<Unrecorded>,
    /// Findings while reading the backlog.
    pub(crate) notes: Arc<BacklogNotes>,
}

/// A session that is not in the journal yet: it has only read its backlog, which changes nothing.
/// If it finds no issue, because its label was mistyped, it leaves nothing behind.
pub(crate) struct Unrecorded {
    pub(crate) new: NewSession,
    /// The events so far, with the time of each step.
    pub(crate) events: Vec<(Time, Vec<Event>)>,
}

/// The result of one round of decisions.
#[derive(Default)]
struct Round {
    events: Vec<Event>,
    effects: Vec<Effect>,
    wake_at: Option<Time>,
    over: bool,
}

impl Dispatcher {
    /// Runs until the session ends; returns the engine in its last state, and the history of its
    /// events.
    ///
    /// # Errors
    /// Fails if the journal cannot be written. Decisions that are not in the journal have not been
    /// carried out.
    pub(crate) fn run(mut self, first: Input) -> Result<(Engine, Chronicle), JournalError> {
        let mut clock = Clock::start(wall_clock_ms(), self.chronicle.last_at_ms());
        let mut input = Some(first);
        loop {
            self.look_for_requests();
            let now = clock.now();
            let round = self.decide(now, input.take());
            self.write(now, &round.events)?;
            self.executor.start_all(round.effects);
            if round.over {
                self.show_unrecorded();
                return Ok((self.engine, self.chronicle));
            }
            input = self.wait(round.wake_at, clock.now());
        }
    }

    /// Turns requests of other processes into inputs.
    fn look_for_requests(&mut self) {
        let is_due = self.unrecorded.is_none() && LOOK_EVERY <= self.looked_at.elapsed();
        let Some(journal) = self.journal.as_mut().filter(|_| is_due) else {
            return;
        };
        self.looked_at = Instant::now();
        match journal.take_requests(&self.session) {
            Ok(requests) => self
                .requested
                .extend(requests.iter().filter_map(Control::of).map(Input::from)),
            // The sender sees that nothing happens. If the journal cannot be written, the session
            // ends anyway.
            Err(error) => tracing::warn!(%error, "cannot read requests of other processes"),
        }
    }

    fn decide(&mut self, now: Time, first: Option<Input>) -> Round {
        let more = std::iter::from_fn(|| self.inputs.try_recv().ok()).take(N_INPUTS_TOGETHER_MAX);
        let first = std::iter::once(first.unwrap_or(Input::Tick));
        let inputs: Vec<Input> = first.chain(self.requested.drain(..)).chain(more).collect();
        let mut round = Round::default();
        for input in inputs {
            let step = self.engine.step(now, input);
            round.events.extend(step.events);
            round.effects.extend(step.effects);
            round.wake_at = step.wake_at;
            round.over = step.over;
        }
        round
    }

    /// Makes the events durable, then publishes them. Events of a session with nothing to record
    /// yet are kept back.
    fn write(&mut self, now: Time, events: &[Event]) -> Result<(), JournalError> {
        if events.is_empty() {
            return Ok(());
        }
        let Some(mut unrecorded) = self.unrecorded.take() else {
            return self.record(now, events);
        };
        unrecorded.events.push((now, events.to_vec()));
        if !self.is_worth_recording(events) {
            self.unrecorded = Some(unrecorded);
            return Ok(());
        }
        if let Some(journal) = &mut self.journal {
            journal.create_session(&unrecorded.new)?;
        }
        let mut rounds = unrecorded.events.iter();
        rounds.try_for_each(|(then, events)| self.record(*then, events))
    }

    /// Returns whether anything has happened that may have to be looked up later, or resumed.
    fn is_worth_recording(&self, events: &[Event]) -> bool {
        let is_nothing = |event: &Event| {
            matches!(
                event,
                Event::Session(
                    SessionEvent::Started { .. }
                        | SessionEvent::Finished {
                            outcome: SessionOutcome::Completed
                        }
                ) | Event::Intake(IntakeEvent::BacklogRead { .. })
            )
        };
        let has_something = !self.engine.tasks().is_empty() || !events.iter().all(is_nothing);
        has_something && self.notes.missing().is_none()
    }

    /// Publishes the events of a session that ended without being recorded.
    fn show_unrecorded(&mut self) {
        let Some(unrecorded) = self.unrecorded.take() else {
            return;
        };
        if self.notes.missing().is_none() {
            for (then, events) in unrecorded.events {
                self.show(then, &events);
            }
        }
    }

    /// Makes the events durable, then publishes them.
    fn record(&mut self, now: Time, events: &[Event]) -> Result<(), JournalError> {
        self.keep(now, events)?;
        self.show(now, events);
        Ok(())
    }

    fn show(&mut self, now: Time, events: &[Event]) {
        let first_seq = self.chronicle.last_seq() + 1;
        for (seq, event) in (first_seq..).zip(events) {
            let envelope = Envelope {
                seq,
                at_ms: now.ms(),
                event: event.clone(),
            };
            self.chronicle.take(&envelope);
            self.bus.publish(envelope);
        }
    }

    fn keep(&mut self, now: Time, events: &[Event]) -> Result<(), JournalError> {
        let costs: Vec<CostRow> = events
            .iter()
            .filter_map(|event| self.cost_row(event, now))
            .collect();
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        let written: Vec<Written> = events.iter().map(Written::of).collect();
        let rows = rows(events, &written);
        let status = events
            .iter()
            .rev()
            .find_map(|event| status_change(event, now));
        let numbers = journal.append(
            &self.session,
            now.ms(),
            &rows,
            AppendExtras {
                status,
                costs: &costs,
            },
        )?;
        debug_assert_eq!(
            *numbers.start(),
            self.chronicle.last_seq() + 1,
            "one session has one writer"
        );
        for ((seq, row), event) in numbers.zip(&rows).zip(events) {
            log::event(seq, row.kind, event);
        }
        Ok(())
    }

    /// Returns the cost of a finished task, for the estimates of later sessions.
    fn cost_row(&self, event: &Event, now: Time) -> Option<CostRow> {
        let Event::Task(TaskEvent::Finished { issue, outcome }) = event else {
            return None;
        };
        let task = self.engine.task(*issue)?;
        (task.n_attempts > 0).then(|| CostRow {
            backend: self.engine.settings().agent.clone(),
            model: task.model.clone().unwrap_or_default(),
            domain: task.domain().to_owned(),
            usd_micros: task.spent.micros(),
            known: task.estimated == Default::default(),
            finished_at_ms: now.ms(),
            outcome: outcome.name().to_owned(),
        })
    }

    fn wait(&self, wake_at: Option<Time>, now: Time) -> Option<Input> {
        // The executor holds a sender, and we hold the executor, so the channel cannot close here.
        let patience = wake_at.map_or(LOOK_EVERY, |wake_at| {
            Duration::from_millis(wake_at.since(now))
        });
        // Not longer than this, because time in which the machine sleeps does not count.
        self.inputs.recv_timeout(patience.min(LOOK_EVERY)).ok()
    }
}

/// An event in the journal's form.
struct Written {
    kind: String,
    body: String,
}

impl Written {
    fn of(event: &Event) -> Self {
        let body = serde_json::to_string(event).expect("an event has string keys only");
        Self {
            kind: kind_of(&body),
            body,
        }
    }
}

/// Converts events to rows of the journal.
pub(crate) fn rows_of<T>(events: &[Event], write: impl FnOnce(&[NewEvent<'_>]) -> T) -> T {
    let written: Vec<Written> = events.iter().map(Written::of).collect();
    write(&rows(events, &written))
}

fn rows<'w>(events: &[Event], written: &'w [Written]) -> Vec<NewEvent<'w>> {
    let row = |(event, written): (&Event, &'w Written)| NewEvent {
        kind: &written.kind,
        issue: event.issue().map(|issue| issue.0),
        body: &written.body,
    };
    events.iter().zip(written).map(row).collect()
}

/// Returns the kind of an event, such as `task.accepted`, from the start of its text:
/// `{"chapter":"task","type":"accepted",…`.
fn kind_of(text: &str) -> String {
    let mut quoted = text.split('"').skip(3).step_by(4);
    let mut next = || quoted.next().unwrap_or_default();
    let (chapter, kind) = (next(), next());
    format!("{chapter}.{kind}")
}

fn status_change(event: &Event, now: Time) -> Option<StatusChange> {
    let (status, finished_at_ms) = match event {
        Event::Session(SessionEvent::Started { .. } | SessionEvent::Resumed { .. }) => {
            (autoissue_journal::StoredStatus::Running, None)
        }
        Event::Session(SessionEvent::Interrupted) | Event::Plan(PlanEvent::ConfirmationAwaited) => {
            (autoissue_journal::StoredStatus::Interrupted, None)
        }
        Event::Session(SessionEvent::Finished {
            outcome: SessionOutcome::Completed,
        }) => (autoissue_journal::StoredStatus::Completed, Some(now.ms())),
        Event::Session(SessionEvent::Finished {
            outcome: SessionOutcome::Failed { .. },
        }) => (autoissue_journal::StoredStatus::Failed, Some(now.ms())),
        _ => return None,
    };
    Some(StatusChange {
        status,
        finished_at_ms,
    })
}

/// Wall-clock time that never goes back within a session, and never stops.
///
/// If the machine slept, or the clock was set forward, the time follows the wall clock, because
/// rate limits and `--until` are given in wall-clock time. If the clock was set back, the time
/// continues: otherwise a retry that is a second away would wait for a day. The time limits of
/// agents are not measured with this clock, but with one that stops while the machine sleeps.
struct Clock {
    now_ms: u64,
    /// When the time was last updated.
    seen: Instant,
}

impl Clock {
    fn start(wall_clock_ms: u64, last_at_ms: u64) -> Self {
        Self {
            now_ms: wall_clock_ms.max(last_at_ms),
            seen: Instant::now(),
        }
    }

    fn now(&mut self) -> Time {
        self.at(wall_clock_ms(), Instant::now())
    }

    fn at(&mut self, wall_clock_ms: u64, instant: Instant) -> Time {
        let ran = instant.saturating_duration_since(self.seen).as_millis();
        let ran = u64::try_from(ran).unwrap_or(u64::MAX);
        // In whole milliseconds, so that the fraction is not lost at each update.
        self.seen += Duration::from_millis(ran);
        self.now_ms = self.now_ms.saturating_add(ran).max(wall_clock_ms);
        Time::from_ms(self.now_ms)
    }
}

/// Returns the tasks whose worktree must not be removed: those that use one, or will continue in
/// it.
pub(crate) fn holders(engine: &Engine) -> Vec<u64> {
    let holds = |issue: &IssueNumber| {
        engine
            .task(*issue)
            .is_some_and(|task| task.attempt().is_some() || task.continuation.is_some())
    };
    match engine.phase() {
        Phase::Over(_) => Vec::new(),
        _ => engine
            .tasks()
            .keys()
            .filter(|issue| holds(issue))
            .map(|issue| issue.0)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_session_never_goes_back() {
        let day_ms = 86_400_000;
        for (wall_clock_ms, last_at_ms) in [
            (day_ms, 0),
            (day_ms, 2 * day_ms),
            (0, day_ms),
            (2 * day_ms, day_ms),
        ] {
            let mut clock = Clock::start(wall_clock_ms, last_at_ms);
            let first = clock.now();
            assert!(
                Time::from_ms(last_at_ms.max(wall_clock_ms)) <= first,
                "{wall_clock_ms} after {last_at_ms}"
            );
            assert!(first <= clock.now());
        }
    }

    #[test]
    fn after_the_machine_slept_it_is_as_late_as_the_wall_clock_says() {
        let mut clock = Clock::start(1_000, 0);
        let start = clock.seen;
        let mut at = |ran_ms, wall_clock_ms| {
            let instant = start + Duration::from_millis(ran_ms);
            clock.at(wall_clock_ms, instant).ms()
        };
        assert_eq!(at(500, 1_500), 1_500);
        assert_eq!(at(600, 3_600_000), 3_600_000, "it slept for an hour");
        assert_eq!(at(700, 3_600_100), 3_600_100);
        assert_eq!(at(800, 200), 3_600_200, "the clock was set back");
        assert_eq!(at(1_800, 1_200), 3_601_200, "and time continues");
    }

    #[test]
    fn time_advances_however_often_it_is_read() {
        let mut clock = Clock::start(1_000, 0);
        let start = clock.seen;
        for n in 1..=10 {
            clock.at(0, start + Duration::from_micros(300 * n));
        }
        assert_eq!(clock.now_ms, 1_003);
    }

    #[test]
    fn the_kind_of_an_event_comes_first_in_its_text() {
        let read = Event::Intake(IntakeEvent::BacklogRead {
            n_issues: 1,
            warnings: vec!["\"type\":\"x\"".to_owned()],
            n_api_calls: 0,
        });
        assert_eq!(Written::of(&read).kind, "intake.backlog_read");
        assert_eq!(
            Written::of(&Event::Session(SessionEvent::Interrupted)).kind,
            "session.interrupted"
        );
    }
}
