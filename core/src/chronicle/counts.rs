//! How many tasks are in each state.

use autoissue_engine::OutcomeGroup;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of a task, as it is counted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Not started yet, waiting for another attempt, or interrupted.
    Waiting,
    /// In flight.
    Running,
    /// Published.
    Done,
    /// A pull request or branch of an earlier session is open.
    AlreadyOpen,
    /// A pull request of an earlier session was merged.
    AlreadyMerged,
    /// A person has to decide something.
    NeedsYou,
    /// Failed, or changed nothing.
    Failed,
    /// Never started, or skipped.
    NotStarted,
}

impl TaskStatus {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Running,
        Self::Done,
        Self::AlreadyOpen,
        Self::AlreadyMerged,
        Self::NeedsYou,
        Self::Failed,
        Self::NotStarted,
    ];

    /// Returns the name as it appears in JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::AlreadyOpen => "already_open",
            Self::AlreadyMerged => "already_merged",
            Self::NeedsYou => "needs_you",
            Self::Failed => "failed",
            Self::NotStarted => "not_started",
        }
    }
}

impl From<OutcomeGroup> for TaskStatus {
    fn from(group: OutcomeGroup) -> Self {
        match group {
            OutcomeGroup::Done => Self::Done,
            OutcomeGroup::AlreadyOpen => Self::AlreadyOpen,
            OutcomeGroup::AlreadyMerged => Self::AlreadyMerged,
            OutcomeGroup::NeedsYou => Self::NeedsYou,
            OutcomeGroup::Failed => Self::Failed,
            OutcomeGroup::NotStarted => Self::NotStarted,
        }
    }
}

/// How many tasks are in each state. They add up to `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// All tasks.
    pub total: u32,
    /// Not started yet, waiting for another attempt, or interrupted.
    pub waiting: u32,
    /// In flight.
    pub running: u32,
    /// Published.
    pub done: u32,
    /// A pull request or branch of an earlier session is open.
    pub already_open: u32,
    /// A pull request of an earlier session was merged.
    pub already_merged: u32,
    /// A person has to decide something.
    pub needs_you: u32,
    /// Failed, or changed nothing.
    pub failed: u32,
    /// Never started, or skipped.
    pub not_started: u32,
}

impl Counts {
    /// Returns how many tasks are in a state.
    pub const fn n(&self, state: TaskStatus) -> u32 {
        match state {
            TaskStatus::Waiting => self.waiting,
            TaskStatus::Running => self.running,
            TaskStatus::Done => self.done,
            TaskStatus::AlreadyOpen => self.already_open,
            TaskStatus::AlreadyMerged => self.already_merged,
            TaskStatus::NeedsYou => self.needs_you,
            TaskStatus::Failed => self.failed,
            TaskStatus::NotStarted => self.not_started,
        }
    }

    /// Returns the states of ended tasks that occur, each with its number of tasks.
    pub fn ended(&self) -> impl Iterator<Item = (TaskStatus, u32)> {
        let is_open = |state| matches!(state, TaskStatus::Waiting | TaskStatus::Running);
        TaskStatus::ALL
            .into_iter()
            .filter(move |&state| !is_open(state))
            .map(|state| (state, self.n(state)))
            .filter(|&(_, n)| 0 < n)
    }

    /// Returns how many tasks have not ended.
    pub const fn unfinished(&self) -> u32 {
        self.waiting + self.running
    }
}

impl FromIterator<TaskStatus> for Counts {
    fn from_iter<I: IntoIterator<Item = TaskStatus>>(states: I) -> Self {
        let mut counts = Self::default();
        for state in states {
            counts.total += 1;
            *match state {
                TaskStatus::Waiting => &mut counts.waiting,
                TaskStatus::Running => &mut counts.running,
                TaskStatus::Done => &mut counts.done,
                TaskStatus::AlreadyOpen => &mut counts.already_open,
                TaskStatus::AlreadyMerged => &mut counts.already_merged,
                TaskStatus::NeedsYou => &mut counts.needs_you,
                TaskStatus::Failed => &mut counts.failed,
                TaskStatus::NotStarted => &mut counts.not_started,
            } += 1;
        }
        counts
    }
}
