//! Log lines for debugging. They go to the host's log under the plugin's name; no decision depends
//! on them.
//!
//! In native programs, such as a strategy's unit tests, they are discarded.

#[cfg(target_arch = "wasm32")]
use crate::guest::bindings::types::autoissue::plugin::host_log;

/// How severe a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// Everything.
    Trace,
    /// Reasons for decisions.
    Debug,
    /// Decisions.
    Info,
    /// Something unexpected.
    Warn,
    /// Something failed.
    Error,
}

/// Writes a line to the host's log. Long lines are cut, and lines beyond a limit are dropped.
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

/// Logs an informational message.
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Logs a warning.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}
