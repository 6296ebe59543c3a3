//! Journals with one error each: the responsible oracle objects, and no other.

use std::sync::Arc;

use autoissue_engine::*;
use autoissue_engine::{
    AttemptEvent, IntakeEvent, PlanEvent, ServiceEvent, SessionEvent, TaskEvent,
};

use super::judge;
use crate::chronicle::Entry;
use crate::line::START;
use crate::story::{Reply, Scenario, broken, crash, gave_up, limited, number, usd};

/// Runs a script whose journal has no objections, corrupts the journal, and checks that exactly
/// this oracle objects.
#[track_caller]
fn check(
    oracle: &str,
    n_issues: u64,
    script: impl FnOnce(&mut Scenario),
    corrupt: impl FnOnce(&mut Vec<Entry>),
) {
    let mut scenario = Scenario::new(n_issues);
    script(&mut scenario);
    let mut journal = std::mem::take(&mut scenario.journal);
    let before = judge(&journal);
    assert!(before.is_empty(), "{before:?}");
    corrupt(&mut journal);
    let after = judge(&journal);
    let objecting: Vec<&str> = after.iter().map(|objection| objection.oracle).collect();
    assert_eq!(objecting, [oracle], "{after:?}");
}

fn side_by_side(scenario: &mut Scenario) {
    scenario.hold(1, "agent").begin().release(1, "agent");
}

fn in_turn(scenario: &mut Scenario) {
    scenario.set(|s| s.n_slots = 1).begin();
}

/// Returns the position of the first event that matches.
fn position(journal: &[Entry], is: impl Fn(&Event) -> bool) -> usize {
    journal
        .iter()
        .position(|entry| is(&entry.event))
        .expect("the script causes such an event")
}

fn is_start(event: &Event, n: u64) -> bool {
    matches!(event, Event::Attempt(AttemptEvent::Started { issue, .. }) if issue.0 == n)
}

fn rules(journal: &mut [Entry], change: impl FnOnce(&mut Settings)) {
    match &mut journal[0].event {
        Event::Session(SessionEvent::Started { settings, .. }) => change(settings),
        other => panic!("{other:?} is first"),
    }
}

fn accepted(journal: &mut [Entry], n: u64, change: impl FnOnce(&mut Issue)) {
    let at = position(
        journal,
        |event| matches!(event, Event::Task(TaskEvent::Accepted { issue }) if issue.number.0 == n),
    );
    if let Event::Task(TaskEvent::Accepted { issue }) = &mut journal[at].event {
        change(Arc::make_mut(issue));
    }
}

fn classified(journal: &mut [Entry], n: u64, change: impl FnOnce(&mut Classification)) {
    let at = position(
        journal,
        |event| matches!(event, Event::Task(TaskEvent::Classified { issue, .. }) if issue.0 == n),
    );
    if let Event::Task(TaskEvent::Classified { classification, .. }) = &mut journal[at].event {
        change(classification);
    }
}

fn exited(journal: &mut [Entry], change: impl FnOnce(&mut AgentReport, &mut Usd)) {
    let at = position(journal, |event| {
        matches!(event, Event::Attempt(AttemptEvent::AgentExited { .. }))
    });
    if let Event::Attempt(AttemptEvent::AgentExited { report, cost, .. }) = &mut journal[at].event {
        change(report, cost);
    }
}

#[test]
fn budget() {
    fn script(scenario: &mut Scenario) {
        scenario.set(|s| s.allow_partial = true);
        side_by_side(scenario);
    }

    check("budget", 2, script, |journal| {
        rules(journal, |s| s.budget = usd(9.99));
    });
}

#[test]
fn overshoot() {
    check("overshoot", 1, in_turn, |journal| {
        exited(journal, |report, cost| {
            (report.spent, *cost) = (Spent::Known(usd(52.0)), usd(52.0));
        });
    });
}

#[test]
fn cap() {
    check("cap", 1, in_turn, |journal| {
        rules(journal, |s| s.task_cap = usd(4.99));
    });
    check("cap", 1, in_turn, |journal| {
        let left = UnfinishedWork {
            spent: usd(0.01),
            base: "base".into(),
            work: None,
            session: None,
        };
        if let Event::Session(SessionEvent::Started { info, .. }) = &mut journal[0].event {
            info.unfinished.insert(number(1), left);
        }
    });
}

