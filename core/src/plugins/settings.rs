//! The settings of plugins: whether they are what a plugin accepts.
//!
//! The plugin provides a JSON Schema, which locates wrong values. Then the plugin checks the
//! settings itself, because a schema cannot express everything. Schemas are untrusted: external
//! references are not fetched, and patterns run in linear time.

use std::path::Path;

use autoissue_plugin_host::{Kind, Plugin, StrategyInfo};
use autoissue_plugin_sdk::PluginError;
use jsonschema::PatternOptions;
use serde_json::{Map, Value};

use super::Chosen;
use super::error::{PluginsError, SettingsProblem};

/// Longest schema that is used, in bytes.
const SCHEMA_BYTES_MAX: usize = 256 << 10;
/// Most problems that are reported at once.
const N_PROBLEMS_MAX: usize = 10;

/// Gives the strategies of a plugin that make decisions their settings, if they take any.
pub(super) fn hand_out(
    plugin: &Plugin,
    path: &Path,
    given: Option<&Map<String, Value>>,
    chosen: &mut [(Kind, Chosen)],
) -> Result<(), PluginsError> {
    let mut is_taken = false;
    for (kind, chosen) in chosen
        .iter_mut()
        .filter(|(_, chosen)| chosen.plugin.digest() == plugin.digest())
    {
        let strategy = plugin.strategy(*kind, chosen.strategy.as_deref())?.clone();
        let given = given.filter(|_| strategy.settings_schema.is_some());
        is_taken |= given.is_some();
        chosen.settings = given
            .map(|given| Value::Object(given.clone()).to_string())
            .unwrap_or_default();
        check((plugin, path), &strategy, given, &chosen.settings)?;
    }
    if given.is_some_and(|given| !given.is_empty()) && !is_taken {
        return Err(PluginsError::Settings {
            plugin: plugin.info().name.clone(),
            path: path.to_owned(),
            problems: vec![SettingsProblem::None],
        });
    }
    Ok(())
}

fn check(
    (plugin, path): (&Plugin, &Path),
    strategy: &StrategyInfo,
    given: Option<&Map<String, Value>>,
    text: &str,
) -> Result<(), PluginsError> {
    let name = plugin.info().name.clone();
    let path = path.to_owned();
    if let Some(schema) = &strategy.settings_schema {
        let problems = problems(schema, &Value::Object(given.cloned().unwrap_or_default()));
        if !problems.is_empty() {
            return Err(PluginsError::Settings {
                plugin: name,
                path,
                problems,
            });
        }
    }
    match plugin.check_settings(strategy, text) {
        Ok(()) => Ok(()),
        Err(PluginError::InvalidSettings(text)) => Err(PluginsError::Settings {
            plugin: name,
            path,
            problems: vec![SettingsProblem::Said(text)],
        }),
        Err(source) => Err(PluginsError::Failed {
            plugin: name,
            path,
            source,
        }),
    }
}

fn problems(schema: &str, value: &Value) -> Vec<SettingsProblem> {
    fn problem(error: &jsonschema::ValidationError<'_>) -> SettingsProblem {
        SettingsProblem::At {
            path: error.instance_path().to_string(),
            message: error.to_string(),
        }
    }

    if SCHEMA_BYTES_MAX < schema.len() {
        return vec![SettingsProblem::BadSchema(format!(
            "it is longer than {SCHEMA_BYTES_MAX} bytes"
        ))];
    }
    let schema: Value = match serde_json::from_str(schema) {
        Ok(schema) => schema,
        Err(error) => return vec![SettingsProblem::BadSchema(error.to_string())],
    };
    let validator = jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .build(&schema);
    let validator = match validator {
        Ok(validator) => validator,
        Err(error) => return vec![SettingsProblem::BadSchema(error.to_string())],
    };
    validator
        .iter_errors(value)
        .take(N_PROBLEMS_MAX)
        .map(|error| problem(&error))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: &Value, value: &Value, expected: &[&str]) {
        let found: Vec<String> = problems(&schema.to_string(), value)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn wrong_settings_are_reported_with_their_path() {
        let schema = json!({
            "type": "object",
            "properties": {"words": {"type": "array", "items": {"type": "string"}}},
            "additionalProperties": false,
        });
        check(&schema, &json!({"words": ["a"]}), &[]);
        check(
            &schema,
            &json!({"words": ["a", 1], "word": "b"}),
            &[
                "`/words/1`: 1 is not of type \"string\"",
                "Additional properties are not allowed ('word' was unexpected)",
            ],
        );
    }

    #[test]
    fn a_schema_fetches_nothing_and_takes_linear_time() {
        for outside in ["https://example.org/schema.json", "file:///etc/passwd"] {
            let found = problems(&json!({"$ref": outside}).to_string(), &json!({}));
            assert!(
                matches!(found[..], [SettingsProblem::BadSchema(_)]),
                "{found:?}"
            );
        }
        let slow = json!({"additionalProperties": {"pattern": "(a+)+$"}});
        let text = format!("{}b", "a".repeat(64));
        assert_eq!(problems(&slow.to_string(), &json!({"a": text})).len(), 1);
        check(&json!({"$ref": "#"}), &json!({}), &[]);
        assert!(matches!(
            problems("{", &json!({}))[..],
            [SettingsProblem::BadSchema(_)]
        ));
    }
}
