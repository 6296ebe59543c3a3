//! The services: one outside thing each. A service does what it is asked once, holds no session state, and never decides or retries.

pub mod agent;
pub mod agent_environment;
pub mod apply_patch;
mod attributes;
pub mod awake;
mod bounded_output;
pub mod checkout;
pub mod checks;
pub mod collector;
pub mod forge;
#[cfg(test)]
pub(crate) mod git_fixture;
pub mod git_program;
pub mod github;
mod lfs;
mod line_reader;
pub mod local_forge;
pub mod mirror;
pub mod pager;
mod path_bytes;
pub mod process;
mod process_table;
pub mod remote;
pub mod stale_locks;
pub mod supervisor;
pub mod worktrees;
