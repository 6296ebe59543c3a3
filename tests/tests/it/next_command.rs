//! The commands that are printed for users to run next, each run as printed.

use std::path::Path;

use autoissue_tests::{Run, Sandbox, binary, new_file_patch};

/// Creates a sandbox with three issues. Its working configuration must be named explicitly: the
/// default one has no forge.
fn world() -> Sandbox {
    let world = Sandbox::new();
    world.install("autoissue", binary());
    world.write(
        "free.json",
        r#"{"forge": {"kind": "local"}, "agent": {"backend": "patch"}}"#,
    );
    world.config(r#"{"forge": {"kind": "github"}}"#);
    for number in 1..=3 {
        world.issue(
            number,
            &format!("[Backend] add {number}"),
            &new_file_patch(&format!("{number}.txt"), "new"),
        );
    }
    world
}

/// Returns the command at the end of a report, without the alternatives.
#[track_caller]
fn next(run: &Run) -> String {
    let line = run
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("next  "));
    let line = line.unwrap_or_else(|| panic!("no next command in\n{}\n{}", run.stdout, run.stderr));
    let command = line.trim().split("    (").next();
    command.expect("a line has a first part").to_owned()
}

/// Runs a command in a shell.
fn typed(world: &Sandbox, directory: &Path, command: &str) -> Run {
    let mut shell = world.command("bash");
    shell.args(["-c", command]).current_dir(directory);
    shell.env_remove("AUTOISSUE_STATE_DIR");
    if !command.contains("AUTOISSUE_STATE_DIR=") {
        shell.env("AUTOISSUE_STATE_DIR", world.state());
    }
    Run::from(shell.output().expect("the shell runs"))
}

#[test]
fn first_next_keeps_flags() {
    let world = world();
    let dry = world.run([
        "exec",
        "go",
        "--config",
        "free.json",
        "--issue",
        "2",
        "--budget",
        "5.5",
        "--max-parallel",
        "1",
        "--dry-run",
    ]);
    let command = next(&dry.exits(0));
    let run = typed(
        &world,
        &world.project(),
        &format!("{command} --output json"),
    )
    .exits(0);
    assert_eq!(run.outcomes(), [(2, "done".to_owned())]);
    assert_eq!(run.summary()["budget_usd"], 5.5);
    let settings = &run.events("session.started")[0]["settings"];
    assert_eq!(settings["n_slots"], 1, "{settings}");
}

#[test]
fn the_command_for_a_refused_budget_keeps_the_selected_issues() {
    let world = world();
    world.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    world.write("paid.json", r#"{"forge": {"kind": "local"}}"#);
    let refused = world.run([
        "exec",
        "go",
        "--config",
        "paid.json",
        "--issue",
        "1",
        "--issue",
        "3",
        "--budget",
        "1",
    ]);
    let command = next(&refused.exits(4));
    let run = typed(
        &world,
        &world.project(),
        &format!("{command} --output json"),
    )
    .exits(0);
    assert_eq!(run.summary()["counts"]["done"], 2);
    assert_eq!(run.summary()["budget_usd"], 10.0);
}

#[test]
fn an_interrupted_session_resumes_from_any_directory_with_its_configuration() {
    let world = world();
    let mut exec = world.autoissue(["exec", "go", "--issue", "2", "--config", "free.json"]);
    let crashed = Run::from(
        exec.env("AUTOISSUE_TEST_CRASH_AT", "4:after")
            .output()
            .expect("it runs"),
    );
    assert_ne!(crashed.code, Some(0), "{}", crashed.stderr);
    let status = typed(&world, world.root(), "autoissue status").exits(0);
    let (_, command) = status
        .stdout
        .split_once("resume with `")
        .expect("the resume command");
    let (command, _) = command.split_once('`').expect("an end");
    typed(&world, world.root(), command).exits(0);
    assert_eq!(world.branches(), ["autoissue/issue-2"]);
}

#[test]
fn a_relative_path_given_in_a_subdirectory_stays_valid() {
    let world = world();
    let typed_below = "autoissue exec go --issue 2 --config ../free.json --dry-run";
    let dry = typed(&world, &world.project().join("docs"), typed_below).exits(0);
    typed(&world, &world.project(), &next(&dry)).exits(0);
    assert_eq!(world.branches(), ["autoissue/issue-2"]);
}

#[test]
fn first_demo_next_works_in_the_directory_of_the_demo_command() {
    let world = Sandbox::empty();
    world.install("autoissue", binary());
    let mut demo = world.command(binary());
    demo.args(["demo", "--dir", "d 1", "--quiet"])
        .current_dir(world.root())
        .env_remove("AUTOISSUE_STATE_DIR");
    let demo = Run::from(demo.output().expect("the demo runs"));
    let command = next(&demo);
    assert!(command.contains("autoissue show "), "{command}");
    let shown = typed(&world, world.root(), &command).exits(0);
    assert!(shown.stdout.contains("attempt"), "{}", shown.stdout);
}
