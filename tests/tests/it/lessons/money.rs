//! Costs without a result.

use std::process::Stdio;

use autoissue_tests::Run;
use serde_json::{Value, json};

use super::{World, argument, outcome, usd, wait_until};

/// Returns a run that writes a file and costs `usd`.
fn costing(usd: f64) -> Value {
    json!([[{"write": ["new.txt", "new"]}, {"meter": usd}, {"result": {}}]])
}

#[test]
fn late_bill() {
    let world = World::new(json!({
        "agent": {"maxBudgetUsd": 2.0}, "maxTotalBudgetUsd": 5.0,
        "executor": {"maxParallel": 8}, "scheduler": {"maxPerDomain": 8},
    }));
    for issue in 1..=6 {
        world.issue(issue, costing(1.4));
    }
    let run = world.exec(&["--allow-partial"]).exits(4);
    // Whatever the order of completions, reserved plus spent must never exceed the budget.
    let (mut spent, mut reserved) = (0.0, std::collections::BTreeMap::new());
    for (kind, event) in run.story() {
        let issue = event["issue"].to_string();
        match kind.as_str() {
            "attempt.started" => {
                reserved.insert(issue, event["reserved_usd"].as_f64().unwrap());
                let total = spent + reserved.values().sum::<f64>();
                assert!(total <= 5.0, "{total} at {event}");
            }
            "attempt.agent_exited" => {
                reserved.remove(&issue);
                spent += event["cost_usd"].as_f64().unwrap();
            }
            _ => {}
        }
    }
    assert_eq!(
        run.summary()["counts"],
        json!({"done": 3, "not_started": 3})
    );
    assert_eq!((world.launches().len(), usd(&run, "spent_usd")), (3, 4.2));
}

#[test]
fn one_more_turn() {
    let world = World::new(json!({"agent": {"maxBudgetUsd": 2.0}}));
    // Exceeds its limit ($1.50) by most of a turn, which the margin covers.
    world.issue(
        1,
        json!([[{"meter": 0.93}, {"meter": 0.93}, {"meter": 0.93}]]),
    );
    // Ignores its budget, and would run forever.
    world.issue(2, json!([[{"deaf_to_budget": true}, {"write": ["a.txt", "kept"]}, {"meter": 1.2}, {"meter": 1.2}, {"stall": true}]]));
    let run = world.exec(&[]).exits(3);
    assert_eq!(
        run.outcomes(),
        [(1, "budget".to_owned()), (2, "budget".to_owned())]
    );
    let spent = |issue: usize| {
        run.summary()["tasks"][issue - 1]["spent_usd"]
            .as_f64()
            .unwrap()
    };
    assert_eq!((spent(1), spent(2)), (1.86, 2.9));
    assert_eq!(usd(&run, "estimated_usd"), 2.9);
    assert!(
        world
            .launches()
            .iter()
            .all(|launch| argument(launch, "--max-budget-usd").as_deref() == Some("1.5"))
    );
    assert!(world.salvaged("kept").contains("a.txt"));
}

#[test]
fn money_over_reservation_is_published() {
    let world = World::new(json!({}));
    world.issue(
        1,
        json!([[{"deaf_to_budget": true}, {"write": ["a.txt", "all"]}, {"meter": 4.4}, {"meter": 0.7}, {"result": {}}]]),
    );
    let run = world.exec(&[]).exits(0);
    assert_eq!(
        (
            outcome(&run, 1),
            usd(&run, "spent_usd"),
            world.launches().len()
        ),
        ("done".to_owned(), 5.1, 1)
    );
}

#[test]
fn money_alive_after_result_is_stopped_and_its_work_checked() {
    let world = World::new(json!({"executor": {"maxRetries": 1}}));
    world.issue(
        1,
        json!([[{"write": ["a.txt", "all"]}, {"meter": 1.5}, {"result": {}}, {"stall": true}]]),
    );
    let mut command = world.sandbox.autoissue(["exec", "go", "--output", "json"]);
    command.env("AUTOISSUE_TEST_MINUTE_MS", "12000");
    let run = Run::from(command.output().unwrap()).exits(0);
    assert_eq!(
        (
            outcome(&run, 1),
            usd(&run, "spent_usd"),
            world.launches().len()
        ),
        ("done".to_owned(), 1.5, 1)
    );
    assert_eq!(usd(&run, "estimated_usd"), 0.0);
}

