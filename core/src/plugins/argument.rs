//! A plugin on the command line: `./mine.wasm` makes every decision that it can,
//! `classifier=./mine.wasm` only that one. Grants of the command line hold for these plugins only.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use autoissue_plugin_host::Kind;
use serde::{Deserialize, Serialize};

use crate::config::PluginGrants;

/// A plugin on the command line. Kept with a session, because a resume must use the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Recorded", try_from = "Recorded")]
pub struct PluginArgument {
    /// The decision that it makes; `None` means all that it can make.
    pub kind: Option<Kind>,
    /// The component, or the name of a configured plugin.
    pub path: PathBuf,
    /// Grants of the command line, for this run only.
    pub grants: PluginGrants,
}

/// A grant on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Permission to run a program.
    Exec(String),
    /// Permission to read an environment variable.
    Env(String),
}

/// A text that is not a plugin argument.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadArgument(String);

impl Grant {
    /// Returns grants in the form of the configuration.
    pub fn all(typed: &[Self]) -> PluginGrants {
        let mut grants = PluginGrants::default();
        for grant in typed {
            match grant {
                Self::Exec(name) => grants.exec.push(name.clone()),
                Self::Env(name) => grants.env.push(name.clone()),
            }
        }
        grants
    }
}

impl FromStr for Grant {
    type Err = BadArgument;

    fn from_str(text: &str) -> Result<Self, BadArgument> {
        match text.split_once('=') {
            Some(("exec", name)) if !name.is_empty() => Ok(Self::Exec(name.to_owned())),
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            _ => Err(BadArgument(
                "not `exec=PROGRAM` or `env=VARIABLE`".to_owned(),
            )),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exec(name) => write!(f, "exec={name}"),
            Self::Env(name) => write!(f, "env={name}"),
        }
    }
}

impl FromStr for PluginArgument {
    type Err = BadArgument;

    fn from_str(text: &str) -> Result<Self, BadArgument> {
        // A path may contain `=` too, but then it has to start with a directory.
        let (kind, path) = match text.split_once('=') {
            Some((kind, path)) if !kind.contains('/') => {
                let known = Kind::ALL.map(|kind| format!("`{kind}`")).join(", ");
                let kind = Kind::named(kind)
                    .ok_or_else(|| BadArgument(format!("`{kind}` is not one of {known}")))?;
                (Some(kind), path)
            }
            _ => (None, text),
        };
        if path.is_empty() {
            return Err(BadArgument("the path is missing".to_owned()));
        }
        Ok(Self {
            kind,
            path: path.into(),
            grants: PluginGrants::default(),
        })
    }
}

impl fmt::Display for PluginArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.kind {
            write!(f, "{kind}=")?;
        }
        write!(f, "{}", self.path.display())
    }
}

/// A plugin of the command line in the journal.
#[derive(Serialize, Deserialize)]
struct Recorded {
    plugin: String,
    grants: PluginGrants,
}

impl From<PluginArgument> for Recorded {
    fn from(argument: PluginArgument) -> Self {
        Self {
            plugin: argument.to_string(),
            grants: argument.grants,
        }
    }
}

impl TryFrom<Recorded> for PluginArgument {
    type Error = BadArgument;

    fn try_from(recorded: Recorded) -> Result<Self, BadArgument> {
        Ok(Self {
            grants: recorded.grants,
            ..recorded.plugin.parse()?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_a_path_with_or_without_a_kind() {
        fn parsed(text: &str) -> Result<(Option<Kind>, String), BadArgument> {
            text.parse::<PluginArgument>()
                .map(|it| (it.kind, it.path.display().to_string()))
        }

        assert_eq!(parsed("./x.wasm"), Ok((None, "./x.wasm".into())));
        assert_eq!(
            parsed("pr-template=x.wasm"),
            Ok((Some(Kind::PrTemplate), "x.wasm".into()))
        );
        assert_eq!(parsed("./a=b.wasm"), Ok((None, "./a=b.wasm".into())));
        let known = "`classifier`, `model-selector`, `agent-backend`, `pr-template`";
        assert_eq!(
            parsed("sorter=x").unwrap_err().to_string(),
            format!("`sorter` is not one of {known}")
        );
        assert!(parsed("").is_err() && parsed("classifier=").is_err());
    }

    #[test]
    fn a_grant_is_typed_in_one_of_two_forms() {
        for (text, expected) in [
            ("exec=codex", Grant::Exec("codex".to_owned())),
            ("env=CODEX_KEY", Grant::Env("CODEX_KEY".to_owned())),
        ] {
            let grant: Grant = text.parse().unwrap();
            assert_eq!(grant.to_string(), text);
            assert_eq!(grant, expected);
        }
        for text in ["", "exec", "exec=", "wasi", "net=*"] {
            assert!(text.parse::<Grant>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_plugin_survives_the_journal_with_its_grants() {
        let plain: PluginArgument = "classifier=/a/b.wasm".parse().unwrap();
        let grants = Grant::all(&[Grant::Exec("codex".into()), Grant::Env("KEY".into())]);
        let granted = PluginArgument {
            grants,
            ..plain.clone()
        };
        for argument in [plain, granted] {
            let json = serde_json::to_string(&argument).unwrap();
            assert_eq!(
                serde_json::from_str::<PluginArgument>(&json).unwrap(),
                argument
            );
        }
    }
}
