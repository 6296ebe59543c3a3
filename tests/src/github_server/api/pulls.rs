//! Pull requests. Heads and bases are read from git on each call.

use axum::extract::Path;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::answer::{Answer, Invalid, Reply};
use super::super::call::{Call, Fields, Names};
use super::super::world::{Item, Merged, Pull, Repository, World};
use super::issues::{self, NewItem, check_lengths};

pub(super) async fn list(call: Call, Path(names): Path<Names>) -> Reply {
    let mut world = call.world();
    let repository = call.repository(&mut world, &names)?;
    let mut items: Vec<&Item> = repository
        .items
        .values()
        .filter(|item| is_wanted(&call, repository, item))
        .collect();
    issues::sort(&call, &mut items, |item| {
        repository.comments_on(item.number).count()
    });
    let pulls = items
        .iter()
        .filter_map(|item| Some(call.site().pull(repository, item, item.pull.as_ref()?)));
    let pulls: Vec<Value> = pulls.collect();
    Ok(call.page(repository.id, &pulls))
}

fn is_wanted(call: &Call, repository: &Repository, item: &Item) -> bool {
    let Some(pull) = &item.pull else { return false };
    let has_state = match call.parameter("state").unwrap_or("open") {
        "all" => true,
        "closed" => !item.is_open,
        _ => item.is_open,
    };
    // A filter without `owner:` is ignored, as on GitHub.
    let head = call.parameter("head").and_then(|head| head.split_once(':'));
    let has_head = head.is_none_or(|(owner, branch)| {
        owner.eq_ignore_ascii_case(&repository.owner) && branch == pull.head
    });
    let has_base = call.parameter("base").is_none_or(|base| base == pull.base);
    has_state && has_head && has_base
}

pub(super) async fn get(
    call: Call,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Reply {
    let mut world = call.world();
    let repository = call.repository(&mut world, &(owner, name))?;
    let (item, pull) = find(repository, &number)?;
    let base = repository
        .git
        .head(&pull.base)
        .unwrap_or_else(|| pull.base_sha.clone());
    let is_mergeable = item
        .is_open
        .then(|| repository.git.is_mergeable(&base, &pull.head_sha));
    Ok(Answer::ok(call.site().full_pull(
        repository,
        item,
        pull,
        is_mergeable,
    )))
}

fn find<'r>(repository: &'r Repository, number: &str) -> Result<(&'r Item, &'r Pull), Answer> {
    let item = number
        .parse()
        .ok()
        .and_then(|number: u64| repository.items.get(&number))
        .ok_or_else(Answer::not_found)?;
    item.pull
        .as_ref()
        .map(|pull| (item, pull))
        .ok_or_else(Answer::not_found)
}

pub(super) async fn create(call: Call, Path(names): Path<Names>) -> Reply {
    let mut world = call.world();
    let repository = call.writable(&mut world, &names)?;
    let json = call.json()?;
    let fields = Fields(&json);
    let (head, base) = (
        fields.needed("head", RESOURCE)?,
        fields.needed("base", RESOURCE)?,
    );
    let (title, body) = (fields.needed("title", RESOURCE)?, fields.text("body")?);
    let is_draft = fields.flag("draft")?.unwrap_or(false);
    check_lengths(RESOURCE, Some(title), body)?;
    let pull = new_pull(repository, head, base, is_draft)?;
    let repository_id = repository.id;
    let author = Some(call.login()?.to_owned());
    let number = issues::add(
        &mut world,
        repository_id,
        NewItem {
            title,
            body,
            author,
            at: call.now(),
        },
    );
    let repository = world.by_id_mut(repository_id).expect("it exists");
    repository.git.keep_pull(number, &pull.head_sha);
    repository
        .items
        .get_mut(&number)
        .expect("it was added")
        .pull = Some(pull.clone());
    let json = call
        .site()
        .full_pull(repository, &repository.items[&number], &pull, None);
    Ok(Answer::created(json))
}

