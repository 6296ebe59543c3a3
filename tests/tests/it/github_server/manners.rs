//! The policy: each violation of GitHub's rules is found, and nothing else is.

use std::thread;
use std::time::Duration;

use autoissue_tests::github_server::{
    Fault, Gate, GithubServer, HostedRepository, Issue, On, Rules, Token,
};
use serde_json::json;

use super::client::Client;
use super::{TOKEN, world};

const ISSUES: &str = "/repos/ada/sample/issues";
const LABELS: &str = "/repos/ada/sample/labels";

/// Asserts that this is a violation whose message contains `said`, and the only one.
#[track_caller]
fn breach(said: &str, misbehave: impl FnOnce(&GithubServer, &HostedRepository, &Client)) {
    let (github, repository, client) = world();
    misbehave(&github, &repository, &client);
    let breaches = github.take_breaches();
    assert!(
        breaches.len() == 1 && breaches[0].contains(said),
        "{breaches:?}"
    );
}

/// Asserts that this is not a violation.
#[track_caller]
fn no_breach(behave: impl FnOnce(&GithubServer, &HostedRepository, &Client)) {
    let (github, repository, client) = world();
    behave(&github, &repository, &client);
    assert_eq!(github.take_breaches(), [""; 0]);
}

#[test]
fn a_violation_fails_the_test_when_the_server_is_dropped() {
    let (github, _repository, _) = world();
    Client::anonymous(&github.api_url())
        .get("/repos/ada/sample")
        .is(200);
    let failure = thread::spawn(move || drop(github)).join().unwrap_err();
    let message = failure.downcast::<String>().unwrap();
    assert!(
        message.contains("no token: GET /repos/ada/sample"),
        "{message}"
    );
}

#[test]
fn two_writes_at_once() {
    breach("two writes at once", |github, _, client| {
        let gate = Gate::new();
        github.fault(On::post("/repos/*/*/issues"), Fault::Hold(gate.clone()));
        thread::scope(|scope| {
            scope.spawn(|| client.post(ISSUES, &json!({"title": "x"})).is(201));
            gate.wait_for(1);
            client.post(LABELS, &json!({"name": "l"})).is(201);
            gate.open();
        });
    });
}

#[test]
fn concurrent_reads_and_writes_of_another_user_are_allowed() {
    no_breach(|github, _, client| {
        github.token("other", Token::fine_grained("grace"));
        let gate = Gate::new();
        github.fault(On::post("/repos/*/*/issues"), Fault::Hold(gate.clone()));
        thread::scope(|scope| {
            scope.spawn(|| client.post(ISSUES, &json!({"title": "x"})).is(201));
            gate.wait_for(1);
            client.get(LABELS).is(200);
            Client::new(&github.api_url(), "other")
                .post(LABELS, &json!({"name": "l"}))
                .is(201);
            gate.open();
        });
    });
}

#[test]
fn a_write_ends_when_its_client_dies() {
    no_breach(|github, _, client| {
        github.fault(On::post("/repos/*/*/issues"), Fault::CutBefore);
        client
            .try_send("POST", ISSUES, r#"{"title": "x"}"#)
            .unwrap_err();
        client.post(LABELS, &json!({"name": "l"})).is(201);
    });
}

#[test]
fn too_many_writes_in_a_minute() {
    fn write(client: &Client, n: usize) {
        client
            .post(LABELS, &json!({"name": format!("l{n}")}))
            .is(201);
    }

    let rules = Rules {
        writes_per_minute_max: 3,
        ..Rules::default()
    };
    breach(
        "4 writes in a minute, 3 are allowed",
        |github, _, client| {
            github.rules(rules);
            (0..4).for_each(|n| write(client, n));
        },
    );
    no_breach(|github, _, client| {
        github.rules(rules);
        (0..3).for_each(|n| write(client, n));
        github.let_pass(Duration::from_secs(61));
        (3..6).for_each(|n| write(client, n));
    });
}

#[test]
fn too_many_writes_in_an_hour() {
    breach("4 writes in a hour, 3 are allowed", |github, _, client| {
        github.rules(Rules {
            writes_per_hour_max: 3,
            ..Rules::default()
        });
        for n in 0..4 {
            client
                .post(LABELS, &json!({"name": format!("l{n}")}))
                .is(201);
            github.let_pass(Duration::from_secs(61));
        }
    });
}

#[test]
fn too_many_requests_at_once() {
    breach("more than 2 requests at once", |github, _, client| {
        github.rules(Rules {
            requests_at_once_max: 2,
            ..Rules::default()
        });
        let gate = Gate::new();
        github.fault(On::get("/user").times(2), Fault::Hold(gate.clone()));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| client.get("/user").is(200));
            }
            gate.wait_for(2);
            client.get(LABELS).is(200);
            gate.open();
        });
    });
}

