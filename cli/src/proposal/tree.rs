//! The dependencies of a plan as a tree: each issue appears once, below the last one it waits for.
//!
//! ```text
//! 1 Add the user table
//! ├─ 2 Hash passwords
//! └─ 3 Store refresh tokens
//!    └─ 4 Log in (also after 2)
//! ```

use autoissue_core::engine::Plan;

use crate::narration::title;

/// Returns the tree as lines. A valid plan has no cycles.
pub(super) fn tree(plan: &Plan) -> String {
    let depths = depths(plan);
    let mut text = String::new();
    let roots = positions(plan).filter(|position| plan.issues[position - 1].depends_on.is_empty());
    // Items still to draw, the next one last: position, the prefix of its line, and the prefix of
    // its children's lines.
    let mut stack: Vec<(usize, String, String)> = Vec::new();
    let roots: Vec<usize> = roots.collect();
    stack.extend(
        roots
            .into_iter()
            .rev()
            .map(|root| (root, String::new(), String::new())),
    );
    while let Some((position, before, below)) = stack.pop() {
        text.push_str(&format!("{before}{}\n", line(plan, position, &depths)));
        let children: Vec<usize> = positions(plan)
            .filter(|child| parent(plan, *child, &depths) == Some(position))
            .collect();
        let n_children = children.len();
        for (at, child) in children.into_iter().enumerate().rev() {
            let (branch, rest) = if at + 1 == n_children {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            stack.push((child, format!("{below}{branch}"), format!("{below}{rest}")));
        }
    }
    text
}

fn positions(plan: &Plan) -> impl Iterator<Item = usize> {
    1..=plan.issues.len()
}

fn depends_on(plan: &Plan, position: usize) -> impl Iterator<Item = usize> {
    plan.issues[position - 1]
        .depends_on
        .iter()
        .map(|on| *on as usize)
}

/// Returns the depth of each issue, by position.
fn depths(plan: &Plan) -> Vec<usize> {
    let mut depths = vec![0; plan.issues.len() + 1];
    // Each round fixes at least one more depth.
    for _ in positions(plan) {
        for position in positions(plan) {
            depths[position] = depends_on(plan, position)
                .map(|on| depths[on] + 1)
                .max()
                .unwrap_or(0);
        }
    }
    depths
}

/// Returns an issue's parent in the tree: the deepest issue it waits for.
fn parent(plan: &Plan, position: usize, depths: &[usize]) -> Option<usize> {
    depends_on(plan, position).max_by_key(|on| (depths[*on], *on))
}

fn line(plan: &Plan, position: usize, depths: &[usize]) -> String {
    let above = parent(plan, position, depths);
    let others: Vec<String> = depends_on(plan, position)
        .filter(|on| Some(*on) != above)
        .map(|on| on.to_string())
        .collect();
    let after = if others.is_empty() {
        String::new()
    } else {
        format!(" (also after {})", others.join(", "))
    };
    format!(
        "{position} {}{after}",
        title(&plan.issues[position - 1].title)
    )
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::PlannedIssue;

    use super::*;

    fn drawn(depends_on: &[&[u32]]) -> String {
        fn issue((position, on): (usize, &&[u32])) -> PlannedIssue {
            PlannedIssue {
                title: ["zero", "one", "two", "three", "four", "five", "six"][position].to_owned(),
                depends_on: on.to_vec(),
                ..PlannedIssue::default()
            }
        }

        tree(&Plan {
            issues: (1..).zip(depends_on).map(issue).collect(),
            ..Plan::default()
        })
    }

    #[test]
    fn each_issue_appears_once_below_the_last_one_it_waits_for() {
        insta::assert_snapshot!(drawn(&[&[], &[1], &[1], &[2, 3], &[], &[4]]), @"
        1 one
        ├─ 2 two
        └─ 3 three
           └─ 4 four (also after 2)
              └─ 6 six
        5 five
        ");
    }

    #[test]
    fn what_comes_first_in_the_plan_may_wait_for_what_comes_last() {
        insta::assert_snapshot!(drawn(&[&[3], &[], &[2], &[2]]), @"
        2 two
        ├─ 3 three
        │  └─ 1 one
        └─ 4 four
        ");
    }
}
