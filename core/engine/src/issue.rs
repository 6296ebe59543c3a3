//! What the engine knows about an issue: facts from the forge, and decisions of the strategies.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Time;

/// Number of an issue on its forge. Also identifies the task created for it.
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
    /// Stands for the session itself where a task is expected, as in a breaker; no issue has this
    /// number.
    pub const SESSION: Self = Self(0);
}

impl fmt::Display for IssueNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// An issue as reported by the forge. Its text is untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Issue {
    /// Number.
    pub number: IssueNumber,
    /// Title, one line.
    pub title: String,
    /// Body, Markdown.
    pub body: String,
    /// Login of the author.
    pub author: String,
    /// Names of the labels.
    pub labels: Vec<String>,
    /// When it was created.
    pub created_at: Time,
    /// Web address; empty if the forge has none.
    pub url: String,
    /// Issues that this one depends on, in order.
    pub dependencies: Vec<Dependency>,
    /// Existing open pull request of ours.
    pub open_pull_request: Option<PullRequest>,
    /// Existing branch with our work, if only branches were requested.
    pub open_branch: Option<String>,
    /// Pull request of ours that was merged without closing the issue, because its base is not the
    /// default branch.
    pub merged_pull_request: Option<PullRequest>,
}

/// An issue shared between the engine, its events and its effects.
pub(crate) type SharedIssue = Arc<Issue>;

/// An issue that another issue depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dependency {
    /// Number of the issue.
    pub number: IssueNumber,
    /// Whether it is open on the forge, so that its work is still missing.
    pub open: bool,
}

/// A pull request of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PullRequest {
    /// Number.
    pub number: u64,
    /// Web address: a URL, or a path on the local forge.
    pub url: String,
}

/// The classifier's answer for an issue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Classification {
    /// Domain.
    pub domain: String,
    /// Confidence, 0 to 1.
    pub confidence: f32,
    /// Reasons, as text.
    pub reasons: Vec<String>,
    /// Paths that the issue mentions or is expected to touch, normalised.
    pub paths: Vec<String>,
    /// Name and version of the strategy that decided.
    pub by: String,
}

/// Rank of an issue without a priority label.
const NORMAL: u8 = 2;

impl Issue {
    /// Returns the rank given by the priority labels, 0 for the most urgent.
    pub fn priority(&self) -> u8 {
        self.labels
            .iter()
            .filter_map(|label| rank(label))
            .min()
            .unwrap_or(NORMAL)
    }
}

/// Returns the rank given by one label: `P0`, `priority: high`, `prio/critical`, `urgent`.
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
