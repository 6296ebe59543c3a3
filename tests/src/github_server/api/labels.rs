//! Labels of a repository, and on its issues and pull requests.

use axum::extract::Path;
use serde_json::Value;

use super::super::answer::{Answer, Invalid, Reply};
use super::super::call::{Call, Fields, Names};
use super::super::world::{Label, World};
use super::find;

/// The colour of a label that was created by using it.
const COLOR: &str = "ededed";

pub(super) async fn list(call: Call, Path(names): Path<Names>) -> Reply {
    let mut world = call.world();
    let repository = call.repository(&mut world, &names)?;
    let labels: Vec<Value> = repository
        .labels
        .iter()
        .map(|label| call.site().label(repository, label))
        .collect();
    Ok(call.page(repository.id, &labels))
}

pub(super) async fn get(
    call: Call,
    Path((owner, name, label)): Path<(String, String, String)>,
) -> Reply {
    let mut world = call.world();
    let repository = call.repository(&mut world, &(owner, name))?;
    let label = repository.label(&label).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(call.site().label(repository, label)))
}

pub(super) async fn create(call: Call, Path(names): Path<Names>) -> Reply {
    fn invalid(code: &str, field: &str) -> Answer {
        Answer::invalid(&Invalid {
            resource: "Label",
            code,
            field,
            message: "",
        })
    }

    let mut world = call.world();
    let repository = call.writable(&mut world, &names)?;
    let repository_id = repository.id;
    let json = call.json()?;
    let fields = Fields(&json);
    let name = fields.needed("name", "Label")?;
    let color = fields
        .text("color")?
        .unwrap_or(COLOR)
        .trim_start_matches('#')
        .to_owned();
    let description = fields.text("description")?.map(str::to_owned);
    if repository.label(name).is_some() {
        return Err(invalid("already_exists", "name"));
    }
    if color.len() != 6 || !color.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid("invalid", "color"));
    }
    let label = Label {
        id: world.new_id(),
        name: name.to_owned(),
        color,
        description,
    };
    let repository = world.by_id_mut(repository_id).expect("it exists");
    repository.labels.push(label);
    let label = repository.labels.last().expect("it was added");
    Ok(Answer::created(call.site().label(repository, label)))
}

pub(super) async fn of_issue(
    call: Call,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Reply {
    let mut world = call.world();
    let repository = call.repository(&mut world, &(owner, name))?;
    let item = find(repository, &number)?;
    let labels = call.site().labels(repository, &item.labels);
    Ok(call.page(repository.id, labels.as_array().expect("a list")))
}

pub(super) async fn add_to_issue(
    call: Call,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Reply {
    let mut world = call.world();
    let repository = call.writable(&mut world, &(owner, name))?;
    let (repository_id, number) = (repository.id, find(repository, &number)?.number);
    let json = call.json()?;
    let missing = Invalid {
        resource: "Label",
        code: "missing_field",
        field: "labels",
        message: "",
    };
    let labels = Fields(&json)
        .names("labels")?
        .ok_or_else(|| Answer::invalid(&missing))?;
    add(&mut world, repository_id, number, &labels, &call.now());
    let repository = world.by_id(repository_id).expect("it exists");
    Ok(Answer::ok(
        call.site()
            .labels(repository, &repository.items[&number].labels),
    ))
}

/// Adds labels to an issue, creating those that the repository lacks.
pub(in super::super) fn add(
    world: &mut World,
    repository_id: u64,
    number: u64,
    names: &[String],
    now: &str,
) {
    for name in names {
        let id = world.new_id();
        let repository = world
            .by_id_mut(repository_id)
            .expect("the repository exists");
        if repository.label(name).is_none() {
            repository.labels.push(Label {
                id,
                name: name.clone(),
                color: COLOR.to_owned(),
                description: None,
            });
        }
        let name = repository
            .label(name)
            .expect("the label exists now")
            .name
            .clone();
        let item = repository.items.get_mut(&number).expect("the issue exists");
        if !item.has_label(&name) {
            item.labels.push(name);
            now.clone_into(&mut item.updated_at);
        }
    }
}
