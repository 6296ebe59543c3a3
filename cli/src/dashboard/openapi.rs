//! The description of the API (OpenAPI 3.1), generated from the types of its responses.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use super::problem::ProblemView;
use super::view;
use crate::schema_text::describe_json;

pub(crate) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(make);
    &DOCUMENT
}

/// Generates the schemas of types, and references them in paths.
struct Schemas(SchemaGenerator);

impl Schemas {
    fn of<T: JsonSchema>(&mut self) -> Value {
        self.0.subschema_for::<T>().to_value()
    }

    /// A path that can be read.
    fn get<T: JsonSchema>(&mut self, summary: &str, parameters: &[Value]) -> Value {
        let schema = self.of::<T>();
        let ok = json!({ "description": "The response.", "content": { "application/json": { "schema": schema } } });
        json!({ "get": operation(summary, parameters, "200", &ok) })
    }
}

fn operation(summary: &str, parameters: &[Value], status: &str, answer: &Value) -> Value {
    json!({
        "summary": summary,
        "parameters": parameters,
        "responses": { status: answer, "default": { "$ref": "#/components/responses/Problem" } },
    })
}

fn parameter(name: &str, place: &str, description: &str, schema: &Value) -> Value {
    let required = place == "path";
    json!({ "name": name, "in": place, "required": required, "description": description, "schema": schema })
}

fn make() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .with_transform(RecursiveTransform(describe_json));
    let mut schemas = Schemas(settings.for_serialize().into_generator());
    let paths = paths(&mut schemas);
    let problem = schemas.of::<ProblemView>();
    // Messages of the stream, which no path returns.
    let messages = [
        ("hello", schemas.of::<view::HelloView>()),
        ("happened", schemas.of::<view::EventView>()),
        ("overview", schemas.of::<view::SessionView>()),
        ("progress", schemas.of::<view::ProgressView>()),
    ];
    let messages: serde_json::Map<String, Value> = messages
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    let components = schemas.0.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "autoissue dashboard",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The state and the events of a session. The default session is the running one, else the newest.",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "basic": [] }, { "bearer": [] }, { "cookie": [] }],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                "Problem": {
                    "description": "Why the request failed (RFC 9457).",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "bearer": { "type": "http", "scheme": "bearer" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": "autoissue-PORT", "description": "Issued by the log-in page." },
            },
        },
        "x-messages": messages,
    })
}

/// The largest integer that every JSON parser can represent.
pub(crate) const COUNT_MAX: u64 = (1 << 53) - 1;

/// The schema of an integer in a query or a path. Integers within the bounds are accepted, all
/// others are rejected.
fn whole_number(minimum: u64, maximum: u64) -> Value {
    json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
}

fn paths(schemas: &mut Schemas) -> Value {
    let text = json!({ "type": "string" });
    let count = whole_number(0, COUNT_MAX);
    let session = parameter(
        "session",
        "query",
        "ID of a session, or a unique prefix of it.",
        &text,
    );
    let issue = parameter(
        "issue",
        "path",
        "Issue number.",
        &whole_number(1, COUNT_MAX),
    );
    let offset = parameter("offset", "query", "Number of items to skip.", &count);
    let limit = parameter("limit", "query", "Maximum number of items.", &count);
    let state = parameter(
        "state",
        "query",
        "Only tasks in this state.",
        &schemas.of::<view::TaskStatus>(),
    );
    let search = parameter(
        "text",
        "query",
        "Only tasks whose number, title or domain contains this.",
        &text,
    );
    let attempt = parameter(
        "attempt",
        "query",
        "Attempt, from 1 (default: the last one).",
        &whole_number(1, u32::MAX.into()),
    );
    let one = std::slice::from_ref(&session);
    let numbered = [issue.clone(), session.clone()];
    let tasks = [
        session.clone(),
        state,
        search,
        offset.clone(),
        limit.clone(),
    ];
    let mut health =
        schemas.get::<view::Health>("Whether the dashboard works; needs no credentials", &[]);
    health["get"]["security"] = json!([]);
    json!({
        "/api/health": health,
        "/api/access": schemas.get::<view::AccessView>("Whether the dashboard requires credentials", &[]),
        "/api/metrics": schemas.get::<view::MetricsView>("All metrics of a session", one),
        "/api/metrics/budget": schemas.get::<view::BudgetHistory>("Budget and cost, now and over time", one),
        "/api/metrics/circuit-breaker": schemas.get::<view::BreakerView>("The circuit breakers", one),
        "/api/metrics/errors": schemas.get::<view::ErrorsView>("Failures by type, and the newest ones", one),
        "/api/session": schemas.get::<view::SessionView>("Overview of a session", one),
        "/api/session/tasks": schemas.get::<view::TasksView>("Tasks of a session, and why they wait", &tasks),
        "/api/session/tasks/{issue}": schemas.get::<view::TaskView>("A task", &numbered),
        "/api/session/tasks/{issue}/output": schemas.get::<view::OutputView>(
            "The end of an attempt's output", &[issue, session.clone(), attempt]),
        "/api/session/recent": schemas.get::<view::RecentView>("Recent events", one),
        "/api/session/timeline": schemas.get::<view::TimelineView>("Timeline of attempts", one),
        "/api/sessions": schemas.get::<view::SessionsView>("Sessions, newest first", &[offset, limit]),
        "/api/events": events(&session),
        "/api/circuit-breaker/reset": reset(schemas, &session),
        "/metrics": metrics(),
        "/api/openapi.json": {
            "get": operation("This document", &[], "200", &json!({
                "description": "The document.", "content": { "application/json": { "schema": { "type": "object" } } } })),
        },
    })
}

fn events(session: &Value) -> Value {
    let count = whole_number(0, COUNT_MAX);
    let after = parameter(
        "after",
        "query",
        "Number of the last event received; 0 for all events.",
        &count,
    );
    let last = parameter(
        "Last-Event-ID",
        "header",
        "ID of the last event received.",
        &json!({ "type": "string" }),
    );
    let answer = json!({
        "description": "Server-sent events `hello`, `happened`, `overview`, `progress` and `bye`. Each `happened` is sent exactly once and in order, and its id can be used to resume; only the newest of the others are sent, and some may be missed. `x-messages` describes their data.",
        "content": { "text/event-stream": { "schema": { "type": "string" } } },
    });
    json!({ "get": operation("Stream of events", &[session.clone(), after, last], "200", &answer) })
}

fn reset(schemas: &mut Schemas, session: &Value) -> Value {
    let schema = schemas.of::<view::ResetView>();
    let answer = json!({ "description": "The request was passed to the session.", "content": { "application/json": { "schema": schema } } });
    let mut operation = operation(
        "Close one or all circuit breakers",
        std::slice::from_ref(session),
        "202",
        &answer,
    );
    let service = json!({ "type": ["string", "null"], "description": "A value of `services[].service`; absent or null for all." });
    operation["requestBody"] = json!({
        "required": false,
        "content": { "application/json": { "schema": {
            "type": "object", "properties": { "service": service }, "additionalProperties": false } } },
    });
    json!({ "post": operation })
}

fn metrics() -> Value {
    let answer = json!({ "description": "Prometheus text format 0.0.4.", "content": { "text/plain": { "schema": { "type": "string" } } } });
    json!({ "get": operation("Metrics of the current session for Prometheus", &[], "200", &answer) })
}
