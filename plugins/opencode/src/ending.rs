//! Determines how a run ended.
//!
//! The program prints errors as typed records, with the HTTP status if there was an answer, and
//! exits with 1 after any of them. Before that it tries a request five times more, for about a
//! minute or as long as the service demands; there is no setting for that.
//!
//! | reported | meaning |
//! | --- | --- |
//! | `ContextOverflowError`, 413 | the conversation no longer fits |
//! | `ProviderAuthError`, 401, 403 | the service rejects the credentials |
//! | 402, 429 with the code of a used-up quota | the account has no credit |
//! | 429 | the account's limit, until the time in the headers |
//! | 404, `ProviderModelNotFoundError` | no such model: our configuration is wrong for every task, so it counts as rejected credentials |
//! | 500 and above | the service |
//! | an error that can be retried, without a status | the network |
//! | `UnknownError` with the number of a log entry, before the first answer | most likely no such model, which counts as above |
//! | `MessageAbortedError` | interrupted; nothing by itself |
//! | any other error | a failure of the task |

use autoissue_plugin_sdk::{AgentEvent, Exit, LimitEnd};
use serde_json::Value;

/// Codes and types in the body of a refused request that mean that the account has no credit.
const NO_CREDIT: [&str; 4] = [
    "insufficient_quota",
    "billing_error",
    "billing_not_active",
    "CreditsError",
];
/// Start of the only sign of an account without credit in Anthropic's answers.
const LOW_CREDIT: &str = "Your credit balance is too low";
/// Code in the body of a request that is too long.
const TOO_LONG: &str = "context_length_exceeded";
/// Line that the program prints if another one uses its database.
const LOCKED: &str = "database is locked";
/// Line that the program prints if the session to resume does not exist.
const SESSION_GONE: &str = "Session not found";
/// Start of the help that the program prints if it does not know an option.
const USAGE: &str = "opencode run [message..]";
/// Message if there is no connection to the service at all. The program has no field for it.
const NO_CONNECTION: &str =
    "Cannot connect to API: Unable to connect. Is the computer able to access the url?";
/// What surrounds the name of a permission that nobody can give.
const REJECTED: (&str, &str) = ("permission requested: ", "auto-rejecting");

/// Times from here on are in milliseconds, not seconds: as seconds this is the year 5138.
const MILLISECONDS_MIN: u64 = 100_000_000_000;

/// An error that the program reports.
#[derive(Debug)]
pub(crate) struct Failure<'a> {
    name: &'a str,
    data: &'a Value,
    /// Body of the service's answer.
    body: Value,
}

impl<'a> Failure<'a> {
    /// Returns the error of a line; `None` if it has no name.
    pub(crate) fn of(error: &'a Value) -> Option<Self> {
        let data = &error["data"];
        let body = data["responseBody"].as_str().unwrap_or_default();
        Some(Self {
            name: error["name"].as_str()?,
            data,
            body: serde_json::from_str(body).unwrap_or_default(),
        })
    }

    /// Returns what it means for the run; `None` if the run was interrupted.
    pub(crate) fn meaning(&self) -> Option<AgentEvent> {
        let words = self.words();
        Some(match self.name {
            "MessageAbortedError" => return None,
            "ContextOverflowError" => AgentEvent::ContextFull,
            "ProviderAuthError" => denied(&words),
            "ProviderModelNotFoundError" | "ProviderInitError" => not_available(&words),
            "APIError" => self.of_service(words),
            _ => AgentEvent::Failed(words),
        })
    }

    /// Returns whether the program itself failed: it only prints the number of an entry of its log.
    pub(crate) fn is_internal(&self) -> bool {
        self.name == "UnknownError" && self.data["ref"].is_string()
    }

    /// Returns whether the failed request costs nothing: it was refused, or never sent.
    pub(crate) fn is_free(&self) -> bool {
        let data = self.data;
        match self.name {
            "APIError" => data["statusCode"].is_u64() || data["message"] == NO_CONNECTION,
            "MessageAbortedError" => false,
            _ => true,
        }
    }

    pub(crate) fn words(&self) -> String {
        let message = self.data["message"].as_str().unwrap_or_default().trim();
        if message.is_empty() {
            self.name.to_owned()
        } else {
            message.to_owned()
        }
    }

    /// Returns the meaning of an error of the service.
    ///
    /// An account without credit counts as rejected credentials, not as limited: waiting will not
    /// fix it, so the session is interrupted with one clear error.
    fn of_service(&self, words: String) -> AgentEvent {
        if self.has_no_credit(&words) {
            return AgentEvent::AuthFailed(format!(
                "the account of `opencode` has a billing problem: {words}"
            ));
        }
        match self.data["statusCode"].as_u64() {
            Some(401 | 403) => denied(&words),
            Some(404) => not_available(&words),
            Some(413) => AgentEvent::ContextFull,
            Some(429) => AgentEvent::RateLimited(self.limit_end()),
            Some(408 | 500..) => AgentEvent::Overloaded(words),
            Some(_) if self.has_code(&[TOO_LONG]) => AgentEvent::ContextFull,
            None if self.data["isRetryable"] == true => AgentEvent::Unreachable(words),
            _ => AgentEvent::Failed(words),
        }
    }

