//! The one GraphQL mutation without a REST counterpart: marking a draft as ready.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::answer::{Answer, Reply};
use super::super::call::Call;
use super::super::shapes::pull_node_id;

/// Handles `markPullRequestReadyForReview`. The `pullRequestId` is a variable or part of the query.
pub(super) async fn mark_ready(call: Call) -> Reply {
    call.login()?;
    let json = call.json()?;
    let query = json["query"].as_str().unwrap_or_default();
    if !query.contains("markPullRequestReadyForReview") {
        return Err(Answer::error(
            StatusCode::NOT_IMPLEMENTED,
            "this server supports one mutation only",
        ));
    }
    let variables = json["variables"].to_string();
    let mut world = call.world();
    let items = world
        .repositories
        .iter_mut()
        .flat_map(|repository| repository.items.values_mut());
    let mut named = items.filter(|item| {
        let id = pull_node_id(item.id);
        item.pull.is_some() && (query.contains(&id) || variables.contains(&id))
    });
    let Some(item) = named.next() else {
        return Ok(Answer::ok(unknown_node()));
    };
    let (id, number) = (pull_node_id(item.id), item.number);
    item.pull.as_mut().expect("it is a pull request").is_draft = false;
    let pull = json!({"id": id, "number": number, "isDraft": false});
    Ok(Answer::ok(
        json!({"data": {"markPullRequestReadyForReview": {"clientMutationId": null, "pullRequest": pull}}}),
    ))
}

fn unknown_node() -> Value {
    json!({
        "data": {"markPullRequestReadyForReview": null},
        "errors": [{"type": "NOT_FOUND", "path": ["markPullRequestReadyForReview"], "message": "Could not resolve to a node with the global id"}],
    })
}
