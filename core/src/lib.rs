//! Runs autoissue sessions: everything between a command and its events.
//!
//! ```text
//!   Command ─► session ─► dispatcher ─► journal ─► bus ─► Event
//!                          │   ▲   owns the engine
//!                   Effect ▼   │ Input
//!                        executor ─► services: forge, mirror, worktrees, agent, checks, strategies
//! ```
//!
//! Core never prints and reads neither arguments nor environment for its configuration: it gets a
//! [`config::Config`] and a [`session::Host`], so it can be embedded.

pub mod agent;
pub mod apply_patch;
mod backlog_notes;
pub mod built_in;
pub mod bus;
pub mod checks;
pub mod chronicle;
pub mod clean;
pub mod config;
pub mod control;
pub mod demo;
mod disk;
mod dispatcher;
pub mod doctor;
mod executor;
mod host;
mod log;
pub mod outdated_journal;
mod past_sessions;
pub mod planner;
pub mod plugins;
mod preflight;
pub mod prompt;
pub mod prompt_preview;
pub mod recorded;
pub mod retention;
pub mod session;
pub mod strategy;
pub mod summary;
pub mod transcript;
mod wall_clock;
pub mod whole_file;
mod work;

pub use autoissue_engine as engine;
pub use autoissue_forge as forge;
pub use autoissue_git as git;
pub use autoissue_journal as journal;
pub use autoissue_process as process;
pub use autoissue_secret as secret;
