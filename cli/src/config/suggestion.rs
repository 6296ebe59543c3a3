//! Suggestions for unknown keys and words.

use super::schema::{join, paths};

/// Hint for a misplaced token, so that nobody moves it to the only key of that name, the
/// dashboard's.
const TOKEN_HINT: &str = "the GitHub token is never configured: it comes from `GITHUB_TOKEN`, `GH_TOKEN` or `gh auth token`";

/// Minimum length of a word that is searched for inside others; shorter ones match too many.
const PART_CHARS_MIN: usize = 4;

/// Returns a hint that names the known key nearest to an unknown one.
///
/// In order of preference: the same word spelled differently here, the same word in another
/// section, a typo here, a part of a key here (`budget`), a typo elsewhere, and otherwise the
/// nearest key.
pub(super) fn for_unknown_key(section: &str, key: &str, siblings: &[&str]) -> String {
    let here = siblings.iter().map(|sibling| Candidate {
        word: plain(sibling),
        path: join(section, sibling),
    });
    let here: Vec<Candidate> = here.collect();
    let elsewhere = elsewhere(section);
    let wanted = plain(key);
    let same = |candidate: &Candidate| candidate.word == wanted || plain(&candidate.path) == wanted;
    let close = |candidate: &Candidate| is_close(&wanted, &candidate.word);
    let nearest = || {
        closest(&here, &wanted, |_| true)
            .first()
            .map_or_else(String::new, |path| format!("`{path}`"))
    };
    if section != "dashboard.auth" && wanted.ends_with("token") {
        return format!("{TOKEN_HINT}; the nearest known key is {}", nearest());
    }
    let meant = [
        matching(&here, same),
        matching(&elsewhere, same),
        closest(&here, &wanted, close),
        closest(&here, &wanted, |candidate| {
            is_part(&wanted, &candidate.word)
        }),
        closest(&elsewhere, &wanted, close),
    ];
    match meant.iter().find(|paths| !paths.is_empty()) {
        Some(paths) => did_you_mean(paths),
        None => format!("the nearest known key is {}", nearest()),
    }
}

/// Returns the choice that was probably meant.
pub(crate) fn nearest_choice<'a>(word: &str, choices: &[&'a str]) -> Option<&'a str> {
    let wanted = plain(word);
    let near = choices
        .iter()
        .filter(|choice| is_close(&wanted, &plain(choice)));
    near.min_by_key(|choice| distance(&wanted, &plain(choice)))
        .copied()
}

/// Returns the words ordered by similarity to one.
pub(crate) fn nearest_first<'a>(word: &str, choices: &[&'a str]) -> Vec<&'a str> {
    let wanted = plain(word);
    let mut choices = choices.to_vec();
    choices.sort_by_key(|choice| (distance(&wanted, &plain(choice)), choice.to_lowercase()));
    choices
}

struct Candidate {
    /// The key alone, as [`plain`] returns it.
    word: String,
    path: String,
}

/// Returns the keys of all other sections. Keys inside lists are not suggested elsewhere.
fn elsewhere(section: &str) -> Vec<Candidate> {
    let is_inside_list = section.contains('[');
    let others = paths().into_iter().filter(|path| {
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        !is_inside_list && parent != section
    });
    others
        .map(|path| Candidate {
            word: plain(path.rsplit('.').next().unwrap_or(&path)),
            path,
        })
        .collect()
}

