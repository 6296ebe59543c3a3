//! Words and phrases with their weights for the domains, looked up by hash.
//!
//! The tables are laid out at compile time: a lookup costs one hash, and a new instance of the
//! plugin has nothing to build.
//!
//! ```text
//! Entries (words grouped by weight, one list per domain)
//!    └─ Lexicon::new, at compile time ─► words[n] ◄─ slots[hash], open addressing
//!                                        weights[n][domain]
//! ```

use std::ops::Range;

use crate::domain::{Domain, N_DOMAINS};
use crate::words::Words;

/// The words of a domain, in groups of equal weight. Words are folded like those of [`Words`];
/// phrases have single spaces.
pub(crate) type Entries = &'static [(u8, &'static [&'static str])];

/// A table of at most `N` words with `SLOTS` (a power of two) places for their hashes.
pub(crate) struct Lexicon<const N: usize, const SLOTS: usize> {
    words: [&'static str; N],
    weights: [[u8; N_DOMAINS]; N],
    /// Position of a word plus one; 0 is free.
    slots: [u16; SLOTS],
    /// Hashes of the beginnings of longer entries, one bit per hash. Beginnings are the first words
    /// of a phrase, including the whole phrase, and the first character of an entry in an unspaced
    /// script.
    starts: [u64; N_STARTS],
}

/// 32,768 bits for about 3,000 beginnings: one in ten other words is looked up in vain.
const N_STARTS: usize = 512;

/// Number of words in the longest phrase.
const PHRASE_WORDS_MAX: usize = 4;

/// Number of characters in the longest entry of an unspaced script.
const UNSPACED_CHARS_MAX: usize = 10;

/// Returns the number of words in the lists.
pub(crate) const fn count(lists: &[(Domain, Entries)]) -> usize {
    let mut n = 0;
    let mut list = 0;
    while list < lists.len() {
        let mut group = 0;
        while group < lists[list].1.len() {
            n += lists[list].1[group].1.len();
            group += 1;
        }
        list += 1;
    }
    n
}

impl<const N: usize, const SLOTS: usize> Lexicon<N, SLOTS> {
    /// Lays out the lists; a word in several lists has a weight for each of their domains.
    pub(crate) const fn new(lists: &[(Domain, Entries)]) -> Self {
        assert!(
            SLOTS.is_power_of_two() && SLOTS >= N * 2,
            "at least half of the slots must stay free to keep chains short"
        );
        let mut table = Self {
            words: [""; N],
            weights: [[0; N_DOMAINS]; N],
            slots: [0; SLOTS],
            starts: [0; N_STARTS],
        };
        let mut n = 0;
        let mut list = 0;
        while list < lists.len() {
            let (domain, groups) = lists[list];
            let mut group = 0;
            while group < groups.len() {
                let (weight, words) = groups[group];
                let mut word = 0;
                while word < words.len() {
                    n = table.add(n, words[word], domain, weight);
                    word += 1;
                }
                group += 1;
            }
            list += 1;
        }
        table
    }

    /// Adds a word and returns the new number of words.
    const fn add(&mut self, n: usize, word: &'static str, domain: Domain, weight: u8) -> usize {
        let bytes = word.as_bytes();
        let mut slot = mixed(hash_of(bytes)) & (SLOTS - 1);
        while self.slots[slot] != 0 {
            let known = self.slots[slot] as usize - 1;
            if equal(self.words[known].as_bytes(), bytes) {
                if weight > 0 {
                    self.weights[known][domain as usize] = weight;
                }
                return n;
            }
            slot = (slot + 1) & (SLOTS - 1);
        }
        assert!(n < u16::MAX as usize);
        self.slots[slot] = position_plus_one(n);
        self.words[n] = word;
        self.weights[n][domain as usize] = weight;
        self.note_starts(bytes);
        n + 1
    }

    const fn note_starts(&mut self, entry: &[u8]) {
        let mut is_phrase = false;
        let mut hash = HASH_OF_NOTHING;
        let mut at = 0;
        while at < entry.len() {
            if entry[at] == b' ' {
                is_phrase = true;
                self.note_start(hash);
            }
            hash = extended(hash, entry[at]);
            at += 1;
            if at == 3 && is_unspaced(entry) {
                self.note_start(hash);
            }
        }
        if is_phrase {
            self.note_start(hash);
        }
    }

    const fn note_start(&mut self, hash: u32) {
        let bit = mixed(hash);
        self.starts[bit / 64 % N_STARTS] |= 1 << (bit % 64);
    }

    /// Calls `visit` with each known word or phrase in `words`, and the range of words that it
    /// covers. Of several entries that start at the same word, only the longest is reported.
    pub(crate) fn each_in(&self, words: &Words, mut visit: impl FnMut(Entry, Range<usize>)) {
        let mut at = 0;
        while at < words.len() {
            if words.word(at).is_unspaced {
                self.each_unspaced(words, at, &mut visit);
                at += 1;
                continue;
            }
            let found = self.longest(words, at);
            if let Some((entry, n_words)) = found {
                visit(entry, at..at + n_words);
            }
            at += found.map_or(1, |(_, n_words)| n_words);
        }
    }

    /// Returns the longest entry that starts at a word, and its number of words.
    fn longest(&self, words: &Words, at: usize) -> Option<(Entry, usize)> {
        let first = words.folded(at..at + 1);
        let mut hash = Hashed::default().followed_by(first.as_bytes());
        let mut longest = self.find_inflected(first, hash).map(|entry| (entry, 1));
        for n_words in 2..=PHRASE_WORDS_MAX.min(words.len() - at) {
            if !self.starts(hash.whole) {
                break;
            }
            let phrase = words.folded(at..at + n_words);
            let n_known = words.folded(at..at + n_words - 1).len();
            hash = hash.followed_by(&phrase.as_bytes()[n_known..]);
            if self.starts(hash.whole) || self.starts(hash.but_last) {
                longest = self
                    .find_inflected(phrase, hash)
                    .map(|entry| (entry, n_words))
                    .or(longest);
            }
        }
        longest
    }

    /// Looks for entries anywhere in a run of Chinese, Japanese or Korean: these scripts write
    /// words without spaces or with attached endings.
    fn each_unspaced(&self, words: &Words, at: usize, visit: &mut impl FnMut(Entry, Range<usize>)) {
        let mut rest = words.folded(at..at + 1);
        while let Some(first) = rest.chars().next() {
            let begins = self.starts(hash_of(&rest.as_bytes()[..first.len_utf8()]));
            let found = if begins {
                self.longest_prefix(rest)
            } else {
                None
            };
            if let Some((entry, _)) = found {
                visit(entry, at..at + 1);
            }
            rest = &rest[found.map_or(first.len_utf8(), |(_, n_bytes)| n_bytes)..];
        }
    }

    fn longest_prefix(&self, text: &str) -> Option<(Entry, usize)> {
        let ends = text
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take(UNSPACED_CHARS_MAX)
            .skip(1);
        ends.filter_map(|end| {
            Some((
                self.find(&text[..end], hash_of(&text.as_bytes()[..end]))?,
                end,
            ))
        })
        .last()
    }

    /// Returns the entry for a word or phrase, or for its singular.
    fn find_inflected(&self, text: &str, hash: Hashed) -> Option<Entry> {
        self.find(text, hash.whole).or_else(|| {
            let singular = text
                .strip_suffix('s')
                .filter(|singular| singular.len() > 2 && !singular.ends_with('s'))?;
            self.find(singular, hash.but_last)
        })
    }

    fn find(&self, text: &str, hash: u32) -> Option<Entry> {
        let mut slot = mixed(hash) & (SLOTS - 1);
        while let Some(position) = usize::from(self.slots[slot]).checked_sub(1) {
            if self.words[position] == text {
                return Some(Entry {
                    position,
                    weights: self.weights[position],
                });
            }
            slot = (slot + 1) & (SLOTS - 1);
        }
        None
    }

    fn starts(&self, hash: u32) -> bool {
        let bit = mixed(hash);
        self.starts[bit / 64 % N_STARTS] & (1 << (bit % 64)) != 0
    }
}

/// Hash of a text, and of the text without its last byte.
#[derive(Clone, Copy)]
struct Hashed {
    whole: u32,
    but_last: u32,
}

impl Default for Hashed {
    fn default() -> Self {
        Self {
            whole: HASH_OF_NOTHING,
            but_last: HASH_OF_NOTHING,
        }
    }
}

impl Hashed {
    fn followed_by(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |hash, byte| Self {
            whole: extended(hash.whole, *byte),
            but_last: hash.whole,
        })
    }
}

/// A word or phrase of a lexicon.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// Identifies the entry within its lexicon; below `N`.
    pub(crate) position: usize,
    /// Weight per domain.
    pub(crate) weights: [u8; N_DOMAINS],
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "`add` asserts that it fits; conversions are not const yet"
)]
const fn position_plus_one(n: usize) -> u16 {
    n as u16 + 1
}

