//! The time of day, as a number and as text. The engine has no clock; code that talks to the
//! outside world needs one.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Returns milliseconds since the Unix epoch, 0 for a clock before it.
pub(crate) fn wall_clock_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns a time as RFC 3339 in UTC, to the millisecond.
pub fn rfc3339(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or_default()
        .to_string()
}
