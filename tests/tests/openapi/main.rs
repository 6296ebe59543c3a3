//! Conformance of the GitHub server, and of autoissue's client, with GitHub's published OpenAPI
//! description.
//!
//! A separate target, not part of `cargo test`, because it needs that description, which is too
//! large for this repository. `AUTOISSUE_GITHUB_OPENAPI` names it; without the variable every test
//! here fails with a message. `.ci/run` fetches it and sets the variable; `CONTRIBUTING.md`
//! has the command for manual runs.

#[path = "../it/github_server/client.rs"]
mod client;
mod description;
mod drive;

use std::collections::BTreeSet;

use autoissue_tests::github_server::{Exchange, Fault, GithubServer, On, Received};
use autoissue_tests::{GithubSandbox, new_file_patch};
use axum::body::Bytes;
use serde_json::{Value, json};

use description::{description, template};
use drive::{every_endpoint, every_refusal};

/// Asserts that requests and responses conform to the description, which does not cover git.
fn assert_described(exchanges: &[Exchange]) {
    let violations = description().violations(exchanges);
    assert!(
        violations.is_empty(),
        "not as described:\n  {}",
        violations.join("\n  ")
    );
}

#[test]
fn every_endpoint_conforms_to_the_description() {
    let exchanges = every_endpoint();
    let used: BTreeSet<(&str, String)> = exchanges
        .iter()
        .filter(|exchange| (200..300).contains(&exchange.status()))
        .map(|exchange| {
            (
                exchange.request.method.as_str(),
                exchange.request.path.clone(),
            )
        })
        .collect();
    let unused: Vec<_> = GithubServer::endpoints()
        .into_iter()
        .filter(|(method, path)| {
            !used
                .iter()
                .any(|(used, target)| used == method && template(path, target))
        })
        .collect();
    assert!(unused.is_empty(), "unused endpoints: {unused:?}");
    assert_described(&exchanges);
}

#[test]
fn every_error_response_conforms_to_the_description() {
    let violations = description().answer_violations(&every_refusal());
    assert!(
        violations.is_empty(),
        "not as described:\n  {}",
        violations.join("\n  ")
    );
}

/// Creates a sandbox with `n_issues` issues for the free agent.
fn world_with(n_issues: u64) -> GithubSandbox {
    // Fails early if there is no description.
    description();
    let world = GithubSandbox::new();
    for number in 1..=n_issues {
        world.plain_issue(&format!("[Backend] add {number}"));
    }
    world
}

#[test]
fn all_traffic_of_a_run_conforms_to_the_description() {
    let world = world_with(4);
    world.executor(r#"{"prDraft": true}"#);
    world.repository.block(2, 1);
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.summary()["counts"], json!({"done": 4}));
    world.exec(&[]).exits(0);
    let exchanges = world.server.exchanges();
    for (method, path) in [
        ("GET", "/repos/ada/sample"),
        ("GET", ISSUES),
        ("POST", PULLS),
    ] {
        assert!(
            exchanges
                .iter()
                .any(|it| it.request.method == method && it.request.path == path),
            "{method} {path}"
        );
    }
    assert_described(&exchanges);
}

#[test]
fn all_traffic_of_a_plan_conforms_to_the_description() {
    fn issue(title: &str, domain: &str, depends_on: &[u32]) -> Value {
        let body = new_file_patch(&format!("{domain}.txt"), "new");
        json!({"title": title, "body": body, "labels": [domain], "complexity": "simple", "depends_on": depends_on})
    }

    let world = world_with(0);
    // When the first issue is created, its dependency has no number yet.
    let plan = json!({"version": 1, "issues": [issue("One", "backend", &[2]), issue("Two", "testing", &[])]});
    world.write("plan.json", &plan.to_string());
    let run = world
        .run(["plan", "--from", "plan.json", "--output", "json"])
        .exits(0);
    assert_eq!(run.summary()["counts"], json!({"done": 2}));
    let exchanges = world.server.exchanges();
    let (first, blocked_by) = (
        format!("{ISSUES}/1"),
        format!("{ISSUES}/1/dependencies/blocked_by"),
    );
    for (method, path) in [
        ("POST", ISSUES),
        ("PATCH", &first),
        ("GET", &blocked_by),
        ("POST", &blocked_by),
    ] {
        assert!(
            exchanges
                .iter()
                .any(|it| it.request.method == method && it.request.path == path),
            "{method} {path}"
        );
    }
    assert_described(&exchanges);
}

