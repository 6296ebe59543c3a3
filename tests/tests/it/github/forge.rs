//! GitHub's failures, and the client's own obligations. Some tests are named after incidents in
//! other projects.

use std::collections::BTreeSet;
use std::time::Duration;

use autoissue_tests::github_server::{Exchange, Fault, Issue, On};
use autoissue_tests::{GithubSandbox, Run, TOKEN, new_file_patch};
use base64::Engine as _;
use serde_json::{Value, json};

use super::world_with;

const LIST: &str = "/repos/*/*/issues";
const PULLS: &str = "/repos/*/*/pulls";

/// Runs a backlog of one issue with these faults, and expects them to cost nothing but time.
#[track_caller]
fn check_overcome(faults: impl IntoIterator<Item = (On, Fault)>) -> Run {
    let world = world_with(1);
    faults
        .into_iter()
        .for_each(|(on, fault)| world.server.fault(on, fault));
    let run = world.exec(&[]).exits(0);
    assert_eq!(
        (&run.task(1)["outcome"], &run.task(1)["attempts"]),
        (&json!("done"), &json!(1))
    );
    assert_eq!(world.repository.pulls().len(), 1);
    run
}

#[test]
fn nothing_is_written_without_an_issue() {
    let world = world_with(0);
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.summary()["tasks"].as_array().map(Vec::len), Some(0));
    assert!(
        world
            .server
            .api_exchanges()
            .iter()
            .all(|exchange| exchange.request.method == "GET")
    );
}

#[test]
fn one_odd_issue() {
    let world = world_with(1);
    let odd = |change: fn(&mut Value)| {
        world
            .repository
            .issue(Issue::new("odd").label("go").odd(change))
    };
    odd(|issue| issue["title"] = Value::Null);
    odd(|issue| issue["body"] = json!({"not": "a text"}));
    odd(|issue| drop(issue.as_object_mut().expect("an object").remove("number")));
    odd(|issue| issue["created_at"] = json!(12));
    world.repository.issue(
        Issue::new("no account")
            .label("go")
            .by_a_ghost()
            .body(&new_file_patch("ghost.txt", "x")),
    );
    let run = world.exec(&[]).exits(0);
    let warnings = &run.events("intake.backlog_read")[0]["warnings"];
    assert_eq!(warnings.as_array().map(Vec::len), Some(4), "{warnings}");
    assert_eq!(run.summary()["counts"], json!({"done": 2}));
}

#[test]
fn a_pull_request_is_not_an_issue_and_only_ours_in_this_repository_counts() {
    let world = world_with(1);
    let marked = world.repository.foreign_pull(
        "Closes #1 <!-- autoissue: issue 1 -->",
        "their-branch",
        &["go"],
    );
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.summary()["counts"], json!({"done": 1}));
    assert!(
        run.summary()["tasks"]
            .as_array()
            .is_some_and(|tasks| tasks.iter().all(|task| task["issue"] != marked))
    );
}

#[test]
fn an_outage_is_waited_out() {
    check_overcome([(On::get(LIST).times(2), Fault::status(502))]);
    check_overcome([
        (On::get(PULLS).after(1), Fault::status(500)),
        (On::post(PULLS), Fault::status(503)),
    ]);
}

#[test]
fn a_request_on_a_cut_connection_is_retried() {
    check_overcome([
        (On::get(LIST), Fault::CutBefore),
        (On::get(PULLS), Fault::Truncate),
    ]);
    check_overcome([
        (On::get(LIST), Fault::Malformed),
        (On::post(PULLS), Fault::CutBefore),
    ]);
}

#[test]
fn a_pull_request_whose_response_was_lost_is_found() {
    for lost in [Fault::CutAfter, Fault::Truncate, Fault::Malformed] {
        check_overcome([(On::post(PULLS), lost)]);
    }
}

#[test]
fn a_push_whose_response_was_lost_is_found() {
    // Git itself retries once.
    check_overcome([(On::push().times(2), Fault::CutAfter)]);
}

#[test]
fn a_push_that_does_not_arrive_is_retried() {
    check_overcome([(On::push(), Fault::status(503))]);
    check_overcome([(On::push().times(2), Fault::CutBefore)]);
}

