//! Times as GitHub and the local forge's files write them: `2026-03-01T21:14:00Z`, or shorter forms
//! that people write.

use autoissue_engine::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

/// Returns the current time.
pub(crate) fn now() -> Time {
    Time::from_ms(u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0))
}

/// Reads an RFC 3339 time; a date, or a time without a zone, is taken as UTC. Times before 1970 are
/// taken as 1970.
pub(crate) fn parse(text: &str) -> Option<Time> {
    let timestamp = text.parse::<Timestamp>().ok().or_else(|| {
        let local = text.parse::<civil::DateTime>().ok()?;
        local
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|zoned| zoned.timestamp())
    })?;
    Some(Time::from_ms(
        u64::try_from(timestamp.as_millisecond()).unwrap_or(0),
    ))
}

/// Writes a time in UTC.
pub(crate) fn format(time: Time) -> String {
    let ms = i64::try_from(time.ms()).ok();
    let timestamp = ms
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX);
    timestamp.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_the_forms_that_people_write() {
        for (text, expected) in [
            ("2026-03-01T21:14:00Z", Some("2026-03-01T21:14:00Z")),
            (
                "2026-03-01T21:14:00.25+02:00",
                Some("2026-03-01T19:14:00.25Z"),
            ),
            ("2026-03-01 21:14", Some("2026-03-01T21:14:00Z")),
            ("2026-03-01", Some("2026-03-01T00:00:00Z")),
            ("1911-01-01", Some("1970-01-01T00:00:00Z")),
            ("yesterday", None),
            ("2026-13-01", None),
            ("", None),
        ] {
            assert_eq!(parse(text).map(format).as_deref(), expected, "{text}");
        }
        assert_eq!(format(Time::from_ms(u64::MAX)), Timestamp::MAX.to_string());
    }
}
