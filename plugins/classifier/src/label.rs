//! Tier 2: the labels of an issue.
//!
//! ```text
//! `area/backend-API` ──► words: area, backend, api ──► names: backend, api ──► one domain per label, with a strength
//!                                                                               └─► the most certain of all labels
//! ```
//!
//! Labels are searched by whole words, split where they are commonly joined: at `/`, `:`, `-`, `_`,
//! `.`, spaces, emoji and camel-case humps (`FrontEnd`).

use crate::domain::{Domain, N_DOMAINS, Scores};
use crate::names::{NAMES, strength};
use crate::words::Words;

/// A domain named by a label or tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) domain: Domain,
    /// See [`strength`].
    pub(crate) strength: u8,
    /// Whether the label contains nothing but names.
    pub(crate) is_whole: bool,
}

/// Returns the domain named by `labels`, with the label that names it best. If labels disagree, the
/// more certain name wins, then the domain named by more labels, then the one with more `evidence`,
/// then the order of [`Domain`].
pub(crate) fn domain_of(
    labels: &[String],
    evidence: impl FnOnce() -> Scores,
) -> Option<(Domain, &str)> {
    let named: Vec<(Named, &str)> = labels
        .iter()
        .filter_map(|label| Some((named_in(label)?, label.as_str())))
        .collect();
    let surest = named.iter().map(|(named, _)| named.strength).max()?;
    let mut votes = [0_u32; N_DOMAINS];
    for (named, _) in &named {
        // A hint never outvotes a name, but it decides between two names.
        votes[named.domain as usize] += if named.strength == surest { 100 } else { 1 };
    }
    let most = votes.iter().max()?;
    let mut leaders = Domain::ALL
        .into_iter()
        .filter(|domain| votes[*domain as usize] == *most);
    let first = leaders.next()?;
    let domain = match leaders.next() {
        None => first,
        Some(second) => {
            let scores = evidence();
            let others = [first, second].into_iter().chain(leaders);
            others.min_by_key(|domain| (std::cmp::Reverse(scores[*domain as usize]), *domain))?
        }
    };
    let (_, label) = named
        .iter()
        .find(|(named, _)| named.domain == domain && named.strength == surest)?;
    Some((domain, label))
}

/// Returns the domain named by one label, or by the inside of a title tag.
pub(crate) fn named_in(label: &str) -> Option<Named> {
    let words = Words::of(label);
    let named =
        named_in_words(&words).or_else(|| named_in_words(&Words::of(&split_humps(label)?)))?;
    let is_state = words.len() > 1 && STATES.contains(&words.folded(0..1));
    match is_state && matches!(named.domain, Domain::Testing | Domain::Documentation) {
        // "needs tests" describes the state of a change, not its subject.
        true => None,
        false => Some(named),
    }
}

/// Words before a name that make a label describe the state of a change.
const STATES: [&str; 15] = [
    "needs", "need", "no", "missing", "awaiting", "waiting", "ready", "pending", "skip", "without",
    "not", "requires", "passed", "has", "in",
];

fn named_in_words(words: &Words) -> Option<Named> {
    let mut best: Option<Named> = None;
    let mut n_named = 0;
    let mut hear = |domain: Domain, strength: u8| {
        let heard = Named {
            domain,
            strength,
            is_whole: false,
        };
        best = Some(best.map_or(heard, |best| surer(best, heard)));
    };
    NAMES.each_in(words, |entry, range| {
        let is_alone = range.len() == words.len();
        let named = Domain::ALL
            .into_iter()
            .map(|domain| (domain, entry.weights[domain as usize]));
        for (domain, strength) in named.filter(|(_, strength)| *strength > 0) {
            match strength {
                strength::ALONE if is_alone => hear(domain, strength::SURE),
                strength::ALONE => {}
                strength => hear(domain, strength),
            }
        }
        n_named += range.len();
    });
    best.map(|best| Named {
        is_whole: n_named == words.len(),
        ..best
    })
}

/// Returns which of two names in one label counts. The kind of work takes precedence over the part
/// that it is done on (`api docs`, `tests: ui`); otherwise the last name is the most specific
/// (`area/backend/db`).
fn surer(earlier: Named, later: Named) -> Named {
    let is_kind = |named: Named| matches!(named.domain, Domain::Testing | Domain::Documentation);
    match earlier.strength.cmp(&later.strength) {
        std::cmp::Ordering::Greater => earlier,
        std::cmp::Ordering::Less => later,
        std::cmp::Ordering::Equal if is_kind(earlier) && !is_kind(later) => earlier,
        std::cmp::Ordering::Equal => later,
    }
}

