//! Interruptions and crashes, and resuming after them.

use autoissue_engine::*;

use crate::story::*;

fn count(scenario: &Scenario, is: impl Fn(&Effect) -> bool) -> usize {
    scenario.asked.iter().filter(|effect| is(effect)).count()
}

fn agent_runs(scenario: &Scenario) -> usize {
    count(scenario, |effect| {
        matches!(effect, Effect::Attempt(AttemptEffect::RunAgent(_)))
    })
}

#[test]
fn paid_twice() {
    for stage in ["collect", "checks"] {
        let scenario = check(
            1,
            |scenario| {
                scenario
                    .set(|s| s.has_checks = true)
                    .hold(1, stage)
                    .begin()
                    .die()
                    .resume();
            },
            "
            base checked, 0 red
            #1 attempt 1 started, $5.00 reserved
            #1 agent exited, $1.00
            (died)
            session resumed
            #1 checks passed
            #1 ended, pull request #101
            session completed
            ",
        );
        assert_eq!(agent_runs(&scenario), 1, "{stage}");
    }
}

#[test]
fn crash_after_post() {
    let scenario = check(
        1,
        |scenario| {
            scenario.hold(1, "publish").begin().die().resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        (died)
        session resumed
        #1 ended, pull request #101
        session completed
        ",
    );
    let n_published = count(&scenario, |effect| {
        matches!(effect, Effect::Attempt(AttemptEffect::Publish(_)))
    });
    assert_eq!(
        (agent_runs(&scenario), n_published),
        (1, 2),
        "publishing checks for an existing pull request before it creates one"
    );
}

#[test]
fn work_that_bad_credentials_kept_unpublished_is_published_on_resume() {
    let scenario = check(
        3,
        |scenario| {
            scenario
                .set(|settings| settings.n_slots = 2)
                .hold(2, "agent");
            scenario.replies(1, "publish", [Reply::Fails(auth())]);
            scenario.begin().release(2, "agent").resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 attempt 1 interrupted
        session stops, resumable: bad credentials
        #2 agent exited, $1.00
        session interrupted
        session resumed
        #1 ended, pull request #101
        #2 ended, pull request #102
        #3 attempt 1 started, $5.00 reserved
        #3 agent exited, $1.00
        #3 ended, pull request #103
        session completed
        ",
    );
    assert_eq!(agent_runs(&scenario), 3, "each issue is paid for once");
}

#[test]
fn a_crash_while_the_agent_runs_interrupts_the_attempt_and_is_charged() {
    let scenario = check(
        1,
        |scenario| {
            scenario
                .hold(1, "agent")
                .begin()
                .meter(1, 1, 1.3)
                .die()
                .resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 metered $1.30
        (died)
        session resumed
        #1 agent exited, $1.80 estimated
        #1 attempt 1 failed, again, kept: interrupted
        #1 attempt 2 started, $3.70 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(agent_runs(&scenario), 2);
}

#[test]
fn a_crash_while_issues_are_classified_classifies_them_again() {
    check(
        1,
        |scenario| {
            scenario.hold(1, "classify").begin().die().resume();
        },
        "
        (died)
        session resumed
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn a_crash_before_the_agent_runs_costs_nothing() {
    check(
        1,
        |scenario| {
            scenario.hold(1, "lease").begin().die().resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        (died)
        session resumed
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn a_crash_while_the_backlog_is_read_reads_it_again() {
    check(
        1,
        |scenario| {
            scenario.hold(0, "fetch").begin().die().resume();
        },
        "
        (died)
        session resumed
        backlog retried
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn the_first_interrupt_asks_and_the_second_kills() {
    let scenario = check(
        2,
        |scenario| {
            scenario
                .set(|s| s.has_checks = true)
                .hold(1, "agent")
                .hold(2, "checks")
                .begin()
                .interrupt()
                .interrupt();
            scenario.replies(2, "checks", [Reply::Fails(Failure::Interrupted)]);
            scenario.replies(1, "agent", [stopped()]);
            scenario.release(2, "checks").release(1, "agent").resume();
        },
        "
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        interrupt requested
        #2 attempt 1 interrupted
        #1 agent exited, $1.00
        #1 attempt 1 failed, again, kept: interrupted
        session interrupted
        session resumed
        #1 attempt 2 started, $4.00 reserved
        #2 checks passed
        #2 ended, pull request #102
        #1 agent exited, $1.00
        #1 checks passed
        #1 ended, pull request #101
        session completed
        ",
    );
    let reasons = scenario.asked.iter().filter_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::Stop { issue, reason, .. }) => Some((issue.0, *reason)),
        _ => None,
    });
    use StopReason::{Interrupted, Killed};
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        [(1, Interrupted), (2, Interrupted), (1, Killed), (2, Killed)]
    );
}

#[test]
fn interrupted_collection_is_repeated_on_resume() {
    check(
        1,
        |scenario| {
            scenario.hold(1, "collect").begin().interrupt().interrupt();
            scenario.replies(1, "collect", [Reply::Fails(Failure::Interrupted)]);
            scenario.release(1, "collect").resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        interrupt requested
        #1 attempt 1 interrupted
        session interrupted
        session resumed
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn if_no_more_work_can_be_kept_the_session_is_interrupted_at_no_retry() {
    let full = || Failure::Refused {
        message: "too much is kept".to_owned(),
    };
    check(
        2,
        |scenario| {
            scenario.replies(1, "lease", [Reply::Fails(full())]);
            scenario.replies(2, "lease", [Reply::Fails(full())]);
            scenario.begin().resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #1 attempt 1 interrupted
        session stops, resumable: too much is kept
        #2 attempt 1 interrupted
        session interrupted
        session resumed
        #1 agent exited, $1.00
        #2 agent exited, $1.00
        #1 ended, pull request #101
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn no_agent_starts_in_a_new_worktree_after_an_interruption() {
    check(
        1,
        |scenario| {
            scenario
                .hold(1, "lease")
                .begin()
                .interrupt()
                .release(1, "lease")
                .resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        interrupt requested
        #1 attempt 1 failed, again: interrupted
        session interrupted
        session resumed
        #1 attempt 2 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn after_an_interruption_work_is_collected_and_its_checks_run_on_resume() {
    check(
        1,
        |scenario| {
            scenario
                .set(|s| s.has_checks = true)
                .hold(1, "collect")
                .begin()
                .interrupt()
                .release(1, "collect")
                .resume();
        },
        "
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        interrupt requested
        session interrupted
        session resumed
        #1 checks passed
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn an_interruption_lets_publishing_finish_and_may_complete_the_session() {
    check(
        1,
        |scenario| {
            scenario
                .hold(1, "publish")
                .begin()
                .interrupt()
                .release(1, "publish");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        interrupt requested
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn an_interrupt_while_the_backlog_is_read_is_saved_at_once() {
    check(
        1,
        |scenario| {
            scenario
                .hold(0, "fetch")
                .begin()
                .interrupt()
                .release(0, "fetch")
                .resume();
        },
        "
        interrupt requested
        session interrupted
        session resumed
        backlog retried
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn an_interrupt_while_issues_are_classified_is_saved_at_once() {
    check(
        1,
        |scenario| {
            scenario
                .hold(1, "classify")
                .begin()
                .interrupt()
                .release(1, "classify")
                .resume();
        },
        "
        interrupt requested
        session interrupted
        session resumed
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn an_interrupt_while_the_base_is_checked_is_saved_at_once() {
    check(
        1,
        |scenario| {
            scenario
                .set(|s| s.has_checks = true)
                .hold(0, "base")
                .begin()
                .interrupt()
                .release(0, "base")
                .resume();
        },
        "
        interrupt requested
        session interrupted
        session resumed
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 checks passed
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn an_interrupt_does_not_wait_for_the_forge() {
    check(
        2,
        |scenario| {
            scenario
                .hold(2, "agent")
                .replies(1, "publish", [Reply::Fails(network())])
                .replies(2, "agent", [stopped()])
                .begin()
                .interrupt();
            scenario.release(2, "agent").resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        forge failed for #1 (counted)
        #1 publishing delayed until 1s (counted): no route
        interrupt requested
        #2 agent exited, $1.00
        #2 attempt 1 failed, again, kept: interrupted
        session interrupted
        session resumed
        forge answers again
        #1 ended, pull request #101
        #2 attempt 2 started, $4.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn a_kept_worktree_survives_an_interruption_before_its_next_attempt() {
    let scenario = check(
        1,
        |scenario| {
            scenario
                .set(|s| s.has_checks = true)
                .replies(1, "checks", [Reply::Red("test")])
                .hold(1, "checks")
                .begin();
            scenario
                .hold(1, "lease")
                .release(1, "checks")
                .interrupt()
                .release(1, "lease")
                .resume();
        },
        "
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 checks failed
        #1 attempt 1 failed (counted), again, kept: check `test` (exit code 1) failed
        #1 attempt 2 started, $4.00 reserved
        interrupt requested
        #1 attempt 2 failed, again, kept: interrupted
        session interrupted
        session resumed
        #1 attempt 3 started, $4.00 reserved
        #1 agent exited, $1.00
        #1 checks passed
        #1 ended, pull request #101
        session completed
        ",
    );
    let last = scenario.asked.iter().rev().find_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::RunAgent(order)) => {
            Some((order.task.resume.is_some(), order.feedback.is_some()))
        }
        _ => None,
    });
    assert_eq!(
        last,
        Some((true, true)),
        "it continues in the agent's session, and knows what failed"
    );
}

#[test]
fn new_limits_hold_from_the_resume_on() {
    check(
        2,
        |scenario| {
            let gives_up = Reply::Exits(Ended::Failed { failure: gave_up() }, Spent::Known(usd(2.0)));
            scenario.replies(1, "agent", [gives_up]).hold(1, "agent").set(|s| s.n_slots = 1).begin();
            scenario.hold(1, "lease").release(1, "agent").interrupt().release(1, "lease");
            scenario.set(|s| s.task_cap = usd(2.2)).resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $2.00
        #1 attempt 1 failed (counted), again: gave up
        #1 attempt 2 started, $3.00 reserved
        interrupt requested
        #1 attempt 2 failed, again: interrupted
        session interrupted
        session resumed
        #1 ended, budget: spent $2.00 of the $2.20 limit; work kept. Raise `agent.maxBudgetUsd` and run it again to continue
        #2 attempt 1 started, $2.20 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn resuming_a_session_that_ended_changes_nothing() {
    check(
        1,
        |scenario| {
            scenario.begin().say("resumed again").resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        (resumed again)
        ",
    );
}

#[test]
fn an_interruption_ends_no_task_even_without_retries() {
    check(
        1,
        |scenario| {
            scenario.set(|s| s.max_retries = 1);
            scenario
                .replies(1, "lease", [Reply::Fails(crash())])
                .hold(1, "agent")
                .begin()
                .die();
            scenario.set(|s| s.max_retries = 0).resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 attempt 1 failed (counted), again at 1s: crashed
        #1 attempt 2 started, $5.00 reserved
        (died)
        session resumed
        #1 agent exited, $0.50 estimated
        #1 attempt 2 failed, again, kept: interrupted
        #1 attempt 3 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}
