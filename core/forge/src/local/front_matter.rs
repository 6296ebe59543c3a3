//! Front matter: the lines between two `---` at the top of a Markdown file, in a small subset of
//! YAML.
//!
//! ```text
//! ---
//! # a comment needs its own line
//! number: 12
//! title: "Quoted, with \"escapes\" and \u202E"      key: value, one line
//! author: Quotes are optional: this is fine # too   in an unquoted value every character counts
//! labels: [autoissue, "needs, care"]                a list on one line
//! reviewers:                                        or one item per line
//!   - ida
//! ---
//! The body: any Markdown, `---` included.
//! ```
//!
//! People write these files by hand, so reading is tolerant: a byte order mark, CRLF, keys in any
//! case and with `-` for `_` are accepted. A value is parsed only when its key is requested; all
//! other lines are kept unchanged when a file is rewritten.

use std::fmt::Write as _;

/// A syntax error. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Odd {
    #[error("the front matter is not closed: add a line `---` below its last key")]
    Unclosed,
    #[error("line {line} is not `key: value`: fix it, or comment it out with `#`")]
    NotAField { line: usize },
    #[error("line {line} repeats `{key}`: keep one of them")]
    Repeated { key: String, line: usize },
    #[error("line {line}: the value of `{key}` spans several lines: write it on one line")]
    ManyLines { key: String, line: usize },
    #[error(
        "line {line}: the list `{key}` is not closed with `]` on its line: write it as `[one, two]`"
    )]
    UnclosedList { key: String, line: usize },
}

/// A Markdown file with its front matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    entries: Vec<Entry>,
    /// The text below the front matter, with `\n` line breaks.
    pub(super) body: String,
}

/// A key with its unparsed value, or comments above the first key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// In lower case with `_`; empty for comments.
    key: String,
    /// Number of its first line.
    line: usize,
    /// The text after the colon.
    inline: String,
    /// The first line, and the comments, blank lines, list items and indented lines that follow it.
    lines: Vec<String>,
}

impl Document {
    /// Creates a file without keys.
    pub(super) fn with_body(body: String) -> Self {
        Self {
            entries: Vec::new(),
            body,
        }
    }

    /// Parses a file. A file without front matter is all body.
    pub(super) fn parse(text: &str) -> Result<Self, Odd> {
        let text = text
            .strip_prefix('\u{feff}')
            .unwrap_or(text)
            .replace("\r\n", "\n");
        let mut lines = text.split_inclusive('\n');
        if !lines.next().is_some_and(is_fence) {
            return Ok(Self::with_body(text));
        }
        let mut entries = Vec::new();
        let mut line = 1;
        for text in lines.by_ref() {
            line += 1;
            if is_fence(text) {
                let body: String = lines.collect();
                let body = body.strip_prefix('\n').map(str::to_owned).unwrap_or(body);
                return Ok(Self { entries, body });
            }
            add_line(&mut entries, text.trim_end(), line)?;
        }
        Err(Odd::Unclosed)
    }

    /// Returns the text of a key; `None` if it is missing, empty or null.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Odd> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        let is_block = matches!(entry.inline.as_str(), "|" | ">" | "|-" | ">-" | "|+" | ">+");
        if is_block || entry.lines_below().next().is_some() {
            return Err(Odd::ManyLines {
                key: key.into(),
                line: entry.line,
            });
        }
        Ok(Some(scalar(&entry.inline)).filter(|text| !text.is_empty()))
    }

    /// Returns the value of a single-word key, which allows a comment after it.
    pub(super) fn word(&self, key: &str) -> Result<Option<String>, Odd> {
        let text = self.text(key)?;
        Ok(text.map(|text| {
            text.split_once(" #")
                .map_or(text.as_str(), |(word, _)| word)
                .trim()
                .to_owned()
        }))
    }

    /// Returns the items of a list; `a, b` without brackets is accepted too.
    pub(super) fn list(&self, key: &str) -> Result<Vec<String>, Odd> {
        let Some(entry) = self.entry(key) else {
            return Ok(Vec::new());
        };
        if !entry.inline.is_empty() {
            if entry.lines_below().next().is_some() {
                return Err(Odd::ManyLines {
                    key: key.into(),
                    line: entry.line,
                });
            }
            let unclosed = || Odd::UnclosedList {
                key: key.into(),
                line: entry.line,
            };
            return inline_items(&entry.inline).ok_or_else(unclosed);
        }
        let items = entry
            .lines_below()
            .map(|line| line.strip_prefix('-').map(|item| scalar(item.trim())));
        let items: Option<Vec<String>> = items.collect();
        let items = items.ok_or_else(|| Odd::ManyLines {
            key: key.into(),
            line: entry.line,
        })?;
        Ok(items.into_iter().filter(|item| !item.is_empty()).collect())
    }

    /// Sets a key to a formatted value (see [`quoted`] and [`list_of`]), in its place or at the
    /// end.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        let first = format!("{key}: {value}");
        match self.entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => {
                entry
                    .lines
                    .retain(|line| line.trim_start().starts_with('#'));
                entry.lines.insert(0, first);
                entry.inline = value.into();
            }
            None => self.entries.push(Entry {
                key: key.into(),
                line: 0,
                inline: value.into(),
                lines: vec![first],
            }),
        }
    }

    pub(super) fn render(&self) -> String {
        let lines: Vec<&str> = self
            .entries
            .iter()
            .flat_map(|entry| &entry.lines)
            .map(String::as_str)
            .collect();
        format!(
            "---\n{}\n---\n\n{}\n",
            lines.join("\n"),
            self.body.trim_end()
        )
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Entry {
    /// Returns the lines below the first that are not blank or comments.
    fn lines_below(&self) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .skip(1)
            .map(|line| line.trim())
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
    }
}

