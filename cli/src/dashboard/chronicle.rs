//! What the engine does not keep, for it decides nothing: when things happened. Made of the events alone, like everything
//! else that is shown, and bounded.

use std::collections::{BTreeMap, VecDeque};

use autoissue_core::engine::{
    AttemptEvent, Engine, Event, Failure, FailureType, IntakeEvent, IssueNumber, PlanEvent,
    SessionEvent, TaskEvent, Usd,
};

/// Points of the cost curve that are kept. Wider screens cannot show more; beyond it every other point goes.
const N_POINTS_MAX: usize = 600;

/// Attempts on the time line that are kept, the newest: a session of a thousand tasks with some retries.
const N_SPANS_MAX: usize = 4_000;

/// Failures that are kept in words, the newest.
const N_FAILURES_MAX: usize = 20;

/// When things happened in a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chronicle {
    /// When it began, milliseconds since the Unix epoch.
    pub(crate) started_at_ms: u64,
    /// When it ended or was interrupted; `None` while it runs.
    pub(crate) finished_at_ms: Option<u64>,
    /// When the last event was written.
    pub(crate) last_at_ms: u64,
    /// Cost over time.
    pub(crate) costs: Vec<CostPoint>,
    /// Attempts, by their start.
    pub(crate) spans: VecDeque<Span>,
    /// Failures so far, by type.
    pub(crate) n_failures: BTreeMap<&'static str, u64>,
    /// The newest failures, oldest first.
    pub(crate) failures: VecDeque<SeenFailure>,
    /// Attempts started.
    pub(crate) n_attempts: u64,
    /// Tokens that agents used.
    pub(crate) tokens: u64,
    /// Milliseconds that agents ran.
    pub(crate) agent_ms: u64,
    /// When tasks ended.
    ended_at_ms: BTreeMap<IssueNumber, u64>,
    /// When attempts in flight began.
    running_since_ms: BTreeMap<IssueNumber, u64>,
    /// Points of which one is kept.
    stride: usize,
    n_skipped: usize,
}

/// The money at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CostPoint {
    /// When, milliseconds since the Unix epoch.
    pub(crate) at_ms: u64,
    /// What was gone: settled, and seen with running agents.
    pub(crate) spent: Usd,
    /// What was set aside beyond that.
    pub(crate) reserved: Usd,
}

/// An attempt on the time line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Task.
    pub(crate) issue: IssueNumber,
    /// Attempt, from 1.
    pub(crate) attempt: u32,
    /// Its domain.
    pub(crate) domain: String,
    /// When it began, milliseconds since the Unix epoch.
    pub(crate) started_at_ms: u64,
    /// When it ended.
    pub(crate) ended_at_ms: Option<u64>,
    /// How it ended.
    pub(crate) result: SpanResult,
}

/// How an attempt on the time line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanResult {
    /// It has not.
    Running,
    /// Its work is published.
    Published,
    /// It failed or came to nothing.
    Failed,
    /// It was interrupted.
    Interrupted,
}

/// A failure, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenFailure {
    /// When, milliseconds since the Unix epoch.
    pub(crate) at_ms: u64,
    /// Task, unless the session as a whole saw it.
    pub(crate) issue: Option<IssueNumber>,
    /// Its type.
    pub(crate) kind: FailureType,
    /// Its first line.
    pub(crate) message: String,
    /// Whether it is tried again.
    pub(crate) retried: bool,
}

