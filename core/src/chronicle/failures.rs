//! The failures of a session: how many of each type, and the messages of the newest.

use std::collections::BTreeMap;

use autoissue_engine::{AttemptEvent, Event, FailureType, IssueNumber, PlanEvent};

use super::newest::Newest;

/// Most failures of which the message is kept.
const N_FAILURES_MAX: usize = 20;

/// A failure with its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFailure {
    /// The time, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Task; `None` if the failure affected the session as a whole.
    pub issue: Option<IssueNumber>,
    /// Its type.
    pub kind: FailureType,
    /// Its first line, as the service or agent wrote it.
    pub message: String,
    /// Whether it is retried.
    pub retried: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    n_by_type: BTreeMap<FailureType, u64>,
    newest: Newest<SeenFailure>,
}

impl Failures {
    pub(super) fn take(&mut self, at_ms: u64, event: &Event) {
        let Some(failure) = event.failure() else {
            return;
        };
        let Some(kind) = failure.failure_type() else {
            return;
        };
        let retried = match event {
            Event::Attempt(AttemptEvent::Failed { retry_at, .. }) => retry_at.is_some(),
            Event::Plan(PlanEvent::PlannerFailed { retry_at, .. }) => retry_at.is_some(),
            _ => true,
        };
        *self.n_by_type.entry(kind).or_default() += 1;
        let message = failure.to_string();
        let seen = SeenFailure {
            at_ms,
            issue: event.issue(),
            kind,
            message: message.lines().next().unwrap_or_default().to_owned(),
            retried,
        };
        self.newest.push(seen, N_FAILURES_MAX);
    }

    pub(super) fn newest(&self) -> impl DoubleEndedIterator<Item = &SeenFailure> {
        self.newest.iter()
    }

    /// Returns how many there were of each type, including types that never occurred.
    pub(super) fn by_type(&self) -> BTreeMap<&'static str, u64> {
        let n = |kind| self.n_by_type.get(kind).copied().unwrap_or_default();
        FailureType::ALL
            .iter()
            .map(|kind| (kind.name(), n(kind)))
            .collect()
    }
}
