//! A task and its stages.
//!
//! ```text
//!   Classifying ─► Choosing ─► Waiting ─► Running: the stages of its kind ─► Ended
//!                     ▲           ▲                     │
//!                     │           └── failed, to be tried again
//!                     └── failed in substance, and the model selector is asked again
//! ```

use crate::issue::SharedIssue;
use crate::{
    AgentReport, AgentSession, AttemptStage, CheckResult, Classification, CutOff, Effort, Ended,
    FailureType, Outcome, Publication, Start, TaskKind, Time, Usd, Work,
};

/// An issue accepted into the session.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The issue.
    pub issue: SharedIssue,
    /// What it is about, which says which stages its attempts have.
    pub kind: TaskKind,
    /// Where it is.
    pub stage: Stage,
    /// What the classifier said.
    pub classification: Option<Classification>,
    /// Model of the next attempt; `None` leaves it to the program.
    pub model: Option<String>,
    /// How hard it should think; `None` leaves it to the program.
    pub effort: Option<Effort>,
    /// What it is expected to cost.
    pub estimate: Usd,
    /// What earlier sessions have spent on it.
    pub spent_before: Usd,
    /// What it has cost, all attempts of this session.
    pub spent: Usd,
    /// How much of that is assumed.
    pub assumed: Usd,
    /// What was assumed of interrupted runs beyond what was seen. It is charged, but does not count against the task's cap.
    pub(crate) forgiven: Usd,
    /// Attempts started so far.
    pub n_attempts: u32,
    /// Retries used up.
    pub n_retries: u32,
    /// Failures of substance.
    pub n_substance: u32,
    /// Attempt to go on with, where the last one left its worktree.
    pub kept: Option<Kept>,
    /// Last failure that was the task's or a service's, in words.
    pub last_failure: Option<(FailureType, String)>,
    /// What was not good enough before.
    pub feedback: Option<String>,
    /// Work of the last attempt that left any.
    pub work: Option<Work>,
    /// What a person should know of a last attempt that left none.
    pub notes: Vec<String>,
    /// Checks of the last attempt that got so far.
    pub checks: Vec<CheckResult>,
    /// Last report of an agent.
    pub report: Option<AgentReport>,
    /// Session of the last agent.
    pub(crate) session: Option<AgentSession>,
    /// Commit that the last attempt started from.
    pub base: Option<String>,
    /// Where its work is published.
    pub publication: Option<Publication>,
    /// Issues that wait for this one.
    pub(crate) dependents: Vec<crate::IssueNumber>,
    /// Dependencies that are not there yet.
    pub(crate) n_missing: u32,
}

/// What a failed check leaves to the next attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Commit that the work started from.
    pub base: String,
    /// Commit that holds the work so far, should the tree be gone.
    pub work: Option<String>,
    /// Session of the agent.
    pub session: Option<AgentSession>,
}

/// Where a task is.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// The classifier is asked.
    Classifying,
    /// The model selector is asked.
    Choosing,
    /// It waits for its turn.
    Waiting {
        /// Not before this time.
        not_before: Time,
    },
    /// It has a slot.
    Running(Box<Attempt>),
    /// It has ended.
    Ended(Outcome),
}

/// One try at a task, in flight.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Number, from 1.
    pub number: u32,
    /// Money still set aside.
    pub reserved: Usd,
    /// What the agent was seen to spend.
    pub metered: Usd,
    /// What it is doing.
    pub doing: Doing,
    /// Whether the world owes an answer.
    pub in_flight: bool,
    /// Whether the agent was told to stop for its money.
    pub over_budget: bool,
    /// Tries at publishing that failed and count.
    pub n_publish_failures: u32,
}

/// What an attempt is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Its worktree is made.
    Leasing {
        /// Where the work starts.
        start: Start,
    },
    /// The agent works.
    Agent,
    /// The work is taken into the mirror.
    Collecting,
    /// The work is taken into the mirror, or checked, once the machine has room for it, not before this time.
    CollectingLater {
        /// When.
        not_before: Time,
        /// Whether the work is collected, and the checks are what is repeated.
        checks: bool,
    },
    /// The checks run.
    Checking,
    /// The work is published, not before this time.
    Publishing {
        /// Zero where there is nothing to wait for.
        not_before: Time,
    },
}

impl Doing {
    /// Returns whether it is worth stopping rather than waiting for.
    pub(crate) const fn may_take_long(&self) -> bool {
        matches!(
            self,
            Self::Leasing { .. } | Self::Agent | Self::Checking | Self::Publishing { .. }
        )
    }

    /// Returns the stage that it is a part of.
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
    /// Returns what was metered and is not settled: once its agent has ended, its cost is a part of what the task has spent.
    pub fn unsettled(&self) -> Usd {
        if self.reserved == Usd::ZERO {
            Usd::ZERO
        } else {
            self.metered
        }
    }

    /// Returns what is left of its reservation.
    pub fn unspent(&self) -> Usd {
        (self.reserved - self.unsettled()).max(Usd::ZERO)
    }
}