    fn has_no_credit(&self, words: &str) -> bool {
        let status = self.data["statusCode"].as_u64();
        status == Some(402)
            || self.has_code(&NO_CREDIT)
            || (status == Some(400) && words.starts_with(LOW_CREDIT))
    }

    /// Returns whether the answer has one of these codes or types.
    fn has_code(&self, codes: &[&str]) -> bool {
        let error = &self.body["error"];
        let found = [&error["code"], &error["type"], &self.body["type"]];
        found
            .into_iter()
            .filter_map(Value::as_str)
            .any(|code| codes.contains(&code))
    }

    /// Returns when the limit ends, from the headers of the answer.
    fn limit_end(&self) -> LimitEnd {
        let header = |name: &str| self.data["responseHeaders"][name].as_str();
        let number = |name: &str| header(name)?.trim().parse::<f64>().ok();
        let seconds = number("retry-after")
            .or_else(|| number("retry-after-ms").map(|milliseconds| milliseconds / 1e3));
        if let Some(seconds) = seconds.and_then(whole_seconds) {
            return LimitEnd::InS(seconds);
        }
        let reset = header("anthropic-ratelimit-unified-reset");
        let reset = reset.and_then(|time| time.trim().parse().ok());
        reset.map_or(LimitEnd::Unknown, |time| LimitEnd::AtMs(milliseconds(time)))
    }
}

/// Returns the seconds, rounded up; `None` if they are not a duration.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
fn whole_seconds(seconds: f64) -> Option<u64> {
    (0.0..1e9).contains(&seconds).then(|| seconds.ceil() as u64)
}

/// Converts a time since the Unix epoch, in seconds or milliseconds, to milliseconds.
const fn milliseconds(time: u64) -> u64 {
    if time < MILLISECONDS_MIN {
        1_000 * time
    } else {
        time
    }
}

fn denied(words: &str) -> AgentEvent {
    AgentEvent::AuthFailed(format!("`opencode` was denied access: {words}"))
}

fn not_available(words: &str) -> AgentEvent {
    AgentEvent::AuthFailed(format!("the model is not available to `opencode`: {words}"))
}

/// Returns the meaning of an internal error before the first answer. It is what the program reports
/// for an unknown model or provider.
pub(crate) fn cannot_start(model: Option<&str>, words: &str) -> AgentEvent {
    let model = model.unwrap_or("default");
    AgentEvent::AuthFailed(format!(
        "`opencode` cannot run with model `{model}` (`opencode models` lists the known ones): {words}"
    ))
}

/// Returns the permission that was rejected according to a line of standard error.
pub(crate) fn rejected(line: &str) -> Option<&str> {
    let (start, end) = REJECTED;
    let (_, rest) = line.strip_suffix(end)?.split_once(start)?;
    rest.split(' ').next().filter(|name| !name.is_empty())
}

