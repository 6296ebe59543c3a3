//! The built-in classifier: finds the domain of an issue from its title tag, its labels, the paths
//! that it mentions, and its words.
//!
//! ```text
//!            ┌─ title.rs ───┐      ┌─ label.rs ───┐      ┌─ path.rs ────┐      ┌─ keyword.rs ─┐
//! issue ───► │ 1. title tag │ ───► │ 2. label     │ ───► │ 3. paths     │ ───► │ 4. keywords  │ ───► unknown
//!            │ 1.0          │ none │ 0.9          │ none │ 0.7          │ none │ 0.5          │ none  0.0
//!            └──────────────┘      └──────────────┘      └──────────────┘      └──────────────┘
//!  names.rs: names used in tags and labels       outline.rs: weights of body lines     keyword/: words with weights
//!  words.rs: text as folded words                lexicon.rs: tables laid out by the compiler
//! ```
//!
//! The first tier with a result wins. The decision depends on the issue alone: no files, no clock,
//! no memory of earlier issues. It must be fast enough for a whole backlog, and must not need
//! setup, because each call gets a new WASM instance.

mod domain;
mod keyword;
mod label;
mod lexicon;
mod names;
mod outline;
mod path;
mod title;
mod words;

#[cfg(test)]
mod corpus;

use autoissue_plugin_sdk::prelude::*;

use crate::domain::{Domain, Scores};
use crate::keyword::Evidence;
use crate::path::Paths;

/// The domains that the classifier returns.
pub const DOMAINS: [&str; 8] = [
    "backend",
    "frontend",
    "database",
    "infrastructure",
    "security",
    "testing",
    "documentation",
    "unknown",
];

const TAG_CONFIDENCE: f32 = 1.0;
const LABEL_CONFIDENCE: f32 = 0.9;
const PATH_CONFIDENCE: f32 = 0.7;
const KEYWORD_CONFIDENCE: f32 = 0.5;

/// Maximum number of paths in the reason.
const PATHS_IN_REASON_MAX: usize = 3;

/// Bytes of a body that are read; the forge allows 64 KiB, and anything after that is a log.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Sorts issues into [`DOMAINS`] by four tiers of evidence.
///
/// ```
/// use autoissue_classifier::BuiltinClassifier;
/// use autoissue_plugin_sdk::prelude::*;
///
/// let issue = Issue::new("[Backend] Paging for users");
/// let answer = BuiltinClassifier.classify(&issue, &ClassifierContext::default()).unwrap();
/// assert_eq!((answer.domain.as_str(), answer.confidence), ("backend", 1.0));
/// assert_eq!(answer.reasons, ["title tag `[Backend]`"]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct BuiltinClassifier;

autoissue_plugin_sdk::export_plugin! { classifier: BuiltinClassifier }

impl Classifier for BuiltinClassifier {
    fn describe(&self) -> Description {
        Description::new(
            "builtin",
            env!("CARGO_PKG_VERSION"),
            "Classifies by title tag, label, path or keyword, whichever matches first",
        )
    }

    fn classify(
        &self,
        issue: &Issue,
        _context: &ClassifierContext,
    ) -> Result<Classification, PluginError> {
        Ok(by_tag(issue)
            .or_else(|| by_label(issue))
            .or_else(|| by_paths(issue))
            .or_else(|| by_keywords(issue))
            .unwrap_or_else(|| {
                Classification::unknown().because("nothing in the issue matched a domain")
            }))
    }
}

fn by_tag(issue: &Issue) -> Option<Classification> {
    let (domain, tag) = title::domain_of(&issue.title)?;
    Some(Classification::new(domain.name(), TAG_CONFIDENCE).because(format!("title tag `{tag}`")))
}

fn by_label(issue: &Issue) -> Option<Classification> {
    let (domain, label) = label::domain_of(&issue.labels, || evidence_of(issue).scores)?;
    Some(Classification::new(domain.name(), LABEL_CONFIDENCE).because(format!("label `{label}`")))
}

fn by_paths(issue: &Issue) -> Option<Classification> {
    let paths = path::paths_of(&issue.title, body_of(issue));
    let ranked = paths.ranked();
    let domain = most_named(&ranked, || evidence_of(issue).scores)?;
    let answer = Classification::new(domain.name(), PATH_CONFIDENCE)
        .because(format!("mentions {}", named(&paths, domain)));
    Some(with_alternatives(answer, domain, &ranked))
}

fn by_keywords(issue: &Issue) -> Option<Classification> {
    let evidence = evidence_of(issue);
    let ranked = evidence.ranked();
    let (domain, _) = *ranked.first()?;
    let words = evidence.words_for(domain);
    let noun = if words.len() == 1 {
        "keyword"
    } else {
        "keywords"
    };
    let answer = Classification::new(domain.name(), KEYWORD_CONFIDENCE)
        .because(format!("{noun} {}", quoted(words.into_iter())));
    Some(with_alternatives(answer, domain, &ranked))
}

fn evidence_of(issue: &Issue) -> Evidence<'_> {
    keyword::evidence_of(&issue.title, body_of(issue))
}

fn body_of(issue: &Issue) -> &str {
    &issue.body[..issue.body.floor_char_boundary(BODY_BYTES_MAX)]
}

/// Returns the first domain of `ranked`; in case of a tie, the one with the most evidence from
/// words.
fn most_named(ranked: &[(Domain, u32)], evidence: impl FnOnce() -> Scores) -> Option<Domain> {
    let (first, most) = *ranked.first()?;
    let n_leaders = ranked
        .iter()
        .take_while(|(_, score)| *score == most)
        .count();
    if n_leaders == 1 {
        return Some(first);
    }
    let scores = evidence();
    let leaders = ranked[..n_leaders].iter().map(|(domain, _)| *domain);
    leaders.min_by_key(|domain| (std::cmp::Reverse(scores[*domain as usize]), *domain))
}

fn named(paths: &Paths, domain: Domain) -> String {
    let telling = paths
        .telling
        .iter()
        .filter(|(_, of)| *of == domain)
        .map(|(path, _)| path.as_str());
    quoted(telling.take(PATHS_IN_REASON_MAX))
}

fn quoted<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Adds the domains that were not chosen, with confidence in proportion to their evidence.
fn with_alternatives(
    mut answer: Classification,
    chosen: Domain,
    ranked: &[(Domain, u32)],
) -> Classification {
    let best = ranked.first().map_or(0, |(_, score)| *score);
    let others = ranked.iter().filter(|(domain, _)| *domain != chosen);
    answer.alternatives = others
        .map(|(domain, score)| Score::new(domain.name(), share_of(answer.confidence, *score, best)))
        .collect();
    answer
}

/// Returns `confidence` scaled by `score` / `best`.
fn share_of(confidence: f32, score: u32, best: u32) -> f32 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "scores stay far below 2^24, below which floats are exact"
    )]
    let share = score as f32 / best.max(1) as f32;
    confidence * share.min(1.0)
}
