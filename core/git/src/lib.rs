//! Repositories: the user's checkout, the remote, the mirror that contains all work, and the
//! worktrees for agents.
//!
//! ```text
//!   remote ◄─fetch, push─► mirror ◄─import─ worktrees ◄─ agents
//!                            ▲                 ▲
//!                         checkout          collector: reads agents' work, in a process that can be killed
//! ```
//!
//! This crate knows neither sessions nor issues beyond their numbers; it never decides and never
//! retries.

mod attributes;
pub mod checkout;
pub mod collector;
mod commit_id;
#[cfg(test)]
mod fixture;
mod lfs;
mod library_error;
pub mod mirror;
mod path_bytes;
pub mod program;
pub mod remote;
pub mod stale_locks;
pub mod worktrees;

pub use commit_id::{CommitId, NotACommitId};
pub use library_error::LibraryError;

/// Prefix of our branches; the issue's number follows.
pub const BRANCH_PREFIX: &str = "autoissue/issue-";
