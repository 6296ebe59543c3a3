//! Failures attributed to the wrong cause.

use serde_json::{Value, json};

use super::{World, argument, outcome, usd};

fn good() -> Value {
    json!([{"write": ["new.txt", "new"]}, {"result": {}}])
}

#[test]
fn one_hundred_thirty_three_more_starts() {
    let world = World::new(json!({"executor": {"maxParallel": 1, "maxRetries": 2}}));
    for issue in 1..=5 {
        world.issue(issue, json!([[{"api_error": [401, "Invalid API key"]}]]));
    }
    let run = world.exec(&[]).exits(130);
    assert_eq!(world.launches().len(), 2, "one more launch confirms it");
    assert_eq!(run.summary()["status"], "interrupted");
    assert!(run.outcomes().iter().all(|(_, outcome)| outcome == "none"));
    assert_eq!(
        run.events("session.stopping")[0]["message"],
        "`claude` was denied access: Invalid API key"
    );
    assert_eq!(usd(&run, "spent_usd"), 0.0);
}

#[test]
fn night_one_401_is_confirmed() {
    let world =
        World::new(json!({"executor": {"maxParallel": 3}, "scheduler": {"maxPerDomain": 3}}));
    let good = |issue: u64| json!([{"write": [format!("{issue}.txt"), "x"]}, {"result": {}}]);
    for issue in [1, 3, 4] {
        world.issue(issue, json!([good(issue)]));
    }
    let refused = json!([{"api_error": [401, "OAuth token has expired"]}]);
    world.issue(2, json!([refused, good(2)]));
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.summary()["counts"], json!({"done": 4}));
    assert_eq!(world.launches().len(), 5);
}

#[test]
fn night_lost_session_keeps_tree() {
    let check = json!({"name": "no bad", "run": "! grep -q bad a.txt"});
    let world = World::new(json!({"executor": {"maxRetries": 1, "checks": [check]}}));
    let first = json!([{"write": ["a.txt", "bad"]}, {"write": ["hour.txt", "of work"]}, {"meter": 0.25}, {"result": {}},
                       {"forget_session": true}]);
    let third = json!([{"run": "test -f hour.txt"}, {"write": ["a.txt", "good"]}, {"meter": 0.25}, {"result": {}}]);
    world.issue(1, json!([first, [], third]));
    let run = world.exec(&[]).exits(0);
    assert_eq!(
        (outcome(&run, 1), usd(&run, "spent_usd")),
        ("done".to_owned(), 0.5)
    );
    let launches = world.launches();
    assert_eq!(launches.len(), 3);
    assert!(argument(&launches[2], "--resume").is_none());
    assert!(
        launches[2]["prompt"].as_str().unwrap().contains("no bad"),
        "the prompt must name the failed check"
    );
}

#[test]
fn one_hundred_thirty_three_more_starts_is_reported_once() {
    let world = World::new(json!({"executor": {"maxParallel": 1}}));
    world.issue(1, json!([[{"api_error": [403, "no access"]}]]));
    world.issue(2, json!([[{"api_error": [403, "no access"]}]]));
    let run = world.sandbox.run(["exec", "go"]).exits(130);
    let words = "`claude` was denied access: no access";
    assert!(
        run.stdout.matches(words).count() == 1,
        "{}\n{}",
        run.stdout,
        run.stderr
    );
}

#[test]
fn quota_at_one_am() {
    let world = World::new(json!({}));
    world.issue(
        1,
        json!([[{"limit_for_s": 2}, {"api_error": [429, "limit reached"]}], good()]),
    );
    world.issue(2, json!([good()]));
    let run = world.exec(&[]).exits(0);
    assert_eq!(
        run.outcomes(),
        [(1, "done".to_owned()), (2, "done".to_owned())]
    );
    assert_eq!(run.events("service.paused").len(), 1);
    assert!(
        run.events("attempt.failed")
            .iter()
            .all(|event| event["counted"] == false)
    );
}

#[test]
fn provider_down_20_min() {
    let world = World::new(
        json!({"breaker": {"threshold": 2, "cooldownSeconds": 1}, "executor": {"maxParallel": 1}}),
    );
    let down = json!([{"api_error": [529, "Overloaded"]}]);
    world.issue(1, json!([down, down, down, good()]));
    world.issue(2, json!([down, good()]));
    world.issue(3, json!([good()]));
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.summary()["counts"], json!({"done": 3}));
    assert!(!run.events("service.breaker_opened").is_empty());
    assert!(
        run.events("attempt.failed")
            .iter()
            .all(|event| event["counted"] == false)
    );
}

#[test]
fn nested_retries() {
    let world = World::new(json!({"executor": {"maxRetries": 2}}));
    world.issue(1, json!([[{"exit": 1}]]));
    let run = world.exec(&[]).exits(3);
    assert_eq!(
        (outcome(&run, 1), world.launches().len()),
        ("failed".to_owned(), 3)
    );
}

