//! Limits the rate of writes. GitHub allows about 80 creations a minute and 500 an hour, and limits
//! clients that come close without saying when.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The minute's limit is split into this many bursts: a third at once, then a pause.
const N_BURSTS_A_MINUTE: u32 = 3;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The writes of the last hour, and how many there may be.
#[derive(Debug)]
pub(super) struct Pace {
    /// Most writes in each time span.
    limits: [(usize, Duration); 3],
    /// Times of the recent writes, oldest first.
    writes: VecDeque<Instant>,
}

impl Pace {
    pub(super) fn new(n_a_minute: u32, n_an_hour: u32) -> Self {
        let (n_a_minute, n_an_hour) = (n_a_minute.max(1), n_an_hour.max(1));
        let burst = (n_a_minute / N_BURSTS_A_MINUTE).max(1);
        let limits = [
            (burst, MINUTE * burst / n_a_minute),
            (n_a_minute, MINUTE),
            (n_an_hour, HOUR),
        ];
        Self {
            limits: limits.map(|(n_max, span)| (n_max as usize, span)),
            writes: VecDeque::new(),
        }
    }

    /// Returns how long the next write has to wait.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let wait = |&(n_max, span): &(usize, Duration)| {
            let before = self.writes.len().checked_sub(n_max)?;
            Some((self.writes[before] + span).saturating_duration_since(now))
        };
        self.limits
            .iter()
            .filter_map(wait)
            .max()
            .unwrap_or_default()
    }

    /// Records a write.
    pub(super) fn note(&mut self, now: Instant) {
        self.writes.push_back(now);
        let n_kept = self.limits.iter().map(|&(n_max, _)| n_max).max();
        while n_kept.is_some_and(|n_kept| n_kept < self.writes.len()) {
            self.writes.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes as fast as allowed; returns the time of each write since the first.
    fn times(n_a_minute: u32, n_an_hour: u32, n_writes: usize) -> Vec<Duration> {
        let start = Instant::now();
        let mut pace = Pace::new(n_a_minute, n_an_hour);
        let mut now = start;
        let mut times = Vec::new();
        for _ in 0..n_writes {
            now += pace.wait(now);
            pace.note(now);
            times.push(now.duration_since(start));
        }
        times
    }

    fn n_at_most_within(times: &[Duration], span: Duration) -> usize {
        let within = |&from: &Duration| {
            times
                .iter()
                .filter(|&&at| from <= at && at < from + span)
                .count()
        };
        times.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn no_minute_has_more_than_sixty_and_no_hour_more_than_450() {
        let times = times(60, 450, 1_000);
        assert_eq!(
            n_at_most_within(&times, Duration::from_secs(1)),
            20,
            "a burst"
        );
        assert_eq!(n_at_most_within(&times, MINUTE), 60);
        assert_eq!(n_at_most_within(&times, HOUR), 450);
        let last = times.last().unwrap();
        assert!(
            (2 * HOUR..2 * HOUR + 3 * MINUTE).contains(last),
            "it must not wait longer than necessary: {last:?}"
        );
    }

    #[test]
    fn any_limits_hold() {
        for (n_a_minute, n_an_hour) in [
            (1, 1),
            (2, 100),
            (3, 3),
            (10, 1_000),
            (7, 20),
            (10_000, 100_000),
        ] {
            let times = times(n_a_minute, n_an_hour, 300);
            assert!(
                n_at_most_within(&times, MINUTE) <= n_a_minute as usize,
                "{n_a_minute} a minute"
            );
            assert!(
                n_at_most_within(&times, HOUR) <= n_an_hour as usize,
                "{n_an_hour} an hour"
            );
        }
    }
}
