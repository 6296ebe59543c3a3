//! What is now true, in the past tense: the journal, the live screen, `status`, `resume` and the test oracles read these.
//!
//! The JSON form is a promise. A field added later has a default, for old journals are read by new releases; an event
//! that an old release does not know is an error there, for it could not go on correctly.

use serde::{Deserialize, Serialize};

use crate::input::SharedIssue;
use crate::{
    About, AgentReport, CheckResult, Classification, Effort, Failure, History, IssueNumber,
    Outcome, Plan, Publication, Rejection, Service, SessionStatus, Settings, Time, Undecided, Usd,
    Work,
};

/// What happened in a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The session began.
    SessionStarted {
        /// Limits and rules.
        settings: Box<Settings>,
        /// What it is about.
        about: About,
        /// Costs of earlier tasks.
        history: History,
    },
    /// It goes on after an interruption or a crash.
    SessionResumed {
        /// Limits and rules from now on.
        settings: Box<Settings>,
    },
    /// The planner began; its money is set aside.
    PlannerStarted {
        /// Attempt, from 1.
        attempt: u32,
        /// Money set aside.
        reserved: Usd,
        /// Model.
        model: Option<String>,
    },
    /// The planner has spent so much so far.
    PlannerMetered {
        /// Attempt.
        attempt: u32,
        /// Since the attempt began.
        spent: Usd,
    },
    /// The planner's program has ended; its reservation is settled.
    PlannerExited {
        /// Attempt.
        attempt: u32,
        /// What its backend read.
        report: AgentReport,
        /// What is charged.
        charged: Usd,
        /// Whether the charge is assumed, for the cost is not known.
        assumed: bool,
    },
    /// The planner failed.
    PlannerFailed {
        /// Attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// Whether it counts against its retries.
        charged: bool,
        /// When it may be tried again; `None` if it is not.
        retry_at: Option<Time>,
    },
    /// The planner's answer is no plan.
    PlanRejected {
        /// Attempt.
        attempt: u32,
        /// What is wrong, and where the answer is.
        #[serde(flatten)]
        rejection: Rejection,
        /// Whether the planner is asked once more.
        again: bool,
    },
    /// The plan stands.
    PlanProposed {
        /// The plan.
        plan: Plan,
    },
    /// The session waits, not running, until a person has agreed to the plan.
    ConfirmationAwaited,
    /// The plan is carried out.
    PlanConfirmed,
    /// A person does not want the plan.
    PlanDeclined,
    /// An issue of the plan is on the forge.
    IssueCreated {
        /// Position, from 1.
        position: u32,
        /// Its number.
        number: IssueNumber,
        /// Whether it was there already.
        existed: bool,
        /// Calls to the forge's API that it took.
        n_api_calls: u32,
    },
    /// What an issue of the plan depends on is written down.
    IssueLinked {
        /// Position, from 1.
        position: u32,
        /// Calls to the forge's API that it took.
        n_api_calls: u32,
    },
    /// Creating or linking an issue failed and is tried again.
    CreationDelayed {
        /// Why.
        failure: Failure,
        /// Whether it counts against the tries.
        charged: bool,
        /// When it is tried again, at the earliest.
        until: Time,
    },
    /// Creating or linking an issue is tried again.
    CreationRetried,
    /// Creating or linking an issue was stopped; it is asked for again at resume.
    CreationSuspended,
    /// The backlog was read.
    BacklogRead {
        /// How many issues it has.
        n_issues: u32,
        /// What was odd.
        warnings: Vec<String>,
        /// Calls to the forge's API that it took; journals from before GitHub do not say.
        #[serde(default)]
        n_api_calls: u32,
    },
    /// Reading the backlog failed and is tried again.
    BacklogDelayed {
        /// Why.
        failure: Failure,
        /// When it is tried again.
        until: Time,
    },
    /// Reading the backlog is tried again.
    BacklogRetried,
    /// An issue became a task.
    TaskAccepted {
        /// The issue.
        issue: SharedIssue,
    },
    /// Its domain is known.
    TaskClassified {
        /// Task.
        issue: IssueNumber,
        /// What the classifier said.
        classification: Classification,
    },
    /// Its model and estimate are known.
    TaskPlanned {
        /// Task.
        issue: IssueNumber,
        /// Model; `None` leaves it to the program.
        model: Option<String>,
        /// How hard it should think; `None` leaves it to the program.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effort: Option<Effort>,
        /// Why this model.
        reason: String,
        /// What it is expected to cost.
        estimate: Usd,
    },
    /// A plugin did not decide.
    PluginFailed(Undecided),
    /// The backlog fits the budget, or what fits of it may start.
    BacklogAdmitted {
        /// What all of it is expected to cost.
        estimate: Usd,
        /// How many tasks are to run.
        n_tasks: u32,
    },
    /// The checks were run on the base.
    BaseChecked {
        /// Results.
        results: Vec<CheckResult>,
    },
    /// An attempt began; its money is set aside.
    AttemptStarted {
        /// Task.
        issue: IssueNumber,
        /// Attempt, from 1.
        attempt: u32,
        /// Money set aside.
        reserved: Usd,
        /// Model.
        model: Option<String>,
    },
    /// Its worktree is ready.
    WorktreeLeased {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Commit that it starts from.
        base: String,
    },
    /// The agent has spent so much so far.
    SpendMetered {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Since the attempt began.
        spent: Usd,
    },
    /// The agent's program has ended; its reservation is settled.
    AgentExited {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// What its backend read.
        report: AgentReport,
        /// What is charged.
        charged: Usd,
        /// Whether the charge is assumed, for the cost is not known.
        assumed: bool,
    },
    /// The work is safe in the mirror.
    WorkCollected {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// The work; `None` where nothing differs from the base.
        work: Option<Work>,
        /// What a person should know where there is none. Older journals have none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// The checks were run.
    ChecksFinished {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Results, in order.
        results: Vec<CheckResult>,
        /// Whether the work passed; a check that fails on the base too may not count.
        passed: bool,
    },
    /// The work could not be collected, or checked, for want of room; it stays where it is, and that is repeated later.
    CollectDelayed {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// When it is tried again, at the earliest.
        until: Time,
        /// Whether the work is collected, and the checks are what is repeated.
        checks: bool,
    },
    /// The work is collected, or checked, after all.
    CollectRetried {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
    },
    /// Publishing failed and is tried again.
    PublishDelayed {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// Whether it counts against the task's tries.
        charged: bool,
        /// When it is tried again, at the earliest.
        until: Time,
    },
    /// What ran for the attempt was stopped; it is asked for again at resume.
    AttemptSuspended {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
    },
    /// Publishing began.
    PublishStarted {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
    },
    /// The work is published.
    PullRequestOpened {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Where.
        publication: Publication,
    },
    /// The attempt failed.
    AttemptFailed {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// Whether it counts against the task's retries.
        charged: bool,
        /// When the task may be tried again; `None` if it is not.
        retry_at: Option<Time>,
        /// Whether the next attempt goes on in the same worktree and agent session.
        kept: bool,
        /// Whether that session is gone, so that the next attempt begins a new one. Journals from before 2026-12 do not say.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        lost_session: bool,
    },
    /// The task ended.
    TaskFinished {
        /// Task.
        issue: IssueNumber,
        /// How.
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// A service pauses until a time that it stated.
    ServicePaused {
        /// Service.
        service: Service,
        /// Until when.
        until: Time,
        /// What it said.
        message: String,
    },
    /// A service failed.
    ServiceFailed {
        /// Service.
        service: Service,
        /// Task that saw it.
        issue: Option<IssueNumber>,
        /// Whether the task's retries paid for it.
        charged: bool,
        /// How its program died, where that is what failed. Journals from before 2026-12 do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        died: Option<String>,
    },
    /// A service works, after failures.
    ServiceAnswered {
        /// Service.
        service: Service,
    },
    /// The breaker of a service opened.
    BreakerOpened {
        /// Service.
        service: Service,
        /// When it probes.
        until: Time,
        /// Consecutive failures.
        n_failures: u32,
        /// Since when it is open. Journals from before 2026-12 do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Time>,
    },
    /// One attempt probes whether the service works again.
    BreakerProbed {
        /// Service.
        service: Service,
        /// Task that probes.
        issue: IssueNumber,
    },
    /// A person closed the breaker.
    BreakerReset {
        /// Service.
        service: Service,
    },
    /// Someone asked to stop.
    InterruptRequested,
    /// Everything is saved; the session can be resumed.
    SessionInterrupted,
    /// Nothing more starts, for this reason.
    SessionStopping {
        /// Why.
        message: String,
        /// Whether finished work waits for it to be mended: the session is interrupted then, and a resume goes on. Journals
        /// from before GitHub do not say; there, nothing waits.
        #[serde(default)]
        resumable: bool,
    },
    /// The session ended.
    SessionFinished {
        /// How.
        #[serde(flatten)]
        status: SessionStatus,
    },
}

impl Event {
    /// Returns the failure that the event is about, if it is about one.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::AttemptFailed { failure, .. }
            | Self::CollectDelayed { failure, .. }
            | Self::PublishDelayed { failure, .. }
            | Self::BacklogDelayed { failure, .. }
            | Self::PlannerFailed { failure, .. }
            | Self::CreationDelayed { failure, .. } => Some(failure),
            _ => None,
        }
    }

    /// Returns the task that it is about.
    pub fn issue(&self) -> Option<IssueNumber> {
        match self {
            Self::TaskAccepted { issue } => Some(issue.number),
            Self::TaskClassified { issue, .. }
            | Self::TaskPlanned { issue, .. }
            | Self::AttemptStarted { issue, .. }
            | Self::WorktreeLeased { issue, .. }
            | Self::SpendMetered { issue, .. }
            | Self::AgentExited { issue, .. }
            | Self::WorkCollected { issue, .. }
            | Self::ChecksFinished { issue, .. }
            | Self::CollectDelayed { issue, .. }
            | Self::CollectRetried { issue, .. }
            | Self::PublishDelayed { issue, .. }
            | Self::AttemptSuspended { issue, .. }
            | Self::PublishStarted { issue, .. }
            | Self::PullRequestOpened { issue, .. }
            | Self::AttemptFailed { issue, .. }
            | Self::TaskFinished { issue, .. } => Some(*issue),
            Self::PluginFailed(undecided) => Some(undecided.issue),
            Self::BreakerProbed { issue, .. } => {
                Some(*issue).filter(|issue| *issue != IssueNumber::SESSION)
            }
            Self::ServiceFailed { issue, .. } => {
                issue.filter(|issue| *issue != IssueNumber::SESSION)
            }
            Self::SessionStarted { .. }
            | Self::SessionResumed { .. }
            | Self::PlannerStarted { .. }
            | Self::PlannerMetered { .. }
            | Self::PlannerExited { .. }
            | Self::PlannerFailed { .. }
            | Self::PlanRejected { .. }
            | Self::PlanProposed { .. }
            | Self::ConfirmationAwaited
            | Self::PlanConfirmed
            | Self::PlanDeclined
            | Self::IssueCreated { .. }
            | Self::IssueLinked { .. }
            | Self::CreationDelayed { .. }
            | Self::CreationRetried
            | Self::CreationSuspended
            | Self::BacklogRead { .. }
            | Self::BacklogDelayed { .. }
            | Self::BacklogRetried
            | Self::BacklogAdmitted { .. }
            | Self::BaseChecked { .. }
            | Self::ServicePaused { .. }
            | Self::ServiceAnswered { .. }
            | Self::BreakerOpened { .. }
            | Self::BreakerReset { .. }
            | Self::InterruptRequested
            | Self::SessionInterrupted
            | Self::SessionStopping { .. }
            | Self::SessionFinished { .. } => None,
        }
    }
}
