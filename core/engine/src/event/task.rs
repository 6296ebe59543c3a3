//! A task apart from its attempts: what is decided about it, and how it ends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::issue::SharedIssue;
use crate::{Classification, Effort, IssueNumber, Outcome, Undecided, Usd};

/// What happened to a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TaskEvent {
    /// An issue became a task.
    Accepted {
        /// The issue.
        issue: SharedIssue,
    },
    /// Its domain is known.
    Classified {
        /// Task.
        issue: IssueNumber,
        /// What the classifier said.
        classification: Classification,
    },
    /// Its model and estimate are known.
    Planned {
        /// Task.
        issue: IssueNumber,
        /// Model; `None` leaves it to the program.
        model: Option<String>,
        /// How hard it should think; `None` leaves it to the program.
        effort: Option<Effort>,
        /// Why this model.
        reason: String,
        /// What it is expected to cost.
        #[serde(rename = "estimate_usd")]
        estimate: Usd,
    },
    /// A plugin did not decide.
    Undecided(Undecided),
    /// The task ended.
    Finished {
        /// Task.
        issue: IssueNumber,
        /// How.
        outcome: Outcome,
    },
}

impl TaskEvent {
    /// Returns the task.
    pub fn issue(&self) -> IssueNumber {
        match self {
            Self::Accepted { issue } => issue.number,
            Self::Classified { issue, .. }
            | Self::Planned { issue, .. }
            | Self::Finished { issue, .. } => *issue,
            Self::Undecided(undecided) => undecided.issue,
        }
    }
}
