//! Keeps the secrets that we know out of what we write: logs, and events that quote what a program printed.
//!
//! The type that holds secrets prints stars by itself; this is for secrets that come back in somebody else's text.

use std::sync::Arc;

use autoissue_core::secret::MASK;

/// Shorter values are words that stand everywhere.
const SECRET_BYTES_MIN: usize = 8;

/// Names of variables whose values are secrets end like this.
const SECRET_ENDINGS: [&str; 5] = ["TOKEN", "SECRET", "PASSWORD", "API_KEY", "ACCESS_KEY"];

/// Replaces known secrets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redaction {
    secrets: Arc<[Known]>,
}

/// A secret that is not printed even by accident.
#[derive(Clone)]
struct Known(String);

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(MASK)
    }
}

impl Redaction {
    /// Takes the secrets of the environment.
    pub(crate) fn of(env: &[(String, String)]) -> Self {
        let is_secret = |name: &str| SECRET_ENDINGS.iter().any(|ending| name.to_ascii_uppercase().ends_with(ending));
        let secrets = env.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.clone());
        Self::default().and(secrets)
    }

    /// Adds secrets.
    pub(crate) fn and(&self, secrets: impl IntoIterator<Item = String>) -> Self {
        let known = self.secrets.iter().map(|Known(secret)| secret.clone());
        let mut secrets: Vec<String> = known.chain(secrets).filter(|secret| SECRET_BYTES_MIN <= secret.len()).collect();
        // One that holds another goes first, or its rest would stay.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets: secrets.into_iter().map(Known).collect() }
    }

    /// Returns the text with stars in place of secrets.
    pub(crate) fn apply(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, Known(secret)| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), MASK) } else { text }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_environment_become_stars() {
        let env = [
            ("GITHUB_TOKEN", "ghp_abcdef"),
            ("MY_API_KEY", "ghp_abcdefghi"),
            ("X_PASSWORD", "short"),
            ("HOME", "/home/someone"),
        ];
        let redaction = Redaction::of(&env.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(
            redaction.apply("a ghp_abcdefghi b ghp_abcdef c short /home/someone"),
            "a *** b *** c short /home/someone"
        );
        assert_eq!(format!("{redaction:?}"), "Redaction { secrets: [***, ***] }");
    }
}
