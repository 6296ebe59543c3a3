//! core

pub mod bus;
pub mod config;
pub mod journal;
pub mod repository_lock;
pub mod secret;
