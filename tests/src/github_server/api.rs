//! The endpoints. Each handler looks at the state, changes it and answers, without waiting in between; what all calls share
//! (tokens, limits, faults, the log) is done at the door.

mod dependencies;
mod issues;
mod labels;
mod pulls;
mod repositories;
mod undraft;

use axum::Router;
use axum::routing::{get, post, put};

use super::answer::Answer;
use super::world::World;

/// Adds an issue that a test seeds and returns its number.
pub(super) fn add_item(
    world: &mut World,
    repository_id: u64,
    title: &str,
    body: Option<&str>,
    author: Option<String>,
    at: &str,
) -> u64 {
    issues::add(world, repository_id, issues::NewItem { title, body, author, at: at.to_owned() })
}

pub(super) use labels::add as add_labels;
pub(super) use pulls::open as open_pull;

/// Returns all endpoints.
pub(super) fn router() -> Router {
    let repository = Router::new()
        .route("/", get(repositories::get))
        .route("/branches/{*branch}", get(repositories::branch))
        .route("/issues", get(issues::list).post(issues::create))
        .route("/issues/{number}", get(issues::get).patch(issues::update))
        .route("/issues/{number}/labels", get(labels::of_issue).post(labels::add_to_issue))
        .route("/issues/{number}/comments", get(issues::comments).post(issues::comment))
        .route("/issues/{number}/dependencies/blocked_by", get(dependencies::blocked_by).post(dependencies::add))
        .route("/issues/{number}/dependencies/blocking", get(dependencies::blocking))
        .route("/labels", get(labels::list).post(labels::create))
        .route("/labels/{name}", get(labels::get))
        .route("/pulls", get(pulls::list).post(pulls::create))
        .route("/pulls/{number}", get(pulls::get).patch(pulls::update))
        .route("/pulls/{number}/merge", put(pulls::merge));
    Router::new()
        .nest("/repos/{owner}/{name}", repository)
        .route("/user", get(repositories::user))
        .route("/rate_limit", get(repositories::rate_limit))
        .route("/graphql", post(undraft::mark_ready))
        .fallback(async || Answer::not_found())
        .method_not_allowed_fallback(async || Answer::not_found())
}
