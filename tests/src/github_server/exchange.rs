//! One request and its answer, as the log has them.

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::Value;

/// A request of a client, whole.
#[derive(Clone, Debug)]
pub struct Received {
    /// Such as `GET`.
    pub method: String,
    /// The path without `/api/v3`; percent-encoded as it came.
    pub path: String,
    /// What follows the question mark; empty if nothing does.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether git sent it, and not a client of the API.
    pub is_git: bool,
}

/// What a client got, or would have got had the connection not been cut.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether a fault that the test ordered made it, and not the server's own state.
    pub is_fault: bool,
    /// Whether the client got it whole.
    pub is_delivered: bool,
}

/// An entry of the log.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request.
    pub request: Received,
    /// The answer; `None` while there is none, and where the connection was cut before one was made.
    pub answer: Option<Answered>,
}

impl Received {
    /// Returns a header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the body as JSON; `null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns whether it changes something.
    pub fn is_write(&self) -> bool {
        let is_reading_graphql =
            self.path == "/graphql" && !String::from_utf8_lossy(&self.body).contains("mutation");
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS") && !is_reading_graphql
    }

    /// Returns the path with its query.
    pub fn target(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }
}

impl Answered {
    /// Returns a header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the body as JSON; `null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Exchange {
    /// Returns the answer's status; 0 without one.
    pub fn status(&self) -> u16 {
        self.answer.as_ref().map_or(0, |answer| answer.status)
    }
}
