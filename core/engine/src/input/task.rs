//! Decisions of the strategies about a task.

use crate::{Classification, Effort, IssueNumber, PluginFailure};

/// A decision about a task.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskInput {
    /// The classifier answered.
    Classified {
        /// The task.
        issue: IssueNumber,
        /// The classifier's answer.
        classification: Classification,
    },
    /// The model selector answered.
    ModelSelected {
        /// The task.
        issue: IssueNumber,
        /// Model; `None` leaves it to the program.
        model: Option<String>,
        /// Effort level of the model; `None` leaves it to the program.
        effort: Option<Effort>,
        /// Why this model was selected.
        reason: String,
    },
    /// A plugin did not decide. If the built-in decides instead, its answer follows; otherwise this
    /// is the answer.
    PluginFailed(PluginFailure),
}
