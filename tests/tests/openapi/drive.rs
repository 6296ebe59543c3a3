//! Uses every endpoint of the server, and provokes every error response.

use std::time::Duration;

use autoissue_tests::github_server::{Exchange, GithubServer, HostedRepository, Issue, Token};
use serde_json::{Value, json};

use crate::client::Client;

const TOKEN: &str = "canary-t0k3n";
const REPOSITORY: &str = "/repos/ada/sample";

fn world() -> (GithubServer, HostedRepository, Client) {
    let github = GithubServer::start();
    github.token(TOKEN, Token::classic("ada", &["repo"]));
    let repository = github.repository("ada/sample", &[("README.md", "# Sample\n")]);
    let client = Client::new(&github.api_url(), TOKEN);
    (github, repository, client)
}

fn at(rest: &str) -> String {
    format!("{REPOSITORY}{rest}")
}

/// Returns exchanges that are valid on both sides, at least one for each endpoint.
pub(crate) fn every_endpoint() -> Vec<Exchange> {
    let (github, repository, client) = world();
    seed(&repository);
    read(&client);
    write(&client);
    let etag = client
        .get(&at("/pulls"))
        .is(200)
        .header("etag")
        .expect("a tag")
        .to_owned();
    client
        .with("if-none-match", &etag)
        .get(&at("/pulls"))
        .is(304);
    let exchanges = github.exchanges();
    assert!(30 < exchanges.len(), "{}", exchanges.len());
    exchanges
}

fn seed(repository: &HostedRepository) {
    repository.issue(Issue::new("One").label("go").body("Please.").by("grace"));
    repository.issue(Issue::new("Two").by_a_ghost());
    repository.issue(Issue::new("Three").closed());
    repository.block(1, 3);
    repository.foreign_pull("Theirs", "theirs", &["go"]);
    repository.commit_from("autoissue/issue-1", "main", &[("new.txt", "new\n")], "work");
    repository.commit_from("squashed", "main", &[("other.txt", "other\n")], "work");
    repository.protect("main");
}

fn read(client: &Client) {
    for target in [
        "/user",
        "/rate_limit",
        "/versions",
        REPOSITORY,
        &at("/branches/main"),
        &at("/branches/autoissue%2Fissue-1"),
        &at(
            "/issues?labels=go&state=all&per_page=1&page=1&sort=updated&direction=asc&since=2020-01-01T00:00:00Z",
        ),
        &at("/issues"),
        &at("/issues/1"),
        &at("/issues/4"),
        &at("/issues/1/labels"),
        &at("/issues/1/comments?per_page=100"),
        &at("/issues/1/dependencies/blocked_by"),
        &at("/issues/3/dependencies/blocking"),
        &at("/labels?per_page=100"),
        &at("/labels/go"),
        &at(
            "/pulls?state=all&head=ada:theirs&base=main&sort=created&direction=desc&per_page=10&page=1",
        ),
        &at("/pulls"),
        &at("/pulls/4"),
    ] {
        client.get(target).is(200);
    }
}

fn write(client: &Client) {
    client
        .post(
            &at("/labels"),
            &json!({"name": "done", "color": "00ff00", "description": "Done."}),
        )
        .is(201);
    client
        .post(
            &at("/issues"),
            &json!({"title": "Plan", "body": "x", "labels": ["go", "new"]}),
        )
        .is(201);
    client
        .send(
            "PATCH",
            &at("/issues/5"),
            &json!({"title": "Plan B", "state": "closed"}),
        )
        .is(200);
    client
        .send(
            "PATCH",
            &at("/issues/5"),
            &json!({"state": "open", "labels": ["go"]}),
        )
        .is(200);
    client
        .post(&at("/issues/5/labels"), &json!({"labels": ["done"]}))
        .is(200);
    client
        .post(&at("/issues/5/comments"), &json!({"body": "A comment."}))
        .is(201);
    client.get(&at("/issues/5/comments")).is(200);
    let blocker = client.get(&at("/issues/2")).is(200).json["id"].clone();
    client
        .post(
            &at("/issues/5/dependencies/blocked_by"),
            &json!({"issue_id": blocker}),
        )
        .is(201);
    let ours = json!({"title": "One", "head": "autoissue/issue-1", "base": "main", "body": "Closes #1", "draft": true});
    let pull = client.post(&at("/pulls"), &ours).is(201).json;
    client
        .post("/graphql", &json!({"query": mark_ready(&pull)}))
        .is(200);
    client
        .send(
            "PATCH",
            &at("/pulls/6"),
            &json!({"title": "One, better", "state": "closed"}),
        )
        .is(200);
    client
        .send(
            "PATCH",
            &at("/pulls/6"),
            &json!({"state": "open", "base": "main"}),
        )
        .is(200);
    let other = json!({"title": "Squashed", "head": "ada:squashed", "base": "main"});
    client.post(&at("/pulls"), &other).is(201);
    client
        .send(
            "PUT",
            &at("/pulls/7/merge"),
            &json!({"merge_method": "squash"}),
        )
        .is(200);
    client
        .send("PUT", &at("/pulls/4/merge"), &Value::Null)
        .is(200);
    client.get(&at("/pulls?state=closed")).is(200);
    client.get(&at("/pulls/7")).is(200);
    assert_eq!(
        client
            .get(&at("/issues?state=all&direction=asc"))
            .is(200)
            .numbers(),
        [1, 2, 3, 4, 5, 6, 7]
    );
}

