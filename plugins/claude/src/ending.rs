//! Determines how a run ended.
//!
//! `subtype: "success"` is printed for API errors, for denied tools and by interrupted runs, so
//! success needs more: `is_error` is false, no HTTP status is reported, and the newest message was
//! written by the model and is not an error.
//!
//! | reported | meaning |
//! | --- | --- |
//! | `error_max_turns`, `error_max_budget_usd` | turn limit, budget |
//! | `terminal_reason` `prompt_too_long`, `blocking_limit` | the conversation no longer fits |
//! | the error that there is no conversation with that id | the session to resume is gone |
//! | `stop_reason` `refusal` | the model refuses: a failure of the task |
//! | 401, 403, no credit | the account; see [`of_error`] |
//! | 429, or the text of the subscription's limit | the account's limit, until it resets |
//! | 404 | no such model: our configuration is wrong for every task, so it counts as rejected credentials |
//! | 500 and above | the service |
//! | no status, and no previous answer, or an answer that broke off | the network |
//! | any other error | a failure of the task |

use autoissue_plugin_sdk::{AgentEvent, Exit, LimitEnd};
use serde_json::Value;

use crate::NOT_AS_ROOT;

/// A failed request to the service; the program retries on its own.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// HTTP status; `None` if there was no answer.
    pub(crate) status: Option<u64>,
    /// Kind of error.
    pub(crate) kind: String,
}

/// What a run has reported before its end.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Requested model.
    pub(crate) model: Option<String>,
    /// Whether it printed any line of its own format.
    pub(crate) any_json: bool,
    /// Kind of error of the newest message, if it is one.
    pub(crate) error: Option<String>,
    /// The newest failed request, if nothing has succeeded since.
    pub(crate) refusal: Option<Refusal>,
    /// Whether the model's newest message was started but not finished.
    pub(crate) is_cut: bool,
    /// When the account's limit ends, in milliseconds since the Unix epoch.
    pub(crate) limit_resets_ms: Option<u64>,
    /// Lines of standard error.
    pub(crate) complaints: Vec<String>,
}

/// Prefix of the only message about a limit in releases that do not report it as a typed record;
/// the reset time follows.
const LIMIT_REACHED: &str = "Claude AI usage limit reached|";
/// Prefix of the program's output when it refuses to run as root.
const REFUSES_ROOT: &str = "--dangerously-skip-permissions cannot be used with root";
/// Prefix of the program's output when it does not know an argument.
const UNKNOWN_OPTION: &str = "error: unknown option";
/// Prefix of the program's error when the session to resume does not exist.
const SESSION_GONE: &str = "No conversation found with session ID";
/// Prefix of the program's output when another run uses, or has used, the session's id.
const SESSION_IN_USE: &str = "Error: Session ID";

/// Times from here on are in milliseconds, not seconds: as seconds this is the year 5138.
const MILLISECONDS_MIN: u64 = 100_000_000_000;

/// Converts a time since the Unix epoch, in seconds or milliseconds, to milliseconds.
pub(crate) const fn milliseconds(time: u64) -> u64 {
    if time < MILLISECONDS_MIN {
        1_000 * time
    } else {
        time
    }
}

/// Returns the meaning of a result line.
pub(crate) fn of_result(result: &Value, seen: &Seen) -> AgentEvent {
    let subtype = result["subtype"].as_str().unwrap_or_default();
    match subtype {
        "error_max_turns" => return AgentEvent::TurnsReached,
        "error_max_budget_usd" => return AgentEvent::BudgetReached,
        _ => {}
    }
    let status = result["api_error_status"].as_u64();
    if subtype == "success"
        && result["is_error"] == false
        && status.is_none()
        && seen.error.is_none()
    {
        return AgentEvent::Done(result["result"].as_str().map(str::to_owned));
    }
    if matches!(
        result["terminal_reason"].as_str(),
        Some("prompt_too_long" | "blocking_limit")
    ) {
        return AgentEvent::ContextFull;
    }
    let words = words(result);
    if words.starts_with(SESSION_GONE) {
        return AgentEvent::SessionGone;
    }
    if result["stop_reason"] == "refusal" {
        return AgentEvent::Failed(words);
    }
    of_error(status, seen.error.as_deref(), words, seen)
}

