//! The server's clock: the machine's plus an offset set by the test, so no test waits for a limit
//! to end.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A clock that can be advanced.
#[derive(Debug, Default)]
pub(super) struct Clock {
    ahead_ms: AtomicI64,
}

impl Clock {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Returns the time in GitHub's format, in whole seconds.
    pub(super) fn now_text(&self) -> String {
        self.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    pub(super) fn after(&self, time: Duration) -> Timestamp {
        self.now() + SignedDuration::try_from(time).expect("a duration in range")
    }

    pub(super) fn put_forward(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).expect("a duration in range");
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }
}
