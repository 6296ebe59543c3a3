//! Edits the configuration file and preserves the comments, order and formatting of everything
//! else.

use std::path::{Path, PathBuf};

use autoissue_core::plugins::recipients::EntrySettings;
use autoissue_core::whole_file::{read_text, write_whole};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstNode, CstObject, CstObjectProp, CstRootNode};
use serde_json::Value;

use crate::error::{CliError, PluginCommandError};

/// Largest file that is edited, in bytes: as in a session.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A configuration file that is being edited. Nothing is written before [`save`](Self::save).
pub(super) struct ConfigFile {
    path: PathBuf,
    root: CstRootNode,
}

impl ConfigFile {
    /// Opens a file. A missing file starts as `{}`.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let text = match read_text(path, FILE_BYTES_MAX) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "{\n}\n".to_owned(),
            read => read.map_err(|source| CliError::File {
                what: "read",
                path: path.to_owned(),
                source,
            })?,
        };
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, CliError> {
        let root = CstRootNode::parse(text, &ParseOptions::default());
        let root = root.map_err(|error| unchangeable(path, &error.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            root,
        })
    }

    /// Writes the file atomically.
    pub(super) fn save(&self) -> Result<(), CliError> {
        write_whole(&self.path, self.root.to_string().as_bytes()).map_err(|source| CliError::File {
            what: "write",
            path: self.path.clone(),
            source,
        })
    }

    fn object(&self) -> Result<CstObject, CliError> {
        self.root
            .object_value_or_create()
            .ok_or_else(|| unchangeable(&self.path, "it is not an object"))
    }

    /// Adds a plugin before the first one whose name is greater, so that git merges branches that
    /// add plugins in different places. If there is one with the same name, only these keys are
    /// replaced, or removed if they have no value; its other keys stay.
    pub(super) fn put_plugin(
        &self,
        name: &str,
        keys: &[(&str, Option<Value>)],
    ) -> Result<(), CliError> {
        let plugins = self.object()?.array_value_or_create("plugins");
        let plugins = plugins.ok_or_else(|| unchangeable(&self.path, "`plugins` is not a list"))?;
        let Some(entry) = plugins
            .elements()
            .iter()
            .filter_map(CstNode::as_object)
            .find(|it| is_named(it, name))
        else {
            let mut entry = vec![("name".to_owned(), CstInputValue::from(name))];
            let said = keys
                .iter()
                .filter_map(|(key, value)| Some((key, value.as_ref()?)));
            entry.extend(said.map(|(key, value)| ((*key).to_owned(), input(value))));
            plugins.ensure_multiline();
            let elements = plugins.elements();
            let is_greater = |it: &CstNode| {
                it.as_object()
                    .and_then(|it| name_of(&it))
                    .is_some_and(|it| name < it.as_str())
            };
            let at = elements
                .iter()
                .position(is_greater)
                .unwrap_or(elements.len());
            plugins.insert(at, CstInputValue::Object(entry));
            return Ok(());
        };
        for (key, value) in keys {
            match (entry.get(key), value) {
                (Some(property), Some(value)) => property.set_value(input(value)),
                (Some(property), None) => property.remove(),
                (None, Some(value)) => drop(entry.append(key, input(value))),
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Removes a plugin and the strategies that name it. Returns whether it was there.
    pub(super) fn remove_plugin(&self, name: &str) -> Result<bool, CliError> {
        let root = self.object()?;
        let Some(plugins) = root.array_value("plugins") else {
            return Ok(false);
        };
        let entries = plugins
            .elements()
            .into_iter()
            .filter_map(|it| it.as_object());
        let found: Vec<CstObject> = entries.filter(|entry| is_named(entry, name)).collect();
        let was_there = !found.is_empty();
        found.into_iter().for_each(CstObject::remove);
        if plugins.elements().is_empty() {
            root.get("plugins")
                .into_iter()
                .for_each(CstObjectProp::remove);
        }
        if let Some(strategies) = root.object_value("strategies") {
            let names = strategies.properties().into_iter().filter(|property| {
                property
                    .to_serde_value()
                    .as_ref()
                    .and_then(Value::as_str)
                    .is_some_and(|value| names(value, name))
            });
            names.for_each(CstObjectProp::remove);
            if strategies.properties().is_empty() {
                root.get("strategies")
                    .into_iter()
                    .for_each(CstObjectProp::remove);
            }
        }
        Ok(was_there)
    }

    /// Selects a plugin for a strategy, unless another one is selected already; returns that one.
    pub(super) fn use_for(&self, key: &str, name: &str) -> Result<Option<String>, CliError> {
        let strategies = self.object()?.object_value_or_create("strategies");
        let strategies =
            strategies.ok_or_else(|| unchangeable(&self.path, "`strategies` is not an object"))?;
        match strategies.get(key) {
            None => drop(strategies.append(key, CstInputValue::from(name))),
            Some(property) => match property.to_serde_value() {
                Some(Value::String(other)) if !names(&other, name) => return Ok(Some(other)),
                Some(Value::String(_)) => {}
                _ => property.set_value(CstInputValue::from(name)),
            },
        }
        Ok(None)
    }
}

impl ConfigFile {
    /// Returns the settings in a plugin's entry. Invalid ones are reported when the configuration is
    /// loaded.
    pub(super) fn settings_of(&self, name: &str) -> EntrySettings {
        let entry = || {
            let plugins = self.object().ok()?.array_value("plugins")?;
            let mut entries = plugins.elements().into_iter();
            entries.find_map(|it| it.as_object().filter(|entry| is_named(entry, name)))
        };
        let Some(entry) = entry() else {
            return EntrySettings::default();
        };
        let value = |key| entry.get(key)?.to_serde_value();
        EntrySettings {
            config: value("config").and_then(|it| serde_json::from_value(it).ok()),
            configs: value("configs")
                .and_then(|it| serde_json::from_value(it).ok())
                .unwrap_or_default(),
        }
    }

    /// Returns the value of a strategy; `None` if it is not set.
    pub(super) fn strategy(&self, key: &str) -> Option<String> {
        let strategies = self.object().ok()?.object_value("strategies")?;
        match strategies.get(key)?.to_serde_value()? {
            Value::String(value) => Some(value),
            _ => None,
        }
    }
}

/// Returns whether the value of a strategy refers to this plugin, by its name alone or with a
/// strategy of it.
fn names(value: &str, plugin: &str) -> bool {
    value.split('/').next() == Some(plugin)
}

fn is_named(entry: &CstObject, name: &str) -> bool {
    name_of(entry).as_deref() == Some(name)
}

fn name_of(entry: &CstObject) -> Option<String> {
    match entry.get("name")?.to_serde_value()? {
        Value::String(name) => Some(name),
        _ => None,
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(value) => CstInputValue::Number(value.to_string()),
        Value::String(value) => CstInputValue::String(value.clone()),
        Value::Array(values) => CstInputValue::Array(values.iter().map(input).collect()),
        Value::Object(map) => CstInputValue::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), input(value)))
                .collect(),
        ),
    }
}

