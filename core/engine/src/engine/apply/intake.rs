//! How events about the backlog change the state.

use crate::engine::{Engine, Phase};
use crate::{IntakeEvent, Outcome, Time};

impl Engine {
    pub(super) fn apply_to_intake(&mut self, event: &IntakeEvent) {
        match event {
            IntakeEvent::BacklogRead { n_api_calls, .. } => {
                self.n_api_calls += n_api_calls;
                self.link_dependents();
                self.phase = Phase::Preparing;
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

    /// Links the tasks accepted since the backlog was last read with their dependencies. The
    /// backlog may be read again; tasks that are already linked stay unchanged.
    fn link_dependents(&mut self) {
        for issue in std::mem::take(&mut self.unlinked) {
            let dependencies = self.tasks[&issue].issue.dependencies.clone();
            for on in dependencies.into_iter().map(|on| on.number) {
                let Some(dependency) = self.tasks.get_mut(&on) else {
                    continue;
                };
                dependency.dependents.push(issue);
                let outcome = dependency.outcome();
                if !outcome.is_some_and(Outcome::lets_dependents_start) {
                    self.task_mut(issue).n_missing += 1;
                }
            }
        }
    }
}
