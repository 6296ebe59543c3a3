//! Formats the effective configuration with the origin of each value, and secrets as `***`. Prints
//! nothing itself.

use autoissue_core::secret::MASK;
use serde_json::{Map, Value, json};

use super::{Loaded, schema};

/// Maximum width of an aligned `key = value`; longer ones only push their own origin to the right.
const ALIGNED_CHARS_MAX: usize = 60;

/// Words in the name of a plugin setting that mark its value as a secret, because the plugin's
/// schema is not known here.
const SECRET_WORDS: [&str; 5] = ["token", "secret", "password", "credential", "key"];

/// Returns a line such as `executor.maxParallel = 3   default` for each value.
pub(crate) fn text(loaded: &Loaded) -> String {
    let entries: Vec<(String, String)> = values(loaded)
        .into_iter()
        .map(|(path, value)| {
            (
                format!("{path} = {}", shown(&value)),
                loaded.origin(&path).to_string(),
            )
        })
        .collect();
    let widths = entries.iter().map(|(entry, _)| entry.chars().count());
    let width = widths
        .filter(|width| *width <= ALIGNED_CHARS_MAX)
        .max()
        .unwrap_or(0);
    entries
        .into_iter()
        .map(|(entry, origin)| format!("{entry:<width$}   {origin}\n"))
        .collect()
}

/// Returns `{"type": "config", "values": {path: {"value": …, "origin": …}}}`.
pub(crate) fn json(loaded: &Loaded) -> Value {
    let entry = |(path, value): (String, Value)| {
        let origin = loaded.origin(&path);
        (path, json!({ "value": value, "origin": origin }))
    };
    let values: Map<String, Value> = values(loaded).into_iter().map(entry).collect();
    json!({ "type": "config", "values": values })
}

/// Takes the values from the typed configuration, whose secrets cannot be serialized.
fn values(loaded: &Loaded) -> Vec<(String, Value)> {
    let mut tree = serde_json::to_value(&loaded.config)
        .expect("a configuration is plain values with string keys");
    for plugin in tree
        .pointer_mut("/plugins")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        for key in ["config", "configs"] {
            plugin.get_mut(key).into_iter().for_each(mask);
        }
    }
    let value_at = |path: &str| path.split('.').fold(&tree, |tree, key| &tree[key]).clone();
    schema::leaves()
        .into_iter()
        .map(|path| (path.clone(), value_at(&path)))
        .collect()
}

fn mask(settings: &mut Value) {
    match settings {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| {
            let key = key.to_lowercase();
            if value.is_string() && SECRET_WORDS.iter().any(|word| key.contains(word)) {
                *value = json!(MASK);
            } else {
                mask(value);
            }
        }),
        Value::Array(list) => list.iter_mut().for_each(mask),
        _ => {}
    }
}

fn shown(value: &Value) -> String {
    if value.is_null() {
        "unset".to_owned()
    } else {
        value.to_string()
    }
}
