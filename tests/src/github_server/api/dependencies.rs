//! Issue dependencies. The API adds them by the blocker's id, not by its number.

use axum::extract::Path;
use serde_json::Value;

use super::super::answer::{Answer, Invalid, Reply};
use super::super::call::{Call, Fields};
use super::super::world::Repository;
use super::find;

pub(super) async fn blocked_by(call: Call, path: Path<(String, String, String)>) -> Reply {
    list(&call, path, |repository, number| {
        repository
            .blocked_by
            .iter()
            .filter(|(blocked, _)| *blocked == number)
            .map(|(_, by)| *by)
            .collect()
    })
}

pub(super) async fn blocking(call: Call, path: Path<(String, String, String)>) -> Reply {
    list(&call, path, |repository, number| {
        repository
            .blocked_by
            .iter()
            .filter(|(_, by)| *by == number)
            .map(|(blocked, _)| *blocked)
            .collect()
    })
}

fn list(
    call: &Call,
    Path((owner, name, number)): Path<(String, String, String)>,
    others: impl Fn(&Repository, u64) -> Vec<u64>,
) -> Reply {
    let mut world = call.world();
    let repository = call.repository(&mut world, &(owner, name))?;
    let number = find(repository, &number)?.number;
    let items = others(repository, number)
        .into_iter()
        .filter_map(|number| repository.items.get(&number));
    let issues: Vec<Value> = items
        .map(|item| call.site().issue(repository, item))
        .collect();
    Ok(call.page(repository.id, &issues))
}

pub(super) async fn add(
    call: Call,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Reply {
    fn invalid(code: &str, message: &str) -> Answer {
        Answer::invalid(&Invalid {
            resource: "IssueDependency",
            code,
            field: "issue_id",
            message,
        })
    }

    let mut world = call.world();
    let repository = call.writable(&mut world, &(owner, name))?;
    let blocked = find(repository, &number)?.number;
    let json = call.json()?;
    let id = Fields(&json)
        .number("issue_id")?
        .ok_or_else(|| invalid("missing_field", ""))?;
    let by = repository
        .items
        .values()
        .find(|item| item.id == id)
        .map(|item| item.number);
    let by = by.ok_or_else(Answer::not_found)?;
    if by == blocked || !repository.blocked_by.insert((blocked, by)) {
        return Err(invalid("custom", "Target issue has already been taken"));
    }
    Ok(Answer::created(
        call.site().issue(repository, &repository.items[&blocked]),
    ))
}
