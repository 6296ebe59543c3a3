//! From a directive to a stack of pull requests: runs of the real binary with a fake `claude` as
//! planner and agent.

mod answers;
mod crash;
mod dependencies;
mod saved;
mod stack;

use std::fs;
use std::path::Path;

use autoissue_tests::{GithubSandbox, Run, Sandbox};
use serde_json::{Value, json};

const DIRECTIVE: &str = "Build user authentication";
/// Cost of a planner run, US dollars.
const PLANNER_USD: f64 = 0.25;

/// Creates a sandbox on the local forge.
fn local() -> Sandbox {
    let world = Sandbox::new();
    install(&world);
    configure(&world, json!({"forge": {"kind": "local"}}));
    world
}

/// Creates a sandbox on GitHub.
fn on_github() -> GithubSandbox {
    let world = GithubSandbox::new();
    install(&world);
    configure(
        &world,
        json!({"github": {"writesPerMinute": 10_000, "writesPerHour": 100_000}}),
    );
    world
}

fn install(world: &Sandbox) {
    world.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
}

/// Writes a configuration: these keys on top of short limits and delays.
fn configure(world: &Sandbox, over: Value) {
    let mut config = json!({
        "agent": {"backend": "claude"},
        "executor": {"maxRetries": 0, "timeoutMinutes": 1, "maxParallel": 3},
        "breaker": {"cooldownSeconds": 1},
    });
    for (key, value) in over.as_object().expect("keys") {
        config[key] = value.clone();
    }
    world.config(&config.to_string());
}

/// Sets the planner's steps: a list for each launch, the last one also for all later launches.
fn planner_does(world: &Sandbox, runs: &Value) {
    fs::write(world.home().join("planner.json"), runs.to_string()).expect("the planner's runs");
}

/// Makes the planner answer with these issues, in Claude's structured format.
fn planner_answers(world: &Sandbox, issues: &Value) {
    planner_does(world, &json!([structured(issues)]));
}

/// Returns the steps of a run that answers with these issues.
fn structured(issues: &Value) -> Value {
    json!([{"meter": PLANNER_USD}, {"result": {"result": "Here is the plan.", "structured_output": {"issues": issues}}}])
}

/// Returns the steps of a run whose final message is this text.
fn spoken(words: &str) -> Value {
    json!([{"meter": PLANNER_USD}, {"result": {"result": words}}])
}

/// Returns an issue of a plan. Its agent writes the file `issue-N.txt` for issue N.
fn planned(title: &str, domain: &str, depends_on: &[u32]) -> Value {
    json!({"title": title, "body": "Do it well.", "labels": [domain], "complexity": "simple", "depends_on": depends_on})
}

