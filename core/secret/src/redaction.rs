//! Removes known secrets from everything that is shown or stored: output of programs, transcripts,
//! events, logs.
//!
//! [`Secret`](super::Secret) already prints as stars; this module handles secrets that appear in
//! other text. Code that obtains a secret registers it here once, and all writers hide it from then
//! on.
//!
//! ```text
//!   environment, forge's token, dashboard's credentials ─► learn ─► forms ─┐
//!                                                                          ├─► apply, apply_to_line
//!   a program's output, a log line, a page ──────────────────► readings ───┘
//! ```
//!
//! Each secret is known in several forms (verbatim, base64, hexadecimal), and a text is read in
//! several ways (verbatim, with escapes decoded). A program may print a secret over several lines,
//! or a line may be cut inside it, so a piece at the edge of a line, or of a string in it, is
//! hidden like the whole.

mod reading;
mod variables;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::MASK;
use reading::each_reading;

/// Shorter values, and shorter pieces of one, are ordinary words.
const SECRET_BYTES_MIN: usize = 8;

/// Longest secret that is also searched for in pieces. Keys are longer, but consist of lines, and
/// each line is a secret of its own.
const PIECES_BYTES_MAX: usize = 256;

/// Hides known secrets. Clones share the same secrets, including those registered later.
#[derive(Clone, Default)]
pub struct Redaction {
    known: Arc<RwLock<Arc<Known>>>,
}

/// Prints only the number of secrets.
impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redaction({} secrets)", self.known().secrets.len())
    }
}

impl Redaction {
    /// Registers the secrets of an environment: variables named like keys and passwords, and
    /// passwords in URLs (`https://user:password@host`).
    pub fn of<S: AsRef<OsStr>>(environment: &[(S, S)]) -> Self {
        let redaction = Self::default();
        redaction
            .learn(texts(environment).flat_map(|(name, value)| variables::secrets_of(name, value)));
        redaction
    }

    /// Also registers the values of variables that a program is given on purpose: except for
    /// addresses and names, all of them are secrets, regardless of the variable's name.
    pub fn learn_passed<S: AsRef<OsStr>>(&self, environment: &[(S, S)], passed: &[String]) {
        let is_passed = |name: &str| passed.iter().any(|it| it == name);
        self.learn(
            texts(environment)
                .filter(|(name, _)| is_passed(name))
                .flat_map(|(name, value)| variables::secrets_passed(name, value)),
        );
    }

    /// Registers more secrets.
    pub fn learn<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut all = known.secrets.clone();
        all.extend(secrets.into_iter().flat_map(plain_forms));
        if all.len() != known.secrets.len() {
            *known = Known::of(all).into();
        }
    }

    fn known(&self) -> Arc<Known> {
        // The value behind the lock is only ever replaced as a whole.
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns the text with complete secrets, in any form, replaced by stars.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.known().without_secrets(text)
    }

    /// Returns a line with stars in place of complete secrets, and of pieces at its start or end or
    /// at those of a quoted string in it.
    pub fn apply_to_line<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let known = self.known();
        match known.without_secrets(line) {
            Cow::Borrowed(line) => known.without_pieces(line),
            Cow::Owned(line) => Cow::Owned(known.without_pieces(&line).into_owned()),
        }
    }
}

fn texts<S: AsRef<OsStr>>(environment: &[(S, S)]) -> impl Iterator<Item = (&str, &str)> {
    environment
        .iter()
        .filter_map(|(name, value)| Some((name.as_ref().to_str()?, value.as_ref().to_str()?)))
}

/// Returns the secret verbatim, as JSON writes it, and each of its lines; too short ones are left
/// out.
fn plain_forms(secret: &str) -> Vec<String> {
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
        .filter(|form| SECRET_BYTES_MIN <= form.len())
        .collect()
}

/// Returns what a text contains if it holds this secret in base64 or hexadecimal digits.
fn encoded_forms(secret: &str) -> Vec<String> {
    let hex = hex::encode(secret);
    let mut forms = vec![hex.to_uppercase(), hex, STANDARD.encode(secret)];
    for n_before in 0..3_usize {
        // Digits hold six bits, so those at the edges depend on the bytes before and after.
        let inner = (8 * n_before).div_ceil(6)..8 * (n_before + secret.len()) / 6;
        let text = [&[0; 3][..n_before], secret.as_bytes()].concat();
        for digits in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
            forms.push(digits[inner.clone()].to_owned());
        }
    }
    forms
}

/// The known secrets, prepared for searching.
#[derive(Default)]
struct Known {
    secrets: BTreeSet<String>,
    /// All forms of the secrets.
    forms: Vec<String>,
    /// Finds where a form may start, by its first bytes, which keeps the automaton small; `None`
    /// without secrets.
    beginnings: Option<AhoCorasick>,
    /// For each window of bytes, the forms searched for in pieces that contain it.
    windows: BTreeMap<[u8; SECRET_BYTES_MIN], BTreeSet<usize>>,
}

