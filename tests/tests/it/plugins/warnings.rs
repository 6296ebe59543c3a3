//! What users are told about plugins that do not do their part.

use autoissue_tests::{Run, Sandbox, guests, new_file_patch};

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

#[test]
fn a_model_selector_that_is_never_asked_is_a_warning() {
    let world = with_guest();
    world.issue(1, "Anything", &new_file_patch("1.txt", "new"));
    let selector = ["--plugin", "model-selector=guest.wasm"];
    let exec = |more: &[&str]| {
        let args = ["exec", "go"].iter().chain(&selector).chain(more);
        world.run(args)
    };
    let expected = "the model selector `autoissue-test-guest 0.1.0` is never asked, because the agent backend `patch` does not offer a choice of models; to use it, set `agent.backend` to a backend that does";
    for run in [exec(&["--dry-run"]).exits(0), exec(&[]).exits(0)] {
        warns(&run, expected);
    }
    let doctor = world.run(
        ["doctor", "--quick", "--output", "json"]
            .iter()
            .chain(&selector),
    );
    let findings = doctor.json();
    let finding = findings.iter().find(|it| it["check"] == "model").unwrap();
    assert_eq!(finding["level"], "warning", "{finding}");
    world.config(
        r#"{"forge": {"kind": "local"}, "agent": {"model": "large"},
            "plugins": [{"name": "guest", "path": "guest.wasm"}], "strategies": {"modelSelector": "guest"}}"#,
    );
    let backend = [
        "exec",
        "go",
        "--dry-run",
        "--plugin",
        "agent-backend=guest.wasm",
        "--grant",
        "exec=line-agent",
        "--grant",
        "env=LINE_AGENT_KEY",
    ];
    let run = world.run(backend).exits(0);
    warns(
        &run,
        "is never asked, because `agent.model` is `large`; to use it, set `agent.model` to `auto`",
    );
    let config = world.read("autoissue.config.json");
    world.config(&config.replace("large", "auto"));
    let run = world.run(backend).exits(0);
    assert!(!run.stderr.contains("never asked"), "{}", run.stderr);
}
