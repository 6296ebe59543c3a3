//! The server's state as GitHub's JSON. It contains all fields that GitHub's description requires,
//! and the pitfalls for clients: nulls, addresses with `{templates}`, and pull requests that look
//! like issues.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::git_store::Distance;
use super::world::{Comment, Item, Label, Pull, Repository};

/// Creation time of everything whose age does not matter.
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

/// The address of the server, for the links in its responses.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// Such as `http://127.0.0.1:4711`.
    pub(super) origin: String,
}

impl Site {
    pub(super) fn api(&self) -> String {
        format!("{}/api/v3", self.origin)
    }

    fn repository_api(&self, repository: &Repository) -> String {
        format!("{}/repos/{}", self.api(), repository.full_name())
    }

    fn repository_page(&self, repository: &Repository) -> String {
        format!("{}/{}", self.origin, repository.full_name())
    }

    /// Returns the short form of a user.
    pub(super) fn user(&self, login: &str) -> Value {
        let url = format!("{}/users/{login}", self.api());
        let id = user_id(login);
        json!({
            "login": login, "id": id, "node_id": node_id("User", id), "gravatar_id": "", "url": url,
            "avatar_url": format!("{}/avatars/{login}", self.origin), "html_url": format!("{}/{login}", self.origin),
            "followers_url": format!("{url}/followers"), "following_url": format!("{url}/following{{/other_user}}"),
            "gists_url": format!("{url}/gists{{/gist_id}}"), "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{url}/subscriptions"), "organizations_url": format!("{url}/orgs"),
            "repos_url": format!("{url}/repos"), "events_url": format!("{url}/events{{/privacy}}"),
            "received_events_url": format!("{url}/received_events"), "type": "User", "site_admin": false,
        })
    }

    /// Returns the authenticated user.
    pub(super) fn own_user(&self, login: &str) -> Value {
        let mut user = self.user(login);
        extend(
            &mut user,
            json!({
                "user_view_type": "public", "name": login, "company": null, "blog": "", "location": null, "email": null,
                "hireable": null, "bio": null, "twitter_username": null, "public_repos": 1, "public_gists": 0,
                "followers": 0, "following": 0, "created_at": LONG_AGO, "updated_at": LONG_AGO,
            }),
        );
        user
    }

    /// Returns a repository as in lists and pull requests.
    pub(super) fn repository(&self, repository: &Repository) -> Value {
        let (api, page) = (
            self.repository_api(repository),
            self.repository_page(repository),
        );
        let n_open = repository
            .items
            .values()
            .filter(|item| item.is_open)
            .count();
        let mut json = json!({
            "id": repository.id, "node_id": node_id("Repository", repository.id), "name": repository.name,
            "full_name": repository.full_name(), "private": repository.is_private, "owner": self.user(&repository.owner),
            "html_url": page, "description": null, "fork": false, "url": api,
        });
        let more = json!({
            "created_at": LONG_AGO, "updated_at": LONG_AGO, "pushed_at": LONG_AGO,
            "git_url": format!("git:{}.git", page.trim_start_matches("http:")), "ssh_url": format!("git@127.0.0.1:{}.git", repository.full_name()),
            "clone_url": format!("{page}.git"), "svn_url": page, "homepage": null, "size": 1, "stargazers_count": 0,
            "watchers_count": 0, "language": null, "has_issues": repository.has_issues, "has_projects": true,
            "has_downloads": true, "has_wiki": true, "has_pages": false, "has_discussions": false, "forks_count": 0,
            "mirror_url": null, "archived": repository.is_archived, "disabled": false, "open_issues_count": n_open,
            "license": null, "allow_forking": true, "is_template": false, "web_commit_signoff_required": false,
            "topics": [], "visibility": if repository.is_private { "private" } else { "public" }, "forks": 0,
            "open_issues": n_open, "watchers": 0, "default_branch": repository.default_branch,
        });
        extend(&mut json, more);
        let object = json.as_object_mut().expect("an object");
        for (name, path) in REPOSITORY_ADDRESSES {
            object.insert(format!("{name}_url"), Value::String(format!("{api}{path}")));
        }
        json
    }

    /// Returns a repository as in `GET /repos/{owner}/{repo}`.
    pub(super) fn full_repository(
        &self,
        repository: &Repository,
        permissions: Option<Permissions>,
    ) -> Value {
        let mut json = self.repository(repository);
        extend(
            &mut json,
            json!({"network_count": 0, "subscribers_count": 0, "temp_clone_token": null}),
        );
        if let Some(Permissions { is_admin, may_push }) = permissions {
            json["permissions"] = json!({
                "admin": is_admin, "maintain": is_admin, "push": may_push, "triage": may_push, "pull": true,
            });
        }
        json
    }

    pub(super) fn label(&self, repository: &Repository, label: &Label) -> Value {
        json!({
            "id": label.id, "node_id": node_id("Label", label.id), "name": label.name, "color": label.color,
            "url": format!("{}/labels/{}", self.repository_api(repository), encoded(&label.name)),
            "default": false, "description": label.description,
        })
    }

    pub(super) fn labels(&self, repository: &Repository, names: &[String]) -> Value {
        names
            .iter()
            .filter_map(|name| Some(self.label(repository, repository.label(name)?)))
            .collect()
    }

    /// Returns an item as in the issues API: a pull request is an issue with one more key.
    pub(super) fn issue(&self, repository: &Repository, item: &Item) -> Value {
        let url = format!("{}/issues/{}", self.repository_api(repository), item.number);
        let place = if item.pull.is_some() {
            "pull"
        } else {
            "issues"
        };
        let (blocked_by, open_blockers) =
            self.count_dependencies(repository, |pair| pair.0 == item.number, |&(_, by)| by);
        let (blocking, open_blocked) = self.count_dependencies(
            repository,
            |pair| pair.1 == item.number,
            |&(blocked, _)| blocked,
        );
        let mut json = json!({
            "url": url, "repository_url": self.repository_api(repository), "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"), "events_url": format!("{url}/events"),
            "html_url": format!("{}/{place}/{}", self.repository_page(repository), item.number),
            "id": item.id, "node_id": node_id("Issue", item.id), "number": item.number, "title": item.title,
            "user": item.author.as_deref().map(|login| self.user(login)), "labels": self.labels(repository, &item.labels),
            "state": state(item), "locked": false, "assignee": null, "assignees": [], "milestone": null,
            "comments": repository.comments_on(item.number).count(), "created_at": item.created_at,
            "updated_at": item.updated_at, "closed_at": item.closed_at,
            "author_association": association(repository, item), "active_lock_reason": null,
            "sub_issues_summary": {"total": 0, "completed": 0, "percent_completed": 0},
            "issue_dependencies_summary": {
                "blocked_by": open_blockers, "total_blocked_by": blocked_by,
                "blocking": open_blocked, "total_blocking": blocking,
            },
            "body": item.body, "closed_by": null, "reactions": reactions(&url), "timeline_url": format!("{url}/timeline"),
            "performed_via_github_app": null, "state_reason": item.state_reason,
        });
        if let Some(pull) = &item.pull {
            json["draft"] = json!(pull.is_draft);
            json["pull_request"] = self.pull_addresses(repository, item, pull);
        }
        if let Some(distort) = &item.distort {
            (distort.0)(&mut json);
        }
        json
    }

    /// Counts the items on the other side of dependencies, and the open ones among them.
    fn count_dependencies(
        &self,
        repository: &Repository,
        is_it: impl Fn(&(u64, u64)) -> bool,
        other: impl Fn(&(u64, u64)) -> u64,
    ) -> (usize, usize) {
        let others: Vec<u64> = repository
            .blocked_by
            .iter()
            .filter(|pair| is_it(pair))
            .map(other)
            .collect();
        let is_open = |number: &&u64| {
            repository
                .items
                .get(number)
                .is_some_and(|item| item.is_open)
        };
        (others.len(), others.iter().filter(is_open).count())
    }

    fn pull_addresses(&self, repository: &Repository, item: &Item, pull: &Pull) -> Value {
        let page = format!("{}/pull/{}", self.repository_page(repository), item.number);
        json!({
            "url": format!("{}/pulls/{}", self.repository_api(repository), item.number), "html_url": page,
            "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
            "merged_at": pull.merged.as_ref().map(|merged| &merged.at),
        })
    }

    /// Returns a pull request as in lists.
    pub(super) fn pull(&self, repository: &Repository, item: &Item, pull: &Pull) -> Value {
        let (api, merged) = (self.repository_api(repository), pull.merged.as_ref());
        let url = format!("{api}/pulls/{}", item.number);
        let issue_url = format!("{api}/issues/{}", item.number);
        let statuses_url = format!("{api}/statuses/{}", pull.head_sha);
        let mut json = self.pull_addresses(repository, item, pull);
        let page = json["html_url"].clone();
        extend(
            &mut json,
            json!({
                "id": item.id + PULL_ID_OFFSET, "node_id": pull_node_id(item.id), "issue_url": issue_url,
                "number": item.number, "state": state(item), "locked": false, "title": item.title,
                "user": item.author.as_deref().map(|login| self.user(login)), "body": item.body,
                "created_at": item.created_at, "updated_at": item.updated_at, "closed_at": item.closed_at,
                "merged_at": merged.map(|merged| &merged.at), "merge_commit_sha": merged.map(|merged| &merged.commit),
                "assignee": null, "assignees": [], "requested_reviewers": [], "requested_teams": [],
                "labels": self.labels(repository, &item.labels), "milestone": null, "draft": pull.is_draft,
                "commits_url": format!("{url}/commits"), "review_comments_url": format!("{url}/comments"),
                "review_comment_url": format!("{api}/pulls/comments{{/number}}"),
                "comments_url": format!("{issue_url}/comments"), "statuses_url": statuses_url,
                "head": self.side(repository, &pull.head, &pull.head_sha),
                "base": self.side(repository, &pull.base, &pull.base_sha),
                "_links": {
                    "self": {"href": url}, "html": {"href": page}, "issue": {"href": issue_url},
                    "comments": {"href": format!("{issue_url}/comments")},
                    "review_comments": {"href": format!("{url}/comments")},
                    "review_comment": {"href": format!("{api}/pulls/comments{{/number}}")},
                    "commits": {"href": format!("{url}/commits")}, "statuses": {"href": statuses_url},
                },
                "author_association": association(repository, item), "auto_merge": null, "active_lock_reason": null,
            }),
        );
        json
    }

    /// Returns a pull request as in `GET /repos/{owner}/{repo}/pulls/{number}`.
    pub(super) fn full_pull(
        &self,
        repository: &Repository,
        item: &Item,
        pull: &Pull,
        mergeable: Option<bool>,
    ) -> Value {
        let mut json = self.pull(repository, item, pull);
        let distance = repository
            .git
            .distance(&pull.base_sha, &pull.head_sha)
            .unwrap_or_default();
        let Distance {
            n_commits,
            n_files,
            n_added,
            n_deleted,
        } = distance;
        let mergeable_state = match mergeable {
            Some(true) => "clean",
            Some(false) => "dirty",
            None => "unknown",
        };
        extend(
            &mut json,
            json!({
                "merged": pull.merged.is_some(), "mergeable": mergeable, "rebaseable": mergeable,
                "mergeable_state": mergeable_state,
                "merged_by": pull.merged.as_ref().map(|merged| self.user(&merged.by)),
                "comments": repository.comments_on(item.number).count(), "review_comments": 0,
                "maintainer_can_modify": false, "commits": n_commits, "additions": n_added, "deletions": n_deleted,
                "changed_files": n_files,
            }),
        );
        json
    }

    fn side(&self, repository: &Repository, branch: &str, sha: &str) -> Value {
        json!({
            "label": format!("{}:{branch}", repository.owner), "ref": branch, "sha": sha,
            "user": self.user(&repository.owner), "repo": self.repository(repository),
        })
    }

    pub(super) fn comment(&self, repository: &Repository, comment: &Comment) -> Value {
        let api = self.repository_api(repository);
        let url = format!("{api}/issues/comments/{}", comment.id);
        let item = repository.items.get(&comment.number);
        let place = if item.is_some_and(|item| item.pull.is_some()) {
            "pull"
        } else {
            "issues"
        };
        let page = format!(
            "{}/{place}/{}#issuecomment-{}",
            self.repository_page(repository),
            comment.number,
            comment.id
        );
        json!({
            "url": url, "html_url": page, "issue_url": format!("{api}/issues/{}", comment.number), "id": comment.id,
            "node_id": node_id("IssueComment", comment.id), "user": self.user(&comment.author),
            "created_at": comment.created_at, "updated_at": comment.created_at, "body": comment.body,
            "author_association": "OWNER", "reactions": reactions(&url), "performed_via_github_app": null,
        })
    }

    /// Returns a branch with its head commit.
    pub(super) fn branch(&self, repository: &Repository, name: &str, sha: &str) -> Value {
        let (api, page) = (
            self.repository_api(repository),
            self.repository_page(repository),
        );
        let is_protected = repository.protected_branches.contains(name);
        let url = format!("{api}/branches/{name}");
        let protection_url = format!("{url}/protection");
        let person = json!({"name": "Ada", "email": "ada@example.org", "date": LONG_AGO});
        json!({
            "name": name,
            "commit": {
                "sha": sha, "node_id": node_id("Commit", 1), "url": format!("{api}/commits/{sha}"),
                "html_url": format!("{page}/commit/{sha}"), "comments_url": format!("{api}/commits/{sha}/comments"),
                "commit": {
                    "author": person, "committer": person, "message": "", "comment_count": 0,
                    "tree": {"sha": sha, "url": format!("{api}/git/trees/{sha}")}, "url": format!("{api}/git/commits/{sha}"),
                },
                "author": self.user(&repository.owner), "committer": self.user(&repository.owner), "parents": [],
            },
            "_links": {"self": url, "html": format!("{page}/tree/{name}")},
            "protected": is_protected,
            "protection": {"enabled": is_protected, "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []}},
            "protection_url": protection_url,
        })
    }
}

