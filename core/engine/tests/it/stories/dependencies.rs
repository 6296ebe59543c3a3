//! Dependencies between issues.

use autoissue_engine::*;

use crate::story::*;

fn start_of(scenario: &Scenario, n: u64) -> Option<Start> {
    scenario.asked.iter().find_map(|effect| match effect {
        Effect::Attempt(AttemptEffect::LeaseWorktree { issue, start, .. }) if issue.0 == n => {
            Some(start.clone())
        }
        _ => None,
    })
}

#[test]
fn a_dependent_starts_from_what_it_depends_on() {
    let scenario = check(
        3,
        |scenario| {
            scenario
                .depends(1, &[2, 3])
                .hold(3, "publish")
                .begin()
                .why(1)
                .release(3, "publish");
        },
        "
        #2 attempt 1 started, $5.00 reserved
        #3 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #3 agent exited, $1.00
        #2 ended, pull request #102
        (#1 waiting for #3)
        #3 ended, pull request #103
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
    let commit = |n: u64| (number(n), Some(format!("c{n}")));
    assert_eq!(
        start_of(&scenario, 1),
        Some(Start::Branches {
            issues: vec![commit(2), commit(3)]
        })
    );
}

#[test]
fn dependents_of_a_failed_issue_are_skipped_with_its_number() {
    check(
        4,
        |scenario| {
            scenario
                .depends(2, &[1])
                .depends(3, &[2])
                .depends(4, &[3, 1])
                .set(|s| s.max_retries = 0);
            scenario.replies(1, "agent", [broken(gave_up())]).begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        #1 attempt 1 failed (counted): gave up
        #1 ended, task: gave up
        #4 ended, skipped: depends on #1
        #2 ended, skipped: depends on #1
        #3 ended, skipped: depends on #2
        session completed
        ",
    );
}

#[test]
fn a_dependency_cycle_skips_only_its_members_and_their_dependents() {
    let scenario = check(
        8,
        |scenario| {
            scenario
                .depends(2, &[4])
                .depends(4, &[3])
                .depends(3, &[2])
                .depends(5, &[6, 3])
                .depends(6, &[3])
                .depends(7, &[7])
                .depends(8, &[1])
                .begin();
        },
        "
        #2 ended, skipped: circular dependency: #2 → #4 → #3 → #2
        #4 ended, skipped: circular dependency: #2 → #4 → #3 → #2
        #3 ended, skipped: circular dependency: #2 → #4 → #3 → #2
        #5 ended, skipped: depends on #3
        #6 ended, skipped: depends on #3
        #7 ended, skipped: circular dependency: #7 → #7
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #8 attempt 1 started, $5.00 reserved
        #8 agent exited, $1.00
        #8 ended, pull request #108
        session completed
        ",
    );
    assert_eq!(start_of(&scenario, 1), Some(Start::Base));
}

#[test]
fn an_open_pull_request_breaks_a_dependency_cycle() {
    check(
        2,
        |scenario| {
            scenario.depends(1, &[2]).depends(2, &[1]);
            scenario.issue(2).open_pull_request = Some(PullRequest {
                number: 7,
                url: String::new(),
            });
            scenario.begin();
        },
        "
        #2 ended, pull request #7 is already open
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        session completed
        ",
    );
}

#[test]
fn an_issue_that_depends_on_an_open_one_outside_is_skipped() {
    check(
        2,
        |scenario| {
            scenario
                .depends(1, &[99])
                .depends(2, &[98])
                .issue(2)
                .dependencies[0]
                .open = false;
            scenario.begin();
        },
        "
        #1 ended, skipped: depends on #99, which is open and not part of this run
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
}

#[test]
fn an_issue_with_an_open_pull_request_is_not_redone() {
    let scenario = check(
        3,
        |scenario| {
            scenario.depends(2, &[1]).depends(3, &[2]).depends(1, &[50]);
            scenario.issue(2).open_pull_request = Some(PullRequest {
                number: 7,
                url: String::new(),
            });
            scenario.begin();
        },
        "
        #2 ended, pull request #7 is already open
        #1 ended, skipped: depends on #50, which is open and not part of this run
        #3 attempt 1 started, $5.00 reserved
        #3 agent exited, $1.00
        #3 ended, pull request #103
        session completed
        ",
    );
    assert_eq!(
        start_of(&scenario, 3),
        Some(Start::Branches {
            issues: vec![(number(2), None)]
        })
    );
}

#[test]
fn a_dependent_named_twice_waits_once() {
    check(
        2,
        |scenario| {
            scenario.depends(2, &[1, 1]).begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
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
fn ignoring_outside_dependencies_starts_from_the_base() {
    let scenario = check(
        2,
        |scenario| {
            scenario
                .depends(1, &[99])
                .depends(2, &[1, 99])
                .set(|s| s.ignore_outside = true)
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #1 ended, pull request #101
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
    assert_eq!(start_of(&scenario, 1), Some(Start::Base));
    assert_eq!(
        start_of(&scenario, 2),
        Some(Start::Branches {
            issues: vec![(number(1), Some("c1".to_owned()))]
        })
    );
}

#[test]
fn a_withdrawn_issue_costs_nothing_and_a_closed_one_blocks_no_dependents() {
    let scenario = check(
        5,
        |scenario| {
            scenario.depends(4, &[1]).depends(5, &[2]);
            scenario
                .replies(1, "lease", [Reply::Withdrawn(Withdrawal::Closed)])
                .replies(2, "lease", [Reply::Withdrawn(Withdrawal::Unlabelled)])
                .replies(
                    3,
                    "lease",
                    [Reply::Withdrawn(Withdrawal::Merged(PullRequest {
                        number: 7,
                        url: String::new(),
                    }))],
                )
                .begin();
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #3 attempt 1 started, $5.00 reserved
        #1 ended, skipped: the issue was closed in the meantime
        #4 attempt 1 started, $5.00 reserved
        #2 ended, skipped: the issue lost its label in the meantime
        #5 ended, skipped: depends on #2
        #3 ended, pull request #7 was already merged
        #4 agent exited, $1.00
        #4 ended, pull request #104
        session completed
        ",
    );
    assert_eq!(start_of(&scenario, 4), Some(Start::Base));
}

#[test]
fn merged_work_is_done_and_in_the_base() {
    let scenario = check(
        2,
        |scenario| {
            scenario.depends(2, &[1]);
            scenario.issue(1).merged_pull_request = Some(PullRequest {
                number: 7,
                url: String::new(),
            });
            scenario.begin();
        },
        "
        #1 ended, pull request #7 was already merged
        #2 attempt 1 started, $5.00 reserved
        #2 agent exited, $1.00
        #2 ended, pull request #102
        session completed
        ",
    );
    assert_eq!(start_of(&scenario, 2), Some(Start::Base));
}
