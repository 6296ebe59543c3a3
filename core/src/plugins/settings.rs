//! The settings of plugins: whether they are what a plugin accepts.
//!
//! The plugin provides a JSON Schema, which locates wrong values. Then the plugin checks the
//! settings itself, because a schema cannot express everything.
//!
//! Schemas are untrusted: external references are not fetched, patterns run in linear time, and a
//! child process with limits applies the schema, because three kilobytes of references to references
//! can mean more steps than any machine takes.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use autoissue_plugin_host::{Kind, Plugin};
use autoissue_plugin_sdk::PluginError;
use autoissue_process::helper::{self, Helper, HelperEnd};
use jsonschema::PatternOptions;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Chosen;
use super::error::{PluginsError, SettingsProblem};
use super::recipients::{EntrySettings, Recipients, Share};

/// Longest schema that is used, in bytes.
const SCHEMA_BYTES_MAX: usize = 64 << 10;
/// Most values of a schema in which every reference is replaced by what it refers to.
const N_EXPANDED_MAX: u64 = 100_000;
/// Most problems that are reported at once.
const N_PROBLEMS_MAX: usize = 10;
/// Longest message about one of them, in characters; it may quote the value.
const MESSAGE_CHARS_MAX: usize = 500;
/// Longest list of problems, in bytes.
const PROBLEMS_BYTES_MAX: u64 = 1 << 20;

/// Words after the program's name that start the hidden mode.
const ARGS: [&str; 2] = ["internal", "check-settings"];
/// Memory that applying a schema may take, in bytes.
const MEMORY_BYTES_MAX: u64 = 256 << 20;
/// Processor time that applying a schema may take.
const CPU_MAX: Duration = Duration::from_secs(2);

/// The settings of a plugin, as configured.
pub(super) struct GivenSettings<'a> {
    pub(super) plugin: &'a Plugin,
    pub(super) recipients: Recipients<'a>,
    /// The component.
    pub(super) path: &'a Path,
    /// Key of its entry in the configuration; `None` for a plugin of the command line, which has
    /// none.
    pub(super) key: Option<String>,
    /// The configuration file with that entry.
    pub(super) file: Option<&'a Path>,
    pub(super) values: &'a EntrySettings,
}

impl GivenSettings<'_> {
    /// Gives the strategies of the plugin that make decisions their settings, if they take any.
    pub(super) fn hand_out(
        &self,
        own_program: &Path,
        chosen: &mut [(Kind, Chosen)],
    ) -> Result<(), PluginsError> {
        let shares = self.recipients.share(self.values);
        let shares = shares.map_err(|error| self.invalid(vec![error.in_entry()]))?;
        for (kind, chosen) in chosen
            .iter_mut()
            .filter(|(_, chosen)| chosen.plugin.digest() == self.plugin.digest())
        {
            let is_its = |share: &&Share<'_>| share.strategy.kind == *kind;
            let share = shares
                .iter()
                .find(is_its)
                .expect("a strategy that decides is a recipient");
            chosen.settings = share.text();
            self.check(own_program, share)?;
        }
        Ok(())
    }

    fn check(&self, own_program: &Path, share: &Share<'_>) -> Result<(), PluginsError> {
        if let Some(schema) = &share.strategy.settings_schema {
            let value = Value::Object(share.settings.cloned().unwrap_or_default());
            let problems = problems_in_child(own_program, schema, value);
            if !problems.is_empty() {
                let problems = problems.into_iter().map(|it| it.below(&share.pointer));
                return Err(self.invalid(problems.collect()));
            }
        }
        match self.plugin.check_settings(share.strategy, &share.text()) {
            Ok(()) => Ok(()),
            Err(PluginError::InvalidSettings(message)) => {
                let path = share.pointer.clone();
                Err(self.invalid(vec![SettingsProblem::At { path, message }]))
            }
            Err(source) => Err(PluginsError::Failed {
                plugin: self.plugin.info().name.clone(),
                path: self.path.to_owned(),
                source,
            }),
        }
    }

    fn invalid(&self, problems: Vec<SettingsProblem>) -> PluginsError {
        let in_configuration = |problem| match (problem, &self.key) {
            (SettingsProblem::At { path, message }, Some(key)) => SettingsProblem::At {
                path: format!("{key}{}", as_key(&path)),
                message,
            },
            // There are no settings, so no part of them is wrong.
            (SettingsProblem::At { message, .. }, None) => SettingsProblem::Said(message),
            (problem, _) => problem,
        };
        PluginsError::Settings {
            plugin: self.plugin.info().name.clone(),
            path: self.path.to_owned(),
            file: self.file.map(Path::to_owned),
            problems: problems.into_iter().map(in_configuration).collect(),
        }
    }
}

impl SettingsProblem {
    /// Returns it with its path below a part of a plugin's entry.
    fn below(self, pointer: &str) -> Self {
        match self {
            Self::At { path, message } => Self::At {
                path: format!("{pointer}{path}"),
                message,
            },
            problem => problem,
        }
    }
}

/// Returns a JSON pointer in the form of the configuration's other messages: `.words[1]`.
pub(super) fn as_key(pointer: &str) -> String {
    pointer
        .split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .map(|part| match part.parse::<usize>() {
            Ok(at) => format!("[{at}]"),
            Err(_) => format!(".{part}"),
        })
        .collect()
}

/// What the child checks.
#[derive(Serialize, Deserialize)]
struct Question {
    schema: String,
    value: Value,
}

