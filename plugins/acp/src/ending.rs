//! Determines how a run ended, from the response to the prompt or from an error.
//!
//! | reported | meaning |
//! | --- | --- |
//! | `end_turn` | done; a failure of the task if the agent did nothing at all |
//! | `max_turn_requests` | the turn limit |
//! | `max_tokens` | the context is full if the agent said so before; otherwise a failure of the task |
//! | `refusal` | a failure of the task |
//! | `cancelled` | what we asked for; without that, a failure of the task |
//! | an error | see [`of_error`] |
//!
//! The protocol has one typed error for the account, -32000. Everything else comes as -32603 or
//! with a code of the agent's own, so the fields that the agents add are read: `errorKind` of
//! Claude's adapter, `codex_error_info` of Codex' adapter, `statusCode` of opencode, and the HTTP
//! status that Gemini CLI puts into `code`.

use autoissue_plugin_sdk::{AgentEvent, LimitEnd};
use serde_json::Value;

use crate::permission::plain;
use crate::rpc::{AUTH_REQUIRED, METHOD_NOT_FOUND, RpcError};

/// Name of Gemini CLI in its `agentInfo`. It reports a full context as `max_tokens`.
const GEMINI: &str = "gemini-cli";

/// How texts begin where an agent states no kind of error, and what they mean: those of Claude's
/// adapter, and of Codex' adapter.
const TEXTS: [(&str, Meaning); 7] = [
    ("Prompt is too long", Meaning::ContextFull),
    ("Reached maximum number of turns", Meaning::TurnsReached),
    ("Reached maximum budget", Meaning::BudgetReached),
    ("API Error: Unable to connect to API", Meaning::Unreachable),
    (
        "API Error: Connection to the API was lost",
        Meaning::Unreachable,
    ),
    (
        "stream disconnected before completion: Incomplete response returned",
        Meaning::Failed,
    ),
    (
        "stream disconnected before completion",
        Meaning::Unreachable,
    ),
];

/// How Codex reports an HTTP status that it has no kind of error for.
const CODEX_STATUS: &str = "unexpected status ";

/// Meaning of an error's text.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    ContextFull,
    TurnsReached,
    BudgetReached,
    Unreachable,
    Failed,
}

impl Meaning {
    fn event(self, words: &str) -> AgentEvent {
        match self {
            Self::ContextFull => AgentEvent::ContextFull,
            Self::TurnsReached => AgentEvent::TurnsReached,
            Self::BudgetReached => AgentEvent::BudgetReached,
            Self::Unreachable => AgentEvent::Unreachable(words.to_owned()),
            Self::Failed => AgentEvent::Failed(words.to_owned()),
        }
    }
}

/// What many agents put in front of the text of an error.
const PREFIX: &str = "Internal error";

/// What a run has reported before its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Name of the program, for messages.
    pub(crate) program: String,
    /// Name of the agent, as it reports it.
    pub(crate) agent: String,
    /// Whether a tool was denied.
    pub(crate) was_denied: bool,
    /// Whether it was told to stop.
    pub(crate) was_cancelled: bool,
    /// When the limit of its account ends, in milliseconds since the Unix epoch.
    pub(crate) limit_ends_ms: Option<u64>,
    /// Whether its context is nearly full.
    pub(crate) is_context_nearly_full: bool,
    /// Whether it neither wrote a message nor used a tool.
    pub(crate) was_idle: bool,
    /// Whether a tool failed.
    pub(crate) has_failed_tool: bool,
    /// Method that it called although it was told that it is not available.
    pub(crate) missing_method: Option<String>,
}

/// Returns the meaning of a stop reason; `None` for a cancellation that was asked for.
pub(crate) fn of_stop_reason(
    reason: &str,
    seen: &Seen,
    summary: Option<String>,
) -> Option<AgentEvent> {
    Some(match reason {
        // Gemini CLI reports a refusal in this way.
        "end_turn" if seen.was_idle => {
            AgentEvent::Failed("the agent ended its turn without doing anything".into())
        }
        "end_turn" => AgentEvent::Done(summary),
        "max_turn_requests" => AgentEvent::TurnsReached,
        "max_tokens" if seen.is_context_nearly_full || seen.agent == GEMINI => {
            AgentEvent::ContextFull
        }
        "max_tokens" => AgentEvent::Failed("the model's answer reached its token limit".into()),
        "refusal" => AgentEvent::Failed("the model refused to continue".into()),
        "cancelled" if seen.was_cancelled => return None,
        "cancelled" if seen.was_denied => {
            AgentEvent::Failed("the agent stopped because a tool was denied".into())
        }
        "cancelled" => AgentEvent::Failed("the agent cancelled its own turn".into()),
        other => AgentEvent::Failed(format!(
            "the agent stopped for an unknown reason: `{other}`"
        )),
    })
}

