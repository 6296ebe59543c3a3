//! The layers of a configuration: trees of values with their origin, merged so that later ones win.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use autoissue_core::config::Config;
use serde_json::{Map, Value, json};

use super::schema::{self, alternatives, join, section};
use super::{ConfigError, Origin, check, file, suggestion};

/// Variables with names of their own, and the keys that they set. `AUTOISSUE_STATE_DIR` sets no
/// key.
const NAMED_VARIABLES: [(&str, &str); 2] = [
    ("AUTOISSUE_MAX_BUDGET", "maxTotalBudgetUsd"),
    ("AUTOISSUE_GITHUB_API_URL", "github.apiUrl"),
];

/// Prefix of variables that set any key: `AUTOISSUE__EXECUTOR__MAX_PARALLEL`.
const GENERAL_PREFIX: &str = "AUTOISSUE__";

/// A value set by a flag.
#[derive(Clone, Debug)]
pub(crate) struct FlagValue {
    /// Path of the key, such as `executor.maxParallel`. A path that ends in `[]` appends to a list.
    pub(crate) key: &'static str,
    pub(crate) value: Value,
    /// The flag, with its dashes.
    pub(crate) flag: &'static str,
}

/// Values from one origin.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) tree: Value,
    place: Place,
    /// Whether lists are appended to earlier ones instead of replacing them.
    appends: bool,
}

#[derive(Debug)]
enum Place {
    File {
        path: PathBuf,
        lines: BTreeMap<String, u32>,
    },
    Elsewhere(Origin),
}

impl Source {
    /// Returns the origin of the value at this path: for a file, the line of the path or of its
    /// nearest parent.
    pub(super) fn origin(&self, key: &str) -> Origin {
        let (path, lines) = match &self.place {
            Place::Elsewhere(origin) => return origin.clone(),
            Place::File { path, lines } => (path, lines),
        };
        let mut key = key;
        while !lines.contains_key(key) && !key.is_empty() {
            key = key.rfind(['.', '[']).map_or("", |end| &key[..end]);
        }
        Origin::File {
            path: path.clone(),
            line: lines.get(key).copied(),
        }
    }

    /// Returns the path, if the source is a file.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File { path, .. } => Some(path),
            Place::Elsewhere(_) => None,
        }
    }

    /// Creates a source with one key.
    fn of_key(key: &str, value: Value, origin: Origin) -> Self {
        let (key, value, appends) = match key.strip_suffix("[]") {
            Some(key) => (key, json!([value]), true),
            None => (key, value, false),
        };
        let tree = key
            .rsplit('.')
            .fold(value, |value, key| json!({ key: value }));
        Self {
            tree,
            place: Place::Elsewhere(origin),
            appends,
        }
    }
}

/// Reads all layers, earlier ones first: files, environment, flags.
///
/// # Errors
///
/// If a file cannot be read or is not JSON.
pub(super) fn sources<'a>(
    files: impl Iterator<Item = &'a Path>,
    current_dir: &Path,
    env: &[(String, String)],
    flags: Vec<FlagValue>,
) -> Result<Vec<Source>, Vec<ConfigError>> {
    let home = variable(env, "HOME").map(PathBuf::from);
    let mut sources = Vec::new();
    let mut errors = Vec::new();
    for path in files {
        let file::Parsed { mut tree, lines } = match file::read(path) {
            Ok(parsed) => parsed,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        resolve_paths(
            &mut tree,
            path.parent().unwrap_or(current_dir),
            home.as_deref(),
        );
        sources.push(Source {
            tree,
            place: Place::File {
                path: path.to_owned(),
                lines,
            },
            appends: false,
        });
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let given = of_environment(env).into_iter().chain(flags.into_iter().map(
        |FlagValue { key, value, flag }| {
            Source::of_key(
                key,
                value,
                Origin::Flag {
                    name: flag.to_owned(),
                },
            )
        },
    ));
    sources.extend(given.map(|mut source| {
        resolve_paths(&mut source.tree, current_dir, home.as_deref());
        source
    }));
    Ok(sources)
}

/// Returns the values set by the environment, the general form first, because the specific names
/// are more deliberate.
fn of_environment(env: &[(String, String)]) -> Vec<Source> {
    fn source((name, key, text): (&str, String, String)) -> Source {
        let origin = Origin::Env {
            name: name.to_owned(),
        };
        Source::of_key(&key, value_of_variable(&key, text), origin)
    }

    let mut general: Vec<&(String, String)> = env
        .iter()
        .filter(|(name, _)| name.starts_with(GENERAL_PREFIX))
        .collect();
    general.sort();
    let general = general
        .into_iter()
        .map(|(name, text)| (name.as_str(), key_of_variable(name), text.clone()));
    let named = NAMED_VARIABLES
        .into_iter()
        .filter_map(|(name, key)| Some((name, key.to_owned(), variable(env, name)?)));
    general.chain(named).map(source).collect()
}

/// Returns the value of a variable.
pub(super) fn variable(env: &[(String, String)], name: &str) -> Option<String> {
    env.iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.clone())
}

/// Converts `AUTOISSUE__EXECUTOR__MAX_PARALLEL` to `executor.maxParallel`.
fn key_of_variable(name: &str) -> String {
    let parts = name[GENERAL_PREFIX.len()..].split("__");
    parts.map(camel_case).collect::<Vec<_>>().join(".")
}

fn camel_case(screaming: &str) -> String {
    fn word((index, word): (usize, &str)) -> String {
        let lower = word.to_ascii_lowercase();
        let mut chars = lower.chars();
        match chars.next() {
            Some(first) if index > 0 => first.to_ascii_uppercase().to_string() + chars.as_str(),
            _ => lower,
        }
    }

    let words = screaming.split('_').enumerate();
    words.map(word).collect()
}

/// Parses a variable as JSON, else as text. A key that takes text and not this type of JSON gets
/// the text: a password may be `1234`.
fn value_of_variable(key: &str, text: String) -> Value {
    let Ok(value) = serde_json::from_str::<Value>(&text) else {
        return Value::String(text);
    };
    let accepts = |value: &Value| {
        let forms = schema::lookup(key).map(alternatives);
        forms.is_none_or(|forms| {
            forms
                .into_iter()
                .any(|form| check::accepts_type(form, value))
        })
    };
    let text = Value::String(text);
    if !accepts(&value) && accepts(&text) {
        text
    } else {
        value
    }
}

/// Makes paths absolute: relative to the file for those in a file, otherwise to the current
/// directory. Expands `~/`.
fn resolve_paths(tree: &mut Value, base: &Path, home: Option<&Path>) {
    let resolve = |value: Option<&mut Value>| {
        if let Some(Value::String(path)) = value
            && !path.is_empty()
        {
            *path = absolute(path, base, home);
        }
    };
    resolve(tree.pointer_mut("/project/path"));
    resolve(tree.pointer_mut("/logging/dir"));
    resolve(tree.pointer_mut("/agent/instructions/file"));
    for plugin in tree
        .pointer_mut("/plugins")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        resolve(plugin.get_mut("path"));
    }
}

