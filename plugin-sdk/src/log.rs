//! Lines for whoever looks for a fault. They go to the host's log under the plugin's name; nothing is decided by them.
//!
//! Where a strategy is part of a native program, such as its own unit tests, they go nowhere.

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
    crate::guest::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = (level, message);
}

/// Writes what it did to the host's log.
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Writes what is odd to the host's log.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}
