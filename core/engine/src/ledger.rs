//! The session's money: spent and reserved amounts.

use crate::Usd;

/// The session's money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The budget.
    pub budget: Usd,
    /// Amount spent, known and estimated.
    pub spent: Usd,
    /// The estimated part of `spent`.
    pub estimated: Usd,
    /// Amount reserved for running agents.
    pub reserved: Usd,
}

impl Ledger {
    /// Returns the amount that can still be reserved.
    pub fn available(&self) -> Usd {
        (self.budget - self.spent - self.reserved).max(Usd::ZERO)
    }

    /// Reserves an amount.
    pub(crate) fn reserve(&mut self, amount: Usd) {
        self.reserved += amount;
    }

    /// Releases a reservation and records the cost.
    pub(crate) fn settle(&mut self, reserved: Usd, cost: Usd, estimated: bool) {
        self.reserved -= reserved;
        self.spent += cost;
        if estimated {
            self.estimated += cost;
        }
    }
}
