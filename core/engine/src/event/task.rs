//! A task apart from its attempts: the decisions about it, and how it ends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::issue::SharedIssue;
use crate::{Classification, Effort, IssueNumber, Outcome, PluginFailure, Usd};

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
        /// The task.
        issue: IssueNumber,
        /// The classifier's answer.
        classification: Classification,
    },
    /// The model and the estimate are known.
    ModelSelected {
        /// The task.
        issue: IssueNumber,
        /// Model; `None` leaves it to the program.
        model: Option<String>,
        /// Effort level of the model; `None` leaves it to the program.
        effort: Option<Effort>,
        /// Why this model was selected.
        reason: String,
        /// Estimated cost.
        #[serde(rename = "estimate_usd")]
        estimate: Usd,
    },
    /// A plugin failed to decide.
    PluginFailed(PluginFailure),
    /// The task ended.
    Finished {
        /// The task.
        issue: IssueNumber,
        /// How it ended.
        outcome: Outcome,
    },
}

impl TaskEvent {
    /// Returns the task.
    pub fn issue(&self) -> IssueNumber {
        match self {
            Self::Accepted { issue } => issue.number,
            Self::Classified { issue, .. }
            | Self::ModelSelected { issue, .. }
            | Self::Finished { issue, .. } => *issue,
            Self::PluginFailed(plugin_failure) => plugin_failure.issue,
        }
    }
}
