//! The chronicles of invented sessions.

use std::fmt::Write as _;

use autoissue_engine::{
    AgentReport, Ended, Failure, FailureType, Issue, IssueNumber, NotStarted, Service, Settings,
    Spent, Time, Usd, Work,
};
use autoissue_engine::{AttemptEvent, IntakeEvent, ServiceEvent, SessionEvent, TaskEvent};
use insta::assert_snapshot;

use super::*;

fn started() -> Event {
    Event::Session(SessionEvent::Started {
        settings: Box::new(Settings::default()),
        info: autoissue_engine::SessionInfo::default(),
        history: autoissue_engine::CostHistory::default(),
    })
}

/// The events of a session with tasks, up to its backlog.
fn backlog(issues: &[u64]) -> Vec<Event> {
    let accepted = |number: &u64| {
        Event::Task(TaskEvent::Accepted {
            issue: Issue {
                number: IssueNumber(*number),
                ..Issue::default()
            }
            .into(),
        })
    };
    let model_selected = |number: &u64| {
        Event::Task(TaskEvent::ModelSelected {
            issue: IssueNumber(*number),
            model: None,
            effort: None,
            reason: String::new(),
            estimate: Usd::from_cents(500),
        })
    };
    let read = Event::Intake(IntakeEvent::BacklogRead {
        n_issues: 1,
        warnings: Vec::new(),
        n_api_calls: 0,
    });
    let accepted = issues.iter().map(accepted);
    let first = std::iter::once(started()).chain(accepted);
    first
        .chain([read])
        .chain(issues.iter().map(model_selected))
        .collect()
}

fn begun(number: u64, attempt: u32) -> Vec<Event> {
    let issue = IssueNumber(number);
    vec![
        Event::Attempt(AttemptEvent::Started {
            issue,
            attempt,
            reserved: Usd::from_cents(500),
            model: Some("sonnet".to_owned()),
        }),
        Event::Attempt(AttemptEvent::WorktreeLeased {
            issue,
            attempt,
            base: "0123456789".to_owned(),
        }),
    ]
}

fn metered(number: u64, cents: i64) -> Event {
    Event::Attempt(AttemptEvent::Metered {
        issue: IssueNumber(number),
        attempt: 1,
        spent: Usd::from_cents(cents),
    })
}

fn exited(number: u64, attempt: u32, cents: i64) -> Event {
    let cost = Usd::from_cents(cents);
    let report = AgentReport {
        ended: Ended::Done,
        spent: Spent::Known(cost),
        session: None,
        summary: None,
        denied: Vec::new(),
        n_turns: None,
        model: None,
        notes: Vec::new(),
        has_lost_session: false,
        tokens: 1_000,
        duration_ms: 60_000,
    };
    Event::Attempt(AttemptEvent::AgentExited {
        issue: IssueNumber(number),
        attempt,
        report,
        cost,
        estimated: false,
    })
}

fn collected(number: u64, attempt: u32) -> Event {
    let work = Work {
        commit: "fedcba9876".to_owned(),
        ..Work::default()
    };
    Event::Attempt(AttemptEvent::WorkCollected {
        issue: IssueNumber(number),
        attempt,
        work: Some(work),
        notes: Vec::new(),
    })
}

fn failed(number: u64, attempt: u32) -> Event {
    Event::Attempt(AttemptEvent::Failed {
        issue: IssueNumber(number),
        attempt,
        failure: Failure::Check {
            message: "check `test` failed\nassertion failed".to_owned(),
        },
        counted: true,
        retry_at: None,
        kept: false,
        lost_session: false,
    })
}

fn finished(number: u64, outcome: Outcome) -> Event {
    Event::Task(TaskEvent::Finished {
        issue: IssueNumber(number),
        outcome,
    })
}

fn done() -> Outcome {
    Outcome::Done { pull_request: None }
}

fn needs_you() -> Outcome {
    Outcome::NeedsYou {
        message: "merge".to_owned(),
    }
}

