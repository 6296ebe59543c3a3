//! Text in commits that software acts on: closing keywords (see [`crate::closing`]), words that
//! skip continuous integration, and mentions. In text written by strangers and agents they must
//! have no effect.
//!
//! This includes the title of a pull request: if it is merged as one commit, it becomes the
//! commit's subject.
//!
//! Sources: GitHub's "Skipping workflow runs" and "Linking a pull request to an issue"; GitLab,
//! Azure Pipelines, Travis CI, CircleCI, AppVeyor, Netlify and Vercel document the same forms with
//! other words in the brackets.

use crate::closing::{is_keyword, is_reference};

/// Longest text in brackets that is examined; `[skip azurepipelines]` is among the longest known.
const DIRECTIVE_BYTES_MAX: usize = 40;

/// Marker that Azure Repos looks for.
const NO_CI: &str = "***no_ci***";

/// The trailer that switches off GitHub's checks.
const SKIP_CHECKS: &str = "skip-checks:";

/// Returns the text without effects on software: `Fixes #12 [skip ci], @bob` becomes `Fixes issue
/// #12 (skip ci), @ bob`. White space is preserved.
///
/// ```
/// # use autoissue_plugin_sdk::commit_text::disarm;
/// assert_eq!(disarm("[skip ci] Fixes #12 for @bob"), "(skip ci) Fixes issue #12 for @ bob");
/// assert_eq!(disarm("Fix the parser\n\nSee #12."), "Fix the parser\n\nSee #12.");
/// ```
pub fn disarm(text: &str) -> String {
    without_mentions(&without_closing(&without_skips(text)))
}

/// Removes the brackets and other markers that make a word skip continuous integration.
fn without_skips(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = from
            .bytes()
            .take(DIRECTIVE_BYTES_MAX)
            .position(|byte| byte == b']');
        match end.map(|end| (&from[1..end], &from[end + 1..])) {
            Some((inner, after)) if is_skip(inner) => {
                out.push('(');
                out.push_str(inner);
                out.push(')');
                rest = after;
            }
            _ => {
                out.push('[');
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    let out = replaced(&out, NO_CI, |found| found.trim_matches('*').to_owned());
    replaced(&out, SKIP_CHECKS, |found| {
        format!("{} =", found.trim_end_matches(':'))
    })
}

/// Matches `skip ci`, `ci-skip`, `no ci`, `skip actions`, `netlify skip` and similar.
fn is_skip(inner: &str) -> bool {
    let lower = inner.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| c.is_whitespace() || "-_:".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let says = |word: &str| words.contains(&word);
    (2..=3).contains(&words.len()) && (says("skip") || (says("no") && says("ci")))
}

/// Replaces every occurrence of an ASCII text, ignoring case.
fn replaced(text: &str, wanted: &str, with: impl Fn(&str) -> String) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (at, found) in lower.match_indices(wanted) {
        out.push_str(&text[done..at]);
        out.push_str(&with(&text[at..at + found.len()]));
        done = at + found.len();
    }
    out.push_str(&text[done..]);
    out
}

/// Inserts a word between a closing keyword and its reference, even if they are on different lines.
fn without_closing(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut follows_keyword = false;
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        if word.is_empty() {
            out.push_str(part);
            continue;
        }
        if follows_keyword && is_reference(word) {
            out.push_str("issue ");
        }
        match word.split_once(':') {
            Some((keyword, reference)) if is_keyword(keyword) && is_reference(reference) => {
                out.push_str(keyword);
                out.push_str(": issue ");
                out.push_str(&part[keyword.len() + 1..]);
            }
            _ => out.push_str(part),
        }
        follows_keyword = is_keyword(word.strip_suffix(':').unwrap_or(word));
    }
    out
}

/// Inserts a space after the `@` of a mention; email addresses stay unchanged.
fn without_mentions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let begins = before.is_none_or(|before: char| !before.is_alphanumeric() && before != '_');
        let names = chars.peek().is_some_and(char::is_ascii_alphanumeric);
        if c == '@' && begins && names {
            out.push(' ');
        }
        before = Some(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(disarm(text), expected);
        assert_eq!(
            disarm(expected),
            expected,
            "disarming twice changes nothing"
        );
    }

    #[test]
    fn ci_skip_markers_have_no_effect() {
        check("[skip ci] Fix typo", "(skip ci) Fix typo");
        check("Fix typo [CI Skip]", "Fix typo (CI Skip)");
        check("a [no ci] b [skip actions]", "a (no ci) b (skip actions)");
        check("[skip-ci][ci-skip]", "(skip-ci)(ci-skip)");
        check("[[skip ci]]", "[(skip ci)]");
        check(
            "[netlify skip] [skip azurepipelines]",
            "(netlify skip) (skip azurepipelines)",
        );
        check("x ***NO_CI***", "x NO_CI");
        check("x\n\n\nSkip-Checks: true\n", "x\n\n\nSkip-Checks = true\n");
    }

    #[test]
    fn a_keyword_before_a_reference_on_the_next_line_has_no_effect() {
        check("fix\n\nCloses #999", "fix\n\nCloses issue #999");
        check("Fixes\n#12", "Fixes\nissue #12");
        check("Resolves:  o/n#7\n", "Resolves:  issue o/n#7\n");
        check("fixed:#7 and more", "fixed: issue #7 and more");
    }

    #[test]
    fn a_mention_has_no_effect_and_an_email_address_is_unchanged() {
        check("thanks @bob, @org/team", "thanks @ bob, @ org/team");
        check(
            "x\n\nCo-authored-by: Ada <ada@example.com>\n",
            "x\n\nCo-authored-by: Ada <ada@example.com>\n",
        );
        check("a @ b", "a @ b");
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for text in [
            "",
            "  two  spaces\n\n\ttab\n",
            "[skip] a flaky test",
            "[Backend] skip the cache",
            "array[0] and [a link](b) skip",
            "[we skip this in every case where it is not needed]",
            "Fix the parser (#12)",
            "é[skip",
        ] {
            check(text, text);
        }
    }
}
