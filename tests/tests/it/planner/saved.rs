//! Dry runs, saved plans, edits, and the confirmation prompt on a terminal.

use std::process::Command;

use autoissue_tests::github_server::Issue;
use autoissue_tests::{Sandbox, Terminal};
use serde_json::{Value, json};

use super::{
    DIRECTIVE, issues, launches, local, n_planners, on_github, plan, planned, planner_answers,
};

const ENTER: &str = "\r";

fn two() -> Value {
    json!([
        planned("Add the user table", "database", &[]),
        planned("Log in", "backend", &[1])
    ])
}

fn file(world: &Sandbox, name: &str) -> Value {
    serde_json::from_str(&world.read(name)).expect("the plan is JSON")
}

#[test]
fn a_dry_run_with_an_agent_that_cannot_plan_announces_no_cost() {
    let world = Sandbox::new();
    let run = world.run(["plan", DIRECTIVE, "--dry-run"]);
    assert_ne!(run.code, Some(0));
    assert!(
        !run.stderr.contains("calling the planner") && run.stderr.contains("agent.backend"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_dry_run_shows_list_tree_and_estimate_and_creates_nothing() {
    let world = local();
    planner_answers(&world, &two());
    let run = world.run(["plan", DIRECTIVE, "--dry-run"]).exits(0);
    assert!(
        run.stderr
            .contains("calling the planner, which costs up to $2.00; no issues will be created"),
        "{}",
        run.stderr
    );
    for part in [
        "plan of “Build user authentication”",
        "nothing was created; planning cost $0.25",
        "database",
        "└─ 2 Log in",
        "2 issues, 3 at once, estimated $10.00 of the remaining $49.75 (budget $50.00)",
        "autoissue plan --from ",
    ] {
        assert!(
            run.stdout.contains(part),
            "{part:?} is not in\n{}",
            run.stdout
        );
    }
    assert!(issues(&world).is_empty() && world.branches().is_empty());
    let run = plan(&world, &["--dry-run"]).exits(0);
    let mermaid = run.summary()["plan"]["mermaid"]
        .as_str()
        .expect("a diagram")
        .to_owned();
    assert_eq!(
        mermaid,
        "graph TD\n  i1[\"1 Add the user table\"]\n  i2[\"2 Log in\"]\n  i1 --> i2\n"
    );
    assert_eq!(run.summary()["plan"]["estimate_usd"], 10.0);
}

#[test]
fn an_edited_saved_plan_runs_once_without_calling_the_planner() {
    let world = local();
    planner_answers(&world, &two());
    plan(&world, &["--dry-run", "--out", "plan.json"]).exits(0);
    let mut saved = file(&world, "plan.json");
    let schema: Value = serde_json::from_str(include_str!("../../../../cli/plan.schema.json"))
        .expect("the schema is JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    assert!(schema.is_valid(&saved), "{saved}");
    assert!(
        !schema.is_valid(&json!({"version": 1, "issues": []})),
        "an empty plan must be rejected"
    );
    assert_eq!(
        (&saved["version"], &saved["directive"]),
        (&json!(1), &json!(DIRECTIVE))
    );
    assert_eq!(saved["graph"][3], "  i1 --> i2");
    saved["issues"][1]["title"] = "Log in by mail".into();
    // The first issue may depend on the last one: its body is completed once the number is known.
    saved["issues"]
        .as_array_mut()
        .expect("issues")
        .push(planned("Choose a database", "documentation", &[]));
    saved["issues"][0]["depends_on"] = json!([3]);
    world.write("plan.json", &saved.to_string());
    let run = world
        .run(["plan", "--from", "plan.json", "--output", "json"])
        .exits(0);
    assert_eq!(run.summary()["counts"], json!({"done": 3}));
    assert_eq!(
        n_planners(&world),
        1,
        "a saved plan must not call the planner"
    );
    let created = issues(&world);
    assert!(
        created[0].contains("\n\nDepends on #3.\n\n<!-- autoissue: planned "),
        "{}",
        created[0]
    );
    assert!(created[1].contains("Log in by mail"), "{}", created[1]);
    assert_eq!(world.git(["show", "autoissue/issue-1:issue-3.txt"]), "3");
    // Run it again: everything exists already.
    let again = world
        .run(["plan", "--from", "plan.json", "--output", "json"])
        .exits(0);
    assert_eq!(again.summary()["counts"], json!({"already_open": 3}));
    assert!(
        again
            .events("plan.issue_created")
            .iter()
            .all(|event| event["existed"] == true),
        "{}",
        again.stdout
    );
    assert_eq!(
        (issues(&world).len(), again.summary()["spent_usd"].as_f64()),
        (3, Some(0.0))
    );
}

#[test]
fn a_plan_edited_after_its_issues_were_created_needs_a_person() {
    let world = local();
    planner_answers(&world, &two());
    plan(&world, &["--out", "plan.json"]).exits(0);
    let mut saved = file(&world, "plan.json");
    saved["issues"][0]["title"] = "Something else".into();
    world.write("plan.json", &saved.to_string());
    let run = world.run(["plan", "--from", "plan.json"]).exits(130);
    let said = "#1 was created for issue 1 of this plan, but its title is “Add the user table”, not “Something else”";
    assert!(
        run.stderr.contains(said) && run.stderr.contains("delete `id` from the plan's file"),
        "{}",
        run.stderr
    );
    assert_eq!(
        issues(&world).len(),
        2,
        "nothing may be created, and no issue taken for another"
    );
    saved.as_object_mut().expect("keys").remove("id");
    world.write("plan.json", &saved.to_string());
    world.run(["plan", "--from", "plan.json"]).exits(0);
    assert_eq!(issues(&world).len(), 4);
}

#[test]
fn an_issue_with_a_copied_marker_does_not_belong_to_the_plan() {
    let first = on_github();
    planner_answers(&first, &two());
    first
        .run(["plan", DIRECTIVE, "--out", "plan.json"])
        .exits(0);
    let ours = first.repository.issues().remove(0);
    for stranger in [
        Issue::new(&ours.title).body(&ours.body).by("mallory"),
        // An old issue by a member of the repository, who may not be trusted.
        Issue::new(&ours.title)
            .body(&ours.body)
            .created_at("2020-01-01T00:00:00Z"),
    ] {
        let world = on_github();
        world.repository.issue(stranger);
        world.write("plan.json", &first.read("plan.json"));
        let run = world
            .run(["plan", "--from", "plan.json", "--output", "json"])
            .exits(0);
        let existed: Vec<bool> = run
            .events("plan.issue_created")
            .iter()
            .map(|event| event["existed"] == true)
            .collect();
        assert_eq!(
            (existed, world.repository.issues().len()),
            (vec![false, false], 3),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn a_bad_edit_is_reported_with_position_and_title_before_anything_starts() {
    let world = local();
    let issue = |title: &str, depends_on: &[u32]| planned(title, "backend", depends_on);
    let saved = json!({"version": 1, "issues": [issue("One", &[3]), issue("Two", &[])]});
    world.write("plan.json", &saved.to_string());
    let run = world.run(["plan", "--from", "plan.json"]).exits(2);
    for part in [
        "plan.json` is not a valid plan",
        "issue 1 “One”: it depends on position 3, but positions go from 1 to 2",
        "plan --schema",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    world.write("plan.json", "{\"version\": 2, \"issues\": []}");
    let run = world.run(["plan", "--from", "plan.json"]).exits(2);
    assert!(
        run.stderr
            .contains("`version` is `2`; this release reads version 1"),
        "{}",
        run.stderr
    );
    world.write("plan.json", "{\"version\": 1,");
    let run = world.run(["plan", "--from", "plan.json"]).exits(2);
    assert!(run.stderr.contains("line 1"), "{}", run.stderr);
    std::fs::write(world.project().join("plan.json"), b"{\"version\": 1, \xff").expect("the file");
    let run = world.run(["plan", "--from", "plan.json"]).exits(2);
    assert!(run.stderr.contains("byte 16"), "{}", run.stderr);
    let run = world.run(["plan", "--from", "nowhere.json"]);
    assert!(
        run.code != Some(0) && run.stderr.contains("nowhere.json"),
        "{run:?}"
    );
    assert!(!world.state().join("sessions").exists() && issues(&world).is_empty());
}

#[test]
fn an_existing_file_is_not_overwritten_and_is_found_before_the_planner_runs() {
    let world = local();
    planner_answers(&world, &two());
    world.write("plan.json", "mine");
    let run = plan(&world, &["--out", "plan.json"]).exits(2);
    assert!(run.stderr.contains("plan.json` exists"), "{}", run.stderr);
    let run = plan(&world, &["--out", "no/such/plan.json"]);
    assert!(
        run.code != Some(0) && run.stderr.contains("no/such/plan.json"),
        "{run:?}"
    );
    assert!(launches(&world).is_empty() && world.read("plan.json") == "mine");
}

#[test]
fn an_unaffordable_plan_is_shown_and_saved_but_not_started() {
    let world = local();
    planner_answers(&world, &two());
    let run = world
        .run(["plan", DIRECTIVE, "--budget", "8", "--out", "plan.json"])
        .exits(4);
    assert!(
        run.stdout
            .contains("cannot afford 2 tasks: estimated $10.00 exceeds budget $8.00 less $0.25 spent on planning"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("--budget 10"), "{}", run.stdout);
    assert!(issues(&world).is_empty());
    assert_eq!(
        file(&world, "plan.json")["issues"].as_array().map(Vec::len),
        Some(2)
    );
    world
        .run(["plan", "--from", "plan.json", "--budget", "10", "--quiet"])
        .exits(0);
    assert_eq!(world.pulls().len(), 2);
}

fn on_a_terminal(world: &Sandbox, args: &[&str]) -> Terminal {
    let mut command: Command = world.autoissue(args);
    command.env("TERM", "xterm-256color");
    Terminal::start(&command, 120, 40)
}

#[test]
fn on_a_terminal_a_plan_starts_after_confirmation() {
    let world = local();
    planner_answers(&world, &two());
    let terminal = on_a_terminal(&world, &["plan", DIRECTIVE]);
    terminal.wait_until("the question", |sight| {
        sight.has_shown("Create 2 issues and run them? [y/N]")
    });
    assert!(
        issues(&world).is_empty(),
        "nothing may be created before the answer"
    );
    terminal.press("y");
    terminal.press(ENTER);
    let (code, sight) = terminal.end();
    assert_eq!(code, Some(0), "{}", sight.lines.join("\n"));
    assert!(
        sight.has_shown("└─ 2 Log in") && sight.has_shown("shipped (2)"),
        "{}",
        sight.lines.join("\n")
    );
    assert_eq!((issues(&world).len(), n_planners(&world)), (2, 1));
}

#[test]
fn declining_leaves_a_plan_and_nothing_else() {
    let world = local();
    planner_answers(&world, &two());
    let terminal = on_a_terminal(&world, &["plan", DIRECTIVE]);
    terminal.wait_until("the question", |sight| sight.has_shown("[y/N]"));
    terminal.press(ENTER);
    let (code, sight) = terminal.end();
    assert_eq!(code, Some(0), "{}", sight.lines.join("\n"));
    assert!(
        sight.has_shown("nothing was created"),
        "{}",
        sight.lines.join("\n")
    );
    assert!(issues(&world).is_empty());
    let refused = world.run(["resume"]).exits(2);
    assert!(
        refused.stderr.contains("no unfinished session"),
        "{}",
        refused.stderr
    );
}

#[test]
fn an_unanswered_plan_waits_and_is_not_paid_again() {
    let world = local();
    planner_answers(&world, &two());
    let terminal = on_a_terminal(&world, &["plan", DIRECTIVE]);
    terminal.wait_until("the question", |sight| sight.has_shown("[y/N]"));
    terminal.press("\u{3}");
    let (code, sight) = terminal.end();
    assert_eq!(code, Some(130), "{}", sight.lines.join("\n"));
    assert!(
        sight.has_shown("autoissue resume"),
        "{}",
        sight.lines.join("\n")
    );
    let status = world.run(["status"]).exits(0);
    assert!(status.stdout.contains("interrupted"), "{}", status.stdout);
    // The same directive continues the session.
    let run = plan(&world, &[]).exits(0);
    assert!(run.stderr.contains("resuming session"), "{}", run.stderr);
    assert_eq!(run.summary()["counts"], json!({"done": 2}));
    assert_eq!(n_planners(&world), 1);
}

#[test]
fn a_completed_directive_is_neither_planned_nor_paid_nor_done_again() {
    let world = local();
    planner_answers(&world, &two());
    plan(&world, &[]).exits(0);
    let (n_launches, n_pulls) = (launches(&world).len(), world.pulls().len());
    let again = plan(&world, &[]).exits(0);
    assert!(
        again.stderr.contains("had the same directive"),
        "{}",
        again.stderr
    );
    assert_eq!(again.summary()["counts"], json!({"already_open": 2}));
    assert_eq!(again.summary()["spent_usd"], 0.0);
    assert_eq!(launches(&world).len(), n_launches, "no agent may run");
    assert_eq!(issues(&world).len(), 2);
    assert_eq!(world.pulls().len(), n_pulls);
    // A different directive is a new plan.
    world
        .run(["plan", "Build something else", "--output", "json"])
        .exits(0);
    assert_eq!(n_planners(&world), 2);
}

#[test]
fn an_interrupted_repetition_of_a_directive_is_resumed() {
    let world = local();
    planner_answers(&world, &two());
    plan(&world, &[]).exits(0);
    // Without the published pull requests there is work to do again.
    std::fs::remove_dir_all(world.project().join(".autoissue/pulls")).expect("pull requests");
    let mut interrupted = world.autoissue(["plan", DIRECTIVE, "--output", "json"]);
    let interrupted = interrupted
        .env("AUTOISSUE_TEST_CRASH_AT", "6:after")
        .output();
    assert_ne!(interrupted.expect("it runs").status.code(), Some(0));
    let again = plan(&world, &[]).exits(0);
    assert!(
        again.stderr.contains("resuming session"),
        "{}",
        again.stderr
    );
    assert_eq!(n_planners(&world), 1);
    assert_eq!(issues(&world).len(), 2);
}

#[test]
fn the_yes_flag_confirms_in_advance() {
    let world = local();
    planner_answers(&world, &two());
    let terminal = on_a_terminal(&world, &["plan", DIRECTIVE, "--yes"]);
    let (code, sight) = terminal.end();
    assert_eq!(code, Some(0), "{}", sight.lines.join("\n"));
    assert!(!sight.has_shown("[y/N]"));
    assert_eq!(issues(&world).len(), 2);
}
