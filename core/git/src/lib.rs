//! Repositories: the user's checkout, the remote, the mirror that holds all work, and the worktrees that agents get.
//!
//! ```text
//!   remote ◄─fetch, push─► mirror ◄─import─ worktrees ◄─ agents
//!                            ▲                 ▲
//!                         checkout          collector: reads what agents left, in a process that can be ended
//! ```
//!
//! It knows neither sessions nor issues beyond their numbers, never decides, and never tries again.

mod attributes;
pub mod checkout;
pub mod collector;
mod commit_id;
#[cfg(test)]
mod fixture;
mod lfs;
pub mod mirror;
mod path_bytes;
pub mod program;
pub mod remote;
pub mod stale_locks;
pub mod worktrees;

pub use commit_id::{CommitId, NotACommitId};

/// Branches of ours are this and the issue's number.
pub const BRANCH_PREFIX: &str = "autoissue/issue-";
