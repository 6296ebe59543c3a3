//! A plain client: it sends each request once as given, and returns the response.

use serde_json::Value;
use ureq::http::{HeaderMap, Request};
use ureq::{Agent, Error};

/// A client of one API with one token.
pub(crate) struct Client {
    agent: Agent,
    api_url: String,
    headers: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Client {
    pub(crate) fn new(api_url: &str, token: &str) -> Self {
        Self::anonymous(api_url).with("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn anonymous(api_url: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent("");
        let agent = Agent::new_with_config(config.build());
        Self {
            agent,
            api_url: api_url.to_owned(),
            headers: Vec::new(),
        }
        .with("user-agent", "tests")
        .with("accept", "application/vnd.github+json")
    }

    /// Adds a header to every request.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        self.with_all(name, &[value])
    }

    /// Adds a header with several values, each on its own line.
    pub(crate) fn with_all(&self, name: &str, values: &[&str]) -> Self {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(known, _)| known != name)
            .cloned()
            .collect();
        headers.extend(
            values
                .iter()
                .map(|value| (name.to_owned(), (*value).to_owned())),
        );
        Self {
            agent: self.agent.clone(),
            api_url: self.api_url.clone(),
            headers,
        }
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let headers = self
            .headers
            .iter()
            .filter(|(known, _)| known != name)
            .cloned()
            .collect();
        Self {
            agent: self.agent.clone(),
            api_url: self.api_url.clone(),
            headers,
        }
    }

    /// Sends a request; returns an error if the connection fails.
    pub(crate) fn try_send(&self, method: &str, target: &str, body: &str) -> Result<Reply, Error> {
        let url = if target.starts_with("http:") {
            target.to_owned()
        } else {
            format!("{}{target}", self.api_url)
        };
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = self.agent.run(request.body(body.to_owned()).unwrap())?;
        let (parts, mut body) = response.into_parts();
        let text = body.read_to_string()?;
        let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            json,
        })
    }

    #[track_caller]
    pub(crate) fn send(&self, method: &str, target: &str, body: &Value) -> Reply {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.try_send(method, target, &body).unwrap()
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Reply {
        self.send("GET", target, &Value::Null)
    }

    #[track_caller]
    pub(crate) fn post(&self, target: &str, body: &Value) -> Reply {
        self.send("POST", target, body)
    }
}

impl Reply {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {:?}", self.json, self.headers);
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the numbers of a list's entries.
    #[track_caller]
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.json
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["number"].as_u64().unwrap())
            .collect()
    }
}
