//! What is known about a component before it is trusted: what it is, provides, imports, needs, and
//! its size.

use std::path::PathBuf;

use autoissue_core::plugins::asked::{self, ProbedPlugin};
use autoissue_core::plugins::host::{
    Grants, LoadError, Plugin, PluginHost, Sha256Digest, StrategyInfo,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::host;
use crate::component::{ComponentFile, size};
use crate::error::{CliError, PluginCommandError};
use crate::host::Invocation;
use crate::paint::Paint;
use crate::printable::one_line;

/// What is known about a component.
pub(super) struct Profile {
    pub(super) path: PathBuf,
    n_bytes: usize,
    /// The plugin, with all the grants it needs.
    pub(super) plugin: Plugin,
    /// Why its needed grants are unknown, if they are.
    unknown: Option<String>,
}

impl Profile {
    /// Loads a component and queries it. `settings` returns those of its backends, by the plugin's
    /// name. Without settings, backends are called with their own example settings.
    ///
    /// # Errors
    /// If it is not a plugin. Its imports and exports are printed first, as far as they can be
    /// read.
    pub(super) fn of(
        invocation: &Invocation,
        file: &ComponentFile,
        settings: impl FnOnce(&str) -> Option<String>,
    ) -> Result<Self, CliError> {
        let host = host(invocation)?;
        match asked::load(&host, &file.path, &file.bytes, settings) {
            Ok(ProbedPlugin { plugin, unknown }) => Ok(Self {
                path: file.path.clone(),
                n_bytes: file.bytes.len(),
                plugin,
                unknown,
            }),
            Err(source) => {
                say_shape(invocation, &host, file, &source);
                Err(PluginCommandError::Load {
                    path: file.path.clone(),
                    source,
                }
                .into())
            }
        }
    }

    /// Returns the grants that it needs.
    pub(super) fn asked(&self) -> &Grants {
        self.plugin.grants()
    }

    /// Returns why its needed grants are unknown, if they are.
    pub(super) fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    /// Returns the profile as text.
    pub(super) fn text(&self, paint: Paint) -> String {
        let info = self.plugin.info();
        let mut text = format!(
            "{} {}  {}\n",
            paint.bold(&info.name),
            one_line(&info.version),
            one_line(&info.description)
        );
        let mut row = |name: &str, value: &str| {
            text.push_str(&format!(
                "  {}  {value}\n",
                paint.dim(format!("{name:<10}"))
            ));
        };
        row(
            "file",
            &format!("{}, {}", self.path.display(), size(self.n_bytes)),
        );
        row("sha256", &self.plugin.digest().to_string());
        if let Some(address) = &info.homepage {
            row("homepage", &one_line(address));
        }
        row("interfaces", &format!("autoissue {}", self.plugin.track()));
        for strategy in &info.strategies {
            row(
                "provides",
                &format!(
                    "{} `{}`: {}",
                    strategy.kind,
                    strategy.name,
                    one_line(&strategy.summary)
                ),
            );
            for line in settings_lines(strategy) {
                row("", &format!("  {line}"));
            }
        }
        row("imports", &listed(self.plugin.imports()));
        row("needs", &self.asked_in_words());
        text
    }

    fn asked_in_words(&self) -> String {
        if let Some(why) = &self.unknown {
            return format!("unknown: {}", one_line(why));
        }
        let asked = as_flags(self.asked());
        if asked.is_empty() {
            "nothing".to_owned()
        } else {
            one_line(&asked.join(", "))
        }
    }

    /// Returns the profile as JSON with this `type`.
    pub(super) fn json(&self, r#type: &'static str) -> impl Serialize {
        let info = self.plugin.info();
        let Grants { exec, env } = self.asked();
        json!({
            "type": r#type,
            "name": info.name,
            "version": info.version,
            "description": info.description,
            "homepage": info.homepage,
            "path": self.path,
            "bytes": self.n_bytes,
            "sha256": self.plugin.digest().to_string(),
            "track": self.plugin.track(),
            "strategies": info.strategies.iter().map(strategy_json).collect::<Vec<_>>(),
            "imports": self.plugin.imports(),
            "exports": self.plugin.exports(),
            "asks": { "exec": exec, "env": env },
            "asksUnknown": self.unknown,
        })
    }
}

fn strategy_json(strategy: &StrategyInfo) -> Value {
    json!({
        "kind": strategy.kind.name(),
        "name": strategy.name,
        "summary": strategy.summary,
        "settingsSchema": strategy.settings_schema.as_deref().map(parsed),
        "exampleSettings": strategy.example_settings.as_deref().map(parsed),
    })
}

/// Returns grants in the form that `--grant` accepts.
pub(super) fn as_flags(grants: &Grants) -> Vec<String> {
    let exec = grants.exec.iter().map(|name| format!("exec={name}"));
    let env = grants.env.iter().map(|name| format!("env={name}"));
    exec.chain(env).collect()
}

/// Prints the imports and exports of a component that cannot be loaded to standard error.
fn say_shape(invocation: &Invocation, host: &PluginHost, file: &ComponentFile, error: &LoadError) {
    let is_compiled = !matches!(
        error,
        LoadError::NotWasm
            | LoadError::NotAComponent
            | LoadError::TooLarge { .. }
            | LoadError::TooMuch { .. }
            | LoadError::Invalid { .. }
            | LoadError::Compiler { .. }
            | LoadError::CompilerLimit { .. }
    );
    if !is_compiled || invocation.console.quiet {
        return;
    }
    invocation.console.say(format_args!(
        "{}, {}",
        one_line(&file.path.to_string_lossy()),
        size(file.bytes.len())
    ));
    invocation
        .console
        .say(format_args!("  sha256   {}", Sha256Digest::of(&file.bytes)));
    if let Ok(shape) = host.examine(&file.path, &file.bytes) {
        invocation
            .console
            .say(format_args!("  imports  {}", listed(&shape.imports)));
        invocation
            .console
            .say(format_args!("  exports  {}", listed(&shape.exports)));
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        one_line(&names.join(", "))
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// Returns one line per setting of a strategy: its name, type, default and meaning.
fn settings_lines(strategy: &StrategyInfo) -> Vec<String> {
    let schema = strategy
        .settings_schema
        .as_deref()
        .map(parsed)
        .unwrap_or_default();
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut lines: Vec<String> = properties
        .iter()
        .map(|(name, property)| setting_line(name, property, required.contains(&name.as_str())))
        .collect();
    if let Some(example) = &strategy.example_settings {
        lines.push(format!("example: {}", one_line(example)));
    }
    lines
}

fn setting_line(name: &str, property: &Value, is_required: bool) -> String {
    let none = Map::new();
    let property = property.as_object().unwrap_or(&none);
    let mut line = format!("`{}`", one_line(name));
    if let Some(of_type) = property.get("type") {
        let of_type = of_type
            .as_str()
            .map_or_else(|| of_type.to_string(), str::to_owned);
        line.push_str(&format!(" ({})", one_line(&of_type)));
    }
    if let Some(default) = property.get("default") {
        line.push_str(&format!(", default {}", one_line(&default.to_string())));
    } else if is_required {
        line.push_str(", required");
    }
    if let Some(description) = property.get("description").and_then(Value::as_str) {
        line.push_str(&format!(": {}", one_line(description)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_described_in_one_line() {
        let property = json!({ "type": "array", "default": ["a"], "description": "Words.\nMany." });
        assert_eq!(
            setting_line("words", &property, false),
            "`words` (array), default [\"a\"]: Words. Many."
        );
        assert_eq!(setting_line("x", &json!(true), true), "`x`, required");
        assert_eq!(
            setting_line("y", &json!({ "type": ["string", "null"] }), false),
            "`y` ([\"string\",\"null\"])"
        );
    }
}
