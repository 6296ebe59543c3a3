//! The API: each response matches the OpenAPI document, and none contains a secret.

use std::fs;

use autoissue_tests::http::{ask, get};
use autoissue_tests::{MadeUp, Recipe, Served};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{BEARER, World, asking};
use crate::process_under_test::wait_until;

/// Returns a validator for a schema of the document.
fn validator(document: &Value, schema: &Value) -> jsonschema::Validator {
    // References in the document are relative to its root.
    let mut root = schema.clone();
    root["components"] = document["components"].clone();
    jsonschema::validator_for(&root).expect("a schema")
}

#[track_caller]
fn assert_fits(document: &Value, schema: &Value, value: &Value, what: &str) {
    assert_valid(&validator(document, schema), value, what);
}

#[track_caller]
fn assert_valid(validator: &jsonschema::Validator, value: &Value, what: &str) {
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}");
}

/// Returns the schema of a response by path, method and status.
fn schema<'a>(document: &'a Value, path: &str, method: &str, status: &str) -> &'a Value {
    let content = &document["paths"][path][method]["responses"][status]["content"];
    &content["application/json"]["schema"]
}

fn problem(document: &Value) -> Value {
    document["components"]["responses"]["Problem"]["content"]["application/problem+json"]["schema"]
        .clone()
}

/// Makes a schema reject unknown fields, so that undocumented fields are found.
fn strict(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("type") == Some(&json!("object")) && map.contains_key("properties") {
                map.entry("unevaluatedProperties").or_insert(json!(false));
            }
            map.values_mut().for_each(strict);
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

#[test]
fn every_response_matches_the_document() {
    let mut recipe = Recipe::new(60, 30);
    recipe.is_broken = true;
    let world = World::new(recipe);
    let served = world.serve();
    let mut document = get(served.port, "/api/openapi.json").json();
    strict(&mut document["components"]["schemas"]);
    assert_eq!(document["openapi"], "3.1.0");
    let issue = world.session.running()[0];
    let mut n_checked = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        if item.get("get").is_none() || path == "/api/events" || path == "/metrics" {
            continue;
        }
        let at = path.replace("{issue}", &issue.to_string());
        let validator = validator(&document, schema(&document, path, "get", "200"));
        for at in [at.clone(), format!("{at}?session={}", world.session.id())] {
            let answer = get(served.port, &at);
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (200, Some("application/json")),
                "{at}"
            );
            assert_valid(&validator, &answer.json(), &at);
            n_checked += 1;
        }
    }
    assert!(n_checked >= 26, "{n_checked}");
    let reset = ask(
        served.port,
        "POST",
        "/api/circuit-breaker/reset",
        &[("content-type", "application/json")],
        "{}",
    );
    assert_eq!(reset.status, 202);
    assert_fits(
        &document,
        schema(&document, "/api/circuit-breaker/reset", "post", "202"),
        &reset.json(),
        "reset",
    );
}

