//! What users are told about plugins that do not do their part.

use autoissue_tests::{Run, Sandbox, guests};

use super::GUEST;

fn with_guest() -> Sandbox {
    let world = Sandbox::new();
    std::fs::write(world.project().join("guest.wasm"), guests::component(GUEST)).unwrap();
    guests::have_compiled(GUEST, &world.state().join("plugins"));
    world
}

#[track_caller]
fn warns(run: &Run, expected: &str) {
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn classify_names_a_plugin_that_made_no_decision_and_why() {
    let world = with_guest();
    world.issue(1, "misdeed: panic", "");
    world.issue(2, "Harmless", "");
    let args = ["classify", "go", "--plugin", "classifier=guest.wasm"];
    let run = world.run(args).exits(0);
    warns(
        &run,
        "warning: #1: classifier `autoissue-test-guest 0.1.0` made no decision: internal error",
    );
    warns(&run, "panicked at");
    assert_eq!(run.stderr.matches("made no decision").count(), 1);
    let json = world.run(args.iter().chain(&["--output", "json"])).exits(0);
    assert_eq!(json.objects("classification").len(), 2);
    warns(&json, "made no decision");
}
