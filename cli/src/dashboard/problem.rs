//! Errors of the API as problem documents (RFC 9457).

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

/// Why a request was not answered as asked.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Its document.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProblemView {
    /// What sort of problem it is: `about:autoissue/` and a word.
    #[serde(rename = "type")]
    kind: String,
    /// The sort in words; always the same for one `type`.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened this time, and what to do about it.
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

    /// Nothing is there.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "nothing is there",
            detail.into(),
        )
    }

    /// The address has other methods.
    pub(crate) fn method(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            "the address is not used like this",
            detail.into(),
        )
    }

    /// The request makes no sense.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-request",
            "the request cannot be understood",
            detail.into(),
        )
    }

    /// The body is not JSON.
    pub(crate) fn media_type() -> Self {
        let detail = "send `content-type: application/json`, or no body".to_owned();
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "the body is of another kind",
            detail,
        )
    }

    /// The body is larger than any that makes sense.
    pub(crate) fn too_large(bytes_max: usize) -> Self {
        let detail = format!("at most {bytes_max} bytes are read");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "the body is too large",
            detail,
        )
    }

    /// The body did not come in time.
    pub(crate) fn too_slow() -> Self {
        let detail = "the body did not come in time".to_owned();
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "too-slow",
            "the request takes too long",
            detail,
        )
    }

    /// The request is addressed to somebody else, as after a rebinding of names.
    pub(crate) fn host(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "host",
            "the request is for another host",
            detail.into(),
        )
    }

    /// The request was made by another site's page.
    pub(crate) fn origin() -> Self {
        let detail = "requests made by pages of other sites are refused".to_owned();
        Self::new(
            StatusCode::FORBIDDEN,
            "origin",
            "the request comes from another site",
            detail,
        )
    }

    /// Credentials are missing or wrong.
    pub(crate) fn credentials(challenges: Vec<HeaderValue>) -> Self {
        let detail = "send the credentials of `dashboard.auth`, or log in at `/login`".to_owned();
        let mut problem = Self::new(
            StatusCode::UNAUTHORIZED,
            "credentials",
            "credentials are needed",
            detail,
        );
        problem.headers = challenges
            .into_iter()
            .map(|value| (header::WWW_AUTHENTICATE, value))
            .collect();
        problem
    }

    /// Too many wrong credentials came from there.
    pub(crate) fn too_many_tries(retry_after_s: u64) -> Self {
        let detail =
            format!("too many wrong credentials came from there; try again in {retry_after_s} s");
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-tries",
            "too many wrong credentials",
            detail,
        );
        problem.headers = vec![(header::RETRY_AFTER, HeaderValue::from(retry_after_s))];
        problem
    }

    /// There is no room for another one.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "there is no room for more",
            detail.into(),
        )
    }

    /// Returns whether nothing was there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// Nothing runs that could be asked.
    pub(crate) fn not_running(session: &str) -> Self {
        let detail = format!("session `{session}` does not run, so there is nothing to reset");
        Self::new(
            StatusCode::CONFLICT,
            "not-running",
            "the session does not run",
            detail,
        )
    }

    /// There is no session.
    pub(crate) fn no_session() -> Self {
        Self::not_found("there is no session yet: `autoissue exec <label>` runs one")
    }

    /// The journal does not answer.
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
