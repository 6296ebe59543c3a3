//! What is checked before anything is changed: the project, the forge, the strategies, and what may
//! go wrong. Used both when a session is opened and by `doctor`; this module depends on neither.
//!
//! ```text
//!   Config, Host ─► inspect ─────────► Project: git, checkout, base branch, forge
//!                ─► find_strategies ─► Strategies, the agent's program and environment
//!                ─► at_a_glance ─────► findings, each with advice
//! ```

pub(crate) mod agent;
mod error;
mod glance;
mod large_files;
pub(crate) mod login;
pub(crate) mod machine;
mod project;
mod release;
pub(crate) mod repository;
mod strategies;

use std::ffi::{OsStr, OsString};

pub use autoissue_forge::finding::{Finding, Level};
pub use error::SessionError;

pub(crate) use agent::InstalledProgram;
pub(crate) use glance::{AGENT_PERMISSIONS, at_a_glance};
pub(crate) use machine::DISK;
pub(crate) use project::{Project, default_branch, inspect, open_forge, roots};
pub(crate) use repository::{PROBE, branch_in_the_way, dry_run_push};
pub(crate) use strategies::{agent_variables, find_agent, find_strategies};

/// Returns the value of a variable of an environment.
pub(crate) fn variable_of<'e>(
    environment: &'e [(OsString, OsString)],
    name: &str,
) -> Option<&'e OsStr> {
    environment
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_os_str())
}
