//! A plugin on the command line: `./mine.wasm` makes every decision that it can,
//! `classifier=./mine.wasm` only that one.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use autoissue_plugin_host::Kind;
use serde::{Deserialize, Serialize};

/// A plugin on the command line. Kept with a session, because a resume must use the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PluginArgument {
    /// The decision that it makes; `None` means all that it can make.
    pub kind: Option<Kind>,
    /// The component, or the name of a configured plugin.
    pub path: PathBuf,
}

/// A text that is not a plugin argument.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadArgument(String);

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

impl From<PluginArgument> for String {
    fn from(argument: PluginArgument) -> Self {
        argument.to_string()
    }
}

impl TryFrom<String> for PluginArgument {
    type Error = BadArgument;

    fn try_from(text: String) -> Result<Self, BadArgument> {
        text.parse()
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
    fn a_plugin_survives_the_journal() {
        let argument: PluginArgument = "classifier=/a/b.wasm".parse().unwrap();
        let json = serde_json::to_string(&argument).unwrap();
        assert_eq!(json, "\"classifier=/a/b.wasm\"");
        assert_eq!(
            serde_json::from_str::<PluginArgument>(&json).unwrap(),
            argument
        );
    }
}
