//! Responses of handlers, and GitHub's errors word for word: clients tell them apart by status,
//! code and field.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The `documentation_url` of errors without a more specific page.
const DOCUMENTATION: &str = "https://docs.github.com/rest";

/// An API response, before the common headers are added.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Option<Value>,
}

/// The result of a handler. An error is a response too.
pub(super) type Reply = Result<Answer, Answer>;

impl Answer {
    pub(super) fn json(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Some(body),
        }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub(super) fn created(body: Value) -> Self {
        let location = body["url"].as_str().map(str::to_owned);
        let answer = Self::json(StatusCode::CREATED, body);
        match location {
            Some(location) => answer.with(header::LOCATION, location),
            None => answer,
        }
    }

    pub(super) fn with(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Returns an error in GitHub's format.
    pub(super) fn error(status: StatusCode, message: &str) -> Self {
        Self::documented(status, message, DOCUMENTATION)
    }

    pub(super) fn documented(status: StatusCode, message: &str, documentation: &str) -> Self {
        let status_text = status.as_u16().to_string();
        Self::json(
            status,
            json!({"message": message, "documentation_url": documentation, "status": status_text}),
        )
    }

    pub(super) fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn bad_credentials() -> Self {
        Self::error(StatusCode::UNAUTHORIZED, "Bad credentials")
    }

    pub(super) fn unauthenticated() -> Self {
        Self::error(StatusCode::UNAUTHORIZED, "Requires authentication")
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self::error(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn gone() -> Self {
        Self::error(
            StatusCode::GONE,
            "Issues has been disabled in this repository.",
        )
    }

    /// Returns the error for JSON of the wrong shape.
    pub(super) fn invalid_request(what: &str) -> Self {
        Self::error(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("Invalid request.\n\n{what}"),
        )
    }

    /// Returns the error for a broken rule, which `error` names.
    pub(super) fn invalid(error: &Invalid<'_>) -> Self {
        let mut entry = json!({"resource": error.resource, "code": error.code});
        for (name, value) in [("field", error.field), ("message", error.message)] {
            if !value.is_empty() {
                entry[name] = json!(value);
            }
        }
        Self::json(
            StatusCode::UNPROCESSABLE_ENTITY,
            json!({"message": "Validation Failed", "errors": [entry], "documentation_url": DOCUMENTATION, "status": "422"}),
        )
    }
}

/// One entry of `errors` of a 422. Empty texts are left out.
#[derive(Debug, Default)]
pub(super) struct Invalid<'a> {
    pub(super) resource: &'a str,
    pub(super) code: &'a str,
    pub(super) field: &'a str,
    pub(super) message: &'a str,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = self.body.map(|body| body.to_string());
        let mut response = Response::new(Body::from(body.clone().unwrap_or_default()));
        *response.status_mut() = self.status;
        if body.is_some() {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        for (name, value) in self.headers {
            response.headers_mut().insert(
                name,
                HeaderValue::from_str(&value).expect("a header of visible characters"),
            );
        }
        response
    }
}
