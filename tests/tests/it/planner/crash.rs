//! Interrupted plans: by `kill -9` at every write of the journal, and by GitHub while the issues
//! are created. No issue is created twice, none is missing, and nothing is paid twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use autoissue_tests::github_server::{Fault, On, Token};
use autoissue_tests::{Run, Sandbox, TOKEN};
use serde_json::{Value, json};

use super::{
    DIRECTIVE, is_planner, launches, local, on_github, planned, planner_answers, planner_does,
};
use crate::aftermath::no_process_is_left;

const N_ISSUES: usize = 4;
/// Less than a metering step that is journaled.
const CHEAP_USD: f64 = 0.04;
/// Number of concurrent crashes; they spend most of their time waiting.
const N_AT_ONCE: u32 = 4;
const POST: &str = "/repos/*/*/issues";

fn four() -> Value {
    json!([
        planned("One", "database", &[]),
        planned("Two", "backend", &[1]),
        planned("Three", "frontend", &[1]),
        planned("Four", "testing", &[2, 3]),
    ])
}

/// Creates a sandbox with a planner so cheap that nothing is journaled while it runs: a crash
/// happens either before its start or after its end.
fn world() -> Sandbox {
    let world = local();
    planner_does(
        &world,
        &json!([[{"meter": CHEAP_USD}, {"result": {"structured_output": {"issues": four()}}}]]),
    );
    world
}

/// Counts the launches of the planner, as issue 0, and of the agents.
fn n_launches(world: &Sandbox) -> BTreeMap<u64, usize> {
    let mut counted = BTreeMap::new();
    for launch in launches(world) {
        let prompt = launch["prompt"].as_str().expect("a prompt");
        let number = prompt.lines().find_map(|line| {
            line.strip_prefix("Issue #")?
                .split(':')
                .next()?
                .parse()
                .ok()
        });
        let issue = if is_planner(&launch) {
            0
        } else {
            number.expect("an issue")
        };
        *counted.entry(issue).or_default() += 1;
    }
    counted
}

/// Asserts that the plan was executed exactly once, whatever happened.
#[track_caller]
fn all_is_there_once(world: &Sandbox) {
    let titles: Vec<String> = super::issues(world)
        .iter()
        .filter_map(|text| {
            text.lines()
                .find_map(|line| line.strip_prefix("title: "))
                .map(|title| title.trim_matches('"').to_owned())
        })
        .collect();
    assert_eq!(
        titles,
        ["One", "Two", "Three", "Four"],
        "each issue once, in the order of the plan"
    );
    let sessions: Vec<_> = std::fs::read_dir(world.state().join("sessions"))
        .expect("sessions")
        .flatten()
        .collect();
    assert_eq!(sessions.len(), 1, "one session, resumed: {sessions:?}");
    let session = sessions[0].file_name().into_string().expect("an id");
    let story = world.run(["show", &session, "--output", "json"]).exits(0);
    let done = |number: u64| (number, "done".to_owned());
    assert_eq!(story.outcomes(), (1..=4).map(done).collect::<Vec<_>>());
    assert_eq!(world.pulls().len(), N_ISSUES);
    for kind in ["plan.proposed", "plan.confirmed"] {
        assert_eq!(story.events(kind).len(), 1, "{kind}");
    }
    // A relaunched agent was interrupted, and both launches are paid. The planner is never asked
    // twice.
    let mut n_allowed: BTreeMap<u64, usize> = (0..=4).map(|issue| (issue, 1)).collect();
    for event in story.events("attempt.failed") {
        *n_allowed
            .entry(event["issue"].as_u64().expect("an issue"))
            .or_default() += 1;
    }
    let launched = n_launches(world);
    assert!(
        launched.iter().all(|(issue, n)| *n <= n_allowed[issue]),
        "{launched:?} of {n_allowed:?}"
    );
    let charged = |kind: &str| -> u64 {
        story
            .events(kind)
            .iter()
            .map(|event| event["cost_usd"].as_f64().expect("dollars"))
            .map(|dollars| (dollars * 1e6).round() as u64)
            .sum()
    };
    let spent = (story.summary()["spent_usd"].as_f64().expect("US dollars") * 1e6).round() as u64;
    assert_eq!(
        charged("plan.planner_exited") + charged("attempt.agent_exited"),
        spent
    );
    assert!(CHEAP_USD * 1e6 <= charged("plan.planner_exited") as f64);
    assert_eq!(world.worktrees(), Vec::<String>::new(), "worktrees remain");
}

#[cfg(debug_assertions)]
fn until(world: &Sandbox, args: &[&str], point: &str) -> Run {
    let mut command = world.autoissue(args);
    Run::from(
        command
            .env("AUTOISSUE_TEST_CRASH_AT", point)
            .output()
            .expect("the binary runs"),
    )
}

