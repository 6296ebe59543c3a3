//! What the planner, the plan and the creation of its issues came to.

use crate::{AgentReport, Answer, Failure, IssueNumber, Plan, Usd};

/// What came of the plan.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanInput {
    /// The plan that was given.
    Read {
        /// The plan.
        plan: Plan,
    },
    /// The planner has spent so much so far.
    PlannerMetered {
        /// Attempt.
        attempt: u32,
        /// Since the attempt began.
        spent: Usd,
    },
    /// The planner's program has ended.
    Decomposed {
        /// Attempt.
        attempt: u32,
        /// What its backend read.
        report: AgentReport,
        /// What it answered; `None` where it gave no answer.
        answer: Option<Answer>,
    },
    /// A person does not want the plan.
    Declined,
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
    /// The plan could not be read, or an issue of it not be created or linked.
    Failed {
        /// Why.
        failure: Failure,
    },
}
