//! The JSON Schema of the configuration: the only list of keys, types, ranges and defaults.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = autoissue_core::config::schema().to_value();
    drop_section_defaults(&mut schema);
    schema
});

/// Returns the schema of a configuration's values.
pub(crate) fn schema() -> &'static Value {
    &SCHEMA
}

/// Returns the schema of the file, for editors. It also allows `$schema`.
pub(crate) fn document() -> Value {
    let mut document = schema().clone();
    document["title"] = json!("autoissue.config.json");
    if let Some(properties) = document["properties"].as_object_mut() {
        let description = "The location of this schema, for editors. Ignored by autoissue.";
        properties.shift_insert(
            0,
            "$schema".to_owned(),
            json!({ "description": description, "type": "string" }),
        );
    }
    document
}

/// Returns the keys of a section, in order; `None` if this is the schema of a single value.
///
/// Sections are merged key by key, values are replaced. Lists, and objects that are one of several
/// forms, are values.
pub(super) fn section(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// Returns the schema at a path such as `executor.checks[1].name`.
pub(crate) fn lookup(path: &str) -> Option<&'static Value> {
    path.split('.').try_fold(schema(), |schema, part| {
        let (key, index) = part
            .split_once('[')
            .map_or((part, None), |(key, index)| (key, Some(index)));
        let found = alternatives(schema)
            .into_iter()
            .find_map(|form| section(form)?.get(key))?;
        if index.is_some() {
            found.get("items")
        } else {
            Some(found)
        }
    })
}

/// Returns the forms that a value may have, with `anyOf` and `oneOf` flattened.
pub(super) fn alternatives(schema: &Value) -> Vec<&Value> {
    let forms = schema
        .get("anyOf")
        .or_else(|| schema.get("oneOf"))
        .and_then(Value::as_array);
    forms.map_or_else(
        || vec![schema],
        |forms| forms.iter().flat_map(alternatives).collect(),
    )
}

/// Returns whether a value must never be shown.
pub(super) fn is_secret(schema: &Value) -> bool {
    let forms = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    schema.get("writeOnly") == Some(&Value::Bool(true)) || forms.into_iter().any(is_secret)
}

/// Returns the path of every single value, in order.
pub(crate) fn leaves() -> Vec<String> {
    paths()
        .into_iter()
        .filter(|path| lookup(path).is_none_or(|schema| section(schema).is_none()))
        .collect()
}

/// Returns the path of every section and value outside lists, in order.
pub(super) fn paths() -> Vec<String> {
    let mut paths = Vec::new();
    collect_paths(schema(), "", &mut paths);
    paths
}

fn collect_paths(schema: &Value, prefix: &str, paths: &mut Vec<String>) {
    for (key, schema) in section(schema).into_iter().flatten() {
        let path = join(prefix, key);
        paths.push(path.clone());
        collect_paths(schema, &path, paths);
    }
}

/// Appends a key to the path of its section.
pub(super) fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}

/// Removes the default of a section, which only repeats those of its keys.
fn drop_section_defaults(schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for property in properties.values_mut() {
        if property.get("properties").is_some()
            && let Some(property) = property.as_object_mut()
        {
            property.shift_remove("default");
        }
        drop_section_defaults(property);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_described_and_has_a_default() {
        for path in paths() {
            let schema = lookup(&path).unwrap();
            let description = schema["description"].as_str().unwrap_or_default();
            assert!(
                description.ends_with('.') && !description.contains('\n'),
                "{path}: {description:?}"
            );
            assert_eq!(
                schema.get("default").is_some(),
                section(schema).is_none(),
                "{path}"
            );
        }
    }

    #[test]
    fn every_object_is_closed() {
        fn visit(value: &Value) {
            if value.get("properties").is_some_and(Value::is_object) {
                assert_eq!(value["additionalProperties"], json!(false), "{value}");
            }
            let children: Vec<&Value> = match value {
                Value::Object(map) => map.values().collect(),
                Value::Array(list) => list.iter().collect(),
                _ => Vec::new(),
            };
            children.into_iter().for_each(visit);
        }
        visit(&document());
    }

    #[test]
    fn every_number_has_a_range() {
        for path in leaves() {
            let schema = lookup(&path).unwrap();
            let kind = schema["type"].to_string();
            if kind.contains("integer") || kind.contains("number") {
                assert!(
                    schema.get("minimum").is_some() && schema.get("maximum").is_some(),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn the_schema_that_editors_are_sent_to_is_this_one() {
        let published: Value =
            serde_json::from_str(include_str!("../../autoissue.config.schema.json")).unwrap();
        assert_eq!(
            published,
            document(),
            "regenerate it: `autoissue config schema > cli/autoissue.config.schema.json`"
        );
    }

    #[test]
    fn the_file_may_name_its_schema() {
        assert_eq!(document()["properties"]["$schema"]["type"], json!("string"));
        assert!(lookup("$schema").is_none());
    }

    #[test]
    fn a_path_leads_into_lists_and_forms() {
        assert_eq!(
            lookup("executor.checks[3].timeoutMinutes").unwrap()["maximum"],
            json!(1440)
        );
        assert_eq!(
            lookup("plugins[0].grants.exec[1]").unwrap()["type"],
            json!("string")
        );
        assert!(lookup("executor.nonsense").is_none());
    }
}
