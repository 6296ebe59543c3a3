//! Delays between retries. The engine is the only place that retries.

use crate::{IssueNumber, Time};

/// First delay, doubled by each further failure.
const FIRST_DELAY_MS: u64 = 1_000;
/// Longest delay: longer waits are left to the breaker.
const DELAY_MS_MAX: u64 = 4_000;

/// Returns when to retry after the `n_failures`-th failure in a row (from 1): after 1 s, 2 s, 4 s,
/// plus up to a quarter.
///
/// The jitter keeps tasks that failed together from retrying together. It is computed, not random,
/// so that a replay agrees.
pub(crate) fn retry_at(now: Time, n_failures: u32, issue: Option<IssueNumber>, seed: u64) -> Time {
    let delay = (FIRST_DELAY_MS << (n_failures.clamp(1, 8) - 1)).min(DELAY_MS_MAX);
    let key = seed ^ issue.map_or(0, |issue| issue.0).rotate_left(32) ^ u64::from(n_failures);
    now + delay + mix(key) % (delay / 4 + 1)
}

/// Spreads the bits of a number (the finaliser of SplitMix64; Steele, Lea and Flood 2014).
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_their_bound_with_at_most_a_quarter_of_jitter() {
        for (n, least) in [(1, 1_000), (2, 2_000), (3, 4_000), (9, 4_000)] {
            for issue in 0..50 {
                let delay = retry_at(Time::from_ms(0), n, Some(IssueNumber(issue)), 7).ms();
                assert!(least <= delay && delay <= least + least / 4, "{n}: {delay}");
            }
        }
    }
}
