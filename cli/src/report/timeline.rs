//! When which attempt ran, read from a session's events: lanes of bars, and what held everything up.
//!
//! ```text
//!   AttemptStarted ─► a bar in the first free lane ─► AttemptFailed, AttemptSuspended, TaskFinished: its end
//!   ServicePaused, BreakerOpened ─► a pause        SessionResumed after an end or a crash ─► a gap, of which no time is shown
//! ```

use std::collections::BTreeMap;

use autoissue_core::bus::Envelope;
use autoissue_core::engine::{
    AttemptEvent, Event, IssueNumber, Outcome, Service, ServiceEvent, SessionEvent, TaskEvent, Usd,
};

use crate::narration::{message, title};
use crate::printable::one_line;

/// When which attempt ran. Times are milliseconds since the Unix epoch.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// The stretches in which the session ran, in order.
    pub(crate) runs: Vec<Stretch>,
    /// How many attempts ran side by side.
    pub(crate) n_lanes: usize,
    /// The attempts, by their start.
    pub(crate) bars: Vec<Bar>,
    /// When all tasks of a service waited, and why.
    pub(crate) pauses: Vec<(Stretch, String)>,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Its beginning.
    pub(crate) from_ms: u64,
    /// Its end.
    pub(crate) to_ms: u64,
}

/// An attempt, as long as it had its slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    /// Lane, from 0.
    pub(crate) lane: usize,
    /// Task.
    pub(crate) issue: IssueNumber,
    /// Attempt, from 1.
    pub(crate) attempt: u32,
    /// Title of the issue, printable.
    pub(crate) title: String,
    /// When.
    pub(crate) ran: Stretch,
    /// How it ended.
    pub(crate) end: End,
    /// What its agent cost.
    pub(crate) spent: Usd,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Its work is published.
    Shipped,
    /// It failed.
    Failed,
    /// A person has to decide something.
    NeedsYou,
    /// It was stopped, to go on later.
    Stopped,
    /// It has not ended.
    Running,
}

impl Timeline {
    /// Reads the events of a session, in order.
    pub(crate) fn of(events: &[Envelope<Event>]) -> Self {
        let mut reading = Reading::default();
        events
            .iter()
            .for_each(|envelope| reading.take(envelope.at_ms, &envelope.event));
        reading.timeline
    }
}

#[derive(Default)]
struct Reading {
    timeline: Timeline,
    titles: BTreeMap<IssueNumber, String>,
    /// The last bar of each task.
    last: BTreeMap<IssueNumber, usize>,
    /// Pauses that have not ended, by service.
    paused: BTreeMap<Service, usize>,
}

impl Reading {
    fn take(&mut self, at_ms: u64, event: &Event) {
        if matches!(event, Event::Session(SessionEvent::Resumed { .. }))
            || self.timeline.runs.is_empty()
        {
            self.resume(at_ms);
        }
        self.go_on(at_ms);
        match event {
            Event::Task(TaskEvent::Accepted { issue }) => {
                self.titles.insert(issue.number, title(&issue.title));
            }
            Event::Attempt(AttemptEvent::Started { issue, attempt, .. }) => {
                self.start(at_ms, *issue, *attempt)
            }
            Event::Attempt(AttemptEvent::AgentExited { issue, charged, .. }) => {
                if let Some(bar) = self.bar(*issue) {
                    bar.spent += *charged;
                }
            }
            Event::Attempt(AttemptEvent::Failed { issue, .. }) => self.end(*issue, End::Failed),
            Event::Attempt(AttemptEvent::Suspended { issue, .. }) => self.end(*issue, End::Stopped),
            Event::Task(TaskEvent::Finished { issue, outcome }) => self.finish(*issue, outcome),
            Event::Service(ServiceEvent::Paused {
                service,
                until,
                message: said,
            }) => {
                self.pause(
                    at_ms,
                    until.ms(),
                    service,
                    &format!("{service} pauses: {said}"),
                );
            }
            Event::Service(ServiceEvent::BreakerOpened {
                service,
                until,
                n_failures,
                ..
            }) => {
                self.pause(
                    at_ms,
                    until.ms(),
                    service,
                    &format!("{service} failed {n_failures} times in a row"),
                );
            }
            Event::Service(
                ServiceEvent::Answered { service }
                | ServiceEvent::BreakerProbed { service, .. }
                | ServiceEvent::BreakerReset { service },
            ) => self.unpause(at_ms, service),
            _ => {}
        }
    }

