//! The REST API, in particular GitHub's pitfalls for clients.

use autoissue_tests::github_server::{Issue, Token};
use serde_json::{Value, json};

use super::client::Client;
use super::{TOKEN, world};

#[test]
fn issue_pages_have_links_and_include_pull_requests() {
    let (_github, repository, client) = world();
    for n in 1..=130 {
        repository.issue(Issue::new(&format!("Issue {n}")).label("go"));
    }
    repository.issue(Issue::new("Closed").label("go").closed());
    repository.issue(Issue::new("Other").label("docs"));
    let pull = repository.foreign_pull("Not an issue", "theirs", &["go"]);
    let first = client
        .get("/repos/ada/sample/issues?labels=go&per_page=100&direction=asc")
        .is(200);
    assert_eq!(first.numbers(), (1..=100).collect::<Vec<u64>>());
    let link = first.header("link").unwrap();
    let next = link.split(['<', '>']).nth(1).unwrap();
    assert!(
        next.contains("/api/v3/repositories/") && link.contains(r#"page=2>; rel="next""#),
        "{link}"
    );
    let second = client.get(next).is(200);
    assert_eq!(
        second.numbers(),
        (101..=130).chain([pull]).collect::<Vec<u64>>()
    );
    assert!(second.header("link").unwrap().contains(r#"rel="prev""#));
    assert!(!second.header("link").unwrap().contains(r#"rel="next""#));
    let entries = second.json.as_array().unwrap();
    assert!(entries[30]["pull_request"].is_object() && entries[29].get("pull_request").is_none());
    assert_eq!(
        client
            .get("/repos/ada/sample/issues")
            .is(200)
            .numbers()
            .len(),
        30
    );
    assert_eq!(
        client
            .get("/repos/ada/sample/issues?per_page=1000")
            .is(200)
            .numbers()
            .len(),
        100
    );
}

#[test]
fn issues_are_filtered_by_state_and_time_and_sorted_newest_first() {
    let (_github, repository, client) = world();
    let old = repository.issue(Issue::new("Old").created_at("2025-01-01T00:00:00Z"));
    let new = repository.issue(Issue::new("New").created_at("2026-02-01T00:00:00Z"));
    let done = repository.issue(
        Issue::new("Done")
            .created_at("2025-06-01T00:00:00Z")
            .closed(),
    );
    assert_eq!(client.get("/repos/ada/sample/issues").numbers(), [new, old]);
    assert_eq!(
        client
            .get("/repos/ada/sample/issues?state=closed")
            .numbers(),
        [done]
    );
    assert_eq!(
        client
            .get("/repos/ada/sample/issues?state=all&direction=asc")
            .numbers(),
        [old, done, new]
    );
    assert_eq!(
        client
            .get("/repos/ada/sample/issues?since=2026-01-15T00:00:00Z")
            .numbers(),
        [new]
    );
}

#[test]
fn malformed_issues_are_returned_as_defined() {
    let (_github, repository, client) = world();
    repository.issue(Issue::new("Ghost").by_a_ghost());
    repository.issue(Issue::new("Odd").odd(|json| {
        json["body"] = json!(42);
        json.as_object_mut().unwrap().remove("labels");
    }));
    let list = client
        .get("/repos/ada/sample/issues?direction=asc")
        .is(200)
        .json;
    assert_eq!(
        (&list[0]["user"], &list[0]["body"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(list[1]["body"], 42);
    assert_eq!(list[1].get("labels"), None);
}

fn new_pull(head: &str) -> Value {
    json!({"title": "Work", "head": head, "base": "main", "body": "Closes #1", "draft": true})
}

#[test]
fn invalid_pull_requests_are_rejected_as_on_github() {
    let (_github, repository, client) = world();
    repository.commit_from("work", "main", &[("new.txt", "new\n")], "work");
    repository.commit_from("same", "main", &[], "nothing");
    repository.commit("alone", &[("x", "x\n")], "no common history");
    let refused = |body: &Value| {
        let reply = client.post("/repos/ada/sample/pulls", body).is(422);
        assert_eq!(reply.json["message"], "Validation Failed");
        reply.json["errors"][0].clone()
    };
    assert_eq!(
        refused(&new_pull("gone")),
        json!({"resource": "PullRequest", "code": "invalid", "field": "head"})
    );
    let no_base = json!({"title": "Work", "head": "work", "base": "gone"});
    assert_eq!(
        refused(&no_base),
        json!({"resource": "PullRequest", "code": "invalid", "field": "base"})
    );
    assert_eq!(
        refused(&new_pull("main"))["message"],
        "No commits between main and main"
    );
    assert_eq!(
        refused(&new_pull("alone"))["message"],
        "The alone branch has no history in common with main"
    );
    let no_title = json!({"head": "work", "base": "main"});
    assert_eq!(
        refused(&no_title),
        json!({"resource": "PullRequest", "code": "missing_field", "field": "title"})
    );
    let long = json!({"title": "Work", "head": "work", "base": "main", "body": "x".repeat(65_537)});
    assert_eq!(
        refused(&long)["message"],
        "body is too long (maximum is 65536 characters)"
    );
    client
        .post("/repos/ada/sample/pulls", &new_pull("work"))
        .is(201);
    let again = json!({"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for ada:work."});
    assert_eq!(refused(&new_pull("ada:work")), again);
}

#[test]
fn a_pull_request_is_found_by_owner_and_branch() {
    let (_github, repository, client) = world();
    repository.issue(Issue::new("One"));
    let work = repository.commit_from("work", "main", &[("new.txt", "new\n")], "work");
    repository.foreign_pull("Theirs", "theirs", &[]);
    let pull = client
        .post("/repos/ada/sample/pulls", &new_pull("work"))
        .is(201)
        .json;
    assert_eq!(
        (&pull["number"], &pull["draft"], &pull["head"]["sha"]),
        (&json!(3), &json!(true), &json!(work))
    );
    assert_eq!(
        client
            .get("/repos/ada/sample/pulls?head=ada:work")
            .numbers(),
        [3]
    );
    assert_eq!(
        client.get("/repos/ada/sample/pulls?head=work").numbers(),
        [3, 2],
        "a filter without an owner is ignored"
    );
    assert_eq!(
        client
            .get("/repos/ada/sample/pulls?head=ada:work&state=closed")
            .numbers(),
        [0; 0]
    );
    assert_eq!(
        client.get("/repos/ada/sample/pulls?base=other").numbers(),
        [0; 0]
    );
}

#[test]
fn a_draft_becomes_ready_through_graphql_only() {
    let (github, repository, client) = world();
    repository.commit_from("work", "main", &[("new.txt", "new\n")], "work");
    let pull = client
        .post("/repos/ada/sample/pulls", &new_pull("work"))
        .is(201)
        .json;
    client
        .send(
            "PATCH",
            "/repos/ada/sample/pulls/1",
            &json!({"draft": false}),
        )
        .is(200);
    assert!(repository.pulls()[0].is_draft);
    let query = "mutation($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) { clientMutationId } }";
    let body = json!({"query": query, "variables": {"id": pull["node_id"]}});
    client
        .post(&format!("{}/graphql", github.origin()), &body)
        .is(200);
    assert!(!repository.pulls()[0].is_draft);
}

#[test]
fn merging_closes_the_issues_that_the_body_names() {
    let (_github, repository, client) = world();
    repository.issue(Issue::new("One"));
    repository.issue(Issue::new("Two"));
    repository.commit_from("work", "main", &[("new.txt", "new\n")], "work");
    let body =
        json!({"title": "Work", "head": "work", "base": "main", "body": "**Closes #1**, see #2"});
    client.post("/repos/ada/sample/pulls", &body).is(201);
    let wrong = json!({"sha": "0000000000000000000000000000000000000001"});
    client
        .send("PUT", "/repos/ada/sample/pulls/3/merge", &wrong)
        .is(409);
    let merged = client
        .send("PUT", "/repos/ada/sample/pulls/3/merge", &Value::Null)
        .is(200)
        .json;
    assert_eq!(repository.head("main").unwrap(), merged["sha"]);
    assert_eq!(repository.file("main", "new.txt").unwrap(), "new\n");
    let open: Vec<bool> = repository
        .issues()
        .iter()
        .map(|issue| issue.is_open)
        .collect();
    assert_eq!(open, [false, true]);
    assert!(repository.pulls()[0].is_merged);
    client
        .send("PUT", "/repos/ada/sample/pulls/3/merge", &Value::Null)
        .is(405);
}

#[test]
fn a_conflict_is_not_merged() {
    let (_github, repository, client) = world();
    repository.commit_from("work", "main", &[("README.md", "theirs\n")], "work");
    repository.commit("main", &[("README.md", "ours\n")], "meanwhile");
    client
        .post(
            "/repos/ada/sample/pulls",
            &json!({"title": "Work", "head": "work", "base": "main"}),
        )
        .is(201);
    assert_eq!(
        client.get("/repos/ada/sample/pulls/1").json["mergeable"],
        false
    );
    client
        .send("PUT", "/repos/ada/sample/pulls/1/merge", &Value::Null)
        .is(405);
}

#[test]
fn labels_are_created_once() {
    let (_github, repository, client) = world();
    let number = repository.issue(Issue::new("One").label("go"));
    assert_eq!(
        client.get("/repos/ada/sample/labels/GO").is(200).json["name"],
        "go"
    );
    let label = json!({"name": "autoissue/done", "color": "00ff00"});
    client.post("/repos/ada/sample/labels", &label).is(201);
    let again = client
        .post(
            "/repos/ada/sample/labels",
            &json!({"name": "AUTOISSUE/done"}),
        )
        .is(422)
        .json;
    assert_eq!(
        again["errors"][0],
        json!({"resource": "Label", "code": "already_exists", "field": "name"})
    );
    let path = format!("/repos/ada/sample/issues/{number}/labels");
    client
        .post(&path, &json!({"labels": ["go", "new"]}))
        .is(200);
    let names: Vec<String> = repository.issues()[0].labels.clone();
    assert_eq!(names, ["go", "new"]);
    assert_eq!(client.get(&path).json.as_array().unwrap().len(), 2);
    assert_eq!(
        client
            .get("/repos/ada/sample/labels/autoissue%2Fdone")
            .is(200)
            .json["color"],
        "00ff00"
    );
}

#[test]
fn issues_are_created_commented_and_changed() {
    let (_github, repository, client) = world();
    let made = client
        .post(
            "/repos/ada/sample/issues",
            &json!({"title": "Plan", "labels": ["go"]}),
        )
        .is(201);
    assert!(
        made.header("location")
            .unwrap()
            .ends_with("/repos/ada/sample/issues/1")
    );
    client
        .post("/repos/ada/sample/issues", &json!({"title": " "}))
        .is(422);
    client
        .post(
            "/repos/ada/sample/issues/1/comments",
            &json!({"body": "Done."}),
        )
        .is(201);
    assert_eq!(repository.comments(1), ["Done."]);
    assert_eq!(
        client
            .get("/repos/ada/sample/issues/1/comments")
            .is(200)
            .json[0]["body"],
        "Done."
    );
    assert_eq!(client.get("/repos/ada/sample/issues/1").json["comments"], 1);
    client
        .send(
            "PATCH",
            "/repos/ada/sample/issues/1",
            &json!({"state": "closed"}),
        )
        .is(200);
    assert!(!repository.issues()[0].is_open);
}

#[test]
fn dependencies_are_counted_on_the_issues() {
    let (_github, repository, client) = world();
    let (one, two) = (
        repository.issue(Issue::new("One")),
        repository.issue(Issue::new("Two")),
    );
    let id = client.get("/repos/ada/sample/issues/1").json["id"].clone();
    client
        .post(
            "/repos/ada/sample/issues/2/dependencies/blocked_by",
            &json!({"issue_id": id}),
        )
        .is(201);
    assert_eq!(
        client
            .get("/repos/ada/sample/issues/2/dependencies/blocked_by")
            .is(200)
            .numbers(),
        [one]
    );
    assert_eq!(
        client
            .get("/repos/ada/sample/issues/1/dependencies/blocking")
            .is(200)
            .numbers(),
        [two]
    );
    let summary = |number: u64| {
        client
            .get(&format!("/repos/ada/sample/issues/{number}"))
            .json["issue_dependencies_summary"]
            .clone()
    };
    assert_eq!(
        summary(two),
        json!({"blocked_by": 1, "total_blocked_by": 1, "blocking": 0, "total_blocking": 0})
    );
    repository.close(one);
    assert_eq!(
        summary(two),
        json!({"blocked_by": 0, "total_blocked_by": 1, "blocking": 0, "total_blocking": 0})
    );
}

#[test]
fn the_api_is_also_served_at_the_root() {
    let (github, _repository, client) = world();
    let path = format!("{}/repos/ADA/Sample", github.origin());
    let reply = client.get(&path).is(200).json;
    assert_eq!(
        (&reply["full_name"], &reply["permissions"]["push"]),
        (&json!("ada/sample"), &json!(true))
    );
}

#[test]
fn a_bad_token_is_rejected_on_a_public_repository_too() {
    let (github, repository, client) = world();
    Client::anonymous(&github.api_url())
        .get("/repos/ada/sample")
        .is(200);
    let refused = Client::new(&github.api_url(), "wrong")
        .get("/repos/ada/sample")
        .is(401)
        .json;
    assert_eq!(refused["message"], "Bad credentials");
    assert_eq!(refused["status"], "401");
    repository.make_private();
    Client::anonymous(&github.api_url())
        .get("/repos/ada/sample")
        .is(404);
    github.token("narrow", Token::fine_grained("ada").only(&["ada/other"]));
    Client::new(&github.api_url(), "narrow")
        .get("/repos/ada/sample")
        .is(404);
    github.token("scopeless", Token::classic("ada", &["gist"]));
    Client::new(&github.api_url(), "scopeless")
        .get("/repos/ada/sample")
        .is(404);
    client.get("/repos/ada/sample").is(200);
    github.revoke(TOKEN);
    client.get("/repos/ada/sample").is(401);
    assert_eq!(
        github.take_breaches().len(),
        2,
        "two requests must have had no token"
    );
}

#[test]
fn a_read_only_token_cannot_write() {
    let (github, _repository, _) = world();
    github.token("reader", Token::fine_grained("ada").read_only());
    let reader = Client::new(&github.api_url(), "reader");
    assert_eq!(
        reader.get("/repos/ada/sample").is(200).json["permissions"]["push"],
        false
    );
    reader
        .post("/repos/ada/sample/issues", &json!({"title": "x"}))
        .is(403);
    reader
        .post("/repos/ada/sample/labels", &json!({"name": "x"}))
        .is(403);
    github.token("narrow", Token::classic("ada", &["read:org"]));
    Client::new(&github.api_url(), "narrow")
        .post("/repos/ada/sample/labels", &json!({"name": "x"}))
        .is(404);
}

#[test]
fn responses_report_a_classic_tokens_scopes_and_any_tokens_expiry() {
    let (github, _repository, client) = world();
    assert_eq!(client.get("/user").is(200).header("x-oauth-scopes"), None);
    github.token(
        "classic",
        Token::classic("ada", &["repo", "workflow"]).expires("2026-12-31 00:00:00 UTC"),
    );
    let reply = Client::new(&github.api_url(), "classic")
        .get("/user")
        .is(200);
    assert_eq!(reply.json["login"], "ada");
    assert_eq!(reply.header("x-oauth-scopes"), Some("repo, workflow"));
    assert_eq!(
        reply.header("github-authentication-token-expiration"),
        Some("2026-12-31 00:00:00 UTC")
    );
}

#[test]
fn an_unchanged_response_costs_no_quota() {
    fn left(reply: &super::client::Reply) -> u64 {
        reply
            .header("x-ratelimit-remaining")
            .unwrap()
            .parse::<u64>()
            .unwrap()
    }

    let (_github, repository, client) = world();
    repository.issue(Issue::new("One"));
    let first = client.get("/repos/ada/sample/issues").is(200);
    let etag = first.header("etag").unwrap();
    assert!(etag.starts_with("W/\""), "{etag}");
    let again = client
        .with("if-none-match", etag)
        .get("/repos/ada/sample/issues")
        .is(304);
    assert_eq!((left(&again), &again.json), (left(&first), &json!("")));
    repository.issue(Issue::new("Two"));
    let changed = client
        .with("if-none-match", etag)
        .get("/repos/ada/sample/issues")
        .is(200);
    assert_eq!(left(&changed), left(&first) - 1);
    assert_eq!(
        client.get("/rate_limit").is(200).json["rate"]["remaining"],
        left(&changed)
    );
}

#[test]
fn a_renamed_repository_redirects() {
    let (_github, repository, client) = world();
    repository.issue(Issue::new("One"));
    repository.rename("ada/renamed");
    let moved = client.get("/repos/ada/sample/issues?state=all").is(301);
    let location = moved.header("location").unwrap();
    assert!(
        location.contains("/repositories/") && location.ends_with("/issues?state=all"),
        "{location}"
    );
    assert_eq!(client.get(location).is(200).numbers(), [1]);
    client
        .post("/repos/ada/sample/labels", &json!({"name": "x"}))
        .is(307);
}

#[test]
fn disabled_issues_and_archived_repositories_are_rejected() {
    let (_github, repository, client) = world();
    repository.disable_issues();
    client.get("/repos/ada/sample/issues").is(410);
    client
        .post("/repos/ada/sample/issues", &json!({"title": "x"}))
        .is(410);
    repository.archive();
    client
        .post("/repos/ada/sample/labels", &json!({"name": "x"}))
        .is(403);
}

#[test]
fn unreadable_requests_are_rejected() {
    let (github, _repository, client) = world();
    let send = |body: &str| {
        client
            .try_send("POST", "/repos/ada/sample/labels", body)
            .unwrap()
    };
    assert_eq!(send("{").is(400).json["message"], "Problems parsing JSON");
    send("[]").is(400);
    send(r#"{"name": 7}"#).is(422);
    client
        .with("accept", "application/xml")
        .get("/user")
        .is(415);
    client
        .with("x-github-api-version", "2001-01-01")
        .get("/user")
        .is(400);
    client
        .with("x-github-api-version", "2022-11-28, 2022-11-28")
        .get("/user")
        .is(400);
    let again = |name: &str, value: &str| client.with_all(name, &[value, value]).get("/user");
    again("x-github-api-version", "2022-11-28").is(400);
    again("x-of-ours", "1").is(400);
    again("accept", "application/json").is(200);
    client.without("user-agent").get("/user").is(403);
    assert_eq!(
        github.take_breaches().len(),
        1,
        "one request must have had no User-Agent"
    );
    client.get("/repos/ada/missing").is(404);
    client.get("/nowhere").is(404);
}

#[test]
fn a_host_reports_its_versions_and_the_one_it_retires() {
    let (github, _repository, client) = world();
    let versions = client.get("/versions").is(200).json;
    assert_eq!(versions, json!(["2022-11-28", "2026-03-10"]));
    let sunset = |version: &str| {
        let reply = client
            .with("x-github-api-version", version)
            .get("/user")
            .is(200);
        reply.headers.contains_key("sunset")
    };
    assert!(sunset("2022-11-28") && !sunset("2026-03-10"));
    github.set_api_versions(&["2022-11-28"]);
    assert!(
        !sunset("2022-11-28"),
        "the only version must not be announced as retired"
    );
    client
        .with("x-github-api-version", "2026-03-10")
        .get("/user")
        .is(400);
    github.set_api_versions(&[]);
    client.get("/versions").is(404);
}
