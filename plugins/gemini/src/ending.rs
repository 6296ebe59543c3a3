//! Determines how a run ended.
//!
//! `status: "success"` is also printed after a denied tool, after a detected loop, and if the
//! conversation no longer fits; a refusal exits with 0. So success needs more: no error was
//! reported since the model's last answer, and there is an answer.
//!
//! The exit code of a failed request is its HTTP status modulo 256, which looks like a signal
//! (400 is 144). It is only read as a status if the program has printed a result with an error.
//!
//! | reported | meaning |
//! | --- | --- |
//! | exit code 53, `FatalTurnLimitedError`, or the error about session turns | turn limit |
//! | success without an answer | the conversation no longer fits: the program then stops silently |
//! | success after an error, for example a detected loop | a failure of the task |
//! | an error without a type, and exit code 0 | the model refuses: a failure of the task |
//! | 400 because of the key, 401, 402, 403 | the account; see [`of_status`] |
//! | 400 because of the number of tokens, 413 | the conversation no longer fits |
//! | 404 | no such model: our configuration is wrong for every task, so it counts as rejected credentials |
//! | 429 | the account's limit; if the limit is zero, the account |
//! | 408, 499, 500 and above | the service |
//! | a request that got no response | the network |
//! | exit code 42 before any output, with a session to resume | that session is gone |
//! | exit code 41 | no login |
//! | exit codes 44, 52, 55 | sandbox, settings, trust: wrong for every task |
//! | any other error | a failure of the task |

use std::time::Duration;

use autoissue_plugin_sdk::{AgentEvent, Exit, LimitEnd};
use serde_json::Value;

/// Exit codes of the program itself.
const NOT_AUTHENTICATED: i32 = 41;
const BAD_INPUT: i32 = 42;
const BAD_SANDBOX: i32 = 44;
const BAD_SETTINGS: i32 = 52;
const TURN_LIMIT: i32 = 53;
const NOT_TRUSTED: i32 = 55;

/// Statuses that a failed request can have. No two are equal modulo 256, and none is then one of
/// the program's own codes.
const STATUSES: [u16; 14] = [
    400, 401, 402, 403, 404, 408, 413, 429, 499, 500, 502, 503, 504, 529,
];

/// Frame around the message of a failed request.
const API_ERROR: (&str, char) = ("[API Error: ", ']');
/// Start of the line of standard error about a failed request, which names the kind of error.
const REPORT: &str = "Error when talking to Gemini API";
/// End of the report's path, after which the kind of error follows.
const REPORT_FILE: &str = ".json ";
/// Kind of error for a model that does not exist; it is the only one whose status is lost.
const NO_SUCH_MODEL: &str = "ModelNotFoundError";
/// Start of the message for a request that got no response.
const NO_RESPONSE: &str = "exception TypeError: fetch failed";
/// Message of the error event for the limit of a session's turns.
const TURNS_EXCEEDED: &str = "Maximum session turns exceeded";
/// Start of the service's message about a conversation that is too long; it is an ordinary 400.
const TOO_MANY_TOKENS: &str = "The input token count";
/// Start of the service's message about a wrong key, in responses without typed details.
const BAD_KEY: &str = "API key not valid";
/// Start of the service's message if a model has no free capacity, which is an ordinary 429.
const NO_CAPACITY: &str = "No capacity available";
/// The service's words for a limit of zero, for example of a model that is not part of the free
/// plan. Waiting does not help. The program itself distinguishes it by these words.
const ZERO_LIMIT: &str = "limit: 0";
/// Start of what the program prints if it does not know an argument.
const UNKNOWN_ARGUMENT: &str = "Unknown argument";
/// Parts of a line of standard error about a failed request that is repeated: `Attempt 2 failed with
/// status 503. Retrying with backoff...`. The program reports it nowhere else.
const ATTEMPT: &str = "Attempt ";
const FAILED: &str = " failed";
const WITH_STATUS: &str = " with status ";
/// Start of what the program prints if it cannot start its sandbox, in some cases with exit code 1.
const SANDBOX_ERROR: &str = "FatalSandboxError";
const NO_SANDBOX: &str = "the sandbox of `gemini` does not work";
/// Words before the time until a limit ends; there is no field for it.
const RETRY_AFTER: [&str; 3] = [
    "Suggested retry after ",
    "Please retry in ",
    "quota will reset after ",
];

