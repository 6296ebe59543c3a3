//! Lines for whoever looks for a fault. They go to the host's log under the plugin's name; nothing is decided by them.
//!
//! Where a strategy is part of a native program, such as its own unit tests, they go nowhere.

#[cfg(target_arch = "wasm32")]
use crate::guest::bindings::types::autoissue::plugin::host_log;

/// How severe a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything.
    Trace,
    /// Why it did so.
    Debug,
    /// What it did.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

/// Writes a line to the host's log. Long lines are cut, and of many the last are dropped.
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    host_log::log(level_for_host(level), message);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = (level, message);
}

#[cfg(target_arch = "wasm32")]
const fn level_for_host(level: Level) -> host_log::Level {
    match level {
        Level::Trace => host_log::Level::Trace,
        Level::Debug => host_log::Level::Debug,
        Level::Info => host_log::Level::Info,
        Level::Warn => host_log::Level::Warn,
        Level::Error => host_log::Level::Error,
    }
}

/// Writes what it did to the host's log.
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Writes what is odd to the host's log.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}
