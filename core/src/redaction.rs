//! Keeps the secrets that we know out of what is shown and kept: output of programs, transcripts, events, logs.
//!
//! The type that holds secrets prints stars by itself; this is for secrets that come back in somebody else's text. Whoever finds
//! one out tells it here once, and all who write hide it from then on.
//!
//! ```text
//!   environment, forge's token, dashboard's credentials ─► learn ─┐
//!                                                                 ├─► apply, apply_to_line
//!   a program's output, a log line, a page ───────────────────────┘
//! ```
//!
//! A program may print a secret over several lines, or a line may be cut within it; so a piece at the edge of a line, or of a
//! string in it, is hidden like the whole.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use crate::secret::MASK;

/// Shorter values, and shorter pieces of one, are words that stand everywhere.
const SECRET_BYTES_MIN: usize = 8;

/// Longest secret of which pieces are looked for. Keys are longer, but are written in lines, and each line is a secret of its own.
const PIECES_BYTES_MAX: usize = 256;

/// Names of variables whose values are secrets end like this.
const SECRET_ENDINGS: [&str; 9] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSPHRASE",
    "APIKEY",
    "_KEY",
    "_PAT",
    "_PASS",
    "_PWD",
];

/// Hides known secrets. Its copies know the same secrets, also those that are learnt later.
#[derive(Clone, Default)]
pub struct Redaction {
    /// The longest first: one that holds another has to go before, or its rest would stay.
    secrets: Arc<RwLock<Arc<[String]>>>,
}

/// Prints how many secrets there are, and none of them.
impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redaction({} secrets)", self.secrets().len())
    }
}

impl Redaction {
    /// Takes the secrets of an environment: variables whose names end like those of keys and passwords, and passwords in addresses
    /// (`https://user:password@host`).
    pub fn of<S: AsRef<OsStr>>(environment: &[(S, S)]) -> Self {
        let redaction = Self::default();
        let variables = environment
            .iter()
            .filter_map(|(name, value)| Some((name.as_ref(), value.as_ref().to_str()?)));
        redaction.learn(variables.filter_map(|(name, value)| {
            if is_secret(name) {
                Some(value)
            } else {
                password(value)
            }
        }));
        redaction
    }

    /// Hides these secrets too from now on.
    pub fn learn<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) {
        let forms = secrets
            .into_iter()
            .flat_map(forms)
            .filter(|form| SECRET_BYTES_MIN <= form.len());
        let mut known = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<String> = known.iter().cloned().chain(forms).collect();
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        *known = all.into();
    }

    fn secrets(&self) -> Arc<[String]> {
        // What is behind the lock is replaced as a whole.
        self.secrets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns the text with stars in place of whole secrets.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        whole(&self.secrets(), text)
    }

    /// Returns a line with stars in place of whole secrets, and of pieces with which it, or a quoted string in it, begins or ends.
    pub fn apply_to_line<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let secrets = self.secrets();
        let mut line = whole(&secrets, line);
        for secret in secrets
            .iter()
            .filter(|secret| secret.len() <= PIECES_BYTES_MAX)
        {
            if let Cow::Owned(hidden) = without_pieces(&line, secret) {
                line = Cow::Owned(hidden);
            }
        }
        line
    }
}

fn whole<'a>(secrets: &[String], text: &'a str) -> Cow<'a, str> {
    secrets.iter().fold(Cow::Borrowed(text), |text, secret| {
        if text.contains(secret.as_str()) {
            Cow::Owned(text.replace(secret.as_str(), MASK))
        } else {
            text
        }
    })
}

fn is_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Returns the password in an address.
fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let (user, _) = rest.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    Some(user.split_once(':')?.1)
}

/// Returns the forms in which a secret may stand in a text: as it is, as JSON writes it, and each of its lines.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json
        .trim_start_matches('"')
        .strip_suffix('"')
        .unwrap_or_default()
        .to_owned();
    let lines = secret.lines().map(|line| line.trim().to_owned());
    [secret.trim().to_owned(), json]
        .into_iter()
        .chain(lines)
        .collect()
}

/// Hides the pieces of a secret at the edges of a line, and of the lines and quoted strings in it where it is JSON.
fn without_pieces<'a>(line: &'a str, secret: &str) -> Cow<'a, str> {
    if line
        .split('"')
        .flat_map(|quoted| quoted.split("\\n"))
        .all(|part| piece(part, secret).is_none())
    {
        return Cow::Borrowed(line);
    }
    let quoted = |quoted: &str| {
        let parts: Vec<Cow<'_, str>> = quoted
            .split("\\n")
            .map(|part| without_piece(part, secret))
            .collect();
        parts.join("\\n")
    };
    Cow::Owned(line.split('"').map(quoted).collect::<Vec<_>>().join("\""))
}