/// A key and an address alone are no login for the program: it takes the address for a gateway.
const CHOOSE_A_LOGIN: &str = "Run `gemini` once and choose how to log in";
/// Start of a line about the machine that explains nothing.
const WARNING: &str = "Warning: ";

/// Length of an explanation, in lines of standard error.
const N_EXPLAINING_LINES: usize = 3;

/// An error, as reported in a result.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Kind of error: a class of the program, or `unknown`.
    kind: String,
    message: String,
}

/// What a run has reported before its end.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Requested model.
    pub(crate) model: Option<String>,
    /// Whether it should resume a session.
    pub(crate) resumes: bool,
    /// Whether it printed any line of its own format.
    pub(crate) any_json: bool,
    /// Message of the newest error event, if the model has not answered since.
    pub(crate) warning: Option<String>,
    /// Lines of standard error.
    pub(crate) complaints: Vec<String>,
}

/// What a result means.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Known.
    Event(AgentEvent),
    /// Not known before the exit code is.
    Problem(Problem),
}

/// Returns the meaning of a result line, after a turn with this answer; `None` if the turn was
/// empty.
pub(crate) fn of_result(result: &Value, answer: Option<&str>, seen: &Seen) -> Ending {
    let error = &result["error"];
    if error.is_object() {
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        return Ending::Problem(Problem {
            kind: text("type"),
            message: text("message"),
        });
    }
    let is_success = result["status"] == "success";
    Ending::Event(match (&seen.warning, answer) {
        (Some(warning), _) if warning == TURNS_EXCEEDED => AgentEvent::TurnsReached,
        (Some(warning), _) => AgentEvent::Failed(warning.clone()),
        (None, Some(answer)) if is_success => AgentEvent::Done(Some(answer.to_owned())),
        (None, None) if is_success => AgentEvent::ContextFull,
        _ => AgentEvent::Failed("no reason given".into()),
    })
}

/// Returns the meaning of an error that a result reported.
pub(crate) fn of_problem(problem: &Problem, exit: Exit, seen: &Seen) -> AgentEvent {
    match problem.kind.as_str() {
        "FatalTurnLimitedError" => return AgentEvent::TurnsReached,
        "FatalAuthenticationError" => return denied_access(&problem.message),
        _ => {}
    }
    let words = problem.words();
    let body: Value = serde_json::from_str(words).unwrap_or_default();
    let message = body["error"]["message"].as_str().unwrap_or(words).trim();
    match status(&body, exit, seen) {
        Some(status) => of_status(status, &body["error"], message, seen),
        None if message.starts_with(NO_RESPONSE) => AgentEvent::Unreachable(message.into()),
        None => AgentEvent::Failed(message.into()),
    }
}

/// Returns the meaning of a failed request.
///
/// An account that may not use a model at all counts as rejected credentials, not as limited:
/// waiting will not fix it, and a session that waits for hours looks as if it were working. So the
/// session is interrupted with one clear error.
fn of_status(status: u16, error: &Value, message: &str, seen: &Seen) -> AgentEvent {
    match status {
        400 if message.starts_with(TOO_MANY_TOKENS) => AgentEvent::ContextFull,
        400 if is_about_account(error, message) => denied_access(message),
        401..=403 => denied_access(message),
        404 => {
            let model = seen.model.as_deref().unwrap_or("default");
            AgentEvent::AuthFailed(format!(
                "model `{model}` is not available to `gemini`: {message}"
            ))
        }
        413 => AgentEvent::ContextFull,
        429 if message.starts_with(NO_CAPACITY) => AgentEvent::Overloaded(message.into()),
        429 if is_zero_limit(message) => denied_access(message),
        429 => AgentEvent::RateLimited(limit_end(error, message)),
        408 | 499.. => AgentEvent::Overloaded(message.into()),
        _ => AgentEvent::Failed(message.into()),
    }
}

