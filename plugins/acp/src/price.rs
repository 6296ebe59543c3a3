//! List prices of models of agents that report tokens but no cost, in US dollars per million
//! tokens.
//!
//! Only Gemini CLI reports tokens by model. From Google's page "Gemini Developer API pricing"
//! (<https://ai.google.dev/gemini-api/docs/pricing>, as quoted by others between March and July
//! 2026; the page itself was not read), standard tier, text.
//!
//! The result is an estimate: cached tokens cost less than assumed here, while reasoning that the
//! agent does not report, and requests of more than 200,000 tokens to the Pro models, cost more.

/// Prices in US dollars per million tokens read and written.
type Prices = (f64, f64);

/// Model names and their prices.
const PRICES: [(&str, Prices); 6] = [
    ("gemini-2.5-pro", (1.25, 10.0)),
    ("gemini-2.5-flash", (0.3, 2.5)),
    ("gemini-2.5-flash-lite", (0.1, 0.4)),
    ("gemini-3-flash-preview", (0.5, 3.0)),
    ("gemini-3.1-pro-preview", (2.0, 12.0)),
    // The same model with other tool descriptions.
    ("gemini-3.1-pro-preview-customtools", (2.0, 12.0)),
];

const MILLION: f64 = 1e6;

/// Returns the cost of tokens in US dollars; `None` if the price of the model is unknown.
pub(crate) fn cost_usd(model: &str, n_read: u64, n_written: u64) -> Option<f64> {
    let (_, (input, output)) = PRICES.iter().find(|(name, _)| *name == model)?;
    Some((exact(n_read) * input + exact(n_written) * output) / MILLION)
}

/// Converts a number of tokens, which is far below the precision of `f64`.
fn exact(n_tokens: u64) -> f64 {
    u32::try_from(n_tokens).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_model_has_no_price() {
        assert_eq!(cost_usd("gemini-2.5-pro", 1_000_000, 100_000), Some(2.25));
        assert_eq!(cost_usd("gemini-9-pro", 1_000_000, 100_000), None);
        assert_eq!(cost_usd("gemini-2.5-pro-exp", 1, 1), None);
    }
}
