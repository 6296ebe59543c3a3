//! Prices of tokens, by model. Only used while an agent runs: the final charge is what the program
//! itself reports, if it does.
//!
//! List prices of <https://platform.claude.com/docs/en/about-claude/pricing> as of October 2026. A
//! price that is too high stops an agent early; one that is too low lets it spend money reserved
//! for other tasks. So the higher price is used in case of doubt.

use autoissue_plugin_sdk::Prices;

/// Prices in US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Price {
    input: f64,
    output: f64,
    cache_read: f64,
}

/// Number of tokens of one message, by price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache_read: u64,
    /// Written to the cache, for any duration.
    pub(crate) cache_write: u64,
    /// Those of `cache_write` that are kept for an hour.
    pub(crate) cache_write_hour: u64,
}

/// Family, first version with these prices, prices. Newest first within a family.
const PRICES: &[(&str, (u32, u32), Price)] = &[
    ("fable", (0, 0), price(10.0, 50.0, 1.0)),
    ("mythos", (0, 0), price(10.0, 50.0, 1.0)),
    ("opus", (5, 5), price(4.0, 20.0, 0.2)),
    ("opus", (4, 5), price(5.0, 25.0, 0.5)),
    ("opus", (0, 0), price(15.0, 75.0, 1.5)),
    ("sonnet", (5, 5), price(2.0, 10.0, 0.1)),
    // Sonnet 5 costs less, but Claude Code 2.1.197 counts it at this price, also against its limit.
    ("sonnet", (0, 0), price(3.0, 15.0, 0.3)),
    ("haiku", (5, 5), price(0.1, 0.5, 0.01)),
    ("haiku", (0, 0), price(1.0, 5.0, 0.1)),
];

/// Prompts longer than this are charged at [`LONG_HAIKU`] for models that are otherwise cheap.
const LONG_PROMPT: u64 = 100_000;
/// Haiku 5.5 with a long prompt.
const LONG_HAIKU: Price = price(0.5, 2.5, 0.05);
/// The highest price ever, used for unknown models.
const UNKNOWN: Price = price(15.0, 75.0, 1.5);

/// Price of writing to the cache for five minutes, as a multiple of the price of input.
const CACHE_WRITE: f64 = 1.25;
/// Price of writing to the cache for an hour, as a multiple of the price of input.
const CACHE_WRITE_HOUR: f64 = 2.0;

const fn price(input: f64, output: f64, cache_read: f64) -> Price {
    Price {
        input,
        output,
        cache_read,
    }
}

/// Returns whether the model has a list price; prices of other models are estimated.
pub(crate) fn is_known(model: &str) -> bool {
    listed(model).is_some()
}

/// Returns the prices of the newest model of a family, which is what its alias means.
pub(crate) fn of_newest(family: &str) -> Option<Prices> {
    let (_, _, price) = PRICES.iter().find(|(of, _, _)| *of == family)?;
    Some(
        Prices::new(price.input, price.output)
            .cache_read(price.cache_read)
            .cache_write(price.input * CACHE_WRITE),
    )
}

fn listed(model: &str) -> Option<&'static (&'static str, (u32, u32), Price)> {
    PRICES.iter().find(|(family, first, _)| {
        model
            .split_once(family)
            .is_some_and(|(before, after)| *first <= version(before, after))
    })
}

impl Price {
    fn of(model: &str, n_prompt: u64) -> Self {
        match listed(model) {
            Some(("haiku", (5, 5), _)) if LONG_PROMPT < n_prompt => LONG_HAIKU,
            Some((_, _, price)) => *price,
            None => UNKNOWN,
        }
    }
}