/// Returns the meaning of an exit without a result; `None` if the program simply crashed.
pub(crate) fn without_result(exit: Exit, seen: &Seen) -> Option<AgentEvent> {
    if seen.any_json {
        return (exit.code == Some(TURN_LIMIT)).then_some(AgentEvent::TurnsReached);
    }
    let words = explanation(&seen.complaints);
    let broken_by = |what: &str, why: &str| AgentEvent::AuthFailed(format!("{what}: {why}"));
    let broken = |what: &str| broken_by(what, &words);
    let begins = |with: &str| seen.complaints.iter().find(|line| line.starts_with(with));
    match exit.code? {
        NOT_AUTHENTICATED => Some(AgentEvent::AuthFailed(format!(
            "`gemini` is not logged in: {words}. {CHOOSE_A_LOGIN}"
        ))),
        BAD_INPUT if seen.resumes => Some(AgentEvent::SessionGone),
        // A retry has its own session id, so this concerns only the current attempt.
        BAD_INPUT => Some(AgentEvent::Failed(format!(
            "`gemini` did not start: {words}"
        ))),
        BAD_SANDBOX => Some(broken(NO_SANDBOX)),
        BAD_SETTINGS => Some(broken("the settings of `gemini` are wrong")),
        NOT_TRUSTED => Some(broken("the installed `gemini` cannot run without trust")),
        1 => begins(UNKNOWN_ARGUMENT)
            .map(|line| broken_by("the installed `gemini` is too old", line))
            .or_else(|| begins(SANDBOX_ERROR).map(|line| broken_by(NO_SANDBOX, line))),
        _ => None,
    }
}

/// A failed request that the program will repeat, as announced on standard error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Retry<'a> {
    /// Number of attempts so far.
    pub(crate) n_attempts: u32,
    why: Why<'a>,
}

#[derive(Debug, PartialEq, Eq)]
enum Why<'a> {
    Status(u16),
    /// Of a kind that limits an account, or the service as a whole.
    Limit(&'a str),
    Other(&'a str),
}

/// Reads a line of standard error about a failed request.
pub(crate) fn retry(line: &str) -> Option<Retry<'_>> {
    let (number, rest) = line.strip_prefix(ATTEMPT)?.split_once(FAILED)?;
    let n_attempts = number.parse().ok()?;
    let status = || {
        rest.strip_prefix(WITH_STATUS)?
            .split_once('.')?
            .0
            .parse()
            .ok()
    };
    let why = match (status(), rest.strip_prefix(": ")) {
        (Some(status), _) => Why::Status(status),
        (None, Some(message)) => Why::Limit(message),
        (None, None) => Why::Other(rest.split_once("Error: ").map_or(rest, |(_, words)| words)),
    };
    Some(Retry { n_attempts, why })
}

/// Longest time until a limit ends that is taken from standard error, in seconds: one day.
const RETRY_S_MAX: u64 = 86_400;

/// Returns the meaning of a request that failed too often.
pub(crate) fn of_retry(retry: &Retry<'_>, seen: &Seen) -> AgentEvent {
    let words = |what: &str| {
        let n = retry.n_attempts;
        format!("the `gemini` API refused {n} requests in a row ({what})")
    };
    // The time is on the next line, and the same as after the previous attempt.
    let limited = || {
        let end = limit_end(&Value::Null, &seen.complaints.join("\n"));
        AgentEvent::RateLimited(match end {
            LimitEnd::InS(s) => LimitEnd::InS(s.min(RETRY_S_MAX)),
            end => end,
        })
    };
    match retry.why {
        Why::Status(429) => limited(),
        Why::Status(status) => {
            let what = format!("status {status}");
            match of_status(status, &Value::Null, &words(&what), seen) {
                // Such a line can also be in the error of a tool, in the words of an issue: it must
                // not stop the session.
                AgentEvent::AuthFailed(message) => AgentEvent::Overloaded(message),
                event => event,
            }
        }
        Why::Limit(message) if message.starts_with(NO_CAPACITY) => {
            AgentEvent::Overloaded(message.into())
        }
        Why::Limit(_) => limited(),
        Why::Other(message) => AgentEvent::Unreachable(words(message)),
    }
}

