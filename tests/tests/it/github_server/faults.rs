//! Faults and limits as a client sees them.

use std::thread;
use std::time::Duration;

use autoissue_tests::github_server::{Fault, Gate, Issue, On};
use serde_json::json;

use super::client::Client;
use super::git::Clone;
use super::{TOKEN, world};

const LABELS: &str = "/repos/ada/sample/labels";

#[test]
fn a_fault_applies_to_the_selected_requests() {
    let (github, _repository, client) = world();
    github.fault(
        On::post("/repos/*/*/labels").after(1).times(2),
        Fault::status(502),
    );
    let statuses: Vec<u16> = (0..4)
        .map(|n| {
            client
                .post(LABELS, &json!({"name": format!("l{n}")}))
                .status
        })
        .collect();
    assert_eq!(statuses, [201, 502, 502, 201]);
    github.fault(
        On::any()
            .when(|request| request.query.contains("page=2"))
            .always(),
        Fault::status(500),
    );
    client.get(LABELS).is(200);
    client.get(&format!("{LABELS}?page=2")).is(500);
    github.heal();
    client.get(&format!("{LABELS}?page=2")).is(200);
    let faults: Vec<bool> = github
        .exchanges()
        .iter()
        .map(|it| it.answer.as_ref().unwrap().is_fault)
        .collect();
    assert_eq!(faults, [false, true, true, false, false, true, false]);
}

#[test]
fn an_injected_response_has_its_headers() {
    let (github, _repository, client) = world();
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-odd", "yes".to_owned()),
    ];
    github.fault(
        On::any(),
        Fault::Answer {
            status: 418,
            headers,
            body: r#"{"message": "odd"}"#.to_owned(),
        },
    );
    let reply = client.get("/user").is(418);
    assert_eq!(
        (reply.header("x-odd"), &reply.json["message"]),
        (Some("yes"), &json!("odd"))
    );
}

