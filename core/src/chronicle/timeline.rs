//! When the session ran, when each attempt ran, and what made everything wait.
//!
//! ```text
//!   AttemptStarted ─► a span in the first free lane ─► AttemptFailed, AttemptInterrupted, TaskFinished: its end
//!   ServicePaused, BreakerOpened ─► a pause        SessionResumed after an end or a crash ─► a new run
//! ```

use std::collections::BTreeMap;

use autoissue_engine::{
    AttemptEvent, Engine, Event, Failure, IssueNumber, OutcomeGroup, PlanEvent, Service,
    ServiceEvent, SessionEvent, TaskEvent, Usd,
};

use super::newest::Newest;

/// Most attempts that are kept, the newest: enough for a session of a thousand tasks with some
/// retries.
const N_SPANS_MAX: usize = 4_000;

/// Most pauses that are kept, the newest: more than anyone reads.
const N_PAUSES_MAX: usize = 200;

/// Most runs that are kept, the newest: each of them was started by a person or a script.
const N_RUNS_MAX: usize = 1_000;

/// A period of time, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// Its start.
    pub from_ms: u64,
    /// Its end.
    pub to_ms: u64,
}

impl TimeRange {
    /// Returns how long it lasted, in milliseconds.
    pub const fn length_ms(&self) -> u64 {
        self.to_ms.saturating_sub(self.from_ms)
    }
}

/// An attempt, while it had its slot without an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Lane, from 0: attempts that ran at the same time are in different lanes.
    pub lane: usize,
    /// Task.
    pub issue: IssueNumber,
    /// Attempt, from 1.
    pub attempt: u32,
    /// When it started, in milliseconds since the Unix epoch.
    pub from_ms: u64,
    /// When it ended; `None` while it runs.
    pub ended_at_ms: Option<u64>,
    /// How it ended.
    pub end: SpanEnd,
    /// Cost of its agent: settled, or metered so far.
    pub spent: Usd,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanEnd {
    /// It has not ended.
    Running,
    /// Its work is published, or was already.
    Shipped,
    /// It failed, or changed nothing.
    Failed,
    /// A person has to decide something.
    NeedsYou,
    /// It was interrupted and continues when the session is resumed.
    Interrupted,
}

/// A period in which the tasks of a service had to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The period.
    pub when: TimeRange,
    /// The service.
    pub service: Service,
    /// The cause.
    pub cause: PauseCause,
}

/// Why the tasks of a service had to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PauseCause {
    /// The service asked for it, with this message.
    Asked(String),
    /// It failed this many times in a row.
    Failures(u32),
}

/// Runs, attempts and pauses.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    runs: Newest<TimeRange>,
    /// The total length of the runs before the last one.
    ran_before_ms: u64,
    stopped_at_ms: Option<u64>,
    spans: Newest<Span>,
    n_lanes: usize,
    /// The newest span of each task.
    newest: BTreeMap<IssueNumber, usize>,
    /// The lanes of the running attempts.
    lanes: BTreeMap<IssueNumber, usize>,
    pauses: Newest<Pause>,
    /// Pauses that have not ended, by service.
    paused: BTreeMap<Service, usize>,
}

impl Timeline {
    /// Adds an event; `engine` is the state after it.
    pub(super) fn take(&mut self, at_ms: u64, event: &Event, engine: &Engine) {
        let is_resumed = matches!(event, Event::Session(SessionEvent::Resumed { .. }));
        // Two events do not continue an interrupted session: declining a waiting plan, and
        // publishing its work from another session.
        let is_continued = self.stopped_at_ms.is_some() && !engine.is_interrupted();
        if is_resumed || is_continued || self.runs.last_mut().is_none() {
            self.stopped_at_ms = None;
            self.begin(at_ms, engine);
        }
        if let Some(run) = self.runs.last_mut()
            && self.stopped_at_ms.is_none()
        {
            run.to_ms = run.to_ms.max(at_ms);
        }
        match event {
            Event::Session(SessionEvent::Interrupted | SessionEvent::Finished { .. })
            | Event::Plan(PlanEvent::ConfirmationAwaited) => {
                self.stopped_at_ms = Some(at_ms);
                self.end_all(at_ms);
            }
            Event::Attempt(AttemptEvent::Started { issue, attempt, .. }) => {
                self.start(at_ms, *issue, *attempt);
            }
            Event::Attempt(AttemptEvent::AgentExited { issue, cost, .. }) => {
                if let Some(span) = self.newest_mut(*issue) {
                    span.spent += *cost;
                }
            }
            Event::Attempt(AttemptEvent::Failed { issue, failure, .. }) => {
                let end = match failure {
                    Failure::Interrupted => SpanEnd::Interrupted,
                    _ => SpanEnd::Failed,
                };
                self.end(at_ms, *issue, end);
            }
            Event::Attempt(AttemptEvent::Interrupted { issue, .. }) => {
                self.end(at_ms, *issue, SpanEnd::Interrupted);
            }
            Event::Task(TaskEvent::Finished { issue, outcome }) => {
                self.finish(at_ms, *issue, outcome.group());
            }
            Event::Service(ServiceEvent::Paused {
                service,
                until,
                message,
            }) => {
                let cause = PauseCause::Asked(message.clone());
                self.pause(at_ms, until.ms(), service, cause);
            }
            Event::Service(ServiceEvent::BreakerOpened {
                service,
                until,
                n_failures,
                ..
            }) => self.pause(
                at_ms,
                until.ms(),
                service,
                PauseCause::Failures(*n_failures),
            ),
            Event::Service(ServiceEvent::Answered { service }) => self.unpause(at_ms, service),
            Event::Service(ServiceEvent::BreakerProbed { service, .. }) => {
                self.unpause(at_ms, service);
            }
            Event::Service(ServiceEvent::BreakerReset { service }) => self.unpause(at_ms, service),
            _ => {}
        }
    }

