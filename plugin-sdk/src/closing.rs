//! Closing keywords: GitHub closes an issue when a commit or pull request that says `fixes #12`
//! reaches the default branch. In untrusted text, such as the title of an issue, they must have no
//! effect.
//!
//! Source: GitHub's "Linking a pull request to an issue".

/// The closing keywords, in lower case.
const KEYWORDS: [&str; 9] = [
    "close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved",
];

/// Punctuation that may surround a word.
const BRACKETS: &[char] = &[
    '(', ')', '[', ']', '{', '}', '<', '>', '"', '\'', '`', '*', '_', ',', ';', '.', '!', '?',
];

/// Returns the line without effective closing keywords: `fixes #12` becomes `fixes issue #12`,
/// which reads the same but closes nothing. Where this happens, white space becomes single spaces.
///
/// ```
/// # use autoissue_plugin_sdk::closing::disarm;
/// assert_eq!(disarm("Fix the parser, closes: #12"), "Fix the parser, closes: issue #12");
/// assert_eq!(disarm("Follow-up of #12"), "Follow-up of #12");
/// ```
pub fn disarm(line: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    let mut follows_keyword = false;
    for word in line.split_whitespace() {
        if follows_keyword && is_reference(word) {
            words.push("issue");
        }
        match word.split_once(':') {
            Some((keyword, reference)) if is_keyword(keyword) && is_reference(reference) => {
                words.extend([&word[..=keyword.len()], "issue", reference]);
            }
            _ => words.push(word),
        }
        follows_keyword = is_keyword(word.strip_suffix(':').unwrap_or(word));
    }
    let is_as_before = words.iter().copied().eq(line.split_whitespace());
    if is_as_before {
        line.to_owned()
    } else {
        words.join(" ")
    }
}

pub(crate) fn is_keyword(word: &str) -> bool {
    let bare = word.trim_matches(BRACKETS);
    KEYWORDS
        .iter()
        .any(|keyword| keyword.eq_ignore_ascii_case(bare))
}

/// Matches `#12`, `GH-12`, `owner/name#12`, and the URL of an issue or pull request.
pub(crate) fn is_reference(word: &str) -> bool {
    let bare = word.trim_start_matches(BRACKETS).to_ascii_lowercase();
    let is_number_after = |mark: &str| {
        bare.match_indices(mark)
            .any(|(at, _)| bare[at + mark.len()..].starts_with(|c: char| c.is_ascii_digit()))
    };
    bare.starts_with("gh-")
        || ["#", "/issues/", "/pull/", "/discussions/"]
            .into_iter()
            .any(is_number_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_before_a_reference_has_no_effect() {
        let check = |line: &str, expected: &str| assert_eq!(disarm(line), expected);
        check(
            "closes #55: @bob fix #12",
            "closes issue #55: @bob fix issue #12",
        );
        check("Resolved:#7", "Resolved: issue #7");
        check("(FIXES   o/n#1)", "(FIXES issue o/n#1)");
        check("fixed: GH-3", "fixed: issue GH-3");
        check(
            "close https://github.com/o/n/issues/9",
            "close issue https://github.com/o/n/issues/9",
        );
        check("`fix` #4", "`fix` issue #4");
        check("fix\u{a0}#4", "fix issue #4");
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for line in [
            "",
            "Fix  the parser",
            "fix: #tag",
            "prefix #12",
            "#12 fixes it",
            "fix C# 8",
            "closes issue #1",
        ] {
            assert_eq!(disarm(line), line);
        }
    }
}
