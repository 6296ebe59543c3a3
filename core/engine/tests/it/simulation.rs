//! Thousands of random simulated sessions, each judged by every oracle.
//!
//! `AUTOISSUE_SESSIONS=n` simulates n sessions instead, `AUTOISSUE_SEED=n` only that one.

use autoissue_simulation::{Edition, play};

use crate::chronicle::Entry;
use crate::line::line;
use crate::oracle::judge;

/// Sessions of an ordinary test run: enough to contain every event, few enough to be fast.
const N_NIGHTS: u64 = 2_000;
/// Sessions that failed once, each with the edition in which it did.
const WENT_WRONG_ONCE: [(Edition, u64); 10] = [
    // A planner that had used all its retries was interrupted, after a resume had left it fewer of
    // them.
    (Edition::First, 7_054_656),
    (Edition::First, 20_023_124),
    (Edition::First, 50_022_578),
    (Edition::First, 60_011_960),
    (Edition::First, 60_025_997),
    (Edition::First, 120_001_068),
    (Edition::First, 140_023_913),
    // A session with work from earlier sessions could not be read back from its journal.
    (Edition::Second, 200_000_001),
    // A resume lowered the cap below what earlier sessions had spent, and attempts started with
    // nothing reserved: before the first one, and after the agent's session was lost.
    (Edition::Second, 200_000_461),
    (Edition::Second, 200_010_092),
];
/// Events shown of a failed session.
const N_SHOWN: usize = 40;

#[test]
fn no_simulated_session_goes_wrong() {
    fn number(name: &str) -> Option<u64> {
        setting(name).map(|text| text.parse::<u64>().expect("a whole number"))
    }

    let (first, n) = match (number("AUTOISSUE_SEED"), number("AUTOISSUE_SESSIONS")) {
        (Some(seed), n) => (seed, n.unwrap_or(1)),
        (None, n) => (0, n.unwrap_or(N_NIGHTS)),
    };
    for seed in first..first + n {
        live_through(Edition::Second, seed);
    }
}

#[test]
fn no_night_goes_wrong_again() {
    for (edition, seed) in WENT_WRONG_ONCE {
        live_through(edition, seed);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the engine is given its settings, its tests are not"
)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn live_through(edition: Edition, seed: u64) {
    let (journal, error) = play(edition, seed);
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
            "session {seed} ({edition:?}) went wrong: {wrong}\n{}\nto reproduce: AUTOISSUE_SEED={seed} cargo test -p autoissue-engine no_simulated_session_goes_wrong",
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
