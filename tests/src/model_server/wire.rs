//! Response formats: server-sent events in the order of Anthropic's Messages API, one JSON object,
//! or an error.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::poll_fn;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::conversation::Conversation;
use super::scenario::{ApiError, Message, Tokens};

/// The header with the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// Capacity of the queue of stream parts.
const N_PARTS_MAX: usize = 4;

/// Returns a message as a stream, or as one object if requested.
pub(crate) fn message(message: &Message, conversation: &Conversation) -> Response {
    if conversation.is_streamed {
        return stream(events(message, conversation), None);
    }
    let mut whole = head(message, conversation);
    whole["content"] = blocks(message, conversation).into();
    whole["stop_reason"] = stop_reason(message).into();
    whole["usage"] = usage(message.tokens, message.tokens.output);
    json(StatusCode::OK, &whole)
}

/// Returns the beginning of a message and closes the connection.
pub(crate) fn cut(message: &Message, conversation: &Conversation) -> Response {
    let mut events = events(message, conversation);
    events.truncate(events.len() / 2);
    stream(
        events,
        Some(io::Error::from(io::ErrorKind::ConnectionReset)),
    )
}

/// Returns the beginning of a message, then an error in the service's streaming format.
pub(crate) fn broken(message: &Message, error: &ApiError, conversation: &Conversation) -> Response {
    let mut events = events(message, conversation);
    events.truncate(events.len() / 2);
    events.push(error_body(error));
    stream(events, None)
}

/// Returns an error in the service's format.
pub(crate) fn error(error: &ApiError) -> Response {
    let mut response = json(
        StatusCode::from_u16(error.status).expect("a status"),
        &error_body(error),
    );
    let mut header = |name: &'static str, value: &str| {
        response.headers_mut().insert(
            HeaderName::from_static(name),
            value.parse().expect("a header"),
        );
    };
    if let Some(resets_s) = error.limit_resets_s {
        // A subscription limit: no retry before the reset can succeed, and the agent must not wait
        // for it.
        header("anthropic-ratelimit-unified-status", "rejected");
        header("anthropic-ratelimit-unified-reset", &resets_s.to_string());
        header(
            "anthropic-ratelimit-unified-representative-claim",
            "five_hour",
        );
        header("x-should-retry", "false");
    } else if error.status == 429 {
        header("retry-after", "1");
    }
    response
}

fn error_body(error: &ApiError) -> Value {
    let kind = match error.status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": error.message}, "request_id": "req_1"})
}

/// Returns a JSON object as a response.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(CONTENT_TYPE, "application/json"), (REQUEST_ID, "req_1")],
        body.to_string(),
    )
        .into_response()
}

/// Sends each event separately; `end` breaks the connection afterwards.
fn stream(events: Vec<Value>, end: Option<io::Error>) -> Response {
    fn named(event: &Value) -> String {
        format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().expect("a type")
        )
    }

    let (parts, mut sent) = mpsc::channel::<io::Result<Bytes>>(N_PARTS_MAX);
    tokio::spawn(async move {
        let all = events
            .iter()
            .map(|event| Ok(Bytes::from(named(event))))
            .chain(end.map(Err));
        for part in all {
            // The agent may have gone.
            if parts.send(part).await.is_err() {
                return;
            }
            // Let the earlier parts be sent before the connection breaks.
            tokio::task::yield_now().await;
        }
    });
    let body = Body::from_stream(poll_fn(move |context| sent.poll_recv(context)));
    (
        [(CONTENT_TYPE, "text/event-stream"), (REQUEST_ID, "req_1")],
        body,
    )
        .into_response()
}

fn events(message: &Message, conversation: &Conversation) -> Vec<Value> {
    let mut start = head(message, conversation);
    // At the start, the service reports the input tokens and only a first output token.
    start["usage"] = usage(message.tokens, 1);
    let mut events = vec![
        json!({"type": "message_start", "message": start}),
        json!({"type": "ping"}),
    ];
    for (index, block) in blocks(message, conversation).into_iter().enumerate() {
        events.extend(block_events(index, block));
    }
    events.push(json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(message), "stop_sequence": null},
        "usage": {"output_tokens": message.tokens.output},
    }));
    events.push(json!({"type": "message_stop"}));
    events
}

/// Returns the events of one block: its empty start, its content in two pieces, its end.
fn block_events(index: usize, block: Value) -> Vec<Value> {
    let mut empty = block.clone();
    let (field, delta, content): (_, fn(&str) -> Value, _) = match block["type"].as_str() {
        Some("thinking") => (
            "thinking",
            |part| json!({"type": "thinking_delta", "thinking": part}),
            text(&block, "thinking"),
        ),
        Some("tool_use") => (
            "input",
            |part| json!({"type": "input_json_delta", "partial_json": part}),
            block["input"].to_string(),
        ),
        _ => (
            "text",
            |part| json!({"type": "text_delta", "text": part}),
            text(&block, "text"),
        ),
    };
    empty[field] = if field == "input" {
        json!({})
    } else {
        json!("")
    };
    let middle = content.floor_char_boundary(content.len() / 2);
    let (first, second) = content.split_at(middle);
    let mut deltas: Vec<Value> = [first, second].map(delta).into();
    if field == "thinking" {
        empty["signature"] = json!("");
        deltas.push(json!({"type": "signature_delta", "signature": "c2lnbmVk"}));
    }
    let start = json!({"type": "content_block_start", "index": index, "content_block": empty});
    let deltas = deltas
        .into_iter()
        .map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta}));
    std::iter::once(start)
        .chain(deltas)
        .chain([json!({"type": "content_block_stop", "index": index})])
        .collect()
}

fn text(block: &Value, key: &str) -> String {
    block[key].as_str().unwrap_or_default().to_owned()
}

/// Returns the blocks of the text and tool calls. Calls are numbered through the conversation
/// because each needs a unique id.
fn blocks(message: &Message, conversation: &Conversation) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !message.thinking.is_empty() {
        blocks.push(
            json!({"type": "thinking", "thinking": message.thinking, "signature": "c2lnbmVk"}),
        );
    }
    if !message.text.is_empty() {
        blocks.push(json!({"type": "text", "text": message.text}));
    }
    for (number, (name, input)) in message.calls.iter().enumerate() {
        let id = format!("toolu_{}_{number}", turn(conversation));
        blocks.push(json!({"type": "tool_use", "id": id, "name": name, "input": input}));
    }
    blocks
}

fn head(message: &Message, conversation: &Conversation) -> Value {
    json!({
        "id": format!("msg_{}", turn(conversation)), "type": "message", "role": "assistant", "model": conversation.model,
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage(message.tokens, 1),
    })
}

/// Returns a word that is unique to this turn, across the conversation and its sub-agents.
fn turn(conversation: &Conversation) -> String {
    format!("{}x{}", conversation.words.len(), conversation.n_results)
}

fn usage(tokens: Tokens, output: u64) -> Value {
    json!({
        "input_tokens": tokens.input, "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read, "output_tokens": output, "service_tier": "standard",
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.cache_write, "ephemeral_1h_input_tokens": 0},
    })
}

fn stop_reason(message: &Message) -> &'static str {
    message.stop.unwrap_or(if message.calls.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    })
}
