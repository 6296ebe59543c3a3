//! Effects of intake: the backlog, and the base that all work starts from.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::IssueNumber;

/// Work to be done for the session's backlog and base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum IntakeEffect {
    /// Fetch the open issues, and the state of their dependencies. Answer: `BacklogFetched` or
    /// `BacklogFailed`.
    FetchBacklog {
        /// Which issues to fetch.
        source: BacklogSource,
        /// Whether to accept issues that depend on open issues of other repositories.
        ignore_outside: bool,
    },
    /// Run the checks on the base, as of the start of the session. Answer: `BaseChecked`.
    CheckBase,
}

/// Which issues form the backlog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum BacklogSource {
    /// Issues that carry a label.
    Label {
        /// The label.
        label: String,
        /// Restricts the backlog to these issues; empty means all.
        only: BTreeSet<IssueNumber>,
    },
    /// Issues created from the plan.
    Plan {
        /// The issue numbers.
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
