//! The words of a text, folded once so that lookups compare bytes.
//!
//! Folding means lower case, without accents (`Documentación` becomes `documentacion`), and with
//! wide Latin letters made narrow. Words joined by one space, hyphen, underscore, plus, slash, dot
//! or apostrophe are adjacent in the folded text with one space between them, so that a phrase is a
//! slice of it (`foreign key`, `foreign-key` and `foreign_key` alike). Any other gap becomes a line
//! break, which no phrase contains. URLs and `@names` are not words.

use std::ops::Range;

/// The words of a text, in order.
#[derive(Default)]
pub(crate) struct Words {
    folded: String,
    words: Vec<Word>,
}

/// Position of a word.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    folded: Range<usize>,
    /// Its position in the original text.
    pub(crate) written: Range<usize>,
    /// Whether it is a run of a script that has no spaces, or whose words have attached endings:
    /// Chinese, Japanese, Korean.
    pub(crate) is_unspaced: bool,
}

/// Longer words are keys, hashes or encoded data. Runs of unspaced scripts may be longer.
const WORD_BYTES_MAX: usize = 40;

impl Words {
    pub(crate) fn of(text: &str) -> Self {
        let mut words = Self::default();
        words.read(text);
        words
    }

    /// Replaces the words by those of `text`; keeps the allocated memory.
    pub(crate) fn read(&mut self, text: &str) {
        self.folded.clear();
        self.words.clear();
        self.add(text);
    }

    /// Replaces the words by `^` and those of `text`. Phrases that count only at the start begin
    /// with `^`.
    pub(crate) fn read_from_start(&mut self, text: &str) {
        self.folded.clear();
        self.words.clear();
        self.folded.push('^');
        self.words.push(Word {
            folded: 0..1,
            written: 0..0,
            is_unspaced: false,
        });
        let text_start = text.len()
            - text
                .trim_start_matches(|c: char| !c.is_alphanumeric())
                .len();
        self.add_from(text, text_start, true);
    }

    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    pub(crate) fn word(&self, at: usize) -> &Word {
        &self.words[at]
    }

    /// Returns the folded text of consecutive words; it has a line break where they are not
    /// adjacent.
    pub(crate) fn folded(&self, words: Range<usize>) -> &str {
        &self.folded[self.words[words.start].folded.start..self.words[words.end - 1].folded.end]
    }

    /// Returns the position of consecutive words in the original text.
    pub(crate) fn written(&self, words: Range<usize>) -> Range<usize> {
        self.words[words.start].written.start..self.words[words.end - 1].written.end
    }

    fn add(&mut self, text: &str) {
        self.add_from(text, 0, false);
    }

    fn add_from(&mut self, text: &str, start: usize, starts_joined: bool) {
        let bytes = text.as_bytes();
        self.folded.reserve(text.len() + 1);
        let mut gap = if starts_joined {
            Gap::Joins
        } else {
            Gap::Parts
        };
        let mut at = start;
        while at < bytes.len() {
            let c = char_at(text, at);
            if !is_of_word(c) {
                gap = gap.and(c);
                at += c.len_utf8();
                if c == '@' {
                    at += name_len(&text[at..]);
                }
                continue;
            }
            self.folded.push(if gap == Gap::Joins { ' ' } else { '\n' });
            let word = self.fold_word(text, at);
            at = word.written.end;
            gap = Gap::None;
            if bytes[at..].starts_with(b"://") {
                at += bytes[at..]
                    .iter()
                    .position(|&byte| ends_address(byte))
                    .unwrap_or(bytes.len() - at);
                gap = Gap::Parts;
            } else if word.is_unspaced || word.folded.len() <= WORD_BYTES_MAX {
                self.words.push(word);
            }
        }
    }

