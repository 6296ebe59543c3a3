//! Runs autoissue sessions: everything between a command and its events.
//!
//! ```text
//!   Command ─► session ─► dispatcher ─► journal ─► bus ─► Event
//!                          │   ▲   owns the engine
//!                   Effect ▼   │ Input
//!                        executor ─► services: forge, mirror, worktrees, agent, checks, strategies
//! ```
//!
//! Core never prints and reads neither arguments nor environment for its configuration: it is given a
//! [`config::Config`] and a [`session::Host`], so it can be embedded.

pub mod bus;
pub mod chronicle;
pub mod clean;
pub mod config;
pub mod control;
mod declared;
pub mod demo;
mod dispatcher;
pub mod doctor;
mod executor;
pub mod journal;
mod log;
pub mod planner;
pub mod plugins;
pub mod prompt;
pub mod recorded;
pub mod redaction;
pub mod repository_lock;
pub mod retention;
pub mod secret;
pub mod service;
pub mod session;
pub mod strategy;
pub mod summary;
pub mod transcript;
mod wall_clock;
pub mod whole_file;
mod work;

pub use autoissue_engine as engine;
