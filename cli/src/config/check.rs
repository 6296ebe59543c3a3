//! Checks values against the schema and describes the problems. Collects all problems instead of
//! stopping at the first. Supports only the parts of JSON Schema that our own schema uses.

use autoissue_core::config::Problem;
use serde_json::{Map, Value};

use super::schema::{alternatives, is_secret, join, section};
use super::suggestion;

/// Maximum length of a user's text in an error; longer text is cut.
const SHOWN_CHARS_MAX: usize = 60;

/// Returns everything in these values that the schema does not allow.
pub(super) fn check(schema: &Value, values: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_value(schema, values, "", &mut problems);
    problems
}

fn check_value(schema: &Value, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    let forms = alternatives(schema);
    let Some(form) = forms.iter().find(|form| accepts_type(form, value)) else {
        problems.push(mismatch(schema, value, path));
        return;
    };
    let choices: Vec<&Value> = forms.iter().filter_map(|form| form.get("const")).collect();
    if form.get("const").is_some() && !choices.contains(&value) {
        problems.push(mismatch(schema, value, path));
        return;
    }
    match value {
        Value::Object(object) => check_object(form, object, path, problems),
        Value::Array(list) => check_list(form, list, path, problems),
        Value::Number(_) | Value::String(_) if !is_within(form, value) => {
            problems.push(mismatch(schema, value, path));
        }
        Value::Number(_) | Value::String(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn check_object(
    schema: &Value,
    object: &Map<String, Value>,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    let Some(known) = section(schema) else { return };
    for (key, value) in object {
        match known.get(key) {
            Some(schema) => check_value(schema, value, &join(path, key), problems),
            None => problems.push(unknown_key(known, path, key)),
        }
    }
    for key in schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !object.contains_key(key) {
            let allowed = known.get(key).map(describe).unwrap_or_default();
            problems.push(Problem {
                key: join(path, key),
                found: "nothing".to_owned(),
                allowed,
                hint: None,
            });
        }
    }
}

fn check_list(schema: &Value, list: &[Value], path: &str, problems: &mut Vec<Problem>) {
    let Some(items) = schema.get("items") else {
        return;
    };
    for (index, item) in list.iter().enumerate() {
        check_value(items, item, &format!("{path}[{index}]"), problems);
    }
}

/// Reports an unknown key. Its value is not shown, because it may be a misplaced token.
fn unknown_key(known: &Map<String, Value>, section: &str, key: &str) -> Problem {
    let siblings: Vec<&str> = known.keys().map(String::as_str).collect();
    let allowed = format!(
        "one of {}",
        any_of(siblings.iter().map(|key| format!("`{key}`")).collect())
    );
    let hint = Some(suggestion::for_unknown_key(section, key, &siblings));
    Problem {
        key: join(section, key),
        found: "an unknown key".to_owned(),
        allowed,
        hint,
    }
}

fn mismatch(schema: &Value, value: &Value, path: &str) -> Problem {
    let is_secret = is_secret(schema);
    let found = if is_secret {
        kind_of(value).to_owned()
    } else {
        shown(value)
    };
    let hint = if is_secret { None } else { hint(schema, value) };
    Problem {
        key: path.to_owned(),
        found,
        allowed: describe(schema),
        hint,
    }
}

/// Returns whether the schema accepts the value's type.
pub(super) fn accepts_type(schema: &Value, value: &Value) -> bool {
    let is_type = |name: &str| match name {
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    };
    types(schema).into_iter().any(is_type)
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_within(schema: &Value, value: &Value) -> bool {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    match value {
        Value::String(text) => {
            bound("minLength").is_none_or(|min| text.chars().count() as f64 >= min)
        }
        _ => value.as_f64().is_some_and(|number| {
            bound("minimum").is_none_or(|min| min <= number)
                && bound("maximum").is_none_or(|max| number <= max)
                && bound("exclusiveMinimum").is_none_or(|min| min < number)
        }),
    }
}

/// Describes what a schema allows.
pub(super) fn describe(schema: &Value) -> String {
    any_of(
        alternatives(schema)
            .into_iter()
            .flat_map(describe_form)
            .collect(),
    )
}

fn describe_form(schema: &Value) -> Vec<String> {
    if let Some(choice) = schema.get("const").and_then(Value::as_str) {
        return vec![format!("`\"{choice}\"`")];
    }
    let describe_type = |name: &str| match name {
        "integer" | "number" => describe_number(schema, name),
        "string" if schema.get("minLength").is_some() => "a non-empty string".to_owned(),
        "string" => "a string".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "array" => describe_list(schema),
        "object" => describe_object(schema),
        other => format!("`{other}`"),
    };
    types(schema).into_iter().map(describe_type).collect()
}

fn describe_number(schema: &Value, kind: &str) -> String {
    let kind = if kind == "integer" {
        "a whole number"
    } else {
        "a number"
    };
    let bound = |name: &str| schema.get(name).map(ToString::to_string);
    match (
        bound("exclusiveMinimum"),
        bound("minimum"),
        bound("maximum"),
    ) {
        (Some(above), _, Some(max)) => format!("{kind} above {above} and up to {max}"),
        (None, Some(min), Some(max)) => format!("{kind} from {min} to {max}"),
        _ => kind.to_owned(),
    }
}

fn describe_list(schema: &Value) -> String {
    match schema.get("items").map(types).as_deref() {
        Some(["string"]) => "a list of strings".to_owned(),
        _ => "a list".to_owned(),
    }
}

fn describe_object(schema: &Value) -> String {
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let required: Vec<String> = required
        .filter_map(Value::as_str)
        .map(|key| format!("`{key}`"))
        .collect();
    if required.is_empty() {
        "an object".to_owned()
    } else {
        format!("an object with {}", required.join(" and "))
    }
}

/// Joins choices: `a, b or c`.
fn any_of(mut choices: Vec<String>) -> String {
    match choices.pop() {
        Some(last) if choices.is_empty() => last,
        Some(last) => format!("{} or {last}", choices.join(", ")),
        None => String::new(),
    }
}

/// Returns a user's value as JSON on one line, cut to a readable length.
fn shown(value: &Value) -> String {
    if value.is_array() || value.is_object() {
        return kind_of(value).to_owned();
    }
    let json = value.to_string();
    let cut: String = json.chars().take(SHOWN_CHARS_MAX).collect();
    let more = if cut.len() < json.len() { "…" } else { "" };
    format!("`{cut}{more}`")
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "`null`",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(text) if text.is_empty() => "an empty string",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn hint(schema: &Value, value: &Value) -> Option<String> {
    let accepts = |value: &Value| {
        alternatives(schema)
            .into_iter()
            .any(|form| accepts_type(form, value))
    };
    if let Some(text) = value.as_str() {
        let choices: Vec<&str> = alternatives(schema)
            .into_iter()
            .filter_map(|form| form.get("const")?.as_str())
            .collect();
        if let Some(choice) = suggestion::nearest_choice(text, &choices) {
            return Some(format!("did you mean `\"{choice}\"`?"));
        }
        let unquoted = serde_json::from_str::<Value>(text)
            .ok()
            .filter(|value| !value.is_string() && accepts(value));
        return unquoted.map(|value| format!("write it without quotes: `{value}`"));
    }
    None
}
