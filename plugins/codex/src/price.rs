//! Prices of tokens, by model. The program reports tokens only, so this is where its cost comes
//! from.
//!
//! Standard list prices of <https://developers.openai.com/api/docs/pricing> and the pages of the
//! models, as of 18 November 2026. A model that is not listed has no price: a guess would look like
//! a bill.
//!
//! Two surcharges are not visible in the output and are left out: requests with more than 272,000
//! input tokens cost twice as much, and so does the fast service tier. With a subscription the
//! result is what the tokens would have cost.

use autoissue_plugin_sdk::{Prices, Usage};

/// Prices in US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Price {
    input: f64,
    cache_read: f64,
    cache_write: f64,
    output: f64,
}

/// Price of writing to the cache, as a multiple of the price of input, since GPT-5.6. Older models
/// charge such tokens as ordinary input.
const CACHE_WRITE: f64 = 1.25;

/// Names of models and their prices.
const PRICES: [(&str, Price); 19] = [
    ("gpt-6.2-astra", new(8.0, 0.4, 40.0)),
    ("gpt-6.2-sol", new(2.0, 0.1, 10.0)),
    ("gpt-6.1-sol", new(2.0, 0.1, 10.0)),
    ("gpt-6.1-terra", new(1.0, 0.05, 5.0)),
    ("gpt-6-astra", new(10.0, 1.0, 50.0)),
    ("gpt-6-sol", new(2.0, 0.2, 10.0)),
    ("gpt-6-luna", new(0.1, 0.01, 0.5)),
    ("gpt-5.6-sol", new(4.0, 0.4, 20.0)),
    ("gpt-5.6-terra", new(2.0, 0.2, 12.0)),
    ("gpt-5.6-luna", new(0.2, 0.02, 1.2)),
    ("gpt-5.5", old(5.0, 0.5, 30.0)),
    ("gpt-5.4", old(2.5, 0.25, 15.0)),
    ("gpt-5.4-mini", old(0.75, 0.075, 4.5)),
    ("gpt-5.3-codex", old(1.75, 0.175, 14.0)),
    ("gpt-5.2-codex", old(1.75, 0.175, 14.0)),
    ("gpt-5.2", old(1.75, 0.175, 14.0)),
    ("gpt-5.1-codex-max", old(1.25, 0.125, 10.0)),
    ("gpt-5.1-codex", old(1.25, 0.125, 10.0)),
    ("gpt-5-codex", old(1.25, 0.125, 10.0)),
];

/// Length of the date in the name of a snapshot: `-2026-11-17`.
const DATE_LEN: usize = "-2026-11-17".len();

const fn new(input: f64, cache_read: f64, output: f64) -> Price {
    Price {
        input,
        cache_read,
        cache_write: input * CACHE_WRITE,
        output,
    }
}

const fn old(input: f64, cache_read: f64, output: f64) -> Price {
    Price {
        input,
        cache_read,
        cache_write: input,
        output,
    }
}

/// Returns the prices of a model in the form that hosts use; `None` if they are unknown.
pub(crate) fn listed(model: &str) -> Option<Prices> {
    let price = of(model)?;
    Some(
        Prices::new(price.input, price.output)
            .cache_read(price.cache_read)
            .cache_write(price.cache_write),
    )
}

/// Returns the cost of these tokens, in US dollars; `None` if the model has no list price.
pub(crate) fn usd(model: &str, usage: &Usage) -> Option<f64> {
    let price = of(model)?;
    let millions = |n: u64| n as f64 / 1e6;
    Some(
        millions(usage.input_tokens) * price.input
            + millions(usage.cache_read_tokens) * price.cache_read
            + millions(usage.cache_write_tokens) * price.cache_write
            + millions(usage.output_tokens) * price.output,
    )
}

fn of(model: &str) -> Option<Price> {
    let (_, price) = PRICES
        .iter()
        .find(|(name, _)| *name == model || *name == without_date(model))?;
    Some(*price)
}

/// Returns the name of a model without the date of its snapshot.
fn without_date(model: &str) -> &str {
    let Some((name, date)) = model
        .len()
        .checked_sub(DATE_LEN)
        .and_then(|at| model.split_at_checked(at))
    else {
        return model;
    };
    let is_date = date.bytes().enumerate().all(|(at, byte)| match at {
        0 | 5 | 8 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if is_date { name } else { model }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: &str, usage: Usage, expected: Option<f64>) {
        let found = usd(model, &usage).map(|usd| (usd * 1e6).round() / 1e6);
        assert_eq!(found, expected, "{model}");
    }

    #[test]
    fn every_kind_of_token_has_its_price() {
        let million = 1_000_000;
        let none = Usage::default();
        let read = none.cache_read_tokens(million);
        let write = none.cache_write_tokens(million);
        check("gpt-6.2-sol", none.input_tokens(million), Some(2.0));
        check("gpt-6.2-sol", none.output_tokens(million), Some(10.0));
        check("gpt-6.2-sol", read, Some(0.1));
        check("gpt-6.2-sol", write, Some(2.5));
        check("gpt-5.5", write, Some(5.0));
        let all = read
            .cache_write_tokens(million)
            .input_tokens(million)
            .output_tokens(million);
        check("gpt-6-luna", all, Some(0.1 + 0.01 + 0.125 + 0.5));
    }

    #[test]
    fn a_dated_snapshot_has_the_price_of_its_model() {
        let usage = Usage::default().output_tokens(1_000_000);
        check("gpt-5.4-2026-03-05", usage, Some(15.0));
        check("gpt-5.4-mini-2026-03-17", usage, Some(4.5));
        check("gpt-5.4-2026-03-0x", usage, None);
    }

    #[test]
    fn an_unknown_model_has_no_price() {
        let usage = Usage::default().output_tokens(1_000_000);
        for model in [
            "",
            "gpt-7",
            "gpt-5.4-pro",
            "x-gpt-5.4",
            "gpt-oss:20b",
            "é-2026-03-05",
        ] {
            check(model, usage, None);
            assert!(listed(model).is_none(), "{model}");
        }
    }
}