fn resumed() -> Event {
    Event::Session(SessionEvent::Resumed {
        settings: Box::default(),
    })
}

/// Returns the chronicle of events that happen one second apart, with an hour between the parts.
fn told(parts: &[Vec<Event>]) -> Chronicle {
    let mut chronicle = Chronicle::default();
    let mut at_ms = 0;
    for part in parts {
        for event in part {
            at_ms += 1_000;
            chronicle.take(&Envelope {
                seq: chronicle.last_seq() + 1,
                at_ms,
                event: event.clone(),
            });
        }
        at_ms += 3_600_000;
    }
    chronicle
}

/// Returns runs, attempts and pauses in seconds.
fn timeline(chronicle: &Chronicle) -> String {
    let mut text = String::new();
    for TimeRange { from_ms, to_ms } in chronicle.runs() {
        writeln!(text, "run {}..{}", from_ms / 1_000, to_ms / 1_000).unwrap();
    }
    for span in chronicle.spans() {
        let to = span.ended_at_ms.map(|at_ms| (at_ms / 1_000).to_string());
        writeln!(
            text,
            "lane {}: {} attempt {} {}..{} {:?} {}",
            span.lane,
            span.issue,
            span.attempt,
            span.from_ms / 1_000,
            to.unwrap_or_default(),
            span.end,
            span.spent
        )
        .unwrap();
    }
    for Pause { when, cause, .. } in chronicle.pauses() {
        let TimeRange { from_ms, to_ms } = when;
        writeln!(
            text,
            "pause {}..{} {cause:?}",
            from_ms / 1_000,
            to_ms / 1_000
        )
        .unwrap();
    }
    text
}

/// The events of a session with two tasks in flight: the agent of one is running, and the checks of
/// the other.
fn two_in_flight() -> Vec<Event> {
    let mut events = backlog(&[1, 2, 3]);
    events.extend(begun(1, 1));
    events.push(metered(1, 60));
    events.extend(begun(2, 1));
    events.push(metered(2, 70));
    events.extend([exited(2, 1, 80), collected(2, 1)]);
    events
}