    fn bar(&mut self, issue: IssueNumber) -> Option<&mut Bar> {
        self.timeline.bars.get_mut(*self.last.get(&issue)?)
    }

    /// Everything that has not ended has lasted until now.
    fn go_on(&mut self, at_ms: u64) {
        let Timeline { runs, bars, .. } = &mut self.timeline;
        runs.last_mut()
            .into_iter()
            .for_each(|run| run.to_ms = run.to_ms.max(at_ms));
        let running = bars.iter_mut().filter(|bar| bar.end == End::Running);
        running.for_each(|bar| bar.ran.to_ms = bar.ran.to_ms.max(at_ms));
    }

    /// Begins a stretch. What was cut off without a word ended with the last event before.
    fn resume(&mut self, at_ms: u64) {
        self.timeline.runs.push(Stretch {
            from_ms: at_ms,
            to_ms: at_ms,
        });
        self.paused.clear();
        let Timeline { bars, .. } = &mut self.timeline;
        bars.iter_mut()
            .filter(|bar| bar.end == End::Running)
            .for_each(|bar| bar.end = End::Stopped);
        let stopped: Vec<Bar> = self
            .last
            .values()
            .map(|&last| &bars[last])
            .filter(|bar| bar.end == End::Stopped)
            .cloned()
            .collect();
        for bar in stopped {
            self.start(at_ms, bar.issue, bar.attempt);
        }
    }

    fn start(&mut self, at_ms: u64, issue: IssueNumber, attempt: u32) {
        let Timeline { bars, n_lanes, .. } = &mut self.timeline;
        let is_free = |lane: &usize| {
            !bars
                .iter()
                .any(|bar| bar.lane == *lane && bar.end == End::Running)
        };
        let lane = (0..).find(is_free).unwrap_or_default();
        *n_lanes = (*n_lanes).max(lane + 1);
        let title = self.titles.get(&issue).cloned().unwrap_or_default();
        let ran = Stretch {
            from_ms: at_ms,
            to_ms: at_ms,
        };
        self.last.insert(issue, bars.len());
        bars.push(Bar {
            lane,
            issue,
            attempt,
            title,
            ran,
            end: End::Running,
            spent: Usd::ZERO,
        });
    }

    fn end(&mut self, issue: IssueNumber, end: End) {
        if let Some(bar) = self.bar(issue).filter(|bar| bar.end == End::Running) {
            bar.end = end;
        }
    }

    /// The last attempt ended as its task did, even where it failed a moment before.
    fn finish(&mut self, issue: IssueNumber, outcome: &Outcome) {
        let end = match outcome {
            Outcome::Done { .. } | Outcome::AlreadyOpen { .. } | Outcome::AlreadyMerged { .. } => {
                End::Shipped
            }
            Outcome::NeedsYou { .. } | Outcome::Budget { .. } => End::NeedsYou,
            Outcome::NoChange
            | Outcome::Failed { .. }
            | Outcome::Skipped { .. }
            | Outcome::NotStarted { .. } => End::Failed,
        };
        if let Some(bar) = self.bar(issue) {
            bar.end = end;
        }
    }

    fn pause(&mut self, from_ms: u64, to_ms: u64, service: &Service, why: &str) {
        self.unpause(from_ms, service);
        self.paused
            .insert(service.clone(), self.timeline.pauses.len());
        self.timeline
            .pauses
            .push((Stretch { from_ms, to_ms }, message(&one_line(why))));
    }

