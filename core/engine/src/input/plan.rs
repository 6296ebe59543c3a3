//! Results of the planner, and of reading the plan and creating its issues.

use crate::{AgentReport, Answer, Failure, IssueNumber, Plan, Usd};

/// Result of a planning effect.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanInput {
    /// A given plan was read.
    Read {
        /// The plan.
        plan: Plan,
    },
    /// The planner has spent this amount so far.
    PlannerMetered {
        /// The attempt.
        attempt: u32,
        /// Amount since the start of the attempt.
        spent: Usd,
    },
    /// The planner's program exited.
    Decomposed {
        /// The attempt.
        attempt: u32,
        /// Report of the agent's backend.
        report: Box<AgentReport>,
        /// The planner's answer; `None` if it gave none.
        answer: Option<Answer>,
    },
    /// The plan was declined.
    Declined,
    /// An issue of the plan exists on the forge.
    IssueCreated {
        /// Position, from 1.
        position: u32,
        /// Number of the issue.
        number: IssueNumber,
        /// Whether the issue already existed.
        existed: bool,
        /// Number of calls to the forge's API.
        n_api_calls: u32,
    },
    /// The dependencies of an issue of the plan are recorded on the forge.
    IssueLinked {
        /// Position, from 1.
        position: u32,
        /// Number of calls to the forge's API.
        n_api_calls: u32,
    },
    /// The plan could not be read, or one of its issues could not be created or linked.
    Failed {
        /// The failure.
        failure: Failure,
    },
}
