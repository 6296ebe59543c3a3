//! What a pull request has to be merged after.

use autoissue_engine::{Dependency, Event, PullRequest, TaskEvent};

use super::*;

/// Returns what #9 is built on, where each issue depends on others; direct ones with a star.
fn built_on(issues: &[(u64, &[u64])]) -> String {
    fn dependency(&on: &u64) -> Dependency {
        Dependency {
            number: IssueNumber(on),
            open: true,
        }
    }

    let mut engine = Engine::new();
    for &(number, depends_on) in issues {
        let issue = Issue {
            number: IssueNumber(number),
            dependencies: depends_on.iter().map(dependency).collect(),
            open_pull_request: Some(PullRequest::default()),
            ..Issue::default()
        };
        engine.apply(&Event::Task(TaskEvent::Accepted {
            issue: issue.into(),
        }));
    }
    let found = foundations(&engine, engine.task(IssueNumber(9)).unwrap());
    let name = |on: &Foundation| format!("{}{}", on.issue.0, if on.is_direct { "*" } else { "" });
    found.iter().map(name).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_below_is_merged_first() {
    assert_eq!(built_on(&[(9, &[])]), "");
    assert_eq!(built_on(&[(3, &[]), (9, &[3, 77])]), "3*");
    assert_eq!(built_on(&[(3, &[]), (2, &[3]), (9, &[2])]), "3 2*");
    assert_eq!(
        built_on(&[(1, &[]), (2, &[1]), (3, &[1]), (9, &[3, 2])]),
        "1 3* 2*"
    );
}

#[test]
fn what_another_is_built_on_is_not_built_on_directly() {
    assert_eq!(built_on(&[(1, &[]), (2, &[1]), (9, &[1, 2])]), "1 2*");
    assert_eq!(
        built_on(&[(1, &[]), (2, &[1]), (3, &[2]), (9, &[3, 1])]),
        "1 2 3*"
    );
}
