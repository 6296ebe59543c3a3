//! Determines how a run ended.
//!
//! The program reports errors as text only, and exits with 1 for each of them. A text is matched by
//! the words with which the program itself begins it. The service's own words come after that and
//! are not searched: they may quote an issue.
//!
//! | text begins with | meaning |
//! | --- | --- |
//! | `unexpected status N`, `exceeded retry limit, last status: N` | see [`of_status`] |
//! | a JSON object with `error.code` and `error.type` | see [`of_code`] |
//! | another text in [`TEXTS`] | the meaning listed there |
//! | `stream disconnected before completion` | a refusal or an exhausted limit if it says so, else the network |
//! | anything else | a failure of the task |

use autoissue_plugin_sdk::{AgentEvent, Exit, LimitEnd};
use serde_json::Value;

/// What a run has reported before its end.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Requested model.
    pub(crate) model: Option<String>,
    /// Whether it printed any line of its own format.
    pub(crate) any_json: bool,
    /// The newest error, if nothing has succeeded since.
    pub(crate) error: Option<String>,
    /// Lines of standard error.
    pub(crate) complaints: Vec<String>,
}

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The account has reached a limit that ends.
    Limit,
    /// The account cannot pay.
    Billing,
    /// The credentials are missing or rejected.
    Login,
    /// The model is not available.
    Model,
    Overloaded,
    Unreachable,
    ContextFull,
    Task,
}

/// How the program announces another try: `Reconnecting... 2/5 (cause)`, or `Reconnecting... waiting
/// for network (cause)`.
const RETRY: &str = "Reconnecting... ";

/// How the program begins an error that has an HTTP status; the status follows.
const STATUSES: [&str; 2] = ["unexpected status ", "exceeded retry limit, last status: "];

/// How the program begins an error of the connection. The service's own words can follow.
const DISCONNECTED: &str = "stream disconnected before completion: ";

/// Words after [`DISCONNECTED`] that are not about the network.
const AFTER_DISCONNECTED: [(&str, Cause); 2] = [
    // Filtered: another try brings the same.
    ("Incomplete response returned, reason: ", Cause::Task),
    ("Rate limit reached for ", Cause::Limit),
];

/// How the program begins its other errors. An apostrophe may be typographic; see [`is_begun`].
const TEXTS: [(&str, Cause); 20] = [
    (
        "Codex ran out of room in the model's context window",
        Cause::ContextFull,
    ),
    ("You've hit your usage limit", Cause::Limit),
    // Tokens or requests per minute.
    ("rate limit exceeded: ", Cause::Limit),
    ("Quota exceeded", Cause::Billing),
    ("Your workspace is out of credits", Cause::Billing),
    ("You hit your spend cap", Cause::Billing),
    ("To use Codex with your ChatGPT plan", Cause::Billing),
    (
        "We're currently experiencing high demand",
        Cause::Overloaded,
    ),
    ("Selected model is at capacity", Cause::Overloaded),
    ("Connection failed: ", Cause::Unreachable),
    (
        "Error while reading the server response: ",
        Cause::Unreachable,
    ),
    ("request timed out", Cause::Unreachable),
    ("Request timed out", Cause::Unreachable),
    (
        "timeout waiting for child process to exit",
        Cause::Unreachable,
    ),
    ("Missing environment variable: ", Cause::Login),
    ("Your access token could not be refreshed", Cause::Login),
    ("Your session has ended", Cause::Login),
    (
        "Your authentication session could not be refreshed",
        Cause::Login,
    ),
    ("Failed to refresh token", Cause::Login),
    ("Access blocked by Cloudflare", Cause::Login),
];

/// How the service's message about an unknown model begins; the name follows.
const MODELS: [&str; 2] = ["The model ", "The requested model "];
/// What that message says about the model.
const DOES_NOT_EXIST: &str = " does not exist";

/// In the program's complaint if the session to resume does not exist.
const SESSION_GONE: &str = "no rollout found for thread id ";

/// How the program begins a complaint about its arguments or settings, and what that means.
const COMPLAINTS: [(&str, &str); 4] = [
    (
        "error: unexpected argument",
        "the installed `codex` is too old",
    ),
    (
        "error: unrecognized subcommand",
        "the installed `codex` is too old",
    ),
    ("error: invalid value", "the installed `codex` is too old"),
    (
        "Error loading config",
        "the settings of `codex` are invalid",
    ),
];

