//! Money in whole micro-dollars: sums are exact, so a budget check is exact too.
//!
//! In JSON an amount is a number of dollars with at most six decimals. Below a billion dollars it
//! reads back exactly.

use std::borrow::Cow;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of US dollars, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(i64);

impl Usd {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// Creates an amount of `micros` millionths of a dollar.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Creates an amount of `cents` hundredths of a dollar.
    pub const fn from_cents(cents: i64) -> Self {
        Self(cents * 10_000)
    }

    /// Returns the amount in millionths of a dollar.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Returns the amount closest to `dollars`; NaN becomes zero.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float cast saturates, and NaN becomes 0"
    )]
    pub fn from_dollars(dollars: f64) -> Self {
        Self((dollars * 1e6).round() as i64)
    }

    /// Returns the amount in dollars, for display and for programs that expect a decimal number.
    #[expect(
        clippy::cast_precision_loss,
        reason = "an amount that loses precision here is above nine billion dollars"
    )]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Returns half of the amount.
    pub const fn half(self) -> Self {
        Self(self.0 / 2)
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Usd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Usd {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self::from_dollars)
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An amount of US dollars, with at most six decimals.",
            "type": "number",
        })
    }
}

impl fmt::Display for Usd {
    /// Writes dollars and cents; an amount below one cent keeps four digits, so that it does not
    /// look like zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let dollars = self.dollars().abs();
        if self.0 != 0 && self.0.abs() < 10_000 {
            write!(f, "{sign}${dollars:.4}")
        } else {
            write!(f, "{sign}${dollars:.2}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_read_as_dollars() {
        let tenth: Usd = (0..10).map(|_| Usd::from_dollars(0.1)).sum();
        assert_eq!(tenth, Usd::from_dollars(1.0));
        assert_eq!(Usd::from_cents(2550).to_string(), "$25.50");
        assert_eq!(Usd::from_micros(7_500).to_string(), "$0.0075");
        assert_eq!(Usd::from_dollars(f64::NAN), Usd::ZERO);
    }

    #[test]
    fn every_amount_reads_back_from_json_as_it_was() {
        fn check(micros: i64) {
            let json = serde_json::to_string(&Usd::from_micros(micros)).unwrap();
            // The smallest amounts are written with an exponent instead: `9e-6`.
            let n_decimals = json.split_once('.').map_or(0, |(_, digits)| digits.len());
            assert!(n_decimals <= 6 || json.contains('e'), "{micros}: {json}");
            let back: Usd = serde_json::from_str(&json).unwrap();
            assert_eq!(back.micros(), micros, "{json}");
        }

        let mut random = fastrand::Rng::with_seed(1);
        let billion = 1_000_000_000_000_000;
        for micros in (-20_000..20_000).chain([billion - 1, 1 - billion]) {
            check(micros);
        }
        for _ in 0..100_000 {
            check(random.i64(0..billion) >> random.u32(0..40));
        }
        assert_eq!(
            serde_json::from_str::<Usd>("5").unwrap(),
            Usd::from_cents(500)
        );
    }
}
