//! Which issue has to come before which.

use std::collections::{BTreeMap, BTreeSet};

use crate::IssueNumber;

/// Returns the issues that a text says it depends on (`depends on #12`, `blocked by #3 and #4`), each once, in order.
pub fn stated_in(text: &str) -> Vec<IssueNumber> {
    let mut found = Vec::new();
    let lower = text.to_lowercase();
    for phrase in [
        "depends on",
        "depends upon",
        "depend on",
        "blocked by",
        "requires #",
        "needs #",
    ] {
        for (at, matched) in lower.match_indices(phrase) {
            if lower[..at]
                .chars()
                .next_back()
                .is_some_and(char::is_alphanumeric)
                || negated(&lower[..at])
            {
                continue;
            }
            let rest = lower[at + matched.len()..].trim_start_matches([':', '*', '_', ' ', '\t']);
            let rest = if matched.ends_with('#') {
                &lower[at + matched.len() - 1..]
            } else {
                rest
            };
            found.extend(numbers_at(rest).map(|number| (at, number)));
        }
    }
    found.sort_by_key(|&(at, _)| at);
    let mut seen = BTreeSet::new();
    found
        .into_iter()
        .map(|(_, number)| number)
        .filter(|number| seen.insert(*number))
        .collect()
}

/// Returns whether the words before a phrase turn it round: `no longer depends on`, `not blocked by`.
fn negated(before: &str) -> bool {
    before
        .split_whitespace()
        .next_back()
        .is_some_and(|word| matches!(word, "not" | "longer" | "never" | "isn't"))
}

/// Returns the issue numbers of a list at the start of a text: `#1, #2 and #3`.
fn numbers_at(text: &str) -> impl Iterator<Item = IssueNumber> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let digits = rest.strip_prefix('#')?;
        let end = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        let number = digits[..end].parse().ok()?;
        rest = digits[end..].trim_start_matches([',', '&', ' ']);
        rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
        Some(IssueNumber(number))
    })
}

/// Returns a circle of issues that wait for each other, starting with its smallest number, or `None`.
pub fn cycle(dependencies: &BTreeMap<IssueNumber, Vec<IssueNumber>>) -> Option<Vec<IssueNumber>> {
    let mut done = BTreeSet::new();
    for &root in dependencies.keys() {
        // Depth first without recursion: a chain may be as long as the backlog.
        let mut path: Vec<(IssueNumber, usize)> = vec![(root, 0)];
        let mut on_path = BTreeSet::from([root]);
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            let child = if done.contains(&node) {
                None
            } else {
                dependencies.get(&node).and_then(|list| list.get(*next))
            };
            *next += 1;
            match child {
                Some(child) if on_path.contains(child) => {
                    let start = path.iter().position(|(n, _)| n == child).unwrap_or(0);
                    return Some(rotated(path[start..].iter().map(|(n, _)| *n).collect()));
                }
                Some(child) if dependencies.contains_key(child) => {
                    path.push((*child, 0));
                    on_path.insert(*child);
                }
                Some(_) => {}
                None => {
                    done.insert(node);
                    on_path.remove(&node);
                    path.pop();
                }
            }
        }
    }
    None
}

fn rotated(mut circle: Vec<IssueNumber>) -> Vec<IssueNumber> {
    let least = circle
        .iter()
        .enumerate()
        .min_by_key(|(_, number)| **number)
        .map_or(0, |(at, _)| at);
    circle.rotate_left(least);
    circle
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[u64]) {
        assert_eq!(
            stated_in(text),
            expected.iter().map(|&n| IssueNumber(n)).collect::<Vec<_>>(),
            "{text}"
        );
    }

    #[test]
    fn dependencies_are_read_as_people_write_them() {
        check("Depends on #12", &[12]);
        check("This is blocked by #3, #4 and #5.", &[3, 4, 5]);
        check("**Depends on:** #7\nblocked by #2", &[7, 2]);
        check("no longer depends on #9", &[]);
        check("See #9. It depends on the weather.", &[]);
        check("Requires #4; requires care", &[4]);
        check("depends on #1 depends on #1", &[1]);
    }

    #[test]
    fn a_circle_is_found_and_named_from_its_smallest_number() {
        assert_eq!(cycle(&graph(&[(1, &[2]), (2, &[3]), (3, &[])])), None);
        assert_eq!(cycle(&graph(&[(4, &[4])])), Some(vec![IssueNumber(4)]));
        assert_eq!(
            cycle(&graph(&[(1, &[5]), (5, &[3]), (3, &[9, 5])])),
            Some(vec![IssueNumber(3), IssueNumber(5)])
        );
        let chain: Vec<(u64, Vec<u64>)> = (0..50_000).map(|n| (n, vec![n + 1])).collect();
        let chain: Vec<(u64, &[u64])> = chain.iter().map(|(n, to)| (*n, to.as_slice())).collect();
        assert_eq!(cycle(&graph(&chain)), None);
    }

    fn graph(edges: &[(u64, &[u64])]) -> BTreeMap<IssueNumber, Vec<IssueNumber>> {
        edges
            .iter()
            .map(|(n, to)| {
                (
                    IssueNumber(*n),
                    to.iter().map(|&t| IssueNumber(t)).collect(),
                )
            })
            .collect()
    }
}
