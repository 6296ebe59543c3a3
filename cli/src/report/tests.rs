//! Reports of invented sessions.

mod pages;

use autoissue_core::bus::Envelope;
use autoissue_core::engine::{
    AttemptEvent, CheckResult, Event, IntakeEvent, IssueNumber, NotStarted, PullRequest,
    SessionEvent, Settings, Skip,
};
use insta::assert_snapshot;

use super::*;
use crate::fixture::{
    a_second_apart, accepted, admitted, at_work, check_failed, completed, finished, shipped,
    started, warned, worked,
};
use crate::paint::Paint;

/// Returns a chronicle in which the last event happens two hours after the others.
fn two_hours(events: &[Event]) -> Chronicle {
    let mut envelopes = a_second_apart(events);
    for envelope in &mut envelopes {
        let is_last = envelope.seq == events.len() as u64;
        envelope.at_ms = 1_795_353_300_000 + if is_last { 7_200_000 } else { 0 };
    }
    Chronicle::of(&envelopes)
}

fn made_of(events: &[Event]) -> Report {
    let places = Places {
        transcripts: PathBuf::from("/state/sessions/20261122-1315-7f3a"),
        mirror: PathBuf::from("/state/repos/sample/mirror.git"),
    };
    Report::new(
        "20261122-1315-7f3a",
        &two_hours(events),
        &places,
        &crate::command::read("autoissue exec bug --max-parallel 4"),
        &LocalTime::utc(),
    )
}

fn report(events: &[Event]) -> String {
    text(&made_of(events), Paint::default())
}

/// Text that would act as markup if it were not escaped.
const MARKUP: &str =
    "<script>alert(1)</script><img src=x onerror=alert(2)> \"'`@all` | [x](javascript:alert(3)) #7";

/// A warning about an issue that could not be read.
const UNREAD: &str = "skipping `.autoissue/issues/41.md`: it cannot be parsed: line 2: the list `labels` is not closed";

fn read(n_issues: u32) -> Event {
    Event::Intake(IntakeEvent::BacklogRead {
        n_issues,
        warnings: Vec::new(),
        n_api_calls: 0,
    })
}

#[test]
fn a_session_in_which_everything_ships() {
    let settings = Settings {
        has_checks: true,
        ..Settings::default()
    };
    let mut events = admitted(
        settings,
        &[
            (12, "Fix the login", "backend"),
            (7, "Write the guide", "documentation"),
        ],
    );
    let passed = vec![CheckResult {
        passed: true,
        ..CheckResult::default()
    }];
    events.push(Event::Intake(IntakeEvent::BaseChecked { results: passed }));
    events.extend(shipped(7, 30, 42));
    events.extend(shipped(12, 31, 158));
    events.push(completed());
    assert_snapshot!(report(&events), @"
    20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)

    shipped (2)
      #7   Write the guide  https://github.com/owner/shop/pull/30 · +34 −5 in 2 files · 1 attempt · $0.42
      #12  Fix the login    https://github.com/owner/shop/pull/31 · +34 −5 in 2 files · 1 attempt · $1.58

    spent $2.00 of $50.00 · $1.00 per pull request
    transcripts /state/sessions/20261122-1315-7f3a
    next        autoissue show 20261122-1315-7f3a
    ");
}

#[test]
fn a_mixed_session_reports_failures_and_that_nothing_verified_the_work() {
    let issues = [
        (1, "Ship me", "backend"),
        (
            2,
            "\u{1b}[31mBreak\u{202e} me in a title that is much longer than any column has room for",
            "frontend",
        ),
        (3, "Merge by hand", "database"),
        (4, "Needs the second", "testing"),
        (5, "No money left", "security"),
        (6, "Was open", "unknown"),
    ];
    let mut events = admitted(Settings::default(), &issues);
    events.extend(shipped(1, 30, 42));
    events.extend(check_failed(2, 310));
    events.extend(worked(3, 1, 50));
    events.push(finished(
        3,
        Outcome::NeedsYou {
            message: "its dependencies conflict".to_owned(),
        },
    ));
    events.push(finished(
        4,
        Outcome::Skipped {
            because: Skip::DependsOn {
                issue: IssueNumber(2),
            },
        },
    ));
    events.push(finished(
        5,
        Outcome::NotStarted {
            because: NotStarted::Budget,
        },
    ));
    let pull_request = PullRequest {
        number: 9,
        url: "https://github.com/owner/shop/pull/9".to_owned(),
    };
    events.push(finished(
        6,
        Outcome::AlreadyOpen {
            pull_request: Some(pull_request),
        },
    ));
    events.push(completed());
    assert_snapshot!(report(&events), @"
    20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)

    shipped (1)
      #1  Ship me  https://github.com/owner/shop/pull/30 · +34 −5 in 2 files · 1 attempt · $0.42

    already had an open pull request or branch (1)
      #6  Was open  https://github.com/owner/shop/pull/9

    needs you (1)
      #3  Merge by hand  1 attempt · $0.50
          its dependencies conflict
          work kept (+34 −5 in 2 files); to recover it:
          git fetch /state/repos/sample/mirror.git refs/autoissue/salvage/20261122-1315-7f3a/3/1

    failed (1)
      #2  Break me in a title that is much longer than any column has room for  1 attempt · $3.10
          check `test` (exit code 1) failed
          work kept (+34 −5 in 2 files); to recover it:
          git fetch /state/repos/sample/mirror.git refs/autoissue/salvage/20261122-1315-7f3a/2/1

    not started (2)
      #4  Needs the second  depends on #2
      #5  No money left     the budget does not cover it

    before you merge
      no checks are configured (`executor.checks`), so nothing verified this work

    spent $4.02 of $50.00 · $4.02 per pull request
    transcripts /state/sessions/20261122-1315-7f3a
    next        autoissue show 20261122-1315-7f3a 3
    ");
}