/// Returns the launches of the fake, planners and agents, in order.
fn launches(world: &Sandbox) -> Vec<Value> {
    let text = fs::read_to_string(world.home().join("launches.jsonl")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a launch is JSON"))
        .collect()
}

fn is_planner(launch: &Value) -> bool {
    launch["args"]
        .as_array()
        .expect("arguments")
        .contains(&json!("--json-schema"))
}

fn n_planners(world: &Sandbox) -> usize {
    launches(world)
        .iter()
        .filter(|launch| is_planner(launch))
        .count()
}

/// Returns the contents of the issue files on the local forge, by name.
fn issues(world: &Sandbox) -> Vec<String> {
    world
        .names(".autoissue/issues")
        .iter()
        .map(|name| world.read(&format!(".autoissue/issues/{name}")))
        .collect()
}

fn plan(world: &Sandbox, more: &[&str]) -> Run {
    world.run([&["plan", DIRECTIVE, "--output", "json"], more].concat())
}

/// Returns the amount that a session spent, rounded to cents.
fn cents(run: &Run) -> f64 {
    (run.summary()["spent_usd"].as_f64().expect("US dollars") * 100.0).round()
}

#[test]
fn a_directive_becomes_issues_and_a_stack_of_pull_requests() {
    let world = local();
    planner_answers(
        &world,
        &json!([
            planned("Add the user table", "database", &[]),
            planned("Log in", "backend", &[1])
        ]),
    );
    let run = plan(&world, &[]).exits(0);
    let summary = run.summary();
    assert_eq!(
        run.outcomes(),
        [(1, "done".to_owned()), (2, "done".to_owned())]
    );
    assert_eq!(
        (cents(&run), &summary["plan"]["spent_usd"]),
        (29.0, &json!(PLANNER_USD))
    );
    assert_eq!(summary["plan"]["directive"], DIRECTIVE);
    assert_eq!(summary["plan"]["issues"][1]["depends_on"], json!([1]));
    assert_eq!(summary["plan"]["issues"][1]["issue"], 2);
    assert!(
        issues(&world)[1].contains("Depends on #1."),
        "{:?}",
        issues(&world)
    );
    assert_eq!(
        run.events("intake.backlog_read")[0]["warnings"],
        json!([]),
        "our own markers do not count as hidden text"
    );
    // The second issue's branch contains the work it depends on.
    assert_eq!(world.git(["show", "autoissue/issue-2:issue-1.txt"]), "1");
    let pulls = world.pulls();
    assert!(
        pulls[1].contains("base: \"autoissue/issue-1\"\n") && pulls[1].contains("Merge after #1"),
        "{}",
        pulls[1]
    );
    let launches = launches(&world);
    assert_eq!(
        launches.iter().map(is_planner).collect::<Vec<_>>(),
        [true, false, false]
    );
    let planner = &launches[0];
    assert!(
        planner["prompt"]
            .as_str()
            .expect("a prompt")
            .contains(DIRECTIVE)
    );
    assert!(
        !planner["args"].to_string().contains(DIRECTIVE),
        "the directive must not be an argument: {}",
        planner["args"]
    );
    for argument in [
        "--tools",
        "Glob,Grep,Read",
        "dontAsk",
        "--strict-mcp-config",
    ] {
        assert!(
            planner["args"]
                .as_array()
                .expect("arguments")
                .contains(&json!(argument)),
            "{argument}: {planner}"
        );
    }
    assert_eq!(world.worktrees(), Vec::<String>::new());
}

#[test]
fn planning_can_be_disabled_and_needs_an_agent_that_can_answer() {
    let world = local();
    configure(
        &world,
        json!({"forge": {"kind": "local"}, "planner": {"enabled": false}}),
    );
    let refused = plan(&world, &[]).exits(2);
    assert!(
        refused.stderr.contains("`planner.enabled` is false"),
        "{refused:?}"
    );
    world.executor("{}");
    let refused = plan(&world, &[]).exits(2);
    assert!(refused.stderr.contains("patch"), "{refused:?}");
    assert!(
        !world.state().join("sessions").exists() && launches(&world).is_empty(),
        "nothing must be started"
    );
}

#[test]
fn the_planners_cost_is_reserved_and_settled_like_any_other() {
    let world = local();
    let dear = json!([[{"deaf_to_budget": true}, {"meter": 1.0}, {"meter": 1.5}, {"stall": true}]]);
    planner_does(&world, &dear);
    let run = plan(&world, &[]).exits(4);
    let reserved = run.events("plan.planner_started")[0]["reserved_usd"].as_f64();
    assert_eq!(reserved, Some(2.0), "{}", run.stdout);
    assert!(
        run.summary()["reason"]
            .as_str()
            .expect("a reason")
            .contains("`planner.maxBudgetUsd`"),
        "{}",
        run.stdout
    );
    // When it is seen to exceed its reservation it is stopped; the metered amount plus one turn's
    // margin is counted.
    assert!(
        250.0 <= cents(&run) && cents(&run) <= 300.0,
        "{}",
        cents(&run)
    );
    assert!(issues(&world).is_empty());

    let world = local();
    configure(
        &world,
        json!({"forge": {"kind": "local"}, "maxTotalBudgetUsd": 0.2}),
    );
    let run = plan(&world, &[]).exits(4);
    assert!(
        run.summary()["reason"]
            .as_str()
            .expect("a reason")
            .contains("cannot afford the planner"),
        "{}",
        run.stdout
    );
    assert!(launches(&world).is_empty());
}
