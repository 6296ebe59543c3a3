//! What reading the backlog and checking the base came to.

use crate::{CheckResult, Failure, Issue};

/// What came of the backlog.
#[derive(Clone, Debug, PartialEq)]
pub enum IntakeInput {
    /// The forge gave its issues.
    BacklogFetched {
        /// The issues, in any order.
        issues: Vec<Issue>,
        /// What was odd.
        warnings: Vec<String>,
        /// Calls to the forge's API that it took.
        n_api_calls: u32,
    },
    /// The forge gave nothing.
    BacklogFailed {
        /// Why.
        failure: Failure,
    },
    /// The checks were run on the base.
    BaseChecked {
        /// Results, empty where they could not be run.
        results: Vec<CheckResult>,
    },
}