#[test]
fn the_report_fits_the_terminal_and_keeps_commands_whole() {
    let issues = [
        (1, "Let people sort the list of orders by date", "backend"),
        (2, "Show the total below the list of orders", "frontend"),
        (3, "Explain how to install it", "testing"),
    ];
    let mut events = admitted(Settings::default(), &issues);
    events.extend(shipped(1, 30, 42));
    events.extend(check_failed(2, 310));
    events.push(finished(
        3,
        Outcome::NotStarted {
            because: NotStarted::Stopped("bad credentials: HTTP 401".to_owned()),
        },
    ));
    events.push(completed());
    let report = made_of(&events);
    let on = |columns| text(&report, Paint::default().on_terminal(columns, false));
    assert_snapshot!(on(60), @"
    20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22
    13:15 to 15:15 (2 h 0 min)

    shipped (1)
      #1  Let people sort the list of orders by date
          https://github.com/owner/shop/pull/30 · +34 −5 in 2
          files · 1 attempt · $0.42

    failed (1)
      #2  Show the total below the list of o…  1 attempt · $3.10
          check `test` (exit code 1) failed
          work kept (+34 −5 in 2 files); to recover it:
          git fetch /state/repos/sample/mirror.git refs/autoissue/salvage/20261122-1315-7f3a/2/1

    not started (1)
      #3  Explain how to install it  bad credentials: HTTP 401

    before you merge
      no checks are configured (`executor.checks`), so nothing
      verified this work

    spent $3.52 of $50.00 · $3.52 per pull request
    transcripts /state/sessions/20261122-1315-7f3a
    next        autoissue show 20261122-1315-7f3a 2
    ");
    assert_snapshot!(on(80), @"
    20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0
    min)

    shipped (1)
      #1  Let people sort the list of orders by date
          https://github.com/owner/shop/pull/30 · +34 −5 in 2 files · 1 attempt ·
          $0.42

    failed (1)
      #2  Show the total below the list of orders  1 attempt · $3.10
          check `test` (exit code 1) failed
          work kept (+34 −5 in 2 files); to recover it:
          git fetch /state/repos/sample/mirror.git refs/autoissue/salvage/20261122-1315-7f3a/2/1

    not started (1)
      #3  Explain how to install it  bad credentials: HTTP 401

    before you merge
      no checks are configured (`executor.checks`), so nothing verified this work

    spent $3.52 of $50.00 · $3.52 per pull request
    transcripts /state/sessions/20261122-1315-7f3a
    next        autoissue show 20261122-1315-7f3a 2
    ");
}

#[test]
fn the_alternative_to_a_command_moves_below_it_where_there_is_no_room() {
    let on = |columns| {
        let paint = Paint::default().on_terminal(columns, false);
        let command = "AUTOISSUE_STATE_DIR=/srv/state autoissue exec bug --budget 10";
        next_line(command, Some("or --allow-partial, or --issue N"), paint)
    };
    assert_snapshot!([60, 120].map(on).join("\n"), @"
    next        AUTOISSUE_STATE_DIR=/srv/state autoissue exec bug --budget 10
                (or --allow-partial, or --issue N)

    next        AUTOISSUE_STATE_DIR=/srv/state autoissue exec bug --budget 10    (or --allow-partial, or --issue N)
    ");
}

#[test]
fn an_empty_backlog_is_reported() {
    let events = [started(Settings::default()), read(0), completed()];
    assert_snapshot!(report(&events), @"
    20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)
    no open issue has the label `bug`

    spent $0.00 of $50.00
    ");
}

#[test]
fn what_was_not_recorded_has_no_id_and_no_cost() {
    let events = [started(Settings::default()), read(0), completed()];
    let report = Report {
        is_recorded: false,
        ..made_of(&events)
    };
    assert_eq!(
        text(&report, Paint::default()),
        "owner/shop: no open issue has the label `bug`\n"
    );
}

#[test]
fn an_issue_that_could_not_be_read_is_named_if_no_issue_was_found() {
    let mut events = [started(Settings::default()), read(0), completed()];
    warned(&mut events, &[UNREAD]);
    assert_snapshot!(report(&events), @"
    20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)
    no open issue has the label `bug`

    backlog warnings (1)
      skipping `.autoissue/issues/41.md`: it cannot be parsed: line 2: the list `labels` is not closed

    spent $0.00 of $50.00
    ");
}

#[test]
fn an_interrupted_session_ends_with_the_resume_command() {
    let mut events = admitted(
        Settings::default(),
        &[(1, "Ship me", "backend"), (2, "Cut off", "frontend")],
    );
    events.extend(shipped(1, 30, 42));
    events.extend(at_work(2, 1));
    events.push(Event::Session(SessionEvent::InterruptRequested));
    events.push(Event::Session(SessionEvent::Interrupted));
    assert_snapshot!(report(&events), @"
    20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)
    interrupted; all work is saved and nothing is running

    shipped (1)
      #1  Ship me  https://github.com/owner/shop/pull/30 · +34 −5 in 2 files · 1 attempt · $0.42

    not finished (1)
      #2  Cut off  agent · 1 attempt · $0.00

    before you merge
      no checks are configured (`executor.checks`), so nothing verified this work

    spent $0.42 of $50.00 · $0.42 per pull request
    transcripts /state/sessions/20261122-1315-7f3a
    next        autoissue resume 20261122-1315-7f3a --max-parallel 4
    ");
}

#[test]
fn a_backlog_beyond_the_budget_is_refused_with_the_amount_it_needs() {
    let mut events = admitted(
        Settings::default(),
        &[(1, "One", "backend"), (2, "Two", "frontend")],
    );
    events.pop();
    let because = NotStarted::Budget;
    events.extend([1, 2].map(|number| {
        finished(
            number,
            Outcome::NotStarted {
                because: because.clone(),
            },
        )
    }));
    let message = "cannot afford 2 tasks: estimated $10.00 exceeds budget $5.00".to_owned();
    events.push(Event::Session(SessionEvent::Finished {
        outcome: SessionOutcome::Failed {
            message,
            budget: true,
        },
    }));
    assert_snapshot!(report(&events), @"
    20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)
    cannot afford 2 tasks: estimated $10.00 exceeds budget $5.00

    not started (2)
      #1  One  the budget does not cover it
      #2  Two  the budget does not cover it

    spent $0.00 of $50.00
    next        autoissue exec bug --max-parallel 4 --budget 10    (or --allow-partial, or --issue N)
    ");
}

#[test]
fn a_session_that_had_to_stop_says_why() {
    let events = [
        started(Settings::default()),
        accepted(1, "One"),
        read(1),
        Event::Session(SessionEvent::Stopping {
            message: "bad credentials: HTTP 401".to_owned(),
            resumable: false,
        }),
        finished(
            1,
            Outcome::NotStarted {
                because: NotStarted::Stopped("bad credentials: HTTP 401".to_owned()),
            },
        ),
        Event::Session(SessionEvent::Finished {
            outcome: SessionOutcome::Failed {
                message: "bad credentials: HTTP 401".to_owned(),
                budget: false,
            },
        }),
    ];
    assert_snapshot!(report(&events), @"
    20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)
    bad credentials: HTTP 401

    not started (1)
      #1  One  bad credentials: HTTP 401

    spent $0.00 of $50.00
    next        autoissue doctor
    ");
}

#[test]
fn what_to_know_before_merging_is_named() {
    let settings = Settings {
        has_checks: true,
        red_base: RedBase::IgnoreKnown,
        ..Settings::default()
    };
    let mut events = admitted(settings, &[(1, "Ship me", "backend")]);
    let red = CheckResult {
        name: "lint".to_owned(),
        passed: false,
        ..CheckResult::default()
    };
    events.push(Event::Intake(IntakeEvent::BaseChecked {
        results: vec![red],
    }));
    let mut task = shipped(1, 30, 42);
    for event in &mut task {
        match event {
            Event::Attempt(AttemptEvent::AgentExited {
                report, estimated, ..
            }) => {
                report.denied = vec!["Bash".to_owned()];
                *estimated = true;
            }
            Event::Attempt(AttemptEvent::WorkCollected {
                work: Some(work), ..
            }) => {
                work.notes = vec!["the nested repository `lib` was left out".to_owned()];
            }
            _ => {}
        }
    }
    events.extend(task);
    events.push(completed());
    warned(&mut events, &[UNREAD]);
    assert_snapshot!(report(&events), @"
    20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)

    shipped (1)
      #1  Ship me  https://github.com/owner/shop/pull/30 · +34 −5 in 2 files · 1 attempt · $0.42

    backlog warnings (1)
      skipping `.autoissue/issues/41.md`: it cannot be parsed: line 2: the list `labels` is not closed

    before you merge
      check `lint` already fails on the base, so its failures were ignored
      $0.42 of the cost is estimated: the agent did not report it
      #1: the agent was denied Bash
      #1: the nested repository `lib` was left out

    spent $0.42 of $50.00 ($0.42 estimated) · $0.42 per pull request
    transcripts /state/sessions/20261122-1315-7f3a
    next        autoissue show 20261122-1315-7f3a
    ");
}