#[test]
fn an_agent_that_keeps_spending_after_its_stop_is_killed_at_once() {
    let world = World::new(json!({"agent": {"maxBudgetUsd": 2.0}}));
    world.issue(
        1,
        json!([[{"deaf_to_budget": true}, {"ignore_sigterm": true}, {"meter": 2.1}, {"wait_for_sigterm": true},
                {"meter": 1.0}, {"stall": true}]]),
    );
    let mut command = world.sandbox.autoissue(["exec", "go", "--output", "json"]);
    // A minute lasts an hour here, so without an immediate kill the agent would have ten minutes to
    // exit, longer than this test waits.
    command.env("AUTOISSUE_TEST_MINUTE_MS", "3600000");
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    wait_until(|| child.try_wait().expect("it is our child").is_some());
    let run = Run::from(child.wait_with_output().expect("it has ended")).exits(3);
    assert_eq!(outcome(&run, 1), "budget");
    // Whole tokens are metered.
    assert!((usd(&run, "spent_usd") - 3.6).abs() < 1e-4);
}

#[test]
fn money_dead_launches_are_free_and_end_the_session_with_one_error() {
    let world = World::with_script(
        json!({"breaker": {"threshold": 1, "cooldownSeconds": 1}}),
        "kill -ILL $$",
    );
    for issue in 1..=3 {
        world.issue(issue, costing(0.1));
    }
    let run = world.exec(&[]).exits(130);
    assert_eq!(usd(&run, "spent_usd"), 0.0);
    let message = &run.events("session.stopping")[0]["message"];
    assert!(message.as_str().unwrap().contains("signal 4"), "{message}");
    assert!(run.outcomes().iter().all(|(_, outcome)| outcome == "none"));
}

#[test]
fn money_limit_midway_continues() {
    let world = World::new(json!({}));
    let cut = json!([{"write": ["a.txt", "most"]}, {"meter": 3.0}, {"limit_for_s": 2}, {"api_error": [429, "limit reached"]}]);
    let rest = json!([{"run": "test -f a.txt"}, {"write": ["b.txt", "rest"]}, {"meter": 1.0}, {"result": {}}]);
    world.issue(1, json!([cut, rest]));
    let run = world.exec(&[]).exits(0);
    assert_eq!(
        (outcome(&run, 1), usd(&run, "spent_usd")),
        ("done".to_owned(), 4.0)
    );
    assert!(world.published(1, "a.txt").is_some() && world.published(1, "b.txt").is_some());
    let launches = world.launches();
    assert_eq!(
        argument(&launches[1], "--resume"),
        argument(&launches[0], "--session-id")
    );
}

#[test]
fn unmeasured_is_free() {
    let world = World::new(json!({}));
    world.issue(1, json!([[{"meter": 0.3}, {"exit": 1}]]));
    world.issue(2, json!([[{"exit": 1}]]));
    world.issue(
        3,
        json!([[{"write": ["a.txt", "a"]}, {"meter": 0.3}, {"cost": 0.0}, {"result": {}}]]),
    );
    let run = world.exec(&[]).exits(3);
    // The metered amount plus the margin of $0.50; never zero.
    assert_eq!(
        (usd(&run, "spent_usd"), usd(&run, "estimated_usd")),
        (0.8 + 0.5 + 0.8, 0.8 + 0.5 + 0.8)
    );
}

#[test]
fn failed_is_free() {
    let world = World::new(json!({"executor": {"maxRetries": 1}}));
    let failing = json!([{"meter": 0.4}, {"result": {"is_error": true, "result": "I give up"}}]);
    world.issue(1, json!([failing, costing(0.3)[0]]));
    let run = world.exec(&[]).exits(0);
    assert_eq!(
        (usd(&run, "spent_usd"), usd(&run, "estimated_usd")),
        (0.7, 0.0)
    );
    assert!(
        world.pull_request(&run, 1).contains("0.70"),
        "{}",
        world.pull_request(&run, 1)
    );
}

