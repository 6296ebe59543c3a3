//! Tasks that wait for their turn, by domain and in order: priority, then age, then number.
//!
//! A decision looks at the heads of the domains, not at the backlog, so its cost does not grow with the backlog.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Issue, IssueNumber, Time};

/// Where a task stands in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    priority: u8,
    created_at: Time,
    pub(crate) issue: IssueNumber,
}

impl Place {
    pub(crate) fn of(issue: &Issue) -> Self {
        Self { priority: issue.priority(), created_at: issue.created_at, issue: issue.number }
    }
}

/// The waiting tasks whose dependencies are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    by_domain: BTreeMap<String, BTreeSet<Place>>,
    delays: BTreeSet<(Time, IssueNumber)>,
}

impl Queue {
    /// Adds a task; a `not_before` of zero means that nothing delays it.
    pub(crate) fn insert(&mut self, domain: &str, place: Place, not_before: Time) {
        self.by_domain.entry(domain.to_owned()).or_default().insert(place);
        if not_before > Time::default() {
            self.delays.insert((not_before, place.issue));
        }
    }

    /// Removes a task; removing what is not there is fine.
    pub(crate) fn remove(&mut self, domain: &str, place: Place, not_before: Time) {
        self.delays.remove(&(not_before, place.issue));
        if let Some(places) = self.by_domain.get_mut(domain) {
            places.remove(&place);
            if places.is_empty() {
                self.by_domain.remove(domain);
            }
        }
    }

    /// Returns the domains that have waiting tasks, each with its tasks in order.
    pub(crate) fn domains(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = Place>)> {
        self.by_domain.iter().map(|(domain, places)| (domain.as_str(), places.iter().copied()))
    }

    /// Returns the first delay that ends after `now`.
    pub(crate) fn next_delay_end(&self, now: Time) -> Option<Time> {
        self.delays.range((now + 1, IssueNumber::default())..).next().map(|&(until, _)| until)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_domain.is_empty()
    }

    /// Returns all waiting tasks, domain by domain.
    pub(crate) fn issues(&self) -> impl Iterator<Item = IssueNumber> {
        self.by_domain.values().flatten().map(|place| place.issue)
    }
}