fn absolute(path: &str, base: &Path, home: Option<&Path>) -> String {
    let joined = match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => base.join(path),
    };
    // Rebuilding the path from its components removes `.` parts. `..` stays, because it may lead
    // through a link.
    joined
        .components()
        .collect::<PathBuf>()
        .to_string_lossy()
        .into_owned()
}

/// Merges sources over the defaults. Returns the values, and the origin of each non-default value.
pub(super) fn merge(sources: &[Source]) -> (Value, BTreeMap<String, Origin>) {
    let defaults = serde_json::to_value(Config::default())
        .expect("the defaults are plain values with string keys");
    let mut merged = Merged {
        tree: defaults,
        origins: BTreeMap::new(),
    };
    for source in sources {
        if let Some(values) = source.tree.as_object() {
            merged.overlay(source, schema::schema(), values, "");
        }
    }
    (merged.tree, merged.origins)
}

struct Merged {
    tree: Value,
    origins: BTreeMap<String, Origin>,
}

impl Merged {
    fn overlay(
        &mut self,
        source: &Source,
        schema: &Value,
        values: &Map<String, Value>,
        prefix: &str,
    ) {
        let Some(known) = section(schema) else { return };
        for (key, value) in values {
            let path = join(prefix, key);
            match (known.get(key), value) {
                (Some(schema), Value::Object(values)) if section(schema).is_some() => {
                    self.overlay(source, schema, values, &path);
                }
                _ => self.set(source, path, value),
            }
        }
    }

    fn set(&mut self, source: &Source, path: String, value: &Value) {
        let slot = path
            .split('.')
            .fold(&mut self.tree, |tree, key| &mut tree[key]);
        match (slot, value) {
            (Value::Array(list), Value::Array(items)) if source.appends => {
                list.extend(items.iter().cloned());
            }
            (slot, value) => *slot = value.clone(),
        }
        let origin = source.origin(&path);
        self.origins.insert(path, origin);
    }
}

/// Warns about variables that look like ours but are unknown: with a typo in its name, a budget
/// would have no effect.
pub(super) fn suspicious_variables(env: &[(String, String)]) -> Vec<String> {
    let known = [
        "AUTOISSUE_MAX_BUDGET",
        "AUTOISSUE_GITHUB_API_URL",
        "AUTOISSUE_STATE_DIR",
    ];
    let names = env.iter().map(|(name, _)| name.as_str());
    let unknown =
        names.filter(|name| name.starts_with("AUTOISSUE_") && !name.starts_with(GENERAL_PREFIX));
    let unknown = unknown.filter(|name| !known.contains(name));
    let warning = |name: &str| {
        let meant = suggestion::nearest_choice(name, &known)?;
        Some(format!(
            "unknown environment variable `{name}`; did you mean `{meant}`?"
        ))
    };
    unknown.filter_map(warning).collect()
}