impl Task {
    /// Returns what it has spent: what is settled, and what its running attempt has metered.
    pub fn spent_now(&self) -> Usd {
        self.spent + self.attempt().map_or(Usd::ZERO, Attempt::unsettled)
    }

    pub(crate) fn new(issue: SharedIssue) -> Self {
        Self {
            issue,
            kind: TaskKind::NewWork,
            stage: Stage::Classifying,
            classification: None,
            model: None,
            effort: None,
            estimate: Usd::ZERO,
            spent_before: Usd::ZERO,
            spent: Usd::ZERO,
            assumed: Usd::ZERO,
            forgiven: Usd::ZERO,
            n_attempts: 0,
            n_retries: 0,
            n_substance: 0,
            kept: None,
            last_failure: None,
            feedback: None,
            work: None,
            notes: Vec::new(),
            checks: Vec::new(),
            report: None,
            session: None,
            base: None,
            publication: None,
            dependents: Vec::new(),
            n_missing: 0,
        }
    }

    /// Makes the task go on with what an earlier session left.
    pub(crate) fn go_on_with(&mut self, cut_off: &CutOff) {
        self.kind = TaskKind::ContinuedWork;
        self.spent_before = cut_off.spent;
        self.session.clone_from(&cut_off.session);
        self.base = Some(cut_off.base.clone());
        self.kept = cut_off.work.is_some().then(|| Kept {
            base: cut_off.base.clone(),
            work: cut_off.work.clone(),
            session: cut_off.session.clone(),
        });
    }

    /// Returns what a later session may go on with: work that the task's cap, or the end of the session, cut off.
    pub fn cut_off(&self) -> Option<CutOff> {
        let is_cut_off = match &self.stage {
            Stage::Ended(Outcome::Budget { .. }) => true,
            Stage::Ended(_) => false,
            _ => self.kept.is_some(),
        };
        let spent = self.spent_before + self.spent - self.forgiven;
        (is_cut_off && Usd::ZERO < spent).then(|| CutOff {
            spent,
            base: self.base.clone().unwrap_or_default(),
            work: self.work_commit(),
            session: self.session.clone(),
        })
    }

    /// Returns the commit of the last work that was collected.
    pub(crate) fn work_commit(&self) -> Option<String> {
        let of_kept = || self.kept.as_ref()?.work.clone();
        let collected = self.work.as_ref().map(|work| work.commit.clone());
        collected
            .filter(|commit| !commit.is_empty())
            .or_else(of_kept)
    }

    /// Returns its domain; `unknown` until the classifier has answered.
    pub fn domain(&self) -> &str {
        self.classification
            .as_ref()
            .map_or("unknown", |classification| &classification.domain)
    }

    /// Returns the paths that it names or is expected to touch.
    pub fn paths(&self) -> &[String] {
        self.classification
            .as_ref()
            .map_or(&[], |classification| &classification.paths)
    }

    /// Returns the attempt in flight.
    pub fn attempt(&self) -> Option<&Attempt> {
        match &self.stage {
            Stage::Running(attempt) => Some(attempt),
            _ => None,
        }
    }

    pub(crate) fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        match &mut self.stage {
            Stage::Running(attempt) => Some(attempt),
            _ => None,
        }
    }

    /// Takes up what waited for room on the disk.
    pub(crate) fn go_on_collecting(&mut self) {
        if let Some(attempt) = self.attempt_mut()
            && let Doing::CollectingLater { checks, .. } = attempt.doing
        {
            attempt.doing = if checks {
                Doing::Checking
            } else {
                Doing::Collecting
            };
            attempt.in_flight = true;
        }
    }

    /// Moves the attempt in flight on.
    pub(crate) fn go(&mut self, doing: Doing, in_flight: bool) {
        if let Some(attempt) = self.attempt_mut() {
            attempt.doing = doing;
            attempt.in_flight = in_flight;
        }
    }

    /// Returns whether the last agent ended well, by its own word and by ours.
    pub(crate) fn agent_was_good(&self) -> bool {
        self.report
            .as_ref()
            .is_some_and(|report| report.ended == Ended::Done)
    }

    /// Returns when publishing may be tried again, where it waits for that.
    pub(crate) fn publish_not_before(&self) -> Option<Time> {
        match self.attempt()? {
            Attempt {
                doing: Doing::Publishing { not_before },
                in_flight: false,
                ..
            } => Some(*not_before),
            _ => None,
        }
    }

    /// Returns when its work may be collected, where that waits for the machine.
    pub(crate) fn collect_not_before(&self) -> Option<Time> {
        match self.attempt()?.doing {
            Doing::CollectingLater { not_before, .. } => Some(not_before),
            _ => None,
        }
    }

    /// Returns how it ended.
    pub const fn outcome(&self) -> Option<&Outcome> {
        match &self.stage {
            Stage::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Returns the name of its stage as it is shown.
    pub const fn stage_name(&self) -> &'static str {
        match &self.stage {
            Stage::Classifying => "classify",
            Stage::Choosing => "choose",
            Stage::Waiting { .. } => "waiting",
            Stage::Running(attempt) => attempt.doing.stage().name(),
            Stage::Ended(_) => "ended",
        }
    }
}