/// Returns the meaning of an exit without any output; `None` if the program simply crashed.
pub(crate) fn without_output(
    exit: Exit,
    resumes: bool,
    complaints: &[String],
) -> Option<AgentEvent> {
    if exit.code != Some(1) {
        return None;
    }
    let has = |text: &str| complaints.iter().find(|line| line.ends_with(text));
    if resumes && has(SESSION_GONE).is_some() {
        return Some(AgentEvent::SessionGone);
    }
    if complaints.first().is_some_and(|line| line == USAGE) {
        return Some(AgentEvent::AuthFailed(
            "the installed `opencode` does not know an option of this backend: install another release".into(),
        ));
    }
    // It did not start, so this has nothing to do with the task.
    has(LOCKED).map(|line| AgentEvent::Overloaded(format!("`opencode` did not start: {line}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(error: &Value, expected: Option<AgentEvent>) {
        let failure = Failure::of(error).expect("it has a name");
        assert_eq!((failure.meaning(), error), (expected, error));
    }

    fn refused(status: u64, body: &Value) -> Value {
        let body = body.to_string();
        json!({"name": "APIError", "data": {"message": "no", "statusCode": status, "isRetryable": false, "responseBody": body}})
    }

    fn limited(headers: &Value) -> Value {
        json!({"name": "APIError", "data": {"message": "no", "statusCode": 429, "isRetryable": true, "responseHeaders": headers}})
    }

    #[test]
    fn statuses_are_told_apart() {
        let denied = |text: &str| Some(AgentEvent::AuthFailed(text.into()));
        for (status, expected) in [
            (400, Some(AgentEvent::Failed("no".into()))),
            (401, denied("`opencode` was denied access: no")),
            (
                402,
                denied("the account of `opencode` has a billing problem: no"),
            ),
            (403, denied("`opencode` was denied access: no")),
            (404, denied("the model is not available to `opencode`: no")),
            (413, Some(AgentEvent::ContextFull)),
            (429, Some(AgentEvent::RateLimited(LimitEnd::Unknown))),
            (500, Some(AgentEvent::Overloaded("no".into()))),
            (529, Some(AgentEvent::Overloaded("no".into()))),
        ] {
            check(&refused(status, &json!({})), expected);
        }
    }

    #[test]
    fn an_account_without_credit_is_not_merely_limited() {
        for code in NO_CREDIT {
            for body in [
                json!({"error": {"code": code}}),
                json!({"error": {"type": code}}),
                json!({"type": code}),
            ] {
                let error = refused(429, &body);
                let meaning = Failure::of(&error).and_then(|failure| failure.meaning());
                assert!(
                    matches!(meaning, Some(AgentEvent::AuthFailed(_))),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn issue_403_numbers_in_words_mean_nothing() {
        let words = "closed #403 and #429: quota, rate limit, context_length_exceeded";
        for name in ["UnknownError", "APIError"] {
            let error = json!({"name": name, "data": {"message": words, "isRetryable": false}});
            check(&error, Some(AgentEvent::Failed(words.into())));
        }
    }

    #[test]
    fn the_end_of_a_limit_is_read_from_the_headers() {
        for (headers, expected) in [
            (json!({"retry-after": "30"}), LimitEnd::InS(30)),
            (json!({"retry-after": "1.5"}), LimitEnd::InS(2)),
            (json!({"retry-after-ms": "1500"}), LimitEnd::InS(2)),
            (json!({"retry-after": "-1"}), LimitEnd::Unknown),
            (json!({"retry-after": "soon"}), LimitEnd::Unknown),
            (json!({"retry-after": "1e300"}), LimitEnd::Unknown),
            (
                json!({"anthropic-ratelimit-unified-reset": "1790000000"}),
                LimitEnd::AtMs(1_790_000_000_000),
            ),
            (json!({}), LimitEnd::Unknown),
            (Value::Null, LimitEnd::Unknown),
        ] {
            check(&limited(&headers), Some(AgentEvent::RateLimited(expected)));
        }
    }

    #[test]
    fn a_conversation_that_no_longer_fits_is_recognised() {
        let named = json!({"name": "ContextOverflowError", "data": {"message": "no"}});
        check(&named, Some(AgentEvent::ContextFull));
        let coded = refused(400, &json!({"error": {"code": "context_length_exceeded"}}));
        check(&coded, Some(AgentEvent::ContextFull));
    }

    #[test]
    fn errors_of_the_network_have_no_status() {
        let error = json!({"name": "APIError", "data": {"message": "no", "isRetryable": true}});
        check(&error, Some(AgentEvent::Unreachable("no".into())));
    }

    #[test]
    fn an_interrupted_run_is_explained_by_the_host() {
        let error = json!({"name": "MessageAbortedError", "data": {"message": "Aborted"}});
        check(&error, None);
    }

    #[test]
    fn an_error_without_a_message_is_known_by_its_name() {
        let error = json!({"name": "MessageOutputLengthError", "data": {}});
        check(
            &error,
            Some(AgentEvent::Failed("MessageOutputLengthError".into())),
        );
        assert!(Failure::of(&json!({"message": "x"})).is_none());
    }

    #[test]
    fn a_session_is_gone_only_if_one_was_to_be_resumed() {
        let lines = ["Error: Session not found".to_owned()];
        let exit = |code| Exit::default().code(code);
        assert_eq!(
            without_output(exit(1), true, &lines),
            Some(AgentEvent::SessionGone)
        );
        assert_eq!(without_output(exit(1), false, &lines), None);
        assert_eq!(without_output(exit(0), true, &lines), None);
        assert_eq!(without_output(exit(1), true, &[]), None);
    }

    #[test]
    fn an_option_that_is_unknown_is_a_problem_of_the_installation() {
        let lines = [USAGE, "Options:"].map(String::from);
        let end = without_output(Exit::default().code(1), false, &lines);
        assert!(matches!(end, Some(AgentEvent::AuthFailed(_))), "{end:?}");
    }

    #[test]
    fn a_locked_database_is_a_problem_that_passes() {
        let lines = ["Error: Unexpected error", "database is locked"].map(String::from);
        let end = without_output(Exit::default().code(1), false, &lines);
        assert!(matches!(end, Some(AgentEvent::Overloaded(_))), "{end:?}");
    }
}
