//! Which tasks run side by side, and which go first.

use autoissue_engine::*;

use crate::line::START;
use crate::story::*;

#[test]
fn different_domains_run_side_by_side_and_one_domain_in_turn() {
    check(
        3,
        |scenario| {
            scenario
                .domain(2, "d1")
                .hold(1, "agent")
                .begin()
                .why(2)
                .release(1, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #3 attempt 1 started, $5.00 reserved
        #3 agent exited, $1.00
        #3 ended, pull request #103
        (#2 domain d1 is busy with #1)
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn a_domain_may_have_several_at_once() {
    check(
        3,
        |scenario| {
            scenario
                .set(|s| s.max_per_domain = 2)
                .domain(2, "d1")
                .domain(3, "d1");
            scenario
                .hold(1, "agent")
                .hold(2, "agent")
                .begin()
                .why(3)
                .release(1, "agent")
                .release(2, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        (#3 domain d1 is busy with #1)
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #3 attempt 1 started, $5.00 reserved
        #3 agent exited, $1.00
        #3 ended, pull request #103
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn slots_limit_running_tasks() {
    check(
        4,
        |scenario| {
            scenario
                .set(|s| s.n_slots = 2)
                .hold(1, "agent")
                .hold(2, "agent")
                .begin()
                .why(3);
            scenario.release(1, "agent").release(2, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        (#3 all 2 slots are taken)
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #3 attempt 1 started, $5.00 reserved
        #3 agent exited, $1.00
        #3 ended, pull request #103
        #4 attempt 1 started, $5.00 reserved
        #4 agent exited, $1.00
        #4 ended, pull request #104
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn an_exclusive_domain_runs_alone_once_it_is_the_oldest() {
    check(
        4,
        |scenario| {
            scenario
                .set(|s| s.n_slots = 2)
                .domain(2, "unknown")
                .hold(1, "agent")
                .hold(2, "agent")
                .begin()
                .why(2)
                .why(3);
            scenario.release(1, "agent").why(3).release(2, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        (#2 waiting to run alone (unclassified issue); 1 other running)
        (#3 waiting for #2, which is older and must run alone (unclassified issue))
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #2 attempt 1 started, $5.00 reserved
        (#3 waiting for #2, which runs alone (unclassified issue))
        #2 agent exited, $1.00
        #2 ended, pull request #102
        #3 attempt 1 started, $5.00 reserved
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
fn tasks_on_the_same_file_do_not_run_together() {
    check(
        3,
        |scenario| {
            scenario
                .paths(1, &["src/user.rs"])
                .paths(2, &["src/"])
                .paths(3, &["src/post.rs"]);
            scenario
                .hold(1, "agent")
                .begin()
                .why(2)
                .why(3)
                .release(1, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        (#2 touches src/, which #1 is changing)
        (#3 touches src/post.rs, which #2 is changing)
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
}

#[test]
fn tasks_are_ordered_by_priority_then_age_then_number() {
    check(
        4,
        |scenario| {
            scenario
                .set(|s| s.n_slots = 1)
                .issue(4)
                .labels
                .push("priority: high".into());
            scenario.issue(3).created_at = Time::from_ms(0);
            scenario.issue(1).labels.push("P4".into());
            scenario.begin();
        },
        "
        #4 attempt 1 started, $5.00 reserved
        #4 agent exited, $1.00
        #4 ended, pull request #104
        #3 attempt 1 started, $5.00 reserved
        #3 agent exited, $1.00
        #3 ended, pull request #103
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn nothing_starts_after_the_until_time() {
    check(
        3,
        |scenario| {
            scenario.set(|s| (s.n_slots, s.start_until) = (1, Some(START + 60_000)));
            scenario
                .hold(1, "agent")
                .begin()
                .pass(60)
                .release(1, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 ended, not started: past the `--until` time
        #3 ended, not started: past the `--until` time
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn an_attempt_ended_by_a_limit_is_not_started_after_the_until_time() {
    check(
        2,
        |scenario| {
            scenario.set(|s| (s.n_slots, s.start_until) = (1, Some(START + 60_000)));
            scenario
                .replies(1, "agent", [Reply::Fails(limited(2_640))])
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        agent pauses until 2640s
        #1 attempt 1 failed, again: limited
        #1 ended, not started: past the `--until` time
        #2 ended, not started: past the `--until` time
        session completed
        ",
    );
}

#[test]
fn a_dry_run_stops_once_the_plan_is_ready() {
    let scenario = check(
        2,
        |scenario| {
            scenario.set(|s| s.dry_run = true).begin();
        },
        "
        session completed
        ",
    );
    assert!(!scenario.asked.iter().any(|effect| matches!(
        effect,
        Effect::Attempt(AttemptEffect::LeaseWorktree { .. })
            | Effect::Intake(IntakeEffect::CheckBase)
    )));
}

#[test]
fn there_is_always_a_reason_for_waiting() {
    check(
        2,
        |scenario| {
            scenario
                .set(|s| s.has_checks = true)
                .hold(0, "fetch")
                .hold(2, "classify")
                .hold(0, "base")
                .begin();
            scenario
                .release(0, "fetch")
                .why(1)
                .why(2)
                .release(2, "classify")
                .why(1);
            scenario
                .replies(1, "agent", [broken(crash())])
                .hold(2, "agent")
                .release(0, "base")
                .why(1);
            scenario
                .hold(1, "publish")
                .replies(1, "publish", [Reply::Fails(network())])
                .pass(3);
            scenario
                .release(1, "publish")
                .interrupt()
                .why(1)
                .release(2, "agent");
        },
        "
        (#1 waiting until the whole backlog is classified)
        (#2 being classified)
        (#1 waiting for the checks on the base)
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1 (counted)
        #1 attempt 1 failed (counted), again at 1s: crashed
        (#1 retrying at 01:46 UTC)
        #1 attempt 2 started, $5.00 reserved
        agent answers again
        #1 agent exited, $1.00
        #1 checks passed
        forge failed for #1 (counted)
        #1 publishing delayed until 4s (counted): no route
        interrupt requested
        (#1 retrying at 01:46 UTC)
        #2 agent exited, $1.00
        session interrupted
        ",
    );
    check(
        2,
        |scenario| {
            scenario
                .replies(1, "publish", [Reply::Fails(limited(90))])
                .hold(2, "agent")
                .begin()
                .why(1)
                .release(2, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        forge pauses until 90s
        #1 publishing delayed until 90s: limited
        (#1 the forge is paused until 01:48 UTC: limited)
        #2 agent exited, $1.00
        #1 ended, pull request #101
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn agents_are_given_the_paths_of_other_tasks() {
    let scenario = check(
        2,
        |scenario| {
            scenario
                .paths(1, &["a.rs"])
                .paths(2, &["b.rs"])
                .hold(1, "agent")
                .begin()
                .release(1, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    let avoid = scenario.asked.iter().filter_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::RunAgent(order)) => Some(order.avoid.clone()),
        _ => None,
    });
    assert_eq!(
        avoid.collect::<Vec<_>>(),
        [vec!["b.rs".to_owned()], vec!["a.rs".to_owned()]]
    );
}
