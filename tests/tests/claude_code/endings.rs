//! How runs of the real program end, and how autoissue handles each ending.

use autoissue_tests::model_server::Scenario;
use serde_json::json;

use super::world::{World, outcome, usd};

/// Cost of a run that writes a file, by the tokens that the model reports and the program's own
/// prices.
const SUCCESS_USD: f64 = 0.077_898;

#[test]
fn success_with_a_pull_request() {
    let world = World::new(
        Scenario::Success,
        json!({"maxParallel": 2, "checks": ["test ! -e issue-9.txt"]}),
    );
    world.issue(1);
    world.issue(2);
    let run = world.exec().exits(0);
    assert_eq!(
        run.outcomes(),
        [(1, "done".to_owned()), (2, "done".to_owned())]
    );
    assert_eq!(
        (world.published(1), world.published(2)),
        (Some("done".to_owned()), Some("done".to_owned()))
    );
    assert_eq!(
        (usd(&run, "spent_usd"), usd(&run, "estimated_usd")),
        (2.0 * SUCCESS_USD, 0.0)
    );
    let text = world.sandbox.pulls().join("\n");
    for part in [
        "Done: the file is written.",
        "Closes #1",
        "Closes #2",
        "sonnet",
        "$0.08",
    ] {
        assert!(text.contains(part), "`{part}` is missing in {text}");
    }
    let asked = world.asked();
    assert_eq!((asked.len(), world.sessions().len()), (4, 2));
    assert!(asked.iter().all(|asked| asked.key == "no-key"));
}

#[test]
fn late_bill_costs_are_metered_during_the_run_at_the_programs_own_prices() {
    // Each release maps the alias to another model. The most expensive one is used because small
    // amounts are metered in steps.
    let config = json!({"forge": {"kind": "local"}, "agent": {"model": "opus"}});
    let world = World::on(autoissue_tests::Sandbox::new(), Scenario::Success, config);
    world.issue(1);
    let run = world.exec().exits(0);
    let billed = usd(&run, "spent_usd");
    assert_eq!(usd(&run, "estimated_usd"), 0.0);
    let metered: Vec<f64> = run
        .events("attempt.metered")
        .iter()
        .map(|event| event["spent_usd"].as_f64().expect("a sum"))
        .collect();
    assert!(
        metered.iter().any(|usd| *usd < billed - 1e-6),
        "{metered:?} of {billed}"
    );
    assert!(
        metered.iter().all(|usd| *usd <= billed + 1e-6),
        "{metered:?} of {billed}"
    );
}

#[test]
fn denied_but_success_the_pull_request_names_a_denied_tool() {
    let world = World::new(Scenario::Denied, json!({}));
    world.issue(1);
    let run = world.exec().exits(0);
    assert_eq!(outcome(&run, 1).0, "done");
    assert_eq!(world.published(1).as_deref(), Some("done without the page"));
    let text = world.sandbox.pulls().join("\n");
    assert!(text.contains("WebFetch"), "{text}");
}

#[test]
fn an_exhausted_budget_keeps_the_work() {
    let config = json!({"forge": {"kind": "local"}, "agent": {"maxBudgetUsd": 3.0}, "executor": {"maxRetries": 2}});
    let world = World::on(autoissue_tests::Sandbox::new(), Scenario::Costly, config);
    world.issue(1);
    let run = world.exec().exits(3);
    let (ended, reason) = outcome(&run, 1);
    assert_eq!(ended, "budget");
    assert!(reason.contains("Raise `agent.maxBudgetUsd`"), "{reason}");
    assert_eq!(world.salvaged(1), ["done"]);
    // It was given $2.50, checked between turns, and exceeded the limit by less than a turn: 0.07
    // plus three times 0.94.
    assert_eq!(
        (usd(&run, "spent_usd"), usd(&run, "estimated_usd")),
        (2.878_686, 0.0)
    );
}

#[test]
fn one_hundred_thirty_three_more_starts_a_wrong_key_ends_the_session() {
    let world = World::new(
        Scenario::Refused(401),
        json!({"maxParallel": 1, "maxRetries": 2}),
    );
    (1..=3).for_each(|issue| world.issue(issue));
    let run = world.exec().exits(130);
    assert_eq!(run.summary()["status"], "interrupted");
    let reason = run.summary()["reason"]
        .as_str()
        .expect("a reason")
        .to_owned();
    assert!(reason.starts_with("`claude` was denied access"), "{reason}");
    // One launch and one more to confirm the failure, each with the program's own two retries.
    assert_eq!(world.asked().len(), 6);
    assert_eq!(usd(&run, "spent_usd"), 0.0);
}

#[test]
fn a_temporary_overload_is_retried_without_a_trace() {
    let world = World::new(Scenario::OverloadedTwice, json!({}));
    world.issue(1);
    let run = world.exec().exits(0);
    assert_eq!(
        (outcome(&run, 1).0.as_str(), world.sessions().len()),
        ("done", 1)
    );
    assert!(run.events("service.failed").is_empty() && run.events("attempt.failed").is_empty());
}

#[test]
fn quota_at_one_am() {
    let world = World::new(Scenario::LimitReached, json!({})).with_subscription();
    world.issue(1);
    let run = world.exec().exits(0);
    assert_eq!(
        (outcome(&run, 1).0.as_str(), world.sessions().len()),
        ("done", 1),
        "the interrupted session must be resumed"
    );
    assert_eq!(run.events("service.paused").len(), 1);
    assert!(
        run.events("attempt.failed")
            .iter()
            .all(|event| event["counted"] == false)
    );
}

#[test]
fn a_truncated_answer_counts_as_a_network_failure_with_a_cost() {
    let config = json!({
        "forge": {"kind": "local"}, "agent": {"maxBudgetUsd": 1.2}, "breaker": {"cooldownSeconds": 1},
    });
    let world = World::on(autoissue_tests::Sandbox::new(), Scenario::Cut, config);
    world.issue(1);
    let run = world.exec().exits(3);
    let (ended, reason) = outcome(&run, 1);
    // Network retries are not limited by the attempt count, so the issue's cost limit bounds them.
    assert_eq!(ended, "budget", "{reason}");
    let failed = run.events("attempt.failed");
    assert!(
        failed
            .iter()
            .all(|event| event["failure"]["type"] == "network" && event["counted"] == false),
        "{failed:?}"
    );
    // The input of each reported try, plus the margin for the unknown part. A newer release may
    // lose the beginning of a response together with its connection. Then it has printed nothing of
    // it and, if that is all, reports no cost.
    let (once, thrice) = (0.505_877, 0.518);
    let exits = run.events("attempt.agent_exited");
    let charged = |event: &serde_json::Value| event["cost_usd"].as_f64().expect("dollars");
    let paid: Vec<_> = exits.iter().filter(|event| charged(event) > 0.0).collect();
    assert!(!paid.is_empty());
    for event in paid {
        assert!((once..=thrice).contains(&charged(event)), "{event}");
        assert_eq!(event["estimated"], true, "{event}");
    }
}

#[test]
fn an_agent_that_hangs_is_stopped() {
    // Longer than a busy machine needs to start the program.
    let world = World::new(Scenario::Hang, json!({"stallMinutes": 1}))
        .with_env("AUTOISSUE_TEST_MINUTE_MS", "8000");
    world.issue(1);
    let run = world.exec().exits(3);
    let (ended, reason) = outcome(&run, 1);
    assert_eq!(
        (ended.as_str(), reason.as_str()),
        ("failed", "timeout: the agent was silent for 8 seconds")
    );
    assert!(world.processes().is_empty(), "{:?}", world.processes());
}
