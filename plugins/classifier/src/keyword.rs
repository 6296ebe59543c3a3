//! Tier 4: words and phrases, by weight of evidence.
//!
//! ```text
//! title ─► words ─┐                          ┌─► ranked ─► best, if it has enough
//!                 ├─► weight × place, each ──┤
//! body ─► lines ─►┘   word less each time    └─► the words that said so
//!         of a Zone
//! ```
//!
//! The tables below say how strongly a word points to a domain, from 1 (often) to 10 (it means nothing else); a word may point to several. They are written from what people call
//! things, in several languages; words in folded form (see [`crate::words`]), phrases with single spaces. A phrase hides its words,
//! so an entry without any weight ([`neutral`]) takes a misleading phrase out.

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

/// How much a word counts by where it stands. The title is what the author chose to be judged by.
const TITLE_WEIGHT: u32 = 12;

const fn zone_weight(zone: Zone) -> u32 {
    match zone {
        Zone::Lead => 5,
        Zone::Rest => 3,
        Zone::Aside | Zone::Code => 1,
    }
}

/// Most evidence that a body brings in all, however long it is: where half of it is for one domain, that weighs as much as a good word of the title.
const BODY_MOST: u32 = 180;

/// Least evidence for an answer: one word of weight 4 in the title, or two such in the first paragraph.
const ENOUGH: u32 = 40;

/// Words that are named as reasons.
const REASONS_MAX: usize = 4;

/// What the words of an issue say.
pub(crate) struct Evidence<'i> {
    /// Evidence per domain.
    pub(crate) scores: Scores,
    heard: Vec<Heard<'i>>,
}

/// A word that was found, as it was written, with what it brought for each domain.
struct Heard<'i> {
    written: &'i str,
    brought: Scores,
}

/// Returns what the words of title and body say.
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

/// Returns the title's scores with half as much again for kinds of work: the title of a task to test or document something has
/// one word for the task and many for the thing.
fn favoured(mut scores: Scores) -> Scores {
    for kind in [Domain::Documentation, Domain::Testing] {
        scores[kind as usize] += scores[kind as usize] / 2;
    }
    scores
}

/// Returns the scores, scaled down so that they are [`BODY_MOST`] together.
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

    /// Returns the domains by weight of evidence, the best first; empty where the evidence is not enough.
    pub(crate) fn ranked(&self) -> Vec<(Domain, u32)> {
        let ranked = ranked(&self.scores);
        if ranked.first().is_some_and(|(_, score)| *score >= ENOUGH) {
            ranked
        } else {
            Vec::new()
        }
    }

    /// Returns the words that spoke most for `domain`, as they were written, the strongest first.
    pub(crate) fn words_for(&self, domain: Domain) -> Vec<&str> {
        let brought = |heard: &Heard<'_>| heard.brought[domain as usize];
        let mut best: Vec<&Heard<'_>> = Vec::with_capacity(REASONS_MAX + 1);
        for heard in self.heard.iter().filter(|heard| brought(heard) > 0) {
            let place = best.partition_point(|better| brought(better) >= brought(heard));
            best.insert(place, heard);
            best.truncate(REASONS_MAX);
        }
        best.into_iter().map(|heard| heard.written).collect()
    }
}

/// Reads passages one after the other, with the memory of one.
struct Listener<'i> {
    words: Words,
    evidence: Evidence<'i>,
    /// How often each entry was heard.
    n_heard: [u8; N_WORDS],
}

impl<'i> Listener<'i> {
    fn new() -> Self {
        // Enough for most issues, so that the memory is asked for once.
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

    /// Weighs the words that were read from `text`.
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
                evidence.heard.push(Heard { written, brought });
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

/// Returns by how much a word counts less when it has been heard `times` times: saying it again makes it no other issue.
const fn repetition(times: u8) -> u32 {
    match times {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => u32::MAX,
    }
}

/// Returns the range, cut to the text; a run of an unspaced script may be long.
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
    fn saying_a_word_often_makes_it_no_other_issue() {
        let three_times = score("x", "tooltip tooltip tooltip", Domain::Frontend);
        assert_eq!(
            score("x", &"tooltip ".repeat(30), Domain::Frontend),
            three_times
        );
        assert!(three_times < 2 * score("x", "tooltip", Domain::Frontend));
    }

    #[test]
    fn a_title_of_testing_has_more_weight_than_the_things_to_test() {
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

    /// A plural of its own would not be recognised as the word said again.
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