fn problems_in_child(own_program: &Path, schema: &str, value: Value) -> Vec<SettingsProblem> {
    let bad = |text: String| vec![SettingsProblem::BadSchema(text)];
    if SCHEMA_BYTES_MAX < schema.len() {
        return bad(format!("it is longer than {SCHEMA_BYTES_MAX} bytes"));
    }
    let question = json!(Question {
        schema: schema.to_owned(),
        value,
    });
    let helper = Helper {
        program: own_program,
        args: &ARGS,
        env: &[],
        answer_bytes_max: PROBLEMS_BYTES_MAX,
    };
    let output = match helper.run(question.to_string().as_bytes()) {
        Ok(output) => output,
        Err(error) => return vec![SettingsProblem::NotChecked(error.to_string())],
    };
    match output.end {
        HelperEnd::Succeeded => serde_json::from_slice(&output.answer)
            .unwrap_or_else(|error| vec![SettingsProblem::NotChecked(error.to_string())]),
        HelperEnd::OutOfTime => bad(format!(
            "applying it takes more than {} s of processor time",
            CPU_MAX.as_secs()
        )),
        HelperEnd::OutOfMemory => bad(format!(
            "applying it takes more than {} MiB of memory",
            MEMORY_BYTES_MAX >> 20
        )),
        HelperEnd::Killed(signal) => {
            vec![SettingsProblem::NotChecked(format!(
                "signal {signal} ended the check"
            ))]
        }
        HelperEnd::TooLong => {
            let why = "the list of what is wrong is too long".to_owned();
            vec![SettingsProblem::NotChecked(why)]
        }
        HelperEnd::InvalidInput | HelperEnd::Failed => {
            vec![SettingsProblem::NotChecked(output.message)]
        }
    }
}

/// Applies the schema on standard input to the value beside it, within the limits, and writes the
/// problems to standard output: a hidden mode of the binary. Returns an exit code.
#[must_use]
pub fn serve() -> i32 {
    let checked = helper::confine(MEMORY_BYTES_MAX, CPU_MAX)
        .and_then(|()| Ok(serde_json::from_reader(io::stdin().lock())?))
        .map(|Question { schema, value }| json!(problems(&schema, &value)))
        .and_then(|problems| {
            let mut out = io::stdout().lock();
            write!(out, "{problems}").and_then(|()| out.flush())
        });
    if let Err(error) = checked {
        // The parent process reads this.
        let _ = writeln!(io::stderr(), "{error}");
        return 1;
    }
    0
}

fn problems(schema: &str, value: &Value) -> Vec<SettingsProblem> {
    fn problem(error: &jsonschema::ValidationError<'_>) -> SettingsProblem {
        SettingsProblem::At {
            path: error.instance_path().to_string(),
            message: error.to_string().chars().take(MESSAGE_CHARS_MAX).collect(),
        }
    }

    let schema: Value = match serde_json::from_str(schema) {
        Ok(schema) => schema,
        Err(error) => return vec![SettingsProblem::BadSchema(error.to_string())],
    };
    if N_EXPANDED_MAX < Expansion::of(&schema) {
        return vec![SettingsProblem::BadSchema(format!(
            "with its references replaced, it has more than {N_EXPANDED_MAX} values"
        ))];
    }
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

/// Counts the values of a schema in which every reference to a part of it is replaced by that part.
/// A reference to a part that contains it counts as one value.
struct Expansion<'a> {
    schema: &'a Value,
    known: HashMap<&'a str, u64>,
    open: HashSet<&'a str>,
}

impl<'a> Expansion<'a> {
    fn of(schema: &'a Value) -> u64 {
        let mut expansion = Self {
            schema,
            known: HashMap::new(),
            open: HashSet::new(),
        };
        expansion.n_values(schema)
    }

    fn n_values(&mut self, value: &'a Value) -> u64 {
        match value {
            Value::Array(items) => items.iter().fold(1, |n, item| self.plus(n, item)),
            Value::Object(fields) => fields.iter().fold(1, |n, (key, field)| {
                let target = field.as_str().and_then(|text| text.strip_prefix('#'));
                match target.filter(|_| key == "$ref") {
                    Some(pointer) => n.saturating_add(self.n_values_at(pointer)),
                    None => self.plus(n, field),
                }
            }),
            _ => 1,
        }
    }

    fn plus(&mut self, n: u64, value: &'a Value) -> u64 {
        n.saturating_add(self.n_values(value))
    }

    fn n_values_at(&mut self, pointer: &'a str) -> u64 {
        if let Some(n) = self.known.get(pointer) {
            return *n;
        }
        let Some(target) = self.schema.pointer(pointer) else {
            return 1;
        };
        if !self.open.insert(pointer) {
            return 1;
        }
        let n = self.n_values(target);
        self.open.remove(pointer);
        self.known.insert(pointer, n);
        n
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_pointer_becomes_a_key() {
        assert_eq!(as_key("/words/1/a~1b"), ".words[1].a/b");
        assert_eq!(as_key(""), "");
    }

    #[test]
    fn a_schema_that_multiplies_out_is_refused() {
        let mut parts = serde_json::Map::new();
        parts.insert("d40".to_owned(), json!(false));
        for n in 0..40 {
            let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
            parts.insert(format!("d{n}"), json!({ "anyOf": [next, next] }));
        }
        let bomb = json!({ "$ref": "#/$defs/d0", "$defs": parts });
        check(
            &bomb,
            &json!({}),
            &[
                "the plugin's own schema is invalid: with its references replaced, it has more than 100000 values",
            ],
        );
        let list = json!({ "$ref": "#/$defs/list", "$defs": { "list": { "properties": { "next": { "$ref": "#/$defs/list" } } } } });
        assert!(Expansion::of(&list) < 20, "a list is recursive, and small");
    }
}
