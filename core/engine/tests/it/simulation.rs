//! Thousands of random nights, each judged by every oracle.
//!
//! `AUTOISSUE_NIGHTS=n` plays n nights instead, `AUTOISSUE_SEED=n` that one night only.

use crate::chronicle::Entry;
use crate::line::line;
use crate::night::play;
use crate::oracle::judge;

/// Nights of an ordinary test run: enough to meet every event, few enough not to be noticed.
const N_NIGHTS: u64 = 2_000;
/// Nights that went wrong once: a planner that had used up its retries was interrupted after a resume had left it fewer of them.
const WENT_WRONG_ONCE: [u64; 7] = [
    7_054_656,
    20_023_124,
    50_022_578,
    60_011_960,
    60_025_997,
    120_001_068,
    140_023_913,
];
/// Events shown of a night that went wrong.
const N_SHOWN: usize = 40;

#[test]
fn no_night_goes_wrong() {
    fn number(name: &str) -> Option<u64> {
        setting(name).map(|text| text.parse::<u64>().expect("a whole number"))
    }

    let (first, n) = match (number("AUTOISSUE_SEED"), number("AUTOISSUE_NIGHTS")) {
        (Some(seed), n) => (seed, n.unwrap_or(1)),
        (None, n) => (0, n.unwrap_or(N_NIGHTS)),
    };
    for seed in first..first + n {
        live_through(seed);
    }
}

#[test]
fn no_night_goes_wrong_again() {
    WENT_WRONG_ONCE.into_iter().for_each(live_through);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the engine is given its settings, its tests are not"
)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn live_through(seed: u64) {
    let (journal, error) = play(seed);
    let objections = if error.is_some() {
        Vec::new()
    } else {
        judge(&journal)
    };
    let first = objections.iter().min_by_key(|objection| objection.at);
    let wrong = error.or_else(|| first.map(|first| format!("{}: {}", first.oracle, first.why)));
    if let Some(wrong) = wrong {
        let end = first.map_or(journal.len(), |first| (first.at + 1).min(journal.len()));
        panic!(
            "night {seed} went wrong: {wrong}\n{}\nagain: AUTOISSUE_SEED={seed} cargo test -p autoissue-engine no_night_goes_wrong",
            last_of(&journal[..end])
        );
    }
}

fn last_of(journal: &[Entry]) -> String {
    let shown = &journal[journal.len().saturating_sub(N_SHOWN)..];
    shown
        .iter()
        .map(|entry| format!("  {} {}\n", entry.at.ms(), line(&entry.event)))
        .collect()
}
