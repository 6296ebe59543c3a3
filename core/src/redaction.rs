//! Keeps the secrets that we know out of what is shown and kept: output of programs, transcripts, events, logs.
//!
//! The type that holds secrets prints stars by itself; this is for secrets that come back in somebody else's text. A program may
//! print one over several lines, or a line may be cut within it; so a piece at the edge of a line is hidden like the whole.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use crate::secret::MASK;

/// Shorter values, and shorter pieces of one, are words that stand everywhere.
const SECRET_BYTES_MIN: usize = 8;

/// Longest secret of which pieces are looked for. Keys are longer, but are written in lines, and each line is a secret of its own.
const PIECES_BYTES_MAX: usize = 256;

/// Names of variables whose values are secrets end like this.
const SECRET_ENDINGS: [&str; 5] = ["TOKEN", "SECRET", "PASSWORD", "API_KEY", "ACCESS_KEY"];

/// Hides known secrets.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    /// The longest first: one that holds another has to go before, or its rest would stay.
    secrets: Arc<[Known]>,
}

/// A secret that is not printed even by accident.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Known(String);

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Redaction {
    /// Takes the secrets of an environment: variables whose names end in `TOKEN`, `SECRET`, `PASSWORD`, `API_KEY` or `ACCESS_KEY`.
    pub fn of(environment: &[(OsString, OsString)]) -> Self {
        let is_secret = |name: &OsString| {
            let name = name.to_string_lossy().to_ascii_uppercase();
            SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
        };
        let values = environment.iter().filter(|(name, _)| is_secret(name)).filter_map(|(_, value)| value.to_str());
        Self::default().and(values)
    }

    /// Returns what hides these secrets too.
    #[must_use]
    pub fn and<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let forms = secrets.into_iter().flat_map(forms).filter(|form| SECRET_BYTES_MIN <= form.len()).map(Known);
        let mut all: Vec<Known> = self.secrets.iter().cloned().chain(forms).collect();
        all.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Self { secrets: all.into() }
    }

    /// Returns the text with stars in place of whole secrets.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.secrets.iter().fold(Cow::Borrowed(text), |text, Known(secret)| {
            if text.contains(secret.as_str()) { Cow::Owned(text.replace(secret.as_str(), MASK)) } else { text }
        })
    }

    /// Returns a line with stars in place of whole secrets, and of pieces with which it begins or ends.
    pub fn apply_to_line<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let mut line = self.apply(line);
        for Known(secret) in self.secrets.iter().filter(|Known(secret)| secret.len() <= PIECES_BYTES_MAX) {
            if let Some((start, end)) = piece(&line, secret) {
                line = Cow::Owned(format!("{}{MASK}{}", &line[..start], &line[end..]));
            }
        }
        line
    }
}

/// Returns the forms in which a secret may stand in a text: as it is, as JSON writes it, and each of its lines.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned();
    let lines = secret.lines().map(|line| line.trim().to_owned());
    [secret.trim().to_owned(), json].into_iter().chain(lines).collect()
}

/// Returns where a piece of a secret lies: the whole line, its end, or its beginning.
fn piece(line: &str, secret: &str) -> Option<(usize, usize)> {
    let words = line.trim();
    if SECRET_BYTES_MIN <= words.len() && secret.contains(words) {
        let start = line.len() - line.trim_start().len();
        return Some((start, start + words.len()));
    }
    let lengths = || (SECRET_BYTES_MIN..secret.len()).rev().filter(|&n| secret.is_char_boundary(n));
    let at_end = lengths().find(|&n| line.ends_with(&secret[..n])).map(|n| (line.len() - n, line.len()));
    let ends = || (1..=secret.len().saturating_sub(SECRET_BYTES_MIN)).filter(|&n| secret.is_char_boundary(n));
    at_end.or_else(|| ends().find(|&n| line.starts_with(&secret[n..])).map(|n| (0, secret.len() - n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction(env: &[(&str, &str)]) -> Redaction {
        Redaction::of(&env.iter().map(|(name, value)| (name.into(), value.into())).collect::<Vec<_>>())
    }

    #[test]
    fn secrets_of_the_environment_become_stars() {
        let redaction = redaction(&[
            ("GITHUB_TOKEN", "ghp_abcdef"),
            ("MY_API_KEY", "ghp_abcdefghi"),
            ("X_PASSWORD", "short"),
            ("HOME", "/home/someone"),
        ]);
        assert_eq!(
            redaction.apply("a ghp_abcdefghi b ghp_abcdef c short /home/someone"),
            "a *** b *** c short /home/someone"
        );
        assert!(!format!("{redaction:?}").contains("ghp"));
    }

    #[test]
    fn a_secret_is_known_as_json_writes_it() {
        let redaction = redaction(&[("X_PASSWORD", "pass\"wo\\rd")]);
        assert_eq!(redaction.apply(r#"{"said":"pass\"wo\\rd"}"#), r#"{"said":"***"}"#);
    }

    #[test]
    fn a_key_of_many_lines_is_known_line_by_line() {
        let redaction = redaction(&[("DEPLOY_SECRET", "-----BEGIN KEY-----\nMIIEowIBAAKC\nabc\n-----END KEY-----\n")]);
        let printed = "> -----BEGIN KEY-----\n> MIIEowIBAAKC\n> abc\n";
        assert_eq!(redaction.apply(printed), "> ***\n> ***\n> abc\n");
    }

    #[test]
    fn a_secret_that_is_split_over_lines_does_not_show() {
        let redaction = redaction(&[("GH_TOKEN", "ghp_0123456789ABCDEFGHIJ")]);
        for (line, expected) in [
            ("token: ghp_01234567", "token: ***"),
            ("89ABCDEFGHIJ is it", "*** is it"),
            ("  456789ABCD  ", "  ***  "),
            ("ghp_0123456789ABCDEFGHIJ", "***"),
            ("ghp_012", "ghp_012"),
            ("no token at all", "no token at all"),
            ("", ""),
        ] {
            assert_eq!(redaction.apply_to_line(line), expected, "{line:?}");
        }
    }

    #[test]
    fn no_cut_of_a_secret_leaves_more_than_a_word_of_it() {
        let secret = "ghp_0123456789ABCDéFGHIJ";
        let redaction = redaction(&[("GH_TOKEN", secret)]);
        for cut in (0..=secret.len()).filter(|&cut| secret.is_char_boundary(cut)) {
            for piece in [&secret[..cut], &secret[cut..]] {
                let shown = redaction.apply_to_line(piece).into_owned();
                assert!(shown.len() < SECRET_BYTES_MIN, "{piece} is shown as {shown}");
            }
        }
    }
}
