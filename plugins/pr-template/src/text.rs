//! Makes untrusted text safe for Markdown: the result is displayed as it is and has no effect.
//!
//! There are two ways: a *code span* for names and paths, and a *quote* for the agent's words. In a
//! quote, all Markdown characters are escaped, and every word that a forge would act on (mention,
//! issue reference, URL, hash) becomes a code span: it stays readable, can be copied, and neither
//! notifies nor closes anything.

use autoissue_plugin_sdk::hidden_text::{self, one_line};

/// Characters with a meaning anywhere in a line of GitHub's Markdown. Closing characters are
/// harmless if nothing is open.
const MARKS: &[char] = &['\\', '`', '*', '_', '[', ']', '<', '|', '~', '&', '$'];

/// Characters with a meaning at the start of a line: headings, lists, quotes, rules, tables.
const START_MARKS: &[char] = &['#', '-', '+', '=', '>', ':'];

/// Characters at the end of a word that are not part of it.
const STOPS: &[char] = &['.', ',', ';', ':', '!', '?'];

/// Characters around a word that are not part of it.
const BRACKETS: &[char] = &[
    '(', ')', '[', ']', '<', '>', '{', '}', '"', '\'', '*', '_', '~', '|', '.', ',', ';', ':', '!',
    '?',
];

/// Characters that form links.
const BRACKETS_OF_LINKS: &[char] = &['(', ')', '[', ']', '<', '>'];

/// Returns `text` cut to at most `chars_max` characters; the last one is then `…`.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.into();
    }
    let mut cut: String = text.chars().take(chars_max - 1).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// Returns a name or path as a code span.
pub(crate) fn code(text: &str, chars_max: usize) -> String {
    let visible = cut(
        &one_line(&hidden_text::strip_characters(text).text),
        chars_max,
    );
    if visible.is_empty() {
        return "(none)".into();
    }
    code_span(&visible)
}

/// Returns a name or path as a code span for a table cell, where a pipe ends the cell even within
/// code.
pub(crate) fn code_in_table(text: &str, chars_max: usize) -> String {
    let mut cell = String::new();
    let mut n_backslashes = 0;
    for c in code(text, chars_max).chars() {
        if c == '|' {
            // Two backslashes are one escaped backslash, so the number before the pipe must be odd.
            cell.push_str(if n_backslashes % 2 == 0 { "\\" } else { "\\\\" });
        }
        n_backslashes = if c == '\\' { n_backslashes + 1 } else { 0 };
        cell.push(c);
    }
    cell
}

/// Returns a line of text as a code span, with a fence of more backticks than the text has in a
/// row.
fn code_span(line: &str) -> String {
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest + 1);
    // A space on each side separates the text's own backticks from the fence; Markdown removes one
    // space again, as it does with the text's own spaces.
    let is_padded = line.starts_with(['`', ' ']) || line.ends_with(['`', ' ']);
    let pad = if is_padded { " " } else { "" };
    format!("{ticks}{pad}{line}{pad}{ticks}")
}

/// Returns at most `chars_max` characters of `text` as a block quote; `None` if nothing of it is
/// visible.
pub(crate) fn quote(text: &str, chars_max: usize) -> Option<String> {
    fn is_line_end(c: char) -> bool {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    }

    let visible = hidden_text::strip(text).text.replace("\r\n", "\n");
    let visible = cut(visible.trim(), chars_max);
    if visible.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = Vec::new();
    for line in visible.split(is_line_end) {
        let escaped = escape_line(&one_line(line));
        // A run of blank lines becomes one.
        let is_doubled = escaped.is_empty() && lines.last().is_none_or(String::is_empty);
        if !is_doubled {
            lines.push(escaped);
        }
    }
    let quoted: Vec<String> = lines
        .iter()
        .map(|line| format!("> {line}").trim_end().to_string())
        .collect();
    Some(quoted.join("\n"))
}

/// Returns Markdown that displays exactly this line.
fn escape_line(line: &str) -> String {
    let mut escaped = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some((span, after)) = plain_span(rest) {
            escaped.push_str(&code_span(span));
            rest = after;
            continue;
        }
        let end = rest
            .find([' ', '`'])
            .unwrap_or(rest.len())
            .max(c.len_utf8());
        escaped.push_str(&escape_word(&rest[..end]));
        rest = &rest[end..];
    }
    escape_start(&escaped)
}

/// Returns the text of the code span at the start of `text`, and the rest; only for a simple span
/// between single backticks.
fn plain_span(text: &str) -> Option<(&str, &str)> {
    let (span, after) = text.strip_prefix('`')?.split_once('`')?;
    let is_simple = !span.trim().is_empty() && !after.starts_with('`');
    is_simple.then_some((span, after))
}

fn escape_word(word: &str) -> String {
    if !is_active(word) {
        return escape_marks(word);
    }
    let inner = word.trim_matches(BRACKETS);
    // A link has brackets around and between its parts: it is kept in one piece.
    let core = if inner.contains(BRACKETS_OF_LINKS) {
        word.trim_end_matches(STOPS)
    } else {
        inner
    };
    let Some(start) = word.find(core).filter(|_| !core.is_empty()) else {
        return escape_marks(word);
    };
    let (before, after) = (&word[..start], &word[start + core.len()..]);
    format!(
        "{}{}{}",
        escape_marks(before),
        code_span(core),
        escape_marks(after)
    )
}

/// Returns whether a forge may act on `word`: a mention, a reference to an issue or commit, a URL.
fn is_active(word: &str) -> bool {
    fn is_hash(part: &str) -> bool {
        7 <= part.len()
            && part.bytes().all(|b| b.is_ascii_hexdigit())
            && part.bytes().any(|b| b.is_ascii_digit())
    }

    let lower = word.to_lowercase();
    let has_number = |mark: &str| {
        lower
            .match_indices(mark)
            .any(|(at, _)| lower[at + mark.len()..].starts_with(|c: char| c.is_ascii_digit()))
    };
    word.contains(['@', '＠'])
        || has_number("#")
        || has_number("gh-")
        || lower.contains("://")
        || lower.contains("www.")
        || lower.contains("mailto:")
        || lower.split(|c: char| !c.is_alphanumeric()).any(is_hash)
}

fn escape_marks(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        // A colon before a letter may start the name of an emoji.
        let opens_emoji = c == ':'
            && characters
                .peek()
                .is_some_and(|next| next.is_alphanumeric() || matches!(next, '+' | '-'));
        if opens_emoji || MARKS.contains(&c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Escapes characters that have a meaning only at the start of a line.
fn escape_start(line: &str) -> String {
    let n_digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let after = &line[n_digits..];
    let marks = if n_digits == 0 {
        START_MARKS
    } else {
        &['.', ')']
    };
    if after.starts_with(marks) {
        format!("{}\\{after}", &line[..n_digits])
    } else {
        line.into()
    }
}