/// Opens another user's pull request for a test; returns its number.
pub(in super::super) fn open(
    world: &mut World,
    repository_id: u64,
    title: &str,
    head: &str,
    base: &str,
    at: &str,
) -> u64 {
    let repository = world.by_id(repository_id).expect("the repository exists");
    let pull = new_pull(repository, head, base, false).expect("a valid pull request");
    let author = Some("grace".to_owned());
    let number = issues::add(
        world,
        repository_id,
        NewItem {
            title,
            body: None,
            author,
            at: at.to_owned(),
        },
    );
    let repository = world
        .by_id_mut(repository_id)
        .expect("the repository exists");
    repository.git.keep_pull(number, &pull.head_sha);
    repository
        .items
        .get_mut(&number)
        .expect("it was added")
        .pull = Some(pull);
    number
}

const RESOURCE: &str = "PullRequest";

fn custom(message: &str) -> Answer {
    Answer::invalid(&Invalid {
        resource: RESOURCE,
        code: "custom",
        field: "",
        message,
    })
}

/// Returns a new pull request of these branches, or GitHub's error.
fn new_pull(
    repository: &Repository,
    head: &str,
    base: &str,
    is_draft: bool,
) -> Result<Pull, Answer> {
    let (owner, branch) = head.split_once(':').unwrap_or((&repository.owner, head));
    if !owner.eq_ignore_ascii_case(&repository.owner) {
        return Err(invalid("head"));
    }
    let base_sha = repository.git.head(base).ok_or_else(|| invalid("base"))?;
    let head_sha = repository.git.head(branch).ok_or_else(|| invalid("head"))?;
    let is_same = |item: &&Item| {
        item.is_open
            && item
                .pull
                .as_ref()
                .is_some_and(|pull| pull.head == branch && pull.base == base)
    };
    if repository.items.values().any(|item| is_same(&item)) {
        return Err(custom(&format!(
            "A pull request already exists for {}:{branch}.",
            repository.owner
        )));
    }
    match repository.git.distance(&base_sha, &head_sha) {
        None => Err(custom(&format!(
            "The {branch} branch has no history in common with {base}"
        ))),
        Some(distance) if distance.n_commits == 0 => {
            Err(custom(&format!("No commits between {base} and {branch}")))
        }
        Some(_) => Ok(Pull {
            head: branch.to_owned(),
            base: base.to_owned(),
            head_sha,
            base_sha,
            is_draft,
            merged: None,
        }),
    }
}

fn invalid(field: &str) -> Answer {
    Answer::invalid(&Invalid {
        resource: RESOURCE,
        code: "invalid",
        field,
        message: "",
    })
}