#[test]
fn every_error_is_a_problem_document() {
    let world = World::new(Recipe::new(3, 99));
    let served = world.serve();
    let mut document = get(served.port, "/api/openapi.json").json();
    strict(&mut document["components"]["schemas"]);
    let json = ("content-type", "application/json");
    for (method, path, headers, body, status) in [
        ("GET", "/api/nothing", &[][..], "", 404),
        ("GET", "/api/session?session=nope", &[], "", 404),
        ("GET", "/api/session/tasks/99", &[], "", 404),
        ("GET", "/api/session/tasks/x", &[], "", 404),
        ("GET", "/api/session/tasks/1/output?attempt=9", &[], "", 404),
        ("GET", "/api/session/tasks?state=asleep", &[], "", 400),
        ("GET", "/api/session/tasks?offset=-1", &[], "", 400),
        ("GET", "/api/events?after=x", &[], "", 400),
        ("GET", "/api/events?after=9007199254740992", &[], "", 400),
        ("PUT", "/api/session", &[], "", 405),
        ("POST", "/api/circuit-breaker/reset", &[json], "{}", 409),
        ("POST", "/api/circuit-breaker/reset", &[json], "{", 400),
        (
            "POST",
            "/api/circuit-breaker/reset",
            &[json],
            r#"{"service":"no"}"#,
            404,
        ),
        (
            "POST",
            "/api/circuit-breaker/reset",
            &[json],
            r#"{"sevrice":"forge"}"#,
            400,
        ),
        (
            "POST",
            "/api/circuit-breaker/reset",
            &[("content-type", "text/plain")],
            "{}",
            415,
        ),
        (
            "POST",
            "/api/circuit-breaker/reset",
            &[json],
            &"x".repeat(40_000),
            413,
        ),
        ("GET", "/api/session", &[("host", "evil.example")], "", 421),
        ("GET", "/api/session", &[("origin", "null")], "", 403),
    ] {
        let answer = ask(served.port, method, path, headers, body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{method} {path}"
        );
        assert_fits(&document, &problem(&document), &answer.json(), path);
        assert_eq!(answer.json()["status"], status);
    }
}

#[test]
fn numbers_are_accepted_exactly_within_the_documented_bounds() {
    let world = World::new(Recipe::new(3, 1));
    let served = world.serve();
    let document = get(served.port, "/api/openapi.json").json();
    let mut n_asked = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let parameters = item["get"]["parameters"].as_array();
        for parameter in parameters.into_iter().flatten() {
            if parameter["schema"]["type"] != "integer" || path == "/api/events" {
                continue;
            }
            let name = parameter["name"].as_str().expect("a name");
            let bound = |bound: &str| {
                let value = parameter["schema"][bound].as_u64();
                value.unwrap_or_else(|| panic!("{path}: {name} has no {bound}"))
            };
            for (value, statuses) in [
                (bound("minimum"), [200, 404]),
                (bound("maximum"), [200, 404]),
                (bound("maximum") + 1, [400, 404]),
            ] {
                let at = match parameter["in"].as_str() {
                    Some("path") => path.replace("{issue}", &value.to_string()),
                    _ => format!("{}?{name}={value}", path.replace("{issue}", "1")),
                };
                let answer = get(served.port, &at);
                assert!(statuses.contains(&answer.status), "{at}: {}", answer.body);
                n_asked += 1;
            }
        }
    }
    assert!(n_asked >= 21, "{n_asked}");
}

#[test]
fn stream_messages_match_the_document() {
    let world = World::new(Recipe::new(30, 10));
    let served = world.serve();
    let mut document = get(served.port, "/api/openapi.json").json();
    strict(&mut document["components"]["schemas"]);
    let mut stream = autoissue_tests::http::stream(served.port, "/api/events", &[]);
    world.session.print(world.session.running()[0], "a line\n");
    let mut kinds = std::collections::BTreeMap::new();
    while kinds.len() < 4 {
        let message = stream.next().expect("another message");
        assert_fits(
            &document,
            &document["x-messages"][&message.kind],
            &message.json(),
            &message.kind,
        );
        *kinds.entry(message.kind).or_insert(0) += 1;
        if kinds.contains_key("progress") && !kinds.contains_key("overview") {
            // Every change produces an overview; here the process is gone.
            assert!(kinds.contains_key("happened"));
            break;
        }
    }
    assert!(kinds["happened"] > 100, "{kinds:?}");
}