#[test]
fn issue_403() {
    let world = World::new(json!({}));
    let words = "Blocked: see #403, 429 Too Many Requests, 401 Unauthorized";
    world.issue(
        1,
        json!([[{"meter": 0.1}, {"result": {"is_error": true, "result": words}}]]),
    );
    let run = world.exec(&[]).exits(3);
    let reason = run.summary()["tasks"][0]["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(reason.starts_with("task: Blocked"), "{reason}");
    assert!(run.events("service.paused").is_empty() && run.events("service.failed").is_empty());
}

#[test]
fn base_was_red() {
    let checks = json!([{"name": "red", "run": "false"}, {"name": "green", "run": "true"}]);
    let world = World::new(json!({"executor": {"checks": checks}}));
    world.issue(1, json!([good()]));
    let run = world.exec(&[]).exits(1);
    assert!(
        run.summary()["reason"]
            .as_str()
            .unwrap()
            .contains("check `red` already fails on the base")
    );
    assert!(world.launches().is_empty());
    assert_eq!(usd(&run, "spent_usd"), 0.0);
    world.configure(json!({"executor": {"checks": checks, "redBase": "ignoreKnown"}}));
    assert_eq!(outcome(&world.exec(&[]).exits(0), 1), "done");
}

#[test]
fn a_base_broken_during_the_session_is_not_counted_as_a_failed_check() {
    let checks = json!([{"name": "whole", "run": "test ! -e broken.txt"}]);
    for (red_base, outcome_of_2) in [("fail", "needs_you"), ("ignoreKnown", "done")] {
        let executor = json!({"checks": checks, "redBase": red_base, "maxParallel": 1});
        let world = World::new(json!({"executor": executor}));
        // Simulates a push by someone else during the session.
        let project = world.sandbox.project();
        let push = format!(
            "cd {} && touch broken.txt && git add broken.txt && git commit --quiet -m broken",
            project.display()
        );
        world.issue(
            1,
            json!([[{"run": push}, {"write": ["1.txt", "x"]}, {"result": {}}]]),
        );
        world.issue(2, json!([[{"write": ["2.txt", "x"]}, {"result": {}}]]));
        let run = world.exec(&[]);
        assert_eq!(
            (outcome(&run, 1), outcome(&run, 2)),
            ("done".to_owned(), outcome_of_2.to_owned()),
            "{red_base}"
        );
        assert_eq!(world.launches().len(), 2, "{red_base}");
        let reason = run.task(2)["reason"].to_string();
        assert_eq!(
            reason.contains("also fails on the base"),
            red_base == "fail",
            "{reason}"
        );
        if red_base == "ignoreKnown" {
            let text = world.pull_request(&run, 2);
            assert!(text.contains("also fails without this change"), "{text}");
        } else {
            assert!(world.salvaged("x").contains("2.txt"));
        }
    }
}

#[test]
fn night_gone_model_stops_once() {
    let world = World::new(json!({"agent": {"model": "sonet"}, "executor": {"maxParallel": 1}}));
    world.issue(
        1,
        json!([[{"api_error": [404, "There is an issue with the selected model"]}]]),
    );
    for issue in 2..=4 {
        world.issue(issue, json!([[{"api_error": [404, "no such model"]}]]));
    }
    let run = world.exec(&[]).exits(130);
    assert_eq!(
        world.launches().len(),
        2,
        "there must be one error for all tasks"
    );
    let message = &run.events("session.stopping")[0]["message"];
    assert!(message.as_str().unwrap().contains("`sonet`"), "{message}");
}

#[test]
fn root_without_permissions_is_refused_before_anything_is_spent() {
    let world = World::new(json!({"agent": {"yolo": true}}));
    world.issue(1, json!([good()]));
    if rustix::process::geteuid().is_root() {
        let words = "refuses to skip permissions as root";
        let run = world.sandbox.run(["exec", "go"]).exits(1);
        assert!(
            run.stderr.contains(words) && run.stderr.contains("run autoissue as an ordinary user"),
            "{}",
            run.stderr
        );
        assert!(world.launches().is_empty());
        assert!(world.sandbox.run(["doctor"]).stdout.contains(words));
    }
    // In a disposable environment, and for users other than root, the operator's setting applies.
    let mut command = world.sandbox.autoissue(["exec", "go", "--output", "json"]);
    let run = autoissue_tests::Run::from(command.env("IS_SANDBOX", "1").output().unwrap()).exits(0);
    assert_eq!(outcome(&run, 1), "done");
    assert!(
        world.launches()[0]["args"]
            .to_string()
            .contains("--dangerously-skip-permissions")
    );
}

#[test]
fn a_warning_says_that_agents_run_with_the_users_permissions() {
    let world = World::new(json!({}));
    world.issue(1, json!([good()]));
    let words = "agents run with your permissions";
    let run = world.exec(&[]).exits(0);
    assert_eq!(
        (
            run.stderr.matches(words).count(),
            run.stdout.matches(words).count()
        ),
        (1, 0),
        "{}",
        run.stderr
    );
    assert_eq!(
        world.sandbox.run(["doctor"]).stdout.matches(words).count(),
        1
    );
    world
        .sandbox
        .config(r#"{"forge": {"kind": "local"}, "agent": {"backend": "patch"}}"#);
    assert!(
        !world
            .sandbox
            .run(["exec", "go"])
            .exits(0)
            .stderr
            .contains(words)
    );
}