/// Returns the meaning of an error.
pub(crate) fn of_error(error: &RpcError, seen: &Seen) -> AgentEvent {
    let words = words(error);
    let program = &seen.program;
    if let Some(event) = of_kind(error, &words, seen) {
        return event;
    }
    if let Some((_, meaning)) = TEXTS.iter().find(|(text, _)| words.starts_with(text)) {
        return meaning.event(&words);
    }
    if let Some(event) = status(error)
        .or_else(|| codex_status(&words))
        .and_then(|status| of_status(status, error, &words, seen))
    {
        return event;
    }
    match (error.code, &seen.missing_method) {
        (AUTH_REQUIRED, _) => {
            AgentEvent::AuthFailed(format!("`{program}` is not logged in: {words}"))
        }
        (METHOD_NOT_FOUND, _) => AgentEvent::AuthFailed(format!(
            "`{program}` lacks a method that is needed: {words}"
        )),
        (_, Some(method)) => AgentEvent::Invalid(format!(
            "`{program}` needs `{method}`, which autoissue does not offer: {words}"
        )),
        _ => AgentEvent::Failed(words),
    }
}

/// Returns the meaning of the kind of error that an agent states.
fn of_kind(error: &RpcError, words: &str, seen: &Seen) -> Option<AgentEvent> {
    let program = &seen.program;
    let words = words.to_owned();
    Some(match kind(error)?.as_str() {
        "authenticationfailed"
        | "invalidapikey"
        | "oauthorgnotallowed"
        | "unauthorized"
        | "providerautherror" => denied(program, &words),
        "billingerror" | "usagenotincluded" | "insufficientquota" => unpaid(program, &words),
        "modelnotfound" | "providermodelnotfounderror" => unknown_model(program, &words),
        "ratelimit" | "ratelimitexceeded" | "usagelimitexceeded" => limited(error, seen),
        "serveroverloaded" | "overloaded" | "servererror" | "internalservererror" => {
            AgentEvent::Overloaded(words)
        }
        "contextwindowexceeded"
        | "contextlengthexceeded"
        | "contextoverflowerror"
        | "prompttoolong" => AgentEvent::ContextFull,
        "sessionbudgetexceeded" => AgentEvent::BudgetReached,
        "httpconnectionfailed"
        | "responsestreamconnectionfailed"
        | "responsestreamdisconnected"
            if status(error).is_none() =>
        {
            AgentEvent::Unreachable(words)
        }
        "responsetoomanyfailedattempts" if status(error).is_none() => AgentEvent::Overloaded(words),
        _ => return None,
    })
}

/// Returns the meaning of an HTTP status of the service.
fn of_status(status: u64, error: &RpcError, words: &str, seen: &Seen) -> Option<AgentEvent> {
    let program = &seen.program;
    Some(match status {
        401 | 403 => denied(program, words),
        402 => unpaid(program, words),
        404 => unknown_model(program, words),
        408 => AgentEvent::Unreachable(words.to_owned()),
        413 => AgentEvent::ContextFull,
        429 => limited(error, seen),
        500..600 => AgentEvent::Overloaded(words.to_owned()),
        _ => return None,
    })
}

fn denied(program: &str, words: &str) -> AgentEvent {
    AgentEvent::AuthFailed(format!("`{program}` was denied access: {words}"))
}

/// An account without credit counts as rejected credentials, not as limited: waiting does not help.
fn unpaid(program: &str, words: &str) -> AgentEvent {
    AgentEvent::AuthFailed(format!(
        "the account of `{program}` has a billing problem: {words}"
    ))
}

/// Wrong for every task, so it counts as rejected credentials.
fn unknown_model(program: &str, words: &str) -> AgentEvent {
    AgentEvent::AuthFailed(format!(
        "the model is not available to `{program}`: {words}"
    ))
}

fn limited(error: &RpcError, seen: &Seen) -> AgentEvent {
    let seconds = error.data["responseHeaders"]["retry-after"].as_str();
    let in_s = seconds
        .and_then(|text| text.trim().parse().ok())
        .map(LimitEnd::InS);
    let end = in_s.or(seen.limit_ends_ms.map(LimitEnd::AtMs));
    AgentEvent::RateLimited(end.unwrap_or(LimitEnd::Unknown))
}