impl Known {
    fn of(secrets: BTreeSet<String>) -> Self {
        let mut forms: BTreeMap<String, bool> = BTreeMap::new();
        for secret in &secrets {
            let has_pieces = secret.len() <= PIECES_BYTES_MAX;
            for form in encoded_forms(secret) {
                *forms.entry(form).or_default() |= has_pieces;
            }
            *forms.entry(secret.clone()).or_default() |= has_pieces;
        }
        let mut windows: BTreeMap<_, BTreeSet<usize>> = BTreeMap::new();
        for (id, (form, _)) in forms.iter().enumerate().filter(|(_, (_, it))| **it) {
            for window in form.as_bytes().array_windows::<SECRET_BYTES_MIN>() {
                windows.entry(*window).or_default().insert(id);
            }
        }
        let forms: Vec<String> = forms.into_keys().collect();
        let beginnings = forms
            .iter()
            .map(|form| &form.as_bytes()[..SECRET_BYTES_MIN]);
        let beginnings =
            AhoCorasick::new(beginnings).expect("the patterns are only a few bytes long");
        Self {
            secrets,
            beginnings: (!forms.is_empty()).then_some(beginnings),
            forms,
            windows,
        }
    }

    fn without_secrets<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(beginnings) = &self.beginnings else {
            return Cow::Borrowed(text);
        };
        let mut found = Vec::new();
        each_reading(text, |reading| {
            for beginning in beginnings.find_overlapping_iter(&reading.bytes) {
                let form = &self.forms[beginning.pattern()];
                if reading.bytes[beginning.start()..].starts_with(form.as_bytes()) {
                    found.push(reading.origin(beginning.start()..beginning.start() + form.len()));
                }
            }
        });
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable_by_key(|part| (part.start, part.end));
        Cow::Owned(with_masks(text, found))
    }

    /// Hides pieces of secrets at the edges of a line and, if it is JSON, of the lines and quoted
    /// strings in it.
    fn without_pieces<'a>(&self, line: &'a str) -> Cow<'a, str> {
        if line
            .split('"')
            .flat_map(|quoted| quoted.split("\\n"))
            .all(|part| self.piece_in(part).is_none())
        {
            return Cow::Borrowed(line);
        }
        let quoted = |quoted: &str| {
            let parts: Vec<Cow<'_, str>> = quoted
                .split("\\n")
                .map(|part| self.without_piece(part))
                .collect();
            parts.join("\\n")
        };
        Cow::Owned(line.split('"').map(quoted).collect::<Vec<_>>().join("\""))
    }

    fn without_piece<'a>(&self, text: &'a str) -> Cow<'a, str> {
        // The text before a piece may end with another one, and a hostile line may consist of
        // nothing else.
        let (mut rest, mut after) = (text, Vec::new());
        while let Some(Range { start, end }) = self.piece_in(rest) {
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

    /// Returns the range of the longest piece of a secret at an edge of the text.
    fn piece_in(&self, text: &str) -> Option<Range<usize>> {
        let words = text.trim().as_bytes();
        let edges = [words.first_chunk()?, words.last_chunk()?];
        let pieces = edges
            .into_iter()
            .filter_map(|edge| self.windows.get(edge))
            .flatten()
            .filter_map(|&id| piece(text, &self.forms[id]));
        pieces.max_by_key(std::iter::ExactSizeIterator::len)
    }
}

/// Returns the text with these ranges replaced by stars; they are sorted and may overlap.
fn with_masks(text: &str, parts: Vec<Range<usize>>) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut end = 0;
    for part in parts {
        if part.start < end {
            end = end.max(part.end);
            continue;
        }
        hidden.push_str(&text[end..part.start]);
        // Half an escape would break the JSON around it.
        let n_backslashes = hidden.len() - hidden.trim_end_matches('\\').len();
        if n_backslashes % 2 == 1 {
            hidden.pop();
        }
        hidden.push_str(MASK);
        end = part.end;
    }
    hidden.push_str(&text[end..]);
    hidden
}