/// Returns the meaning of an error of the service.
///
/// An account without credit counts as rejected credentials, not as limited: waiting will not fix
/// it, and a session that waits for hours looks as if it were working. So the session is
/// interrupted with one clear error.
fn of_error(status: Option<u64>, kind: Option<&str>, words: String, seen: &Seen) -> AgentEvent {
    match (status, kind) {
        (_, Some("billing_error")) => AgentEvent::AuthFailed(format!(
            "the `claude` account has a billing problem: {words}"
        )),
        (Some(401 | 403), _) | (None, Some("authentication_failed" | "oauth_org_not_allowed")) => {
            AgentEvent::AuthFailed(format!("`claude` was denied access: {words}"))
        }
        (Some(429), _) | (None, Some("rate_limit")) => {
            limited(seen.limit_resets_ms.or_else(|| reset_in(&words)))
        }
        (Some(404), _) | (None, Some("model_not_found")) => {
            let model = seen.model.as_deref().unwrap_or("default");
            AgentEvent::AuthFailed(format!(
                "model `{model}` is not available to `claude`: {words}"
            ))
        }
        (Some(413), _) => AgentEvent::ContextFull,
        (Some(500..), _) => AgentEvent::Overloaded(words),
        _ if reset_in(&words).is_some() => limited(reset_in(&words)),
        (None, Some(_))
            if seen.is_cut
                || seen
                    .refusal
                    .as_ref()
                    .is_some_and(|refusal| refusal.status.is_none()) =>
        {
            AgentEvent::Unreachable(words)
        }
        (None, Some("server_error" | "overloaded")) => AgentEvent::Overloaded(words),
        _ => AgentEvent::Failed(words),
    }
}

/// Returns the meaning of an exit without a result; `None` if the program simply crashed.
pub(crate) fn without_result(exit: Exit, seen: &Seen) -> Option<AgentEvent> {
    if let Some(refusal) = &seen.refusal {
        let told = refusal.status.map_or_else(
            || "no answer".to_owned(),
            |status| format!("status {status}"),
        );
        let words = format!(
            "the `claude` API kept refusing requests until the run ended ({told}, {})",
            refusal.kind
        );
        return Some(match refusal.status {
            None => AgentEvent::Unreachable(words),
            status => of_error(status, Some(&refusal.kind), words, seen),
        });
    }
    if seen.any_json || exit.code.is_none_or(|code| code == 0) {
        return None;
    }
    let begins = |with: &str| seen.complaints.iter().find(|line| line.starts_with(with));
    if begins(REFUSES_ROOT).is_some() {
        return Some(AgentEvent::AuthFailed(NOT_AS_ROOT.into()));
    }
    if let Some(line) = begins(UNKNOWN_OPTION) {
        return Some(AgentEvent::AuthFailed(format!(
            "the installed `claude` is too old: {line}"
        )));
    }
    // A retry has its own session id, so this concerns only the current attempt.
    begins(SESSION_IN_USE).map(|line| AgentEvent::Failed(format!("`claude` did not start: {line}")))
}

/// `until` is in milliseconds since the Unix epoch, if it is known.
fn limited(until: Option<u64>) -> AgentEvent {
    AgentEvent::RateLimited(until.map_or(LimitEnd::Unknown, LimitEnd::AtMs))
}

/// Returns when a limit ends, in milliseconds since the Unix epoch, from the one form that is
/// machine-readable.
fn reset_in(words: &str) -> Option<u64> {
    let time: u64 = words.strip_prefix(LIMIT_REACHED)?.trim().parse().ok()?;
    Some(milliseconds(time))
}

fn words(result: &Value) -> String {
    let errors = || {
        result["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
    };
    match result["result"].as_str() {
        Some(text) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => Some(errors().join("; "))
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "no reason given".into()),
    }
}
