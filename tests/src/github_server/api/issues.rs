//! Issues and their comments. As on GitHub, a pull request is an issue too.

use axum::extract::Path;
use serde_json::Value;

use super::super::answer::{Answer, Invalid, Reply};
use super::super::call::{Call, Fields, Names};
use super::super::world::{Comment, Item, Repository, World};
use super::{find, labels};

/// Maximum length of a title, characters.
const TITLE_CHARS_MAX: usize = 256;
/// Maximum length of the body of an issue, pull request or comment, characters.
const BODY_CHARS_MAX: usize = 65_536;

pub(super) async fn list(call: Call, Path(names): Path<Names>) -> Reply {
    let mut world = call.world();
    let repository = call.with_issues(&mut world, &names)?;
    let mut items: Vec<&Item> = repository
        .items
        .values()
        .filter(|item| is_wanted(&call, item))
        .collect();
    sort(&call, &mut items, |item| {
        repository.comments_on(item.number).count()
    });
    let issues: Vec<Value> = items
        .iter()
        .map(|item| call.site().issue(repository, item))
        .collect();
    Ok(call.page(repository.id, &issues))
}

fn is_wanted(call: &Call, item: &Item) -> bool {
    let has_state = match call.parameter("state").unwrap_or("open") {
        "all" => true,
        "closed" => !item.is_open,
        _ => item.is_open,
    };
    let labels = call.parameter("labels").unwrap_or_default();
    let has_labels = labels
        .split(',')
        .filter(|label| !label.is_empty())
        .all(|label| item.has_label(label));
    let is_recent = call
        .parameter("since")
        .is_none_or(|since| since <= item.updated_at.as_str());
    let has_author = call
        .parameter("creator")
        .is_none_or(|creator| item.author.as_deref() == Some(creator));
    has_state && has_labels && is_recent && has_author
}

/// Sorts by the call's parameters: newest first by default.
pub(super) fn sort(call: &Call, items: &mut [&Item], n_comments: impl Fn(&Item) -> usize) {
    match call.parameter("sort").unwrap_or("created") {
        "updated" => {
            items.sort_by(|a, b| (&a.updated_at, a.number).cmp(&(&b.updated_at, b.number)))
        }
        "comments" | "popularity" => items.sort_by_key(|item| (n_comments(item), item.number)),
        _ => items.sort_by(|a, b| (&a.created_at, a.number).cmp(&(&b.created_at, b.number))),
    }
    if call.parameter("direction") != Some("asc") {
        items.reverse();
    }
}

pub(super) async fn get(
    call: Call,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Reply {
    let mut world = call.world();
    let repository = call.repository(&mut world, &(owner, name))?;
    let item = find(repository, &number)?;
    Ok(Answer::ok(call.site().issue(repository, item)))
}

pub(super) fn find_mut<'r>(
    repository: &'r mut Repository,
    number: &str,
) -> Result<&'r mut Item, Answer> {
    let number = find(repository, number)?.number;
    Ok(repository.items.get_mut(&number).expect("it was found"))
}

pub(super) async fn create(call: Call, Path(names): Path<Names>) -> Reply {
    let author = call.login()?.to_owned();
    let mut world = call.world();
    // Anyone who can see a repository may open an issue. Without write permission, labels are
    // silently dropped.
    let repository = call.with_issues(&mut world, &names)?;
    let may_push = call
        .permissions(repository)
        .is_some_and(|permissions| permissions.may_push);
    if call
        .visitor
        .as_ref()
        .is_some_and(|token| token.is_read_only)
    {
        return Err(Answer::forbidden(
            "Resource not accessible by personal access token",
        ));
    }
    let repository_id = repository.id;
    let json = call.json()?;
    let fields = Fields(&json);
    let title = fields.needed("title", "Issue")?;
    let body = fields.text("body")?;
    check_lengths("Issue", Some(title), body)?;
    let wanted = fields
        .names("labels")?
        .filter(|_| may_push)
        .unwrap_or_default();
    let new = NewItem {
        title,
        body,
        author: Some(author),
        at: call.now(),
    };
    let number = add(&mut world, repository_id, new);
    labels::add(&mut world, repository_id, number, &wanted, &call.now());
    let repository = world.by_id(repository_id).expect("it exists");
    Ok(Answer::created(
        call.site().issue(repository, &repository.items[&number]),
    ))
}

/// Content of a new issue or pull request.
#[derive(Debug)]
pub(super) struct NewItem<'a> {
    pub(super) title: &'a str,
    pub(super) body: Option<&'a str>,
    pub(super) author: Option<String>,
    pub(super) at: String,
}

