//! A task and its states.
//!
//! ```text
//!   Classifying ─► Choosing ─► Waiting ─► Running: the stages of its kind ─► Ended
//!                     ▲           ▲                     │
//!                     │           └── failed, to be retried
//!                     └── failed in substance: the model selector is asked again
//! ```

use crate::issue::SharedIssue;
use crate::{
    AgentReport, AgentSession, AttemptStage, CheckResult, Classification, Effort, Ended,
    FailureType, Outcome, Publication, Start, TaskKind, Time, UnfinishedWork, Usd, Work,
};

/// An issue accepted into the session.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The issue.
    pub issue: SharedIssue,
    /// Kind of work, which determines the stages of its attempts.
    pub kind: TaskKind,
    /// Current stage.
    pub state: TaskState,
    /// The classifier's answer.
    pub classification: Option<Classification>,
    /// Model of the next attempt; `None` leaves it to the program.
    pub model: Option<String>,
    /// Effort level of the model; `None` leaves it to the program.
    pub effort: Option<Effort>,
    /// Estimated cost.
    pub estimate: Usd,
    /// Amount that earlier sessions have spent on it.
    pub spent_before: Usd,
    /// Cost in this session, over all attempts.
    pub spent: Usd,
    /// The estimated part of `spent`.
    pub estimated: Usd,
    /// Amount that was estimated for interrupted runs beyond what was metered. It is charged, but
    /// does not count against the task's cap.
    pub(crate) forgiven: Usd,
    /// Attempts started so far.
    pub n_attempts: u32,
    /// Retries used.
    pub n_retries: u32,
    /// Failures of substance.
    pub n_substance: u32,
    /// Attempt to continue, if the last one left its worktree.
    pub continuation: Option<Continuation>,
    /// Last failure of the task or of a service, as text.
    pub last_failure: Option<(FailureType, String)>,
    /// What was wrong with the previous attempt.
    pub feedback: Option<String>,
    /// Work of the last attempt that left any.
    pub work: Option<Work>,
    /// Remarks for the user about a last attempt that left no work.
    pub notes: Vec<String>,
    /// What the agent backend told the operator, in any attempt.
    pub agent_notes: Vec<String>,
    /// Checks of the last attempt that reached them.
    pub checks: Vec<CheckResult>,
    /// Last report of an agent.
    pub report: Option<AgentReport>,
    /// Session of the last agent.
    pub(crate) session: Option<AgentSession>,
    /// Commit that the last attempt started from.
    pub base: Option<String>,
    /// Where the work is published.
    pub publication: Option<Publication>,
    /// Issues that wait for this one.
    pub(crate) dependents: Vec<crate::IssueNumber>,
    /// Dependencies that are not available yet.
    pub(crate) n_missing: u32,
}

/// What a failed attempt leaves to the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// Commit that the work started from.
    pub base: String,
    /// Commit that contains the work so far, in case the worktree is gone.
    pub work: Option<String>,
    /// Session of the agent.
    pub session: Option<AgentSession>,
}

/// TaskState of a task.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskState {
    /// Waiting for the classifier.
    Classifying,
    /// Waiting for the model selector.
    Choosing,
    /// Waiting to start.
    Waiting {
        /// Earliest start.
        not_before: Time,
    },
    /// The task has a slot.
    Running(Box<Attempt>),
    /// It has ended.
    Ended(Outcome),
}

/// A running attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Number, from 1.
    pub number: u32,
    /// Amount still reserved.
    pub reserved: Usd,
    /// Amount that the agent was seen to spend.
    pub metered: Usd,
    /// Current step.
    pub state: AttemptState,
    /// Whether an answer is outstanding.
    pub in_flight: bool,
    /// Whether the agent was stopped for exceeding its limit.
    pub over_budget: bool,
    /// Failed tries at publishing that count.
    pub n_publish_failures: u32,
}

/// The current step of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptState {
    /// The worktree is being prepared.
    Leasing {
        /// Where the work starts.
        start: Start,
    },
    /// The agent is working.
    Agent,
    /// The work is being collected into the mirror.
    Collecting,
    /// Collection or checks are postponed until the machine has disk space.
    CollectingLater {
        /// Earliest time of the retry.
        not_before: Time,
        /// Whether the work is already collected, so that only the checks are repeated.
        checks: bool,
    },
    /// The checks are running.
    Checking,
    /// The work is being published.
    Publishing {
        /// Earliest time; zero if there is nothing to wait for.
        not_before: Time,
    },
}

impl AttemptState {
    /// Returns whether the step may take long, so that it is stopped rather than waited for.
    pub(crate) const fn may_take_long(&self) -> bool {
        matches!(
            self,
            Self::Leasing { .. } | Self::Agent | Self::Checking | Self::Publishing { .. }
        )
    }

    /// Returns the stage that the step is part of.
    pub const fn stage(&self) -> AttemptStage {
        match self {
            Self::Leasing { .. } => AttemptStage::Worktree,
            Self::Agent => AttemptStage::Agent,
            Self::Collecting | Self::CollectingLater { checks: false, .. } => AttemptStage::Collect,
            Self::Checking | Self::CollectingLater { checks: true, .. } => AttemptStage::Checks,
            Self::Publishing { .. } => AttemptStage::Publish,
        }
    }
}

impl Attempt {
    /// Returns the amount that was metered but not settled. Once the agent has exited, its cost is
    /// part of the task's `spent`.
    pub fn unsettled(&self) -> Usd {
        if self.reserved == Usd::ZERO {
            Usd::ZERO
        } else {
            self.metered
        }
    }

