//! Quoting and splitting words as a shell does.

use crate::printable::is_invisible;

/// Quotes a word if the shell would interpret it. Escapes invisible characters with `$'…'`, which
/// bash and zsh understand.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let is_odd = |c: char| c.is_control() || is_invisible(c);
    if !word.contains(is_odd) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let escaped = word.chars().map(|c| match c {
        '\n' => r"\n".to_owned(),
        '\t' => r"\t".to_owned(),
        '\'' | '\\' => format!("\\{c}"),
        c if is_odd(c) => format!("\\U{:08x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("$'{}'", escaped.collect::<String>())
}

/// Splits a command line as a shell does, as far as [`quoted`] needs it.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' => words.extend(word.take()),
            '\'' => word
                .get_or_insert_default()
                .extend(chars.by_ref().take_while(|c| *c != '\'')),
            '\\' => word.get_or_insert_default().extend(chars.next()),
            '$' if chars.peek() == Some(&'\'') => {
                chars.next();
                unescape(&mut chars, word.get_or_insert_default());
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Reads the rest of `$'…'`.
fn unescape(chars: &mut impl Iterator<Item = char>, word: &mut String) {
    while let Some(c) = chars.next() {
        match c {
            '\'' => return,
            '\\' => match chars.next() {
                Some('n') => word.push('\n'),
                Some('t') => word.push('\t'),
                Some('U') => {
                    let digits: String = chars.by_ref().take(8).collect();
                    word.extend(
                        u32::from_str_radix(&digits, 16)
                            .ok()
                            .and_then(char::from_u32),
                    );
                }
                other => word.extend(other),
            },
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        for (word, expected) in [
            ("bug", "bug"),
            ("help wanted", "'help wanted'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("a\nb's \u{1b}[1m", r"$'a\nb\'s \U0000001b[1m'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn words_survive_quoting() {
        for word in [
            "bug",
            "help wanted",
            "it's",
            "",
            "a\nb",
            "\u{1b}[2J'\\",
            "ü$x",
        ] {
            assert_eq!(words(&quoted(word)), [word], "{}", quoted(word));
        }
        assert_eq!(words("a  b 'c d'e"), ["a", "b", "c de"]);
    }
}