    /// Appends the word that begins at `start` to the folded text.
    fn fold_word(&mut self, text: &str, start: usize) -> Word {
        let folded_start = self.folded.len();
        let n_plain = text.as_bytes()[start..]
            .iter()
            .take_while(|byte| IS_PLAIN[usize::from(**byte)])
            .count();
        let mut at = start + n_plain;
        self.folded.push_str(&text[start..at]);
        self.folded[folded_start..].make_ascii_lowercase();
        if text.as_bytes().get(at).is_none_or(u8::is_ascii) {
            return Word {
                folded: folded_start..self.folded.len(),
                written: start..at,
                is_unspaced: false,
            };
        }
        let is_unspaced = is_unspaced(char_at(text, start));
        while at < text.len() {
            let byte = text.as_bytes()[at];
            if IS_PLAIN[usize::from(byte)] && !is_unspaced {
                self.folded.push(char::from(byte.to_ascii_lowercase()));
                at += 1;
                continue;
            }
            let c = char_at(text, at);
            if c.is_ascii()
                || !(c.is_alphanumeric() || is_mark(c))
                || self::is_unspaced(c) != is_unspaced
            {
                break;
            }
            c.to_lowercase().for_each(|c| fold(c, &mut self.folded));
            at += c.len_utf8();
        }
        Word {
            folded: folded_start..self.folded.len(),
            written: start..at,
            is_unspaced,
        }
    }
}

/// The gap between the last word and the current position.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    None,
    /// One character that joins words.
    Joins,
    Parts,
}

impl Gap {
    /// Returns the gap extended by one character.
    fn and(self, c: char) -> Self {
        let joins = matches!(
            c,
            ' ' | '-' | '_' | '+' | '/' | '.' | '\'' | '\u{2019}' | '\u{a0}'
        );
        if self == Self::None && joins {
            Self::Joins
        } else {
            Self::Parts
        }
    }
}

fn is_of_word(c: char) -> bool {
    u8::try_from(c)
        .ok()
        .filter(u8::is_ascii)
        .map_or_else(|| c.is_alphanumeric(), |byte| IS_PLAIN[usize::from(byte)])
}

/// Returns the length of the name at the start of `text`.
fn name_len(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
        .unwrap_or(text.len())
}

/// Whether a byte is an ASCII letter or digit: one lookup instead of three comparisons, for nearly
/// every byte of every issue.
static IS_PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

fn char_at(text: &str, at: usize) -> char {
    let byte = text.as_bytes()[at];
    if byte.is_ascii() {
        return char::from(byte);
    }
    text[at..]
        .chars()
        .next()
        .expect("`at` is a character boundary before the end")
}

fn ends_address(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b')' | b'>' | b'"' | b'\'' | b'`' | b']')
}

/// Returns whether `c` is a combining accent.
fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}')
}

/// Appends `c`, a lower-case character, without its accent.
fn fold(c: char, out: &mut String) {
    let plain = match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì' | 'í' | 'î' | 'ï' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ő' => 'o',
        'ř' => 'r',
        'ś' | 'š' | 'ş' => 's',
        'ù' | 'ú' | 'û' | 'ü' | 'ů' | 'ű' => 'u',
        'ý' => 'y',
        'ź' | 'ž' | 'ż' => 'z',
        'ß' => return out.push_str("ss"),
        'æ' => return out.push_str("ae"),
        'œ' => return out.push_str("oe"),
        // Wide forms, as typed with Chinese and Japanese keyboards.
        '\u{ff10}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ if is_mark(c) => return,
        _ => c,
    };
    out.push(plain);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let words = Words::of(text);
        assert_eq!(
            words.folded.replace('\n', "|").trim_start_matches('|'),
            expected
        );
        for word in &words.words {
            assert!(text.get(word.written.clone()).is_some());
        }
    }

    #[test]
    fn words_are_folded_and_joined_by_single_gaps() {
        check("Foreign-Key of user_id, x", "foreign key of user id|x");
        check("A. B  C", "a|b|c");
    }

    #[test]
    fn accents_and_width_do_not_matter() {
        check(
            "Documentación Sécurité Größe e\u{301} \u{ff21}\u{ff30}\u{ff29}",
            "documentacion securite grosse e api",
        );
    }

    #[test]
    fn scripts_are_separated() {
        check("API\u{6587}\u{6863}", "api|\u{6587}\u{6863}");
    }

    #[test]
    fn urls_and_user_names_are_not_words() {
        let words = Words::of("see https://example.com/docs/api) by @frontend-team now");
        let all: Vec<&str> = (0..words.len())
            .map(|at| words.folded(at..at + 1))
            .collect();
        assert_eq!(all, ["see", "by", "now"]);
    }
}