/// Returns the kind of error, without case and separators; `None` if none is stated.
fn kind(error: &RpcError) -> Option<String> {
    let data = &error.data;
    let codex = &data["codex_error_info"];
    // A variant with fields is an object with one field, its name.
    let variant = || codex.as_object()?.keys().next().map(String::as_str);
    let stated = data["errorKind"]
        .as_str()
        .or_else(|| data["errorName"].as_str());
    let stated = stated.or_else(|| codex.as_str()).or_else(variant);
    let stated = stated
        .filter(|kind| !matches!(*kind, "other" | "unknown"))
        .map(plain);
    stated.or_else(|| Some(plain(service_error(text(error))?["code"].as_str()?)))
}

/// Returns the service's own error, which some agents pass on as it is.
fn service_error(text: &str) -> Option<Value> {
    let mut body: Value = serde_json::from_str(text).ok()?;
    Some(body["error"].take()).filter(Value::is_object)
}

/// Returns the HTTP status in a text of Codex.
fn codex_status(words: &str) -> Option<u64> {
    let status = words.strip_prefix(CODEX_STATUS)?.get(..3)?.parse().ok()?;
    (400..600).contains(&status).then_some(status)
}

/// Returns the HTTP status of the service; `None` if none is stated.
fn status(error: &RpcError) -> Option<u64> {
    let data = &error.data;
    let codex = || {
        let info = data["codex_error_info"].as_object()?.values().next()?;
        info["http_status_code"]
            .as_u64()
            .or_else(|| info["httpStatusCode"].as_u64())
    };
    let stated = data["statusCode"]
        .as_u64()
        .or_else(|| data["status"].as_u64());
    let own_code = || u64::try_from(error.code).ok();
    let status = stated.or_else(codex).or_else(own_code)?;
    (400..600).contains(&status).then_some(status)
}

/// Returns the text of an error, without what all of them begin with.
fn text(error: &RpcError) -> &str {
    let data = &error.data;
    let details = ["message", "details", "safeMessage"].map(|name| data[name].as_str());
    let details = details.into_iter().flatten().next().or(data.as_str());
    let message = error.message.strip_prefix(PREFIX).unwrap_or(&error.message);
    match message.trim_start_matches(": ") {
        "" => details.unwrap_or(&error.message).trim(),
        message => message,
    }
}

