//! Kinds of tasks, which determine the stages of an attempt.
//!
//! ```text
//!   new work, continued work    worktree ─► agent ─► collect ─► checks ─► publish ─► done
//! ```
//!
//! Only this file knows the order of the stages. The event that completes a stage moves the attempt
//! to the next one; after the last stage the task is done.

use serde::{Deserialize, Serialize};

/// The kind of work that a task does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// An issue without work from earlier sessions.
    #[default]
    NewWork,
    /// An issue whose work an earlier session left unfinished.
    ContinuedWork,
}

/// A stage of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptStage {
    /// The worktree is being prepared.
    Worktree,
    /// The agent is working.
    Agent,
    /// The work is being collected into the mirror.
    Collect,
    /// The checks are running.
    Checks,
    /// The work is being published.
    Publish,
}

impl TaskKind {
    /// Returns the stages of an attempt, in order.
    pub const fn stages(self) -> &'static [AttemptStage] {
        use AttemptStage::{Agent, Checks, Collect, Publish, Worktree};

        match self {
            Self::NewWork | Self::ContinuedWork => &[Worktree, Agent, Collect, Checks, Publish],
        }
    }

    /// Returns the next required stage after `stage`; `None` if there is none, so that the task is
    /// done.
    pub(crate) fn next(
        self,
        after: AttemptStage,
        is_needed: impl Fn(AttemptStage) -> bool,
    ) -> Option<AttemptStage> {
        let mut stages = self.stages().iter().copied();
        stages.find(|stage| *stage == after)?;
        stages.find(|stage| is_needed(*stage))
    }
}

impl AttemptStage {
    /// Returns the displayed name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Worktree => "worktree",
            Self::Agent => "agent",
            Self::Collect => "collect",
            Self::Checks => "checks",
            Self::Publish => "publish",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_begins_with_a_worktree_and_ends() {
        for kind in [TaskKind::NewWork, TaskKind::ContinuedWork] {
            let mut stage = kind.stages()[0];
            assert_eq!(stage, AttemptStage::Worktree, "{kind:?}");
            let mut n_stages = 1;
            while let Some(next) = kind.next(stage, |_| true) {
                (stage, n_stages) = (next, n_stages + 1);
            }
            assert_eq!(n_stages, kind.stages().len(), "{kind:?}");
        }
    }

    #[test]
    fn a_stage_that_is_not_needed_is_skipped() {
        let next =
            TaskKind::NewWork.next(AttemptStage::Collect, |stage| stage != AttemptStage::Checks);
        assert_eq!(next, Some(AttemptStage::Publish));
    }
}
