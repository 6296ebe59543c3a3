//! The money of a session, as people are shown it.

use autoissue_engine::{Engine, Usd};

/// The money of a session at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Money {
    /// What may be spent.
    pub budget: Usd,
    /// What is spent: settled costs plus what running attempts have metered.
    pub spent: Usd,
    /// The part of it that is estimated, because an agent did not report its cost.
    pub assumed: Usd,
    /// The part of it that is metered and not settled.
    pub metered: Usd,
    /// The part of it that planning cost.
    pub planned: Usd,
    /// What is left of the reservations of attempts in flight.
    pub reserved: Usd,
    /// What can still be reserved.
    pub available: Usd,
    /// What is spent by pull request; `None` without one.
    pub per_pull_request: Option<Usd>,
}

impl Money {
    pub(super) fn of(engine: &Engine, n_pull_requests: u32) -> Self {
        let money = engine.money();
        let planned = engine.planning().map(|planning| {
            let metered = planning.attempt.map(|attempt| attempt.metered);
            planning.spent + metered.unwrap_or_default()
        });
        Self {
            budget: money.budget,
            spent: money.spent,
            assumed: money.assumed,
            metered: engine.metered(),
            planned: planned.unwrap_or_default(),
            reserved: money.reserved,
            available: money.available(),
            per_pull_request: per(money.spent, n_pull_requests.into()),
        }
    }
}

/// Returns an amount by a number of things, rounded down to a micro-dollar; `None` where there are none.
pub(super) fn per(amount: Usd, n: u64) -> Option<Usd> {
    let n = i64::try_from(n).ok().filter(|&n| 0 < n)?;
    Some(Usd::from_micros(amount.micros() / n))
}
