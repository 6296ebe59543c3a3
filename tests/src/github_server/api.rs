//! The endpoints. Each handler reads the state, changes it and responds without awaiting in
//! between. What all calls share (tokens, limits, faults, the log) is handled in `door`.

mod dependencies;
mod issues;
mod labels;
mod pulls;
mod repositories;
mod undraft;

use axum::Router;
use axum::routing::{MethodRouter, get, patch, post, put};

use super::answer::Answer;
use super::world::{Item, Repository, World};

/// Adds an issue for a test; returns its number.
pub(super) fn add_item(
    world: &mut World,
    repository_id: u64,
    title: &str,
    body: Option<&str>,
    author: Option<String>,
    at: &str,
) -> u64 {
    issues::add(
        world,
        repository_id,
        issues::NewItem {
            title,
            body,
            author,
            at: at.to_owned(),
        },
    )
}

/// Returns the issue or pull request with the number in a path.
fn find<'r>(repository: &'r Repository, number: &str) -> Result<&'r Item, Answer> {
    let item = number
        .parse()
        .ok()
        .and_then(|number: u64| repository.items.get(&number))
        .ok_or_else(Answer::not_found)?;
    if repository.has_issues || item.pull.is_some() {
        Ok(item)
    } else {
        Err(Answer::gone())
    }
}

pub(super) use labels::add as add_labels;
pub(super) use pulls::{merge_by_hand as merge_pull, open as open_pull};

/// An endpoint: method, path and handler.
type Endpoint = (&'static str, &'static str, MethodRouter);

fn endpoints() -> [Endpoint; 25] {
    [
        ("GET", "/user", get(repositories::user)),
        ("GET", "/versions", get(repositories::versions)),
        ("GET", "/rate_limit", get(repositories::rate_limit)),
        ("POST", "/graphql", post(undraft::mark_ready)),
        ("GET", "/repos/{owner}/{name}", get(repositories::get)),
        (
            "GET",
            "/repos/{owner}/{name}/branches/{*branch}",
            get(repositories::branch),
        ),
        ("GET", "/repos/{owner}/{name}/issues", get(issues::list)),
        ("POST", "/repos/{owner}/{name}/issues", post(issues::create)),
        (
            "GET",
            "/repos/{owner}/{name}/issues/{number}",
            get(issues::get),
        ),
        (
            "PATCH",
            "/repos/{owner}/{name}/issues/{number}",
            patch(issues::update),
        ),
        (
            "GET",
            "/repos/{owner}/{name}/issues/{number}/labels",
            get(labels::of_issue),
        ),
        (
            "POST",
            "/repos/{owner}/{name}/issues/{number}/labels",
            post(labels::add_to_issue),
        ),
        (
            "GET",
            "/repos/{owner}/{name}/issues/{number}/comments",
            get(issues::comments),
        ),
        (
            "POST",
            "/repos/{owner}/{name}/issues/{number}/comments",
            post(issues::comment),
        ),
        (
            "GET",
            "/repos/{owner}/{name}/issues/{number}/dependencies/blocked_by",
            get(dependencies::blocked_by),
        ),
        (
            "POST",
            "/repos/{owner}/{name}/issues/{number}/dependencies/blocked_by",
            post(dependencies::add),
        ),
        (
            "GET",
            "/repos/{owner}/{name}/issues/{number}/dependencies/blocking",
            get(dependencies::blocking),
        ),
        ("GET", "/repos/{owner}/{name}/labels", get(labels::list)),
        ("POST", "/repos/{owner}/{name}/labels", post(labels::create)),
        (
            "GET",
            "/repos/{owner}/{name}/labels/{label}",
            get(labels::get),
        ),
        ("GET", "/repos/{owner}/{name}/pulls", get(pulls::list)),
        ("POST", "/repos/{owner}/{name}/pulls", post(pulls::create)),
        (
            "GET",
            "/repos/{owner}/{name}/pulls/{number}",
            get(pulls::get),
        ),
        (
            "PATCH",
            "/repos/{owner}/{name}/pulls/{number}",
            patch(pulls::update),
        ),
        (
            "PUT",
            "/repos/{owner}/{name}/pulls/{number}/merge",
            put(pulls::merge),
        ),
    ]
}

/// Returns the router of all endpoints.
pub(super) fn router() -> Router {
    let all = endpoints().into_iter();
    all.fold(Router::new(), |router, (_, path, answers)| {
        router.route(path, answers)
    })
    .fallback(async || Answer::not_found())
    .method_not_allowed_fallback(async || Answer::not_found())
}

/// Returns the method and path of each endpoint, so that a test can check that it has used all of
/// them.
pub(super) fn endpoint_names() -> Vec<(&'static str, &'static str)> {
    endpoints()
        .into_iter()
        .map(|(method, path, _)| (method, path))
        .collect()
}
