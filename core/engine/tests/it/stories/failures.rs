//! Failures: what is at fault, whether it costs a retry, what is retried and from where.

use autoissue_engine::AttemptInput;
use autoissue_engine::ServiceEvent;
use autoissue_engine::*;

use crate::story::*;

fn starts(scenario: &Scenario) -> Vec<Start> {
    fn start(effect: &Effect) -> Option<Start> {
        match effect {
            Effect::Attempt(AttemptEffect::LeaseWorktree { start, .. }) => Some(start.clone()),
            _ => None,
        }
    }

    scenario.asked.iter().filter_map(start).collect()
}

fn released(scenario: &Scenario) -> Vec<(u64, u32, bool)> {
    fn release(effect: &Effect) -> Option<(u64, u32, bool)> {
        match effect {
            Effect::Attempt(AttemptEffect::ReleaseWorktree {
                issue,
                attempt,
                published,
            }) => Some((issue.0, *attempt, *published)),
            _ => None,
        }
    }

    scenario.asked.iter().filter_map(release).collect()
}

#[test]
fn a_check_that_also_fails_on_the_base_is_not_a_failure_of_the_task() {
    for (red_base, is_done) in [(RedBase::Fail, false), (RedBase::IgnoreKnown, true)] {
        let mut scenario = Scenario::new(2);
        scenario.set(|s| (s.has_checks, s.red_base, s.n_slots) = (true, red_base, 1));
        scenario
            .replies(1, "checks", [Reply::RedBase("test")])
            .begin();
        let task = scenario.engine.task(number(1)).expect("a task");
        assert_eq!(task.n_attempts, 1, "{task:?}");
        let outcome = task.outcome().expect("an end");
        assert_eq!(outcome.is_success(), is_done, "{outcome}");
        if !is_done {
            assert!(matches!(outcome, Outcome::NeedsYou { .. }), "{outcome}");
            let told = scenario.told();
            let why = "session stops: check `test` also fails on the base (exit code 1)";
            assert!(told.contains(why), "{told}");
            assert!(
                !told.contains("#2 attempt"),
                "no further agent runs: {told}"
            );
        }
    }
}