pub(super) async fn update(
    call: Call,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Reply {
    let mut world = call.world();
    let repository = call.writable(&mut world, &(owner, name))?;
    let json = call.json()?;
    let fields = Fields(&json);
    let (title, body) = (fields.text("title")?, fields.text("body")?);
    let (state, base) = (fields.text("state")?, fields.text("base")?);
    check_lengths(RESOURCE, title, body)?;
    let (item, pull) = find(repository, &number)?;
    let (number, head) = (item.number, pull.head.clone());
    let base_sha = base.map(|base| repository.git.head(base));
    let head_is_there = repository.git.head(&head).is_some();
    let item = repository.items.get_mut(&number).expect("it was found");
    let pull = item.pull.as_mut().expect("it is a pull request");
    if let (Some(base), Some(sha)) = (base, base_sha) {
        (pull.base, pull.base_sha) = (base.to_owned(), sha.ok_or_else(|| invalid("base"))?);
    }
    let is_merged = pull.merged.is_some();
    // `draft` is ignored: only GraphQL can mark a draft as ready.
    issues::change(item, title, body, &call.now());
    match state {
        Some("closed") if item.is_open => item.close(None, &call.now()),
        Some("open") if !item.is_open && (is_merged || !head_is_there) => {
            return Err(custom(
                "state cannot be changed. The branch was deleted or merged.",
            ));
        }
        Some("open") if !item.is_open => item.reopen(&call.now()),
        _ => {}
    }
    let (item, pull) = find(repository, &number.to_string())?;
    Ok(Answer::ok(
        call.site().full_pull(repository, item, pull, None),
    ))
}

pub(super) async fn merge(
    call: Call,
    Path((owner, name, number)): Path<(String, String, String)>,
) -> Reply {
    let mut world = call.world();
    let repository = call.writable(&mut world, &(owner, name))?;
    let json = if call.body.is_empty() {
        json!({})
    } else {
        call.json()?
    };
    let fields = Fields(&json);
    let (sha, method) = (
        fields.text("sha")?,
        fields.text("merge_method")?.unwrap_or("merge"),
    );
    let (item, pull) = find(repository, &number)?;
    let refuse = |message: &str| Err(Answer::error(StatusCode::METHOD_NOT_ALLOWED, message));
    if pull.is_draft {
        return refuse("Pull Request is still a draft");
    }
    if !item.is_open {
        return refuse("Pull Request is not mergeable");
    }
    if method == "rebase" {
        return refuse("Rebase merges are not allowed on this repository.");
    }
    if sha.is_some_and(|sha| sha != pull.head_sha) {
        let message = "Head branch was modified. Review and try the merge again.";
        return Err(Answer::error(StatusCode::CONFLICT, message));
    }
    let message = format!(
        "Merge pull request #{} from {}/{}",
        item.number, repository.owner, pull.head
    );
    let Ok(commit) = repository
        .git
        .merge(&pull.base, &pull.head_sha, &message, method == "squash")
    else {
        return refuse("Pull Request is not mergeable");
    };
    let number = item.number;
    let merged = Merged {
        at: call.now(),
        by: call.login()?.to_owned(),
        commit: commit.clone(),
    };
    settle(repository, number, merged);
    Ok(Answer::ok(
        json!({"sha": commit, "merged": true, "message": "Pull Request successfully merged"}),
    ))
}

/// Merges a pull request on behalf of a test.
pub(in super::super) fn merge_by_hand(repository: &mut Repository, number: u64, now: &str) {
    repository.follow_branches(now);
    let pull = repository.items[&number]
        .pull
        .clone()
        .expect("a pull request");
    let message = format!("Merge pull request #{number}");
    let commit = repository
        .git
        .merge(&pull.base, &pull.head_sha, &message, false)
        .expect("it can be merged");
    let merged = Merged {
        at: now.to_owned(),
        by: "grace".to_owned(),
        commit,
    };
    settle(repository, number, merged);
}

/// Records a merge. If it went into the default branch, closes the issues that the pull request
/// names.
fn settle(repository: &mut Repository, number: u64, merged: Merged) {
    let now = merged.at.clone();
    let item = repository.items.get_mut(&number).expect("it was found");
    let pull = item.pull.as_mut().expect("it is a pull request");
    pull.merged = Some(merged);
    let closes = pull.base == repository.default_branch;
    let body = item.body.clone().unwrap_or_default();
    item.close(None, &now);
    for number in closed_by(&body).into_iter().filter(|_| closes) {
        if let Some(item) = repository
            .items
            .get_mut(&number)
            .filter(|item| item.is_open && item.pull.is_none())
        {
            item.close(Some("completed"), &now);
        }
    }
}

/// Returns the numbers after closing keywords such as `Closes`.
fn closed_by(body: &str) -> Vec<u64> {
    const WORDS: [&str; 9] = [
        "close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved",
    ];

    fn number(text: &str) -> Option<u64> {
        let digits = text.strip_prefix('#')?;
        digits
            .split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    }

    let words: Vec<&str> = body.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| {
        let word = pair[0]
            .trim_start_matches(|c: char| !c.is_alphanumeric())
            .trim_end_matches(':');
        WORDS.contains(&word.to_ascii_lowercase().as_str())
    });
    pairs.filter_map(|pair| number(pair[1])).collect()
}