/// Returns the text of an error for people.
fn words(error: &RpcError) -> String {
    let text = text(error);
    let service = service_error(text);
    let message = service.as_ref().and_then(|error| error["message"].as_str());
    message.unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rpc::INTERNAL_ERROR;

    fn seen() -> Seen {
        Seen {
            program: "prog".into(),
            ..Seen::default()
        }
    }

    #[track_caller]
    fn check(code: i64, data: Value, expected: &str) {
        let error = RpcError {
            code,
            message: "words about 401 and 429".into(),
            data,
        };
        let event = format!("{:?}", of_error(&error, &seen()));
        assert!(event.starts_with(expected), "{event}");
    }

    #[test]
    fn typed_fields_tell_errors_apart() {
        let internal = |data: Value, expected: &str| check(INTERNAL_ERROR, data, expected);
        check(
            AUTH_REQUIRED,
            Value::Null,
            r#"AuthFailed("`prog` is not logged in"#,
        );
        internal(Value::Null, "Failed");
        // Claude's adapter.
        for (kind, expected) in [
            ("authentication_failed", "AuthFailed(\"`prog` was denied"),
            ("billing_error", "AuthFailed(\"the account"),
            ("rate_limit", "RateLimited(Unknown)"),
            ("overloaded", "Overloaded"),
            ("server_error", "Overloaded"),
            ("model_not_found", "AuthFailed(\"the model"),
            ("invalid_request", "Failed"),
            ("unknown", "Failed"),
        ] {
            internal(json!({"errorKind": kind}), expected);
        }
        // Codex' adapter.
        for (info, expected) in [
            (json!("usage_limit_exceeded"), "RateLimited(Unknown)"),
            (json!("context_window_exceeded"), "ContextFull"),
            (json!("unauthorized"), "AuthFailed"),
            (
                json!({"http_connection_failed": {"http_status_code": null}}),
                "Unreachable",
            ),
            (json!({"response_stream_disconnected": {}}), "Unreachable"),
            (
                json!({"response_too_many_failed_attempts": {"http_status_code": 401}}),
                "AuthFailed",
            ),
            (
                json!({"response_too_many_failed_attempts": {"http_status_code": 429}}),
                "RateLimited",
            ),
            (
                json!({"responseTooManyFailedAttempts": {"httpStatusCode": 503}}),
                "Overloaded",
            ),
            (
                json!({"response_too_many_failed_attempts": {}}),
                "Overloaded",
            ),
            (json!("other"), "Failed"),
        ] {
            internal(json!({"message": "m", "codex_error_info": info}), expected);
        }
        // opencode.
        for (data, expected) in [
            (json!({"statusCode": 401}), "AuthFailed"),
            (json!({"statusCode": 403}), "AuthFailed(\"`prog` was denied"),
            (json!({"statusCode": 402}), "AuthFailed(\"the account"),
            (
                json!({"statusCode": 429, "responseHeaders": {"retry-after": "30"}}),
                "RateLimited(InS(30))",
            ),
            (json!({"statusCode": 529}), "Overloaded"),
            (json!({"statusCode": 400}), "Failed"),
            (
                json!({"errorName": "ContextOverflowError", "statusCode": 400}),
                "ContextFull",
            ),
            (json!({"errorName": "ProviderAuthError"}), "AuthFailed"),
        ] {
            internal(data, expected);
        }
        // Gemini CLI.
        for (code, expected) in [
            (400, "Failed"),
            (401, "AuthFailed"),
            (404, "AuthFailed(\"the model"),
            (413, "ContextFull"),
            (429, "RateLimited"),
            (503, "Overloaded"),
        ] {
            check(code, Value::Null, expected);
        }
    }

    #[test]
    fn texts_count_only_at_their_beginning() {
        let end = |message: &str| {
            let error = RpcError {
                code: INTERNAL_ERROR,
                message: message.into(),
                data: json!({"errorKind": "invalid_request"}),
            };
            of_error(&error, &seen())
        };
        assert_eq!(
            end("Internal error: Prompt is too long · 9 tokens"),
            AgentEvent::ContextFull
        );
        assert_eq!(
            end("Internal error: Reached maximum number of turns (3)"),
            AgentEvent::TurnsReached
        );
        assert_eq!(
            end("Internal error: Reached maximum budget ($1)"),
            AgentEvent::BudgetReached
        );
        assert!(matches!(
            end("unexpected status 401 Unauthorized: x"),
            AgentEvent::AuthFailed(_)
        ));
        assert!(matches!(
            end("stream disconnected before completion: reset"),
            AgentEvent::Unreachable(_)
        ));
        assert!(matches!(
            end("status 401, unexpected status 401"),
            AgentEvent::Failed(_)
        ));
        let service =
            |code: &str| end(&json!({"error": {"message": "m", "code": code}}).to_string());
        assert!(matches!(service("other"), AgentEvent::Failed(words) if words == "m"));
        let other = "the text says: Prompt is too long";
        assert_eq!(end(other), AgentEvent::Failed(other.into()));
    }

    #[test]
    fn the_end_of_a_limit_is_passed_on() {
        let error = RpcError {
            code: INTERNAL_ERROR,
            data: json!({"errorKind": "rate_limit"}),
            ..RpcError::default()
        };
        let seen = Seen {
            limit_ends_ms: Some(5),
            ..seen()
        };
        assert_eq!(
            of_error(&error, &seen),
            AgentEvent::RateLimited(LimitEnd::AtMs(5))
        );
    }

    #[test]
    fn details_replace_a_message_that_says_nothing() {
        let error = RpcError {
            code: INTERNAL_ERROR,
            message: "Internal error".into(),
            data: json!({"details": "no such file"}),
        };
        assert_eq!(
            of_error(&error, &seen()),
            AgentEvent::Failed("no such file".into())
        );
    }

    #[test]
    fn an_agent_that_needs_what_is_not_offered_is_invalid() {
        let seen = Seen {
            missing_method: Some("fs/write_text_file".into()),
            ..seen()
        };
        let error = RpcError {
            code: INTERNAL_ERROR,
            ..RpcError::default()
        };
        let event = of_error(&error, &seen);
        assert!(matches!(event, AgentEvent::Invalid(_)), "{event:?}");
    }

    #[test]
    fn stop_reasons_are_told_apart() {
        let end = |reason: &str, seen: &Seen| of_stop_reason(reason, seen, Some("s".into()));
        let failed = |event: Option<AgentEvent>| matches!(event, Some(AgentEvent::Failed(_)));
        assert_eq!(
            end("end_turn", &seen()),
            Some(AgentEvent::Done(Some("s".into())))
        );
        assert_eq!(
            end("max_turn_requests", &seen()),
            Some(AgentEvent::TurnsReached)
        );
        assert!(failed(end("max_tokens", &seen())));
        assert!(failed(end("refusal", &seen())));
        assert!(failed(end("cancelled", &seen())));
        assert!(failed(end("", &seen())));
        let full = Seen {
            is_context_nearly_full: true,
            ..seen()
        };
        assert_eq!(end("max_tokens", &full), Some(AgentEvent::ContextFull));
        let idle = Seen {
            was_idle: true,
            ..seen()
        };
        assert!(failed(end("end_turn", &idle)));
        let cancelled = Seen {
            was_cancelled: true,
            ..seen()
        };
        assert_eq!(end("cancelled", &cancelled), None);
    }
}
