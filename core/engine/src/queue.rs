//! Waiting tasks, by domain and in order: priority, then age, then number.
//!
//! A decision examines the first few tasks of each domain, not the whole backlog, so its cost does
//! not grow with the backlog.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Issue, IssueNumber, Task, Time, Usd};

/// Position of a task in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    priority: u8,
    created_at: Time,
    pub(crate) issue: IssueNumber,
}

impl Place {
    pub(crate) fn of(issue: &Issue) -> Self {
        Self {
            priority: issue.priority(),
            created_at: issue.created_at,
            issue: issue.number,
        }
    }
}

/// The waiting tasks whose dependencies are available.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    lanes: BTreeMap<String, Lane>,
    by_estimate: BTreeSet<(Usd, IssueNumber)>,
    delays: BTreeSet<(Time, IssueNumber)>,
}

/// The waiting tasks of one domain.
///
/// Tasks with the same paths are blocked by the same conflicts, so only the first of them is
/// examined: a file that half of the backlog mentions costs no more than one that a single task
/// mentions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lane {
    /// The first task of each group, and every task that is or was delayed, because it must not
    /// hide the tasks behind it.
    heads: BTreeSet<Place>,
    groups: BTreeMap<Vec<String>, BTreeSet<Place>>,
}

impl Queue {
    /// Adds a task; a `not_before` of zero means that it is not delayed.
    pub(crate) fn insert(&mut self, task: &Task, not_before: Time) {
        let place = Place::of(&task.issue);
        let lane = self.lanes.entry(task.domain().to_owned()).or_default();
        self.by_estimate.insert((task.estimate, place.issue));
        if not_before > Time::default() {
            lane.heads.insert(place);
            self.delays.insert((not_before, place.issue));
        } else {
            lane.insert(task.paths(), place);
        }
    }

    /// Removes a task; does nothing if it is not in the queue.
    pub(crate) fn remove(&mut self, task: &Task, not_before: Time) {
        let place = Place::of(&task.issue);
        self.delays.remove(&(not_before, place.issue));
        self.by_estimate.remove(&(task.estimate, place.issue));
        if let Some(lane) = self.lanes.get_mut(task.domain()) {
            lane.remove(task.paths(), place);
            if lane.heads.is_empty() {
                self.lanes.remove(task.domain());
            }
        }
    }

    /// Returns the tasks by estimate, the most expensive first.
    pub(crate) fn dearest(&self) -> impl Iterator<Item = (Usd, IssueNumber)> {
        self.by_estimate.iter().rev().copied()
    }

    /// Returns the domains with waiting tasks, each with its tasks to examine, in order.
    pub(crate) fn domains(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = Place>)> {
        self.lanes
            .iter()
            .map(|(domain, lane)| (domain.as_str(), lane.heads.iter().copied()))
    }

    /// Returns the first delay that ends after `now`.
    pub(crate) fn next_delay_end(&self, now: Time) -> Option<Time> {
        self.delays
            .range((now + 1, IssueNumber::default())..)
            .next()
            .map(|&(until, _)| until)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }
}

impl Lane {
    fn insert(&mut self, paths: &[String], place: Place) {
        let group = self.groups.entry(paths.to_vec()).or_default();
        if let Some(first) = group.first().filter(|first| place < **first) {
            self.heads.remove(first);
        }
        group.insert(place);
        self.heads.extend(group.first());
    }

    fn remove(&mut self, paths: &[String], place: Place) {
        self.heads.remove(&place);
        let Some(group) = self.groups.get_mut(paths) else {
            return;
        };
        group.remove(&place);
        self.heads.extend(group.first());
        if group.is_empty() {
            self.groups.remove(paths);
        }
    }
}
