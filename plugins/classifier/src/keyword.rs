//! Tier 4: words and phrases, weighted as evidence.
//!
//! ```text
//! title ─► words ─┐                          ┌─► ranked ─► best, if it has enough
//!                 ├─► weight × position, ────┤
//! body ─► lines ─►┘   less if repeated       └─► the words with the evidence
//!         of a Zone
//! ```
//!
//! The tables in the submodules say how strongly a word indicates a domain, from 1 (often) to 10
//! (it means nothing else); a word may indicate several. They list common names of things, in
//! several languages: words in folded form (see [`crate::words`]), phrases with single spaces. A
//! phrase hides its words, so an entry without weight ([`neutral`]) disables a misleading phrase.

mod backend;
mod database;
mod documentation;
mod frontend;
mod infrastructure;
mod neutral;
mod security;
mod testing;

use std::ops::Range;

use crate::domain::{Domain, Scores, ranked};
use crate::lexicon::{Entries, Entry, Lexicon, count};
use crate::outline::{Zone, each_line};
use crate::title::without_tags;
use crate::words::Words;

const LISTS: [(Domain, Entries); 8] = [
    (Domain::Security, security::WORDS),
    (Domain::Database, database::WORDS),
    (Domain::Documentation, documentation::WORDS),
    (Domain::Testing, testing::WORDS),
    (Domain::Infrastructure, infrastructure::WORDS),
    (Domain::Backend, backend::WORDS),
    (Domain::Frontend, frontend::WORDS),
    // The domain does not matter: the weights are 0.
    (Domain::Security, neutral::WORDS),
];

const N_WORDS: usize = count(&LISTS);

static LEXICON: Lexicon<N_WORDS, 8192> = Lexicon::new(&LISTS);

/// Weight of a word by its position. The title is what the author chose to describe the issue.
const TITLE_WEIGHT: u32 = 12;

const fn zone_weight(zone: Zone) -> u32 {
    match zone {
        Zone::Lead => 5,
        Zone::Rest => 3,
        Zone::Aside | Zone::Code => 1,
    }
}

/// Most evidence from a body, however long it is: if half of it indicates one domain, that weighs
/// as much as a good word in the title.
const BODY_MOST: u32 = 180;

/// Least evidence for an answer: one word of weight 4 in the title, or two of them in the first
/// paragraph.
const ENOUGH: u32 = 40;

/// Maximum number of words in the reason.
const REASONS_MAX: usize = 4;

/// The evidence from the words of an issue.
pub(crate) struct Evidence<'i> {
    /// Evidence per domain.
    pub(crate) scores: Scores,
    heard: Vec<FoundWord<'i>>,
}

/// A word that was found, as written, with its evidence for each domain.
struct FoundWord<'i> {
    written: &'i str,
    brought: Scores,
}

/// Returns the evidence from the words of title and body.
pub(crate) fn evidence_of<'i>(title: &'i str, body: &'i str) -> Evidence<'i> {
    let mut listener = Listener::new();
    let rest = without_tags(title);
    let tags = &title[..title.len() - rest.len()];
    listener.words.read(tags);
    listener.listen(tags, TITLE_WEIGHT);
    listener.words.read_from_start(rest);
    listener.listen(rest, TITLE_WEIGHT);
    let of_title = favoured(std::mem::take(&mut listener.evidence.scores));
    each_line(body, |line, zone| {
        listener.words.read(line);
        listener.listen(line, zone_weight(zone));
    });
    let mut evidence = listener.evidence;
    let of_body = bounded(evidence.scores);
    for (domain, score) in evidence.scores.iter_mut().enumerate() {
        *score = of_title[domain] + of_body[domain];
    }
    evidence
}

/// Returns the scores of the title, with kinds of work increased by half: the title of a task to
/// test or document something has one word for the kind of work and many for the thing.
fn favoured(mut scores: Scores) -> Scores {
    for kind in [Domain::Documentation, Domain::Testing] {
        scores[kind as usize] += scores[kind as usize] / 2;
    }
    scores
}

/// Returns the scores, scaled down to at most [`BODY_MOST`] in total.
fn bounded(scores: Scores) -> Scores {
    let sum: u32 = scores.iter().sum();
    if sum <= BODY_MOST {
        scores
    } else {
        scores.map(|score| score * BODY_MOST / sum)
    }
}

impl Evidence<'_> {
    fn add(&mut self, brought: &Scores) {
        for (score, brought) in self.scores.iter_mut().zip(brought) {
            *score += brought;
        }
    }

    /// Returns the domains by evidence, best first; empty if there is not enough evidence.
    pub(crate) fn ranked(&self) -> Vec<(Domain, u32)> {
        let ranked = ranked(&self.scores);
        if ranked.first().is_some_and(|(_, score)| *score >= ENOUGH) {
            ranked
        } else {
            Vec::new()
        }
    }

    /// Returns the words with the most evidence for `domain`, as written, strongest first.
    pub(crate) fn words_for(&self, domain: Domain) -> Vec<&str> {
        let brought = |heard: &FoundWord<'_>| heard.brought[domain as usize];
        let mut best: Vec<&FoundWord<'_>> = Vec::with_capacity(REASONS_MAX + 1);
        for heard in self.heard.iter().filter(|heard| brought(heard) > 0) {
            let place = best.partition_point(|better| brought(better) >= brought(heard));
            best.insert(place, heard);
            best.truncate(REASONS_MAX);
        }
        best.into_iter().map(|heard| heard.written).collect()
    }
}