/// FNV-1a can be extended, so that a phrase costs no more than its words.
const HASH_OF_NOTHING: u32 = 0x811c_9dc5;

const fn extended(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

const fn hash_of(bytes: &[u8]) -> u32 {
    let mut hash = HASH_OF_NOTHING;
    let mut at = 0;
    while at < bytes.len() {
        hash = extended(hash, bytes[at]);
        at += 1;
    }
    hash
}

/// Returns the hash with its high bits mixed into the low ones, which select the slot.
const fn mixed(hash: u32) -> usize {
    (hash ^ (hash >> 15)) as usize
}

/// Returns whether an entry is in an unspaced script: each of its characters has three bytes.
const fn is_unspaced(entry: &[u8]) -> bool {
    entry[0] >= 0xE0
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: [(Domain, Entries); 2] = [
        (
            Domain::Database,
            &[(5, &["key", "foreign key", "\u{6570}\u{636e}\u{5e93}"])],
        ),
        (Domain::Frontend, &[(3, &["key", "dark mode"])]),
    ];
    static LEXICON: Lexicon<{ count(&LISTS) }, 16> = Lexicon::new(&LISTS);

    fn found(text: &str) -> Vec<(u8, u8, Range<usize>)> {
        let words = Words::of(text);
        let mut found = Vec::new();
        LEXICON.each_in(&words, |entry, range| {
            found.push((
                entry.weights[Domain::Database as usize],
                entry.weights[Domain::Frontend as usize],
                range,
            ));
        });
        found
    }

    #[test]
    fn a_word_of_two_lists_has_both_weights() {
        assert_eq!(found("a Key here"), [(5, 3, 1..2)]);
    }

    #[test]
    fn a_phrase_hides_its_words() {
        assert_eq!(found("the foreign-keys"), [(5, 0, 1..3)]);
        assert_eq!(found("foreign. Key"), [(5, 3, 1..2)]);
    }

    #[test]
    fn substrings_are_not_found() {
        assert_eq!(found("monkey keyboard darkmode"), []);
    }

    #[test]
    fn scripts_without_spaces_are_searched_through() {
        assert_eq!(
            found("\u{8fde}\u{63a5}\u{6570}\u{636e}\u{5e93}\u{6162}"),
            [(5, 0, 0..1)]
        );
    }
}
