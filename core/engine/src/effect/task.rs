//! Effects that make a task ready for its attempts: questions to the strategies.

use serde::{Deserialize, Serialize};

use crate::issue::SharedIssue;
use crate::{Classification, IssueNumber, Usd};

/// What is to be done to make a task ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TaskEffect {
    /// Ask the classifier. Answer: `Classified`, or `Undecided`.
    Classify {
        /// Task.
        issue: SharedIssue,
    },
    /// Ask the model selector. Answer: `ModelSelected`, or `Undecided`.
    SelectModel {
        /// Task.
        issue: SharedIssue,
        /// What the classifier said.
        classification: Classification,
        /// Number of the attempt to come.
        attempt: u32,
        /// Failures of substance so far.
        n_substance: u32,
        /// What is left of the task's cap.
        cap_left: Usd,
    },
}

impl TaskEffect {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Classify { .. } => "classify",
            Self::SelectModel { .. } => "select_model",
        }
    }

    pub(super) fn issue(&self) -> IssueNumber {
        match self {
            Self::Classify { issue } | Self::SelectModel { issue, .. } => issue.number,
        }
    }
}