#[test]
fn a_rate_limit_pauses_until_its_reset_at_no_cost() {
    for status in [403, 429] {
        let reset_in = Duration::from_secs(1);
        check_overcome([(On::get(LIST), Fault::PrimaryLimit { status, reset_in })]);
        let run = check_overcome([(On::post(PULLS), Fault::PrimaryLimit { status, reset_in })]);
        assert_eq!(run.events("service.paused").len(), 1);
    }
}

#[test]
fn secondary_limit() {
    let world = world_with(4);
    world.executor(r#"{"maxParallel": 4}"#);
    world.server.fault(
        On::post(PULLS).after(1),
        Fault::SecondaryLimit {
            status: 403,
            retry_after_s: Some(1),
        },
    );
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.summary()["counts"], json!({"done": 4}));
    let charged = |event: &&Value| event["counted"] == true;
    assert_eq!(
        run.events("attempt.publish_delayed")
            .iter()
            .filter(charged)
            .count(),
        0
    );
    // The server fails this test if anything is written before the limit ends, or two writes
    // overlap.
    world.server.assert_polite();
}

#[test]
fn poll_storm() {
    let world = world_with(5);
    world.exec(&[]).exits(0);
    let mut asked: Vec<String> = world
        .server
        .api_exchanges()
        .iter()
        .map(|exchange| exchange.request.target())
        .collect();
    let n_asked = asked.len();
    asked.sort();
    asked.dedup();
    // Looking for a pull request and creating one use different addresses; all creations share one.
    let n_created = 5 - 1;
    assert_eq!(
        asked.len() + n_created,
        n_asked,
        "no request may be repeated: {asked:#?}"
    );
}

#[test]
fn bad_credentials_interrupt_the_session_and_finished_work_is_published_on_resume() {
    let world = world_with(2);
    let refusal = json!({"message": "Bad credentials", "status": "401"}).to_string();
    world.server.fault(
        On::post(PULLS),
        Fault::Answer {
            status: 401,
            headers: Vec::new(),
            body: refusal,
        },
    );
    let run = world.exec(&[]).exits(130);
    let summary = run.summary();
    assert_eq!(summary["status"], "interrupted");
    assert!(
        summary["reason"]
            .as_str()
            .is_some_and(|why| why.contains("Bad credentials")),
        "{summary}"
    );
    world.server.forgive();
    let resumed = world.run(["resume", "--output", "json"]).exits(0);
    assert_eq!(resumed.summary()["counts"], json!({"done": 2}));
    assert!(
        resumed.summary()["tasks"]
            .as_array()
            .is_some_and(|tasks| tasks.iter().all(|task| task["attempts"] == 1))
    );
    assert_eq!(world.repository.pulls().len(), 2);
}

#[test]
fn a_rejected_pull_request_needs_a_person_and_keeps_the_work() {
    let world = world_with(1);
    let refusal =
        json!({"message": "Validation Failed", "errors": [{"message": "a rule of this repository"}]}).to_string();
    world.server.fault(
        On::post(PULLS),
        Fault::Answer {
            status: 422,
            headers: Vec::new(),
            body: refusal,
        },
    );
    let run = world.exec(&[]).exits(3);
    assert_eq!(run.task(1)["outcome"], "needs_you");
    assert!(
        run.task(1)["reason"]
            .as_str()
            .is_some_and(|why| why.contains("a rule of this repository")),
        "{}",
        run.task(1)
    );
    assert!(
        world.repository.head("autoissue/issue-1").is_some(),
        "the branch must exist"
    );
}

#[test]
fn missing_token_permissions_are_reported_before_anything_starts() {
    let world = world_with(1);
    world.repository.read_only_for("ada");
    let run = world.exec(&[]).exits(1);
    assert!(
        run.stderr.contains("this token is not allowed to push"),
        "{}",
        run.stderr
    );
    world.server.revoke(TOKEN);
    let run = world.exec(&[]).exits(1);
    assert!(run.stderr.contains("rejected the token"), "{}", run.stderr);
    assert!(run.stderr.contains("hint:"), "{}", run.stderr);
}