fn is_fence(line: &str) -> bool {
    line.trim_end() == "---"
}

fn add_line(entries: &mut Vec<Entry>, text: &str, line: usize) -> Result<(), Odd> {
    let says_nothing = text.is_empty() || text.trim_start().starts_with('#');
    let belongs_above =
        says_nothing || text.starts_with([' ', '\t']) || text == "-" || text.starts_with("- ");
    if belongs_above && let Some(last) = entries.last_mut() {
        last.lines.push(text.into());
        return Ok(());
    }
    if says_nothing {
        entries.push(Entry {
            key: String::new(),
            line,
            inline: String::new(),
            lines: vec![text.into()],
        });
        return Ok(());
    }
    let (key, value) = text.split_once(':').ok_or(Odd::NotAField { line })?;
    let key = key.trim().to_lowercase().replace('-', "_");
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(Odd::NotAField { line });
    }
    if entries.iter().any(|entry| entry.key == key) {
        return Err(Odd::Repeated { key, line });
    }
    entries.push(Entry {
        key,
        line,
        inline: value.trim().into(),
        lines: vec![text.into()],
    });
    Ok(())
}

/// Parses one value. A quote that does not end at the end of the value is an ordinary character.
fn scalar(text: &str) -> String {
    if matches!(text, "null" | "~") {
        return String::new();
    }
    match quoted_at_start(text) {
        Some((value, rest)) if rest.trim().is_empty() || rest.trim_start().starts_with('#') => {
            value
        }
        _ => text.to_owned(),
    }
}

/// Returns the value of the quoted text at the start of `text`, and the rest.
fn quoted_at_start(text: &str) -> Option<(String, &str)> {
    let mut chars = text.chars();
    let quote = chars.next().filter(|quote| matches!(quote, '"' | '\''))?;
    let mut value = String::new();
    loop {
        match chars.next()? {
            '\\' if quote == '"' => value.push(unescaped(&mut chars)?),
            c if c != quote => value.push(c),
            _ if quote == '\'' && chars.as_str().starts_with('\'') => value.extend(chars.next()),
            _ => return Some((value, chars.as_str())),
        }
    }
}