/// A user's permissions for a repository.
#[derive(Clone, Copy, Debug)]
pub(super) struct Permissions {
    pub(super) is_admin: bool,
    pub(super) may_push: bool,
}

/// A pull request has a second id besides its id as an issue.
const PULL_ID_OFFSET: u64 = 1 << 32;

/// Addresses of a repository whose key is NAME`_url`.
const REPOSITORY_ADDRESSES: [(&str, &str); 36] = [
    ("archive", "/{archive_format}{/ref}"),
    ("assignees", "/assignees{/user}"),
    ("blobs", "/git/blobs{/sha}"),
    ("branches", "/branches{/branch}"),
    ("collaborators", "/collaborators{/collaborator}"),
    ("comments", "/comments{/number}"),
    ("commits", "/commits{/sha}"),
    ("compare", "/compare/{base}...{head}"),
    ("contents", "/contents/{+path}"),
    ("contributors", "/contributors"),
    ("deployments", "/deployments"),
    ("downloads", "/downloads"),
    ("events", "/events"),
    ("forks", "/forks"),
    ("git_commits", "/git/commits{/sha}"),
    ("git_refs", "/git/refs{/sha}"),
    ("git_tags", "/git/tags{/sha}"),
    ("hooks", "/hooks"),
    ("issue_comment", "/issues/comments{/number}"),
    ("issue_events", "/issues/events{/number}"),
    ("issues", "/issues{/number}"),
    ("keys", "/keys{/key_id}"),
    ("labels", "/labels{/name}"),
    ("languages", "/languages"),
    ("merges", "/merges"),
    ("milestones", "/milestones{/number}"),
    ("notifications", "/notifications{?since,all,participating}"),
    ("pulls", "/pulls{/number}"),
    ("releases", "/releases{/id}"),
    ("stargazers", "/stargazers"),
    ("statuses", "/statuses/{sha}"),
    ("subscribers", "/subscribers"),
    ("subscription", "/subscription"),
    ("tags", "/tags"),
    ("teams", "/teams"),
    ("trees", "/git/trees{/sha}"),
];

