//! Money: admission, reservations, caps, and unknown costs.

use autoissue_engine::*;

use crate::story::*;

/// An agent that ended well, at a cost that its backend could not read.
fn unmeasured(spent: Spent) -> Reply {
    Reply::Exits(Ended::Done, spent)
}

/// Returns the spending limit that each agent was given.
fn limits(scenario: &Scenario) -> Vec<Option<Usd>> {
    fn limit(effect: &Effect) -> Option<Option<Usd>> {
        match effect {
            Effect::Attempt(AttemptEffect::RunAgent(order)) => Some(order.task.budget_usd.map(usd)),
            _ => None,
        }
    }

    scenario.asked.iter().filter_map(limit).collect()
}

fn stops(scenario: &Scenario) -> Vec<StopReason> {
    fn reason(effect: &Effect) -> Option<StopReason> {
        match effect {
            Effect::Attempt(AttemptEffect::Stop { reason, .. }) => Some(*reason),
            _ => None,
        }
    }

    scenario.asked.iter().filter_map(reason).collect()
}

#[test]
fn a_backlog_above_the_budget_starts_nothing() {
    check(
        10,
        |scenario| {
            scenario
                .set(|s| (s.budget, s.task_cap) = (usd(25.0), usd(6.0)))
                .begin();
        },
        "
        #1 ended, not started: the budget does not cover it
        #2 ended, not started: the budget does not cover it
        #3 ended, not started: the budget does not cover it
        #4 ended, not started: the budget does not cover it
        #5 ended, not started: the budget does not cover it
        #6 ended, not started: the budget does not cover it
        #7 ended, not started: the budget does not cover it
        #8 ended, not started: the budget does not cover it
        #9 ended, not started: the budget does not cover it
        #10 ended, not started: the budget does not cover it
        session failed: cannot afford 10 tasks: estimated $60.00 exceeds budget $25.00
        ",
    );
}

