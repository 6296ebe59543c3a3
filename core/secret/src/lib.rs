//! A string that must not be seen: it prints `***` and has no `Serialize`, so that neither a log line nor a response can
//! hold it by accident. Reading it takes the word `expose`, which is easy to search for.

pub mod redaction;

use std::fmt;

use serde::Deserialize;

/// What stands in place of a secret wherever something is printed.
pub const MASK: &str = "***";

/// A password, token or key.
///
/// Its comparison is not constant-time; who compares what a stranger sent compares the exposed bytes in their own way.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the secret itself. Never print, log, store or answer with it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Tells whether there is no secret at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "*** *** Some(***)"
        );
        assert_eq!(secret.expose(), "hunter2");
    }
}