#[test]
fn cost() {
    check("cost", 1, in_turn, |journal| {
        exited(journal, |_, cost| *cost = Usd::ZERO);
    });
    check("cost", 1, in_turn, |journal| {
        exited(journal, |report, _| report.spent = Spent::Unknown);
    });
}

#[test]
fn admission() {
    check("admission", 1, in_turn, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Intake(IntakeEvent::BacklogAdmitted { .. }))
        });
        journal.remove(at);
    });
    check("admission", 3, in_turn, |journal| {
        rules(journal, |s| s.budget = usd(14.99));
    });
}

#[test]
fn slots() {
    check("slots", 2, side_by_side, |journal| {
        rules(journal, |s| s.n_slots = 1);
    });
}

#[test]
fn domain() {
    check("domain", 2, side_by_side, |journal| {
        classified(journal, 2, |class| class.domain = "d1".into());
    });
}

#[test]
fn exclusive() {
    fn alone(domain: &'static str) -> impl FnOnce(&mut Vec<Entry>) {
        move |journal: &mut Vec<Entry>| {
            rules(journal, |s| {
                s.exclusive_domains.insert(domain.into());
            });
        }
    }

    check("exclusive", 2, side_by_side, alone("d2"));
    check("exclusive", 2, side_by_side, alone("d1"));
}

#[test]
fn conflict() {
    fn script(scenario: &mut Scenario) {
        scenario.paths(1, &["src/a.rs"]);
        side_by_side(scenario);
    }

    check("conflict", 2, script, |journal| {
        classified(journal, 2, |class| class.paths.push("src/".into()));
    });
}

#[test]
fn order() {
    check("order", 2, in_turn, |journal| {
        accepted(journal, 2, |issue| issue.created_at = Time::from_ms(0));
    });
}

#[test]
fn dependency() {
    fn on(n: u64) -> Dependency {
        Dependency {
            number: number(n),
            open: true,
        }
    }

    fn skips(scenario: &mut Scenario) {
        scenario
            .depends(2, &[1])
            .set(|s| s.max_retries = 0)
            .replies(1, "agent", [broken(gave_up())])
            .begin();
    }

    check("dependency", 2, side_by_side, |journal| {
        accepted(journal, 2, |issue| issue.dependencies.push(on(1)));
    });
    check("dependency", 2, side_by_side, |journal| {
        accepted(journal, 2, |issue| issue.dependencies.push(on(99)));
    });
    check("dependency", 2, skips, |journal| {
        accepted(journal, 2, |issue| issue.dependencies.clear());
    });
}

#[test]
fn plugin_failure() {
    check(
        "dependency",
        2,
        |scenario| {
            scenario
                .replies(
                    1,
                    "classify",
                    [Reply::PluginFailed(PluginFailureAction::Skip)],
                )
                .begin();
        },
        |journal| {
            journal.retain(|entry| !matches!(entry.event, Event::Task(TaskEvent::PluginFailed(_))));
        },
    );
}

fn outage(scenario: &mut Scenario) {
    scenario
        .set(|s| s.breaker_threshold = 1)
        .replies(1, "agent", [broken(crash())])
        .begin();
}

#[test]
fn breaker() {
    let is_opening =
        |event: &Event| matches!(event, Event::Service(ServiceEvent::BreakerOpened { .. }));
    let is_probe =
        |event: &Event| matches!(event, Event::Service(ServiceEvent::BreakerProbed { .. }));
    check("breaker", 1, outage, |journal| {
        let at = position(journal, is_opening);
        journal.remove(at);
    });
    check("breaker", 1, outage, |journal| {
        let at = position(journal, is_probe);
        journal.remove(at);
    });
    check("breaker", 1, outage, |journal| {
        let at = position(journal, is_probe);
        let probe = journal[at].clone();
        journal.insert(at, probe);
    });
    check("breaker", 1, outage, |journal| {
        rules(journal, |s| s.breaker_cooldown_ms += 1);
    });
    check("breaker", 1, outage, |journal| {
        rules(journal, |s| s.breaker_threshold = 2);
    });
}

#[test]
fn pause() {
    fn script(scenario: &mut Scenario) {
        scenario.replies(1, "agent", [broken(limited(100))]).begin();
    }

    check("pause", 1, script, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Service(ServiceEvent::Paused { .. }))
        });
        if let Event::Service(ServiceEvent::Paused { until, .. }) = &mut journal[at].event {
            *until = START + 3_600_000;
        }
    });
}