/// Reads passages one after the other, reusing memory.
struct Listener<'i> {
    words: Words,
    evidence: Evidence<'i>,
    /// How often each entry occurred.
    n_heard: [u8; N_WORDS],
}

impl<'i> Listener<'i> {
    fn new() -> Self {
        // Sufficient for most issues, so that memory is allocated once.
        let evidence = Evidence {
            scores: Scores::default(),
            heard: Vec::with_capacity(64),
        };
        Self {
            words: Words::default(),
            evidence,
            n_heard: [0; N_WORDS],
        }
    }

    /// Adds the evidence from the words of `text`.
    fn listen(&mut self, text: &'i str, place_weight: u32) {
        let Self {
            words,
            evidence,
            n_heard,
        } = self;
        LEXICON.each_in(words, |entry, range| {
            let times = &mut n_heard[entry.position];
            let brought = brought(entry, place_weight / repetition(*times));
            evidence.add(&brought);
            if *times == 0 {
                let written = &text[within(&words.written(range), text)];
                evidence.heard.push(FoundWord { written, brought });
            }
            *times = times.saturating_add(1);
        });
    }
}

fn brought(entry: Entry, place_weight: u32) -> Scores {
    entry
        .weights
        .map(|word_weight| u32::from(word_weight) * place_weight)
}

/// Returns the divisor for a word that has occurred `times` times: repetition says little more
/// about the issue.
const fn repetition(times: u8) -> u32 {
    match times {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => u32::MAX,
    }
}

/// Returns the range, limited to the text; a run of an unspaced script may be long.
fn within(range: &Range<usize>, text: &str) -> Range<usize> {
    let longest = range.start + 60;
    range.start..text.floor_char_boundary(range.end.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_can_be_found_as_it_is_written() {
        for (_, groups) in LISTS {
            for word in groups.iter().flat_map(|(_, words)| *words) {
                let bare = word.trim_start_matches("^ ");
                let words = Words::of(bare);
                let folded = if words.len() == 0 {
                    ""
                } else {
                    words.folded(0..words.len())
                };
                assert!(
                    folded == bare || words.word(0).is_unspaced,
                    "`{word}` is not folded: `{folded}`"
                );
            }
        }
    }

    fn score(title: &str, body: &str, domain: Domain) -> u32 {
        evidence_of(title, body).scores[domain as usize]
    }

    #[test]
    fn repeating_a_word_hardly_changes_the_score() {
        let three_times = score("x", "tooltip tooltip tooltip", Domain::Frontend);
        assert_eq!(
            score("x", &"tooltip ".repeat(30), Domain::Frontend),
            three_times
        );
        assert!(three_times < 2 * score("x", "tooltip", Domain::Frontend));
    }

    #[test]
    fn a_title_about_testing_outweighs_the_thing_to_test() {
        let ranked = evidence_of("Tests: database migration", "").ranked();
        assert_eq!(ranked[0].0, Domain::Testing);
        assert!(score("unit tests", "", Domain::Testing) > score("database", "", Domain::Database));
    }

    #[test]
    fn a_long_body_does_not_outvote_the_title() {
        let body = "foreign key, sqlite, postgres, varchar, jsonb, mysql. ".repeat(100);
        assert!(score("x", &body, Domain::Database) <= BODY_MOST);
        assert_eq!(
            evidence_of("Accessibility of the dropdown menu", &body).ranked()[0].0,
            Domain::Frontend
        );
    }

    /// A separate plural would not count as a repetition of the word.
    #[test]
    fn no_entry_is_the_plural_of_another() {
        let all: std::collections::HashSet<&str> = LISTS
            .iter()
            .flat_map(|(_, groups)| *groups)
            .flat_map(|(_, words)| *words)
            .copied()
            .collect();
        let is_singular = |word: &str| word.len() > 2 && !word.ends_with('s') && all.contains(word);
        let plurals: Vec<&&str> = all
            .iter()
            .filter(|word| word.strip_suffix('s').is_some_and(is_singular))
            .collect();
        assert!(plurals.is_empty(), "{plurals:?}");
    }

    #[test]
    fn no_domain_has_an_entry_twice() {
        for (domain, groups) in LISTS {
            let mut words: Vec<&str> = groups
                .iter()
                .flat_map(|(_, words)| *words)
                .copied()
                .collect();
            words.sort_unstable();
            let twice: Vec<&str> = words
                .windows(2)
                .filter(|pair| pair[0] == pair[1])
                .map(|pair| pair[0])
                .collect();
            assert!(twice.is_empty(), "{domain:?}: {twice:?}");
        }
    }
}
