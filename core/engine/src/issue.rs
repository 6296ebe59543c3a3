//! What the engine knows of an issue: facts from the forge, and what the strategies said of it.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Time;

/// Number of an issue on its forge. It also names the task made of it.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct IssueNumber(pub u64);

impl IssueNumber {
    /// Stands for the session itself where a task is wanted, as in a breaker: no issue has this number.
    pub const SESSION: Self = Self(0);
}

impl fmt::Display for IssueNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// An issue as the forge gave it. Its text is a stranger's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Issue {
    /// Number.
    pub number: IssueNumber,
    /// Title, one line.
    pub title: String,
    /// Body, Markdown.
    pub body: String,
    /// Log-in of the author.
    pub author: String,
    /// Names of the labels.
    pub labels: Vec<String>,
    /// When it was created.
    pub created_at: Time,
    /// Address for people; empty where the forge has none.
    pub url: String,
    /// Issues that it depends on, in order.
    pub dependencies: Vec<Dependency>,
    /// Open pull request of ours that is there already.
    pub open_pull_request: Option<PullRequest>,
    /// Branch with our work that is there already, where branches are all that was asked for.
    pub open_branch: Option<String>,
    /// Pull request of ours that was merged and did not close the issue: its base is not the default branch.
    pub merged_pull_request: Option<PullRequest>,
}

/// An issue shared between the engine, its events and its effects.
pub(crate) type SharedIssue = Arc<Issue>;

/// An issue that another depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dependency {
    /// Its number.
    pub number: IssueNumber,
    /// Whether it is open on the forge, so that work on it is still missing.
    pub open: bool,
}

/// A pull request of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PullRequest {
    /// Number.
    pub number: u64,
    /// Address for people: a URL, or a path on the local forge.
    pub url: String,
}

/// What the classifier said of an issue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Classification {
    /// Domain.
    pub domain: String,
    /// Confidence, 0 to 1.
    pub confidence: f32,
    /// Reasons, in words.
    pub reasons: Vec<String>,
    /// Paths that the issue names or is expected to touch, normalised.
    pub paths: Vec<String>,
    /// Who decided: name and version of the strategy.
    pub by: String,
}

/// Rank of an issue without a priority label.
const NORMAL: u8 = 2;

impl Issue {
    /// Returns the rank that the priority labels give, 0 for the most urgent.
    pub fn priority(&self) -> u8 {
        self.labels
            .iter()
            .filter_map(|label| rank(label))
            .min()
            .unwrap_or(NORMAL)
    }
}

/// Returns the rank that one label gives: `P0`, `priority: high`, `prio/critical`, `urgent`.
fn rank(label: &str) -> Option<u8> {
    let label = label.to_lowercase();
    let words: Vec<&str> = label
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let level = match words.as_slice() {
        ["priority" | "prio" | "p", level] | [level, "priority" | "prio"] => level,
        [only] => match *only {
            "urgent" | "blocker" | "p0" | "p1" | "p2" | "p3" | "p4" => only,
            _ => return None,
        },
        _ => return None,
    };
    match *level {
        "critical" | "urgent" | "blocker" | "highest" | "p0" | "0" => Some(0),
        "high" | "p1" | "1" => Some(1),
        "medium" | "normal" | "moderate" | "p2" | "2" => Some(2),
        "low" | "minor" | "p3" | "3" => Some(3),
        "lowest" | "trivial" | "p4" | "4" => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priority_labels_are_read_in_their_usual_forms() {
        for (label, expected) in [
            ("P0", Some(0)),
            ("priority: high", Some(1)),
            ("Priority/Critical", Some(0)),
            ("high priority", Some(1)),
            ("p-low", Some(3)),
            ("low", None),
            ("highlight", None),
            ("help wanted", None),
        ] {
            assert_eq!(rank(label), expected, "{label}");
        }
    }
}
