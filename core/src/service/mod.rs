//! Services: each touches one outside thing, holds no session state, does not retry and gives exactly one answer.

pub mod git_program;
pub mod mirror;
pub mod worktrees;

#[cfg(test)]
mod git_fixture;
