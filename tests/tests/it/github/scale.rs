//! A long session with many concurrent agents, and crashes at the worst times.

use std::path::Path;
use std::process::Stdio;
use std::thread;

use autoissue_tests::github_server::{Fault, Gate, Issue, On};
use autoissue_tests::{GithubSandbox, LABEL};
use serde_json::json;

use super::world_with;

const N_ISSUES: u64 = 125;
const N_PULLS: u64 = 5;
/// Maximum API calls of a session: a fixed number plus a number per issue.
const N_CALLS_MAX: u64 = 10 + 2 * N_ISSUES;

/// Creates a backlog for the fake `claude`, with some pull requests under the same label.
fn long_night() -> GithubSandbox {
    let world = GithubSandbox::new();
    world.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    world.config(
        &json!({
            "agent": {"backend": "claude"}, "maxTotalBudgetUsd": 1000,
            "executor": {"maxParallel": 8}, "scheduler": {"maxPerDomain": 8},
            "github": {"writesPerMinute": 10_000, "writesPerHour": 100_000},
        })
        .to_string(),
    );
    for number in 0..N_ISSUES + N_PULLS {
        // The pull requests are on both pages.
        if number % (N_ISSUES / N_PULLS) == 7 && (number / (N_ISSUES / N_PULLS)) < N_PULLS {
            world
                .repository
                .foreign_pull("a pull request", &format!("theirs-{number}"), &[LABEL]);
        } else {
            let steps = json!([[{"write": [format!("{number}.txt"), "new\n"]}, {"meter": 0.25}, {"result": {}}]]);
            let body = format!("Please add it.\n\nfake: {steps}\n");
            world.repository.issue(
                Issue::new(&format!("[Backend] add {number}"))
                    .label(LABEL)
                    .body(&body),
            );
        }
    }
    world
}

#[test]
fn first_hundred() {
    let world = long_night();
    let run = world.exec(&[]).exits(0);
    let summary = run.summary();
    assert_eq!(summary["counts"], json!({"done": N_ISSUES}));
    let ours: Vec<_> = world
        .repository
        .pulls()
        .into_iter()
        .filter(|pull| pull.head.starts_with("autoissue/"))
        .collect();
    assert_eq!(ours.len() as u64, N_ISSUES);
    for pull in &ours {
        let number = pull.head.trim_start_matches("autoissue/issue-");
        assert_eq!(
            world.repository.head(&pull.head),
            Some(pull.head_sha.clone())
        );
        for part in [
            format!("Closes #{number}"),
            format!("<!-- autoissue: issue {number} -->"),
            "| cost | $0.25 |".to_owned(),
        ] {
            assert!(pull.body.contains(&part), "{part}: {}", pull.body);
        }
    }
    let published = run.events("attempt.published");
    let commits = published
        .iter()
        .filter_map(|event| event["publication"]["commit"].as_str());
    let heads: std::collections::BTreeSet<&str> =
        ours.iter().map(|pull| pull.head_sha.as_str()).collect();
    assert_eq!(commits.collect::<std::collections::BTreeSet<_>>(), heads);
    let n_calls = world.server.n_api_calls() as u64;
    println!(
        "{n_calls} API calls for {N_ISSUES} issues: {:.2} each",
        n_calls as f64 / N_ISSUES as f64
    );
    assert!(n_calls <= N_CALLS_MAX, "{n_calls} calls");
    assert_eq!(
        summary["api_calls"], n_calls,
        "the reported calls must match the actual calls"
    );

    let before = world.server.n_api_calls();
    let again = world.exec(&[]).exits(0);
    assert_eq!(again.summary()["counts"], json!({"already_open": N_ISSUES}));
    assert_eq!(again.summary()["spent_usd"], 0.0);
    let n_again = world.server.n_api_calls() - before;
    println!("{n_again} calls of a re-run with nothing to do");
    assert!(n_again <= 10, "{n_again} calls");
    assert_eq!(world.repository.pulls().len() as u64, N_ISSUES + N_PULLS);
}

/// Number of sessions, each of which crashes `N_DEATHS` times.
const N_NIGHTS: u64 = 4;
const N_DEATHS: u64 = 10;
/// Each crash happens at the first or the second publication after the previous one.
const N_MORTAL_ISSUES: u64 = 2 * N_DEATHS + 2;

/// Requests at which the engine crashes: the server has handled them, but the engine does not know.
/// Each occurs once per issue.
fn moments() -> [On; 3] {
    [
        On::post("/repos/*/*/pulls"),
        On::push(),
        On::get("/repos/*/*/issues/*"),
    ]
}

/// Kills the engine ten times while the response to a handled request is on its way, and checks the
/// result.
fn a_night_of_deaths(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = world_with(N_MORTAL_ISSUES);
    let mut args = vec!["exec", LABEL, "--quiet"];
    for death in 0..N_DEATHS {
        let gate = Gate::new();
        let moment = if death % 2 == 0 {
            0
        } else {
            rng.usize(..moments().len())
        };
        world.server.fault(
            moments()[moment].clone().after(rng.usize(..2)),
            Fault::HoldAnswer(gate.clone()),
        );
        let mut engine = world
            .autoissue(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        gate.wait_for(1);
        engine.kill().expect("it is running");
        engine.wait().expect("it has exited");
        gate.open();
        world.server.heal();
        world.server.forgive();
        args = vec!["resume", "--quiet"];
    }
    world.run(["resume", "--output", "json"]).exits(0);
    let mut heads: Vec<String> = world
        .repository
        .pulls()
        .into_iter()
        .map(|pull| pull.head)
        .collect();
    heads.sort();
    heads.dedup();
    let n_pulls = world.repository.pulls().len() as u64;
    assert_eq!(
        (heads.len() as u64, n_pulls),
        (N_MORTAL_ISSUES, N_MORTAL_ISSUES),
        "seed {seed}"
    );
}

#[test]
fn crash_after_post() {
    // At once, because each mostly waits for its engine.
    thread::scope(|scope| {
        (0..N_NIGHTS).for_each(|seed| drop(scope.spawn(move || a_night_of_deaths(seed))));
    });
}
