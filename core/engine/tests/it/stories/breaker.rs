//! Unavailable services: breakers, pauses, rejected credentials.

use autoissue_engine::ServiceInput;
use autoissue_engine::*;

use crate::line::START;
use crate::story::*;

fn agent_runs(scenario: &Scenario) -> usize {
    scenario
        .asked
        .iter()
        .filter(|effect| matches!(effect, Effect::Attempt(AttemptEffect::RunAgent(_))))
        .count()
}

#[test]
fn a_breaker_opens_probes_closes_and_gives_the_retries_back() {
    let scenario = check(
        2,
        |scenario| {
            scenario.set(|s| (s.breaker_threshold, s.n_slots) = (3, 1));
            scenario.replies(1, "agent", [crash(), crash()].map(broken));
            scenario
                .replies(2, "agent", [crash(), crash()].map(broken))
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1 (counted)
        #1 attempt 1 failed (counted), again at 1s: crashed
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $0.00
        agent failed for #2 (counted)
        #2 attempt 1 failed (counted), again at 1s: crashed
        #2 attempt 2 started, $5.00 reserved
        #2 agent exited, $0.00
        agent failed for #2
        agent breaker open until 61s, 3 failures
        #2 attempt 2 failed, again at 2s: crashed
        agent probed by #1
        #1 attempt 2 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 121s, 4 failures
        #1 attempt 2 failed, again at 62s: crashed
        agent probed by #1
        #1 attempt 3 started, $5.00 reserved
        agent answers again
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #2 attempt 3 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
    assert!(
        scenario
            .engine
            .tasks()
            .values()
            .all(|task| task.n_retries == 0),
        "no task pays for the service"
    );
}

#[test]
fn three_probes_that_die_in_the_same_way_interrupt_the_session_with_one_error() {
    let scenario = check(
        2,
        |scenario| {
            scenario.set(|s| (s.breaker_threshold, s.n_slots) = (2, 1));
            scenario
                .replies(1, "agent", [(); 4].map(|()| broken(crash())))
                .replies(2, "agent", [crash()].map(broken))
                .begin()
                .resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1 (counted)
        #1 attempt 1 failed (counted), again at 1s: crashed
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $0.00
        agent failed for #2
        agent breaker open until 60s, 2 failures
        #2 attempt 1 failed, again at 1s: crashed
        agent probed by #1
        #1 attempt 2 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 120s, 3 failures
        #1 attempt 2 failed, again at 61s: crashed
        agent probed by #1
        #1 attempt 3 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 180s, 4 failures
        #1 attempt 3 failed, again at 121s: crashed
        agent probed by #1
        #1 attempt 4 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 240s, 5 failures
        session stops, resumable: agent `claude` fails the same way each time: crashed (waited 3 minutes)
        #1 attempt 4 failed, again at 181s: crashed
        session interrupted
        session resumed
        agent probed by #1
        #1 attempt 5 started, $5.00 reserved
        agent answers again
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #2 attempt 2 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
    assert_eq!(scenario.engine.settled().spent, usd(2.0));
}

#[test]
fn launches_that_die_silently_interrupt_the_session_even_without_retries() {
    let mut scenario = Scenario::new(2);
    scenario.set(|s| (s.max_retries, s.breaker_threshold, s.n_slots) = (0, 3, 1));
    for issue in [1, 2] {
        scenario.replies(issue, "agent", (0..9).map(|_| broken(crash())));
    }
    scenario.begin();
    let told = scenario.told();
    let error = "session stops, resumable: agent `claude` fails the same way each time";
    assert!(
        told.contains(error) && told.ends_with("session interrupted"),
        "{told}"
    );
    assert!(
        scenario
            .engine
            .tasks()
            .values()
            .all(|task| task.outcome().is_none())
    );
    assert_eq!(scenario.engine.settled().spent, Usd::ZERO);
}

#[test]
fn paid_work_is_not_repeated_without_retries() {
    let mut scenario = Scenario::new(1);
    scenario.set(|s| s.max_retries = 0);
    let failure = crash();
    let died = Reply::Exits(Ended::Failed { failure }, Spent::Known(usd(0.5)));
    scenario.replies(1, "agent", [died]).begin();
    assert_eq!(agent_runs(&scenario), 1);
}

#[test]
fn probes_continue_throughout_an_outage() {
    let scenario = check_quietly(|scenario| {
        scenario.set(|s| s.breaker_threshold = 1);
        scenario
            .replies(1, "agent", (0..20).map(|_| broken(overloaded())))
            .begin();
    });
    assert_eq!(agent_runs(&scenario), 21);
}

#[test]
fn a_program_missing_for_seconds_costs_no_retries() {
    let scenario = check_quietly(|scenario| {
        scenario.set(|s| (s.max_retries, s.breaker_threshold) = (0, 5));
        scenario
            .replies(1, "agent", (0..7).map(|_| Reply::Fails(crash())))
            .begin();
    });
    assert_eq!(agent_runs(&scenario), 8);
}

#[test]
fn a_full_disk_pauses_starts_and_costs_no_retries() {
    let full = || {
        Reply::Fails(Failure::DiskFull {
            message: "no space".into(),
        })
    };
    let scenario = check_quietly(|scenario| {
        scenario.set(|s| (s.max_retries, s.breaker_threshold) = (0, 2));
        scenario.replies(1, "lease", (0..9).map(|_| full())).begin();
    });
    assert_eq!(agent_runs(&scenario), 1);
    let told = scenario.engine.breakers();
    assert!(told.contains_key(&Service::Machine) && !told.contains_key(&Service::Forge));
}

fn no_room() -> Reply {
    Reply::Fails(Failure::DiskFull {
        message: "no space".into(),
    })
}

#[test]
fn collection_without_disk_space_is_retried_without_another_agent() {
    check(
        1,
        |scenario| {
            scenario.set(|s| (s.max_retries, s.breaker_threshold) = (0, 2));
            scenario
                .replies(1, "collect", [no_room(), no_room(), no_room()])
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        machine failed for #1
        #1 collecting delayed until 1s: no space
        #1 collecting again
        machine failed for #1
        machine breaker open until 61s, 2 failures
        #1 collecting delayed until 2s: no space
        machine probed by #1
        #1 collecting again
        machine failed for #1
        machine breaker open until 121s, 3 failures
        #1 collecting delayed until 62s: no space
        machine probed by #1
        #1 collecting again
        machine answers again
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn checks_that_ran_out_of_disk_space_are_repeated_without_another_agent() {
    let scenario = check_quietly(|scenario| {
        scenario.set(|s| (s.max_retries, s.breaker_threshold) = (0, 2));
        scenario.set(|s| s.has_checks = true);
        scenario
            .replies(1, "checks", (0..5).map(|_| no_room()))
            .begin();
    });
    assert_eq!(agent_runs(&scenario), 1);
    let collects =
        |effect: &&Effect| matches!(effect, Effect::Attempt(AttemptEffect::CollectWork { .. }));
    let n_collected = scenario.asked.iter().filter(collects).count();
    assert_eq!(n_collected, 1, "files created by checks are not collected");
}

#[test]
fn a_disk_that_stays_full_for_an_hour_interrupts_the_session_with_one_error() {
    for place in ["lease", "collect", "checks"] {
        let mut scenario = Scenario::new(1);
        scenario.set(|s| (s.breaker_threshold, s.has_checks) = (1, true));
        scenario
            .replies(1, place, (0..70).map(|_| no_room()))
            .begin();
        let told = scenario.told();
        let error = "session stops, resumable: no space (waited 60 minutes)";
        assert!(told.contains(error), "{told}");
        assert!(told.ends_with("session interrupted"), "{told}");
        let n_runs = agent_runs(&scenario);
        assert_eq!(n_runs, usize::from(place != "lease"));
        let (task, now) = (
            scenario.engine.task(number(1)).expect("a task"),
            scenario.now,
        );
        assert!(task.outcome().is_none() && task.n_retries == 0, "{task:?}");
        assert!(now < START + 3_700_000, "{now}");

        // A resume means that space was freed, or grants another hour to free it.
        scenario.resume();
        assert_eq!(agent_runs(&scenario), 1, "{}", scenario.told());
        let task = scenario.engine.task(number(1)).expect("a task");
        assert!(task.outcome().is_some_and(Outcome::is_success), "{task:?}");
    }
}

#[test]
fn a_single_issue_waits_for_the_network() {
    let scenario = check_quietly(|scenario| {
        scenario.set(|s| (s.max_retries, s.breaker_threshold) = (0, 3));
        scenario
            .replies(1, "agent", (0..9).map(|_| broken(network())))
            .begin();
    });
    assert_eq!(agent_runs(&scenario), 10);
}

/// Runs a script on one issue, which is published in the end without paying any retries.
fn check_quietly(script: impl FnOnce(&mut Scenario)) -> Scenario {
    let mut scenario = Scenario::new(1);
    script(&mut scenario);
    let task = scenario.engine.task(number(1)).expect("a task");
    assert!(
        task.outcome().is_some_and(Outcome::is_success) && task.n_retries == 0,
        "{task:?}"
    );
    scenario
}

#[test]
fn a_limit_whose_stated_end_has_passed_opens_the_breaker() {
    let scenario = check(
        1,
        |scenario| {
            scenario.set(|s| s.breaker_threshold = 3);
            scenario
                .replies(1, "agent", [0; 4].map(|until_s| broken(limited(until_s))))
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        #1 attempt 1 failed, again at 1s, kept: limited
        #1 attempt 2 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        #1 attempt 2 failed, again at 2s, kept: limited
        #1 attempt 3 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 62s, 3 failures
        #1 attempt 3 failed, again at 3s, kept: limited
        agent probed by #1
        #1 attempt 4 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 122s, 4 failures
        #1 attempt 4 failed, again at 63s, kept: limited
        agent probed by #1
        #1 attempt 5 started, $5.00 reserved
        agent answers again
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(agent_runs(&scenario), 5, "and no more");
}

#[test]
fn while_open_tasks_wait_and_one_probes() {
    check(
        3,
        |scenario| {
            scenario.set(|s| (s.breaker_threshold, s.max_retries) = (1, 0));
            scenario
                .replies(1, "agent", [broken(crash())])
                .hold(2, "agent")
                .hold(3, "lease")
                .begin();
            scenario.pass(5).why(1).pass(60).why(1);
            scenario
                .replies(3, "agent", [done(0.1)])
                .hold(1, "agent")
                .release(3, "lease")
                .why(3);
            scenario.release(1, "agent").release(2, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #3 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 60s, 1 failures
        #1 attempt 1 failed, again at 1s: crashed
        (#1 agent `claude` failed too often; paused until 01:47 UTC)
        agent probed by #1
        #1 attempt 2 started, $5.00 reserved
        agent answers again
        #1 agent exited, $1.00
        #1 ended, pull request #101
        (#1 is not waiting)
        #3 agent exited, $0.10
        #3 ended, pull request #103
        (#3 is not waiting)
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn provider_down_20_min() {
    let scenario = check(
        6,
        |scenario| {
            scenario.set(|s| s.breaker_cooldown_ms = 600_000);
            (1..=6).for_each(|n| {
                scenario.replies(n, "agent", [network()].map(broken));
            });
            scenario.begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #3 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        #2 agent exited, $0.00
        #3 agent exited, $0.00
        agent failed for #1
        #1 attempt 1 failed, again at 1s, kept: no route
        #4 attempt 1 started, $5.00 reserved
        agent failed for #2
        #2 attempt 1 failed, again at 1s, kept: no route
        #5 attempt 1 started, $5.00 reserved
        agent failed for #3
        #3 attempt 1 failed, again at 1s, kept: no route
        #6 attempt 1 started, $5.00 reserved
        #4 agent exited, $0.00
        #5 agent exited, $0.00
        #6 agent exited, $0.00
        agent failed for #4
        #4 attempt 1 failed, again at 1s, kept: no route
        agent failed for #5
        agent breaker open until 600s, 5 failures
        #5 attempt 1 failed, again at 1s, kept: no route
        agent failed for #6
        #6 attempt 1 failed, again at 1s, kept: no route
        agent probed by #1
        #1 attempt 2 started, $5.00 reserved
        agent answers again
        #1 agent exited, $1.00
        #2 attempt 2 started, $5.00 reserved
        #3 attempt 2 started, $5.00 reserved
        #1 ended, pull request #101
        #4 attempt 2 started, $5.00 reserved
        #2 agent exited, $1.00
        #3 agent exited, $1.00
        #4 agent exited, $1.00
        #2 ended, pull request #102
        #5 attempt 2 started, $5.00 reserved
        #3 ended, pull request #103
        #6 attempt 2 started, $5.00 reserved
        #4 ended, pull request #104
        #5 agent exited, $1.00
        #6 agent exited, $1.00
        #5 ended, pull request #105
        #6 ended, pull request #106
        session completed
        ",
    );
    assert!(
        scenario
            .engine
            .tasks()
            .values()
            .all(|task| task.outcome().is_some_and(Outcome::is_success))
    );
}

#[test]
fn quota_at_one_am() {
    check(
        5,
        |scenario| {
            scenario.set(|s| (s.n_slots, s.max_retries) = (2, 0));
            scenario
                .replies(1, "agent", [broken(limited(2_640))])
                .hold(2, "agent")
                .begin()
                .why(3);
            scenario.release(2, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent pauses until 2640s
        #1 attempt 1 failed, again, kept: limited
        (#3 agent `claude` is paused until 02:30 UTC: limited)
        #2 agent exited, $1.00
        #2 ended, pull request #102
        #1 attempt 2 started, $5.00 reserved
        #3 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #3 agent exited, $1.00
        #1 ended, pull request #101
        #4 attempt 1 started, $5.00 reserved
        #3 ended, pull request #103
        #5 attempt 1 started, $5.00 reserved
        #4 agent exited, $1.00
        #5 agent exited, $1.00
        #4 ended, pull request #104
        #5 ended, pull request #105
        session completed
        ",
    );
}

#[test]
fn a_stated_pause_is_kept_whatever_else_fails() {
    check(
        3,
        |scenario| {
            scenario
                .set(|s| s.breaker_threshold = 2)
                .hold(2, "agent")
                .hold(3, "agent");
            scenario.replies(1, "agent", [broken(limited(3_000))]);
            scenario
                .replies(2, "agent", [broken(crash())])
                .replies(3, "agent", [broken(crash())]);
            scenario.begin().release(2, "agent").release(3, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #3 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent pauses until 3000s
        #1 attempt 1 failed, again, kept: limited
        #2 agent exited, $0.00
        agent failed for #2
        #2 attempt 1 failed, again at 1s: crashed
        #3 agent exited, $0.00
        agent failed for #3
        #3 attempt 1 failed, again at 1s: crashed
        #1 attempt 2 started, $5.00 reserved
        #2 attempt 2 started, $5.00 reserved
        #3 attempt 2 started, $5.00 reserved
        agent answers again
        #1 agent exited, $1.00
        #2 agent exited, $1.00
        #3 agent exited, $1.00
        #1 ended, pull request #101
        #2 ended, pull request #102
        #3 ended, pull request #103
        session completed
        ",
    );
}

#[test]
fn no_agent_starts_in_a_worktree_that_was_ready_too_late() {
    let scenario = check(
        2,
        |scenario| {
            scenario
                .hold(2, "lease")
                .replies(1, "agent", [broken(limited(500))])
                .begin()
                .release(2, "lease");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent pauses until 500s
        #1 attempt 1 failed, again, kept: limited
        #2 attempt 1 failed, again: interrupted
        #1 attempt 2 started, $5.00 reserved
        #2 attempt 2 started, $5.00 reserved
        #1 agent exited, $1.00
        #2 agent exited, $1.00
        #1 ended, pull request #101
        #2 ended, pull request #102
        session completed
        ",
    );
    assert_eq!(agent_runs(&scenario), 3);
}

#[test]
fn one_hundred_thirty_three_more_starts() {
    let scenario = check(
        6,
        |scenario| {
            scenario
                .set(|s| s.n_slots = 1)
                .replies(1, "agent", [broken(auth())])
                .replies(2, "agent", [broken(auth())])
                .begin()
                .say("someone logs in")
                .resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 1s, 1 failures
        #1 attempt 1 failed, again at 1s, kept: bad credentials
        agent probed by #2
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $0.00
        session stops, resumable: bad credentials
        #2 attempt 1 failed, again at 2s, kept: bad credentials
        agent breaker open until 1s, 1 failures
        session interrupted
        (someone logs in)
        session resumed
        agent probed by #3
        #3 attempt 1 started, $5.00 reserved
        agent answers again
        #3 agent exited, $1.00
        #3 ended, pull request #103
        #4 attempt 1 started, $5.00 reserved
        #4 agent exited, $1.00
        #4 ended, pull request #104
        #5 attempt 1 started, $5.00 reserved
        #5 agent exited, $1.00
        #5 ended, pull request #105
        #6 attempt 1 started, $5.00 reserved
        #6 agent exited, $1.00
        #6 ended, pull request #106
        #1 attempt 2 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #2 attempt 2 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
    assert_eq!(agent_runs(&scenario), 8, "two of them in vain");
}

#[test]
fn one_refused_agent_of_three_is_retried() {
    check(
        3,
        |scenario| {
            scenario
                .replies(1, "agent", [broken(auth())])
                .hold(1, "agent")
                .hold(2, "agent")
                .hold(3, "lease")
                .begin();
            scenario
                .release(1, "agent")
                .release(3, "lease")
                .release(2, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #3 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 1s, 1 failures
        #1 attempt 1 failed, again at 1s, kept: bad credentials
        #3 attempt 1 failed, again: interrupted
        agent answers again
        #2 agent exited, $1.00
        #3 attempt 2 started, $5.00 reserved
        #2 ended, pull request #102
        #3 agent exited, $1.00
        #3 ended, pull request #103
        #1 attempt 2 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn a_new_start_confirms_a_refusal_and_an_answer_does_not() {
    // Both were running when the credentials were renewed: neither counts as the one more start.
    check(
        2,
        |scenario| {
            let refused = || [broken(auth())];
            scenario
                .replies(1, "agent", refused())
                .replies(2, "agent", refused())
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 1s, 1 failures
        #2 agent exited, $0.00
        #1 attempt 1 failed, again at 1s, kept: bad credentials
        #2 attempt 1 failed, again at 1s, kept: bad credentials
        agent probed by #2
        #2 attempt 2 started, $5.00 reserved
        agent answers again
        #2 agent exited, $1.00
        #2 ended, pull request #102
        #1 attempt 2 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn a_lost_agent_session_is_not_replaced_if_the_lower_cap_is_spent() {
    check(
        1,
        |scenario| {
            scenario.set(|s| (s.has_checks, s.max_retries) = (true, 2));
            scenario.replies(1, "agent", [done(3.0), broken(gave_up())]);
            scenario.replies(1, "checks", [Reply::Red("test")]);
            scenario.hold(1, "checks").begin();
            scenario.hold(1, "lease").release(1, "checks");
            scenario.die().set(|s| s.task_cap = usd(2.0)).resume();
        },
        "
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $3.00
        #1 checks failed
        #1 attempt 1 failed (counted), again, kept: check `test` (exit code 1) failed
        #1 attempt 2 started, $2.00 reserved
        (died)
        session resumed
        #1 agent exited, $0.00
        #1 attempt 2 failed (counted): gave up
        #1 ended, budget: spent $3.00 of the $2.00 limit; work kept. Raise `agent.maxBudgetUsd` and run it again to continue
        session completed
        ",
    );
}

#[test]
fn a_lost_agent_session_is_replaced_at_no_retry() {
    let scenario = check(
        1,
        |scenario| {
            scenario.set(|s| (s.has_checks, s.max_retries) = (true, 1));
            scenario.replies(1, "agent", [done(1.0), broken(gave_up())]);
            scenario.replies(1, "checks", [Reply::Red("test")]).begin();
        },
        "
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 checks failed
        #1 attempt 1 failed (counted), again, kept: check `test` (exit code 1) failed
        #1 attempt 2 started, $4.00 reserved
        #1 agent exited, $0.00
        #1 attempt 2 failed, again, kept without its session: gave up
        #1 attempt 3 started, $4.00 reserved
        #1 agent exited, $1.00
        #1 checks passed
        #1 ended, pull request #101
        session completed
        ",
    );
    let last = scenario.asked.iter().rev().find_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::RunAgent(order)) => Some((
            order.task.resume.is_some(),
            order.feedback.clone().unwrap_or_default(),
        )),
        _ => None,
    });
    let (is_resumed, feedback) = last.expect("an agent");
    assert!(
        !is_resumed && feedback.starts_with("check `test`"),
        "{feedback}"
    );
    let start = scenario.asked.iter().rev().find_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::LeaseWorktree { start, .. }) => Some(start.clone()),
        _ => None,
    });
    assert_eq!(
        start,
        Some(Start::KeptTree {
            base: "b".into(),
            salvage: None
        })
    );
}

#[test]
fn work_interrupted_by_a_limit_continues_in_the_same_worktree_and_session() {
    let scenario = check(
        1,
        |scenario| {
            let cut = Reply::Exits(
                Ended::Failed {
                    failure: limited(100),
                },
                Spent::Known(usd(3.0)),
            );
            scenario.replies(1, "agent", [cut]).begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $3.00
        agent pauses until 100s
        #1 attempt 1 failed, again, kept: limited
        #1 attempt 2 started, $2.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    let last = scenario.asked.iter().rev().find_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::RunAgent(order)) => {
            Some((resumed(&order.task), order.continues))
        }
        _ => None,
    });
    let session = AgentSession {
        id: "s".into(),
        spent: usd(3.0),
    };
    assert_eq!(last, Some((Some(session), true)));
}

#[test]
fn an_outage_of_the_forge_delays_publishing() {
    let scenario = check(
        1,
        |scenario| {
            let down = std::iter::repeat_n(Reply::Fails(network()), 7);
            scenario.replies(1, "publish", down).begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        forge failed for #1 (counted)
        #1 publishing delayed until 1s (counted): no route
        forge failed for #1 (counted)
        #1 publishing delayed until 3s (counted): no route
        forge failed for #1 (counted)
        #1 publishing delayed until 8s (counted): no route
        forge failed for #1 (counted)
        #1 publishing delayed until 12s (counted): no route
        forge failed for #1
        forge breaker open until 72s, 5 failures
        #1 publishing delayed until 13s: no route
        forge probed by #1
        forge failed for #1
        forge breaker open until 132s, 6 failures
        #1 publishing delayed until 73s: no route
        forge probed by #1
        forge failed for #1
        forge breaker open until 192s, 7 failures
        #1 publishing delayed until 133s: no route
        forge probed by #1
        forge answers again
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(agent_runs(&scenario), 1);
}

#[test]
fn publishing_is_retried_when_the_forges_limit_ends() {
    check(
        2,
        |scenario| {
            scenario.set(|s| s.n_slots = 1).replies(
                1,
                "publish",
                [Reply::Fails(limited(100)), Reply::Fails(limited(0))],
            );
            scenario.hold(2, "lease").begin().release(2, "lease");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        forge pauses until 100s
        #1 publishing delayed until 100s: limited
        forge failed for #1
        #1 publishing delayed until 101s: limited
        forge answers again
        #1 ended, pull request #101
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn worktrees_wait_for_the_forge_that_gives_their_base() {
    check(
        4,
        |scenario| {
            scenario.set(|s| (s.breaker_threshold, s.n_slots) = (2, 2));
            scenario
                .replies(1, "lease", [Reply::Fails(network())])
                .replies(2, "lease", [Reply::Fails(limited(40))]);
            scenario
                .replies(3, "lease", [Reply::Fails(overloaded())])
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        forge failed for #1
        #1 attempt 1 failed, again at 1s: no route
        #3 attempt 1 started, $5.00 reserved
        forge pauses until 40s
        #2 attempt 1 failed, again: limited
        forge failed for #3
        #3 attempt 1 failed, again at 1s: 529
        #1 attempt 2 started, $5.00 reserved
        #2 attempt 2 started, $5.00 reserved
        forge answers again
        #1 agent exited, $1.00
        #2 agent exited, $1.00
        #1 ended, pull request #101
        #3 attempt 2 started, $5.00 reserved
        #2 ended, pull request #102
        #4 attempt 1 started, $5.00 reserved
        #3 agent exited, $1.00
        #4 agent exited, $1.00
        #3 ended, pull request #103
        #4 ended, pull request #104
        session completed
        ",
    );
}

#[test]
fn publishing_gives_up_if_only_publishing_fails() {
    check(
        4,
        |scenario| {
            scenario.set(|s| (s.breaker_threshold, s.n_slots) = (2, 4));
            scenario.replies(
                1,
                "publish",
                std::iter::repeat_n(Reply::Fails(network()), 4),
            );
            scenario
                .hold(2, "publish")
                .hold(3, "publish")
                .hold(4, "publish")
                .begin();
            scenario
                .release(2, "publish")
                .pass(2)
                .release(3, "publish")
                .pass(3)
                .release(4, "publish");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #3 attempt 1 started, $5.00 reserved
        #4 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #2 agent exited, $1.00
        #3 agent exited, $1.00
        #4 agent exited, $1.00
        forge failed for #1 (counted)
        #1 publishing delayed until 1s (counted): no route
        forge answers again
        #2 ended, pull request #102
        forge failed for #1 (counted)
        #1 publishing delayed until 4s (counted): no route
        forge answers again
        #3 ended, pull request #103
        forge failed for #1 (counted)
        #1 publishing delayed until 9s (counted): no route
        forge answers again
        #4 ended, pull request #104
        forge failed for #1 (counted)
        #1 attempt 1 failed: no route
        #1 ended, network: no route
        session completed
        ",
    );
}

#[test]
fn a_probe_without_a_result_lets_another_task_probe() {
    check(
        2,
        |scenario| {
            scenario.set(|s| (s.breaker_threshold, s.n_slots) = (1, 1));
            scenario.replies(1, "agent", [broken(crash())]).replies(
                1,
                "lease",
                [Reply::Nothing, Reply::Fails(crash())],
            );
            scenario.begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 60s, 1 failures
        #1 attempt 1 failed, again at 1s: crashed
        agent probed by #1
        #1 attempt 2 started, $5.00 reserved
        #1 attempt 2 failed (counted), again at 61s: crashed
        agent breaker open until 60s, 1 failures
        agent probed by #2
        #2 attempt 1 started, $5.00 reserved
        agent answers again
        #2 agent exited, $1.00
        #2 ended, pull request #102
        #1 attempt 3 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn a_user_closes_a_breaker() {
    check(
        2,
        |scenario| {
            scenario.set(|s| (s.breaker_threshold, s.breaker_cooldown_ms) = (1, 3_600_000));
            scenario
                .replies(1, "agent", [broken(crash())])
                .hold(2, "agent")
                .begin();
            scenario.input(Input::Service(ServiceInput::BreakerReset { service: None }));
            scenario.run().release(2, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1
        agent breaker open until 3600s, 1 failures
        #1 attempt 1 failed, again at 1s: crashed
        agent breaker reset
        #2 agent exited, $1.00
        #2 ended, pull request #102
        #1 attempt 2 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}