#[test]
fn repeating_a_request_before_a_limit_ends() {
    for status in [403, 429] {
        breach("before the secondary limit ends", |github, _, client| {
            github.fault(
                On::get("/user"),
                Fault::SecondaryLimit {
                    status,
                    retry_after_s: Some(7),
                },
            );
            client.get("/user").is(status);
            client.get("/user").is(200);
        });
        breach("before the secondary limit ends", |github, _, client| {
            github.fault(
                On::get("/user"),
                Fault::SecondaryLimit {
                    status,
                    retry_after_s: None,
                },
            );
            client.get("/user").is(status);
            github.let_pass(Duration::from_secs(58));
            client.get("/user").is(200);
        });
        breach("before the primary limit ends", |github, _, client| {
            github.fault(
                On::get("/user"),
                Fault::PrimaryLimit {
                    status,
                    reset_in: Duration::from_secs(7),
                },
            );
            client.get("/user").is(status);
            client.get("/user").is(200);
        });
    }
}

#[test]
fn any_write_before_a_limit_ends() {
    breach("before the primary limit ends", |github, _, client| {
        github.set_quota("ada", 0, Duration::from_secs(600));
        client.get("/user").is(403);
        client.post(LABELS, &json!({"name": "l"})).is(403);
    });
}

#[test]
fn reads_in_flight_when_a_limit_starts_are_allowed_and_no_more() {
    let read = |client: &Client, n: usize| client.get(&format!("{LABELS}?page={n}")).is(200);
    no_breach(|github, _, client| {
        github.fault(
            On::get("/user"),
            Fault::SecondaryLimit {
                status: 429,
                retry_after_s: Some(7),
            },
        );
        client.get("/user").is(429);
        (0..8).for_each(|n| drop(read(client, n)));
        github.let_pass(Duration::from_secs(8));
        client.get("/user").is(200);
    });
    breach("before the secondary limit ends", |github, _, client| {
        github.fault(
            On::get("/user"),
            Fault::SecondaryLimit {
                status: 429,
                retry_after_s: Some(7),
            },
        );
        client.get("/user").is(429);
        (0..9).for_each(|n| drop(read(client, n)));
    });
}

#[test]
fn continuing_after_a_401() {
    fn knock(github: &GithubServer, n: usize) {
        let stranger = Client::new(&github.api_url(), "wrong");
        (0..n).for_each(|_| drop(stranger.get("/user").is(401)));
    }

    no_breach(|github, _, _| knock(github, 6));
    breach("request 6 after a 401", |github, _, _| knock(github, 7));
}

#[test]
fn a_flood_of_reads() {
    let read = |client: &Client, n: usize| (0..n).for_each(|_| drop(client.get(ISSUES).is(200)));
    breach("read 6 times more than needed", |_, _, client| {
        read(client, 7)
    });
    no_breach(|_, repository, client| {
        read(client, 6);
        repository.issue(Issue::new("Something new"));
        read(client, 6);
    });
    no_breach(|_, _, client| {
        let etag = client.get(ISSUES).header("etag").unwrap().to_owned();
        let careful = client.with("if-none-match", &etag);
        (0..50).for_each(|_| drop(careful.get(ISSUES).is(304)));
    });
}

#[test]
fn no_user_agent() {
    breach("no User-Agent", |_, _, client| {
        drop(client.without("user-agent").get("/user").is(403))
    });
}

#[test]
fn a_token_in_the_url() {
    breach("token in an address", |_, _, client| {
        drop(client.get(&format!("/user?access_token={TOKEN}")).is(200))
    });
    breach("token in an address", |_, _, client| {
        drop(client.get(&format!("/{TOKEN}")).is(404))
    });
}

#[test]
fn creating_an_existing_object_again() {
    let issue = json!({"title": "x"});
    breach("created twice", |_, _, client| {
        client.post(ISSUES, &issue).is(201);
        client.post(ISSUES, &issue).is(201);
    });
    breach("created twice", |_, _, client| {
        client.post(ISSUES, &issue).is(201);
        client
            .post(
                "/repos/ada/sample/issues/1/comments",
                &json!({"body": "Done."}),
            )
            .is(201);
        client
            .post(
                "/repos/ada/sample/issues/1/comments",
                &json!({"body": "Done."}),
            )
            .is(201);
    });
    breach("created twice", |github, _, client| {
        github.fault(On::post("/repos/*/*/issues"), Fault::CutAfter);
        client
            .try_send("POST", ISSUES, &issue.to_string())
            .unwrap_err();
        client.post(ISSUES, &issue).is(201);
    });
}

#[test]
fn creating_a_failed_or_closed_object_again_is_allowed() {
    let issue = json!({"title": "x"});
    no_breach(|github, _, client| {
        github.fault(On::post("/repos/*/*/issues"), Fault::status(502));
        client.post(ISSUES, &issue).is(502);
        github.fault(On::post("/repos/*/*/issues"), Fault::CutBefore);
        client
            .try_send("POST", ISSUES, &issue.to_string())
            .unwrap_err();
        client.post(ISSUES, &issue).is(201);
    });
    no_breach(|_, repository, client| {
        client.post(ISSUES, &issue).is(201);
        repository.close(1);
        client.post(ISSUES, &issue).is(201);
    });
}
