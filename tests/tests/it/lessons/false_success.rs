//! Lost work, and false reports of success.

use autoissue_tests::Run;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{World, argument, outcome, usd};

#[test]
fn liar() {
    let world = World::new(json!({}));
    world
        .issue(1, json!([[{"say": "Opened https://example.org/pull/9 for it."}, {"result": {"result": "PR opened"}}]]));
    let run = world.exec(&[]).exits(3);
    assert_eq!(outcome(&run, 1), "no_change");
    assert!(!world.has_pull_requests());
}

#[test]
fn no_op_pull_request() {
    let world = World::new(json!({}));
    world.issue(
        1,
        json!([[{"run": "git commit --quiet --allow-empty -m nothing"}, {"result": {}}]]),
    );
    world.issue(
        2,
        json!([[{"write": ["x", "x"]}, {"run": "rm x"}, {"result": {}}]]),
    );
    let run = world.exec(&[]).exits(3);
    assert_eq!(
        run.outcomes(),
        [(1, "no_change".to_owned()), (2, "no_change".to_owned())]
    );
    assert!(!world.has_pull_requests());
}

#[test]
fn stale_commit_is_mine() {
    let world = World::new(json!({}));
    world.sandbox.write("old.txt", "by someone else");
    world.sandbox.git(["add", "old.txt"]);
    world
        .sandbox
        .git(["commit", "--quiet", "--message", "Issue #1 is resolved"]);
    world.issue(1, json!([[{"result": {"result": "committed"}}]]));
    assert_eq!(outcome(&world.exec(&[]).exits(3), 1), "no_change");
}

#[test]
fn uncommitted_work_deleted() {
    let world = World::new(json!({}));
    world.issue(
        1,
        json!([[{"write": ["left.txt", "precious words"]}, {"exit": 7}]]),
    );
    world.issue(
        2,
        json!([[{"write": ["a.txt", "left over"]}, {"run": "mkdir d; echo also > d/b.txt"}, {"result": {}}]]),
    );
    let run = world.exec(&[]).exits(3);
    assert_eq!(
        run.outcomes(),
        [(1, "failed".to_owned()), (2, "done".to_owned())]
    );
    assert!(
        world.salvaged("precious").contains("left.txt"),
        "{}",
        world.salvaged("precious")
    );
    assert_eq!(world.published(2, "a.txt").as_deref(), Some("left over"));
    assert_eq!(world.published(2, "d/b.txt").as_deref(), Some("also"));
}

#[test]
fn denied_but_success() {
    let world = World::new(json!({}));
    world.issue(1, json!([[{"denied": "WebFetch"}, {"result": {}}]]));
    world.issue(
        2,
        json!([[{"write": ["a.txt", "x"]}, {"denied": "WebFetch"}, {"result": {}}]]),
    );
    let run = world.exec(&[]).exits(3);
    assert_eq!(
        run.outcomes(),
        [(1, "no_change".to_owned()), (2, "done".to_owned())]
    );
    assert!(
        world.pull_request(&run, 2).contains("WebFetch"),
        "{}",
        world.pull_request(&run, 2)
    );
}

#[test]
fn says_success_on_401() {
    let world = World::new(json!({}));
    world.issue(
        1,
        json!([[{"write": ["a.txt", "x"]}, {"api_error": [401, "Invalid API key"]}]]),
    );
    let run = world.exec(&[]).exits(130);
    assert_eq!(outcome(&run, 1), "none");
    assert!(!world.has_pull_requests());
}

#[test]
fn success_after_sigterm() {
    let world = World::new(json!({}));
    let good = json!([{"write": ["good.txt", "x"]}, {"result": {}}]);
    let stopped = json!([{"ignore_sigterm": true}, {"write": ["half.txt", "half done"]}, {"run": "touch ~/ready"},
                         {"wait_for_sigterm": true}, {"result": {}}]);
    world.issue(1, json!([stopped, good]));
    let child = world.start_until("ready");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let run = Run::from(child.wait_with_output().unwrap()).exits(130);
    assert_eq!(
        (run.summary()["status"].as_str(), run.outcomes()),
        (Some("interrupted"), vec![(1, "none".to_owned())])
    );
    assert!(!world.has_pull_requests());
    assert!(world.salvaged("half").contains("half.txt"));
    let run = world.resume().exits(0);
    assert_eq!(outcome(&run, 1), "done");
    assert_eq!(
        (
            world.published(1, "good.txt").is_some(),
            world.published(1, "half.txt").is_some()
        ),
        (true, true),
        "it must continue from the earlier work"
    );
    let launches = world.launches();
    assert_eq!(
        argument(&launches[1], "--resume"),
        argument(&launches[0], "--session-id")
    );
    assert!(
        launches[1]["prompt"]
            .as_str()
            .unwrap()
            .contains("interrupted before it was finished")
    );
}

#[test]
fn dirty_retry() {
    let world = World::new(json!({"executor": {"maxRetries": 1}}));
    let failing = json!([{"write": ["junk.txt", "junk"]}, {"result": {"is_error": true, "result": "I give up"}}]);
    let good = json!([{"write": ["good.txt", "good"]}, {"result": {}}]);
    world.issue(1, json!([failing, good]));
    let run = world.exec(&[]).exits(0);
    assert_eq!(outcome(&run, 1), "done");
    assert_eq!(
        (
            world.published(1, "good.txt").is_some(),
            world.published(1, "junk.txt")
        ),
        (true, None)
    );
    assert!(argument(&world.launches()[1], "--resume").is_none());
}

#[test]
fn dirty_retry_a_failed_check_is_retried_in_the_same_worktree_and_session() {
    let check =
        json!({"name": "second", "run": "echo looking for b; test -f b.txt || test ! -f a.txt"});
    let world = World::new(json!({"executor": {"maxRetries": 1, "checks": [check]}}));
    let first = json!([{"write": ["a.txt", "a"]}, {"meter": 0.25}, {"result": {}}]);
    let second = json!([{"run": "test -f a.txt"}, {"write": ["b.txt", "b"]}, {"meter": 0.25}, {"result": {}}]);
    world.issue(1, json!([first, second]));
    let run = world.exec(&[]).exits(0);
    assert_eq!(
        (outcome(&run, 1), usd(&run, "spent_usd")),
        ("done".to_owned(), 0.5)
    );
    assert!(world.published(1, "a.txt").is_some() && world.published(1, "b.txt").is_some());
    let launches = world.launches();
    assert_eq!(
        argument(&launches[1], "--resume"),
        argument(&launches[0], "--session-id")
    );
    assert_eq!(launches[0]["directory"], launches[1]["directory"]);
    assert!(
        launches[1]["prompt"]
            .as_str()
            .unwrap()
            .contains("looking for b")
    );
}