/// Removes spelling differences: case, and separators between words.
fn plain(key: &str) -> String {
    key.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn distance(a: &str, b: &str) -> usize {
    strsim::damerau_levenshtein(a, b)
}

/// Allows one typo per three letters, at least one, or a different ending.
fn is_close(a: &str, b: &str) -> bool {
    distance(a, b) <= (a.len().min(b.len()) / 3).max(1) || 0.9 <= strsim::jaro_winkler(a, b)
}

/// Returns whether one word is part of the other: `budget` of `maxtotalbudgetusd`.
fn is_part(a: &str, b: &str) -> bool {
    PART_CHARS_MIN <= a.len().min(b.len()) && (a.contains(b) || b.contains(a))
}

fn matching(candidates: &[Candidate], is_match: impl Fn(&Candidate) -> bool) -> Vec<String> {
    candidates
        .iter()
        .filter(|candidate| is_match(candidate))
        .map(|candidate| candidate.path.clone())
        .collect()
}

fn closest(
    candidates: &[Candidate],
    wanted: &str,
    is_match: impl Fn(&Candidate) -> bool,
) -> Vec<String> {
    let matches = candidates.iter().filter(|candidate| is_match(candidate));
    let best = matches.min_by_key(|candidate| distance(wanted, &candidate.word));
    best.into_iter()
        .map(|candidate| candidate.path.clone())
        .collect()
}

fn did_you_mean(paths: &[String]) -> String {
    let quoted: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
    format!("did you mean {}?", quoted.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;

    #[track_caller]
    fn check(section: &str, key: &str, expected: &str) {
        let schema = if section.is_empty() {
            schema::schema()
        } else {
            schema::lookup(section).unwrap()
        };
        let siblings: Vec<&str> = schema::section(schema)
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(for_unknown_key(section, key, &siblings), expected);
    }

    #[test]
    fn a_typo_is_understood() {
        check(
            "executor",
            "maxParalel",
            "did you mean `executor.maxParallel`?",
        );
        check("", "exceutor", "did you mean `executor`?");
        check(
            "dashboard.auth",
            "pasword",
            "did you mean `dashboard.auth.password`?",
        );
        check(
            "executor",
            "maxRetry",
            "did you mean `executor.maxRetries`?",
        );
    }

    #[test]
    fn other_spellings_are_understood() {
        check(
            "executor",
            "max_parallel",
            "did you mean `executor.maxParallel`?",
        );
        check(
            "",
            "max-total-budget-usd",
            "did you mean `maxTotalBudgetUsd`?",
        );
        check(
            "",
            "executor.maxParallel",
            "did you mean `executor.maxParallel`?",
        );
    }

    #[test]
    fn a_key_of_another_section_is_named_with_its_path() {
        check("", "maxParallel", "did you mean `executor.maxParallel`?");
        check(
            "",
            "maxBudgetUsd",
            "did you mean `agent.maxBudgetUsd` or `planner.maxBudgetUsd`?",
        );
        check(
            "executor",
            "maxBudgetUsd",
            "did you mean `agent.maxBudgetUsd` or `planner.maxBudgetUsd`?",
        );
        check(
            "dashboard",
            "password",
            "did you mean `dashboard.auth.password`?",
        );
        check(
            "agent",
            "maxParalel",
            "did you mean `executor.maxParallel`?",
        );
    }

    #[test]
    fn a_part_of_a_key_is_understood() {
        check("", "budget", "did you mean `maxTotalBudgetUsd`?");
        check("agent", "budget", "did you mean `agent.maxBudgetUsd`?");
        check(
            "executor",
            "timeout",
            "did you mean `executor.timeoutMinutes`?",
        );
        check("executor", "retries", "did you mean `executor.maxRetries`?");
    }

    #[test]
    fn a_github_token_is_not_sent_to_the_dashboard() {
        check(
            "github",
            "token",
            &format!("{TOKEN_HINT}; the nearest known key is `github.apiUrl`"),
        );
    }

    #[test]
    fn something_is_always_named() {
        check(
            "breaker",
            "zzz",
            "the nearest known key is `breaker.threshold`",
        );
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        assert_eq!(
            nearest_choice("githbu", &["github", "local"]),
            Some("github")
        );
        assert_eq!(nearest_choice("INFO", &["info", "warn"]), Some("info"));
        assert_eq!(nearest_choice("gitlab", &["local"]), None);
    }
}