/// Returns the version in a model's name: after the family (`claude-opus-4-5-20251101`), or before
/// it (`claude-3-5-haiku`).
fn version(before: &str, after: &str) -> (u32, u32) {
    // A longer number is a date.
    fn parts(text: &str) -> Vec<u32> {
        let parts = text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| part.len() <= 2);
        parts.filter_map(|part| part.parse().ok()).collect()
    }

    let found = Some(parts(after))
        .filter(|found| !found.is_empty())
        .unwrap_or_else(|| parts(before));
    (
        found.first().copied().unwrap_or(0),
        found.get(1).copied().unwrap_or(0),
    )
}

impl Tokens {
    /// Returns the number of tokens that the model has read.
    pub(crate) fn prompt(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
    }

    /// Returns the cost of a message with these tokens, in US dollars.
    pub(crate) fn usd(&self, model: &str) -> f64 {
        let price = Price::of(model, self.prompt());
        let millions = |n: u64| n as f64 / 1e6;
        millions(self.input) * price.input
            + millions(self.output) * price.output
            + millions(self.cache_read) * price.cache_read
            + millions(self.cache_write.saturating_sub(self.cache_write_hour))
                * price.input
                * CACHE_WRITE
            + millions(self.cache_write_hour) * price.input * CACHE_WRITE_HOUR
    }

    /// Adds the tokens of another message.
    pub(crate) fn add(&mut self, other: &Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.input, other.input);
        add(&mut self.output, other.output);
        add(&mut self.cache_read, other.cache_read);
        add(&mut self.cache_write, other.cache_write);
        add(&mut self.cache_write_hour, other.cache_write_hour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: &str, input: f64, output: f64) {
        let found = Price::of(model, 0);
        assert_eq!((found.input, found.output), (input, output), "{model}");
    }

    #[test]
    fn models_are_priced_by_family_and_version_however_they_are_spelt() {
        check("claude-opus-5-5", 4.0, 20.0);
        check("claude-opus-5", 5.0, 25.0);
        check("claude-opus-4-8[1m]", 5.0, 25.0);
        check("claude-opus-4-5-20251101", 5.0, 25.0);
        check("claude-opus-4-5@20251101", 5.0, 25.0);
        check("claude-opus-4-1-20250805", 15.0, 75.0);
        check("claude-opus-4-20250514", 15.0, 75.0);
        check("claude-3-opus-20240229", 15.0, 75.0);
        check("claude-sonnet-5", 3.0, 15.0);
        check("claude-sonnet-5-5", 2.0, 10.0);
        check("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 3.0, 15.0);
        check("claude-haiku-5-5", 0.1, 0.5);
        check("claude-haiku-4-5-20251001", 1.0, 5.0);
        check("claude-3-5-haiku-20241022", 1.0, 5.0);
    }

    #[test]
    fn every_family_has_its_prices() {
        let priced: std::collections::BTreeSet<&str> =
            PRICES.iter().map(|(family, _, _)| *family).collect();
        assert!(priced.iter().eq(crate::built_in::MODELS.families));
    }

    #[test]
    fn an_alias_has_the_prices_of_the_newest_model() {
        let opus = of_newest("opus").unwrap();
        assert_eq!((opus.input, opus.output), (4.0, 20.0));
        assert_eq!((opus.cache_read, opus.cache_write), (Some(0.2), Some(5.0)));
        assert_eq!(of_newest("glm"), None);
    }

    #[test]
    fn an_unknown_model_is_priced_as_the_most_expensive() {
        check("glm-9", 15.0, 75.0);
        check("opus", 15.0, 75.0);
        check("", 15.0, 75.0);
    }

    #[test]
    fn every_kind_of_token_has_its_price() {
        let tokens = Tokens {
            input: 1_000_000,
            output: 1_000_000,
            cache_read: 1_000_000,
            cache_write: 2_000_000,
            cache_write_hour: 1_000_000,
        };
        assert!((tokens.usd("claude-opus-5") - (5.0 + 25.0 + 0.5 + 6.25 + 10.0)).abs() < 1e-9);
        let long = Tokens {
            input: 200_000,
            ..Tokens::default()
        };
        assert!((long.usd("claude-haiku-5-5") - 0.1).abs() < 1e-9);
    }
}
