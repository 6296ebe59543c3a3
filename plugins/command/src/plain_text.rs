//! Removes what a program prints for terminals: colours, and the earlier states of a line that it
//! overwrites.
//!
//! Most programs notice that nobody watches, but some are told to use colours by their settings.

const ESCAPE: char = '\u{1b}';
const BELL: char = '\u{7}';

/// Returns what a terminal would show of a line, without styles.
pub(crate) fn of_line(line: &str) -> String {
    let stripped = without_sequences(line);
    let states = stripped.trim_end_matches('\r').rsplit('\r');
    let last = states.into_iter().next().unwrap_or_default();
    let plain: String = last
        .chars()
        .filter(|c| *c == '\t' || !c.is_control())
        .collect();
    plain.trim_end().to_owned()
}

fn without_sequences(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == ESCAPE {
            skip_sequence(&mut rest);
        } else {
            text.push(c);
        }
    }
    text
}

/// Skips the rest of an escape sequence, after its first character.
fn skip_sequence(rest: &mut std::str::Chars<'_>) {
    match rest.next() {
        // A control sequence ends with a letter or one of a few signs.
        Some('[') => {
            let _ = rest.find(|c| ('@'..='~').contains(c));
        }
        // A command to the terminal ends with a bell, or with an escape and a backslash.
        Some(']') => {
            let end = rest.find(|c| [BELL, ESCAPE].contains(c));
            let _ = end.filter(|c| *c == ESCAPE).and_then(|_| rest.next());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_a_terminal_would_show() {
        for (line, expected) in [
            ("plain text", "plain text"),
            ("  indented\t", "  indented"),
            ("\u{1b}[31;1mError:\u{1b}[0m no key", "Error: no key"),
            ("10 %\r50 %\r100 %", "100 %"),
            ("windows\r", "windows"),
            ("\u{1b}[2K\r", ""),
            (
                "\u{1b}]8;;https://a.example\u{1b}\\link\u{1b}]8;;\u{7} end",
                "link end",
            ),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}(Btext", "Btext"),
            ("cut \u{1b}[3", "cut"),
            ("cut \u{1b}", "cut"),
            ("a\u{8}b\u{0}c", "abc"),
            ("ünïcode → ✓", "ünïcode → ✓"),
        ] {
            assert_eq!(of_line(line), expected, "{line:?}");
        }
    }
}