#[test]
fn password_on_socket_no_response_contains_a_secret() {
    let state = TempDir::new().unwrap();
    let mut recipe = Recipe::new(4, 1);
    recipe.issues[3].0 = "Log in with t0ken-t0ken fails".to_owned();
    let session = MadeUp::run(state.path(), recipe);
    for issue in session.running() {
        session.print(
            issue,
            "the token is t0ken-t0ken and the password pass word\n",
        );
    }
    let served = Served::start(state.path(), &asking("both", "127.0.0.1"));
    let document = ask(served.port, "GET", "/api/openapi.json", &[BEARER], "").json();
    let issue = session.running()[0].to_string();
    let paths = document["paths"].as_object().expect("paths");
    let paths = paths
        .iter()
        .filter(|(path, item)| item.get("get").is_some() && *path != "/api/events");
    for path in paths
        .map(|(path, _)| path.replace("{issue}", &issue))
        .chain(["/login".to_owned(), "/".to_owned()])
    {
        let answer = ask(served.port, "GET", &path, &[BEARER], "");
        assert_eq!(answer.status, 200, "{path}");
        for secret in ["t0ken-t0ken", "pass word"] {
            assert!(!answer.body.contains(secret), "{path}: {}", answer.body);
        }
    }
    let title =
        ask(served.port, "GET", "/api/session/tasks/4", &[BEARER], "").json()["title"].clone();
    assert_eq!(title, "Log in with *** fails");
}

#[test]
fn pages_of_tasks_contain_each_task_once() {
    let world = World::new(Recipe::new(1_000, 40));
    let served = world.serve();
    let mut seen = std::collections::BTreeSet::new();
    for page in 0..11 {
        let answer = get(
            served.port,
            &format!("/api/session/tasks?offset={}&limit=97", page * 97),
        )
        .json();
        assert_eq!(answer["total"], 1_000);
        let tasks = answer["tasks"]
            .as_array()
            .expect("tasks")
            .iter()
            .map(|task| task["issue"].as_u64().expect("an issue number"));
        tasks.for_each(|issue| assert!(seen.insert(issue), "#{issue} appears twice"));
    }
    assert_eq!(seen.len(), 1_000);
    let waiting = get(served.port, "/api/session/tasks?state=waiting&limit=1000").json();
    let is_told_why = |task: &Value| task["why"].as_str().is_some_and(|why| !why.is_empty());
    assert!(
        waiting["tasks"]
            .as_array()
            .expect("tasks")
            .iter()
            .all(is_told_why)
    );
    let few = get(served.port, "/api/session/tasks?text=quoted&limit=5").json();
    assert!(
        few["tasks"]
            .as_array()
            .expect("tasks")
            .iter()
            .all(|task| task["title"].as_str().unwrap().contains("quoted"))
    );
}

#[test]
fn an_empty_history_is_not_an_error() {
    let state = TempDir::new().unwrap();
    let served = Served::start(state.path(), &json!({}));
    assert_eq!(get(served.port, "/api/sessions").json()["total"], 0);
    assert_eq!(get(served.port, "/api/session").status, 404);
    assert_eq!(get(served.port, "/metrics").status, 200);
    assert_eq!(get(served.port, "/").status, 200);
    assert!(
        fs::read_dir(state.path()).unwrap().next().is_none(),
        "reading must not create anything"
    );
}

#[test]
fn sessions_are_listed_newest_first_and_a_dead_one_is_marked() {
    let state = TempDir::new().unwrap();
    let old = MadeUp::run(state.path(), Recipe::new(5, 99))
        .id()
        .to_string();
    let mut new = MadeUp::run(state.path(), Recipe::new(6, 2));
    let served = Served::start(state.path(), &json!({}));
    let list = get(served.port, "/api/sessions").json();
    let ids: Vec<&str> = list["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["session"].as_str().unwrap())
        .collect();
    assert_eq!(ids, [new.id().as_str(), old.as_str()]);
    assert_eq!(
        (
            &list["sessions"][0]["status"],
            &list["sessions"][1]["status"]
        ),
        (&json!("running"), &json!("completed"))
    );
    assert_eq!(
        get(served.port, &format!("/api/session?session={old}")).json()["status"],
        "completed"
    );
    new.die();
    wait_until("it says so", || {
        get(served.port, "/api/session").json()["status"] == "died"
    });
    assert_eq!(
        get(served.port, "/api/sessions").json()["sessions"][0]["status"],
        "died"
    );
}
