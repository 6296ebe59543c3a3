//! Points in time, as given by the caller: the engine has no clock.
//!
//! In JSON a time is RFC 3339 in UTC with milliseconds, `2026-11-30T04:41:04.123Z`, so that text
//! order is chronological order.

use std::borrow::Cow;
use std::fmt;
use std::ops::Add;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds per day.
const DAY_MS: u64 = 86_400_000;
/// Days in 400 years, after which the calendar repeats.
const ERA_DAYS: u64 = 146_097;
/// Days from 1 March of the year 0 to 1 January 1970.
const EPOCH_DAYS: u64 = 719_468;
/// The last millisecond of the year 9999, because RFC 3339 years have four digits.
const MS_MAX: u64 = 253_402_300_799_999;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// Creates a time from milliseconds since the Unix epoch.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Returns the milliseconds since the Unix epoch.
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// Returns the milliseconds from `earlier` to this time, 0 if it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the time as RFC 3339 in UTC, with milliseconds. Times after the year 9999 are
    /// clamped to its end.
    pub fn rfc3339(self) -> String {
        let ms = self.0.min(MS_MAX);
        let (year, month, day) = date_of(ms / DAY_MS);
        let (hour, minute) = (ms / 3_600_000 % 24, ms / 60_000 % 60);
        let (second, ms) = (ms / 1_000 % 60, ms % 1_000);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }

    /// Returns the time written by [`Time::rfc3339`], or `None` for any other text.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| {
            let digits = text.get(from..to)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse::<u64>().ok()).flatten()
        };
        let days = days_to(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
        let minutes = (days * 24 + number(11, 13)?) * 60 + number(14, 16)?;
        let ms = (minutes * 60 + number(17, 19)?) * 1_000 + number(20, 23)?;
        // Formatting the result again gives the same text only if all parts are in range and all
        // separators are right.
        Some(Self(ms)).filter(|time| time.rfc3339() == text)
    }
}

/// Returns the year, month and day of a day since the epoch. Years are counted from March, so that
/// a leap day is the last day of a year.
const fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH_DAYS;
    let (era, day) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}

/// Returns the days from the epoch to a date, or `None` for a date before it. A day beyond the end
/// of its month is a day of the next month.
fn days_to(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if 2 < month {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let (era, year) = (year / 400, year % 400);
    let day = (153 * month + 2) / 5 + day;
    let days = era * ERA_DAYS + year * 365 + year / 4 - year / 100 + day;
    days.checked_sub(EPOCH_DAYS + 1)
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = &"a time such as `2026-11-30T04:41:04.123Z`";
        Self::from_rfc3339(&text)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), expected))
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A time, RFC 3339 in UTC with milliseconds.",
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
        })
    }
}

impl Add<u64> for Time {
    type Output = Self;
    /// Adds milliseconds.
    fn add(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Display for Time {
    /// Writes the hour and minute in UTC. Callers that know the time zone format [`Time::ms`]
    /// instead.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0 / 60_000;
        write!(f, "{:02}:{:02} UTC", minutes / 60 % 24, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_rfc_3339_and_read_back() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (5_527_001, "1970-01-01T01:32:07.001Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_796_013_664_123, "2026-11-30T04:41:04.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (MS_MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Time(ms).rfc3339(), expected);
            assert_eq!(Time::from_rfc3339(expected), Some(Time(ms)));
        }
        assert_eq!(Time(u64::MAX).rfc3339(), Time(MS_MAX).rfc3339());
    }

    #[test]
    fn every_day_until_the_year_2800_follows_the_one_before() {
        let mut last = String::new();
        for day in 0..ERA_DAYS * 2 + 10_000 {
            let time = Time(day * DAY_MS + day);
            let text = time.rfc3339();
            assert!(last < text, "{last} {text}");
            assert_eq!(Time::from_rfc3339(&text), Some(time), "{text}");
            last = text;
        }
    }

    #[test]
    fn other_texts_are_not_times() {
        for text in [
            "",
            "2026-11-30",
            "2026-11-30T04:41:04Z",
            "2026-11-30T04:41:04.123+00:00",
            "2026-11-31T04:41:04.123Z",
            "2027-02-29T04:41:04.123Z",
            "2026-13-01T04:41:04.123Z",
            "2026-00-01T04:41:04.123Z",
            "2026-11-00T04:41:04.123Z",
            "2026-11-30T24:00:00.000Z",
            "2026-11-30 04:41:04.123Z",
            "2026-11-30T04:41:04.123Zx",
            "1969-12-31T23:59:59.999Z",
            "0000-01-01T00:00:00.000Z",
            "+026-11-30T04:41:04.123Z",
        ] {
            assert_eq!(Time::from_rfc3339(text), None, "{text}");
        }
    }
}
