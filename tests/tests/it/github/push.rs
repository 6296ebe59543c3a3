//! Failing pushes: an outage is waited for, missing permissions and branch rules interrupt the
//! session once, and a single branch that cannot be pushed affects only its issue. Nothing is paid
//! twice.

use autoissue_tests::github_server::Issue;
use autoissue_tests::github_server::{Fault, On, Received};
use autoissue_tests::{GithubSandbox, Run, new_file_patch};
use serde_json::json;

use super::world_with;

/// Creates a sandbox whose issues are processed one at a time.
fn one_by_one(n_issues: u64) -> GithubSandbox {
    let world = world_with(n_issues);
    world.executor(r#"{"maxParallel": 1}"#);
    world
}

/// Matches the push of one issue's branch.
fn push_of(issue: u64) -> On {
    let branch = format!("refs/heads/autoissue/issue-{issue}\0");
    On::push().when(move |request: &Received| {
        let body = &request.body;
        body.windows(branch.len())
            .any(|part| part == branch.as_bytes())
    })
}

fn n_paid(run: &Run) -> usize {
    run.events("attempt.agent_exited").len()
}

#[test]
fn forge_no_write_right_is_found_before_the_first_agent() {
    let world = world_with(3);
    let pushes = On::get("/*/*/info/refs")
        .when(|request| request.query.contains("git-receive-pack"))
        .always();
    world.server.fault(pushes, Fault::status(403));
    let run = world.exec(&[]).exits(1);
    assert!(
        run.stderr.contains("cannot push to") && run.stderr.contains("hint:"),
        "{run:?}"
    );
    assert_eq!(n_paid(&run), 0);
    assert!(world.repository.pulls().is_empty());
}

#[test]
fn losing_push_permission_interrupts_the_session_once_and_resume_pays_nothing_twice() {
    let world = one_by_one(3);
    world.server.fault(On::push().always(), Fault::status(403));
    let run = world.exec(&[]).exits(130);
    assert_eq!(n_paid(&run), 1, "{run:?}");
    world.server.heal();
    let resumed = world.run(["resume", "--output", "json"]).exits(0);
    assert_eq!(n_paid(&resumed), 2);
    assert_eq!(resumed.summary()["counts"], json!({"done": 3}));
}

#[test]
fn work_too_large_for_the_server_affects_only_its_issue() {
    let world = one_by_one(3);
    world.server.fault(push_of(1).always(), Fault::status(413));
    let run = world.exec(&[]).exits(3);
    assert_eq!(run.summary()["counts"], json!({"done": 2, "needs_you": 1}));
    assert_eq!(run.task(1)["outcome"], "needs_you");
    assert!(run.events("service.breaker_opened").is_empty());
    assert!(
        world
            .mirror_git(["for-each-ref", "refs/autoissue/salvage"])
            .contains("issue-1"),
        "the work must be kept"
    );
}

#[test]
fn forge_refused_by_a_rule_stops_after_the_first() {
    let world = one_by_one(3);
    world.repository.protect("autoissue/issue-1");
    let run = world.exec(&[]).exits(130);
    assert_eq!(n_paid(&run), 1, "{run:?}");
    // Another session tries to publish that work first, and starts no agent while it is rejected
    // for the same reason.
    let again = world.exec(&[]).exits(1);
    assert_eq!(n_paid(&again), 0, "{again:?}");
    assert!(
        again.stderr.contains("on #1 cannot be published")
            && again.stderr.contains("autoissue resume"),
        "{again:?}"
    );
    let resumed = world.run(["resume", "--output", "json"]).exits(130);
    assert_eq!(n_paid(&resumed), 0, "{resumed:?}");
    world.repository.unprotect("autoissue/issue-1");
    let resumed = world.run(["resume", "--output", "json"]).exits(0);
    assert_eq!(n_paid(&resumed), 2, "{resumed:?}");
    assert_eq!(world.repository.pulls().len(), 3);
}

#[test]
fn a_new_session_publishes_waiting_work_and_pays_nothing_twice() {
    let world = one_by_one(2);
    world.repository.protect("autoissue/issue-1");
    let run = world.exec(&[]).exits(130);
    assert_eq!(n_paid(&run), 1);
    world.repository.unprotect("autoissue/issue-1");
    let next = world.exec(&[]).exits(0);
    assert_eq!(
        next.summary()["counts"],
        json!({"already_open": 1, "done": 1}),
        "{next:?}"
    );
    assert_eq!(n_paid(&next), 1);
    // It is recorded in its own session, so it is not published a second time.
    let first = &world.repository.pulls()[0];
    world
        .repository
        .merge(first.number)
        .delete_branch(&first.head);
    world.exec(&[]).exits(0);
    assert_eq!(world.repository.pulls().len(), 2);
}

#[test]
fn work_waiting_for_the_end_of_an_outage_is_not_repeated() {
    let world = one_by_one(2);
    world.repository.protect("autoissue/issue-1");
    world.exec(&[]).exits(130);
    world.repository.unprotect("autoissue/issue-1");
    world.server.fault(push_of(1), Fault::status(503));
    let next = world.exec(&[]).exits(0);
    let warnings = next.events("intake.backlog_read")[0]["warnings"].to_string();
    assert!(
        warnings.contains("skipping issue #1: its finished work is waiting"),
        "{warnings}"
    );
    assert_eq!(next.summary()["counts"], json!({"done": 1}));
}

#[test]
fn a_github_plan_without_drafts_stops_only_runs_that_ask_for_drafts() {
    let refusal = Fault::Answer {
        status: 422,
        headers: Vec::new(),
        body: json!({"message": "Draft pull requests are not supported in this repository."})
            .to_string(),
    };
    let drafts = || {
        On::post("/repos/*/*/pulls")
            .when(|request| request.json()["draft"] == true)
            .always()
    };
    let world = world_with(3);
    world.executor(r#"{"maxParallel": 1, "prDraft": true}"#);
    world.server.fault(drafts(), refusal.clone());
    let run = world.exec(&[]).exits(130);
    assert_eq!(n_paid(&run), 1);
    assert!(run.stdout.contains("executor.prDraft"), "{run:?}");

    let world = world_with(2);
    let body = format!("Depends on #1 and #2\n\n{}", new_file_patch("3.txt", "new"));
    world
        .repository
        .issue(Issue::new("[Frontend] third").label("go").body(&body));
    world.server.fault(drafts(), refusal);
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.summary()["counts"], json!({"done": 3}));
    assert!(world.repository.pulls().iter().all(|pull| !pull.is_draft));
}
