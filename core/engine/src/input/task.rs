//! What the strategies decided about a task.

use crate::{Classification, Effort, IssueNumber, Undecided};

/// What was decided about a task.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskInput {
    /// The classifier answered.
    Classified {
        /// Task.
        issue: IssueNumber,
        /// Its answer.
        classification: Classification,
    },
    /// The model selector answered.
    ModelSelected {
        /// Task.
        issue: IssueNumber,
        /// Model; `None` leaves it to the program.
        model: Option<String>,
        /// How hard it should think; `None` leaves it to the program.
        effort: Option<Effort>,
        /// Why, in words.
        reason: String,
    },
    /// A plugin did not decide. Where the built-in decides instead, its answer follows; else this is the answer.
    Undecided(Undecided),
}