#[test]
fn attempts_lie_in_the_first_free_lane() {
    let mut events = backlog(&[1, 2, 3]);
    events.extend(begun(1, 1));
    events.extend(begun(2, 1));
    events.extend([exited(2, 1, 310), failed(2, 1)]);
    events.extend(begun(3, 1));
    events.extend([exited(3, 1, 50), finished(3, needs_you())]);
    events.extend([exited(1, 1, 42), finished(1, done())]);
    assert_snapshot!(timeline(&told(&[events])), @"
    run 1..20
    lane 0: #1 attempt 1 9..20 Shipped $0.42
    lane 1: #2 attempt 1 11..14 Failed $3.10
    lane 1: #3 attempt 1 15..18 NeedsYou $0.50
    ");
}

#[test]
fn an_attempt_continues_in_the_next_run_after_an_interruption_or_a_crash() {
    let mut first = two_in_flight();
    first.push(Event::Attempt(AttemptEvent::Interrupted {
        issue: IssueNumber(2),
        attempt: 1,
    }));
    let second = vec![resumed(), exited(1, 1, 100), finished(1, done())];
    assert_snapshot!(timeline(&told(&[first, second])), @"
    run 1..17
    run 3618..3620
    lane 0: #1 attempt 1 9..17 Interrupted $0.00
    lane 1: #2 attempt 1 12..17 Interrupted $0.80
    lane 0: #1 attempt 1 3618..3620 Shipped $1.00
    lane 1: #2 attempt 1 3618.. Running $0.00
    ");
}

#[test]
fn a_pause_ends_when_the_service_answers() {
    let (service, until) = (Service::Forge, Time::from_ms(60_000));
    let mut events = backlog(&[1]);
    events.push(Event::Service(ServiceEvent::Paused {
        service: service.clone(),
        until,
        message: "limit reached".to_owned(),
    }));
    events.push(Event::Service(ServiceEvent::BreakerOpened {
        service: service.clone(),
        until,
        n_failures: 5,
        since: None,
    }));
    events.push(Event::Service(ServiceEvent::Answered { service }));
    assert_snapshot!(timeline(&told(&[events])), @r#"
    run 1..7
    pause 5..6 Asked("limit reached")
    pause 6..7 Failures(5)
    "#);
}

#[test]
fn nothing_runs_in_a_stopped_session() {
    let running = told(&[two_in_flight()]);
    let counts = |chronicle: &Chronicle| (chronicle.counts().running, chronicle.counts().waiting);
    assert_eq!(
        (running.status(), counts(&running)),
        (SessionStatus::Running, (2, 1))
    );
    let mut interrupted = two_in_flight();
    interrupted.extend([
        Event::Session(SessionEvent::InterruptRequested),
        Event::Session(SessionEvent::Interrupted),
    ]);
    let mut died = running.clone();
    died.set_dead(true);
    for (still, status) in [
        (told(&[interrupted]), SessionStatus::Interrupted),
        (died, SessionStatus::Died),
    ] {
        assert_eq!((still.status(), counts(&still)), (status, (0, 3)));
        assert_eq!(still.running().count(), 0);
        assert!(
            still.spans().all(|span| span.end == SpanEnd::Interrupted),
            "{}",
            timeline(&still)
        );
        assert_eq!(still.money().spent, running.money().spent);
        let kinds: Vec<NeedKind> = still.needs().iter().map(Need::kind).collect();
        assert_eq!(kinds, [NeedKind::Session]);
    }
}

#[test]
fn metered_costs_count_once_before_and_after_the_agent_has_exited() {
    let chronicle = told(&[two_in_flight()]);
    let money = chronicle.money();
    assert_eq!(
        (money.spent, money.metered, money.reserved),
        (
            Usd::from_cents(140),
            Usd::from_cents(60),
            Usd::from_cents(440)
        )
    );
    let spent = |issue| {
        let task = chronicle.engine().task(IssueNumber(issue));
        task.map(Task::spent_now)
    };
    assert_eq!(
        (spent(1), spent(2)),
        (Some(Usd::from_cents(60)), Some(Usd::from_cents(80)))
    );
    let of_spans = chronicle.spans().map(|span| span.spent).sum::<Usd>();
    assert_eq!(of_spans, money.spent);
}

#[test]
fn overspending_of_one_agent_is_not_taken_from_the_reservation_of_another() {
    let mut events = two_in_flight();
    events.extend(begun(3, 1));
    events.push(metered(3, 620));
    let money = told(&[events]).money();
    assert_eq!(money.spent, Usd::from_cents(760));
    assert_eq!(
        money.reserved,
        Usd::from_cents(440),
        "the unspent reservation of the first"
    );
}

#[test]
fn the_time_between_an_interruption_and_its_resume_is_not_run_time() {
    let mut first = backlog(&[1]);
    first.push(Event::Session(SessionEvent::Interrupted));
    let n_first = first.len() as u64;
    let interrupted = told(&[first.clone()]);
    assert_eq!(interrupted.finished_at_ms(), Some(interrupted.last_at_ms()));
    assert_eq!(interrupted.ran_ms(u64::MAX), (n_first - 1) * 1_000);
    let resumed = told(&[first, vec![resumed()]]);
    assert_eq!(resumed.finished_at_ms(), None);
    assert_eq!(
        resumed.ran_ms(resumed.last_at_ms() + 500),
        (n_first - 1) * 1_000 + 500
    );
}

#[test]
fn work_that_another_session_publishes_does_not_continue_an_interrupted_one() {
    let mut first = two_in_flight();
    first.push(Event::Session(SessionEvent::Interrupted));
    let interrupted = told(&[first.clone()]);
    let published = told(&[first, vec![finished(2, done())]]);
    assert_eq!(published.counts().done, 1);
    assert_eq!(published.status(), SessionStatus::Interrupted);
    assert_eq!(published.finished_at_ms(), interrupted.finished_at_ms());
    assert_eq!(published.ran_ms(u64::MAX), interrupted.ran_ms(u64::MAX));
}

#[test]
fn each_outcome_is_counted_in_one_group() {
    let mut events = backlog(&[1, 2, 3, 4, 5]);
    let because = NotStarted::Budget;
    let failed = Outcome::Failed {
        failure: FailureType::Task,
        message: String::new(),
    };
    let budget = Outcome::Budget {
        message: String::new(),
    };
    let ends = [
        done(),
        needs_you(),
        failed,
        Outcome::NotStarted { because },
        budget,
    ];
    events.extend((1..).zip(ends).map(|(n, outcome)| finished(n, outcome)));
    let chronicle = told(&[events]);
    let expected = Counts {
        total: 5,
        done: 1,
        needs_you: 2,
        failed: 1,
        not_started: 1,
        ..Counts::default()
    };
    assert_eq!(chronicle.counts(), expected);
    assert_eq!(chronicle.outcomes()["budget"], 1);
    let decisions = chronicle.needs();
    let decisions = decisions
        .iter()
        .filter(|need| need.kind() == NeedKind::Decision);
    assert_eq!(decisions.count(), 2);
}

#[test]
fn the_warnings_of_the_last_backlog_are_kept_and_in_the_summary() {
    let read = |warning: &str| {
        Event::Intake(IntakeEvent::BacklogRead {
            n_issues: 0,
            warnings: vec![warning.to_owned()],
            n_api_calls: 0,
        })
    };
    let events = vec![started(), read("skipping `1.md`"), read("skipping `2.md`")];
    let chronicle = told(&[events]);
    assert_eq!(chronicle.backlog_warnings(), ["skipping `2.md`"]);
    let summary = crate::summary::Summary::new("s", &chronicle);
    assert_eq!(summary.warnings, ["skipping `2.md`"]);
}

#[test]
fn failures_are_counted_by_type_and_an_interruption_is_not_one() {
    let until = Time::from_ms(9);
    let mut events = two_in_flight();
    events.push(failed(2, 1));
    events.push(Event::Intake(IntakeEvent::BacklogDelayed {
        failure: Failure::Interrupted,
        until,
    }));
    let chronicle = told(&[events]);
    let n_failures = chronicle.n_failures();
    assert_eq!(
        (n_failures["task"], n_failures.values().sum::<u64>()),
        (1, 1)
    );
    let seen: Vec<_> = chronicle.failures().collect();
    assert_eq!(
        (seen[0].message.as_str(), seen[0].retried),
        ("check `test` failed", false)
    );
}

#[test]
fn the_cost_curve_ends_with_the_money_and_stays_small() {
    let mut events = two_in_flight();
    events.extend((61..5_000).map(|cents| metered(1, cents)));
    events.push(exited(1, 1, 310));
    let chronicle = told(&[events]);
    let costs = chronicle.costs();
    assert!(costs.len() <= costs::N_POINTS_MAX, "{}", costs.len());
    assert_eq!(
        costs.last().map(|point| point.spent),
        Some(Usd::from_cents(390))
    );
    assert!(costs.is_sorted_by_key(|point| point.at_ms));
}

#[test]
fn metrics_count_what_a_running_attempt_has_metered() {
    let chronicle = told(&[two_in_flight()]);
    let mut metrics = Metrics::default();
    metrics.add(&chronicle);
    metrics.add(&chronicle);
    let twice = Usd::from_cents(280);
    let by_model: Vec<_> = metrics.by_model.values().map(|it| it.spent).collect();
    assert_eq!((metrics.total.spent, by_model), (twice, vec![twice]));
    assert_eq!(metrics.total.n_attempts, 4);
}
