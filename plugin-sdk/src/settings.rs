//! Settings of a strategy, read into a type that the author defines.
//!
//! ```
//! use autoissue_plugin_sdk::prelude::*;
//! use autoissue_plugin_sdk::{schemars, serde};
//!
//! /// Settings of the plugin.
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(crate = "serde", deny_unknown_fields, default)]
//! #[schemars(crate = "schemars")]
//! struct BillingSettings {
//!     /// Words that put an issue into the billing domain.
//!     words: Vec<String>,
//! }
//!
//! impl Default for BillingSettings {
//!     fn default() -> Self {
//!         Self { words: vec!["invoice".into()] }
//!     }
//! }
//!
//! // A strategy that returns this from `settings` is called only with settings that can be read.
//! let settings = Settings::of::<BillingSettings>();
//! assert!(settings.check(r#"{"words": ["refund"]}"#).is_ok());
//! let error = settings.check(r#"{"words": ["refund", 3]}"#).unwrap_err();
//! assert!(error.to_string().contains("`words[1]`"), "{error}");
//!
//! // Read them in the strategy's method.
//! let read: BillingSettings = read_settings("").unwrap();
//! assert_eq!(read.words, ["invoice"]);
//! ```

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::PluginError;

/// The settings that a strategy accepts.
#[derive(Clone, Debug)]
pub struct Settings {
    schema: Option<String>,
    example: Option<String>,
    check: fn(&str) -> Result<(), PluginError>,
}

impl Settings {
    /// Declares that a strategy accepts no settings.
    pub fn none() -> Self {
        Self {
            schema: None,
            example: None,
            check: none_given,
        }
    }

    /// Declares that a strategy accepts settings of type `T`. The doc comments of its fields are
    /// shown to the operator.
    pub fn of<T: DeserializeOwned + JsonSchema>() -> Self {
        let settings =
            SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let schema = settings.into_generator().into_root_schema_for::<T>();
        Self {
            schema: Some(schema.to_value().to_string()),
            example: None,
            check: |text| read::<T>(text).map(|_| ()),
        }
    }

    /// Declares settings with a hand-written JSON Schema, which is not checked here.
    pub fn stated(schema: Option<String>, example: Option<String>) -> Self {
        let check = if schema.is_some() {
            is_json
        } else {
            none_given
        };
        Self {
            schema,
            example,
            check,
        }
    }

    /// Adds example settings as JSON text.
    #[must_use]
    pub fn with_example(mut self, example: &str) -> Self {
        self.example = Some(example.into());
        self
    }

    /// Returns the JSON Schema; `None` if no settings are accepted.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Returns the example settings.
    pub fn example(&self) -> Option<&str> {
        self.example.as_deref()
    }

    /// Checks whether settings can be read.
    ///
    /// # Errors
    /// [`PluginError::InvalidSettings`], with the path of the setting.
    pub fn check(&self, settings: &str) -> Result<(), PluginError> {
        (self.check)(settings)
    }
}

/// Reads settings. An empty text counts as `{}`.
///
/// # Errors
/// [`PluginError::InvalidSettings`], with the path of the setting.
pub fn read<T: DeserializeOwned>(settings: &str) -> Result<T, PluginError> {
    let text = if settings.trim().is_empty() {
        "{}"
    } else {
        settings
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        // At the top level there is no path to report.
        PluginError::InvalidSettings(if path == "." {
            error.to_string()
        } else {
            format!("`{path}`: {error}")
        })
    })?;
    json.end()
        .map_err(|error| PluginError::InvalidSettings(error.to_string()))?;
    Ok(value)
}

fn none_given(settings: &str) -> Result<(), PluginError> {
    if matches!(settings.trim(), "" | "{}") {
        return Ok(());
    }
    Err(PluginError::InvalidSettings(
        "this strategy takes no settings".into(),
    ))
}

fn is_json(settings: &str) -> Result<(), PluginError> {
    read::<IgnoredAny>(settings).map(|_| ())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Example {
        /// Words to look for.
        words: Vec<String>,
    }

    #[track_caller]
    fn check(settings: &Settings, given: &str, expected: Result<(), &str>) {
        let found = settings.check(given).map_err(|error| error.to_string());
        // The column differs with other features of the JSON reader, which the tests of other
        // packages enable.
        let found = found.map_err(|error| {
            error
                .split(" at line ")
                .next()
                .unwrap_or_default()
                .to_owned()
        });
        assert_eq!(
            found,
            expected.map_err(|error| format!("invalid settings: {error}")),
            "{given}"
        );
    }

    #[test]
    fn invalid_settings_are_reported_with_their_path() {
        let settings = Settings::of::<Example>();
        check(&settings, r#"{"words": ["a"]}"#, Ok(()));
        check(
            &settings,
            r#"{"words": ["a", 1]}"#,
            Err("`words[1]`: invalid type: integer `1`, expected a string"),
        );
        check(&settings, "", Err("missing field `words`"));
        check(&settings, r#"{"words": []} x"#, Err("trailing characters"));
    }

    #[test]
    fn a_strategy_without_settings_rejects_settings() {
        check(&Settings::none(), "", Ok(()));
        check(&Settings::none(), " {} ", Ok(()));
        check(
            &Settings::none(),
            r#"{"a": 1}"#,
            Err("this strategy takes no settings"),
        );
    }

    #[test]
    fn comments_become_descriptions() {
        let schema = Settings::of::<Example>()
            .schema()
            .map(str::to_owned)
            .unwrap();
        assert!(
            schema.contains("\"description\":\"Words to look for.\""),
            "{schema}"
        );
    }
}