#[test]
fn all_traffic_with_pages_and_faults_conforms_to_the_description() {
    let world = world_with(101);
    world.exec(&["--dry-run"]).exits(0);
    assert!(
        world
            .server
            .exchanges()
            .iter()
            .any(|exchange| exchange.request.query.contains("page=2"))
    );
    world
        .server
        .fault(On::post("/repos/*/*/pulls"), Fault::CutAfter);
    world
        .server
        .fault(On::get("/repos/*/*/issues"), Fault::status(502));
    world.exec(&["--issue", "1"]).exits(0);
    assert_eq!(world.repository.pulls().len(), 1);
    assert_described(&world.server.exchanges());
}

/// Asserts that a modified valid exchange is reported with this message.
#[track_caller]
fn found(method: &str, path: &str, said: &str, spoil: impl FnOnce(&mut Exchange)) {
    let is_it = |it: &&Exchange| {
        it.request.method == method && it.request.path == path && it.status() < 300
    };
    let mut exchange = every_endpoint()
        .iter()
        .find(is_it)
        .expect("a valid exchange")
        .clone();
    assert_eq!(
        description().violations(std::slice::from_ref(&exchange)),
        [""; 0]
    );
    spoil(&mut exchange);
    let violations = description().violations(&[exchange]);
    assert!(
        violations.iter().any(|violation| violation.contains(said)),
        "{violations:?}"
    );
}

fn spoil_answer(exchange: &mut Exchange, spoil: impl FnOnce(&mut Value)) {
    let answer = exchange.answer.as_mut().expect("an answer");
    let mut json = answer.json();
    spoil(&mut json);
    answer.body = Bytes::from(json.to_string());
}

fn spoil_request(request: &mut Received, body: &Value) {
    request.body = Bytes::from(body.to_string());
}

const ISSUES: &str = "/repos/ada/sample/issues";
const PULLS: &str = "/repos/ada/sample/pulls";

#[test]
fn a_nonconforming_response_is_found() {
    found(
        "GET",
        ISSUES,
        "\"title\" is a required property",
        |exchange| {
            spoil_answer(exchange, |json| {
                drop(json[0].as_object_mut().expect("an issue").remove("title"))
            });
        },
    );
    found("GET", ISSUES, "/0/number", |exchange| {
        spoil_answer(exchange, |json| json[0]["number"] = json!("1"))
    });
    found("GET", ISSUES, "`ttile` is not described", |exchange| {
        spoil_answer(exchange, |json| json[0]["ttile"] = json!("x"));
    });
    found("GET", ISSUES, "/0/created_at", |exchange| {
        spoil_answer(exchange, |json| json[0]["created_at"] = json!("yesterday"));
    });
    found("POST", PULLS, "status 202 is not described", |exchange| {
        exchange.answer.as_mut().expect("an answer").status = 202;
    });
}

#[test]
fn a_nonconforming_request_is_found() {
    found("GET", ISSUES, "no such operation", |exchange| {
        exchange.request.path = "/repos/ada/sample/isues".to_owned()
    });
    found(
        "GET",
        ISSUES,
        "parameter `lables` is not described",
        |exchange| {
            exchange.request.query = "lables=go".to_owned();
        },
    );
    found("GET", ISSUES, "parameter `state`", |exchange| {
        exchange.request.query = "state=opened".to_owned()
    });
    found("GET", ISSUES, "parameter `page`", |exchange| {
        exchange.request.query = "page=first".to_owned()
    });
    found(
        "POST",
        PULLS,
        "\"base\" is a required property",
        |exchange| {
            spoil_request(
                &mut exchange.request,
                &json!({"title": "x", "head": "work"}),
            );
        },
    );
    found("POST", PULLS, "`drfat` is not described", |exchange| {
        spoil_request(
            &mut exchange.request,
            &json!({"title": "x", "head": "work", "base": "main", "drfat": true}),
        );
    });
    found("POST", PULLS, "/draft", |exchange| {
        spoil_request(
            &mut exchange.request,
            &json!({"title": "x", "head": "work", "base": "main", "draft": "yes"}),
        );
    });
    found("GET", "/user", "takes no body", |exchange| {
        spoil_request(&mut exchange.request, &json!({}))
    });
}