/// Returns the cause within an announcement of another try; `None` if the text is not one.
pub(crate) fn cause_of_retry(text: &str) -> Option<&str> {
    let (_, cause) = text.strip_prefix(RETRY)?.split_once(" (")?;
    Some(cause.strip_suffix(')').unwrap_or(cause))
}

/// Returns the meaning of an error.
pub(crate) fn of_error(text: &str, seen: &Seen) -> AgentEvent {
    let (cause, words) = cause_of(text);
    match cause {
        // The time is printed in words, in an unknown time zone.
        Cause::Limit => AgentEvent::RateLimited(LimitEnd::Unknown),
        Cause::Billing => AgentEvent::AuthFailed(format!(
            "the account of `codex` cannot pay for requests: {words}"
        )),
        Cause::Login => AgentEvent::AuthFailed(format!("`codex` was denied access: {words}")),
        Cause::Model => {
            let model = seen.model.as_deref().unwrap_or("default");
            AgentEvent::AuthFailed(format!(
                "model `{model}` is not available to `codex`: {words}"
            ))
        }
        Cause::Overloaded => AgentEvent::Overloaded(words),
        Cause::Unreachable => AgentEvent::Unreachable(words),
        Cause::ContextFull => AgentEvent::ContextFull,
        Cause::Task => AgentEvent::Failed(words),
    }
}

/// Returns what an error means, and its words.
fn cause_of(text: &str) -> (Cause, String) {
    let text = text.trim();
    if let Ok(error @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
        return of_object(&error, text);
    }
    let words = if text.is_empty() {
        "no reason given"
    } else {
        text
    };
    let status = STATUSES.iter().find_map(|start| text.strip_prefix(start));
    let cause = match status.and_then(number) {
        Some(status) => of_status(status),
        None => of_text(text),
    };
    (cause, words.to_owned())
}

fn of_text(text: &str) -> Cause {
    if let Some(rest) = text.strip_prefix(DISCONNECTED) {
        return listed(&AFTER_DISCONNECTED, rest).unwrap_or(Cause::Unreachable);
    }
    // The program prints nothing but the service's words for this one, although it has a status.
    let is_about_model = MODELS.iter().any(|start| text.starts_with(start));
    if is_about_model && text.contains(DOES_NOT_EXIST) {
        return Cause::Model;
    }
    listed(&TEXTS, text).unwrap_or(Cause::Task)
}

/// Returns what a status means.
///
/// A model that does not exist is a mistake in the configuration that every task would run into, so
/// it counts as rejected credentials.
const fn of_status(status: u64) -> Cause {
    match status {
        401 | 403 => Cause::Login,
        402 => Cause::Billing,
        404 => Cause::Model,
        413 => Cause::ContextFull,
        429 => Cause::Limit,
        500.. => Cause::Overloaded,
        _ => Cause::Task,
    }
}

/// Returns what the body of a rejected request means, and its words.
fn of_object(body: &Value, text: &str) -> (Cause, String) {
    let error = &body["error"];
    let words = error["message"].as_str().unwrap_or(text).to_owned();
    let codes = [&error["code"], &error["type"]];
    let cause = codes
        .into_iter()
        .filter_map(Value::as_str)
        .find_map(of_code);
    (cause.unwrap_or(Cause::Task), words)
}

/// Returns what an error code of the service means; `None` if it says nothing more than the status.
fn of_code(code: &str) -> Option<Cause> {
    Some(match code {
        "context_length_exceeded" => Cause::ContextFull,
        "insufficient_quota"
        | "billing_not_active"
        | "billing_hard_limit_reached"
        | "usage_not_included" => Cause::Billing,
        "invalid_api_key" | "account_deactivated" | "authentication_error" | "permission_error" => {
            Cause::Login
        }
        "model_not_found" | "not_found_error" => Cause::Model,
        "rate_limit_exceeded" | "rate_limit_error" | "usage_limit_reached" => Cause::Limit,
        "server_is_overloaded" | "slow_down" | "server_error" => Cause::Overloaded,
        _ => return None,
    })
}

fn listed(texts: &[(&str, Cause)], text: &str) -> Option<Cause> {
    let (_, cause) = texts.iter().find(|(start, _)| is_begun(text, start))?;
    Some(*cause)
}

/// Returns whether a text begins with these words, with a plain or a typographic apostrophe.
fn is_begun(text: &str, start: &str) -> bool {
    let mut chars = text.chars().map(|c| if c == '’' { '\'' } else { c });
    start.chars().all(|c| chars.next() == Some(c))
}