#[test]
fn the_connection_is_cut_before_or_after_the_change() {
    let (github, repository, client) = world();
    for (fault, made) in [
        (Fault::CutBefore, 0),
        (Fault::CutAfter, 1),
        (Fault::Truncate, 2),
    ] {
        github.fault(On::post("/repos/*/*/issues"), fault.clone());
        let title = format!(r#"{{"title": "{fault:?}"}}"#);
        client
            .try_send("POST", "/repos/ada/sample/issues", &title)
            .unwrap_err();
        assert_eq!(repository.issues().len(), made, "{fault:?}");
    }
    let answers: Vec<Option<(u16, bool)>> = github
        .exchanges()
        .iter()
        .map(|it| it.answer.as_ref().map(|it| (it.status, it.is_delivered)))
        .collect();
    assert_eq!(answers, [None, Some((201, false)), Some((201, false))]);
}

#[test]
fn a_malformed_response_looks_complete() {
    let (github, _repository, client) = world();
    github.fault(On::get("/user"), Fault::Malformed);
    let half = client.get("/user").is(200).json;
    assert!(
        half.as_str().unwrap().starts_with(r#"{"login":"ada""#),
        "{half}"
    );
}

#[test]
fn a_gate_holds_a_request_before_it_is_handled() {
    let (github, repository, client) = world();
    let gate = Gate::new();
    github.fault(On::post("/repos/*/*/issues"), Fault::Hold(gate.clone()));
    let held = thread::spawn(move || {
        client
            .post("/repos/ada/sample/issues", &json!({"title": "x"}))
            .status
    });
    gate.wait_for(1);
    assert!(repository.issues().is_empty() && github.exchanges()[0].answer.is_none());
    gate.open();
    assert_eq!(held.join().unwrap(), 201);
    assert_eq!(repository.issues().len(), 1);
}

#[test]
fn a_gate_holds_a_response_after_the_change() {
    let (github, repository, client) = world();
    let gate = Gate::new();
    github.fault(
        On::post("/repos/*/*/issues"),
        Fault::HoldAnswer(gate.clone()),
    );
    let held = thread::spawn(move || {
        client
            .post("/repos/ada/sample/issues", &json!({"title": "x"}))
            .status
    });
    gate.wait_for(1);
    assert_eq!(repository.issues().len(), 1);
    gate.open();
    assert_eq!(held.join().unwrap(), 201);
}

#[test]
fn injected_limits_look_like_githubs() {
    let (github, _repository, client) = world();
    for status in [403, 429] {
        github.fault(
            On::get("/user"),
            Fault::PrimaryLimit {
                status,
                reset_in: Duration::from_secs(30),
            },
        );
        let reply = client.get("/user").is(status);
        assert_eq!(
            (
                reply.header("x-ratelimit-remaining"),
                reply.header("retry-after")
            ),
            (Some("0"), None)
        );
        assert!(
            reply.json["message"]
                .as_str()
                .unwrap()
                .starts_with("API rate limit exceeded")
        );
        github.forgive();
        github.fault(
            On::get("/user"),
            Fault::SecondaryLimit {
                status,
                retry_after_s: Some(7),
            },
        );
        let reply = client.get("/user").is(status);
        assert_eq!(reply.header("retry-after"), Some("7"));
        assert_ne!(reply.header("x-ratelimit-remaining"), Some("0"));
        assert!(
            reply.json["documentation_url"]
                .as_str()
                .unwrap()
                .contains("secondary-rate-limits")
        );
        github.forgive();
    }
}

#[test]
fn a_used_up_quota_is_restored_at_its_reset() {
    let (github, _repository, client) = world();
    github.set_quota("ada", 1, Duration::from_secs(600));
    assert_eq!(
        client.get("/user").is(200).header("x-ratelimit-remaining"),
        Some("0")
    );
    let refused = client.get("/user").is(403);
    let reset: u64 = refused
        .header("x-ratelimit-reset")
        .unwrap()
        .parse()
        .unwrap();
    let free = client.get("/rate_limit").is(200).json;
    assert_eq!(
        (&free["rate"]["remaining"], &free["rate"]["reset"]),
        (&json!(0), &json!(reset))
    );
    github.let_pass(Duration::from_secs(601));
    assert_eq!(
        client.get("/user").is(200).header("x-ratelimit-remaining"),
        Some("4999")
    );
}

#[test]
fn a_client_that_is_too_fast_is_rejected_until_the_limit_ends() {
    let (github, _repository, client) = world();
    github.limit_speed("ada", Duration::from_secs(60));
    let first = client.get("/user").is(403);
    assert_eq!(first.header("retry-after"), Some("60"));
    github.let_pass(Duration::from_secs(40));
    client.get(LABELS).is(403);
    github.let_pass(Duration::from_secs(21));
    client.get("/user").is(200);
}

#[test]
fn every_response_reports_the_limits() {
    let (github, repository, client) = world();
    repository.issue(Issue::new("One"));
    for target in [
        "/user",
        "/repos/ada/sample/issues",
        "/nowhere",
        "/repos/ada/missing",
        "/rate_limit",
    ] {
        let reply = client.get(target);
        for name in ["limit", "remaining", "reset", "used", "resource"] {
            assert!(
                reply.header(&format!("x-ratelimit-{name}")).is_some(),
                "{target} {name}"
            );
        }
    }
    let anonymous = Client::anonymous(&github.api_url())
        .get("/repos/ada/sample")
        .is(200);
    assert_eq!(anonymous.header("x-ratelimit-limit"), Some("60"));
    assert_eq!(github.take_breaches().len(), 1);
}

#[test]
fn a_push_can_fail_and_can_succeed_without_a_response() {
    let (github, repository, _) = world();
    let clone = Clone::of(&repository.clone_url(), TOKEN);
    let commit = clone.commit("work", "new.txt", "one\n");
    github.fault(On::push(), Fault::status(503));
    assert!(
        clone
            .refused(TOKEN, &["push", "origin", "work"])
            .contains("503")
    );
    github.fault(On::push().times(2), Fault::CutBefore);
    clone.refused(TOKEN, &["push", "origin", "work"]);
    assert_eq!(repository.head("work"), None);
    github.fault(On::push().times(2), Fault::CutAfter);
    clone.refused(TOKEN, &["push", "origin", "work"]);
    assert_eq!(repository.head("work"), Some(commit));
}