fn unchangeable(path: &Path, message: &str) -> CliError {
    PluginCommandError::ConfigFile {
        path: path.to_owned(),
        message: message.to_owned(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn file(text: &str) -> ConfigFile {
        ConfigFile::parse(Path::new("autoissue.config.json"), text).unwrap()
    }

    const WITH_COMMENTS: &str = r#"{
  // Ours.
  "agent": { "backend": "patch" }, // free
  "plugins": [
    // The first.
    { "name": "first", "path": "first.wasm", "onError": "fail" },
  ],
  "strategies": { "classifier": "first", "prTemplate": "first/short" },
}
"#;

    #[test]
    fn an_empty_file_gets_what_is_needed() {
        let config = file("{\n}\n");
        let grants = json!({ "exec": ["codex"] });
        config
            .put_plugin(
                "billing",
                &[
                    ("path", Some(json!("billing.wasm"))),
                    ("grants", Some(grants)),
                    ("sha256", None),
                ],
            )
            .unwrap();
        assert_eq!(config.use_for("classifier", "billing").unwrap(), None);
        assert_snapshot!(config.root.to_string(), @r#"
        {
          "plugins": [
            {
              "name": "billing",
              "path": "billing.wasm",
              "grants": {
                "exec": ["codex"]
              }
            }
          ],
          "strategies": {
            "classifier": "billing"
          }
        }
        "#);
    }

    #[test]
    fn comments_and_everything_else_stay() {
        let config = file(WITH_COMMENTS);
        config
            .put_plugin("second", &[("path", Some(json!("second.wasm")))])
            .unwrap();
        config
            .put_plugin(
                "first",
                &[
                    ("path", Some(json!("other.wasm"))),
                    ("grants", Some(json!({ "exec": ["scribe"] }))),
                    ("onError", None),
                ],
            )
            .unwrap();
        assert_eq!(
            config.use_for("classifier", "second").unwrap().as_deref(),
            Some("first")
        );
        assert_eq!(config.use_for("modelSelector", "second").unwrap(), None);
        assert_snapshot!(config.root.to_string());
    }

    #[test]
    fn plugins_are_in_order_of_their_names() {
        let config = file(WITH_COMMENTS);
        for name in ["z", "alpha", "middle"] {
            config
                .put_plugin(name, &[("path", Some(json!(format!("{name}.wasm"))))])
                .unwrap();
        }
        assert_snapshot!(config.root.to_string(), @r#"
        {
          // Ours.
          "agent": { "backend": "patch" }, // free
          "plugins": [
            {
              "name": "alpha",
              "path": "alpha.wasm",
            },
            // The first.
            { "name": "first", "path": "first.wasm", "onError": "fail" },
            {
              "name": "middle",
              "path": "middle.wasm",
            },
            {
              "name": "z",
              "path": "z.wasm",
            },
          ],
          "strategies": { "classifier": "first", "prTemplate": "first/short" },
        }
        "#);
    }

    #[test]
    fn a_plugin_is_removed_with_all_references_to_it() {
        let config = file(WITH_COMMENTS);
        assert!(config.remove_plugin("first").unwrap());
        assert!(!config.remove_plugin("first").unwrap());
        assert_snapshot!(config.root.to_string());
    }

    #[test]
    fn a_value_that_is_not_a_list_is_left_unchanged() {
        for (text, expected) in [
            ("[]", "it is not an object"),
            (r#"{"plugins": {}}"#, "`plugins` is not a list"),
        ] {
            let error = file(text).put_plugin("a", &[]).unwrap_err();
            assert!(error.to_string().ends_with(expected), "{error}");
        }
    }
}