#[test]
fn cap_wedges_issue() {
    let world = World::new(json!({"agent": {"maxBudgetUsd": 2.0}}));
    world.issue(
        1,
        json!([[{"write": ["a.txt", "half of it"]}, {"meter": 1.6}], costing(1.6)[0]]),
    );
    let run = world.exec(&[]).exits(3);
    assert_eq!(outcome(&run, 1), "budget");
    assert!(
        run.summary()["tasks"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("Raise `agent.maxBudgetUsd`")
    );
    assert!(world.salvaged("half").contains("a.txt"));
    let again = world.exec(&[]).exits(3);
    assert_eq!(
        (outcome(&again, 1), usd(&again, "spent_usd")),
        ("needs_you".to_owned(), 0.0)
    );
    world.configure(json!({"agent": {"maxBudgetUsd": 4.0}}));
    let run = world.exec(&[]).exits(0);
    assert_eq!(
        (outcome(&run, 1), usd(&run, "spent_usd")),
        ("done".to_owned(), 1.6)
    );
    assert!(world.published(1, "a.txt").is_some() && world.published(1, "new.txt").is_some());
    let launches = world.launches();
    assert_eq!(launches.len(), 2);
    assert_eq!(
        argument(&launches[1], "--resume"),
        argument(&launches[0], "--session-id")
    );
    assert_eq!(run.events("attempt.started")[0]["reserved_usd"], json!(2.4));
}

#[test]
fn history_lost() {
    let world = World::new(json!({"maxTotalBudgetUsd": 15.0}));
    for issue in 1..=3 {
        world.issue(issue, costing(0.3));
    }
    world.exec(&[]).exits(0);
    // Without the costs of the first session, three more issues would be affordable.
    world.configure(json!({"maxTotalBudgetUsd": 3.0}));
    for issue in 4..=6 {
        world.issue(issue, costing(0.3));
    }
    let run = world.exec(&[]).exits(0);
    let planned: Vec<_> = run
        .events("task.model_selected")
        .iter()
        .map(|event| event["estimate_usd"].clone())
        .collect();
    assert_eq!(planned, [json!(0.3), json!(0.3), json!(0.3)]);
}

#[test]
fn an_unaffordable_backlog_does_not_start() {
    let world = World::new(json!({"agent": {"maxBudgetUsd": 6.0}, "maxTotalBudgetUsd": 25.0}));
    for issue in 1..=10 {
        world.issue(issue, costing(0.1));
    }
    let run = world.exec(&[]).exits(4);
    assert_eq!(
        run.summary()["reason"],
        "cannot afford 10 tasks: estimated $60.00 exceeds budget $25.00"
    );
    assert!(world.launches().is_empty());
    let words = world.sandbox.run(["exec", "go"]).exits(4);
    let all = format!("{}{}", words.stdout, words.stderr);
    assert!(
        all.contains("cannot afford 10 tasks: estimated $60.00 exceeds budget $25.00"),
        "{all}"
    );
    assert!(all.contains("--allow-partial"), "{all}");
}

#[test]
fn allow_partial_runs_the_affordable_issues_in_order() {
    let world = World::new(
        json!({"agent": {"maxBudgetUsd": 6.0}, "maxTotalBudgetUsd": 13.0, "executor": {"maxParallel": 1}}),
    );
    for issue in 1..=4 {
        world.issue(issue, costing(5.0));
    }
    let run = world.exec(&["--allow-partial"]).exits(4);
    let outcomes: Vec<String> = run
        .outcomes()
        .into_iter()
        .map(|(_, outcome)| outcome)
        .collect();
    assert_eq!(outcomes, ["done", "done", "not_started", "not_started"]);
    assert_eq!(usd(&run, "spent_usd"), 10.0);
}