fn state(item: &Item) -> &'static str {
    if item.is_open { "open" } else { "closed" }
}

fn association(repository: &Repository, item: &Item) -> &'static str {
    match &item.author {
        Some(author) if *author == repository.owner => "OWNER",
        Some(_) => "CONTRIBUTOR",
        None => "NONE",
    }
}

fn reactions(url: &str) -> Value {
    let mut json = json!({"url": format!("{url}/reactions"), "total_count": 0});
    for name in [
        "+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes",
    ] {
        json[name] = json!(0);
    }
    json
}

/// Returns a user's id: the same for the same name.
pub(super) fn user_id(login: &str) -> u64 {
    login
        .bytes()
        .fold(7, |id, byte| (id * 31 + u64::from(byte)) % 100_000_007)
}

/// Returns the id of a pull request in GraphQL.
pub(super) fn pull_node_id(item_id: u64) -> String {
    node_id("PullRequest", item_id)
}

fn node_id(kind: &str, id: u64) -> String {
    BASE64.encode(format!("0{}:{kind}{id}", kind.len()))
}

fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn extend(json: &mut Value, more: Value) {
    let Value::Object(more) = more else { return };
    json.as_object_mut()
        .map(|object: &mut Map<String, Value>| object.extend(more))
        .expect("an object");
}
