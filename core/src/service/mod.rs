//! Services: each touches one outside thing, holds no session state, does not retry and gives exactly one answer.

pub mod git_program;
pub mod mirror;
pub mod worktrees;

#[cfg(test)]
mod git_fixture;
//! The services: one outside thing each, no session state, no retries.

pub mod agent_environment;
mod bounded_output;
pub mod checks;
mod line_reader;
pub mod process;
mod process_table;
pub mod supervisor;
//! One outside thing each: a service does what it is asked once, holds no session state and never decides or retries.

pub mod apply_patch;
