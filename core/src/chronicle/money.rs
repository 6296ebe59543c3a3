//! The money of a session, as it is shown to people.

use autoissue_engine::{Engine, Usd};

/// The money of a session at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Money {
    /// The budget.
    pub budget: Usd,
    /// Spent: settled costs plus what running attempts have metered.
    pub spent: Usd,
    /// The part of it that is estimated, because an agent did not report its cost.
    pub estimated: Usd,
    /// The part of it that is metered but not settled.
    pub metered: Usd,
    /// The part of it that planning cost.
    pub planning: Usd,
    /// The unspent part of the reservations of running attempts.
    pub reserved: Usd,
    /// What can still be reserved.
    pub available: Usd,
    /// The amount spent per pull request; `None` without one.
    pub per_pull_request: Option<Usd>,
}

impl Money {
    pub(super) fn of(engine: &Engine, n_pull_requests: u32) -> Self {
        let money = engine.ledger();
        let planning = engine.plan_progress().map(|plan_progress| {
            let metered = plan_progress.attempt.map(|attempt| attempt.metered);
            plan_progress.spent + metered.unwrap_or_default()
        });
        Self {
            budget: money.budget,
            spent: money.spent,
            estimated: money.estimated,
            metered: engine.metered(),
            planning: planning.unwrap_or_default(),
            reserved: money.reserved,
            available: money.available(),
            per_pull_request: per(money.spent, n_pull_requests.into()),
        }
    }
}

/// Divides an amount by a number of things, rounded down to a micro-dollar; `None` if there are
/// none.
pub(super) fn per(amount: Usd, n: u64) -> Option<Usd> {
    let n = i64::try_from(n).ok().filter(|&n| 0 < n)?;
    Some(Usd::from_micros(amount.micros() / n))
}
