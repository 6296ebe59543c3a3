//! Stopping the real program while it is working.

use autoissue_tests::Run;
use autoissue_tests::model_server::Scenario;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::world::{World, outcome, usd, wait_until};

/// Cost of the turn that starts the slow tool.
const TURN_USD: f64 = 0.006_762;
/// `agent.turnMarginUsd`.
const MARGIN_USD: f64 = 0.5;

fn check_stopped_in_a_tool(signal: Signal) {
    let world = World::new(Scenario::SlowTool, json!({}));
    world.issue(1);
    let child = world.start_until("issue-1.txt");
    assert!(!world.processes().is_empty());
    kill_process(Pid::from_child(&child), signal).expect("the binary is running");
    let run = Run::from(child.wait_with_output().expect("the binary ends")).exits(130);
    assert!(
        world.processes().is_empty(),
        "orphans: {:?}",
        world.processes()
    );
    assert_eq!(
        (run.summary()["status"].as_str(), world.published(1)),
        (Some("interrupted"), None)
    );
    assert_eq!(world.salvaged(1), ["half"]);
    let charged = usd(&run, "spent_usd");
    // The program was stopped before it could report its cost, or had time for one more turn.
    let known = 2.0 * TURN_USD;
    assert!(
        (charged - TURN_USD - MARGIN_USD).abs() < 1e-9 || charged <= known + 1e-9,
        "{charged}"
    );

    std::fs::write(world.sandbox.home().join("go"), "").expect("the file");
    let n_sessions = world.sessions().len();
    let run = world.resume().exits(0);
    assert_eq!(
        (outcome(&run, 1).0.as_str(), world.published(1).as_deref()),
        ("done", Some("whole"))
    );
    assert_eq!(
        (n_sessions, world.sessions().len()),
        (1, 1),
        "the session must be resumed"
    );
    let spent = usd(&run, "spent_usd");
    assert!(
        (spent - charged - 2.0 * TURN_USD).abs() < 1e-9,
        "{spent} after {charged}"
    );
}

#[test]
fn orphans_sigterm_in_a_tool_leaves_none_and_resume_pays_nothing_twice() {
    check_stopped_in_a_tool(Signal::TERM);
}

#[test]
fn orphans_ctrl_c_in_a_tool_leaves_none_and_resume_pays_nothing_twice() {
    check_stopped_in_a_tool(Signal::INT);
}

#[test]
fn orphans_kill_in_a_tool_leaves_none_and_resume_pays_nothing_twice() {
    let world = World::new(Scenario::SlowTool, json!({}));
    world.issue(1);
    let mut child = world.start_until("issue-1.txt");
    child.kill().expect("the binary is running");
    child.wait().expect("the binary ends");
    wait_until(|| world.processes().is_empty());
    std::fs::write(world.sandbox.home().join("go"), "").expect("the file");
    let run = world.resume().exits(0);
    assert_eq!(
        (outcome(&run, 1).0.as_str(), world.published(1).as_deref()),
        ("done", Some("whole"))
    );
    assert_eq!(world.sessions().len(), 2);
    let estimated = usd(&run, "estimated_usd");
    assert!(
        (MARGIN_USD - 1e-9..=MARGIN_USD + TURN_USD + 1e-9).contains(&estimated),
        "{estimated}"
    );
}