#[test]
fn a_missing_token_is_wrong_usage_and_the_error_lists_its_sources() {
    let world = world_with(1);
    let run = Run::from(
        world
            .autoissue(["exec", "go"])
            .env_remove("GITHUB_TOKEN")
            .output()
            .unwrap(),
    )
    .exits(2);
    for word in ["GITHUB_TOKEN", "GH_TOKEN", "gh"] {
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
}

#[test]
fn only_git_and_the_api_see_the_token() {
    let world = world_with(2);
    // Checks see the same environment as agents.
    let unseen = "! env | grep -q 'canary7canar[y]' && \
                  ! cat /proc/[0-9]*/cmdline | tr '\\\\0' '\\\\n' | grep -aq 'canary7canar[y]'";
    world.executor(&format!(
        r#"{{"checks": [{{"name": "unseen", "run": "{unseen}"}}]}}"#
    ));
    let run = world.exec(&["--verbose"]).exits(0);
    let encoded = base64::prelude::BASE64_STANDARD.encode(format!("x-access-token:{TOKEN}"));
    for secret in [TOKEN, encoded.as_str()] {
        assert_eq!(world.files_with(secret), [""; 0]);
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret));
        assert!(
            world
                .repository
                .pulls()
                .iter()
                .all(|pull| !pull.body.contains(secret))
        );
    }
    assert_eq!(
        run.summary()["counts"],
        json!({"done": 2}),
        "{}",
        run.stdout
    );
}

#[test]
fn a_dry_run_reads_but_writes_nothing() {
    let world = GithubSandbox::new();
    world.plain_issue("[Backend] one");
    let run = world.exec(&["--dry-run"]).exits(0);
    assert_eq!(run.events("task.planned").len(), 1);
    assert!(!world.state().exists(), "no state may be written");
    assert!(
        world
            .server
            .exchanges()
            .iter()
            .all(|exchange| exchange.request.method == "GET" || exchange.request.is_git)
    );
    assert!(world.repository.head("autoissue/issue-1").is_none());
}

/// Returns the API versions requested, each once, and whether each call named exactly one.
fn versions_asked_for(world: &GithubSandbox) -> (BTreeSet<String>, bool) {
    let exchanges = world.server.api_exchanges();
    let named = |exchange: &Exchange| -> Vec<String> {
        let values = exchange.request.headers.get_all("x-github-api-version");
        values
            .iter()
            .map(|value| value.to_str().unwrap_or_default().to_owned())
            .collect()
    };
    let all: Vec<Vec<String>> = exchanges
        .iter()
        .filter(|exchange| exchange.request.path != "/versions")
        .map(named)
        .collect();
    let is_once = !all.is_empty() && all.iter().all(|named| named.len() == 1);
    (all.concat().into_iter().collect(), is_once)
}

#[test]
fn forge_repeated_header_each_call_names_the_newest_version_both_sides_know() {
    for (theirs, expected) in [
        (
            &["2022-11-28", "2026-03-10", "2031-01-01"][..],
            "2026-03-10",
        ),
        (&["2022-11-28"], "2022-11-28"),
        // A host that is too old to report its versions.
        (&[], "2022-11-28"),
    ] {
        let world = world_with(1);
        world.server.set_api_versions(theirs);
        world.exec(&[]).exits(0);
        let expected = BTreeSet::from([expected.to_owned()]);
        assert_eq!(versions_asked_for(&world), (expected, true), "{theirs:?}");
    }
}

#[test]
fn a_host_without_a_supported_version_is_an_error_before_anything_starts() {
    let world = world_with(1);
    // It is asked in a version that it no longer serves, but responds anyway.
    let answer = Fault::Answer {
        status: 200,
        headers: Vec::new(),
        body: r#"["2031-01-01"]"#.to_owned(),
    };
    world.server.fault(On::get("/versions"), answer);
    let run = world.exec(&[]).exits(1);
    assert!(
        run.stderr.contains("supports API versions 2031-01-01")
            && run.stderr.contains("newer autoissue"),
        "{run:?}"
    );
}

#[test]
fn a_retired_version_is_logged_once() {
    let world = world_with(2);
    world.server.set_api_versions(&["2022-11-28", "2031-01-01"]);
    world.exec(&[]).exits(0);
    let files = std::fs::read_dir(world.state().join("logs")).unwrap();
    let log: String = files
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let n_said = log.matches("sunset: Fri, 10 Mar 2028").count();
    assert_eq!(n_said, 1, "{log}");
}
