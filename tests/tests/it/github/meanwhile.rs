//! Changes by people on the forge between the reading of the backlog and an attempt, and between
//! two sessions.

use std::path::Path;
use std::thread;

use autoissue_tests::github_server::{Fault, Gate, Issue, On, Received};
use autoissue_tests::{GithubSandbox, Run, new_file_patch};
use serde_json::json;

use super::world_with;

/// Runs the backlog one issue at a time, and changes the repository while the first is being
/// published.
fn exec_while(world: &GithubSandbox, change: impl FnOnce()) -> Run {
    world.executor(r#"{"maxParallel": 1}"#);
    let gate = Gate::new();
    world.server.fault(On::push(), Fault::Hold(gate.clone()));
    thread::scope(|scope| {
        let run = scope.spawn(|| world.exec(&[]));
        gate.wait_for(1);
        change();
        gate.open();
        run.join().expect("the binary runs")
    })
}

/// Uses a base branch other than the default branch.
fn based_on_develop(world: &GithubSandbox) {
    world
        .repository
        .commit_from("develop", "main", &[("next.txt", "next\n")], "develop");
    world.config(r#"{"project": {"baseBranch": "develop"}, "agent": {"backend": "patch"}}"#);
}

#[test]
fn forge_closed_meanwhile_costs_nothing() {
    let world = world_with(4);
    let dependent = format!("Depends on #2\n\n{}", new_file_patch("5.txt", "new"));
    world
        .repository
        .issue(Issue::new("[Backend] add 5").label("go").body(&dependent));
    let run = exec_while(&world, || {
        world.repository.close(2).unlabel(3, "go");
    })
    .exits(3);
    for (issue, outcome, reason) in [
        (1, "done", ""),
        (2, "skipped", "closed in the meantime"),
        (3, "skipped", "lost its label in the meantime"),
        (4, "done", ""),
        // Its dependency is resolved, though not by autoissue.
        (5, "done", ""),
    ] {
        let task = run.task(issue);
        assert_eq!(task["outcome"], outcome, "{task}");
        let why = task["reason"].as_str().unwrap_or_default().to_owned();
        assert!(why.contains(reason), "{task}");
    }
    let paid = run.events("attempt.agent_exited");
    assert_eq!(paid.len(), 3, "{paid:?}");
    let fifth = world
        .repository
        .pulls()
        .into_iter()
        .find(|pull| pull.head == "autoissue/issue-5");
    assert_eq!(fifth.expect("a pull request").base, "main");
}

/// Returns the messages of the failed attempts.
fn failures(run: &Run) -> Vec<String> {
    let events = run.events("attempt.failed").into_iter();
    events
        .map(|event| format!("{} {}", event["counted"], event["failure"]["message"]))
        .collect()
}

#[test]
fn no_agent_runs_for_an_issue_that_could_not_be_checked() {
    let world = world_with(2);
    let run = exec_while(&world, || {
        world.repository.close(2);
        let look = On::get("/repos/*/*/issues/*").times(2);
        world.server.fault(look, Fault::status(502));
    })
    .exits(3);
    let task = run.task(2);
    assert_eq!(task["outcome"], "skipped", "{task}");
    assert_eq!(run.events("attempt.agent_exited").len(), 1);
    let failures = failures(&run);
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(
        failures.iter().all(|it| it.starts_with("false")),
        "an outage must not cost anything: {failures:?}"
    );
}

#[test]
fn no_agent_runs_on_a_base_that_could_not_be_fetched() {
    let world = world_with(2);
    let run = exec_while(&world, || {
        let newer = [("README.md", "# Newer\n")];
        world.repository.commit("main", &newer, "newer");
        let asks =
            |request: &Received| String::from_utf8_lossy(&request.body).contains("refs/heads/main");
        world
            .server
            .fault(On::fetch().when(asks), Fault::status(502));
    })
    .exits(0);
    let failures = failures(&run);
    assert!(
        failures.len() == 1 && failures[0].starts_with("false"),
        "{failures:?}"
    );
    assert_eq!(
        world
            .repository
            .file("autoissue/issue-2", "README.md")
            .as_deref(),
        Some("# Newer\n")
    );
}

#[test]
fn a_task_of_three_attempts_takes_four_calls() {
    let world = GithubSandbox::new();
    world.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    let check = json!([{"name": "good", "run": "grep -q good a.txt"}]);
    world.configure("claude", &json!({"checks": check}).to_string());
    let attempts = json!([
        [{"write": ["a.txt", "bad\n"]}, {"meter": 0.01}, {"result": {}}],
        [{"write": ["a.txt", "worse\n"]}, {"meter": 0.01}, {"result": {}}],
        [{"write": ["a.txt", "very good\n"]}, {"meter": 0.01}, {"result": {}}],
    ]);
    let issue = Issue::new("[Backend] add a").label("go");
    world.repository.commit("main", &[("a.txt", "good\n")], "a");
    world
        .repository
        .issue(issue.body(&format!("fake: {attempts}\n")));
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.task(1)["attempts"], 3);
    let published = &run.events("attempt.published")[0];
    assert_eq!(published["publication"]["n_api_calls"], 4, "{published}");
}

#[test]
fn the_base_is_checked_before_each_attempt() {
    let world = world_with(2);
    let run = exec_while(&world, || {
        world
            .repository
            .commit("main", &[("README.md", "# Newer\n")], "newer");
    });
    run.exits(0);
    let readme = |issue: u64| {
        world
            .repository
            .file(&format!("autoissue/issue-{issue}"), "README.md")
    };
    assert_eq!(
        (readme(1).as_deref(), readme(2).as_deref()),
        (Some("# Sample\n"), Some("# Newer\n"))
    );
}

#[test]
fn an_unchanged_base_is_not_fetched_again() {
    let world = world_with(3);
    world.exec(&[]).exits(0);
    let fetches = |world: &GithubSandbox| {
        let all = world.server.exchanges().into_iter();
        all.filter(|it| String::from_utf8_lossy(&it.request.body).contains("command=fetch"))
            .count()
    };
    let before = fetches(&world);
    world.plain_issue("[Docs] four");
    world.exec(&[]).exits(0);
    assert_eq!(fetches(&world), before);
}

#[test]
fn forge_merged_into_develop_is_done() {
    let world = world_with(1);
    based_on_develop(&world);
    world.exec(&[]).exits(0);
    let first = world.repository.pulls()[0].clone();
    assert_eq!(first.base, "develop");
    world
        .repository
        .merge(first.number)
        .delete_branch(&first.head);
    assert!(
        world.repository.issues()[0].is_open,
        "a merge into another branch must not close an issue"
    );
    let body = format!("Depends on #1\n\n{}", new_file_patch("3.txt", "new"));
    world
        .repository
        .issue(Issue::new("[Frontend] next").label("go").body(&body));
    let again = world.exec(&[]).exits(0);
    assert_eq!(
        again.summary()["counts"],
        json!({"already_merged": 1, "done": 1})
    );
    let task = again.task(1);
    assert_eq!(task["pull_request"]["number"], first.number, "{task}");
    let third = &world.repository.pulls()[1];
    assert_eq!(third.base, "develop");
    assert!(
        world.repository.file(&third.head, "1.txt").is_some(),
        "it must be built on the merged work"
    );
    // Asking for it by number means that more work is wanted.
    let asked = world.exec(&["--issue", "1"]);
    assert!(
        !asked.events("attempt.agent_exited").is_empty(),
        "{asked:?}"
    );
}

#[test]
fn an_issue_merged_before_a_hundred_others_is_done() {
    let world = world_with(1);
    based_on_develop(&world);
    world.exec(&[]).exits(0);
    world.repository.merge(2);
    // As if it were not among the most recently changed.
    let others = Fault::Answer {
        status: 200,
        headers: Vec::new(),
        body: "[]".to_owned(),
    };
    let is_list = |request: &Received| request.query.contains("sort=updated");
    world
        .server
        .fault(On::get("/repos/*/*/pulls").when(is_list), others);
    let again = world.exec(&[]).exits(0);
    assert_eq!(again.summary()["counts"], json!({"already_merged": 1}));
    assert!(again.events("attempt.agent_exited").is_empty());
}

#[test]
fn an_issue_reopened_after_its_merge_is_done_again() {
    let world = world_with(1);
    world.exec(&[]).exits(0);
    world.repository.merge(2).delete_branch("autoissue/issue-1");
    assert_eq!(world.exec(&[]).exits(0).summary()["tasks"], json!([]));
    world.repository.reopen(1);
    let again = world.exec(&[]);
    assert!(
        !again.events("attempt.agent_exited").is_empty(),
        "{again:?}"
    );
}

#[test]
fn forge_default_branch_is_the_base_even_next_to_a_main() {
    let world = world_with(1);
    world.repository.commit_from(
        "develop",
        "main",
        &[("next.txt", "next\n")],
        "two years of work",
    );
    world.repository.set_default_branch("develop");
    let doctor = world.run(["doctor", "--quick"]);
    assert!(doctor.stdout.contains("develop"), "{doctor:?}");
    world.exec(&[]).exits(0);
    let pull = &world.repository.pulls()[0];
    assert_eq!(pull.base, "develop");
    assert!(world.repository.file(&pull.head, "next.txt").is_some());
}

#[test]
fn a_conflicting_branch_name_is_found_before_an_agent_runs() {
    let world = world_with(2);
    let blocking = "autoissue/issue-1/part";
    world
        .repository
        .commit_from(blocking, "main", &[("theirs.txt", "x\n")], "theirs");
    let run = world.exec(&[]).exits(3);
    let task = run.task(1);
    assert_eq!(task["outcome"], "needs_you", "{task}");
    let why = task["reason"].as_str().unwrap_or_default();
    assert!(
        why.contains(&format!("`{blocking}`")) && why.contains("prevents creating"),
        "{why}"
    );
    assert_eq!(run.events("attempt.agent_exited").len(), 1);
}

#[test]
fn a_branch_that_conflicts_with_all_of_ours_is_one_error_before_anything_starts() {
    let world = world_with(2);
    world
        .repository
        .commit_from("autoissue", "main", &[("theirs.txt", "x\n")], "theirs");
    let run = world.exec(&[]).exits(1);
    assert!(
        run.stderr.contains("`autoissue/issue-<N>`") && run.stdout.is_empty(),
        "{run:?}"
    );
    let doctor = world.run(["doctor", "--quick"]).exits(1);
    assert!(doctor.stdout.contains("prevents creating"), "{doctor:?}");
}
