//! Makes text from outside (titles, agent output, error messages of services) safe and short enough
//! for a terminal.
//!
//! Anyone who can open an issue can put escape sequences, line breaks or bidirectional overrides
//! into its title, so all such text goes through this module before it is printed. It never fails:
//! what cannot be shown is omitted.

use unicode_width::UnicodeWidthChar;

const ESCAPE: char = '\u{1b}';

/// Number of combining marks kept per character. Languages need three; a tall stack would cover the
/// lines above and has no width.
const N_MARKS_MAX: usize = 4;

/// Indentation of a line's continuation, in columns, relative to the line.
const CONTINUED: usize = 2;

/// Returns the text as one line: without escape sequences or control and invisible characters, with
/// single spaces.
pub(crate) fn one_line(text: &str) -> String {
    let stripped = strip(text);
    let mut line = String::with_capacity(stripped.len());
    for word in stripped.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Returns the first non-empty line, sanitized like [`one_line`].
pub(crate) fn first_line(text: &str) -> String {
    text.lines()
        .map(one_line)
        .find(|line| !line.is_empty())
        .unwrap_or_default()
}

/// Returns each line without escape sequences and control characters, with its indentation.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| strip(line).trim_end().to_owned())
}

/// Returns the text cut to a width in columns; `…` marks the omission.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut used = 0;
    let kept = text.chars().take_while(|&c| {
        used += c.width().unwrap_or(0);
        used < columns
    });
    let kept: String = kept.collect();
    if columns == 0 { kept } else { kept + "…" }
}

/// Returns the text padded with spaces to a width in columns.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// Returns the width of the text in columns. Escape sequences, such as those of links, have none.
pub(crate) fn width(text: &str) -> usize {
    let mut columns = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == ESCAPE {
            rest = after_escape(rest);
        } else {
            columns += c.width().unwrap_or(0);
        }
    }
    columns
}

/// Returns the text as lines of at most the given width. Breaks only at spaces, and not inside
/// backticks, so that commands can be copied; a longer piece gets a line of its own.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut is_code = false;
    for word in text.split(' ') {
        match pieces.last_mut() {
            Some(piece) if is_code => {
                piece.push(' ');
                piece.push_str(word);
            }
            _ => pieces.push(word.to_owned()),
        }
        is_code ^= word.matches('`').count() % 2 == 1;
    }
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(&piece) <= columns => {
                line.push(' ');
                line.push_str(&piece);
            }
            _ => lines.push(piece),
        }
    }
    lines
}

/// Returns the text with each line that is wider than `columns` broken like [`wrapped`]. The
/// continuation lines are indented: below the value in a line like `  base    main`, else by two.
pub(crate) fn fitted(text: &str, columns: usize) -> String {
    let mut fitted = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line
            .strip_suffix('\n')
            .map_or((line, ""), |line| (line, "\n"));
        if width(line) <= columns {
            fitted.push_str(line);
        } else {
            let (head, rest) = line.split_at(head_of(line, columns));
            let indent = width(head).max(width(line) - width(line.trim_start()) + CONTINUED);
            let rest = wrapped(rest, columns.saturating_sub(indent));
            fitted.push_str(head);
            fitted.push_str(&rest.join(&format!("\n{}", " ".repeat(indent))));
        }
        fitted.push_str(end);
    }
    fitted
}

/// Returns the length in bytes of what precedes the value in a line: its indentation, or a key of
/// at most half the width that is followed by at least two spaces.
fn head_of(line: &str, columns: usize) -> usize {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let Some(gap) = line[indent..].find("  ") else {
        return indent;
    };
    let gap = indent + gap;
    let value = line.len() - line[gap..].trim_start_matches(' ').len();
    if width(&line[..value]) <= columns / 2 {
        value
    } else {
        indent
    }
}

fn strip(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    let mut n_marks = 0;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            ESCAPE => after_escape(after),
            '\u{9b}' => after_control_sequence(after),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => after_string(after),
            '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
                kept.push(' ');
                after
            }
            c if is_invisible(c) => after,
            c => {
                n_marks = if c.width() == Some(0) { n_marks + 1 } else { 0 };
                if n_marks <= N_MARKS_MAX {
                    kept.push(c);
                }
                after
            }
        };
    }
    kept
}

