//! From a directive to issues.

use autoissue_engine::PlanInput;
use autoissue_engine::*;

use crate::story::*;

/// The plan of most stories: 2 and 3 depend on 1.
const FORK: &[&[u32]] = &[&[], &[1], &[1]];

fn asked_to_decompose(scenario: &Scenario) -> Vec<(Option<String>, Option<String>)> {
    scenario.asked.iter().filter_map(decomposition).collect()
}

fn decomposition(effect: &Effect) -> Option<(Option<String>, Option<String>)> {
    match effect {
        Effect::Plan(PlanEffect::Decompose(order)) => Some((
            order.task.resume.as_ref().map(|session| session.id.clone()),
            order
                .rejection
                .as_ref()
                .map(|rejection| rejection.message.clone()),
        )),
        _ => None,
    }
}

#[test]
fn a_directive_becomes_issues_that_are_run() {
    let scenario = check(
        0,
        |scenario| {
            scenario.plans(FORK).set(|s| s.n_slots = 1).begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 3 issues
        issue 1 created as #1
        issue 2 created as #2
        issue 3 created as #3
        issue 2 linked
        issue 3 linked
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        #3 attempt 1 started, $5.00 reserved
        #3 agent exited, $1.00
        #3 ended, pull request #103
        session completed
        ",
    );
    assert_eq!(scenario.engine.settled().spent, usd(3.5));
    assert_eq!(scenario.engine.n_api_calls(), 8);
}

#[test]
fn a_given_plan_costs_nothing() {
    let scenario = check(
        0,
        |scenario| {
            scenario
                .plans(&[&[]])
                .set(|s| {
                    s.plan = Some(PlanRules {
                        source: PlanSource::Given,
                        confirm: false,
                    });
                })
                .begin();
        },
        "
        plan of 1 issues
        issue 1 created as #1
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    assert!(matches!(
        scenario.asked[0],
        Effect::Plan(PlanEffect::Read { .. })
    ));
}

#[test]
fn the_planners_limit_is_its_reservation_minus_a_turn() {
    let scenario = check(
        0,
        |scenario| {
            scenario
                .plans(&[])
                .set(|s| s.budget = usd(1.5))
                .hold(0, "planner")
                .begin();
        },
        "planner 1 started, $1.50 reserved",
    );
    assert!(
        matches!(&scenario.asked[0], Effect::Plan(PlanEffect::Decompose(order)) if order.task.budget_usd == Some(1.0))
    );
}

#[test]
fn a_budget_too_small_for_the_planner_starts_nothing() {
    let scenario = check(
        0,
        |scenario| {
            scenario.plans(FORK).set(|s| s.budget = usd(0.5)).begin();
        },
        "session failed: cannot afford the planner: it needs $0.51, but the budget is $0.50",
    );
    assert_eq!(scenario.asked, []);
}

#[test]
fn an_invalid_answer_is_repaired_once_in_the_same_agent_session() {
    let scenario = check(
        0,
        |scenario| {
            scenario
                .plans(&[&[]])
                .replies(0, "planner", [Reply::NoPlan(0.7, "no title\nno body")])
                .hold(1, "create")
                .begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.70
        plan rejected, again: no title
        no body
        planner 2 started, $1.30 reserved
        planner exited, $0.50
        plan of 1 issues
        ",
    );
    let corrected = (Some("s".to_owned()), Some("no title\nno body".to_owned()));
    assert_eq!(asked_to_decompose(&scenario), [(None, None), corrected]);
}

#[test]
fn a_second_invalid_answer_ends_the_session_and_names_the_file() {
    check(
        0,
        |scenario| {
            scenario
                .plans(FORK)
                .replies(
                    0,
                    "planner",
                    ["a", "b\nc"].map(|why| Reply::NoPlan(0.1, why)),
                )
                .begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.10
        plan rejected, again: a
        planner 2 started, $1.90 reserved
        planner exited, $0.10
        plan rejected: b
        c
        session stops: the planner's answer was not a valid plan: b (and 1 more); the answer is saved in `answer.txt`
        session failed: the planner's answer was not a valid plan: b (and 1 more); the answer is saved in `answer.txt`
        ",
    );
}

#[test]
fn an_answer_is_not_repaired_if_the_budget_is_spent() {
    check(
        0,
        |scenario| {
            scenario
                .plans(FORK)
                .replies(0, "planner", [Reply::NoPlan(1.6, "a")])
                .begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $1.60
        plan rejected: a
        session stops: the planner's answer was not a valid plan: a; the answer is saved in `answer.txt`
        session failed: the planner's answer was not a valid plan: a; the answer is saved in `answer.txt`
        ",
    );
}

#[test]
fn a_planner_without_an_answer_is_asked_once_more() {
    check(
        0,
        |scenario| {
            scenario
                .plans(&[&[]])
                .replies(0, "planner", [Reply::Nothing])
                .hold(1, "create")
                .begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan rejected, again: the answer is empty
        planner 2 started, $1.50 reserved
        planner exited, $0.50
        plan of 1 issues
        ",
    );
}

#[test]
fn a_planner_that_crashes_is_retried_as_often_as_a_task() {
    check(
        0,
        |scenario| {
            scenario
                .plans(FORK)
                .set(|s| s.max_retries = 1)
                .replies(0, "planner", [broken(crash()), broken(crash())])
                .begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.00
        agent failed (counted)
        planner 1 failed (counted), again at 1s: crashed
        planner 2 started, $2.00 reserved
        planner exited, $0.00
        agent failed (counted)
        planner 2 failed (counted): crashed
        session stops: the planner failed: crashed
        session failed: the planner failed: crashed
        ",
    );
}

#[test]
fn a_planner_that_gives_up_is_not_retried() {
    check(
        0,
        |scenario| {
            scenario
                .plans(FORK)
                .replies(0, "planner", [broken(gave_up())])
                .begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.00
        planner 1 failed (counted): gave up
        session stops: the planner failed: gave up
        session failed: the planner failed: gave up
        ",
    );
}

#[test]
fn quota_at_one_am_the_planner_waits_for_its_end() {
    check(
        0,
        |scenario| {
            scenario
                .plans(&[&[]])
                .replies(0, "planner", [broken(limited(3_600))])
                .hold(1, "create")
                .begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.00
        agent pauses until 3600s
        planner 1 failed, again: limited
        planner 2 started, $2.00 reserved
        planner exited, $0.50
        plan of 1 issues
        ",
    );
}

#[test]
fn provider_down_20_min_the_planner_waits_at_no_cost() {
    let scenario = check(
        0,
        |scenario| {
            scenario
                .plans(&[&[]])
                .set(|s| (s.breaker_threshold, s.max_retries) = (2, 0));
            scenario.replies(
                0,
                "planner",
                [broken(overloaded()), broken(overloaded()), broken(crash())],
            );
            scenario.hold(1, "create").begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.00
        agent failed
        planner 1 failed, again at 1s: 529
        planner 2 started, $2.00 reserved
        planner exited, $0.00
        agent failed
        agent breaker open until 61s, 2 failures
        planner 2 failed, again at 2s: 529
        agent probed
        planner 3 started, $2.00 reserved
        planner exited, $0.00
        agent failed
        agent breaker open until 121s, 3 failures
        planner 3 failed, again at 62s: crashed
        agent probed
        planner 4 started, $2.00 reserved
        agent answers again
        planner exited, $0.50
        plan of 1 issues
        ",
    );
    assert_eq!(scenario.engine.plan_progress().unwrap().n_retries, 0);
}

#[test]
fn bad_credentials_are_confirmed_and_interrupt_the_session_with_one_error() {
    check(
        0,
        |scenario| {
            scenario
                .plans(FORK)
                .replies(0, "planner", [broken(auth()), broken(auth())])
                .begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.00
        agent failed
        agent breaker open until 1s, 1 failures
        planner 1 failed, again at 1s: bad credentials
        agent probed
        planner 2 started, $2.00 reserved
        planner exited, $0.00
        session stops, resumable: bad credentials
        planner 2 failed, again at 2s: bad credentials
        agent breaker open until 1s, 1 failures
        session interrupted
        ",
    );
}

#[test]
fn a_planner_that_exceeds_its_reservation_is_stopped() {
    let scenario = check(
        0,
        |scenario| {
            scenario.plans(FORK).hold(0, "planner").begin();
            scenario.input(Input::Plan(PlanInput::PlannerMetered { attempt: 1, spent: usd(0.02) }));
            scenario.input(Input::Plan(PlanInput::PlannerMetered { attempt: 1, spent: usd(1.0) }));
            scenario.input(Input::Plan(PlanInput::PlannerMetered { attempt: 1, spent: usd(2.01) }));
            scenario.replies(0, "planner", [Reply::Exits(Ended::Budget, Spent::Unknown)]).release(0, "planner");
        },
        "
        planner 1 started, $2.00 reserved
        planner metered $1.00
        planner metered $2.01
        planner exited, $2.51 estimated
        session failed: planning spent $2.51 of $2.00 without producing a plan; raise `planner.maxBudgetUsd` or narrow the directive
        ",
    );
    assert!(scenario.asked.contains(&Effect::Plan(PlanEffect::Stop {
        reason: StopReason::Budget
    })));
}

#[test]
fn a_plan_above_the_budget_creates_nothing() {
    let scenario = check(
        0,
        |scenario| {
            scenario.plans(FORK).set(|s| s.budget = usd(15.0)).begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 3 issues
        session failed: cannot afford 3 tasks: estimated $15.00 exceeds budget $15.00 less $0.50 spent on planning
        ",
    );
    assert_eq!(
        scenario.engine.planned_estimate(&scenario.plan.issues[0]),
        usd(5.0)
    );
}

#[test]
fn a_dry_run_pays_the_planner_and_creates_nothing() {
    check(
        0,
        |scenario| {
            scenario.plans(FORK).set(|s| s.dry_run = true).begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 3 issues
        session completed
        ",
    );
}

fn ask_person(settings: &mut Settings) {
    settings.plan.as_mut().expect("it plans").confirm = true;
}

#[test]
fn a_plan_waits_for_approval_and_then_continues() {
    check(
        0,
        |scenario| {
            scenario.plans(&[&[]]).set(ask_person).begin();
            assert!(scenario.engine.is_unconfirmed());
            scenario.resume().say("the same again").die();
            scenario
                .set(|s| s.plan.as_mut().unwrap().confirm = false)
                .hold(1, "create")
                .resume();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 1 issues
        confirmation awaited
        session resumed
        confirmation awaited
        (the same again)
        (died)
        session resumed
        ",
    );
}

#[test]
fn a_declined_plan_creates_nothing() {
    let scenario = check(
        0,
        |scenario| {
            scenario.plans(FORK).set(ask_person).begin();
            scenario.input(Input::Plan(PlanInput::Declined));
            scenario.input(Input::Plan(PlanInput::Declined));
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 3 issues
        confirmation awaited
        plan declined
        session completed
        ",
    );
    assert!(
        scenario
            .asked
            .iter()
            .all(|effect| !matches!(effect, Effect::Plan(PlanEffect::CreateIssue(_))))
    );
}

#[test]
fn a_plan_that_runs_cannot_be_declined() {
    check(
        0,
        |scenario| {
            scenario.plans(&[&[]]).hold(1, "create").begin();
            scenario.input(Input::Plan(PlanInput::Declined));
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 1 issues
        ",
    );
}

#[test]
fn paid_twice_a_planner_that_finished_before_the_crash_is_not_run_again() {
    let scenario = check(
        0,
        |scenario| {
            scenario.plans(&[&[]]).hold(0, "planner").begin().die();
            scenario
                .replies(0, "recover", [done(0.4)])
                .hold(1, "create")
                .resume();
        },
        "
        planner 1 started, $2.00 reserved
        (died)
        session resumed
        planner exited, $0.40
        plan of 1 issues
        ",
    );
    assert_eq!(asked_to_decompose(&scenario).len(), 1);
}

#[test]
fn an_interrupted_planner_is_charged_by_the_rule_and_started_again() {
    check(
        0,
        |scenario| {
            scenario.plans(&[&[]]).hold(0, "planner").begin();
            scenario.input(Input::Plan(PlanInput::PlannerMetered {
                attempt: 1,
                spent: usd(0.25),
            }));
            scenario.die().hold(1, "create").resume();
        },
        "
        planner 1 started, $2.00 reserved
        planner metered $0.25
        (died)
        session resumed
        planner exited, $0.75 estimated
        planner 1 failed, again: interrupted
        planner 2 started, $1.25 reserved
        planner exited, $0.50
        plan of 1 issues
        ",
    );
}

#[test]
fn a_plan_that_arrives_after_a_stop_is_kept() {
    check(
        0,
        |scenario| {
            scenario
                .plans(&[&[]])
                .hold(0, "planner")
                .begin()
                .interrupt()
                .interrupt();
            scenario.release(0, "planner").hold(1, "create").resume();
        },
        "
        planner 1 started, $2.00 reserved
        interrupt requested
        planner exited, $0.50
        plan of 1 issues
        session interrupted
        session resumed
        ",
    );
}

#[test]
fn an_interruption_stops_the_planner_and_a_resume_starts_it_again() {
    let scenario = check(
        0,
        |scenario| {
            scenario
                .plans(&[&[]])
                .hold(0, "planner")
                .begin()
                .interrupt()
                .interrupt();
            let cut = Ended::Failed {
                failure: Failure::Interrupted,
            };
            scenario.replies(0, "planner", [Reply::Exits(cut, Spent::Known(usd(0.3)))]);
            scenario.release(0, "planner").hold(1, "create").resume();
        },
        "
        planner 1 started, $2.00 reserved
        interrupt requested
        planner exited, $0.30
        planner 1 failed, again: interrupted
        session interrupted
        session resumed
        planner 2 started, $1.70 reserved
        planner exited, $0.50
        plan of 1 issues
        ",
    );
    for reason in [StopReason::Interrupted, StopReason::Killed] {
        assert!(
            scenario
                .asked
                .contains(&Effect::Plan(PlanEffect::Stop { reason }))
        );
    }
}

#[test]
fn crash_after_post_an_issue_that_already_exists_is_not_lost() {
    check(
        0,
        |scenario| {
            scenario.plans(&[&[], &[1]]).hold(2, "create").begin().die();
            scenario
                .replies(2, "create", [Reply::Nothing])
                .hold(2, "link")
                .resume();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 2 issues
        issue 1 created as #1
        (died)
        session resumed
        creation retried
        issue 2 found as #2
        ",
    );
}

#[test]
fn an_interrupt_between_two_issues_is_saved_and_resumed() {
    check(
        0,
        |scenario| {
            scenario
                .plans(FORK)
                .hold(2, "create")
                .begin()
                .interrupt()
                .release(2, "create");
            scenario.hold(2, "link").resume();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 3 issues
        issue 1 created as #1
        interrupt requested
        issue 2 created as #2
        session interrupted
        session resumed
        creation retried
        issue 3 created as #3
        ",
    );
}

#[test]
fn interrupted_creation_continues_on_resume() {
    check(
        0,
        |scenario| {
            scenario.plans(&[&[]]).hold(1, "create").begin().interrupt();
            scenario
                .replies(1, "create", [Reply::Fails(Failure::Interrupted)])
                .release(1, "create");
            scenario.hold(1, "agent").resume();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 1 issues
        interrupt requested
        creation interrupted
        session interrupted
        session resumed
        creation retried
        issue 1 created as #1
        #1 attempt 1 started, $5.00 reserved
        ",
    );
}

#[test]
fn secondary_limit_creation_waits_until_the_stated_time() {
    check(
        0,
        |scenario| {
            scenario
                .plans(&[&[]])
                .replies(1, "create", [Reply::Fails(limited(900))])
                .hold(1, "agent")
                .begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 1 issues
        forge pauses until 900s
        creation delayed until 900s: limited
        creation retried
        issue 1 created as #1
        #1 attempt 1 started, $5.00 reserved
        ",
    );
}

#[test]
fn an_outage_of_the_forge_delays_creation_until_it_ends() {
    check(
        0,
        |scenario| {
            scenario.plans(&[&[]]).set(|s| s.breaker_threshold = 2);
            scenario
                .replies(
                    1,
                    "create",
                    [network(), network(), network()].map(Reply::Fails),
                )
                .hold(1, "agent")
                .begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 1 issues
        forge failed (counted)
        creation delayed until 1s (counted): no route
        creation retried
        forge failed
        forge breaker open until 61s, 2 failures
        creation delayed until 2s: no route
        forge probed
        creation retried
        forge failed
        forge breaker open until 121s, 3 failures
        creation delayed until 62s: no route
        forge probed
        creation retried
        forge answers again
        issue 1 created as #1
        #1 attempt 1 started, $5.00 reserved
        ",
    );
}

#[test]
fn creation_with_bad_credentials_waits_until_they_are_fixed() {
    check(
        0,
        |scenario| {
            scenario
                .plans(&[&[], &[]])
                .replies(2, "create", [Reply::Fails(auth())])
                .begin();
            scenario
                .say("credentials fixed")
                .hold(1, "agent")
                .hold(2, "agent")
                .resume();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 2 issues
        issue 1 created as #1
        creation interrupted
        session stops, resumable: bad credentials
        session interrupted
        (credentials fixed)
        session resumed
        creation retried
        issue 2 created as #2
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        ",
    );
}

#[test]
fn an_issue_that_the_forge_rejects_interrupts_the_session() {
    let refused = Failure::NeedsPerson {
        message: "the body is too long".into(),
    };
    check(
        0,
        |scenario| {
            scenario
                .plans(&[&[], &[]])
                .replies(2, "create", [Reply::Fails(refused)])
                .begin();
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 2 issues
        issue 1 created as #1
        creation interrupted
        session stops, resumable: the body is too long
        session interrupted
        ",
    );
}

#[test]
fn late_and_duplicate_answers_change_nothing() {
    check(
        0,
        |scenario| {
            scenario.plans(&[&[], &[]]).hold(2, "create").begin();
            let plan = scenario.plan.clone();
            let report = report(Ended::Done, Spent::Known(usd(1.0)));
            scenario.input(Input::Plan(PlanInput::Decomposed {
                attempt: 1,
                report: Box::new(report),
                answer: Some(Answer::Plan(plan.clone())),
            }));
            scenario.input(Input::Plan(PlanInput::Read { plan }));
            scenario.input(Input::Plan(PlanInput::PlannerMetered {
                attempt: 1,
                spent: usd(1.0),
            }));
            scenario.input(Input::Plan(PlanInput::IssueCreated {
                position: 1,
                number: number(9),
                existed: false,
                n_api_calls: 1,
            }));
            scenario.input(Input::Plan(PlanInput::IssueLinked {
                position: 2,
                n_api_calls: 1,
            }));
            scenario
                .hold(1, "agent")
                .hold(2, "agent")
                .release(2, "create");
            scenario.input(Input::Plan(PlanInput::IssueCreated {
                position: 2,
                number: number(9),
                existed: false,
                n_api_calls: 1,
            }));
            scenario.input(Input::Plan(PlanInput::Failed { failure: network() }));
        },
        "
        planner 1 started, $2.00 reserved
        planner exited, $0.50
        plan of 2 issues
        issue 1 created as #1
        issue 2 created as #2
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        ",
    );
}
