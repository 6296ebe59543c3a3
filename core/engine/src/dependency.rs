//! Cycles among the dependencies of issues.

use std::collections::{BTreeMap, BTreeSet};

use crate::IssueNumber;

/// Returns a cycle of issues that wait for each other, starting with its smallest number, or
/// `None`.
pub fn cycle(dependencies: &BTreeMap<IssueNumber, Vec<IssueNumber>>) -> Option<Vec<IssueNumber>> {
    circles(dependencies).into_iter().next()
}

/// Returns cycles of issues that wait for each other, each starting with its smallest number. No
/// two cycles share an issue, and removing their issues leaves an acyclic graph.
pub fn circles(dependencies: &BTreeMap<IssueNumber, Vec<IssueNumber>>) -> Vec<Vec<IssueNumber>> {
    let mut found = Vec::new();
    let mut done = BTreeSet::new();
    for &root in dependencies.keys() {
        // Depth-first search without recursion, because a chain may be as long as the backlog.
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
                    // The issues before `start` only depend on the cycle: the search continues with
                    // them.
                    let start = path.iter().position(|(n, _)| n == child).unwrap_or(0);
                    let circle: Vec<IssueNumber> = path.drain(start..).map(|(n, _)| n).collect();
                    for member in &circle {
                        on_path.remove(member);
                    }
                    done.extend(circle.iter().copied());
                    found.push(rotated(circle));
                }
                Some(child) if dependencies.contains_key(child) && !done.contains(child) => {
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
    found
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

    #[test]
    fn a_cycle_is_found_and_starts_with_its_smallest_number() {
        assert_eq!(cycle(&graph(&[(1, &[2]), (2, &[3]), (3, &[])])), None);
        assert_eq!(cycle(&graph(&[(4, &[4])])), Some(vec![IssueNumber(4)]));
        assert_eq!(
            cycle(&graph(&[(1, &[5]), (5, &[3]), (3, &[9, 5])])),
            Some(vec![IssueNumber(3), IssueNumber(5)])
        );
        let apart = [
            (1, &[2][..]),
            (2, &[1]),
            (3, &[4]),
            (4, &[3]),
            (5, &[1, 4]),
            (6, &[6]),
        ];
        let numbers = |circle: &[u64]| circle.iter().map(|&n| IssueNumber(n)).collect::<Vec<_>>();
        assert_eq!(
            circles(&graph(&apart)),
            [numbers(&[1, 2]), numbers(&[3, 4]), numbers(&[6])]
        );
        // Two cycles share an issue: without the first, the second does not exist.
        assert_eq!(
            circles(&graph(&[(1, &[2]), (2, &[1, 3]), (3, &[2])])),
            [numbers(&[1, 2])]
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
