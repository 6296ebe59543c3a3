//! Tier 1: a tag at the start of the title.
//!
//! ```text
//! [Bug][UI] Menu stays open      any kind of brackets, one after the other
//! Backend: sessions get lost     words before a colon (dash, bar, arrow), all of them names of a domain
//! feat(api)!: add paging         a conventional commit: its type if that is a domain, otherwise its scope
//! Bug: [UI] menu stays open      a prefix that describes the kind of issue is skipped
//! ```
//!
//! Ordinary prose with a colon is not a tag: `Error: test failed` does not begin with the name of a
//! domain, and `Test login: it hangs` does not begin with names only.

use crate::domain::Domain;
use crate::label::{self, Named};
use crate::names::strength::SURE;
use crate::words::Words;

/// Maximum number of tags to examine; real titles do not have more.
const TAGS_MAX: usize = 5;

/// Maximum length of a tag in bytes; anything longer is a sentence.
const TAG_BYTES_MAX: usize = 40;

/// Returns the domain named by the title's tags, and the tag.
pub(crate) fn domain_of(title: &str) -> Option<(Domain, &str)> {
    let mut rest = title;
    for _ in 0..TAGS_MAX {
        let (tag, after) = next_tag(rest)?;
        if let Some(domain) = tag.domain() {
            return Some((domain, tag.written));
        }
        rest = after;
    }
    None
}

/// Returns the text after the title's tags and prefixes.
pub(crate) fn without_tags(title: &str) -> &str {
    let mut rest = title;
    for _ in 0..TAGS_MAX {
        let Some((tag, after)) = next_tag(rest) else {
            break;
        };
        if !tag.is_bracket && !is_kind(tag.inside) && !is_conventional(tag.inside) {
            break;
        }
        rest = after;
    }
    rest
}

/// A possible tag.
struct Tag<'t> {
    /// The tag with its brackets or its separator.
    written: &'t str,
    inside: &'t str,
    is_bracket: bool,
}

impl Tag<'_> {
    fn domain(&self) -> Option<Domain> {
        fn whole(text: &str) -> Option<Domain> {
            sure(text)
                .filter(|named| named.is_whole)
                .map(|named| named.domain)
        }

        if self.is_bracket {
            return sure(self.inside).map(|named| named.domain);
        }
        let inside = self.inside.trim_end_matches('!');
        let Some((kind, scope)) = inside
            .strip_suffix(')')
            .and_then(|inside| inside.split_once('('))
        else {
            return whole(inside);
        };
        let scope = || sure(scope).map(|named| named.domain);
        if kind.trim().contains(' ') {
            None
        } else {
            whole(kind).or_else(scope)
        }
    }
}

fn sure(text: &str) -> Option<Named> {
    label::named_in(text).filter(|named| named.strength == SURE)
}

/// Splits off the first tag; `None` if there is none.
fn next_tag(title: &str) -> Option<(Tag<'_>, &str)> {
    let is_mark = |c: char| !c.is_alphanumeric() && !OPENING.contains(c);
    let title = title.trim_start_matches(is_mark);
    let first = title.chars().next()?;
    if let Some(close) = OPENING
        .find(first)
        .and_then(|at| CLOSING[at..].chars().next())
    {
        let inner_start = first.len_utf8();
        let inner_end = title
            .find(close)
            .filter(|&end| end <= inner_start + TAG_BYTES_MAX)?;
        let (written, after) = title.split_at(inner_end + close.len_utf8());
        return Some((
            Tag {
                written,
                inside: &title[inner_start..inner_end],
                is_bracket: true,
            },
            after,
        ));
    }
    let (end, separator) = prefix_end(title)?;
    let (written, after) = title.split_at(end + separator.trim_end().len());
    Some((
        Tag {
            written,
            inside: title[..end].trim_end(),
            is_bracket: false,
        },
        after,
    ))
}

/// Opening brackets of tags, and the closing ones; each pair has the same length in bytes, so that
/// positions correspond.
const OPENING: &str = "[({<\u{3010}\u{300c}";
const CLOSING: &str = "])}>\u{3011}\u{300d}";

/// Returns where a prefix ends, and its separator.
fn prefix_end(title: &str) -> Option<(usize, &'static str)> {
    // Most titles have no separator: one scan of the bytes avoids eight searches.
    let may_separate = |byte: u8| matches!(byte, b':' | b'-' | b'|' | b'>') || !byte.is_ascii();
    if !title.bytes().take(TAG_BYTES_MAX + 2).any(may_separate) {
        return None;
    }
    let ends = SEPARATORS.into_iter().filter_map(|separator| {
        let end = title.find(separator)?;
        (end > 0 && end <= TAG_BYTES_MAX).then_some((end, separator))
    });
    let (end, separator) = ends.min_by_key(|(end, _)| *end)?;
    // `std::fmt`, `http://`, `10:30`: a colon inside a word is not a separator, unless the space
    // after it was forgotten (`docs:fix`).
    let after = title[end + separator.len()..].chars().next();
    let is_inside_word =
        separator == ":" && after.is_none_or(|c| matches!(c, ':' | '/') || c.is_ascii_digit());
    (!is_inside_word).then_some((end, separator))
}