fn mark_ready(pull: &Value) -> String {
    let id = pull["node_id"].as_str().expect("an id");
    format!(
        "mutation {{ markPullRequestReadyForReview(input: {{pullRequestId: \"{id}\"}}) {{ clientMutationId }} }}"
    )
}

/// Returns exchanges with all the server's error responses.
pub(crate) fn every_refusal() -> Vec<Exchange> {
    let (github, repository, client) = world();
    seed(&repository);
    invalid(&client, &repository);
    let stranger = Client::new(&github.api_url(), "wrong");
    stranger.get("/user").is(401);
    Client::anonymous(&github.api_url()).get("/user").is(401);
    client.without("user-agent").get("/user").is(403);
    client
        .with("accept", "application/xml")
        .get("/user")
        .is(415);
    client
        .with("x-github-api-version", "2001-01-01")
        .get("/user")
        .is(400);
    github.token("reader", Token::fine_grained("ada").read_only());
    Client::new(&github.api_url(), "reader")
        .post(&at("/labels"), &json!({"name": "x"}))
        .is(403);
    limited(&github, &client);
    repository.disable_issues();
    client.get(&at("/issues")).is(410);
    client.post(&at("/issues"), &json!({"title": "x"})).is(410);
    repository.archive();
    client
        .post(
            &at("/pulls"),
            &json!({"title": "x", "head": "squashed", "base": "main"}),
        )
        .is(403);
    repository.rename("ada/renamed");
    client.get(REPOSITORY).is(301);
    client.get(&at("/issues")).is(301);
    client
        .send("PATCH", &at("/issues/1"), &json!({"title": "x"}))
        .is(307);
    let breaches = github.take_breaches();
    assert_eq!(
        breaches.len(),
        3,
        "missing token, missing User-Agent, ignored limit: {breaches:?}"
    );
    github.exchanges()
}

fn invalid(client: &Client, repository: &HostedRepository) {
    client.get("/repos/ada/missing").is(404);
    for rest in [
        "/issues/99",
        "/pulls/1",
        "/branches/gone",
        "/labels/gone",
        "/issues/99/comments",
        "/issues/99/labels",
    ] {
        client.get(&at(rest)).is(404);
    }
    client.post(&at("/issues"), &json!({"title": ""})).is(422);
    client.post(&at("/issues"), &json!({"title": 7})).is(422);
    client
        .try_send("POST", &at("/issues"), "{")
        .expect("an answer")
        .is(400);
    client
        .post(
            &at("/issues/1/comments"),
            &json!({"body": "x".repeat(65_537)}),
        )
        .is(422);
    client.post(&at("/labels"), &json!({"name": "go"})).is(422);
    let pull = |head: &str, base: &str| json!({"title": "x", "head": head, "base": base});
    for (head, base) in [
        ("gone", "main"),
        ("theirs", "gone"),
        ("main", "main"),
        ("theirs", "main"),
    ] {
        client.post(&at("/pulls"), &pull(head, base)).is(422);
    }
    client
        .post(
            &at("/issues/1/dependencies/blocked_by"),
            &json!({"issue_id": 1_000_000}),
        )
        .is(404);
    repository.commit("main", &[("theirs.txt", "conflict\n")], "meanwhile");
    client
        .send(
            "PUT",
            &at("/pulls/4/merge"),
            &json!({"sha": "0000000000000000000000000000000000000001"}),
        )
        .is(409);
    client
        .send("PUT", &at("/pulls/4/merge"), &Value::Null)
        .is(405);
}

fn limited(github: &GithubServer, client: &Client) {
    github.set_quota("ada", 0, Duration::from_secs(600));
    client.get("/user").is(403);
    github.let_pass(Duration::from_secs(601));
    github.limit_speed("ada", Duration::from_secs(60));
    client.get("/user").is(403);
    client.get("/user").is(403);
    github.let_pass(Duration::from_secs(61));
}
