//! The id of a commit.

use std::fmt;

use git2::Oid;
use serde::{Deserialize, Serialize};

/// A commit's full SHA-1 id: 40 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

/// A text that is not a commit id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a commit id of 40 hexadecimal digits")]
pub struct NotACommitId(String);

impl CommitId {
    /// Parses a commit id.
    ///
    /// # Errors
    /// [`NotACommitId`].
    pub fn parse(text: &str) -> Result<CommitId, NotACommitId> {
        let valid = text.len() == 40
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if valid {
            Ok(CommitId(text.to_owned()))
        } else {
            Err(NotACommitId(text.to_owned()))
        }
    }

    /// Returns the 40 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first eight digits, for names that people read.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..8]
    }

    pub(crate) fn oid(&self) -> Oid {
        Oid::from_str(&self.0).expect("a commit id is 40 hexadecimal digits")
    }
}

impl From<Oid> for CommitId {
    fn from(oid: Oid) -> Self {
        CommitId(oid.to_string())
    }
}

impl TryFrom<String> for CommitId {
    type Error = NotACommitId;
    fn try_from(text: String) -> Result<Self, NotACommitId> {
        CommitId::parse(&text)
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> Self {
        id.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
