//! The primary limit: calls per hour for each user, and 60 for clients without a valid token.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Calls per hour with a token.
const PER_HOUR: u64 = 5_000;
/// Calls per hour without a token.
const PER_HOUR_ANONYMOUS: u64 = 60;

/// A user's remaining calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quota {
    pub(super) limit: u64,
    pub(super) remaining: u64,
    pub(super) reset: Timestamp,
}

impl Quota {
    pub(super) fn new(is_anonymous: bool, now: Timestamp) -> Self {
        let limit = if is_anonymous {
            PER_HOUR_ANONYMOUS
        } else {
            PER_HOUR
        };
        Self {
            limit,
            remaining: limit,
            reset: now + SignedDuration::from_hours(1),
        }
    }

    /// Starts a new hour if the last one has ended.
    pub(super) fn refresh(&mut self, now: Timestamp) {
        if self.reset <= now {
            (self.remaining, self.reset) = (self.limit, now + SignedDuration::from_hours(1));
        }
    }

    pub(super) fn headers(&self) -> [(&'static str, String); 5] {
        [
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", self.remaining.to_string()),
            ("x-ratelimit-reset", self.reset_s().to_string()),
            (
                "x-ratelimit-used",
                (self.limit - self.remaining).to_string(),
            ),
            ("x-ratelimit-resource", "core".to_owned()),
        ]
    }

    pub(super) fn to_json(self) -> Value {
        let used = self.limit - self.remaining;
        json!({"limit": self.limit, "used": used, "remaining": self.remaining, "reset": self.reset_s()})
    }

    /// Returns the time of the reset, in seconds; rounded up because it must not be too early.
    fn reset_s(&self) -> i64 {
        self.reset.as_second() + i64::from(0 < self.reset.subsec_nanosecond())
    }
}
