//! Untrusted text in Markdown: escaped, as code, or as a quotation.

use autoissue_plugin_sdk::hidden_text::{is_control, one_line};

/// Returns a text without control characters other than line breaks and tabs, and without
/// characters that change its direction.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .filter(|c| !is_control(*c) || matches!(c, '\n' | '\t'))
        .collect()
}

/// Returns a text on one line that Markdown displays unchanged. Mentions and issue numbers have no
/// effect.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            // Invisible, but prevents a mention.
            '@' => escaped.push_str("@\u{200b}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' | '>' => {
                escaped.extend(['\\', c]);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns a text as code on one line.
pub(crate) fn code(text: &str) -> String {
    let text = one_line(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A space separates a backtick at either end from the fence.
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Returns a text as a quotation. Markup in the text stays inside the quotation.
pub(crate) fn quote(text: &str) -> String {
    let lines: Vec<String> = visible(text)
        .lines()
        .map(|line| format!("> {line}").trim_end().to_owned())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escaped("a <b>\n*c* #1"), "a &lt;b\\> \\*c\\* \\#1");
        assert_eq!(escaped("@all"), "@\u{200b}all");
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`"), "`` ` ``");
    }

    #[test]
    fn every_line_is_quoted() {
        assert_eq!(quote("a\r\n\n# b\u{1b}"), "> a\n>\n> # b");
    }
}
