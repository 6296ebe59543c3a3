//! Results of reading the backlog and of checking the base.

use crate::{CheckResult, Failure, Issue};

/// Result of an intake effect.
#[derive(Clone, Debug, PartialEq)]
pub enum IntakeInput {
    /// The forge returned its issues.
    BacklogFetched {
        /// The issues, in any order.
        issues: Vec<Issue>,
        /// Problems found.
        warnings: Vec<String>,
        /// Number of calls to the forge's API.
        n_api_calls: u32,
    },
    /// The backlog could not be read.
    BacklogFailed {
        /// The failure.
        failure: Failure,
    },
    /// The checks on the base finished.
    BaseChecked {
        /// Results, empty if the checks could not be run.
        results: Vec<CheckResult>,
    },
}