/// Returns the range of a piece of a secret: the whole text, its end, or its start, ignoring
/// surrounding whitespace.
fn piece(text: &str, secret: &str) -> Option<Range<usize>> {
    let start = text.len() - text.trim_start().len();
    let words = text.trim();
    let n = words.len();
    if n <= secret.len() && secret.contains(words) {
        return Some(start..start + n);
    }
    let cuts = || (1..secret.len()).filter(|&cut| secret.is_char_boundary(cut));
    let is_long = |piece: &&str| SECRET_BYTES_MIN <= piece.len();
    let mut heads = cuts().rev().map(|cut| &secret[..cut]).filter(is_long);
    let at_end = heads
        .find(|head| words.ends_with(head))
        .map(|head| start + n - head.len()..start + n);
    let mut tails = cuts().map(|cut| &secret[cut..]).filter(is_long);
    at_end.or_else(|| {
        tails
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
    fn a_line_of_only_pieces_needs_no_recursion() {
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
    fn clones_share_registered_secrets() {
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
                r#"{"text":"it is ***"}"#,
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

    /// Checks the redacted output of a program that was given a secret.
    fn check_hidden(secret: &str, printed: &str, expected: &str) {
        let redaction = redaction(&[("X_TOKEN", secret)]);
        assert_eq!(redaction.apply(printed), expected, "{printed}");
        assert_eq!(redaction.apply_to_line(printed), expected, "{printed}");
    }

    fn escaped(text: &str) -> String {
        text.encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect()
    }

    #[test]
    fn a_secret_behind_escapes_of_json_does_not_show() {
        let secret = "sk-ant-é😀-SECRET";
        let once = escaped(secret);
        check_hidden(secret, &format!(r#"{{"a":"{once}!"}}"#), r#"{"a":"***!"}"#);
        let twice = once.replace('\\', "\\\\");
        check_hidden(
            secret,
            &format!(r#"{{"a":"{twice}\n"}}"#),
            r#"{"a":"***\n"}"#,
        );
        check_hidden("a/b/c/d/e/f", r#"{"a":"a\/b\/c/d/e/f"}"#, r#"{"a":"***"}"#);
        check_hidden("sk-ant-SECRET", r"\x73k-ant-SECRET", "***");
    }

    #[test]
    fn a_secret_in_a_percent_encoded_address_does_not_show() {
        check_hidden("a+b/c=d&e f", "q=a%2Bb%2fc%3Dd%26e%20f&r=1", "q=***&r=1");
        check_hidden("sk-ant-SECRET", "%73%6b%2dant-SECRET", "***");
        check_hidden(
            "a+b/c=d&e",
            r#"{"q":"a%2Bb%2fc\u00253Dd%26e"}"#,
            r#"{"q":"***"}"#,
        );
    }

    #[test]
    fn a_secret_in_hexadecimal_digits_does_not_show() {
        let secret = "sk-ant-S";
        check_hidden(secret, "is 736b2d616e742d53.", "is ***.");
        check_hidden(secret, "is 736B2D616E742D53.", "is ***.");
        check_hidden(secret, " 73 6b 2d 61 6e 74 2d 53\n", " ***\n");
        check_hidden(secret, "73:6b:2d:61:6e:74:2d:53", "***");
        check_hidden(
            secret,
            "[0x73, 0x6b, 0x2d, 0x61, 0x6e, 0x74, 0x2d, 0x53]",
            "[0x***]",
        );
    }

    #[test]
    fn a_secret_in_base64_does_not_show_wherever_it_begins() {
        let secret = "sk-ant-SECRETSECRET1234?>~";
        let redaction = redaction(&[("X_TOKEN", secret)]);
        for before in ["", "u", "u:", "me:", "user:"] {
            for after in ["", "\n", "@h", "/é/"] {
                let text = format!("{before}{secret}{after}");
                for digits in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                    let shown = redaction.apply(&digits).into_owned();
                    let kept = before.len() * 4 / 3 + after.len() * 4 / 3 + 8;
                    assert!(
                        shown.contains(MASK) && shown.len() <= MASK.len() + kept,
                        "{shown}"
                    );
                }
            }
        }
    }

    #[test]
    fn digits_that_are_wrapped_do_not_show() {
        let secret = "sk-ant-api03-".to_owned() + &"0123456789abcdefXYZ".repeat(5);
        let digits = STANDARD.encode(&secret);
        let wrapped = format!("{}\n{}", &digits[..76], &digits[76..]);
        let redaction = redaction(&[("X_TOKEN", &secret)]);
        assert_eq!(redaction.apply(&wrapped), MASK);
        let as_json = serde_json::to_string(&wrapped).unwrap();
        assert_eq!(redaction.apply_to_line(&as_json), r#""***""#);
        for line in wrapped.lines() {
            assert_eq!(redaction.apply_to_line(line), MASK);
        }
    }

    #[test]
    fn redacted_json_is_still_json() {
        let redaction = redaction(&[("X_TOKEN", "nothing-to-see")]);
        let line = serde_json::to_string("a\nothing-to-see \\nothing-to-see").unwrap();
        let shown = redaction.apply_to_line(&line).into_owned();
        serde_json::from_str::<String>(&shown).expect(&shown);
    }

    #[test]
    fn variables_passed_on_purpose_are_secrets() {
        let environment = [
            ("LICENSE", "not-for-everyone"),
            ("AWS_REGION", "eu-central-1"),
            ("EDITOR", "an-editor"),
        ];
        let redaction = Redaction::of(&environment);
        let text = "not-for-everyone eu-central-1 an-editor";
        assert_eq!(redaction.apply(text), text);
        redaction.learn_passed(
            &environment,
            &["LICENSE".to_owned(), "AWS_REGION".to_owned()],
        );
        assert_eq!(redaction.apply(text), "*** eu-central-1 an-editor");
    }
}
