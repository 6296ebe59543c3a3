//! Errors of the API as problem documents (RFC 9457).

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The response body.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProblemView {
    /// The kind of problem: `about:autoissue/` and a word.
    #[serde(rename = "type")]
    kind: String,
    /// A description of the kind; always the same for one `type`.
    title: &'static str,
    status: u16,
    /// What happened in this case, and what to do about it.
    detail: String,
}

impl Problem {
    const fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: String,
    ) -> Self {
        Self {
            status,
            kind,
            title,
            detail,
            headers: Vec::new(),
        }
    }

    /// The resource does not exist.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "not found",
            detail.into(),
        )
    }

    /// The method is not allowed.
    pub(crate) fn method(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            "method not allowed",
            detail.into(),
        )
    }

    /// The request is malformed.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-request",
            "malformed request",
            detail.into(),
        )
    }

    /// The body is not JSON.
    pub(crate) fn media_type() -> Self {
        let detail = "send `content-type: application/json`, or no body".to_owned();
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "unsupported media type",
            detail,
        )
    }

    /// The body exceeds the maximum size.
    pub(crate) fn too_large(bytes_max: usize) -> Self {
        let detail = format!("the body may have at most {bytes_max} bytes");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "body too large",
            detail,
        )
    }

    /// The body did not arrive in time.
    pub(crate) fn too_slow() -> Self {
        let detail = "the body did not arrive in time".to_owned();
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "too-slow",
            "request timeout",
            detail,
        )
    }

    /// The request is addressed to another host, as in DNS rebinding.
    pub(crate) fn host(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "host",
            "wrong host",
            detail.into(),
        )
    }

    /// The request was sent by a page of another site.
    pub(crate) fn origin() -> Self {
        let detail = "cross-site requests are not allowed".to_owned();
        Self::new(
            StatusCode::FORBIDDEN,
            "origin",
            "cross-site request",
            detail,
        )
    }

    /// Credentials are missing or wrong.
    pub(crate) fn credentials(challenges: Vec<HeaderValue>) -> Self {
        let detail = "send the credentials of `dashboard.auth`, or log in at `/login`".to_owned();
        let mut problem = Self::new(
            StatusCode::UNAUTHORIZED,
            "credentials",
            "credentials required",
            detail,
        );
        problem.headers = challenges
            .into_iter()
            .map(|value| (header::WWW_AUTHENTICATE, value))
            .collect();
        problem
    }

    /// There were too many wrong credentials from this address.
    pub(crate) fn too_many_tries(retry_after_s: u64) -> Self {
        let detail =
            format!("too many wrong credentials from this address; try again in {retry_after_s} s");
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-tries",
            "too many wrong credentials",
            detail,
        );
        problem.headers = vec![(header::RETRY_AFTER, HeaderValue::from(retry_after_s))];
        problem
    }

    /// A limit is reached.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "limit reached",
            detail.into(),
        )
    }

    /// Returns whether the resource does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// The session is not running.
    pub(crate) fn not_running(session: &str) -> Self {
        let detail = format!("session `{session}` is not running, so there is nothing to reset");
        Self::new(
            StatusCode::CONFLICT,
            "not-running",
            "session not running",
            detail,
        )
    }

    /// There is no session.
    pub(crate) fn no_session() -> Self {
        Self::not_found("there is no session yet; start one with `autoissue exec <label>`")
    }

    /// The journal cannot be read.
    pub(crate) fn journal(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "journal",
            "the journal cannot be read",
            detail.into(),
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let view = ProblemView {
            kind: format!("about:autoissue/{}", self.kind),
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = (self.status, Json(view)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}
