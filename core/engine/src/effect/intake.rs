//! Effects of intake: the backlog, and the base that all work starts from.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::IssueNumber;

/// What is to be done for the session's backlog and base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum IntakeEffect {
    /// Get the open issues, and the state of what they depend on. Answer: `BacklogFetched` or `BacklogFailed`.
    FetchBacklog {
        /// Which issues.
        source: BacklogSource,
        /// Whether issues that depend on open issues of other repositories are taken all the same.
        ignore_outside: bool,
    },
    /// Run the checks on the base, as it was when the session started. Answer: `BaseChecked`.
    CheckBase,
}

/// Which issues a backlog is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum BacklogSource {
    /// Those that carry a label.
    Label {
        /// The label.
        label: String,
        /// Only these; empty means all.
        only: BTreeSet<IssueNumber>,
    },
    /// Those that the plan has created.
    Plan {
        /// Their numbers.
        issues: Vec<IssueNumber>,
    },
}

impl IntakeEffect {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::FetchBacklog { .. } => "fetch_backlog",
            Self::CheckBase => "check_base",
        }
    }
}
