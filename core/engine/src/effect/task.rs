//! Effects that prepare a task for its attempts: requests to the strategies.

use serde::{Deserialize, Serialize};

use crate::issue::SharedIssue;
use crate::{Classification, IssueNumber, Usd};

/// Work to be done to prepare a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TaskEffect {
    /// Ask the classifier. Answer: `Classified` or `PluginFailure`.
    Classify {
        /// The task.
        issue: SharedIssue,
    },
    /// Ask the model selector. Answer: `ModelSelected` or `PluginFailure`.
    SelectModel {
        /// The task.
        issue: SharedIssue,
        /// The classifier's answer.
        classification: Classification,
        /// Number of the next attempt.
        attempt: u32,
        /// Failures of substance so far.
        n_substance: u32,
        /// Remaining part of the task's cap.
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
