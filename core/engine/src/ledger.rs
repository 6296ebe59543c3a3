//! The session's money: what is gone and what is set aside.

use crate::Usd;

/// The session's money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// What may be spent.
    pub budget: Usd,
    /// What is gone, known and assumed.
    pub spent: Usd,
    /// The part of it that is assumed.
    pub assumed: Usd,
    /// What is set aside for agents that run.
    pub reserved: Usd,
}

impl Ledger {
    /// Returns what can still be set aside.
    pub fn available(&self) -> Usd {
        (self.budget - self.spent - self.reserved).max(Usd::ZERO)
    }

    /// Sets money aside.
    pub(crate) fn reserve(&mut self, amount: Usd) {
        self.reserved += amount;
    }

    /// Takes back what was set aside and books what is gone.
    pub(crate) fn settle(&mut self, reserved: Usd, charged: Usd, assumed: bool) {
        self.reserved -= reserved;
        self.spent += charged;
        if assumed {
            self.assumed += charged;
        }
    }
}
