//! An API call on its way to a handler: caller, parameters and body.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, MutexGuard};

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Invalid};
use super::shapes::{Permissions, Site};
use super::token::Token;
use super::world::{Repository, World};

/// Maximum page size.
const PER_PAGE_MAX: usize = 100;
/// Default page size.
const PER_PAGE: usize = 30;

/// A call accepted by `door`.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) shared: Arc<Shared>,
    /// `None` without a token.
    pub(super) visitor: Option<Token>,
    pub(super) method: String,
    /// Without `/api/v3` and the query.
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    /// The raw query, for addresses that repeat it.
    pub(super) raw_query: String,
    pub(super) body: Bytes,
}

/// `owner` and `name` as in the path.
pub(super) type Names = (String, String);

impl<S: Sync> FromRequestParts<S> for Call {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get::<Self>()
            .expect("`door` inserted it")
            .clone())
    }
}

impl Call {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world()
    }

    pub(super) fn site(&self) -> &Site {
        &self.shared.site
    }

    pub(super) fn now(&self) -> String {
        self.shared.clock.now_text()
    }

    pub(super) fn login(&self) -> Result<&str, Answer> {
        self.visitor
            .as_ref()
            .map(|token| token.login.as_str())
            .ok_or_else(Answer::unauthenticated)
    }

    /// Returns the repository, with its pull requests updated from their branches.
    pub(super) fn repository<'w>(
        &self,
        world: &'w mut World,
        (owner, name): &Names,
    ) -> Result<&'w mut Repository, Answer> {
        let found = world
            .by_name(owner, name)
            .filter(|repository| self.sees(repository))
            .map(|it| it.id);
        let id = found.ok_or_else(|| self.elsewhere(world, owner, name))?;
        let repository = world.by_id_mut(id).expect("it was found");
        repository.follow_branches(&self.now());
        Ok(repository)
    }

    /// Returns the repository if the caller may change it.
    pub(super) fn writable<'w>(
        &self,
        world: &'w mut World,
        names: &Names,
    ) -> Result<&'w mut Repository, Answer> {
        self.login()?;
        let repository = self.repository(world, names)?;
        if repository.is_archived {
            return Err(Answer::forbidden(
                "Repository was archived so is read-only.",
            ));
        }
        match self.permissions(repository) {
            Some(Permissions { may_push: true, .. }) => Ok(repository),
            // A classic token without the scope gets a 404.
            _ if self
                .visitor
                .as_ref()
                .is_some_and(|token| token.scopes.is_some() && !token.is_read_only) =>
            {
                Err(Answer::not_found())
            }
            _ => Err(Answer::forbidden(
                "Resource not accessible by personal access token",
            )),
        }
    }

    /// Returns the repository if its issues are enabled.
    pub(super) fn with_issues<'w>(
        &self,
        world: &'w mut World,
        names: &Names,
    ) -> Result<&'w mut Repository, Answer> {
        let repository = self.repository(world, names)?;
        if repository.has_issues {
            Ok(repository)
        } else {
            Err(Answer::gone())
        }
    }

    fn sees(&self, repository: &Repository) -> bool {
        !repository.is_private
            || self
                .visitor
                .as_ref()
                .is_some_and(|token| token.sees_private(&repository.full_name()))
    }

    /// Returns the caller's permissions; `None` without a token.
    pub(super) fn permissions(&self, repository: &Repository) -> Option<Permissions> {
        self.visitor
            .as_ref()
            .map(|token| repository.permissions(token))
    }

    /// Returns the response for a repository not found under this name: a redirect if it was
    /// renamed, otherwise a 404.
    fn elsewhere(&self, world: &World, owner: &str, name: &str) -> Answer {
        let moved = world
            .by_former_name(owner, name)
            .filter(|repository| self.sees(repository));
        let Some(repository) = moved else {
            return Answer::not_found();
        };
        let rest = self
            .path
            .splitn(5, '/')
            .nth(4)
            .map(|rest| format!("/{rest}"))
            .unwrap_or_default();
        let query = if self.raw_query.is_empty() {
            String::new()
        } else {
            format!("?{}", self.raw_query)
        };
        let url = format!(
            "{}/repositories/{}{rest}{query}",
            self.site().api(),
            repository.id
        );
        let (status, message) = match self.method.as_str() {
            "GET" | "HEAD" => (StatusCode::MOVED_PERMANENTLY, "Moved Permanently"),
            _ => (StatusCode::TEMPORARY_REDIRECT, "Temporary Redirect"),
        };
        let documentation = "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects";
        let body = json!({"message": message, "url": url, "documentation_url": documentation});
        Answer::json(status, body).with(header::LOCATION, url)
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns the body as a JSON object.
    pub(super) fn json(&self) -> Result<Value, Answer> {
        let problem = |message| Answer::error(StatusCode::BAD_REQUEST, message);
        let value: Value =
            serde_json::from_slice(&self.body).map_err(|_| problem("Problems parsing JSON"))?;
        if value.is_object() {
            Ok(value)
        } else {
            Err(problem("Body should be a JSON object"))
        }
    }

    /// Returns the requested page of a list, with links to the others.
    pub(super) fn page(&self, repository_id: u64, entries: &[Value]) -> Answer {
        let number = |name, default| {
            self.parameter(name)
                .and_then(|text| text.parse().ok())
                .unwrap_or(default)
        };
        let per_page = match number("per_page", PER_PAGE) {
            0 => PER_PAGE,
            n => n.min(PER_PAGE_MAX),
        };
        let page = number("page", 1).max(1);
        let last = entries.len().div_ceil(per_page).max(1);
        let shown: Value = entries
            .iter()
            .skip((page - 1) * per_page)
            .take(per_page)
            .cloned()
            .collect();
        let answer = Answer::ok(shown);
        let links: Vec<String> = [
            (1 < page, "prev", (page - 1).min(last)),
            (page < last, "next", page + 1),
            (page < last, "last", last),
            (1 < page, "first", 1),
        ]
        .iter()
        .filter(|(is_there, ..)| *is_there)
        .map(|(_, rel, page)| {
            format!(
                "<{}>; rel=\"{rel}\"",
                self.page_address(repository_id, *page)
            )
        })
        .collect();
        if links.is_empty() {
            answer
        } else {
            answer.with(HeaderName::from_static("link"), links.join(", "))
        }
    }

    /// Returns the address of another page. As on GitHub it contains the repository's id.
    fn page_address(&self, repository_id: u64, page: usize) -> String {
        let rest = self.path.splitn(5, '/').nth(4).unwrap_or_default();
        let others = self
            .raw_query
            .split('&')
            .filter(|part| !part.is_empty() && !part.starts_with("page="));
        let query: Vec<String> = others
            .map(str::to_owned)
            .chain([format!("page={page}")])
            .collect();
        format!(
            "{}/repositories/{repository_id}/{rest}?{}",
            self.site().api(),
            query.join("&")
        )
    }
}

