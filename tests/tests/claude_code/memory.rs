//! What the real program remembers: the repository's instructions, and its earlier session
//! including its cost.

use autoissue_tests::model_server::Scenario;
use autoissue_tests::{Run, Sandbox};
use serde_json::{Value, json};

use super::world::{World, outcome, usd};

/// Returns the cost of each attempt in micro-dollars, and whether it is estimated.
fn charges(run: &Run) -> Vec<(i64, bool)> {
    let charge = |event: &Value| {
        let charged = event["cost_usd"].as_f64().expect("dollars");
        ((charged * 1e6).round() as i64, event["estimated"] == true)
    };
    run.events("attempt.agent_exited")
        .iter()
        .map(charge)
        .collect()
}

/// Runs an issue whose check fails first and passes after a second attempt.
fn second_try() -> (World, Run) {
    let check = json!({"name": "no wrong word", "run": "! grep wrong issue-1.txt"});
    let world = World::new(
        Scenario::SecondTry,
        json!({"maxRetries": 1, "checks": [check]}),
    );
    world.issue(1);
    let run = world.exec().exits(0);
    (world, run)
}

#[test]
fn dirty_retry_a_failed_check_is_retried_in_the_same_session() {
    let (world, run) = second_try();
    assert_eq!(
        (outcome(&run, 1).0.as_str(), world.published(1).as_deref()),
        ("done", Some("right"))
    );
    let asked = world.asked();
    assert_eq!((world.sessions().len(), asked.len()), (1, 4));
    // The second attempt starts with the conversation of the first and the output of the failed
    // check.
    let second = &asked[2];
    let messages = second.body["messages"].to_string();
    assert!(
        messages.contains("Writing the file.") && messages.contains("tool_use"),
        "{messages}"
    );
    assert!(
        second
            .words()
            .contains("An earlier attempt was not good enough"),
        "{}",
        second.words()
    );
    assert!(!asked[0].words().contains("An earlier attempt"));
}

#[test]
fn resumed_session_is_billed_only_for_the_new_run() {
    let (world, run) = second_try();
    assert_eq!(world.sessions().len(), 1, "the session must be resumed");
    // A turn that writes and one that ends; then two turns of the second kind.
    assert_eq!(charges(&run), [(77_898, false), (13_524, false)]);
    assert_eq!(usd(&run, "spent_usd"), 0.091_422);
}

#[test]
fn limit_of_a_resumed_session_applies_to_the_run_alone() {
    let check = json!({"name": "no wrong word", "run": "! grep wrong issue-1.txt"});
    let config = json!({
        "forge": {"kind": "local"}, "agent": {"maxBudgetUsd": 3.0},
        "executor": {"maxRetries": 1, "checks": [check]},
    });
    let world = World::on(Sandbox::new(), Scenario::CostlySecondTry, config);
    world.issue(1);
    let run = world.exec().exits(3);
    assert_eq!(outcome(&run, 1).0, "budget");
    assert_eq!(world.sessions().len(), 1, "the session must be resumed");
    // The first run leaves $2.06 of $3, and the second is given $1.56, so it ends after two turns.
    // If its limit were compared with the session's total, it would end after one turn; if the
    // total raised the limit, it would have to be stopped after three.
    assert_eq!(charges(&run), [(942_612, false), (1_871_700, false)]);
}

#[test]
fn instructions_of_the_base_commit_reach_the_model() {
    let world = World::new(Scenario::Success, json!({}));
    world
        .sandbox
        .write("CLAUDE.md", "Always call a spade a spade.\n");
    world.sandbox.git(["add", "CLAUDE.md"]);
    world
        .sandbox
        .git(["commit", "--quiet", "--message", "how to speak"]);
    // Not part of the base commit: files in the user's checkout must not reach the agent.
    world
        .sandbox
        .write("CLAUDE.md", "Never speak of shovels.\n");
    world.issue(1);
    world.exec().exits(0);
    let words = world.asked()[0].words();
    assert!(words.contains("Always call a spade a spade."), "{words}");
    assert!(!words.contains("Never speak of shovels."), "{words}");
}