impl Chronicle {
    /// Takes in an event; `engine` is the state after it.
    pub(crate) fn take(&mut self, at_ms: u64, event: &Event, engine: &Engine) {
        self.last_at_ms = at_ms;
        match event {
            Event::Session(SessionEvent::Started { .. }) => self.started_at_ms = at_ms,
            Event::Session(SessionEvent::Resumed { .. }) => self.finished_at_ms = None,
            Event::Session(SessionEvent::Interrupted)
            | Event::Plan(PlanEvent::ConfirmationAwaited) => {
                self.finished_at_ms = Some(at_ms);
                self.end_all(at_ms);
            }
            Event::Session(SessionEvent::Finished { .. }) => {
                self.finished_at_ms = Some(at_ms);
                self.end_all(at_ms);
            }
            Event::Attempt(AttemptEvent::Started { issue, attempt, .. }) => {
                self.start(at_ms, *issue, *attempt, engine);
            }
            Event::Attempt(AttemptEvent::AgentExited { report, .. })
            | Event::Plan(PlanEvent::PlannerExited { report, .. }) => {
                self.tokens += report.tokens;
                self.agent_ms += report.duration_ms;
            }
            Event::Attempt(AttemptEvent::Published { issue, .. }) => {
                self.end(at_ms, *issue, SpanResult::Published);
            }
            Event::Attempt(AttemptEvent::Failed {
                issue,
                failure,
                retry_at,
                ..
            }) => {
                let is_interrupted = matches!(failure, Failure::Interrupted);
                self.end(
                    at_ms,
                    *issue,
                    if is_interrupted {
                        SpanResult::Interrupted
                    } else {
                        SpanResult::Failed
                    },
                );
                self.fail(at_ms, Some(*issue), failure, retry_at.is_some());
            }
            Event::Attempt(
                AttemptEvent::CollectDelayed { issue, failure, .. }
                | AttemptEvent::PublishDelayed { issue, failure, .. },
            ) => {
                self.fail(at_ms, Some(*issue), failure, true);
            }
            Event::Intake(IntakeEvent::BacklogDelayed { failure, .. })
            | Event::Plan(PlanEvent::CreationDelayed { failure, .. }) => {
                self.fail(at_ms, None, failure, true);
            }
            Event::Plan(PlanEvent::PlannerFailed {
                failure, retry_at, ..
            }) => self.fail(at_ms, None, failure, retry_at.is_some()),
            Event::Task(TaskEvent::Finished { issue, .. }) => {
                self.end(at_ms, *issue, SpanResult::Failed);
                self.ended_at_ms.insert(*issue, at_ms);
            }
            _ => {}
        }
        if moves_money(event) {
            self.add_point(at_ms, engine);
        }
    }

    /// Returns when a task ended.
    pub(crate) fn ended_at_ms(&self, issue: IssueNumber) -> Option<u64> {
        self.ended_at_ms.get(&issue).copied()
    }

    /// Returns when the attempt in flight of a task began.
    pub(crate) fn running_since_ms(&self, issue: IssueNumber) -> Option<u64> {
        self.running_since_ms.get(&issue).copied()
    }

    fn start(&mut self, at_ms: u64, issue: IssueNumber, attempt: u32, engine: &Engine) {
        self.n_attempts += 1;
        self.running_since_ms.insert(issue, at_ms);
        if self.spans.len() == N_SPANS_MAX {
            self.spans.pop_front();
        }
        let domain = engine
            .task(issue)
            .map_or("unknown", |task| task.domain())
            .to_owned();
        let result = SpanResult::Running;
        self.spans.push_back(Span {
            issue,
            attempt,
            domain,
            started_at_ms: at_ms,
            ended_at_ms: None,
            result,
        });
    }

    fn end(&mut self, at_ms: u64, issue: IssueNumber, result: SpanResult) {
        if self.running_since_ms.remove(&issue).is_none() {
            return;
        }
        // The newest attempt of a task is near the end.
        if let Some(span) = self.spans.iter_mut().rev().find(|span| span.issue == issue) {
            (span.ended_at_ms, span.result) = (Some(at_ms), result);
        }
    }

    fn end_all(&mut self, at_ms: u64) {
        let running: Vec<IssueNumber> = self.running_since_ms.keys().copied().collect();
        running
            .into_iter()
            .for_each(|issue| self.end(at_ms, issue, SpanResult::Interrupted));
    }

    fn fail(&mut self, at_ms: u64, issue: Option<IssueNumber>, failure: &Failure, retried: bool) {
        let Some(kind) = failure.failure_type() else {
            return;
        };
        *self.n_failures.entry(kind.name()).or_default() += 1;
        if self.failures.len() == N_FAILURES_MAX {
            self.failures.pop_front();
        }
        let message = failure
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        self.failures.push_back(SeenFailure {
            at_ms,
            issue,
            kind,
            message,
            retried,
        });
    }

