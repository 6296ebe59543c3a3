//! The description of the API (OpenAPI 3.1), made of the types that the answers are made of.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

use super::problem::ProblemView;
use super::view;

/// Returns the document.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(make);
    &DOCUMENT
}

/// Makes schemas of types, and names them in paths.
struct Schemas(SchemaGenerator);

impl Schemas {
    fn of<T: JsonSchema>(&mut self) -> Value {
        self.0.subschema_for::<T>().to_value()
    }

    /// A path that is read.
    fn get<T: JsonSchema>(&mut self, summary: &str, parameters: &[Value]) -> Value {
        let schema = self.of::<T>();
        let ok = json!({ "description": "The answer.", "content": { "application/json": { "schema": schema } } });
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
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = Schemas(settings.for_serialize().into_generator());
    let paths = paths(&mut schemas);
    let problem = schemas.of::<ProblemView>();
    // The messages of the stream are no answers of their own.
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
            "description": "A session as it stands, and what happens in it. Where no session is named, the one that runs is meant, else the newest.",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "basic": [] }, { "bearer": [] }, { "cookie": [] }],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                "Problem": {
                    "description": "Why the request was not answered as asked (RFC 9457).",
                    "content": { "application/problem+json": { "schema": problem } },
                },
            },
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "bearer": { "type": "http", "scheme": "bearer" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": "autoissue-PORT", "description": "Given by the log-in page." },
            },
        },
        "x-messages": messages,
    })
}

/// The largest whole number that every reader of JSON can hold, and that a request may name.
pub(crate) const COUNT_MAX: u64 = (1 << 53) - 1;

/// The schema of a whole number in a query or a path. A request within these bounds is never malformed, and one beyond them is refused.
fn whole_number(minimum: u64, maximum: u64) -> Value {
    json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
}

fn paths(schemas: &mut Schemas) -> Value {
    let text = json!({ "type": "string" });
    let count = whole_number(0, COUNT_MAX);
    let session = parameter(
        "session",
        "query",
        "Id of a session, or the beginning of it.",
        &text,
    );
    let issue = parameter(
        "issue",
        "path",
        "Issue number.",
        &whole_number(1, COUNT_MAX),
    );
    let offset = parameter("offset", "query", "Left out before the first.", &count);
    let limit = parameter("limit", "query", "At most so many.", &count);
    let state = parameter(
        "state",
        "query",
        "Only those of a group.",
        &schemas.of::<view::TaskState>(),
    );
    let search = parameter(
        "text",
        "query",
        "Only those whose number, title or domain holds this.",
        &text,
    );
    let attempt = parameter(
        "attempt",
        "query",
        "Attempt, from 1; the last one by default.",
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
        "/api/access": schemas.get::<view::AccessView>("What the dashboard asks of those who look at it", &[]),
        "/api/metrics": schemas.get::<view::MetricsView>("All figures of a session", one),
        "/api/metrics/budget": schemas.get::<view::BudgetHistory>("Money, now and over time", one),
        "/api/metrics/circuit-breaker": schemas.get::<view::BreakerView>("The circuit breakers", one),
        "/api/metrics/errors": schemas.get::<view::ErrorsView>("Failures by type, and the newest", one),
        "/api/session": schemas.get::<view::SessionView>("A session at a glance", one),
        "/api/session/tasks": schemas.get::<view::TasksView>("Its tasks, and why they wait", &tasks),
        "/api/session/tasks/{issue}": schemas.get::<view::TaskView>("One task", &numbered),
        "/api/session/tasks/{issue}/output": schemas.get::<view::OutputView>(
            "The end of what an attempt has printed", &[issue, session.clone(), attempt]),
        "/api/session/recent": schemas.get::<view::RecentView>("What happened lately", one),
        "/api/session/timeline": schemas.get::<view::TimelineView>("Attempts on a time line", one),
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
        "Number of the last event that is known; 0 tells all.",
        &count,
    );
    let last = parameter(
        "Last-Event-ID",
        "header",
        "Id of the last event that was had.",
        &json!({ "type": "string" }),
    );
    let answer = json!({
        "description": "Server-sent events `hello`, `happened`, `overview`, `progress` and `bye`. Each `happened` comes once and in order, and its id resumes; the others are the newest, and may be missed. Their data is described by `x-messages`.",
        "content": { "text/event-stream": { "schema": { "type": "string" } } },
    });
    json!({ "get": operation("What happens, as it happens", &[session.clone(), after, last], "200", &answer) })
}

fn reset(schemas: &mut Schemas, session: &Value) -> Value {
    let schema = schemas.of::<view::ResetView>();
    let answer = json!({ "description": "The session was asked.", "content": { "application/json": { "schema": schema } } });
    let mut operation = operation(
        "Close a circuit breaker, or all",
        std::slice::from_ref(session),
        "202",
        &answer,
    );
    let service = json!({ "type": ["string", "null"], "description": "As `services[].service` names it; absent or null for all." });
    operation["requestBody"] = json!({
        "required": false,
        "content": { "application/json": { "schema": {
            "type": "object", "properties": { "service": service }, "additionalProperties": false } } },
    });
    json!({ "post": operation })
}

fn metrics() -> Value {
    let answer = json!({ "description": "Prometheus text format 0.0.4.", "content": { "text/plain": { "schema": { "type": "string" } } } });
    json!({ "get": operation("The current session for Prometheus", &[], "200", &answer) })
}
