//! The id of a session: short, sorted by time, and safe in a git ref and a path.
//!
//! It is created from a time and random bytes that the caller provides; this module uses neither a
//! clock nor randomness.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most characters of an id. The limits of ref names and paths are far higher.
const LENGTH_MAX: usize = 40;

/// A session's id, for example `20261122-1315-7f3a`.
///
/// It becomes part of git ref names and of paths, so it consists of `[0-9a-z-]` only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(String);

/// A text that is not a session id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{text}` is not a session ID: expected 1 to {LENGTH_MAX} characters from `0-9`, `a-z` and `-`"
)]
pub struct InvalidSessionId {
    /// The text.
    pub text: String,
}

impl SessionId {
    /// Creates an id from the start of a session (UTC, to the minute) and two random bytes.
    ///
    /// A time after the year 9999 is limited to it: a clock that jumps must not prevent a session.
    pub fn new(started_at_ms: u64, random: [u8; 2]) -> SessionId {
        let started_at = i64::try_from(started_at_ms)
            .ok()
            .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
            .unwrap_or(jiff::Timestamp::MAX);
        let [high, low] = random;
        SessionId(format!(
            "{}-{high:02x}{low:02x}",
            started_at.strftime("%Y%m%d-%H%M")
        ))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    fn from_str(text: &str) -> Result<SessionId, InvalidSessionId> {
        SessionId::try_from(text.to_owned())
    }
}

impl TryFrom<String> for SessionId {
    type Error = InvalidSessionId;

    fn try_from(text: String) -> Result<SessionId, InvalidSessionId> {
        let allowed = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-');
        let valid = (1..=LENGTH_MAX).contains(&text.len()) && text.bytes().all(allowed);
        if valid {
            Ok(SessionId(text))
        } else {
            Err(InvalidSessionId { text })
        }
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> String {
        id.0
    }
}

impl AsRef<str> for SessionId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_minute_and_its_random_bytes() {
        let id = SessionId::new(1_795_353_300_000, [0x7f, 0x0a]);
        assert_eq!(id.as_str(), "20261122-1315-7f0a");
        assert_eq!(id.as_str().parse(), Ok(id));
    }

    #[test]
    fn a_clock_that_jumps_still_gives_an_id() {
        for started_at_ms in [0, u64::MAX, 253_402_300_800_000] {
            let id = SessionId::new(started_at_ms, [1, 2]);
            assert_eq!(id.as_str().parse(), Ok(id));
        }
    }

    #[test]
    fn ids_that_git_or_a_path_would_misread_are_refused() {
        let long = "a".repeat(41);
        for text in ["", "A", "a/b", "..", "a.lock", "a b", "ä", "a\n", &long] {
            assert!(text.parse::<SessionId>().is_err(), "{text:?}");
            assert!(
                serde_json::from_value::<SessionId>(text.into()).is_err(),
                "{text:?}"
            );
        }
    }
}
