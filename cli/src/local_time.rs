//! Local times for display, and times of day as typed by the user.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// Formats times in one time zone.
#[derive(Clone, Debug)]
pub(crate) struct LocalTime {
    zone: TimeZone,
}

/// A time of day, such as `06:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeOfDay {
    hour: i8,
    minute: i8,
}

/// The text is not a time of day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time of day from 00:00 to 23:59")]
pub(crate) struct NotATimeOfDay;

/// `06:05`.
impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl FromStr for TimeOfDay {
    type Err = NotATimeOfDay;

    fn from_str(text: &str) -> Result<Self, NotATimeOfDay> {
        fn digits(text: &str, max: i8) -> Result<i8, NotATimeOfDay> {
            let is_number =
                (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i8>()
                .ok()
                .filter(|&number| is_number && number <= max)
                .ok_or(NotATimeOfDay)
        }

        let (hour, minute) = text.split_once(':').ok_or(NotATimeOfDay)?;
        Ok(Self {
            hour: digits(hour, 23)?,
            minute: digits(minute, 59)?,
        })
    }
}

impl LocalTime {
    /// Uses the system's time zone.
    pub(crate) fn system() -> Self {
        Self {
            zone: TimeZone::system(),
        }
    }

    /// Uses UTC, for stable snapshots.
    #[cfg(test)]
    pub(crate) const fn utc() -> Self {
        Self {
            zone: TimeZone::UTC,
        }
    }

    /// Returns `01:12:07`.
    pub(crate) fn clock(&self, ms: u64) -> String {
        self.zoned(ms).strftime("%H:%M:%S").to_string()
    }

    /// Returns `01:12`.
    pub(crate) fn minute(&self, ms: u64) -> String {
        self.zoned(ms).strftime("%H:%M").to_string()
    }

    /// Returns `2026-11-22`.
    pub(crate) fn day(&self, ms: u64) -> String {
        self.zoned(ms).strftime("%Y-%m-%d").to_string()
    }

    /// Returns `2026-11-22 01:12`.
    pub(crate) fn day_and_minute(&self, ms: u64) -> String {
        self.zoned(ms).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// Returns the next moment at which a wall clock shows `time`, in milliseconds since the Unix
    /// epoch.
    pub(crate) fn next(&self, now_ms: u64, time: TimeOfDay) -> u64 {
        let now = self.zoned(now_ms);
        let on = |day: &Zoned| {
            day.with()
                .hour(time.hour)
                .minute(time.minute)
                .second(0)
                .subsec_nanosecond(0)
                .build()
                .ok()
        };
        let today = on(&now).filter(|at| now < *at);
        let next = today.or_else(|| {
            now.checked_add(1.day())
                .ok()
                .and_then(|tomorrow| on(&tomorrow))
        });
        next.and_then(|at| u64::try_from(at.timestamp().as_millisecond()).ok())
            .unwrap_or(now_ms)
    }

    fn zoned(&self, ms: u64) -> Zoned {
        let timestamp = i64::try_from(ms)
            .ok()
            .and_then(|ms| Timestamp::from_millisecond(ms).ok())
            .unwrap_or_default();
        timestamp.to_zoned(self.zone.clone())
    }
}

/// Returns the current time, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns a duration in its two largest units: `12 s`, `3 min 5 s`, `2 h 10 min`.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {} s", seconds % 60),
        _ => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_hour_and_minute() {
        for (text, is_time) in [
            ("06:30", true),
            ("6:05", true),
            ("23:59", true),
            ("24:00", false),
            ("6", false),
            ("6:60", false),
            ("+6:00", false),
            ("-1:00", false),
            ("006:00", false),
        ] {
            assert_eq!(text.parse::<TimeOfDay>().is_ok(), is_time, "{text}");
        }
    }

    #[test]
    fn until_is_today_if_still_to_come_and_tomorrow_otherwise() {
        let time = LocalTime {
            zone: TimeZone::fixed(jiff::tz::offset(2)),
        };
        let hour_ms = 3_600_000;
        let six = "06:00".parse().unwrap();
        // 1970-01-01 00:00 UTC is 02:00 in this zone.
        assert_eq!(time.next(0, six), 4 * hour_ms);
        assert_eq!(time.next(4 * hour_ms, six), 28 * hour_ms);
        assert_eq!(time.next(5 * hour_ms, six), 28 * hour_ms);
    }

    #[test]
    fn times_are_shown_in_the_zone() {
        let time = LocalTime {
            zone: TimeZone::fixed(jiff::tz::offset(-1)),
        };
        assert_eq!(time.clock(5_527_000), "00:32:07");
        assert_eq!(time.day_and_minute(0), "1969-12-31 23:00");
    }

    #[test]
    fn spans_keep_two_units() {
        for (ms, expected) in [
            (999, "0 s"),
            (61_000, "1 min 1 s"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(span(ms), expected);
        }
    }
}