/// Returns the number at the start of a text.
fn number(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Returns the meaning of an exit without a completed or failed turn; `None` if the program simply
/// crashed.
pub(crate) fn without_result(exit: Exit, seen: &Seen) -> Option<AgentEvent> {
    if let Some(error) = &seen.error {
        return Some(of_error(error, seen));
    }
    if exit.code.is_none_or(|code| code == 0) {
        return None;
    }
    seen.complaints.iter().find_map(|line| of_complaint(line))
}

/// Returns the meaning of a line of standard error; `None` if it explains nothing.
fn of_complaint(line: &str) -> Option<AgentEvent> {
    let line = line.strip_prefix("Error: ").unwrap_or(line);
    if line.contains(SESSION_GONE) {
        return Some(AgentEvent::SessionGone);
    }
    COMPLAINTS
        .iter()
        .find(|(start, _)| line.starts_with(start))
        .map(|(_, meaning)| AgentEvent::AuthFailed(format!("{meaning}: {line}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Cause) {
        assert_eq!(cause_of(text).0, expected, "{text}");
    }

    #[test]
    fn statuses_are_read_where_the_program_prints_them() {
        for (status, cause) in [
            (400, Cause::Task),
            (401, Cause::Login),
            (402, Cause::Billing),
            (403, Cause::Login),
            (404, Cause::Model),
            (413, Cause::ContextFull),
            (429, Cause::Limit),
            (500, Cause::Overloaded),
            (503, Cause::Overloaded),
            (529, Cause::Overloaded),
        ] {
            check(
                &format!("unexpected status {status} Some Name: words, url: u"),
                cause,
            );
            check(
                &format!("exceeded retry limit, last status: {status} Some Name"),
                cause,
            );
        }
    }

    #[test]
    fn issue_429_the_services_words_are_not_searched() {
        check(
            "unexpected status 400 Bad Request: see unexpected status 401, #429",
            Cause::Task,
        );
        check("closed #429 and #401", Cause::Task);
        check(
            "stream disconnected before completion: status 401",
            Cause::Unreachable,
        );
        check(
            r#"{"error":{"message":"rate limit exceeded: 429","type":"invalid_request_error"}}"#,
            Cause::Task,
        );
        check("my model does not exist", Cause::Task);
    }

    /// Texts that a scripted service cannot cause; from the program's source.
    #[test]
    fn texts_that_were_not_recorded_are_understood() {
        check(
            "Your workspace is out of credits. Add credits to continue.",
            Cause::Billing,
        );
        check(
            "You hit your spend cap set by the owner of your workspace.",
            Cause::Billing,
        );
        check(
            "Your access token could not be refreshed because it has expired. Please log out and sign in again.",
            Cause::Login,
        );
        check(
            "Access blocked by Cloudflare. This usually happens",
            Cause::Login,
        );
        check(
            "Error while reading the server response: reset",
            Cause::Unreachable,
        );
        check(
            "stream disconnected before completion: Rate limit reached for gpt",
            Cause::Limit,
        );
        check(
            "The model `gpt-9` does not exist or you do not have access to it.",
            Cause::Model,
        );
    }

    #[test]
    fn codes_of_a_rejected_request_count() {
        let check_code = |code: &str, cause| {
            check(
                &serde_json::json!({"error": {"code": code, "message": "m"}}).to_string(),
                cause,
            );
            check(
                &serde_json::json!({"error": {"type": code, "message": "m"}}).to_string(),
                cause,
            );
        };
        check_code("context_length_exceeded", Cause::ContextFull);
        check_code("insufficient_quota", Cause::Billing);
        check_code("invalid_api_key", Cause::Login);
        check_code("model_not_found", Cause::Model);
        check_code("rate_limit_exceeded", Cause::Limit);
        check_code("slow_down", Cause::Overloaded);
        check_code("invalid_value", Cause::Task);
    }

    #[test]
    fn a_crash_is_not_explained() {
        let seen = Seen {
            complaints: vec!["thread 'main' panicked".into()],
            ..Seen::default()
        };
        assert_eq!(without_result(Exit::default().code(101), &seen), None);
        let gone = Seen {
            complaints: vec!["Error: no rollout found for thread id x".into()],
            ..Seen::default()
        };
        assert_eq!(
            without_result(Exit::default().code(1), &gone),
            Some(AgentEvent::SessionGone)
        );
        assert_eq!(without_result(Exit::default().code(0), &gone), None);
        assert_eq!(without_result(Exit::default().signal(9), &gone), None);
    }
}