/// Separators, including the spaces that they require.
const SEPARATORS: [&str; 8] = [
    ":",
    "\u{ff1a}",
    " - ",
    " \u{2013} ",
    " \u{2014} ",
    " | ",
    " > ",
    " \u{bb} ",
];

/// Returns whether a prefix describes the kind of issue.
fn is_kind(prefix: &str) -> bool {
    let words = Words::of(prefix);
    (1..=2).contains(&words.len())
        && (0..words.len()).all(|at| KINDS.contains(&words.folded(at..at + 1)))
}

/// Returns whether a prefix has the form of a conventional commit with a scope.
fn is_conventional(prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('!');
    prefix.ends_with(')')
        && prefix
            .split_once('(')
            .is_some_and(|(kind, _)| is_kind(kind))
}

#[rustfmt::skip]
const KINDS: [&str; 36] = [
    "bug", "bugfix", "feature", "feat", "fix", "hotfix", "chore", "refactor", "refactoring", "perf", "enhancement", "task", "epic", "story", "user",
    "request", "question", "proposal", "rfc", "wip", "todo", "improvement", "improve", "idea", "discussion", "issue", "report", "regression", "revert", "style",
    "suggestion", "support", "tracking", "new", "urgent", "spike",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(title: &str, expected: Option<(Domain, &str)>) {
        assert_eq!(domain_of(title), expected, "for {title:?}");
    }

    #[test]
    fn each_word_of_the_contract_is_a_tag() {
        for (words, domain) in [
            ("backend api server", Domain::Backend),
            ("frontend ui client component ux", Domain::Frontend),
            ("database db schema migration", Domain::Database),
            ("testing test e2e qa", Domain::Testing),
            ("documentation doc docs", Domain::Documentation),
            (
                "infrastructure infra ci deploy docker devops",
                Domain::Infrastructure,
            ),
            ("security vuln cve", Domain::Security),
        ] {
            for word in words.split(' ') {
                let tag = format!("[{}]", word.to_uppercase());
                check(&format!("{tag} something"), Some((domain, &tag)));
                check(
                    &format!("{word}: something"),
                    Some((domain, &format!("{word}:"))),
                );
                check(
                    &format!("feat({word}): something"),
                    Some((domain, &format!("feat({word}):"))),
                );
            }
        }
    }

    #[test]
    fn the_first_bracket_that_names_a_domain_wins() {
        check(
            "[Backend][Auth] Sessions",
            Some((Domain::Backend, "[Backend]")),
        );
        check("[Bug] [UI] Menu", Some((Domain::Frontend, "[UI]")));
        check("Bug: [UI] Menu", Some((Domain::Frontend, "[UI]")));
        check(
            "\u{3010}\u{540e}\u{7aef}\u{3011}x",
            Some((Domain::Backend, "\u{3010}\u{540e}\u{7aef}\u{3011}")),
        );
    }

    #[test]
    fn conventional_commits_are_understood() {
        check("fix(ui)!: menu", Some((Domain::Frontend, "fix(ui)!:")));
        check("docs: fix typo", Some((Domain::Documentation, "docs:")));
        check(
            "test(api): cover paging",
            Some((Domain::Testing, "test(api):")),
        );
        check("ci: cache", Some((Domain::Infrastructure, "ci:")));
        check(
            "build: drop node 16",
            Some((Domain::Infrastructure, "build:")),
        );
        check("feat: paging", None);
        check(
            "chore(release): 1.2",
            Some((Domain::Infrastructure, "chore(release):")),
        );
    }

    #[test]
    fn prefixes_that_name_a_domain_are_tags() {
        check("UI/UX: menu", Some((Domain::Frontend, "UI/UX:")));
        check("CI/CD: actions", Some((Domain::Infrastructure, "CI/CD:")));
        check("Docs - fix links", Some((Domain::Documentation, "Docs -")));
        check("Security > upgrade", Some((Domain::Security, "Security >")));
        check(
            "\u{1f4dd} docs: fix links",
            Some((Domain::Documentation, "docs:")),
        );
    }

    #[test]
    fn prose_with_a_colon_is_not_a_tag() {
        for title in [
            "Note: the server is down",
            "Error: test failed",
            "Test login: it hangs",
            "Server error: 500",
            "crash in db::open",
            "api:8080 refuses",
            "[Feature request] Menu",
            "Feedback: nice",
            "Build fails",
            "",
            "[",
            "[unclosed api",
            ":",
        ] {
            check(title, None);
        }
    }

    #[test]
    fn the_rest_begins_after_tags_and_kinds() {
        assert_eq!(
            without_tags("[FEATURE]: Login").trim_start_matches([':', ' ']),
            "Login"
        );
        assert_eq!(without_tags("feat(x): Login").trim(), "Login");
        assert_eq!(without_tags("Login page: broken"), "Login page: broken");
    }
}