/// Control characters, and characters that hide, reorder or widen the text around them.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn after_escape(text: &str) -> &str {
    match text.chars().next() {
        Some('[') => after_control_sequence(&text[1..]),
        Some(']' | 'P' | 'X' | '^' | '_') => after_string(&text[1..]),
        Some(' '..='/') => {
            let rest = text.trim_start_matches(|c| matches!(c, ' '..='/'));
            rest.strip_prefix(|c| matches!(c, '0'..='~'))
                .unwrap_or(rest)
        }
        Some('0'..='~') => &text[1..],
        _ => text,
    }
}

fn after_control_sequence(text: &str) -> &str {
    let rest = text.trim_start_matches(|c| matches!(c, ' '..='?'));
    rest.strip_prefix(|c| matches!(c, '@'..='~'))
        .unwrap_or(rest)
}

/// Removes a string addressed to the terminal, such as a window title. If it has no terminator,
/// only the introducer is removed, so that it cannot swallow everything that follows.
fn after_string(text: &str) -> &str {
    let end = text.find(['\u{7}', '\u{9c}', ESCAPE]);
    let Some(end) = end else { return text };
    let rest = &text[end..];
    rest.strip_prefix("\u{1b}\\")
        .or_else(|| rest.strip_prefix(['\u{7}', '\u{9c}']))
        .unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_title_reaches_the_terminal_but_its_words() {
        for (title, expected) in [
            ("plain title", "plain title"),
            ("\u{1b}[31mred\u{1b}[0m and \u{1b}[2Jgone", "red and gone"),
            ("\u{1b}]0;owned\u{7}title", "title"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]0;without an end", "0;without an end"),
            ("\u{9b}31mred\u{9d}0;x\u{9c}!", "red!"),
            ("\u{1b}Pq#0\u{1b}\\sixel", "sixel"),
            ("\u{1b}(B\u{1b}cset", "set"),
            (
                "two\r\nlines\tand\u{2028}more\u{0}\u{8}\u{7f}",
                "two lines and more",
            ),
            ("user\u{202e}gpj.exe\u{2066}\u{200b}", "usergpj.exe"),
            ("heart \u{2764}\u{fe0f}", "heart \u{2764}"),
            (
                "a\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}b\u{301}",
                "a\u{301}\u{302}\u{303}\u{304}b\u{301}",
            ),
            ("tag\u{e0041}ged \u{feff}x", "tagged x"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("ünïcode 日本 🦀", "ünïcode 日本 🦀"),
        ] {
            assert_eq!(one_line(title), expected, "{title:?}");
        }
    }

    #[test]
    fn text_is_cut_by_columns_and_not_by_bytes() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("x", 0), "");
        assert_eq!(pad("日", 4), "日  ");
        assert_eq!(width("\u{1b}]8;;https://x\u{1b}\\#1\u{1b}]8;;\u{1b}\\"), 2);
    }

    #[test]
    fn lines_are_broken_at_spaces_outside_of_code() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("run `a b c` now", 7), ["run", "`a b c`", "now"]);
        assert_eq!(wrapped("unlimited  text", usize::MAX), ["unlimited  text"]);
        assert_eq!(wrapped("", 7), [""]);
    }

    #[test]
    fn lines_that_are_too_wide_continue_below_their_value() {
        let text = "wrote it\n  base    the default branch of `origin`\n  a note without a key\n";
        assert_eq!(fitted(text, 80), text);
        assert_eq!(
            fitted(text, 20),
            "wrote it\n  base    the\n          default\n          branch of\n          `origin`\n  a note without a\n    key\n"
        );
        assert_eq!(fitted("error: no such file", 12), "error: no\n  such file");
        assert_eq!(fitted("no\nend", 2), "no\nend");
        for columns in 20..40 {
            let once = fitted(text, columns);
            assert_eq!(fitted(&once, columns), once, "{columns}");
        }
    }

    #[test]
    fn lines_keep_their_indentation() {
        let text = "  a\u{1b}[1m\n\tb \nc";
        assert_eq!(lines(text).collect::<Vec<_>>(), ["  a", " b", "c"]);
        assert_eq!(first_line("\n \nx\ny"), "x");
    }
}