/// Returns `text` with a space before each camel-case hump; `None` if it has none.
fn split_humps(text: &str) -> Option<String> {
    let is_hump = |before: char, c: char| before.is_lowercase() && c.is_uppercase();
    let mut before = ' ';
    let mut split = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if is_hump(before, c) {
            split.push(' ');
        }
        split.push(c);
        before = c;
    }
    (split.len() > text.len()).then_some(split)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(labels: &[&str], expected: Option<Domain>) {
        let labels: Vec<String> = labels.iter().map(|&label| label.into()).collect();
        let domain = domain_of(&labels, || [0; N_DOMAINS]).map(|(domain, _)| domain);
        assert_eq!(domain, expected, "for {labels:?}");
    }

    #[test]
    fn common_words_are_understood() {
        for (label, domain) in [
            ("tests", Domain::Testing),
            ("ci/cd", Domain::Infrastructure),
            ("front-end", Domain::Frontend),
            ("dev-ops", Domain::Infrastructure),
            ("flaky-test", Domain::Testing),
            ("a11y", Domain::Frontend),
            ("storage", Domain::Database),
            ("sql", Domain::Database),
            ("packaging", Domain::Infrastructure),
            ("Sicherheit", Domain::Security),
            ("documentaci\u{f3}n", Domain::Documentation),
            ("\u{540e}\u{7aef}", Domain::Backend),
            ("\u{d504}\u{b860}\u{d2b8}\u{c5d4}\u{b4dc}", Domain::Frontend),
        ] {
            check(&[label], Some(domain));
        }
    }

    #[test]
    fn a_name_is_found_among_the_words_of_a_label() {
        for (label, domain) in [
            ("area/backend", Domain::Backend),
            ("A-docs", Domain::Documentation),
            ("area: ui", Domain::Frontend),
            ("type-docs", Domain::Documentation),
            ("\u{1f311} backend", Domain::Backend),
            ("\u{1f4da}documentation", Domain::Documentation),
            ("a-UIX", Domain::Frontend),
            ("Where: Backend", Domain::Backend),
            ("kind/documentation", Domain::Documentation),
            ("topic:db", Domain::Database),
            ("t:frontend", Domain::Frontend),
            ("comp: server", Domain::Backend),
            ("team-infra", Domain::Infrastructure),
            ("FrontEnd", Domain::Frontend),
            ("AreaBackend", Domain::Backend),
            ("api docs", Domain::Documentation),
            ("tests: ui", Domain::Testing),
            ("core/backend/db", Domain::Database),
        ] {
            check(&[label], Some(domain));
        }
    }

    #[test]
    fn substrings_are_not_names() {
        for label in [
            "feedback",
            "build-in-public",
            "social",
            "guidelines-ui2",
            "latest",
            "docket",
            "attest",
            "rapid",
            "specification",
            "observer",
        ] {
            check(&[label], None);
        }
    }

    #[test]
    fn process_labels_name_no_domain() {
        for label in [
            "bug",
            "good first issue",
            "enhancement",
            "help wanted",
            "wontfix",
            "P1",
            "priority: high",
            "needs-tests",
            "component: parser",
            "duplicate",
        ] {
            check(&[label], None);
        }
    }

    #[test]
    fn a_name_takes_precedence_over_a_hint() {
        check(&["authentication", "backend"], Some(Domain::Backend));
        check(&["area/auth"], Some(Domain::Security));
        check(&["redis", "frontend", "ui"], Some(Domain::Frontend));
    }

    #[test]
    fn evidence_decides_between_equal_labels() {
        let labels = ["frontend".to_owned(), "backend".to_owned()];
        let mut scores = [0; N_DOMAINS];
        scores[Domain::Frontend as usize] = 7;
        assert_eq!(
            domain_of(&labels, || scores),
            Some((Domain::Frontend, "frontend"))
        );
        assert_eq!(
            domain_of(&labels, || [0; N_DOMAINS]),
            Some((Domain::Backend, "backend"))
        );
    }
}