#[test]
fn a_good_run_is_one_attempt() {
    let scenario = check(
        1,
        |scenario| {
            scenario.begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(released(&scenario), [(1, 1, true)]);
}

#[test]
fn validation_failures_are_not_retried() {
    check(
        1,
        |scenario| {
            scenario
                .replies(
                    1,
                    "agent",
                    [broken(Failure::Validation {
                        message: "no such model".into(),
                    })],
                )
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        #1 attempt 1 failed (counted): no such model
        #1 ended, validation: no such model
        session completed
        ",
    );
}

#[test]
fn transient_failures_are_retried_after_1_2_and_4_seconds() {
    check(
        1,
        |scenario| {
            scenario
                .set(|s| s.max_retries = 3)
                .replies(1, "agent", [crash(), crash(), crash(), crash()].map(broken))
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1 (counted)
        #1 attempt 1 failed (counted), again at 1s: crashed
        #1 attempt 2 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1 (counted)
        #1 attempt 2 failed (counted), again at 3s: crashed
        #1 attempt 3 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1 (counted)
        #1 attempt 3 failed (counted), again at 8s: crashed
        #1 attempt 4 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1 (counted)
        #1 attempt 4 failed (counted): crashed
        #1 ended, crash: crashed
        session completed
        ",
    );
}

#[test]
fn no_change_is_not_success() {
    check(
        1,
        |scenario| {
            scenario
                .set(|s| s.max_retries = 1)
                .replies(1, "collect", [Reply::Nothing, Reply::Nothing])
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 attempt 1 failed (counted), again: the agent changed nothing
        #1 attempt 2 started, $4.00 reserved
        #1 agent exited, $1.00
        #1 attempt 2 failed (counted): the agent changed nothing
        #1 ended, no change
        session completed
        ",
    );
}

#[test]
fn an_unfinished_merge_fails_a_check_even_if_none_is_configured() {
    let scenario = check(
        1,
        |scenario| {
            scenario
                .set(|s| s.max_retries = 1)
                .replies(1, "collect", [Reply::Unmerged("README.md")])
                .replies(1, "checks", [Reply::Red("conflict markers")])
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 checks failed
        #1 attempt 1 failed (counted), again, kept: check `conflict markers` (exit code 1) failed
        #1 attempt 2 started, $4.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    // The agent resolves the merge in the same worktree.
    assert_eq!(
        starts(&scenario),
        [
            Start::Base,
            Start::KeptTree {
                base: "b".into(),
                salvage: None
            }
        ]
    );
}

#[test]
fn dirty_retry() {
    let scenario = check(
        1,
        |scenario| {
            scenario.set(|s| s.has_checks = true);
            scenario
                .replies(1, "agent", [broken(gave_up())])
                .replies(1, "checks", [Reply::Red("test")])
                .begin();
        },
        "
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        #1 attempt 1 failed (counted), again: gave up
        #1 attempt 2 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 checks failed
        #1 attempt 2 failed (counted), again, kept: check `test` (exit code 1) failed
        #1 attempt 3 started, $4.00 reserved
        #1 agent exited, $1.00
        #1 checks passed
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(
        starts(&scenario),
        [
            Start::Base,
            Start::Base,
            Start::KeptTree {
                base: "b".into(),
                salvage: None
            }
        ]
    );
    assert_eq!(
        released(&scenario),
        [(1, 1, false), (1, 3, true)],
        "the worktree of the failed check is kept"
    );
    let resumed = scenario.asked.iter().filter_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::RunAgent(order)) => Some((
            resumed(&order.task),
            order.feedback.clone().unwrap_or_default(),
        )),
        _ => None,
    });
    let resumed: Vec<_> = resumed.collect();
    assert_eq!(resumed[1], (None, "gave up".into()));
    assert_eq!(
        resumed[2].0.as_ref().map(|session| session.id.as_str()),
        Some("s"),
        "the agent's session continues"
    );
    assert!(
        resumed[2]
            .1
            .starts_with("check `test` (exit code 1) failed"),
        "{}",
        resumed[2].1
    );
}

#[test]
fn a_kept_worktree_is_removed_when_its_task_ends_without_another_attempt() {
    let scenario = check(
        1,
        |scenario| {
            scenario
                .set(|s| (s.has_checks, s.start_until) = (true, Some(crate::line::START + 30_000)));
            scenario
                .replies(1, "checks", [Reply::Red("test")])
                .hold(1, "checks")
                .begin()
                .pass(60)
                .release(1, "checks");
        },
        "
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 checks failed
        #1 attempt 1 failed (counted), again, kept: check `test` (exit code 1) failed
        #1 ended, task: check `test` (exit code 1) failed; not retried: past the `--until` time
        session completed
        ",
    );
    assert_eq!(released(&scenario), [(1, 1, false)]);
}

#[test]
fn work_that_cannot_be_collected_is_not_removed() {
    let scenario = check(
        1,
        |scenario| {
            scenario
                .replies(1, "collect", [Reply::Fails(crash())])
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 attempt 1 failed (counted), again at 1s: crashed
        #1 attempt 2 started, $4.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    assert_eq!(
        released(&scenario),
        [(1, 2, true)],
        "the first attempt's worktree stays, and the next lease saves it"
    );
}

#[test]
fn success_after_sigterm() {
    check(
        1,
        |scenario| {
            scenario
                .replies(1, "agent", [stopped()])
                .hold(1, "agent")
                .begin()
                .interrupt()
                .release(1, "agent")
                .resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        interrupt requested
        #1 agent exited, $1.00
        #1 attempt 1 failed, again, kept: interrupted
        session interrupted
        session resumed
        #1 attempt 2 started, $4.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn a_result_from_before_the_signal_is_used_and_not_paid_for_again() {
    check(
        1,
        |scenario| {
            scenario
                .set(|s| s.has_checks = true)
                .hold(1, "agent")
                .begin()
                .interrupt()
                .release(1, "agent")
                .resume();
        },
        "
        base checked, 0 red
        #1 attempt 1 started, $5.00 reserved
        interrupt requested
        #1 agent exited, $1.00
        session interrupted
        session resumed
        #1 checks passed
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn nested_retries() {
    let scenario = check(
        1,
        |scenario| {
            scenario.set(|s| s.breaker_threshold = 2);
            let unprocessable = Failure::Validation {
                message: "422".into(),
            };
            scenario
                .replies(1, "publish", [Reply::Fails(unprocessable)])
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 attempt 1 failed: 422
        #1 ended, validation: 422
        session completed
        ",
    );
    assert_eq!(
        starts(&scenario).len(),
        1,
        "no agent runs again because publishing failed"
    );
}

#[test]
fn base_was_red() {
    check(
        3,
        |scenario| {
            scenario.set(|s| s.has_checks = true).replies(0, "base", [Reply::Red("test")]).begin();
        },
        "
        base checked, 1 red
        session stops: check `test` already fails on the base (exit code 1), without any changes
        #1 ended, not started: check `test` already fails on the base (exit code 1), without any changes
        #2 ended, not started: check `test` already fails on the base (exit code 1), without any changes
        #3 ended, not started: check `test` already fails on the base (exit code 1), without any changes
        session failed: check `test` already fails on the base (exit code 1), without any changes
        ",
    );
}

#[test]
fn a_check_that_fails_on_the_base_may_be_ignored() {
    check(
        2,
        |scenario| {
            scenario
                .set(|s| (s.has_checks, s.red_base, s.n_slots) = (true, RedBase::IgnoreKnown, 1));
            scenario
                .set(|s| s.max_retries = 0)
                .replies(0, "base", [Reply::Red("test")]);
            scenario
                .replies(1, "checks", [Reply::Red("test")])
                .replies(2, "checks", [Reply::Red("lint")])
                .begin();
        },
        "
        base checked, 1 red
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 checks passed
        #1 ended, pull request #101
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 checks failed
        #2 attempt 1 failed (counted): check `lint` (exit code 1) failed
        #2 ended, task: check `lint` (exit code 1) failed
        session completed
        ",
    );
}

#[test]
fn an_auto_model_is_selected_again_only_after_a_failure_of_substance() {
    let scenario = check(
        1,
        |scenario| {
            scenario.set(|s| (s.model, s.max_retries) = (ModelChoice::Auto, 3));
            scenario
                .replies(1, "agent", [broken(crash()), broken(gave_up())])
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        agent failed for #1 (counted)
        #1 attempt 1 failed (counted), again at 1s: crashed
        #1 attempt 2 started, $5.00 reserved
        agent answers again
        #1 agent exited, $0.00
        #1 attempt 2 failed (counted), again: gave up
        #1 attempt 3 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    let models = scenario.asked.iter().filter_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::RunAgent(order)) => {
            Some((order.task.model.as_deref()?, order.task.effort))
        }
        _ => None,
    });
    let expected = [
        ("sonnet", None),
        ("sonnet", None),
        ("opus", Some(Effort::High)),
    ];
    assert_eq!(models.collect::<Vec<_>>(), expected);
}

#[test]
fn late_and_duplicate_answers_change_nothing() {
    check(
        1,
        |scenario| {
            scenario
                .replies(1, "agent", [broken(gave_up())])
                .hold(1, "publish")
                .begin();
            let (issue, report) = (number(1), report(Ended::Done, Spent::Known(usd(9.0))));
            scenario.say("late");
            scenario.input(Input::Attempt(AttemptInput::AgentExited {
                issue,
                attempt: 1,
                report: report.clone(),
            }));
            scenario.input(Input::Attempt(AttemptInput::AgentExited {
                issue,
                attempt: 2,
                report,
            }));
            scenario.input(Input::Attempt(AttemptInput::Failed {
                issue,
                attempt: 1,
                failure: crash(),
            }));
            scenario.input(Input::Attempt(AttemptInput::Metered {
                issue,
                attempt: 2,
                spent: usd(50.0),
            }));
            scenario.input(Input::Attempt(AttemptInput::Published {
                issue,
                attempt: 1,
                publication: publication(1),
            }));
            scenario.input(Input::Attempt(AttemptInput::ChecksFinished {
                issue,
                attempt: 2,
                results: vec![],
            }));
            scenario.input(Input::Attempt(AttemptInput::Published {
                issue: number(77),
                attempt: 1,
                publication: publication(77),
            }));
            scenario.say("not late").release(1, "publish");
            scenario.input(Input::Attempt(AttemptInput::Published {
                issue,
                attempt: 2,
                publication: publication(1),
            }));
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        #1 attempt 1 failed (counted), again: gave up
        #1 attempt 2 started, $5.00 reserved
        #1 agent exited, $1.00
        (late)
        (not late)
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn one_issue_is_accepted_once() {
    check(
        1,
        |scenario| {
            scenario.issues.push(scenario.issues[0].clone());
            scenario.begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn reading_the_backlog_is_retried_a_limited_number_of_times() {
    check(
        1,
        |scenario| {
            let fails = [network(), limited(0), limited(90), network(), network()];
            scenario
                .replies(0, "fetch", fails.map(Reply::Fails))
                .begin();
        },
        "
        backlog delayed until 1s: no route
        backlog retried
        backlog delayed until 3s: limited
        backlog retried
        backlog delayed until 90s: limited
        backlog retried
        session stops: no route
        session failed: no route
        ",
    );
}

#[test]
fn an_empty_backlog_is_a_completed_session() {
    check(
        0,
        |scenario| {
            scenario.begin();
        },
        "
        session completed
        ",
    );
}

#[test]
fn conflicts_need_a_decision() {
    check(
        1,
        |scenario| {
            let failure = Failure::NeedsPerson {
                message: "#2 and #3 do not merge".into(),
            };
            scenario
                .replies(1, "lease", [Reply::Fails(failure)])
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 attempt 1 failed (counted): #2 and #3 do not merge
        #1 ended, needs you: #2 and #3 do not merge
        session completed
        ",
    );
}

#[test]
fn a_rule_that_affects_every_task_interrupts_after_the_first() {
    check(
        3,
        |scenario| {
            let rule = Failure::Refused {
                message: "commits must be signed".into(),
            };
            scenario.set(|s| s.n_slots = 1).replies(
                1,
                "publish",
                [Reply::Fails(rule.clone()), Reply::Fails(rule)],
            );
            scenario.begin().resume().say("signed now").resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 attempt 1 interrupted
        session stops, resumable: commits must be signed
        session interrupted
        session resumed
        #1 attempt 1 interrupted
        session stops, resumable: commits must be signed
        session interrupted
        (signed now)
        session resumed
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
fn work_that_is_never_accepted_is_not_an_outage_of_the_forge() {
    let scenario = check(
        2,
        |scenario| {
            scenario
                .set(|s| (s.n_slots, s.breaker_threshold) = (1, 1))
                .replies(1, "publish", vec![Reply::Fails(crash()); 4]);
            scenario.begin();
            for _ in 0..4 {
                scenario.pass(60);
            }
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 publishing delayed until 1s (counted): crashed
        #1 publishing delayed until 3s (counted): crashed
        #1 publishing delayed until 8s (counted): crashed
        #1 attempt 1 failed: crashed
        #1 ended, crash: crashed
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
    assert!(scenario.journal.iter().all(|entry| !matches!(
        entry.event,
        Event::Service(ServiceEvent::BreakerOpened { .. })
    )));
}

#[test]
fn forge_credentials_that_expire_before_an_attempt_interrupt_at_no_cost() {
    check(
        2,
        |scenario| {
            scenario
                .set(|s| s.n_slots = 1)
                .replies(1, "lease", [Reply::Fails(auth())]);
            scenario.begin().say("a new token").resume();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 attempt 1 interrupted
        session stops, resumable: bad credentials
        session interrupted
        (a new token)
        session resumed
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
}
