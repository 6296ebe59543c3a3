//! What is to be done in the world. Every effect may be repeated; each is answered by exactly one input, unless it says otherwise.

use crate::input::SharedIssue;
use crate::{AgentSession, Classification, Effort, IssueNumber, Rejection, Usd, Work};

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Get the plan that was given. Answer: `PlanRead` or `PlanFailed`.
    ReadPlan,
    /// Have the agent split the directive into issues. Answer: `Decomposed`; any number of `PlannerMetered` before.
    Decompose {
        /// Attempt, from 1.
        attempt: u32,
        /// Model; `None` leaves it to the program.
        model: Option<String>,
        /// What the agent is told that it may spend; `None` where it is free.
        limit: Option<Usd>,
        /// Session of the agent to go on with.
        resume: Option<AgentSession>,
        /// What was wrong with the answer before.
        rejection: Option<Rejection>,
    },
    /// Look what came of a planner that was running when we died. Answer: `Decomposed`, with what is on disk or an end unseen.
    RecoverPlan {
        /// Attempt.
        attempt: u32,
    },
    /// Create the issue at a position of the plan, or find it. Answer: `IssueCreated` or `PlanFailed`.
    CreateIssue {
        /// Position, from 1.
        position: u32,
    },
    /// Write down what the issue at a position depends on, where that is not said yet. Answer: `IssueLinked` or `PlanFailed`.
    LinkIssue {
        /// Position, from 1.
        position: u32,
    },
    /// Stop what runs for the plan. No answer of its own: the stopped effect answers.
    StopPlanning {
        /// Why.
        reason: StopReason,
    },
    /// Get the open issues that carry the label. Answer: `BacklogFetched` or `BacklogFailed`.
    FetchBacklog,
    /// Ask the classifier. Answer: `Classified`.
    Classify {
        /// Task.
        issue: SharedIssue,
    },
    /// Ask the model selector. Answer: `ModelSelected`.
    SelectModel {
        /// Task.
        issue: SharedIssue,
        /// What the classifier said.
        classification: Classification,
        /// Number of the attempt to come.
        attempt: u32,
        /// Failures of substance so far.
        n_substance: u32,
        /// What is left of the task's cap.
        cap_left: Usd,
    },
    /// Run the checks on the base. Answer: `BaseChecked`.
    CheckBase,
    /// Make the worktree of an attempt; what an attempt before left there uncollected is saved first. The issue is looked
    /// at again before. Answer: `WorktreeLeased`, `Withdrawn` or `Failed`.
    LeaseWorktree {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Where the work starts.
        start: Start,
    },
    /// Run the agent. Answer: `AgentExited`, or `Failed` if it could not be started; any number of `Metered` before.
    RunAgent {
        /// Task.
        issue: SharedIssue,
        /// Attempt.
        attempt: u32,
        /// Model; `None` leaves it to the program.
        model: Option<String>,
        /// How hard it should think; `None` leaves it to the program.
        effort: Option<Effort>,
        /// What the agent is told that it may spend; `None` where it is free.
        limit: Option<Usd>,
        /// Session of the agent to go on with.
        resume: Option<AgentSession>,
        /// What was not good enough before.
        feedback: Option<String>,
        /// Whether the worktree holds what an attempt before has done.
        continues: bool,
        /// Paths that other running tasks work on.
        avoid: Vec<String>,
    },
    /// Stop what runs for an attempt. No answer of its own: the stopped effect answers.
    Stop {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Why.
        reason: StopReason,
    },
    /// Take the work of an attempt into the mirror. Answer: `WorkCollected` or `Failed`.
    CollectWork {
        /// Task.
        issue: SharedIssue,
        /// Attempt.
        attempt: u32,
        /// Commit that the attempt started from.
        base: String,
    },
    /// Run the checks on the work. Answer: `ChecksFinished` or `Failed`.
    RunChecks {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// The work.
        work: Work,
    },
    /// Publish the work. Answer: `Published` or `Failed`.
    Publish {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
    },
    /// Remove the worktree; its work is safe. No answer.
    ReleaseWorktree {
        /// Task.
        issue: IssueNumber,
        /// Attempt.
        attempt: u32,
        /// Whether the work is published, so that its salvage ref may go.
        published: bool,
    },
}

/// Where an attempt's work starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the head of the base branch.
    Base,
    /// At the published work of these issues, merged where there are several.
    Published(Vec<(IssueNumber, Option<String>)>),
    /// In the tree that the attempt before left.
    Kept {
        /// Commit that it started from.
        base: String,
        /// Commit that holds its work, where the tree is gone.
        work: Option<String>,
    },
}

/// Why something is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It passed its reservation.
    Budget,
    /// The session is interrupted: ask it to end.
    Interrupted,
    /// The session is interrupted again: end it.
    Killed,
}
