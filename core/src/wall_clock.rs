//! The time of day. The engine has none; those who talk to the outside world need one.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns milliseconds since the Unix epoch, 0 for a clock before it.
pub(crate) fn wall_clock_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
