//! Text from the maintainers for every agent: in the configuration, or in a file.

use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::whole_file::read_text;

/// Longest file of instructions, in bytes: agents read it in each attempt, and pay for it.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Instructions for every agent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum Instructions {
    /// The text itself.
    Text(String),
    /// The file that contains it.
    File {
        /// Its path, relative to this file.
        file: PathBuf,
    },
}

/// Why instructions cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read `agent.instructions` from `{}`", path.display())]
pub struct InstructionsError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Instructions {
    /// Returns the text.
    ///
    /// # Errors
    /// The file cannot be read, is not UTF-8, or is longer than 64 KiB.
    pub fn text(&self) -> Result<String, InstructionsError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File { file } => read(file),
        }
    }
}

fn read(file: &Path) -> Result<String, InstructionsError> {
    read_text(file, FILE_BYTES_MAX).map_err(|source| InstructionsError {
        path: file.to_owned(),
        source,
    })
}
