//! The real program as planner: it reads the repository, answers by the schema, and can do nothing
//! else.

use autoissue_tests::Run;
use autoissue_tests::model_server::Scenario;
use serde_json::json;

use super::world::{World, usd};

const DIRECTIVE: &str = "Build user authentication";

fn plan(world: &World, more: &[&str]) -> Run {
    let args = [&["plan", DIRECTIVE, "--output", "json"], more].concat();
    Run::from(world.command(&args).output().expect("the binary runs"))
}

#[test]
fn a_dry_run_calls_a_read_only_planner() {
    let world = World::new(Scenario::Planner, json!({}));
    let run = plan(&world, &["--dry-run"]).exits(0);
    let session = run.summary()["session"].as_str().expect("an id").to_owned();
    let transcript = world
        .sandbox
        .state()
        .join("sessions")
        .join(session)
        .join("planner/attempt-1.log");
    let transcript = std::fs::read_to_string(transcript).expect("the transcript");
    assert!(
        transcript.contains("\"structured_output\":"),
        "it must answer by the schema: {transcript}"
    );
    let plan = &run.summary()["plan"];
    let titles: Vec<&str> = plan["issues"]
        .as_array()
        .expect("issues")
        .iter()
        .filter_map(|issue| issue["title"].as_str())
        .collect();
    assert_eq!(titles, ["Add the user table", "Log in"]);
    assert_eq!(plan["issues"][1]["labels"], json!(["backend", "auth"]));
    assert!(
        0.0 < usd(&run, "spent_usd") && usd(&run, "estimated_usd") == 0.0,
        "{}",
        run.summary()
    );
    assert!(
        world
            .asked()
            .iter()
            .any(|asked| asked.body.to_string().contains("# Sample")),
        "it must read the file"
    );
    assert!(
        !world.sandbox.home().join("planner-was-here").exists(),
        "it must not write"
    );
    assert_eq!(
        world.sandbox.names(".autoissue/issues"),
        Vec::<String>::new()
    );
    assert_eq!(world.processes(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_directive_becomes_a_stack_of_pull_requests() {
    let world = World::new(
        Scenario::Planner,
        json!({"checks": ["test ! -e issue-2.txt || test -e issue-1.txt"]}),
    );
    let run = plan(&world, &[]).exits(0);
    assert_eq!(
        run.outcomes(),
        [(1, "done".to_owned()), (2, "done".to_owned())]
    );
    assert_eq!(
        (world.published(1), world.published(2)),
        (Some("done".to_owned()), Some("done".to_owned()))
    );
    assert_eq!(
        world.sandbox.git(["show", "autoissue/issue-2:issue-1.txt"]),
        "done"
    );
    assert!(
        !world.sandbox.home().join("planner-was-here").exists(),
        "the planner must not write"
    );
    let pulls = world.sandbox.pulls();
    assert!(
        pulls[1].contains("base: \"autoissue/issue-1\"") && pulls[1].contains("Merge after #1"),
        "{}",
        pulls[1]
    );
    let planned = run.summary()["plan"]["spent_usd"]
        .as_f64()
        .expect("US dollars");
    assert!(
        0.0 < planned && planned < usd(&run, "spent_usd"),
        "{}",
        run.summary()
    );
}
