//! GitHub's OpenAPI description, and validation of exchanges against it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use autoissue_tests::github_server::{Answered, Exchange, Received};
use axum::extract::Query;
use axum::http::Uri;
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// The environment variable with the path of the description.
const VARIABLE: &str = "AUTOISSUE_GITHUB_OPENAPI";

/// Statuses that any operation may return although the description lists them only for some:
/// redirects, not modified, bad requests, missing token, limits, server errors.
const ANYWHERE: [u16; 14] = [
    301, 304, 307, 400, 401, 403, 404, 410, 415, 422, 429, 500, 502, 503,
];

/// Maximum length of a message that is shown: it may contain the whole response.
const MESSAGE_CHARS_MAX: usize = 300;

pub(crate) struct Description {
    document: Value,
    /// By position in the document: creating a validator costs more than using it.
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// An operation: its path in the description, and its definition.
struct Operation<'a> {
    name: String,
    json: &'a Value,
}

/// Returns the description, which is read once.
///
/// # Panics
///
/// If the variable does not name it.
pub(crate) fn description() -> &'static Description {
    static DESCRIPTION: OnceLock<Description> = OnceLock::new();
    DESCRIPTION.get_or_init(|| {
        let path = std::env::var(VARIABLE).unwrap_or_else(|_| {
            panic!(
                "{VARIABLE} is not set: let it name `generated/api.github.com.json` of the npm package \
                 `@octokit/openapi`, GitHub's description of its API (`.ci/run` fetches it)"
            )
        });
        let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{VARIABLE}: failed to read `{path}`: {error}"));
        let mut document = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{path} is not JSON: {error}"));
        correct(&mut document);
        Description { document, validators: Mutex::default() }
    })
}

/// Corrects the description where GitHub itself deviates from it.
fn correct(document: &mut Value) {
    // A label without a description has `null` in lists of pull requests too, as everywhere else.
    let label =
        "/components/schemas/pull-request-simple/properties/labels/items/properties/description";
    document
        .pointer_mut(label)
        .expect("labels of pull requests")["nullable"] = json!(true);
    // Every error repeats its status.
    for name in ["validation-error", "validation-error-simple"] {
        let properties = format!("/components/schemas/{name}/properties");
        document.pointer_mut(&properties).expect("an error")["status"] = json!({"type": "string"});
    }
    let merge = "/paths/~1repos~1{owner}~1{repo}~1pulls~1{pull_number}~1merge/put/responses";
    for status in ["405", "409"] {
        let properties = format!("{merge}/{status}/content/application~1json/schema/properties");
        document.pointer_mut(&properties).expect("an error")["status"] = json!({"type": "string"});
    }
}

/// Returns whether a path matches a template such as `/repos/{owner}`; a final `{*rest}` matches
/// any rest.
pub(crate) fn template(template: &str, path: &str) -> bool {
    let (mut wanted, mut parts) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some(wanted), Some(_)) if wanted.starts_with("{*") => return true,
            (Some(wanted), Some(part))
                if !part.is_empty() && wanted.starts_with('{') || wanted == part => {}
            _ => return false,
        }
    }
}

impl Description {
    /// Returns all deviations from the description in these exchanges: in requests, and in the
    /// server's own responses.
    pub(crate) fn violations(&self, exchanges: &[Exchange]) -> Vec<String> {
        let described = exchanges
            .iter()
            .filter(|exchange| is_described(&exchange.request));
        let violations = described.flat_map(|exchange| {
            let mut found = self.request(&exchange.request);
            found.extend(self.answer(exchange));
            found
        });
        violations.collect()
    }

    /// Returns the deviations in responses only, for requests that are wrong on purpose.
    pub(crate) fn answer_violations(&self, exchanges: &[Exchange]) -> Vec<String> {
        exchanges
            .iter()
            .filter(|exchange| is_described(&exchange.request))
            .flat_map(|it| self.answer(it))
            .collect()
    }