/// Adds an open issue; returns its number.
pub(super) fn add(world: &mut World, repository_id: u64, new: NewItem<'_>) -> u64 {
    let id = world.new_id();
    let repository = world
        .by_id_mut(repository_id)
        .expect("the repository exists");
    let number = repository.next_number();
    let item = Item {
        id,
        number,
        title: new.title.to_owned(),
        body: new.body.map(str::to_owned),
        author: new.author,
        labels: Vec::new(),
        is_open: true,
        state_reason: None,
        created_at: new.at.clone(),
        updated_at: new.at,
        closed_at: None,
        pull: None,
        distort: None,
    };
    repository.items.insert(number, item);
    number
}

pub(super) fn check_lengths(
    resource: &str,
    title: Option<&str>,
    body: Option<&str>,
) -> Result<(), Answer> {
    for (field, text, max) in [
        ("title", title, TITLE_CHARS_MAX),
        ("body", body, BODY_CHARS_MAX),
    ] {
        if text.is_some_and(|text| max < text.chars().count()) {
            let message = format!("{field} is too long (maximum is {max} characters)");
            return Err(Answer::invalid(&Invalid {
                resource,
                code: "custom",
                field,
                message: &message,
            }));
        }
    }
    Ok(())
}

pub(super) async fn update(
    call: Call,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Reply {
    let mut world = call.world();
    let repository = call.writable(&mut world, &(owner, name))?;
    let json = call.json()?;
    let fields = Fields(&json);
    let (title, body, state) = (
        fields.text("title")?,
        fields.text("body")?,
        fields.text("state")?,
    );
    let (labels, reason) = (fields.names("labels")?, fields.text("state_reason")?);
    check_lengths("Issue", title, body)?;
    let item = find_mut(repository, &number)?;
    change(item, title, body, &call.now());
    match state {
        Some("closed") if item.is_open => {
            item.close(Some(reason.unwrap_or("completed")), &call.now())
        }
        Some("open") if !item.is_open => item.reopen(&call.now()),
        Some("open" | "closed") | None => {}
        Some(other) => {
            return Err(Answer::invalid_request(&format!(
                "{other} is not a member of [\"open\", \"closed\"]."
            )));
        }
    }
    let (repository_id, number) = (repository.id, item_number(&number));
    if let Some(labels) = labels {
        repository
            .items
            .get_mut(&number)
            .expect("it was found")
            .labels
            .clear();
        labels::add(&mut world, repository_id, number, &labels, &call.now());
    }
    let repository = world.by_id(repository_id).expect("it exists");
    Ok(Answer::ok(
        call.site().issue(repository, &repository.items[&number]),
    ))
}

fn item_number(text: &str) -> u64 {
    text.parse().expect("an item was found by it")
}

pub(super) fn change(item: &mut Item, title: Option<&str>, body: Option<&str>, now: &str) {
    if let Some(title) = title {
        title.clone_into(&mut item.title);
    }
    if let Some(body) = body {
        item.body = Some(body.to_owned());
    }
    now.clone_into(&mut item.updated_at);
}

pub(super) async fn comments(
    call: Call,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Reply {
    let mut world = call.world();
    let repository = call.repository(&mut world, &(owner, name))?;
    let number = find(repository, &number)?.number;
    let since = call.parameter("since").unwrap_or_default();
    let comments = repository
        .comments_on(number)
        .filter(|comment| since <= comment.created_at.as_str());
    let comments: Vec<Value> = comments
        .map(|comment| call.site().comment(repository, comment))
        .collect();
    Ok(call.page(repository.id, &comments))
}

pub(super) async fn comment(
    call: Call,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Reply {
    let names = (owner, name);
    let mut world = call.world();
    let repository = call.writable(&mut world, &names)?;
    let (repository_id, number) = (repository.id, find(repository, &number)?.number);
    let json = call.json()?;
    let body = Fields(&json).needed("body", "IssueComment")?;
    check_lengths("IssueComment", None, Some(body))?;
    let (id, author, now) = (world.new_id(), call.login()?.to_owned(), call.now());
    let comment = Comment {
        id,
        number,
        author,
        body: body.to_owned(),
        created_at: now.clone(),
    };
    let repository = world
        .by_id_mut(repository_id)
        .ok_or_else(Answer::not_found)?;
    repository
        .items
        .get_mut(&number)
        .expect("it was found")
        .updated_at = now;
    repository.comments.push(comment);
    let comment = repository.comments.last().expect("it was added");
    Ok(Answer::created(call.site().comment(repository, comment)))
}
