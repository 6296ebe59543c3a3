//! A credential in a configuration: the value itself, or the name of the environment variable that
//! contains it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};

use autoissue_secret::{MASK, Secret};

/// A secret, or where to find it.
///
/// Core does not read the environment: a loader replaces [`SecretOrEnv::Env`] by the result of [`SecretOrEnv::resolve`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Form")]
pub enum SecretOrEnv {
    /// The secret itself.
    Value(Secret),
    /// The name of the environment variable that contains it.
    Env(String),
}

impl SecretOrEnv {
    /// Returns the name in a value that looks like a reference to an environment variable in shell
    /// syntax: `${NAME}`, `$NAME`, `{env:NAME}`. Taken literally, it would be a password that
    /// everybody knows.
    pub fn meant_variable(&self) -> Option<String> {
        let Self::Value(secret) = self else {
            return None;
        };
        let text = secret.expose().trim();
        let inner = |begin: &str, end: &str| text.strip_prefix(begin)?.strip_suffix(end);
        // Without braces it may be a password after all, unless it is in upper case like a
        // variable.
        let loud = |name: &&str| !name.contains(|c: char| c.is_ascii_lowercase());
        let name = inner("${{", "}}")
            .or_else(|| inner("${", "}"))
            .or_else(|| inner("{env:", "}"))
            .or_else(|| inner("%", "%").filter(loud))
            .or_else(|| inner("$", "").filter(loud))?
            .trim();
        let name = name
            .strip_prefix("env:")
            .or(name.strip_prefix("env."))
            .unwrap_or(name);
        let name = name.split([':', '-']).next().unwrap_or(name);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_name.then(|| name.to_owned())
    }

    /// Returns the secret, calling `lookup` for an environment variable; `None` if there is no
    /// value. An empty secret counts as no value.
    pub fn resolve(&self, lookup: impl FnOnce(&str) -> Option<String>) -> Option<Secret> {
        let secret = match self {
            Self::Value(secret) => Some(secret.clone()),
            Self::Env(name) => lookup(name).map(Secret::new),
        };
        secret.filter(|secret| !secret.is_empty())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Value(Secret),
    Env(EnvName),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvName {
    env: String,
}

impl From<Form> for SecretOrEnv {
    fn from(form: Form) -> Self {
        match form {
            Form::Value(secret) => Self::Value(secret),
            Form::Env(EnvName { env }) => Self::Env(env),
        }
    }
}

/// Writes `***` in both cases, because people sometimes put the secret itself where the name belongs.
impl Serialize for SecretOrEnv {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl JsonSchema for SecretOrEnv {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SecretOrEnv".into()
    }

    /// `writeOnly` is the JSON Schema keyword for a value that is never shown again.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "writeOnly": true,
            "anyOf": [
                { "type": "string", "minLength": 1 },
                {
                    "type": "object",
                    "properties": {
                        "env": { "description": "Name of an environment variable.", "type": "string", "minLength": 1 }
                    },
                    "required": ["env"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn neither_form_shows_the_secret() {
        for form in [json!("hunter2"), json!({"env": "hunter2"})] {
            let secret: SecretOrEnv = serde_json::from_value(form).unwrap();
            assert_eq!(serde_json::to_value(&secret).unwrap(), json!("***"));
        }
        let secret = SecretOrEnv::Value(Secret::new("hunter2"));
        assert_eq!(format!("{secret:?}"), "Value(***)");
    }

    #[test]
    fn a_shell_reference_is_not_a_secret() {
        for (text, name) in [
            ("${TOKEN}", Some("TOKEN")),
            ("$TOKEN", Some("TOKEN")),
            (" ${env:TOKEN} ", Some("TOKEN")),
            ("${{ env.TOKEN }}", Some("TOKEN")),
            ("${TOKEN:-x}", Some("TOKEN")),
            ("{env:TOKEN}", Some("TOKEN")),
            ("%TOKEN%", Some("TOKEN")),
            ("TOKEN", None),
            ("$ecret", None),
            ("$1A", None),
            ("pa$$word", None),
            ("${", None),
        ] {
            let secret = SecretOrEnv::Value(Secret::new(text));
            assert_eq!(secret.meant_variable().as_deref(), name, "{text}");
        }
        assert_eq!(SecretOrEnv::Env("${X}".to_owned()).meant_variable(), None);
    }

    #[test]
    fn an_environment_variable_is_looked_up_by_name() {
        let secret = SecretOrEnv::Env("NAME".to_owned());
        assert_eq!(
            secret.resolve(|name| Some(format!("value of {name}"))),
            Some(Secret::new("value of NAME"))
        );
        assert_eq!(secret.resolve(|_| None), None);
        assert_eq!(secret.resolve(|_| Some(String::new())), None);
    }
}