    /// Returns the matching operation with the fewest path parameters: `/user/repos` is not
    /// `/user/{name}`.
    fn operation(&self, request: &Received) -> Option<Operation<'_>> {
        let paths = self.document["paths"].as_object().expect("paths");
        let method = request.method.to_ascii_lowercase();
        let fitting = paths
            .iter()
            .filter(|(path, it)| template(path, &request.path) && it.get(&method).is_some());
        let (path, it) = fitting.min_by_key(|(path, _)| path.matches('{').count())?;
        Some(Operation {
            name: format!("{path} {method}"),
            json: &it[&method],
        })
    }

    fn request(&self, request: &Received) -> Vec<String> {
        let line = format!("{} {}", request.method, request.target());
        let Some(operation) = self.operation(request) else {
            return vec![format!("{line}: no such operation")];
        };
        let mut found = self.parameters(&operation, request);
        found.extend(self.request_body(&operation, request));
        found
            .into_iter()
            .map(|what| format!("{line}: {what}"))
            .collect()
    }

    fn parameters(&self, operation: &Operation<'_>, request: &Received) -> Vec<String> {
        let listed = operation.json["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| self.resolved(it));
        let described: BTreeMap<&str, &Value> = listed
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| {
                (
                    parameter["name"].as_str().expect("a name"),
                    &parameter["schema"],
                )
            })
            .collect();
        let uri: Uri = request.target().parse().expect("a valid URI");
        let sent = Query::<Vec<(String, String)>>::try_from_uri(&uri)
            .expect("pairs")
            .0;
        let judge = |(name, text): (String, String)| match described.get(name.as_str()) {
            None => vec![format!("parameter `{name}` is not described")],
            Some(schema) => {
                let at = format!("{} parameter {name}", operation.name);
                let found = self.judge(&at, schema, &self.typed(schema, &text));
                found
                    .into_iter()
                    .map(|what| format!("parameter `{name}`: {what}"))
                    .collect()
            }
        };
        sent.into_iter().flat_map(judge).collect()
    }

    /// Parses a parameter's text according to its type.
    fn typed(&self, schema: &Value, text: &str) -> Value {
        match self.resolved(schema)["type"].as_str() {
            Some("integer" | "boolean" | "number") => {
                serde_json::from_str(text).unwrap_or_else(|_| json!(text))
            }
            _ => json!(text),
        }
    }

    fn request_body(&self, operation: &Operation<'_>, request: &Received) -> Vec<String> {
        let content = &operation.json["requestBody"];
        let schema = &content["content"]["application/json"]["schema"];
        match (schema, request.body.is_empty()) {
            (Value::Null, true) => Vec::new(),
            (Value::Null, false) => vec!["the operation takes no body".to_owned()],
            (_, true) if content["required"] == true => {
                vec!["the operation needs a body".to_owned()]
            }
            (_, true) => Vec::new(),
            (schema, false) => {
                let json = request.json();
                let mut found = self.judge(&format!("{} request", operation.name), schema, &json);
                found.extend(self.undescribed(schema, &json));
                found
                    .into_iter()
                    .map(|what| format!("request body: {what}"))
                    .collect()
            }
        }
    }

    /// Checks a response, unless a fault produced it or there is none.
    fn answer(&self, exchange: &Exchange) -> Vec<String> {
        let Some(answer) = exchange.answer.as_ref().filter(|answer| !answer.is_fault) else {
            return Vec::new();
        };
        let Some(operation) = self.operation(&exchange.request) else {
            return Vec::new();
        };
        let line = format!(
            "{} {} -> {}",
            exchange.request.method,
            exchange.request.target(),
            answer.status
        );
        let found = self.answer_body(&operation, answer);
        found
            .into_iter()
            .map(|what| format!("{line}: {what}"))
            .collect()
    }

    fn answer_body(&self, operation: &Operation<'_>, answer: &Answered) -> Vec<String> {
        let listed = &operation.json["responses"][answer.status.to_string()];
        let schema = &self.resolved(listed)["content"]["application/json"]["schema"];
        if listed.is_null() && !ANYWHERE.contains(&answer.status) {
            return vec![format!("status {} is not described", answer.status)];
        }
        if schema.is_null() && matches!(answer.status, 204 | 304) {
            return if answer.body.is_empty() {
                Vec::new()
            } else {
                vec!["a body where none is described".to_owned()]
            };
        }
        let basic_error = json!({"$ref": "#/components/schemas/basic-error"});
        let (at, schema) = if schema.is_null() {
            ("basic error".to_owned(), &basic_error)
        } else {
            (
                format!("{} response {}", operation.name, answer.status),
                schema,
            )
        };
        let Ok(json) = serde_json::from_slice::<Value>(&answer.body) else {
            return vec!["the response is not JSON".to_owned()];
        };
        let is_json = answer
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"));
        let mut found = self.judge(&at, schema, &json);
        found.extend((!is_json).then(|| "the content type is not `application/json`".to_owned()));
        found.extend(self.undescribed(schema, &json));
        found
    }

    /// Returns the target of a reference, or the value itself.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.target(reference),
            None => value,
        }
    }

    fn target(&self, reference: &str) -> &Value {
        let pointer = reference.strip_prefix('#').expect("references are local");
        self.document
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{reference} has no target"))
    }

    /// Checks a value against a schema at a position of the document.
    fn judge(&self, at: &str, schema: &Value, value: &Value) -> Vec<String> {
        let validator = self.validator(at, schema);
        let message = |text: String| text.chars().take(MESSAGE_CHARS_MAX).collect::<String>();
        validator
            .iter_errors(value)
            .map(|error| format!("{}: {}", error.instance_path(), message(error.to_string())))
            .collect()
    }

    fn validator(&self, at: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().expect("the lock is not poisoned");
        let make = || Arc::new(self.new_validator(schema));
        Arc::clone(validators.entry(at.to_owned()).or_insert_with(make))
    }

    /// Creates a validator for a document with only the schema and those it refers to, without the
    /// other nine hundred.
    fn new_validator(&self, schema: &Value) -> Validator {
        let mut needed = BTreeSet::new();
        self.gather(schema, &mut needed);
        let mut schemas = Map::new();
        for name in needed {
            let schema = plain(self.target(&format!("#/components/schemas/{name}")));
            schemas.insert(name, schema);
        }
        let document = json!({"allOf": [plain(schema)], "components": {"schemas": schemas}});
        // The draft that is closest to OpenAPI 3.0.
        let options = jsonschema::options()
            .with_draft(Draft::Draft4)
            .should_validate_formats(true);
        options.build(&document).expect("a schema")
    }

    /// Collects the names of all schemas that a schema refers to, directly or indirectly.
    fn gather(&self, schema: &Value, found: &mut BTreeSet<String>) {
        match schema {
            Value::Object(object) => {
                let name = object
                    .get("$ref")
                    .and_then(Value::as_str)
                    .and_then(|it| it.rsplit('/').next());
                if let Some(name) = name.filter(|name| found.insert((*name).to_owned())) {
                    self.gather(self.target(&format!("#/components/schemas/{name}")), found);
                }
                object.values().for_each(|value| self.gather(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| self.gather(value, found)),
            _ => {}
        }
    }

    /// Returns the top-level fields of a value, or of a list's entries, that the schema does not
    /// define. The schema allows them, but each is a mistake.
    fn undescribed(&self, schema: &Value, value: &Value) -> Vec<String> {
        let schema = self.resolved(schema);
        if let (Some(list), items @ Value::Object(_)) = (value.as_array(), &schema["items"]) {
            return list
                .iter()
                .flat_map(|value| self.undescribed(items, value))
                .collect();
        }
        let mut described = BTreeSet::new();
        self.describe_fields(schema, &mut described);
        let sent = value.as_object().into_iter().flat_map(Map::keys);
        let unknown =
            sent.filter(|name| !described.is_empty() && !described.contains(name.as_str()));
        unknown
            .map(|name| format!("`{name}` is not described"))
            .collect()
    }

    fn describe_fields<'a>(&'a self, schema: &'a Value, found: &mut BTreeSet<&'a str>) {
        let schema = self.resolved(schema);
        found.extend(
            schema["properties"]
                .as_object()
                .into_iter()
                .flat_map(Map::keys)
                .map(String::as_str),
        );
        for part in ["allOf", "anyOf", "oneOf"] {
            schema[part]
                .as_array()
                .into_iter()
                .flatten()
                .for_each(|part| self.describe_fields(part, found));
        }
    }
}