#[test]
fn halt() {
    check("halt", 2, in_turn, |journal| {
        let at = position(journal, |event| is_start(event, 2));
        let event = Event::Session(SessionEvent::Stopping {
            message: "stop".into(),
            resumable: false,
        });
        journal.insert(
            at,
            Entry {
                at: journal[at].at,
                event,
            },
        );
    });
    check("halt", 1, in_turn, |journal| {
        rules(journal, |s| s.start_until = Some(START));
    });
    check("halt", 1, in_turn, |journal| {
        let last = journal.len() - 1;
        journal.push(Entry {
            at: journal[last].at,
            event: Event::Intake(IntakeEvent::BacklogRetried),
        });
    });
}

#[test]
fn end() {
    let is_end = |event: &Event| matches!(event, Event::Task(TaskEvent::Finished { .. }));
    check("end", 1, in_turn, |journal| {
        let at = position(journal, is_end);
        journal.remove(at);
    });
    check("end", 1, in_turn, |journal| {
        let at = position(journal, is_end);
        let mut twice = journal[at].clone();
        if let Event::Task(TaskEvent::Finished { outcome, .. }) = &mut twice.event {
            *outcome = Outcome::NoChange;
        }
        journal.insert(at + 1, twice);
    });
}

#[test]
fn attempt() {
    check("attempt", 1, in_turn, |journal| {
        let at = position(journal, |event| is_start(event, 1));
        if let Event::Attempt(AttemptEvent::Started { attempt, .. }) = &mut journal[at].event {
            *attempt = 2;
        }
    });
    check("attempt", 1, in_turn, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Attempt(AttemptEvent::WorktreeLeased { .. }))
        });
        if let Event::Attempt(AttemptEvent::WorktreeLeased { attempt, .. }) = &mut journal[at].event
        {
            *attempt = 2;
        }
    });
}

#[test]
fn retry() {
    fn script(scenario: &mut Scenario) {
        scenario.replies(1, "agent", [broken(crash())]).begin();
    }

    check("retry", 1, script, |journal| {
        rules(journal, |s| s.max_retries = 0);
    });
    check("retry", 1, script, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Attempt(AttemptEvent::Failed { .. }))
        });
        if let Event::Attempt(AttemptEvent::Failed { retry_at, .. }) = &mut journal[at].event {
            *retry_at = Some(START);
        }
    });
}

#[test]
fn publish() {
    fn checked(scenario: &mut Scenario) {
        scenario
            .set(|s| s.has_checks = true)
            .hold(1, "agent")
            .begin()
            .meter(1, 1, 1.0)
            .release(1, "agent");
    }

    check("publish", 1, checked, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Attempt(AttemptEvent::Published { .. }))
        });
        let twice = journal[at].clone();
        journal.insert(at, twice);
    });
    check("publish", 1, checked, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Attempt(AttemptEvent::ChecksFinished { .. }))
        });
        if let Event::Attempt(AttemptEvent::ChecksFinished {
            results, passed, ..
        }) = &mut journal[at].event
        {
            results.push(CheckResult::default());
            *passed = false;
        }
    });
    check("publish", 1, checked, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Attempt(AttemptEvent::WorkCollected { .. }))
        });
        journal[at].event = Event::Attempt(AttemptEvent::WorkCollected {
            issue: number(1),
            attempt: 1,
            work: None,
            notes: Vec::new(),
        });
    });
}

#[test]
fn publish_unmerged() {
    check("publish", 1, in_turn, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Attempt(AttemptEvent::WorkCollected { .. }))
        });
        if let Event::Attempt(AttemptEvent::WorkCollected {
            work: Some(work), ..
        }) = &mut journal[at].event
        {
            work.conflicts.push("src/a.rs".into());
        }
    });
}

#[test]
fn checks() {
    fn checked(scenario: &mut Scenario) {
        scenario.set(|s| s.has_checks = true).begin();
    }

    check("checks", 1, checked, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Attempt(AttemptEvent::ChecksFinished { .. }))
        });
        if let Event::Attempt(AttemptEvent::ChecksFinished { results, .. }) = &mut journal[at].event
        {
            results.push(CheckResult::default());
        }
    });
}

#[test]
fn lost() {
    fn gives_up_once(scenario: &mut Scenario) {
        scenario.replies(1, "agent", [broken(gave_up())]).begin();
    }

    check("lost", 1, in_turn, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Task(TaskEvent::Finished { .. }))
        });
        if let Event::Task(TaskEvent::Finished { outcome, .. }) = &mut journal[at].event {
            *outcome = Outcome::AlreadyOpen { pull_request: None };
        }
    });
    check("lost", 1, gives_up_once, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Attempt(AttemptEvent::Failed { .. }))
        });
        if let Event::Attempt(AttemptEvent::Failed { lost_session, .. }) = &mut journal[at].event {
            *lost_session = true;
        }
    });
}

