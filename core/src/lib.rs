//! core

pub mod bus;
pub mod journal;
pub mod repository_lock;
