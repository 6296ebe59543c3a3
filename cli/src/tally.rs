//! What a session has come to, without replaying it: for lists of sessions.

use std::collections::BTreeMap;

use autoissue_core::engine::{AttemptEvent, Event, IssueNumber, PlanEvent, TaskEvent, Usd};
use autoissue_core::journal::{Journal, SessionRow};
use autoissue_core::recorded::RecordedError;

/// Events read from the journal at a time.
const N_EVENTS_READ: usize = 1_000;

/// What a session has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tasks accepted.
    pub(crate) n_tasks: u32,
    /// How many of them ended in which way.
    pub(crate) outcomes: BTreeMap<String, u32>,
    /// What is settled, and what running attempts have metered.
    pub(crate) spent: Usd,
    /// The part of it that is not settled, by issue; that of the planner has none.
    metered: BTreeMap<Option<IssueNumber>, Usd>,
}

impl Tally {
    /// Counts over the events that matter, and parses no others.
    ///
    /// # Errors
    /// Where the journal is damaged, or was written by a newer release.
    pub(crate) fn of(journal: &Journal, row: &SessionRow) -> Result<Self, RecordedError> {
        let mut tally = Self::default();
        let mut after = 0;
        loop {
            let events = journal.read(&row.id, after, N_EVENTS_READ)?;
            let Some(last) = events.last() else {
                return Ok(tally);
            };
            after = last.seq;
            for event in &events {
                match event.kind.as_str() {
                    "task.accepted" => tally.n_tasks += 1,
                    "attempt.metered"
                    | "plan.planner_metered"
                    | "attempt.agent_exited"
                    | "plan.planner_exited"
                    | "task.finished" => {
                        tally.count(&parse(row, event.seq, &event.body)?);
                    }
                    _ => {}
                }
            }
        }
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Attempt(AttemptEvent::Metered { spent, .. })
            | Event::Plan(PlanEvent::PlannerMetered { spent, .. }) => {
                let before = self.metered.insert(event.issue(), *spent);
                self.spent += *spent - before.unwrap_or_default();
            }
            Event::Attempt(AttemptEvent::AgentExited { charged, .. })
            | Event::Plan(PlanEvent::PlannerExited { charged, .. }) => {
                let metered = self.metered.remove(&event.issue());
                self.spent += *charged - metered.unwrap_or_default();
            }
            Event::Task(TaskEvent::Finished { outcome, .. }) => {
                *self.outcomes.entry(outcome.name().to_owned()).or_default() += 1;
            }
            _ => {}
        }
    }
}

fn parse(row: &SessionRow, seq: u64, body: &str) -> Result<Event, RecordedError> {
    let session = row.id.to_string();
    serde_json::from_str(body).map_err(|source| RecordedError::Unreadable {
        session,
        seq,
        source,
    })
}

/// `3 done, 1 failed of 5`.
impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts: Vec<String> = self
            .outcomes
            .iter()
            .map(|(name, n)| format!("{n} {}", name.replace('_', " ")))
            .collect();
        match (self.n_tasks, counts.is_empty()) {
            (0, _) => f.write_str("none"),
            (n, true) => write!(f, "none of {n} ended"),
            (n, false) => write!(f, "{} of {n}", counts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{check_failed, shipped};

    #[test]
    fn what_a_running_attempt_has_metered_is_spent_once() {
        let mut tally = Tally::default();
        let metered = |cents| {
            Event::Attempt(AttemptEvent::Metered {
                issue: IssueNumber(1),
                attempt: 1,
                spent: Usd::from_cents(cents),
            })
        };
        tally.count(&metered(20));
        tally.count(&metered(60));
        assert_eq!(tally.spent, Usd::from_cents(60));
        shipped(1, 30, 42)
            .iter()
            .for_each(|event| tally.count(event));
        assert_eq!(tally.spent, Usd::from_cents(42));
    }

    #[test]
    fn a_tally_names_how_tasks_ended() {
        let mut tally = Tally {
            n_tasks: 5,
            ..Tally::default()
        };
        assert_eq!(tally.to_string(), "none of 5 ended");
        for event in shipped(1, 30, 42).iter().chain(&check_failed(2, 310)) {
            tally.count(event);
        }
        assert_eq!(
            (tally.to_string().as_str(), tally.spent),
            ("1 done, 1 failed of 5", Usd::from_cents(352))
        );
    }
}