    fn unpause(&mut self, at_ms: u64, service: &Service) {
        if let Some(index) = self.paused.remove(service) {
            let (stretch, _) = &mut self.timeline.pauses[index];
            stretch.to_ms = stretch.to_ms.min(at_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use autoissue_core::engine::{Settings, Time};
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::{admitted, at_work, check_failed, completed, finished, shipped, worked};

    /// Reads events that happen a second apart, and those behind a mark an hour later.
    fn read(parts: &[Vec<Event>]) -> String {
        fn seconds(stretch: Stretch) -> String {
            format!("{}..{}", stretch.from_ms / 1_000, stretch.to_ms / 1_000)
        }

        let mut at_ms = 0;
        let mut events = Vec::new();
        for part in parts {
            for event in part {
                at_ms += 1_000;
                events.push(Envelope {
                    seq: at_ms,
                    at_ms,
                    event: event.clone(),
                });
            }
            at_ms += 3_600_000;
        }
        let timeline = Timeline::of(&events);
        let mut text = String::new();
        timeline
            .runs
            .iter()
            .for_each(|run| writeln!(text, "run {}", seconds(*run)).unwrap());
        for bar in &timeline.bars {
            let Bar {
                lane,
                issue,
                attempt,
                ran,
                end,
                spent,
                ..
            } = bar;
            writeln!(
                text,
                "lane {lane}: {issue} attempt {attempt} {} {end:?} {spent}",
                seconds(*ran)
            )
            .unwrap();
        }
        timeline.pauses.iter().for_each(|(stretch, why)| {
            writeln!(text, "pause {} {why}", seconds(*stretch)).unwrap();
        });
        text
    }

    #[test]
    fn attempts_lie_in_the_first_free_lane() {
        let mut events = admitted(
            Settings::default(),
            &[(1, "One", "a"), (2, "Two", "b"), (3, "Three", "c")],
        );
        events.extend(at_work(1, 1));
        events.extend(check_failed(2, 310));
        events.extend(worked(3, 1, 50));
        events.push(finished(
            3,
            Outcome::NeedsYou {
                message: "merge".to_owned(),
            },
        ));
        events.extend(shipped(1, 30, 42).split_off(2));
        assert_snapshot!(read(&[events]), @"
        run 1..29
        lane 0: #1 attempt 1 13..29 Shipped $0.42
        lane 1: #2 attempt 1 15..19 Failed $3.10
        lane 1: #3 attempt 1 21..25 NeedsYou $0.50
        ");
    }

    #[test]
    fn an_interrupted_attempt_goes_on_in_the_next_stretch_and_so_does_one_that_was_cut_off() {
        let mut first = admitted(Settings::default(), &[(1, "One", "a"), (2, "Two", "b")]);
        first.extend(at_work(1, 1));
        first.extend(at_work(2, 1));
        first.push(Event::Attempt(AttemptEvent::Suspended {
            issue: IssueNumber(1),
            attempt: 1,
        }));
        let mut second = vec![Event::Session(SessionEvent::Resumed {
            settings: Box::default(),
        })];
        second.extend(shipped(1, 30, 42).split_off(2));
        assert_snapshot!(read(&[first, second]), @"
        run 1..14
        run 3615..3619
        lane 0: #1 attempt 1 10..14 Stopped $0.00
        lane 1: #2 attempt 1 12..14 Stopped $0.00
        lane 0: #1 attempt 1 3615..3619 Shipped $0.42
        lane 1: #2 attempt 1 3615..3619 Running $0.00
        ");
    }

    #[test]
    fn a_pause_ends_when_the_service_answers() {
        let service = Service::Forge;
        let mut events = admitted(Settings::default(), &[(1, "One", "a")]);
        let until = Time::from_ms(60_000);
        events.push(Event::Service(ServiceEvent::Paused {
            service: service.clone(),
            until,
            message: "limit\nreached".to_owned(),
        }));
        events.push(Event::Service(ServiceEvent::BreakerOpened {
            service: service.clone(),
            until,
            n_failures: 5,
            since: None,
        }));
        events.push(Event::Service(ServiceEvent::Answered { service }));
        events.push(completed());
        assert_snapshot!(read(&[events]), @"
        run 1..10
        pause 7..8 the forge pauses: limit reached
        pause 8..9 the forge failed 5 times in a row
        ");
    }
}
