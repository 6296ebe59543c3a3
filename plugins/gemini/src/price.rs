//! Prices of tokens, by model. The program reports tokens only.
//!
//! List prices of <https://ai.google.dev/gemini-api/docs/pricing> for text in the standard tier, as
//! of October 2026. A model that is not listed has no price: its cost is then unknown, not zero.

use autoissue_plugin_sdk::{Prices, Usage};

/// Prices in US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Price {
    input: f64,
    output: f64,
    cache_read: f64,
    /// The same for requests with more than [`LONG_PROMPT`] tokens; `None` if they cost the same.
    long: Option<(f64, f64, f64)>,
}

/// Start of the model's name, price. The first match counts, so longer names come first.
const PRICES: &[(&str, Price)] = &[
    ("gemini-2.5-flash-lite", price(0.1, 0.4, 0.01)),
    ("gemini-2.5-flash", price(0.3, 2.5, 0.03)),
    (
        "gemini-2.5-pro",
        long(price(1.25, 10.0, 0.125), 2.5, 15.0, 0.25),
    ),
    ("gemini-3.1-flash-lite", price(0.25, 1.5, 0.025)),
    (
        "gemini-3.1-pro",
        long(price(2.0, 12.0, 0.2), 4.0, 18.0, 0.4),
    ),
    ("gemini-3.5-flash", price(1.5, 9.0, 0.15)),
    ("gemini-3.7-flash", price(1.5, 7.5, 0.15)),
    // Half of this until the end of 2026.
    ("gemini-3.8-flash", price(1.5, 7.5, 0.15)),
    ("gemini-3-flash", price(0.5, 3.0, 0.05)),
    ("gemini-3-pro", long(price(2.0, 12.0, 0.2), 4.0, 18.0, 0.4)),
];

/// Endings of names that are variants for other purposes, with other prices.
const OTHER_KINDS: [&str; 5] = ["image", "audio", "live", "tts", "lite"];

/// The models that the program's aliases refer to. What `flash` means depends on the account; this
/// is the more expensive of its two meanings.
const ALIASES: [(&str, &str); 3] = [
    ("flash-lite", "gemini-3.1-flash-lite"),
    ("flash", "gemini-3.5-flash"),
    ("pro", "gemini-3.1-pro-preview"),
];

/// Requests with more tokens than this cost more with some models.
const LONG_PROMPT: u64 = 200_000;

/// By this factor the last request of a conversation may be larger than the average one, if it
/// grows evenly.
const GROWTH: u64 = 2;

const fn price(input: f64, output: f64, cache_read: f64) -> Price {
    Price {
        input,
        output,
        cache_read,
        long: None,
    }
}

const fn long(mut price: Price, input: f64, output: f64, cache_read: f64) -> Price {
    price.long = Some((input, output, cache_read));
    price
}

/// Returns whether the model has a list price.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn is_known(model: &str) -> bool {
    listed(model).is_some()
}

/// Returns the prices of the model that an alias refers to.
pub(crate) fn of_alias(alias: &str) -> Option<Prices> {
    let (_, model) = ALIASES.iter().find(|(name, _)| *name == alias)?;
    let price = listed(model)?;
    Some(Prices::new(price.input, price.output).cache_read(price.cache_read))
}

/// Returns the cost of these tokens in US dollars, read and written in `n_requests` requests; `None`
/// if the model has no list price.
///
/// The program only reports totals, so whether requests were long is an estimate.
pub(crate) fn usd(model: &str, tokens: &Usage, n_requests: u32) -> Option<f64> {
    let price = listed(model)?;
    let n_read = tokens.input_tokens.saturating_add(tokens.cache_read_tokens);
    let longest = (GROWTH.saturating_mul(n_read) / u64::from(n_requests.max(1))).min(n_read);
    let base = (price.input, price.output, price.cache_read);
    let (input, output, cache_read) = match price.long {
        Some(long) if LONG_PROMPT < longest => long,
        _ => base,
    };
    let millions = |n: u64| n as f64 / 1e6;
    Some(
        millions(tokens.input_tokens) * input
            + millions(tokens.output_tokens) * output
            + millions(tokens.cache_read_tokens) * cache_read,
    )
}

fn listed(model: &str) -> Option<&'static Price> {
    let (_, price) = PRICES.iter().find(|(start, _)| {
        model
            .strip_prefix(start)
            .is_some_and(|rest| rest.is_empty() || is_variant(rest))
    })?;
    Some(price)
}

/// Returns whether the end of a name, such as `-preview-09-2025`, denotes a variant at the same
/// price.
fn is_variant(rest: &str) -> bool {
    rest.starts_with('-') && !rest.split('-').any(|word| OTHER_KINDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(model: &str, expected: Option<f64>) {
        let tokens = Usage::default().input_tokens(1_000);
        let usd = usd(model, &tokens, 1).map(|usd| (usd * 1e9).round() / 1e6);
        assert_eq!(usd, expected, "{model}");
    }

    #[test]
    fn models_are_priced_by_their_names() {
        check("gemini-2.5-pro", Some(1.25));
        check("gemini-2.5-flash", Some(0.3));
        check("gemini-2.5-flash-lite", Some(0.1));
        check("gemini-2.5-flash-preview-09-2025", Some(0.3));
        check("gemini-3-pro-preview", Some(2.0));
        check("gemini-3.1-pro-preview-customtools", Some(2.0));
        check("gemini-3-flash-preview", Some(0.5));
        check("gemini-3.1-flash-lite", Some(0.25));
    }

    #[test]
    fn an_unknown_model_has_no_price() {
        for model in [
            "",
            "pro",
            "gemma-4-31b-it",
            "gemini-9-pro",
            "gemini-3-proto",
            "gemini-2.5-flash-image",
            "gemini-3.5-flash-lite",
            "gemini-3-pro-image-preview",
        ] {
            check(model, None);
        }
    }

    #[test]
    fn every_kind_of_token_has_its_price() {
        let tokens = Usage::default()
            .input_tokens(100_000)
            .output_tokens(100_000)
            .cache_read_tokens(100_000);
        let found = usd("gemini-2.5-pro", &tokens, 10).unwrap();
        assert!((found - (0.125 + 1.0 + 0.0125)).abs() < 1e-9, "{found}");
    }

    #[test]
    fn long_requests_cost_more_if_there_may_have_been_any() {
        let tokens = Usage::default().input_tokens(1_000_000);
        let usd = |n_requests| usd("gemini-2.5-pro", &tokens, n_requests).unwrap();
        assert!((usd(1) - 2.5).abs() < 1e-9);
        assert!((usd(9) - 2.5).abs() < 1e-9);
        assert!((usd(10) - 1.25).abs() < 1e-9);
        let short = Usage::default().input_tokens(200_000);
        let short = super::usd("gemini-2.5-pro", &short, 1).unwrap();
        assert!((short - 0.25).abs() < 1e-9);
    }

    #[test]
    fn every_alias_has_prices() {
        for (alias, model) in ALIASES {
            assert!(of_alias(alias).is_some() && is_known(model), "{alias}");
        }
        assert_eq!(of_alias("gemini-2.5-pro"), None);
    }
}
