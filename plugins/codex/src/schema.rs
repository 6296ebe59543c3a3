//! Turns a JSON Schema into one that the service accepts for a final message.
//!
//! The service takes a subset of JSON Schema, and rejects the request otherwise: each object lists
//! all its properties as required and allows no others, and some keywords must not occur. The
//! result is as narrow as the original or lacks a limit of it, which the host checks anyway.

use serde_json::{Map, Value, json};

/// Keywords that must not occur. None of them widens a schema.
const UNSUPPORTED: [&str; 7] = [
    "$schema",
    "default",
    "examples",
    "maxLength",
    "minLength",
    "title",
    "uniqueItems",
];

/// Keywords of which one says what a value is.
const KINDS: [&str; 5] = ["$ref", "anyOf", "const", "enum", "type"];

/// Returns the schema in the form that the service accepts; `None` if there is no such form.
pub(crate) fn strict(schema: &str) -> Option<String> {
    let mut schema: Value = serde_json::from_str(schema).ok()?;
    narrow(&mut schema)?;
    (schema["type"] == "object").then(|| schema.to_string())
}

fn narrow(schema: &mut Value) -> Option<()> {
    // A schema can also be `true`, which allows anything.
    let schema = schema.as_object_mut()?;
    for keyword in UNSUPPORTED {
        schema.shift_remove(keyword);
    }
    if let Some(choices) = schema.shift_remove("oneOf") {
        schema.insert("anyOf".into(), choices);
    }
    if !KINDS.iter().any(|kind| schema.contains_key(*kind)) {
        return None;
    }
    if schema.get("type").is_some_and(|it| it == "object") {
        close(schema)?;
    }
    inner(schema)
}

/// Makes all properties of an object required, and forbids others.
fn close(object: &mut Map<String, Value>) -> Option<()> {
    let names: Vec<String> = object
        .get("properties")?
        .as_object()?
        .keys()
        .cloned()
        .collect();
    object.insert("required".into(), json!(names));
    object.insert("additionalProperties".into(), json!(false));
    Some(())
}

/// Narrows the schemas within a schema.
fn inner(schema: &mut Map<String, Value>) -> Option<()> {
    for (keyword, value) in schema {
        match keyword.as_str() {
            "properties" | "$defs" | "definitions" => {
                value.as_object_mut()?.values_mut().try_for_each(narrow)?;
            }
            "anyOf" => value.as_array_mut()?.iter_mut().try_for_each(narrow)?,
            "items" => narrow(value)?,
            "allOf" | "not" | "if" | "patternProperties" | "prefixItems" => return None,
            _ => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &Value, expected: Option<&Value>) {
        let found = strict(&schema.to_string());
        let found = found.map(|text| serde_json::from_str::<Value>(&text).unwrap());
        assert_eq!(found.as_ref(), expected, "{schema}");
    }

    #[test]
    fn objects_are_closed_and_limits_of_length_removed() {
        let item = |closed: bool| {
            let mut item = json!({
                "type": "object",
                "properties": {"title": {"type": "string"}, "on": {"type": "array", "items": {"type": "integer", "minimum": 1}}},
            });
            if closed {
                item["required"] = json!(["title", "on"]);
                item["additionalProperties"] = json!(false);
            } else {
                item["required"] = json!(["title"]);
                item["properties"]["title"]["minLength"] = json!(1);
                item["properties"]["on"]["default"] = json!([]);
            }
            item
        };
        let list = |item: Value| {
            json!({
                "type": "object",
                "properties": {"issues": {"type": "array", "maxItems": 20, "items": item}},
                "required": ["issues"],
                "additionalProperties": false,
            })
        };
        check(&list(item(false)), Some(&list(item(true))));
    }

    #[test]
    fn alternatives_have_the_supported_keyword() {
        let choices = json!([{"const": "a"}, {"type": "string"}]);
        check(
            &json!({"type": "object", "properties": {"x": {"oneOf": choices}}}),
            Some(
                &json!({"type": "object", "properties": {"x": {"anyOf": choices}}, "required": ["x"], "additionalProperties": false}),
            ),
        );
    }

    #[test]
    fn a_schema_outside_of_the_subset_is_left_to_the_prompt() {
        check(&json!({}), None);
        check(&json!(true), None);
        check(&json!({"type": "array", "items": {"type": "string"}}), None);
        check(&json!({"type": "object"}), None);
        check(&json!({"type": "object", "properties": {"x": true}}), None);
        check(&json!({"type": "object", "properties": {"x": {}}}), None);
        check(
            &json!({"type": "object", "properties": {"x": {"type": "string", "not": {"const": ""}}}}),
            None,
        );
        assert_eq!(strict("no JSON"), None);
    }
}