    pub(super) const fn stopped_at_ms(&self) -> Option<u64> {
        self.stopped_at_ms
    }

    /// Returns the total length of all runs: up to the last event, or up to a given time if the
    /// last run has not ended.
    pub(super) fn ran_ms(&self, now_ms: Option<u64>) -> u64 {
        let last = self.runs.iter().next_back().copied();
        let last = last.map(|run| TimeRange {
            to_ms: run.to_ms.max(now_ms.unwrap_or_default()),
            ..run
        });
        self.ran_before_ms + last.map_or(0, |run| run.length_ms())
    }

    pub(super) fn runs(&self) -> Vec<TimeRange> {
        self.runs.iter().copied().collect()
    }

    /// Returns the spans by their start, each with whether it is the newest of its task.
    pub(super) fn spans(&self) -> impl Iterator<Item = (&Span, bool)> {
        let is_newest = |place, span: &Span| self.newest.get(&span.issue) == Some(&place);
        self.spans
            .places()
            .map(move |(place, span)| (span, is_newest(place, span)))
    }

    pub(super) fn newest_of(&self, issue: IssueNumber) -> Option<&Span> {
        self.spans.get(*self.newest.get(&issue)?)
    }

    pub(super) const fn n_lanes(&self) -> usize {
        self.n_lanes
    }

    pub(super) fn pauses(&self) -> impl Iterator<Item = &Pause> {
        self.pauses.iter()
    }

    fn newest_mut(&mut self, issue: IssueNumber) -> Option<&mut Span> {
        self.spans.get_mut(*self.newest.get(&issue)?)
    }

    /// Starts a run. If the process died before, the previous run ended with its last event, and
    /// its attempts run again.
    fn begin(&mut self, at_ms: u64, engine: &Engine) {
        if let Some(last) = self.runs.last_mut().copied() {
            self.ran_before_ms += last.length_ms();
            self.end_all(last.to_ms);
        }
        let run = TimeRange {
            from_ms: at_ms,
            to_ms: at_ms,
        };
        self.runs.push(run, N_RUNS_MAX);
        self.paused.clear();
        for task in engine.running() {
            if let Some(attempt) = task.attempt() {
                self.start(at_ms, task.issue.number, attempt.number);
            }
        }
    }

    fn start(&mut self, at_ms: u64, issue: IssueNumber, attempt: u32) {
        let is_free = |lane: &usize| !self.lanes.values().any(|taken| taken == lane);
        let lane = (0..).find(is_free).unwrap_or_default();
        self.n_lanes = self.n_lanes.max(lane + 1);
        self.lanes.insert(issue, lane);
        let span = Span {
            lane,
            issue,
            attempt,
            from_ms: at_ms,
            ended_at_ms: None,
            end: SpanEnd::Running,
            spent: Usd::ZERO,
        };
        let place = self.spans.push(span, N_SPANS_MAX);
        self.newest.insert(issue, place);
    }

    fn end(&mut self, at_ms: u64, issue: IssueNumber, end: SpanEnd) {
        if self.lanes.remove(&issue).is_none() {
            return;
        }
        if let Some(span) = self.newest_mut(issue) {
            (span.ended_at_ms, span.end) = (Some(at_ms), end);
        }
    }

    fn end_all(&mut self, at_ms: u64) {
        let running: Vec<IssueNumber> = self.lanes.keys().copied().collect();
        for issue in running {
            self.end(at_ms, issue, SpanEnd::Interrupted);
        }
    }

    /// Ends the last attempt like its task, even if it failed a moment before.
    fn finish(&mut self, at_ms: u64, issue: IssueNumber, group: OutcomeGroup) {
        let end = match group {
            OutcomeGroup::Done | OutcomeGroup::AlreadyOpen | OutcomeGroup::AlreadyMerged => {
                SpanEnd::Shipped
            }
            OutcomeGroup::NeedsYou => SpanEnd::NeedsYou,
            OutcomeGroup::Failed | OutcomeGroup::NotStarted => SpanEnd::Failed,
        };
        self.end(at_ms, issue, end);
        if let Some(span) = self.newest_mut(issue) {
            span.end = end;
        }
    }

    fn pause(&mut self, from_ms: u64, to_ms: u64, service: &Service, cause: PauseCause) {
        self.unpause(from_ms, service);
        let pause = Pause {
            when: TimeRange { from_ms, to_ms },
            service: service.clone(),
            cause,
        };
        let place = self.pauses.push(pause, N_PAUSES_MAX);
        self.paused.insert(service.clone(), place);
    }

    fn unpause(&mut self, at_ms: u64, service: &Service) {
        let place = self.paused.remove(service);
        if let Some(pause) = place.and_then(|place| self.pauses.get_mut(place)) {
            pause.when.to_ms = pause.when.to_ms.min(at_ms);
        }
    }
}
