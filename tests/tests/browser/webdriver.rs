//! A client of the W3C WebDriver protocol (<https://www.w3.org/TR/webdriver2/>) with only the
//! commands that the tests use. Each command is one HTTP request with JSON, and blocks until the
//! driver has responded.
//!
//! A failing command panics: no test continues after one, so there is no error to handle.

use std::fmt::Display;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body, Error};

/// The key of an element reference, as defined by the standard.
const ELEMENT_KEY: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A session: one browser with its own profile. Dropping it closes the browser.
pub(crate) struct Session(Resource);

/// An element of the page that was shown when the element was found.
pub(crate) struct Element(Resource);

/// A receiver of commands: the driver, a session or an element.
struct Resource {
    agent: Agent,
    url: String,
    /// Its name in errors.
    name: String,
}

impl Session {
    /// Opens a browser with these capabilities.
    #[track_caller]
    pub(crate) fn open(driver_url: &str, capabilities: &Value) -> Self {
        // The body of an error response contains the reason. The driver is on this machine, so no
        // proxy is used.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None);
        let driver = Resource {
            agent: Agent::new_with_config(config.build()),
            url: driver_url.to_owned(),
            name: "the driver".to_owned(),
        };
        let wanted = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let id = string(&driver.post("session", &wanted)["sessionId"]);
        Self(driver.child(&format!("session/{id}"), "the session"))
    }

    /// Opens a URL and waits until the page is loaded.
    #[track_caller]
    pub(crate) fn go(&self, url: &str) {
        self.0.post("url", &json!({ "url": url }));
    }

    /// Runs the body of a function; returns its result.
    #[track_caller]
    pub(crate) fn execute(&self, script: &str) -> Value {
        let call = json!({ "script": script, "args": [] });
        self.0.post("execute/sync", &call)
    }

    /// Runs the body of a function; returns the value passed to its last argument, a callback.
    #[track_caller]
    pub(crate) fn execute_async(&self, script: &str) -> Value {
        let call = json!({ "script": script, "args": [] });
        self.0.post("execute/async", &call)
    }

    /// Returns the first element that matches a CSS selector.
    #[track_caller]
    pub(crate) fn find(&self, css: &str) -> Element {
        let query = json!({ "using": "css selector", "value": css });
        self.element(&self.0.post("element", &query), css)
    }

    #[track_caller]
    pub(crate) fn active_element(&self) -> Element {
        self.element(&self.0.get("element/active"), "the focused element")
    }

    /// Opens a tab without switching to it; returns its handle.
    #[track_caller]
    pub(crate) fn open_tab(&self) -> String {
        string(&self.0.post("window/new", &json!({ "type": "tab" }))["handle"])
    }

    /// Returns the handles of all tabs.
    #[track_caller]
    pub(crate) fn tabs(&self) -> Vec<String> {
        let handles = self.0.get("window/handles");
        handles
            .as_array()
            .expect("a list")
            .iter()
            .map(string)
            .collect()
    }

    /// Directs subsequent commands to a tab.
    #[track_caller]
    pub(crate) fn switch_to(&self, handle: &str) {
        self.0.post("window", &json!({ "handle": handle }));
    }

    /// Takes a screenshot of the visible area, as PNG.
    #[track_caller]
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        let png = string(&self.0.get("screenshot"));
        STANDARD.decode(png).expect("a picture in Base64")
    }

    #[track_caller]
    fn element(&self, reference: &Value, name: &str) -> Element {
        let id = string(&reference[ELEMENT_KEY]);
        Element(self.0.child(&format!("element/{id}"), name))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The driver may be gone already or the test may have failed; the result does not matter.
        let _ = self.0.agent.delete(&self.0.url).call();
    }
}

impl Element {
    /// Returns the visible text.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        string(&self.0.get("text"))
    }

    /// Scrolls to the element and clicks on its centre; it must be visible.
    #[track_caller]
    pub(crate) fn click(&self) {
        self.0.post("click", &json!({}));
    }

    /// Types text. Private-use characters such as `\u{e007}` for Enter are keys, as defined by the
    /// standard.
    #[track_caller]
    pub(crate) fn type_keys(&self, text: &str) {
        self.0.post("value", &json!({ "text": text }));
    }
}

impl Resource {
    #[track_caller]
    fn get(&self, command: &str) -> Value {
        let url = format!("{}/{command}", self.url);
        let answer = self.agent.get(&url).call();
        value_of(answer, format_args!("{}: GET {url}", self.name))
    }

    #[track_caller]
    fn post(&self, command: &str, body: &Value) -> Value {
        let url = format!("{}/{command}", self.url);
        let request = self.agent.post(&url).content_type("application/json");
        let answer = request.send(body.to_string());
        value_of(answer, format_args!("{}: POST {url} {body}", self.name))
    }

    fn child(&self, path: &str, name: &str) -> Self {
        Self {
            agent: self.agent.clone(),
            url: format!("{}/{path}", self.url),
            name: name.to_owned(),
        }
    }
}

/// Returns the value of the driver's response to a command.
///
/// # Panics
///
/// If there is none; names the command and the response.
#[track_caller]
fn value_of(answer: Result<Response<Body>, Error>, asked: impl Display) -> Value {
    let answer = answer.and_then(|mut it| Ok((it.status(), it.body_mut().read_to_string()?)));
    let (status, text) = match answer {
        Ok(answer) => answer,
        Err(error) => panic!("{asked}: {error}"),
    };
    let value = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|mut answer| answer.get_mut("value").map(Value::take));
    match value {
        Some(value) if status.is_success() => value,
        Some(refusal) => panic!("{asked}: {}: {}", refusal["error"], refusal["message"]),
        None => panic!("{asked}: {status}: {text}"),
    }
}

/// Returns the string that the standard requires here.
#[track_caller]
fn string(value: &Value) -> String {
    match value {
        Value::String(string) => string.clone(),
        other => panic!("the driver returned {other} instead of a string"),
    }
}