fn denied_access(message: &str) -> AgentEvent {
    AgentEvent::AuthFailed(format!("`gemini` was denied access: {message}"))
}

/// Returns whether an ordinary 400 rejects the key, or every request of this account.
fn is_about_account(error: &Value, message: &str) -> bool {
    let is_of_key = |detail: &Value| detail["reason"] == "API_KEY_INVALID";
    details(error).any(is_of_key)
        || error["status"] == "FAILED_PRECONDITION"
        || message.starts_with(BAD_KEY)
}

fn is_zero_limit(message: &str) -> bool {
    message.split_once(ZERO_LIMIT).is_some_and(|(_, rest)| {
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        !rest.starts_with(|c: char| c.is_ascii_digit())
    })
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error["details"].as_array().into_iter().flatten()
}

/// Returns the HTTP status of a failed request: the one in the service's response, or the one in
/// the exit code.
fn status(body: &Value, exit: Exit, seen: &Seen) -> Option<u16> {
    let in_body = body["error"]["code"].as_u64();
    let in_exit = || {
        let code = u16::try_from(exit.code?).ok()?;
        STATUSES.into_iter().find(|status| status % 256 == code)
    };
    let in_report = || {
        let kind = seen.complaints.iter().rev().find_map(|line| kind_in(line));
        (kind == Some(NO_SUCH_MODEL)).then_some(404)
    };
    in_body
        .and_then(|status| u16::try_from(status).ok())
        .or_else(in_exit)
        .or_else(in_report)
}

/// Returns the kind of error that a line about a failed request names.
fn kind_in(line: &str) -> Option<&str> {
    let report = line.strip_prefix(REPORT)?;
    let (_, kind) = report.split_once(REPORT_FILE)?;
    let (kind, _) = kind.split_once(':')?;
    Some(kind.trim_start_matches('_'))
}

/// Returns when a limit ends.
fn limit_end(error: &Value, message: &str) -> LimitEnd {
    let delay = details(error).find_map(|detail| detail["retryDelay"].as_str());
    let in_words = || {
        RETRY_AFTER.iter().find_map(|before| {
            let (_, after) = message.rsplit_once(before)?;
            after.split_whitespace().next()
        })
    };
    delay
        .or_else(in_words)
        .and_then(seconds)
        .map_or(LimitEnd::Unknown, LimitEnd::InS)
}

/// Returns the whole seconds of a duration such as `34.07s`, `900ms` or `1h18m54s`, rounded up.
fn seconds(duration: &str) -> Option<u64> {
    let mut rest = duration.trim_end_matches(['.', ',']);
    let mut total = 0.0;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let number: f64 = rest.get(..unit)?.parse().ok()?;
        rest = rest.get(unit..)?;
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        total += number
            * match rest.get(..end)? {
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 0.001,
                _ => return None,
            };
        rest = rest.get(end..)?;
    }
    // Longer than any limit: such a number is not meant.
    let total = Some(total).filter(|total| (f64::MIN_POSITIVE..1e8).contains(total))?;
    Some(Duration::try_from_secs_f64(total.ceil()).ok()?.as_secs())
}

/// Returns the last lines of standard error as one.
fn explanation(complaints: &[String]) -> String {
    let lines = complaints.iter().filter(|line| !line.starts_with(WARNING));
    let mut last: Vec<&str> = lines
        .rev()
        .take(N_EXPLAINING_LINES)
        .map(String::as_str)
        .collect();
    last.reverse();
    if last.is_empty() {
        "no reason given".into()
    } else {
        last.join("; ").trim_end_matches('.').to_owned()
    }
}

