//! What each event about the backlog makes of the state.

use crate::engine::{Engine, Phase};
use crate::{IntakeEvent, IssueNumber, Time};

impl Engine {
    pub(super) fn apply_to_intake(&mut self, event: &IntakeEvent) {
        match event {
            IntakeEvent::BacklogRead { n_api_calls, .. } => {
                self.n_api_calls += n_api_calls;
                self.link_dependents();
                self.phase = Phase::Planning;
            }
            IntakeEvent::BacklogDelayed { until, .. } => {
                let n_failures = match self.phase {
                    Phase::Intake { n_failures, .. } => n_failures + 1,
                    _ => 1,
                };
                self.phase = Phase::Intake {
                    not_before: *until,
                    n_failures,
                };
            }
            IntakeEvent::BacklogRetried => {
                if let Phase::Intake { not_before, .. } = &mut self.phase {
                    *not_before = Time::default();
                }
            }
            IntakeEvent::BacklogAdmitted { .. } => {
                self.phase = if self.settings.has_checks && self.base_checks.is_none() {
                    Phase::BaseCheck
                } else {
                    Phase::Running
                };
            }
            IntakeEvent::BaseChecked { results } => {
                self.base_checks = Some(results.clone());
                self.phase = Phase::Running;
            }
        }
    }

    fn link_dependents(&mut self) {
        let edges: Vec<(IssueNumber, IssueNumber)> = self
            .tasks
            .values()
            .flat_map(|task| {
                task.issue
                    .dependencies
                    .iter()
                    .map(|on| (on.number, task.issue.number))
            })
            .filter(|(on, _)| self.tasks.contains_key(on))
            .collect();
        for (on, issue) in edges {
            self.task_mut(on).dependents.push(issue);
            self.task_mut(issue).n_missing += 1;
        }
    }
}