/// Git is not described, and GraphQL has its own kind of description.
fn is_described(request: &Received) -> bool {
    !request.is_git && request.path != "/graphql"
}

/// Converts a schema of OpenAPI 3.0 to JSON Schema, which has no `nullable`.
fn plain(schema: &Value) -> Value {
    let Value::Object(object) = schema else {
        return schema.clone();
    };
    let mut made = Map::new();
    for (key, value) in object {
        let value = match key.as_str() {
            // Not part of JSON Schema, and large.
            "example" | "examples" | "description" | "title" | "nullable" | "discriminator"
            | "default" => continue,
            "properties" | "patternProperties" => fields(value),
            "items" | "not" | "additionalProperties" => plain(value),
            "allOf" | "anyOf" | "oneOf" => {
                value.as_array().into_iter().flatten().map(plain).collect()
            }
            _ => value.clone(),
        };
        made.insert(key.clone(), value);
    }
    let made = Value::Object(made);
    if object.get("nullable") == Some(&json!(true)) {
        json!({"anyOf": [{"type": "null"}, made]})
    } else {
        made
    }
}

fn fields(properties: &Value) -> Value {
    let all = properties.as_object().into_iter().flatten();
    Value::Object(
        all.map(|(name, schema)| (name.clone(), plain(schema)))
            .collect(),
    )
}
