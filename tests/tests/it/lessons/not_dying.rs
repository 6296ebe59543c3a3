//! Repeated work, and processes that survive.

use std::fs;
use std::io::{BufRead, BufReader};

use serde_json::json;

use super::{World, is_alive, outcome, usd, wait_until};

/// Leaves a process behind in its own process group, and writes its id to `~/orphan`.
const LEAVE_ORPHAN: &str = "setsid sh -c 'echo $$ > ~/orphan.new; mv ~/orphan.new ~/orphan; exec sleep 600' </dev/null >/dev/null 2>&1 &";

#[test]
fn orphans() {
    let world = World::new(json!({}));
    world.issue(
        1,
        json!([[{"write": ["a.txt", "x"]}, {"run": LEAVE_ORPHAN}, {"wait_for": "~/orphan"}, {"result": {}}]]),
    );
    assert_eq!(outcome(&world.exec(&[]).exits(0), 1), "done");
    let pid = fs::read_to_string(world.sandbox.home().join("orphan")).unwrap();
    assert!(!is_alive(&pid));
}

#[test]
fn orphans_of_a_killed_run_end_too() {
    let world = World::new(json!({}));
    let steps = json!([{"ignore_sigterm": true}, {"write": ["a.txt", "half"]}, {"meter": 0.3}, {"run": LEAVE_ORPHAN}, {"stall": true}]);
    let good = json!([{"write": ["b.txt", "x"]}, {"meter": 0.1}, {"result": {}}]);
    world.issue(1, json!([steps, good]));
    let mut child = world.start_until("orphan");
    // After the kill, only the journal's contents are known.
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines
            .map_while(Result::ok)
            .any(|line| line.contains(r#""type":"metered""#))
    );
    let agent = world.launches()[0]["pid"].to_string();
    let orphan = fs::read_to_string(world.sandbox.home().join("orphan")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until(|| !is_alive(&agent) && !is_alive(&orphan));
    let run = world.resume().exits(0);
    assert_eq!(outcome(&run, 1), "done");
    // The interrupted attempt: the metered amount plus the margin.
    assert_eq!(
        (usd(&run, "spent_usd"), usd(&run, "estimated_usd")),
        (0.9, 0.8)
    );
    assert!(world.salvaged("half").contains("a.txt"));
}

#[test]
fn orphans_of_a_killed_supervisor_end_too() {
    let world = World::new(json!({"executor": {"maxRetries": 1}}));
    // Without the tag in its environment, it can be found only by its ancestry.
    let leave = format!("env -u AUTOISSUE_TAG {LEAVE_ORPHAN}");
    let kill = "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)";
    let steps = json!([{"write": ["a.txt", "half"]}, {"run": leave}, {"wait_for": "~/orphan"}, {"run": kill}, {"stall": true}]);
    world.issue(
        1,
        json!([steps, [{"write": ["b.txt", "x"]}, {"result": {}}]]),
    );
    let run = world.exec(&[]).exits(0);
    assert_eq!(outcome(&run, 1), "done");
    assert_eq!(
        run.events("attempt.started").len(),
        2,
        "the first attempt ended"
    );
    let pid = fs::read_to_string(world.sandbox.home().join("orphan")).unwrap();
    assert!(!is_alive(&pid));
}

#[test]
fn paid_twice() {
    let check = "touch ~/checking; while test -f ~/hold; do sleep 0.02; done";
    let checks = json!([{"name": "slow", "run": check}]);
    let world = World::new(json!({"executor": {"checks": checks, "redBase": "ignoreKnown"}}));
    let work = json!([{"run": "rm -f ~/checking; touch ~/hold"}, {"write": ["a.txt", "x"]}, {"meter": 0.25}, {"result": {}}]);
    world.issue(1, json!([work, [{"result": {}}]]));
    let mut child = world.start_until("hold");
    wait_until(|| world.sandbox.home().join("checking").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(world.sandbox.home().join("hold")).unwrap();
    let run = world.resume().exits(0);
    assert_eq!(
        (outcome(&run, 1), usd(&run, "spent_usd")),
        ("done".to_owned(), 0.25)
    );
    assert_eq!(world.launches().len(), 1);
    assert_eq!(world.published(1, "a.txt").as_deref(), Some("x"));
}
