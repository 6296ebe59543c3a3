//! Repositories, branches, the current user, and the remaining quota.

use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::json;

use super::super::answer::{Answer, Reply};
use super::super::call::{Call, Names};

pub(super) async fn get(call: Call, Path(names): Path<Names>) -> Reply {
    let mut world = call.world();
    let repository = call.repository(&mut world, &names)?;
    Ok(Answer::ok(
        call.site()
            .full_repository(repository, call.permissions(repository)),
    ))
}

pub(super) async fn branch(
    call: Call,
    Path((owner, name, branch)): Path<(String, String, String)>,
) -> Reply {
    let mut world = call.world();
    let repository = call.repository(&mut world, &(owner, name))?;
    let missing = || Answer::error(StatusCode::NOT_FOUND, "Branch not found");
    let head = repository.git.head(&branch).ok_or_else(missing)?;
    Ok(Answer::ok(call.site().branch(repository, &branch, &head)))
}

pub(super) async fn user(call: Call) -> Reply {
    Ok(Answer::ok(call.site().own_user(call.login()?)))
}

pub(super) async fn versions(call: Call) -> Reply {
    if call.shared.tells_versions() {
        Ok(Answer::ok(json!(call.shared.api_versions())))
    } else {
        Err(Answer::not_found())
    }
}

pub(super) async fn rate_limit(call: Call) -> Reply {
    let core = call.shared.quota(call.visitor.as_ref()).to_json();
    let other = json!({"limit": 30, "used": 0, "remaining": 30, "reset": core["reset"]});
    Ok(Answer::ok(
        json!({"resources": {"core": core, "search": other, "graphql": other}, "rate": core}),
    ))
}