/// Returns the character for an escape, with YAML's names.
fn unescaped(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let n_digits = match chars.next()? {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        '0' => return Some('\0'),
        'e' => return Some('\x1b'),
        c @ ('"' | '\\' | '/' | ' ') => return Some(c),
        _ => return None,
    };
    let digits = chars.as_str().get(..n_digits)?;
    *chars = chars.as_str()[n_digits..].chars();
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

/// Returns the items of `[a, "b, c"]` or `a, b`; `None` for an unbalanced bracket.
fn inline_items(text: &str) -> Option<Vec<String>> {
    let inner = match text.strip_prefix('[') {
        Some(inner) => inner,
        None => text,
    };
    let is_bracketed = inner.len() < text.len();
    let mut rest = inner.trim_start();
    let mut items = Vec::new();
    loop {
        let (item, after) = match quoted_at_start(rest) {
            Some((item, after)) => (item, after.trim_start()),
            None => {
                let end = rest.find([',', ']']).unwrap_or(rest.len());
                (scalar(rest[..end].trim()), &rest[end..])
            }
        };
        items.extend(Some(item).filter(|item| !item.is_empty()));
        match after.chars().next() {
            Some(',') => rest = after[1..].trim_start(),
            Some(']') if is_bracketed => {
                let behind = after[1..].trim_start();
                return (behind.is_empty() || behind.starts_with('#')).then_some(items);
            }
            None if !is_bracketed => return Some(items),
            _ => return None,
        }
    }
}

/// Writes a text on one line, in double quotes. Invisible characters and direction marks become
/// escapes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) && u32::from(c) <= 0xffff => {
                write!(out, "\\u{:04X}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c if is_hidden(c) => {
                write!(out, "\\U{:08X}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes a list on one line; items of more than one word are quoted.
pub(super) fn list_of(items: &[String]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| {
            if is_word(item) {
                item.clone()
            } else {
                quoted(item)
            }
        })
        .collect();
    format!("[{}]", items.join(", "))
}

fn is_word(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
    let is_yaml_word =
        ["null", "true", "false", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_plain)
        && !is_yaml_word
}

/// Returns whether a character is a control, a direction mark, or has no width. Joiners are not:
/// scripts and emoji need them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(value: &str) -> Document {
        Document::parse(&format!("---\nkey: {value}\n---\n")).unwrap()
    }

    fn check_text(value: &str, expected: Option<&str>) {
        assert_eq!(
            field(value).text("key").unwrap().as_deref(),
            expected,
            "{value}"
        );
    }

    fn check_list(value: &str, expected: &[&str]) {
        assert_eq!(field(value).list("key").unwrap(), expected, "{value}");
    }

    fn check_odd(text: &str, expected: &str) {
        let odd = Document::parse(text)
            .and_then(|file| file.text("title").and_then(|_| file.list("labels")));
        assert_eq!(odd.unwrap_err().to_string(), expected, "{text}");
    }

    #[test]
    fn one_value_is_read_as_people_write_it() {
        check_text("plain", Some("plain"));
        check_text(
            "  Fix #12: it's \"odd\" # really ",
            Some("Fix #12: it's \"odd\" # really"),
        );
        check_text(
            "\"a \\\"b\\\" \\\\ \\n \\x41 \\u00e9 \\U0001F426\"",
            Some("a \"b\" \\ \n A é 🐦"),
        );
        check_text("'it''s' # a comment", Some("it's"));
        check_text(
            "\"quoted\" is only its first word",
            Some("\"quoted\" is only its first word"),
        );
        check_text("\"never closed", Some("\"never closed"));
        check_text("\"bad \\q escape\"", Some("\"bad \\q escape\""));
        check_text("\"\\uD800\"", Some("\"\\uD800\""));
        check_text("\"\\uéé\"", Some("\"\\uéé\""));
        check_text("> 3 results break it", Some("> 3 results break it"));
        for nothing in ["", "null", "~", "\"\""] {
            check_text(nothing, None);
        }
    }

    #[test]
    fn a_list_may_stand_on_one_line_or_on_several() {
        check_list("[a, b]", &["a", "b"]);
        check_list(
            "[ 'it''s, one', \"two\", three four, ] # done",
            &["it's, one", "two", "three four"],
        );
        check_list("a, b", &["a", "b"]);
        check_list("alone", &["alone"]);
        check_list("[a, \"b]", &["a", "\"b"]);
        check_list("[]", &[]);
        check_list("", &[]);
        check_list("\n- a\n# not me\n\n  - 'b c'\n-\n", &["a", "b c"]);
    }

    #[test]
    fn syntax_errors_name_their_line() {
        check_odd(
            "---\ntitle: x\n",
            "the front matter is not closed: add a line `---` below its last key",
        );
        check_odd(
            "---\ntitle: x\nwhat\n---\n",
            "line 3 is not `key: value`: fix it, or comment it out with `#`",
        );
        check_odd(
            "---\nsee the docs: x\n---\n",
            "line 2 is not `key: value`: fix it, or comment it out with `#`",
        );
        check_odd(
            "---\ntitle: x\nTitle: y\n---\n",
            "line 3 repeats `title`: keep one of them",
        );
        let spread = "line 2: the value of `title` spans several lines: write it on one line";
        check_odd("---\ntitle: |\n  x\n---\n", spread);
        check_odd("---\ntitle: x\n  y\n---\n", spread);
        let unclosed = "line 2: the list `labels` is not closed with `]` on its line: write it as `[one, two]`";
        check_odd("---\nlabels: [a, b\n---\n", unclosed);
        check_odd("---\nlabels: [a] b\n---\n", unclosed);
    }

    #[test]
    fn a_body_may_hold_fences_and_a_file_may_have_no_front_matter() {
        let file =
            Document::parse("\u{feff}---\r\nTitle: x\r\n---\r\n\r\nabove\r\n---\r\nbelow\r\n")
                .unwrap();
        assert_eq!(file.text("title").unwrap().as_deref(), Some("x"));
        assert_eq!(file.body, "above\n---\nbelow\n");
        assert_eq!(
            Document::parse("# Title\n---\n").unwrap().body,
            "# Title\n---\n"
        );
        assert_eq!(Document::parse("").unwrap(), Document::default());
    }

    #[test]
    fn unknown_keys_are_kept_unchanged() {
        let text = "---\n# ours\nstate: open\n# why\nteam:\n  - { odd: [yaml }\n\nMilestone:   v2 # soon\n---\n\nBody\n";
        let mut file = Document::parse(text).unwrap();
        assert_eq!(file.render(), text);
        file.set("state", "closed");
        file.set("head", "x");
        let changed = text
            .replace("open", "closed")
            .replace("# soon\n", "# soon\nhead: x\n");
        assert_eq!(file.render(), changed);
    }

    #[test]
    fn whatever_is_written_is_read_back() {
        let hostile = "a\"b\\c\n---\nstate: closed\t\u{202e}\u{1b}[31m\u{feff}\u{e0041}\u{0}é🐦";
        let line = quoted(hostile);
        assert!(!line.chars().any(is_hidden), "{line}");
        check_text(&line, Some(hostile));
        let items = [
            "plain/word",
            "needs, care",
            "true",
            "12",
            "- a",
            "]",
            hostile,
        ]
        .map(String::from);
        assert_eq!(field(&list_of(&items)).list("key").unwrap(), items);
    }
}