#[test]
fn collect() {
    fn gives_up(scenario: &mut Scenario) {
        scenario.replies(1, "agent", [broken(gave_up())]).begin();
    }

    let is_collection =
        |event: &Event| matches!(event, Event::Attempt(AttemptEvent::WorkCollected { .. }));
    check("collect", 1, over_budget, |journal| {
        let at = position(journal, is_collection);
        journal.remove(at);
    });
    check("collect", 1, gives_up, |journal| {
        let at = position(journal, is_collection);
        journal.remove(at);
    });
}

fn over_budget(scenario: &mut Scenario) {
    scenario
        .replies(
            1,
            "agent",
            [Reply::Exits(Ended::Budget, Spent::Known(usd(5.0)))],
        )
        .begin();
}

#[test]
fn liveness() {
    check("liveness", 1, in_turn, |journal| {
        journal.pop();
    });
}

fn with_a_plan(scenario: &mut Scenario) {
    scenario.plans(&[&[], &[1]]).set(|s| s.n_slots = 1).begin();
}

#[test]
fn planner_money() {
    check("planner money", 0, with_a_plan, |journal| {
        rules(journal, |s| {
            s.plan = Some(PlanRules {
                source: PlanSource::Planner {
                    model: None,
                    cap: usd(1.99),
                },
                confirm: false,
            });
        });
    });
    check("planner money", 0, with_a_plan, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Plan(PlanEvent::PlannerExited { .. }))
        });
        if let Event::Plan(PlanEvent::PlannerExited { report, .. }) = &mut journal[at].event {
            report.spent = Spent::Unknown;
        }
    });
}

#[test]
fn planner() {
    fn mends(scenario: &mut Scenario) {
        scenario.replies(0, "planner", [Reply::NoPlan(0.1, "no title")]);
        with_a_plan(scenario);
    }

    fn fails(scenario: &mut Scenario) {
        scenario.replies(0, "planner", [broken(crash())]);
        with_a_plan(scenario);
    }

    let is_rejection = |event: &Event| matches!(event, Event::Plan(PlanEvent::Rejected { .. }));
    check("planner", 0, mends, |journal| {
        let at = position(journal, is_rejection);
        let twice = journal[at].clone();
        journal.insert(at, twice);
    });
    check("planner", 0, fails, |journal| {
        rules(journal, |s| s.max_retries = 0);
    });
    check("planner", 0, with_a_plan, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Plan(PlanEvent::PlannerStarted { .. }))
        });
        if let Event::Plan(PlanEvent::PlannerStarted { attempt, .. }) = &mut journal[at].event {
            *attempt = 2;
        }
        let at = position(journal, |event| {
            matches!(event, Event::Plan(PlanEvent::PlannerExited { .. }))
        });
        if let Event::Plan(PlanEvent::PlannerExited { attempt, .. }) = &mut journal[at].event {
            *attempt = 2;
        }
    });
}

#[test]
fn plan() {
    check("plan", 0, with_a_plan, |journal| {
        rules(journal, |s| {
            if let Some(plan) = &mut s.plan {
                plan.confirm = true;
            }
        });
    });
    check("plan", 0, with_a_plan, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Plan(PlanEvent::PlannerExited { .. }))
        });
        if let Event::Plan(PlanEvent::PlannerExited { report, .. }) = &mut journal[at].event {
            report.ended = Ended::Failed { failure: gave_up() };
        }
    });
}

#[test]
fn creation() {
    let is_creation = |event: &Event| matches!(event, Event::Plan(PlanEvent::IssueCreated { .. }));
    check("creation", 0, with_a_plan, |journal| {
        let at = position(journal, is_creation);
        let twice = journal[at].clone();
        journal.insert(at, twice);
    });
    check("creation", 0, with_a_plan, |journal| {
        let at = position(journal, is_creation);
        journal.swap(at, at + 1);
    });
    check("creation", 0, with_a_plan, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Plan(PlanEvent::IssueLinked { .. }))
        });
        journal.remove(at);
    });
    check("creation", 0, with_a_plan, |journal| {
        let at = position(journal, |event| {
            matches!(event, Event::Plan(PlanEvent::Confirmed))
        });
        journal.remove(at);
    });
}