    /// Returns the unused part of the reservation.
    pub fn unspent(&self) -> Usd {
        (self.reserved - self.unsettled()).max(Usd::ZERO)
    }
}

impl Task {
    /// Returns the amount spent: settled costs, and what the running attempt has metered.
    pub fn spent_now(&self) -> Usd {
        self.spent + self.attempt().map_or(Usd::ZERO, Attempt::unsettled)
    }

    pub(crate) fn new(issue: SharedIssue) -> Self {
        Self {
            issue,
            kind: TaskKind::NewWork,
            state: TaskState::Classifying,
            classification: None,
            model: None,
            effort: None,
            estimate: Usd::ZERO,
            spent_before: Usd::ZERO,
            spent: Usd::ZERO,
            estimated: Usd::ZERO,
            forgiven: Usd::ZERO,
            n_attempts: 0,
            n_retries: 0,
            n_substance: 0,
            continuation: None,
            last_failure: None,
            feedback: None,
            work: None,
            notes: Vec::new(),
            agent_notes: Vec::new(),
            checks: Vec::new(),
            report: None,
            session: None,
            base: None,
            publication: None,
            dependents: Vec::new(),
            n_missing: 0,
        }
    }

    /// Makes the task continue the work that an earlier session left.
    pub(crate) fn continue_from(&mut self, unfinished: &UnfinishedWork) {
        self.kind = TaskKind::ContinuedWork;
        self.spent_before = unfinished.spent;
        self.session.clone_from(&unfinished.session);
        self.base = Some(unfinished.base.clone());
        self.continuation = unfinished.work.is_some().then(|| Continuation {
            base: unfinished.base.clone(),
            work: unfinished.work.clone(),
            session: unfinished.session.clone(),
        });
    }

    /// Returns the work that a later session can continue: work interrupted by the task's cap or by
    /// the end of the session.
    pub fn unfinished(&self) -> Option<UnfinishedWork> {
        let is_unfinished = match &self.state {
            TaskState::Ended(Outcome::Budget { .. }) => true,
            TaskState::Ended(_) => false,
            _ => self.continuation.is_some(),
        };
        let spent = self.spent_before + self.spent - self.forgiven;
        (is_unfinished && Usd::ZERO < spent).then(|| UnfinishedWork {
            spent,
            base: self.base.clone().unwrap_or_default(),
            work: self.work_commit(),
            session: self.session.clone(),
        })
    }

    /// Returns the commit of the last collected work.
    pub(crate) fn work_commit(&self) -> Option<String> {
        let of_kept = || self.continuation.as_ref()?.work.clone();
        let collected = self.work.as_ref().map(|work| work.commit.clone());
        collected
            .filter(|commit| !commit.is_empty())
            .or_else(of_kept)
    }

    /// Returns the domain; `unknown` until the classifier has answered.
    pub fn domain(&self) -> &str {
        self.classification
            .as_ref()
            .map_or("unknown", |classification| &classification.domain)
    }

    /// Returns the paths that the issue mentions or is expected to touch.
    pub fn paths(&self) -> &[String] {
        self.classification
            .as_ref()
            .map_or(&[], |classification| &classification.paths)
    }

    /// Returns the running attempt.
    pub fn attempt(&self) -> Option<&Attempt> {
        match &self.state {
            TaskState::Running(attempt) => Some(attempt),
            _ => None,
        }
    }

    pub(crate) fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        match &mut self.state {
            TaskState::Running(attempt) => Some(attempt),
            _ => None,
        }
    }

    /// Resumes a postponed collection or check.
    pub(crate) fn resume_collecting(&mut self) {
        if let Some(attempt) = self.attempt_mut()
            && let AttemptState::CollectingLater { checks, .. } = attempt.state
        {
            attempt.state = if checks {
                AttemptState::Checking
            } else {
                AttemptState::Collecting
            };
            attempt.in_flight = true;
        }
    }

    /// Moves the running attempt to another step.
    pub(crate) fn go(&mut self, state: AttemptState, in_flight: bool) {
        if let Some(attempt) = self.attempt_mut() {
            attempt.state = state;
            attempt.in_flight = in_flight;
        }
    }

    /// Returns whether the last agent ended well, according to its report and to us.
    pub(crate) fn agent_was_good(&self) -> bool {
        self.report
            .as_ref()
            .is_some_and(|report| report.ended == Ended::Done)
    }

    /// Returns when publishing may be retried, if it is waiting.
    pub(crate) fn publish_not_before(&self) -> Option<Time> {
        match self.attempt()? {
            Attempt {
                state: AttemptState::Publishing { not_before },
                in_flight: false,
                ..
            } => Some(*not_before),
            _ => None,
        }
    }

    /// Returns when the work may be collected, if that is waiting for the machine.
    pub(crate) fn collect_not_before(&self) -> Option<Time> {
        match self.attempt()?.state {
            AttemptState::CollectingLater { not_before, .. } => Some(not_before),
            _ => None,
        }
    }

    /// Returns the outcome, if the task has ended.
    pub const fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            TaskState::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Returns the displayed name of the stage.
    pub const fn stage_name(&self) -> &'static str {
        match &self.state {
            TaskState::Classifying => "classify",
            TaskState::Choosing => "choose",
            TaskState::Waiting { .. } => "waiting",
            TaskState::Running(attempt) => attempt.state.stage().name(),
            TaskState::Ended(_) => "ended",
        }
    }
}