#[test]
fn allow_partial_runs_in_order_what_fits() {
    check(
        3,
        |scenario| {
            scenario.set(|s| {
                (s.budget, s.task_cap, s.n_slots, s.allow_partial) = (usd(7.0), usd(3.0), 1, true);
            });
            scenario
                .replies(1, "agent", [done(2.5)])
                .replies(2, "agent", [done(2.5)])
                .begin();
        },
        "
        #1 attempt 1 started, $3.00 reserved
        #1 agent exited, $2.50
        #1 ended, pull request #101
        #2 attempt 1 started, $3.00 reserved
        #2 agent exited, $2.50
        #3 ended, not started: the budget does not cover it
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn running_attempts_hold_their_money() {
    check(
        3,
        |scenario| {
            scenario.set(|s| (s.budget, s.allow_partial) = (usd(12.0), true));
            scenario.hold(1, "agent").hold(2, "agent").begin().why(3);
            scenario.release(1, "agent").release(2, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        (#3 needs $5.00; only $2.00 of the budget is free)
        #1 agent exited, $1.00
        #3 attempt 1 started, $5.00 reserved
        #1 ended, pull request #101
        #3 agent exited, $1.00
        #3 ended, pull request #103
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn late_bill() {
    let scenario = check(
        20,
        |scenario| {
            scenario.set(|s| {
                (s.budget, s.task_cap, s.n_slots, s.allow_partial) = (usd(1.0), usd(0.5), 20, true);
            });
            (1..=20).for_each(|n| {
                scenario.replies(n, "agent", [done(0.5)]).hold(n, "agent");
            });
            scenario.begin().say("no more than the budget covers");
        },
        "
        #1 attempt 1 started, $0.50 reserved
        #2 attempt 1 started, $0.50 reserved
        (no more than the budget covers)
        ",
    );
    assert_eq!(limits(&scenario), [Some(usd(0.25)); 2]);
}

#[test]
fn the_estimate_is_the_p90_of_three_or_more_earlier_costs() {
    let costs = |costs: &[f64]| costs.iter().map(|&cost| usd(cost)).collect::<Vec<_>>();
    let estimate = |known: &[f64]| {
        let scenario = check_estimate(costs(known));
        scenario.engine.task(number(1)).map(|task| task.estimate)
    };
    assert_eq!(estimate(&[0.1, 0.2]), Some(usd(5.0)), "too few");
    assert_eq!(estimate(&[0.1, 0.2, 0.3]), Some(usd(0.3)));
    assert_eq!(
        estimate(&[9.0, 9.0, 9.0]),
        Some(usd(5.0)),
        "never above the cap"
    );
}

fn check_estimate(costs: Vec<Usd>) -> Scenario {
    let script = |scenario: &mut Scenario| {
        scenario.history.0.insert("sonnet".into(), costs);
        scenario.set(|s| s.dry_run = true).begin();
    };
    check(1, script, "session completed")
}

#[test]
fn history_lost() {
    check(
        10,
        |scenario| {
            scenario
                .history
                .0
                .insert("sonnet".into(), vec![usd(1.0); 3]);
            scenario.history.0.insert("opus".into(), vec![usd(5.0); 3]);
            scenario.set(|s| (s.budget, s.n_slots) = (usd(10.0), 1));
            (2..=10).for_each(|n| {
                scenario.hold(n, "lease");
            });
            scenario
                .begin()
                .say("ten tasks of at most $5.00 fit $10.00 because such tasks have cost $1.00");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #2 attempt 1 started, $5.00 reserved
        (ten tasks of at most $5.00 fit $10.00 because such tasks have cost $1.00)
        ",
    );
}

#[test]
fn a_reservation_is_the_rest_of_the_cap_and_the_agents_limit_is_lower() {
    let scenario = check(
        1,
        |scenario| {
            scenario.replies(
                1,
                "agent",
                [Reply::Exits(
                    Ended::Failed { failure: gave_up() },
                    Spent::Known(usd(2.0)),
                )],
            );
            scenario.begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $2.00
        #1 attempt 1 failed (counted), again: gave up
        #1 attempt 2 started, $3.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(limits(&scenario), [Some(usd(4.5)), Some(usd(2.5))]);
}

#[test]
fn failed_is_free() {
    let scenario = check(
        1,
        |scenario| {
            scenario.replies(
                1,
                "agent",
                [Reply::Exits(
                    Ended::Failed { failure: crash() },
                    Spent::Known(usd(2.0)),
                )],
            );
            scenario.begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $2.00
        agent failed for #1 (counted)
        #1 attempt 1 failed (counted), again at 1s: crashed
        #1 attempt 2 started, $3.00 reserved
        agent answers again
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(scenario.engine.settled().spent, usd(3.0));
}

#[test]
fn one_more_turn() {
    let scenario = check(
        1,
        |scenario| {
            scenario.set(|s| s.task_cap = usd(2.0)).hold(1, "agent").begin();
            scenario.meter(1, 1, 1.9).meter(1, 1, 2.3).meter(1, 1, 2.5);
            scenario.replies(1, "agent", [Reply::Exits(Ended::Budget, Spent::Known(usd(2.79)))]).release(1, "agent");
        },
        "
        #1 attempt 1 started, $2.00 reserved
        #1 metered $1.90
        #1 metered $2.30
        #1 metered $2.50
        #1 agent exited, $2.79
        #1 ended, budget: spent $2.79 of the $2.00 limit; work kept. Raise `agent.maxBudgetUsd` and run it again to continue
        session completed
        ",
    );
    assert_eq!(
        stops(&scenario),
        [StopReason::Budget],
        "stopped once, at the reservation"
    );
}

#[test]
fn first_no_work_is_not_kept() {
    check(
        1,
        |scenario| {
            scenario
                .set(|s| s.task_cap = usd(2.0))
                .hold(1, "agent")
                .begin();
            scenario
                .meter(1, 1, 2.5)
                .replies(1, "collect", [Reply::Nothing]);
            scenario
                .replies(
                    1,
                    "agent",
                    [Reply::Exits(Ended::Done, Spent::Known(usd(2.79)))],
                )
                .release(1, "agent");
        },
        "
        #1 attempt 1 started, $2.00 reserved
        #1 metered $2.50
        #1 agent exited, $2.79
        #1 attempt 1 failed (counted): the agent changed nothing
        #1 ended, budget: spent $2.79 of the $2.00 limit. Raise `agent.maxBudgetUsd` and run it again to continue
        session completed
        ",
    );
}

#[test]
fn spent_counts_each_dollar_once_while_an_attempt_runs_and_after() {
    let scenario = check(
        1,
        |scenario| {
            scenario.hold(1, "agent").hold(1, "collect").begin();
            scenario.meter(1, 1, 0.6);
            let money = scenario.engine.ledger();
            assert_eq!((money.spent, money.reserved), (usd(0.6), usd(4.4)));
            let task = scenario.engine.task(IssueNumber(1)).unwrap();
            assert_eq!((task.spent_now(), task.spent), (usd(0.6), Usd::ZERO));
            scenario
                .replies(1, "agent", [done(1.1)])
                .release(1, "agent");
            let money = scenario.engine.ledger();
            assert_eq!((money.spent, money.reserved), (usd(1.1), Usd::ZERO));
            let task = scenario.engine.task(IssueNumber(1)).unwrap();
            assert_eq!(task.spent_now(), usd(1.1));
            scenario.release(1, "collect");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 metered $0.60
        #1 agent exited, $1.10
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(scenario.engine.ledger(), *scenario.engine.settled());
}

#[test]
fn finished_work_over_its_reservation_is_published() {
    let scenario = check(
        1,
        |scenario| {
            scenario.hold(1, "agent").begin().meter(1, 1, 5.1);
            scenario
                .replies(1, "agent", [done(5.1)])
                .release(1, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 metered $5.10
        #1 agent exited, $5.10
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(stops(&scenario), [StopReason::Budget]);
}

#[test]
fn work_over_its_reservation_that_fails_a_check_ends_as_budget() {
    check(
        1,
        |scenario| {
            scenario.set(|s| s.has_checks = true);
            scenario.replies(1, "agent", [done(5.1)]).replies(1, "checks", [Reply::Red("test")]).begin();
        },
        "
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $5.10
        #1 checks failed
        #1 attempt 1 failed (counted): check `test` (exit code 1) failed
        #1 ended, budget: spent $5.10 of the $5.00 limit; work kept. Raise `agent.maxBudgetUsd` and run it again to continue
        session completed
        ",
    );
}

#[test]
fn money_bill_beats_guess() {
    let scenario = check(
        1,
        |scenario| {
            scenario.hold(1, "agent").begin().meter(1, 1, 10.0);
            scenario
                .replies(1, "agent", [done(0.4)])
                .release(1, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 metered $10.00
        #1 agent exited, $0.40
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(scenario.engine.settled().spent, usd(0.4));
}

#[test]
fn an_impossible_cost_is_unknown() {
    for bill in [Spent::Known(usd(1e300)), Spent::AtLeast(usd(501.0))] {
        let scenario = check(
            1,
            |scenario| {
                scenario.hold(1, "agent").begin();
                scenario.meter(1, 1, 0.3).meter(1, 1, 1e300);
                scenario
                    .replies(1, "agent", [unmeasured(bill)])
                    .release(1, "agent");
            },
            "
            #1 attempt 1 started, $5.00 reserved
            #1 metered $0.30
            #1 agent exited, $0.80 estimated
            #1 ended, pull request #101
            session completed
            ",
        );
        assert_eq!(stops(&scenario), []);
    }
}

#[test]
fn an_impossible_cost_is_not_part_of_the_agent_sessions_cost() {
    let mut scenario = Scenario::new(1);
    scenario
        .set(|s| s.has_checks = true)
        .hold(1, "agent")
        .begin();
    let absurd = unmeasured(Spent::Known(usd(1e300)));
    scenario
        .meter(1, 1, 0.3)
        .replies(1, "agent", [absurd])
        .replies(1, "checks", [Reply::Red("tests")])
        .release(1, "agent");
    let resumed = scenario.asked.iter().filter_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::RunAgent(order)) => resumed(&order.task),
        _ => None,
    });
    let spent: Vec<Usd> = resumed.map(|session| session.spent).collect();
    assert_eq!(spent, [usd(0.3)]);
}

#[test]
fn a_known_cost_of_a_supposedly_free_agent_is_recorded() {
    let costs = [
        (Spent::Known(usd(0.7)), Usd::ZERO),
        (Spent::AtLeast(usd(0.7)), usd(0.7)),
    ];
    for (spent, estimated) in costs {
        let script = |scenario: &mut Scenario| {
            scenario.set(|s| s.cost_reporting = CostReporting::Free);
            scenario
                .replies(1, "agent", [unmeasured(spent)])
                .hold(1, "agent");
            scenario.begin().meter(1, 1, 0.7).release(1, "agent");
        };
        let mut scenario = Scenario::new(1);
        script(&mut scenario);
        let ledger = scenario.engine.settled();
        assert_eq!((ledger.spent, ledger.estimated), (usd(0.7), estimated));
        assert_eq!(stops(&scenario), []);
        assert!(
            scenario
                .engine
                .tasks()
                .values()
                .all(|task| task.outcome().is_some_and(Outcome::is_success))
        );
    }
}

#[test]
fn a_session_that_is_gone_is_replaced_at_its_cost_but_at_no_retry() {
    let scenario = check(
        1,
        |scenario| {
            scenario.set(|s| (s.has_checks, s.max_retries) = (true, 1));
            scenario.replies(1, "agent", [done(2.0), Reply::Gone(0.3), done(0.1)]);
            scenario.replies(1, "checks", [Reply::Red("test")]);
            scenario.begin();
        },
        "
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $2.00
        #1 checks failed
        #1 attempt 1 failed (counted), again, kept: check `test` (exit code 1) failed
        #1 attempt 2 started, $3.00 reserved
        #1 agent exited, $0.30
        #1 attempt 2 failed, again, kept without its session: the session is gone
        #1 attempt 3 started, $2.70 reserved
        #1 agent exited, $0.10
        #1 checks passed
        #1 ended, pull request #101
        session completed
        ",
    );
    let resumed = scenario.asked.iter().filter_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::RunAgent(order)) => Some(order.task.resume.is_some()),
        _ => None,
    });
    assert_eq!(resumed.collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn a_resumed_agent_session_is_given_its_earlier_cost() {
    let scenario = check(
        1,
        |scenario| {
            scenario.set(|s| (s.has_checks, s.max_retries) = (true, 3));
            scenario.replies(
                1,
                "agent",
                [done(2.0), unmeasured(Spent::Unknown), done(0.1)],
            );
            scenario.replies(1, "checks", [Reply::Red("test"), Reply::Red("test")]);
            scenario
                .hold(1, "checks")
                .begin()
                .hold(1, "agent")
                .release(1, "checks");
            scenario.meter(1, 2, 0.5).release(1, "agent");
        },
        "
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $2.00
        #1 checks failed
        #1 attempt 1 failed (counted), again, kept: check `test` (exit code 1) failed
        #1 attempt 2 started, $3.00 reserved
        #1 metered $0.50
        #1 agent exited, $1.00 estimated
        #1 checks failed
        #1 attempt 2 failed (counted), again, kept: check `test` (exit code 1) failed
        #1 attempt 3 started, $2.00 reserved
        #1 agent exited, $0.10
        #1 checks passed
        #1 ended, pull request #101
        session completed
        ",
    );
    let resumed = scenario.asked.iter().filter_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::RunAgent(order)) => {
            Some(resumed(&order.task).map(|session| session.spent))
        }
        _ => None,
    });
    assert_eq!(
        resumed.collect::<Vec<_>>(),
        [None, Some(usd(2.0)), Some(usd(2.5))],
        "what was metered, without what was estimated"
    );
}

#[test]
fn an_interruption_never_ends_a_task_however_small_its_cap() {
    check(
        1,
        |scenario| {
            scenario.set(|s| s.task_cap = usd(0.2));
            scenario
                .hold(1, "agent")
                .begin()
                .meter(1, 1, 0.15)
                .die()
                .resume();
        },
        "
        #1 attempt 1 started, $0.20 reserved
        #1 metered $0.15
        (died)
        session resumed
        #1 agent exited, $0.25 estimated
        #1 attempt 1 failed, again, kept: interrupted
        #1 attempt 2 started, $0.05 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

/// An earlier session spent this much on #1 and left work.
fn unfinished(dollars: f64) -> UnfinishedWork {
    UnfinishedWork {
        spent: usd(dollars),
        base: "b0".into(),
        work: Some("w0".into()),
        session: Some(AgentSession {
            id: "s".into(),
            spent: usd(dollars),
        }),
    }
}

#[test]
fn money_run_again_continues_with_the_rest_of_the_cap() {
    let scenario = check(
        2,
        |scenario| {
            scenario.info.unfinished.insert(number(1), unfinished(4.6));
            scenario.set(|s| s.task_cap = usd(10.0)).begin();
        },
        "
        #1 attempt 1 started, $5.40 reserved
        #2 attempt 1 started, $10.00 reserved
        #1 agent exited, $1.00
        #2 agent exited, $1.00
        #1 ended, pull request #101
        #2 ended, pull request #102
        session completed
        ",
    );
    let first = scenario.asked.iter().find_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::LeaseWorktree { start, .. }) => Some(start.clone()),
        _ => None,
    });
    let kept = Start::KeptTree {
        base: "b0".into(),
        salvage: Some("w0".into()),
    };
    assert_eq!(first, Some(kept));
    let agent = scenario.asked.iter().find_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::RunAgent(order)) => {
            Some((resumed(&order.task), order.continues))
        }
        _ => None,
    });
    assert_eq!(agent, Some((unfinished(4.6).session, true)));
    assert_eq!(
        scenario.engine.settled().spent,
        usd(2.0),
        "the session's budget is separate"
    );
}

#[test]
fn work_with_a_spent_cap_needs_a_decision_and_costs_nothing() {
    check(
        2,
        |scenario| {
            let without_work = UnfinishedWork {
                work: None,
                ..unfinished(4.6)
            };
            scenario.info.unfinished.insert(number(1), unfinished(4.6));
            scenario.info.unfinished.insert(number(2), without_work);
            scenario.begin();
        },
        "
        #1 ended, needs you: budget: $4.60 of the $5.00 limit is already spent. Raise `agent.maxBudgetUsd` and run it again to continue with the kept work
        #2 ended, needs you: budget: $4.60 of the $5.00 limit is already spent. Raise `agent.maxBudgetUsd` and run it again to continue
        session completed
        ",
    );
}

#[test]
fn work_ends_on_resume_if_the_cap_is_lowered_to_the_amount_spent_before() {
    check(
        1,
        |scenario| {
            scenario.info.unfinished.insert(number(1), unfinished(3.0));
            scenario.hold(1, "classify").begin().die();
            scenario.set(|s| s.task_cap = usd(2.0)).resume();
        },
        "
        (died)
        session resumed
        #1 ended, needs you: budget: $3.00 of the $2.00 limit is already spent. Raise `agent.maxBudgetUsd` and run it again to continue with the kept work
        session completed
        ",
    );
}

#[test]
fn a_later_session_gets_the_work_interrupted_by_the_cap() {
    let mut scenario = Scenario::new(2);
    scenario.info.unfinished.insert(number(1), unfinished(1.0));
    scenario.replies(
        1,
        "agent",
        [Reply::Exits(Ended::Budget, Spent::Known(usd(4.0)))],
    );
    scenario.begin();
    let left = |n| scenario.engine.task(number(n)).and_then(Task::unfinished);
    assert_eq!(left(1).map(|left| left.spent), Some(usd(5.0)));
    assert_eq!(left(2), None, "it is done");
}

#[test]
fn cap_wedges_issue() {
    check(
        2,
        |scenario| {
            let spends_all = Reply::Exits(Ended::Failed { failure: gave_up() }, Spent::Known(usd(4.8)));
            scenario.set(|s| s.n_slots = 1).replies(1, "agent", [spends_all]).begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $4.80
        #1 attempt 1 failed (counted): gave up
        #1 ended, budget: spent $4.80 of the $5.00 limit; work kept. Raise `agent.maxBudgetUsd` and run it again to continue
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn unmeasured_is_free() {
    let scenario = check(
        3,
        |scenario| {
            scenario.set(|s| s.n_slots = 1);
            scenario
                .replies(1, "agent", [unmeasured(Spent::Unknown)])
                .hold(1, "agent");
            scenario.replies(2, "agent", [unmeasured(Spent::AtLeast(usd(0.7)))]);
            scenario.begin().meter(1, 1, 0.3).release(1, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 metered $0.30
        #1 agent exited, $0.80 estimated
        #1 ended, pull request #101
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.20 estimated
        #2 ended, pull request #102
        #3 attempt 1 started, $5.00 reserved
        #3 agent exited, $1.00
        #3 ended, pull request #103
        session completed
        ",
    );
    assert_eq!(
        scenario.engine.settled().estimated,
        usd(2.0),
        "known and estimated costs are separate"
    );
}

#[test]
fn a_backend_that_meters_at_the_end_is_charged_its_whole_reservation() {
    check(
        1,
        |scenario| {
            scenario.set(|s| s.cost_reporting = CostReporting::AtTheEnd);
            scenario
                .replies(1, "agent", [unmeasured(Spent::Unknown)])
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $5.00 estimated
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn a_free_agent_needs_no_budget_and_is_told_no_limit() {
    let scenario = check(
        1,
        |scenario| {
            scenario.set(|s| (s.cost_reporting, s.budget) = (CostReporting::Free, Usd::ZERO));
            scenario
                .replies(1, "agent", [unmeasured(Spent::Unknown)])
                .begin();
        },
        "
        #1 attempt 1 started, $0.00 reserved
        #1 agent exited, $0.00
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(limits(&scenario), [None]);
}

#[test]
fn an_agent_that_broke_off_after_spending_is_charged_and_its_work_collected() {
    check(
        1,
        |scenario| {
            scenario
                .replies(1, "agent", [Reply::Fails(crash())])
                .hold(1, "agent")
                .begin();
            scenario.meter(1, 1, 1.2).release(1, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 metered $1.20
        #1 agent exited, $1.70 estimated
        agent failed for #1 (counted)
        #1 attempt 1 failed (counted), again at 1s: crashed
        #1 attempt 2 started, $3.30 reserved
        agent answers again
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn an_unaffordable_task_blocks_no_other_task() {
    check(
        4,
        |scenario| {
            scenario.set(|s| {
                (s.budget, s.allow_partial, s.model) = (usd(9.0), true, ModelChoice::Auto);
            });
            scenario
                .history
                .0
                .insert("sonnet".into(), vec![usd(1.0); 3]);
            scenario
                .model(2, "opus")
                .domain(2, "unknown")
                .replies(1, "agent", [done(4.9)]);
            scenario
                .hold(3, "agent")
                .begin()
                .say("#2 must run alone, but no other task waits for it")
                .release(3, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $4.90
        #2 ended, not started: the budget does not cover it
        #3 attempt 1 started, $4.10 reserved
        #1 ended, pull request #101
        (#2 must run alone, but no other task waits for it)
        #3 agent exited, $1.00
        #4 attempt 1 started, $3.10 reserved
        #3 ended, pull request #103
        #4 agent exited, $1.00
        #4 ended, pull request #104
        session completed
        ",
    );
}

#[test]
fn a_budget_used_up_by_retries_is_named_as_the_reason() {
    check(
        1,
        |scenario| {
            scenario.set(|s| (s.budget, s.allow_partial) = (usd(5.0), true));
            let spends = Reply::Exits(Ended::Failed { failure: gave_up() }, Spent::Known(usd(4.9)));
            scenario.set(|s| s.task_cap = usd(20.0)).history.0.insert("sonnet".into(), vec![usd(4.0); 3]);
            scenario.replies(1, "agent", [spends]).begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $4.90
        #1 attempt 1 failed (counted), again: gave up
        #1 ended, budget: spent $4.90 of the $5.00 limit; work kept. Raise `maxTotalBudgetUsd` and run it again to continue
        session completed
        ",
    );
}