impl Problem {
    /// Returns the message without its frame, and without the advice that follows it.
    fn words(&self) -> &str {
        let (start, end) = API_ERROR;
        self.message
            .strip_prefix(start)
            .and_then(|rest| rest.rsplit_once(end))
            .map_or(self.message.as_str(), |(words, _)| words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_statuses_have_the_same_exit_code() {
        let mut codes: Vec<u16> = STATUSES.iter().map(|status| status % 256).collect();
        codes.extend([41, 42, 44, 52, 53, 54, 55, 130, 0, 1]);
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), STATUSES.len() + 10);
    }

    #[test]
    fn durations_are_rounded_up_to_seconds() {
        for (text, expected) in [
            ("34.07s", Some(35)),
            ("34.07s.", Some(35)),
            ("900ms", Some(1)),
            ("1h18m54s", Some(4_734)),
            ("60s", Some(60)),
            ("60", None),
            ("", None),
            ("0s", None),
            ("soon", None),
            ("1.2.3s", None),
            ("5d", None),
            ("99999999999999h", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_limit_of_zero_is_not_a_larger_one() {
        for (text, expected) in [
            ("limit: 0", true),
            ("limit: 0, model: gemini-3-pro", true),
            ("limit: 0.", true),
            ("limit: 05", false),
            ("limit: 0.5", false),
            ("limit: 250", false),
            ("", false),
        ] {
            assert_eq!(is_zero_limit(text), expected, "{text}");
        }
    }

    fn check(message: &str, code: i32, expected: &AgentEvent) {
        let problem = Problem {
            kind: "unknown".into(),
            message: message.into(),
        };
        let seen = Seen::default();
        let found = of_problem(&problem, Exit::default().code(code), &seen);
        assert_eq!(&found, expected, "{message} {code}");
    }

    #[test]
    fn issue_403_numbers_in_words_mean_nothing() {
        let words = "[API Error: closed #403 and #429, 401 lines]";
        let failed = AgentEvent::Failed("closed #403 and #429, 401 lines".into());
        check(words, 1, &failed);
        check(words, 144, &failed);
    }

    #[test]
    fn limits_end_when_the_service_says() {
        let in_s = |seconds| AgentEvent::RateLimited(LimitEnd::InS(seconds));
        let advice = "\nPlease wait and try again later.";
        check(
            &format!("[API Error: too fast\nSuggested retry after 60s.]{advice}"),
            173,
            &in_s(60),
        );
        check("[API Error: Please retry in 34.07s.]", 173, &in_s(35));
        check(
            "[API Error: Your quota will reset after 1h18m54s.]",
            173,
            &in_s(4_734),
        );
        let typed =
            r#"[API Error: {"error":{"code":429,"message":"x","details":[{"retryDelay":"7s"}]}}]"#;
        check(typed, 1, &in_s(7));
        check(
            "[API Error: You have exhausted your daily quota on this model.]",
            173,
            &AgentEvent::RateLimited(LimitEnd::Unknown),
        );
    }

    #[test]
    fn waiting_does_not_help_an_account_without_any_quota() {
        let words = "Quota exceeded, limit: 0, model: gemini-3-pro";
        let expected = AgentEvent::AuthFailed(format!("`gemini` was denied access: {words}"));
        check(&format!("[API Error: {words}]"), 173, &expected);
    }

    #[test]
    fn a_400_may_be_about_the_key_or_the_length() {
        let body = |message: &str, more: &str| {
            format!(r#"[API Error: {{"error":{{"code":400,"message":"{message}"{more}}}}}]"#)
        };
        let denied =
            |words: &str| AgentEvent::AuthFailed(format!("`gemini` was denied access: {words}"));
        let key = r#","details":[{"reason":"API_KEY_INVALID"}]"#;
        check(&body("x", key), 144, &denied("x"));
        check(
            &body("API key not valid. Please pass a valid API key.", ""),
            144,
            &denied("API key not valid. Please pass a valid API key."),
        );
        let location = r#","status":"FAILED_PRECONDITION""#;
        check(&body("not here", location), 144, &denied("not here"));
        check(
            &body("The input token count (9) exceeds the maximum", ""),
            144,
            &AgentEvent::ContextFull,
        );
        check(&body("wrong", ""), 144, &AgentEvent::Failed("wrong".into()));
    }

    #[test]
    fn every_status_is_read_from_the_exit_code() {
        for (status, name) in [
            (400, "Failed"),
            (401, "AuthFailed"),
            (402, "AuthFailed"),
            (403, "AuthFailed"),
            (404, "AuthFailed"),
            (413, "ContextFull"),
            (429, "RateLimited"),
            (499, "Overloaded"),
            (500, "Overloaded"),
            (503, "Overloaded"),
            (529, "Overloaded"),
        ] {
            let problem = Problem {
                kind: "unknown".into(),
                message: "[API Error: x]".into(),
            };
            let exit = Exit::default().code(status % 256);
            let found = format!("{:?}", of_problem(&problem, exit, &Seen::default()));
            assert!(found.starts_with(name), "{status} {found}");
        }
    }

    #[test]
    fn an_exit_before_any_output_is_explained_by_its_code() {
        let check = |code: i32, resumes, expected: &str| {
            let complaints = vec!["Unknown argument: x".to_owned(), "why".to_owned()];
            let seen = Seen {
                resumes,
                complaints,
                ..Seen::default()
            };
            let found = without_result(Exit::default().code(code), &seen);
            let found = found.map_or_else(|| "None".to_owned(), |event| format!("{event:?}"));
            assert!(found.starts_with(expected), "{code} {found}");
        };
        check(
            41,
            false,
            "AuthFailed(\"`gemini` is not logged in: Unknown argument: x; why. Run",
        );
        check(42, false, "Failed(");
        check(42, true, "SessionGone");
        check(44, false, "AuthFailed(\"the sandbox");
        check(52, false, "AuthFailed(\"the settings");
        check(55, false, "AuthFailed(\"the installed `gemini` cannot run");
        check(1, false, "AuthFailed(\"the installed `gemini` is too old");
        check(144, false, "None");
        check(0, false, "None");
        let seen = Seen::default();
        let killed = Exit::default().signal(9);
        assert_eq!(without_result(killed, &seen), None);
        assert_eq!(without_result(Exit::default().code(1), &seen), None);
    }

    #[test]
    fn repeated_requests_are_told_apart() {
        let seen = Seen {
            complaints: vec!["Suggested retry after 34.5s.. Retrying after 5123ms...".into()],
            ..Seen::default()
        };
        for (line, n, expected) in [
            (
                "Attempt 3 failed with status 503. Retrying with backoff... x",
                3,
                "Overloaded",
            ),
            (
                "Attempt 1 failed with status 429. Retrying with backoff... x",
                1,
                "RateLimited(InS(35))",
            ),
            (
                "Attempt 3 failed with status 401. Retrying with backoff... x",
                3,
                "Overloaded",
            ),
            (
                "Attempt 2 failed: Resource exhausted.",
                2,
                "RateLimited(InS(35))",
            ),
            (
                "Attempt 2 failed: No capacity available for model x",
                2,
                "Overloaded",
            ),
            (
                "Attempt 4 failed. Retrying with backoff... Error: exception TypeError",
                4,
                "Unreachable",
            ),
            (
                "Attempt 4 failed with 5xx error. Retrying",
                4,
                "Unreachable",
            ),
        ] {
            let found = retry(line).expect(line);
            let event = format!("{:?}", of_retry(&found, &seen));
            assert!(
                found.n_attempts == n && event.starts_with(expected),
                "{line}: {event}"
            );
        }
        for line in [
            "Attempt x failed.",
            "Attempts 3 failed",
            "",
            "Attempt 3 succeeded",
        ] {
            assert_eq!(retry(line), None, "{line}");
        }
    }

    #[test]
    fn a_session_that_was_found_is_not_gone() {
        let seen = Seen {
            resumes: true,
            any_json: true,
            ..Seen::default()
        };
        assert_eq!(without_result(Exit::default().code(42), &seen), None);
        let limit = without_result(Exit::default().code(53), &seen);
        assert_eq!(limit, Some(AgentEvent::TurnsReached));
    }
}
