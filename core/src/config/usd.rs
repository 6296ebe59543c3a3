//! Amounts in a configuration: decimal US dollars, stored as whole micro-dollars so that sums are
//! exact.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICROS_PER_DOLLAR: i64 = 1_000_000;

/// An amount of US dollars from 0 to 1,000,000, exact to the micro-dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NonNegativeUsd {
    micros: i64,
}

/// Why a number is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NonNegativeUsdError {
    /// Not a number, infinite, negative, or above [`NonNegativeUsd::MAX`].
    #[error("{dollars} is not an amount from 0 to 1000000 US dollars")]
    OutOfRange {
        /// The given amount, in US dollars.
        dollars: f64,
    },
    /// Greater than zero, but less than the smallest unit.
    #[error("{dollars} is less than a millionth of a US dollar")]
    TooSmall {
        /// The given amount, in US dollars.
        dollars: f64,
    },
}

impl NonNegativeUsd {
    /// No money.
    pub const ZERO: Self = Self { micros: 0 };

    /// The largest amount that can be configured. A budget above a million dollars for one session is a typo.
    pub const MAX: Self = Self {
        micros: 1_000_000 * MICROS_PER_DOLLAR,
    };

    /// Creates an amount from whole cents; for defaults.
    pub const fn from_cents(cents: u32) -> Self {
        Self {
            micros: cents as i64 * (MICROS_PER_DOLLAR / 100),
        }
    }

    /// Creates an amount from decimal US dollars, rounded to the nearest micro-dollar.
    ///
    /// # Errors
    ///
    /// Fails if the number is not finite, is negative, exceeds [`NonNegativeUsd::MAX`], or is positive but
    /// rounds to zero.
    pub fn from_dollars(dollars: f64) -> Result<Self, NonNegativeUsdError> {
        if !(0.0..=Self::MAX.dollars()).contains(&dollars) {
            return Err(NonNegativeUsdError::OutOfRange { dollars });
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most 10^12, as was just checked"
        )]
        let micros = (dollars * MICROS_PER_DOLLAR as f64).round() as i64;
        if micros == 0 && dollars > 0.0 {
            return Err(NonNegativeUsdError::TooSmall { dollars });
        }
        Ok(Self { micros })
    }

    /// Returns the amount in micro-dollars.
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// Returns the amount in decimal US dollars, to show it or to pass it to a program. Calculate
    /// with [`NonNegativeUsd::micros`].
    pub fn dollars(self) -> f64 {
        self.micros as f64 / MICROS_PER_DOLLAR as f64
    }
}

/// Formats as `$5.00`, with as many of the six decimals as needed and at least two.
impl fmt::Display for NonNegativeUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (
            self.micros / MICROS_PER_DOLLAR,
            self.micros % MICROS_PER_DOLLAR,
        );
        let decimals = format!("{rest:06}");
        let needed = decimals.trim_end_matches('0').len().max(2);
        write!(f, "${whole}.{}", &decimals[..needed])
    }
}

impl<'de> Deserialize<'de> for NonNegativeUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_dollars(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Serialize for NonNegativeUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl JsonSchema for NonNegativeUsd {
    fn schema_name() -> Cow<'static, str> {
        "NonNegativeUsd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1_000_000 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_kept_to_the_micro_dollar() {
        for (dollars, micros) in [
            (0.1, 100_000),
            (5.1, 5_100_000),
            (0.000_001, 1),
            (33.333_333_3, 33_333_333),
        ] {
            let usd = NonNegativeUsd::from_dollars(dollars).unwrap();
            assert_eq!(usd.micros(), micros);
            assert_eq!(NonNegativeUsd::from_dollars(usd.dollars()), Ok(usd));
        }
    }

    #[test]
    fn an_invalid_amount_is_refused() {
        for dollars in [
            -0.01,
            1_000_000.01,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            assert!(
                matches!(
                    NonNegativeUsd::from_dollars(dollars),
                    Err(NonNegativeUsdError::OutOfRange { .. })
                ),
                "{dollars}"
            );
        }
        assert!(matches!(
            NonNegativeUsd::from_dollars(1e-9),
            Err(NonNegativeUsdError::TooSmall { .. })
        ));
        assert_eq!(NonNegativeUsd::from_dollars(-0.0), Ok(NonNegativeUsd::ZERO));
    }

    #[test]
    fn an_amount_shows_at_least_its_cents() {
        let shown = |dollars| NonNegativeUsd::from_dollars(dollars).unwrap().to_string();
        assert_eq!(
            [shown(5.0), shown(0.5), shown(2.125), shown(0.000_001)],
            ["$5.00", "$0.50", "$2.125", "$0.000001"]
        );
    }
}