fn without_piece<'a>(text: &'a str, secret: &str) -> Cow<'a, str> {
    // What stands before a piece may end with another, and a hostile line may be nothing else.
    let (mut rest, mut after) = (text, Vec::new());
    while let Some(Range { start, end }) = piece(rest, secret) {
        after.push(&rest[end..]);
        rest = &rest[..start];
    }
    if after.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut hidden = rest.to_owned();
    for kept in after.into_iter().rev() {
        hidden.push_str(MASK);
        hidden.push_str(kept);
    }
    Cow::Owned(hidden)
}

/// Returns where a piece of a secret lies: the whole text, its end, or its beginning. Space around the text does not count.
fn piece(text: &str, secret: &str) -> Option<Range<usize>> {
    let start = text.len() - text.trim_start().len();
    let words = text.trim();
    let n = words.len();
    let first = words.as_bytes().get(..SECRET_BYTES_MIN)?;
    let last = &words.as_bytes()[n - SECRET_BYTES_MIN..];
    // Nearly every text ends here, so that a megabyte of JSON takes no longer to look through than to parse.
    let holds = |bytes: &[u8]| {
        secret
            .as_bytes()
            .windows(SECRET_BYTES_MIN)
            .any(|window| window == bytes)
    };
    let (begins, ends) = (holds(first), holds(last));
    if begins && secret.contains(words) {
        return Some(start..start + n);
    }
    let cuts = || (1..secret.len()).filter(|&cut| secret.is_char_boundary(cut));
    let is_long = |piece: &&str| SECRET_BYTES_MIN <= piece.len();
    let heads = cuts().rev().map(|cut| &secret[..cut]).filter(is_long);
    let at_end = heads
        .filter(|_| ends)
        .find(|head| words.ends_with(head))
        .map(|head| start + n - head.len()..start + n);
    let tails = cuts().map(|cut| &secret[cut..]).filter(is_long);
    at_end.or_else(|| {
        tails
            .filter(|_| begins)
            .find(|tail| words.starts_with(tail))
            .map(|tail| start..start + tail.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redaction(env: &[(&str, &str)]) -> Redaction {
        Redaction::of(env)
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
    fn a_password_in_an_address_is_a_secret() {
        let redaction = redaction(&[
            ("HTTPS_PROXY", "http://ada:correct-horse@proxy:8080/"),
            ("ANOTHER", "https://example.org/a@b"),
            ("USER_ONLY", "ssh://somebody@example.org"),
        ]);
        assert_eq!(
            redaction.apply("correct-horse somebody example.org"),
            "*** somebody example.org"
        );
    }

    #[test]
    fn a_line_of_nothing_but_pieces_takes_no_stack() {
        let redaction = redaction(&[("ANTHROPIC_API_KEY", "sk-ant-api03-abcdefgh")]);
        let line = "sk-ant-a".repeat(100_000);
        let hide = move || redaction.apply_to_line(&line).into_owned();
        let thread = std::thread::Builder::new()
            .stack_size(128 << 10)
            .spawn(hide)
            .unwrap();
        assert_eq!(thread.join().unwrap(), "***".repeat(100_000));
    }

    #[test]
    fn all_copies_know_what_one_of_them_learns() {
        let redaction = Redaction::default();
        let copy = redaction.clone();
        copy.learn(["gho_of-the-key-store"]);
        assert_eq!(redaction.apply("gho_of-the-key-store"), "***");
    }

    #[test]
    fn a_secret_is_known_as_json_writes_it() {
        let redaction = redaction(&[("X_PASSWORD", "pass\"wo\\rd")]);
        assert_eq!(
            redaction.apply(r#"{"said":"pass\"wo\\rd"}"#),
            r#"{"said":"***"}"#
        );
    }

    #[test]
    fn a_key_of_many_lines_is_known_line_by_line() {
        let redaction = redaction(&[(
            "DEPLOY_SECRET",
            "-----BEGIN KEY-----\nMIIEowIBAAKC\nabc\n-----END KEY-----\n",
        )]);
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
            ("456789ABCDEFGHIJ, or ghp_0123456", "***, or ***"),
            (r#"{"text":"it is ghp_012345"}"#, r#"{"text":"it is ***"}"#),
            (
                r#"{"text":"it is ghp_012345\n6789ABCDEFGHIJ"}"#,
                r#"{"text":"it is ***\n***"}"#,
            ),
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
                assert!(
                    shown.len() < SECRET_BYTES_MIN,
                    "{piece} is shown as {shown}"
                );
            }
        }
    }
}