/// Crashes at one write after another, resuming each time, until a session finishes before its
/// crash point.
#[cfg(debug_assertions)]
fn crash_at_every_write(moment: &str) {
    // Write 1 is the session's own row; crash points exist only after it.
    let (next, over) = (AtomicU32::new(2), AtomicU32::new(u32::MAX));
    let crash_and_resume = || {
        loop {
            let write = next.fetch_add(1, Ordering::Relaxed);
            if over.load(Ordering::Relaxed) <= write {
                return;
            }
            let world = world();
            let run = until(
                &world,
                &["plan", DIRECTIVE, "--quiet"],
                &format!("{write}:{moment}"),
            );
            if run.code.is_some() {
                run.exits(0);
                over.fetch_min(write, Ordering::Relaxed);
                return;
            }
            no_process_is_left(&world);
            let resumed = world.run(["resume", "--quiet"]);
            if resumed.code == Some(2) {
                // It died after its last write.
                assert!(
                    resumed.stderr.contains("no unfinished session"),
                    "{resumed:?}"
                );
            } else {
                assert_eq!(resumed.code, Some(0), "write {write}: {resumed:?}");
            }
            eprintln!("died {moment} write {write}");
            if resumed.code == Some(2) {
                world.run(["clean", "--quiet"]).exits(0);
            }
            all_is_there_once(&world);
        }
    };
    thread::scope(|scope| (0..N_AT_ONCE).for_each(|_| drop(scope.spawn(crash_and_resume))));
    let n_writes = over.load(Ordering::Relaxed);
    assert!(
        20 < n_writes && n_writes < u32::MAX,
        "crashed at {n_writes} writes"
    );
}

#[test]
#[cfg(debug_assertions)]
fn a_crash_before_any_write_creates_and_pays_nothing_twice() {
    crash_at_every_write("before");
}

#[test]
#[cfg(debug_assertions)]
fn a_crash_after_any_write_creates_and_pays_nothing_twice() {
    crash_at_every_write("after");
}

#[test]
#[cfg(debug_assertions)]
fn the_same_directive_resumes_an_interrupted_session() {
    let world = world();
    assert_eq!(
        until(&world, &["plan", DIRECTIVE, "--quiet"], "8:after").code,
        None
    );
    no_process_is_left(&world);
    world.run(["plan", DIRECTIVE, "--quiet"]).exits(0);
    all_is_there_once(&world);
}

/// Plans on GitHub with faults, and expects them to cost nothing but time.
#[track_caller]
fn check_created(faults: impl IntoIterator<Item = (On, Fault)>) -> Run {
    let world = on_github();
    planner_answers(&world, &four());
    faults
        .into_iter()
        .for_each(|(on, fault)| world.server.fault(on, fault));
    let run = world.run(["plan", DIRECTIVE, "--output", "json"]).exits(0);
    let titles: Vec<String> = world
        .repository
        .issues()
        .into_iter()
        .map(|issue| issue.title)
        .collect();
    assert_eq!(titles, ["One", "Two", "Three", "Four"]);
    assert_eq!(world.repository.pulls().len(), N_ISSUES);
    run
}

#[test]
fn crash_after_post() {
    for lost in [Fault::CutAfter, Fault::Truncate, Fault::Malformed] {
        let run = check_created([(On::post(POST).after(1), lost)]);
        let existed: Vec<bool> = run
            .events("plan.issue_created")
            .iter()
            .map(|event| event["existed"] == true)
            .collect();
        assert_eq!(
            existed,
            [false, true, false, false],
            "an issue whose response was lost must be found"
        );
    }
}

#[test]
fn created_issues_are_found_if_their_author_is_not_listed_as_a_member() {
    let world = on_github();
    world.server.token(TOKEN, Token::fine_grained("bob"));
    planner_answers(&world, &four());
    world.server.fault(On::post(POST).after(1), Fault::CutAfter);
    let run = world.run(["plan", DIRECTIVE, "--output", "json"]).exits(0);
    let existed: Vec<bool> = run
        .events("plan.issue_created")
        .iter()
        .map(|event| event["existed"] == true)
        .collect();
    assert_eq!(
        (existed, world.repository.issues().len()),
        (vec![false, true, false, false], N_ISSUES)
    );
}

#[test]
fn an_outage_or_a_limit_half_way_is_waited_out() {
    check_created([(On::post(POST).after(2), Fault::status(502))]);
    let limit = Fault::PrimaryLimit {
        status: 403,
        reset_in: Duration::from_secs(1),
    };
    let run = check_created([(On::post(POST).after(2), limit)]);
    assert_eq!(run.events("service.paused").len(), 1);
    let limit = Fault::SecondaryLimit {
        status: 429,
        retry_after_s: Some(1),
    };
    check_created([(On::post(POST).after(1), limit)]);
}

#[test]
fn dependencies_that_github_does_not_store_are_still_in_the_bodies() {
    let blocked_by = "/repos/*/*/issues/*/dependencies/blocked_by";
    check_created([(On::get(blocked_by).always(), Fault::status(404))]);
    let refused = Fault::Answer {
        status: 422,
        headers: Vec::new(),
        body: json!({"message": "no"}).to_string(),
    };
    check_created([(On::post(blocked_by).always(), refused)]);
}

#[test]
fn a_token_rejected_half_way_interrupts_and_resume_creates_the_rest() {
    let world = on_github();
    planner_answers(&world, &four());
    world.server.fault(
        On::post(POST).after(2),
        Fault::Answer {
            status: 401,
            headers: Vec::new(),
            body: json!({"message": "Bad credentials"}).to_string(),
        },
    );
    let run = world
        .run(["plan", DIRECTIVE, "--output", "json"])
        .exits(130);
    assert_eq!(run.summary()["status"], "interrupted", "{}", run.stdout);
    assert_eq!(world.repository.issues().len(), 2);
    // A different token works as well as the same one, which is valid again.
    world.server.forgive();
    let run = world.run(["resume", "--output", "json"]).exits(0);
    assert_eq!(run.summary()["counts"], json!({"done": 4}));
    assert_eq!(world.repository.issues().len(), 4);
    assert_eq!(
        launches(&world)
            .iter()
            .filter(|launch| is_planner(launch))
            .count(),
        1
    );
}