    fn add_point(&mut self, at_ms: u64, engine: &Engine) {
        let money = engine.money();
        let point = CostPoint {
            at_ms,
            spent: money.spent,
            reserved: money.reserved,
        };
        self.n_skipped += 1;
        if self.n_skipped < self.stride {
            // The newest point always stands: the curve ends where the money is.
            if let Some(last) = self.costs.last_mut() {
                *last = point;
            }
            return;
        }
        self.n_skipped = 0;
        self.costs.push(point);
        if N_POINTS_MAX < self.costs.len() {
            let mut n = 0;
            self.costs.retain(|_| {
                n += 1;
                n % 2 == 1
            });
            self.stride = self.stride.max(1) * 2;
        }
    }
}

const fn moves_money(event: &Event) -> bool {
    matches!(
        event,
        Event::Session(SessionEvent::Started { .. } | SessionEvent::Finished { .. })
            | Event::Attempt(
                AttemptEvent::Started { .. }
                    | AttemptEvent::Metered { .. }
                    | AttemptEvent::AgentExited { .. }
                    | AttemptEvent::Failed { .. }
            )
            | Event::Plan(
                PlanEvent::PlannerStarted { .. }
                    | PlanEvent::PlannerMetered { .. }
                    | PlanEvent::PlannerExited { .. }
            )
            | Event::Task(TaskEvent::Finished { .. })
    )
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::Settings;

    use super::*;
    use crate::fixture::{admitted, at_work, check_failed, completed, shipped};

    fn chronicle(events: &[Event]) -> Chronicle {
        let (mut engine, mut chronicle) = (Engine::new(), Chronicle::default());
        for (at_ms, event) in (1_000..).step_by(1_000).zip(events) {
            engine.apply(event);
            chronicle.take(at_ms, event, &engine);
        }
        chronicle
    }

    fn night() -> Vec<Event> {
        let mut events = admitted(
            Settings::default(),
            &[(1, "One", "backend"), (2, "Two", "frontend")],
        );
        events.extend(shipped(1, 30, 42));
        events.extend(check_failed(2, 310));
        events
    }

    #[test]
    fn attempts_have_a_beginning_an_end_and_a_result() {
        let mut events = night();
        events.extend(at_work(1, 2));
        let chronicle = chronicle(&events);
        let spans: Vec<_> = chronicle
            .spans
            .iter()
            .map(|span| (span.issue.0, span.attempt, span.result))
            .collect();
        assert_eq!(
            spans,
            [
                (1, 1, SpanResult::Published),
                (2, 1, SpanResult::Failed),
                (1, 2, SpanResult::Running)
            ]
        );
        assert!(chronicle.spans[0].ended_at_ms > Some(chronicle.spans[0].started_at_ms));
        assert_eq!(chronicle.spans[2].ended_at_ms, None);
        assert_eq!(chronicle.n_failures, BTreeMap::from([("task", 1)]));
        assert_eq!(
            chronicle.failures[0].message,
            "check `test` (exit code 1) failed"
        );
    }

    #[test]
    fn the_cost_curve_ends_with_the_money_and_stays_small() {
        let mut events = night();
        for cents in 1..5_000 {
            let spent = Usd::from_cents(cents);
            events.push(Event::Attempt(AttemptEvent::Metered {
                issue: IssueNumber(2),
                attempt: 1,
                spent,
            }));
        }
        events.push(completed());
        let chronicle = chronicle(&events);
        assert!(
            chronicle.costs.len() <= N_POINTS_MAX,
            "{}",
            chronicle.costs.len()
        );
        assert_eq!(
            chronicle.costs.last().map(|point| point.spent),
            Some(Usd::from_cents(352))
        );
        assert!(chronicle.costs.is_sorted_by_key(|point| point.at_ms));
        assert_eq!(chronicle.finished_at_ms, Some(chronicle.last_at_ms));
    }
}