impl Repository {
    pub(super) fn permissions(&self, token: &Token) -> Permissions {
        let may_push = token.writes(&self.full_name(), self.is_private)
            && !self.readers.contains(&token.login);
        Permissions {
            is_admin: may_push && token.login == self.owner,
            may_push,
        }
    }
}

/// Reads fields of a request body. Wrong types produce GitHub's error.
#[derive(Debug)]
pub(super) struct Fields<'a>(pub(super) &'a Value);

impl<'a> Fields<'a> {
    /// Returns a text; `null` counts as absent.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Answer> {
        match &self.0[name] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            other => Err(wrong_type(name, other, "a string")),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Answer> {
        match &self.0[name] {
            Value::Null => Ok(None),
            Value::Bool(flag) => Ok(Some(*flag)),
            other => Err(wrong_type(name, other, "a boolean")),
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Answer> {
        match &self.0[name] {
            Value::Null => Ok(None),
            value => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| wrong_type(name, value, "an integer")),
        }
    }

    /// Returns a required text.
    pub(super) fn needed(&self, name: &str, resource: &str) -> Result<&'a str, Answer> {
        let missing = Invalid {
            resource,
            code: "missing_field",
            field: name,
            message: "",
        };
        self.text(name)?
            .filter(|text| !text.trim().is_empty())
            .ok_or_else(|| Answer::invalid(&missing))
    }

    /// Returns names, given as texts or as objects with a `name`.
    pub(super) fn names(&self, name: &str) -> Result<Option<Vec<String>>, Answer> {
        fn text(value: &Value) -> Option<String> {
            value
                .as_str()
                .or_else(|| value["name"].as_str())
                .map(str::to_owned)
        }

        let list = match &self.0[name] {
            Value::Null => return Ok(None),
            Value::Array(list) => list,
            other => return Err(wrong_type(name, other, "an array")),
        };
        let names = list
            .iter()
            .map(|value| text(value).ok_or_else(|| wrong_type(name, value, "a string")));
        names.collect::<Result<_, _>>().map(Some)
    }
}

fn wrong_type(name: &str, found: &Value, wanted: &str) -> Answer {
    Answer::invalid_request(&format!(
        "For 'properties/{name}', {found} is not {wanted}."
    ))
}
