//! One request and its response, as recorded in the log.

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::Value;

/// A client's complete request.
#[derive(Clone, Debug)]
pub struct Received {
    /// Such as `GET`.
    pub method: String,
    /// The path without `/api/v3`, percent-encoded as received.
    pub path: String,
    /// The part after the question mark; may be empty.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether it came from git rather than from an API client.
    pub is_git: bool,
}

/// The response a client received, or would have received if the connection had not been cut.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether a fault produced it instead of the server's own state.
    pub is_fault: bool,
    /// Whether the client received all of it.
    pub is_delivered: bool,
}

/// An entry of the log.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request.
    pub request: Received,
    /// The response; `None` while there is none, or if the connection was cut before one was made.
    pub answer: Option<Answered>,
}

impl Received {
    /// Returns a header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the body as JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns whether it changes state.
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

    /// Returns the body as JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Exchange {
    /// Returns the response status; 0 without a response.
    pub fn status(&self) -> u16 {
        self.answer.as_ref().map_or(0, |answer| answer.status)
    }
}
