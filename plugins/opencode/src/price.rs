//! List prices of the models that this backend offers. Only used to compare models: the cost of a
//! run is what the program reports, which knows the prices of far more models.
//!
//! Prices of <https://platform.claude.com/docs/en/about-claude/pricing> as of October 2026.

use autoissue_plugin_sdk::Prices;

/// Name and price of input, output, reading from the cache and writing to it, in US dollars per
/// million tokens; weakest and cheapest first.
///
/// The program reaches dozens of providers, each with a login of its own. These are the models of
/// the one that most users have; any other name is accepted too.
pub(crate) const MODELS: [(&str, [f64; 4]); 3] = [
    ("anthropic/claude-haiku-4-5", [1.0, 5.0, 0.1, 1.25]),
    (DEFAULT, [2.0, 10.0, 0.2, 2.5]),
    ("anthropic/claude-opus-5-5", [4.0, 20.0, 0.2, 5.0]),
];

/// Model in the default configuration.
pub(crate) const DEFAULT: &str = "anthropic/claude-sonnet-5";

/// Returns the prices of a model; `None` if they are unknown.
pub(crate) fn of(model: &str) -> Option<Prices> {
    let (_, prices) = MODELS.iter().find(|(name, _)| *name == model)?;
    let [input, output, cache_read, cache_write] = *prices;
    Some(
        Prices::new(input, output)
            .cache_read(cache_read)
            .cache_write(cache_write),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_offered_from_the_cheapest_to_the_most_expensive() {
        let inputs = MODELS.map(|(_, prices)| prices[0]);
        assert!(inputs.is_sorted());
    }

    #[test]
    fn an_unknown_model_has_no_price() {
        assert_eq!(of("openai/gpt-5"), None);
        assert_eq!(of("claude-sonnet-5"), None);
        assert!(of(DEFAULT).is_some_and(|prices| prices.cache_read == Some(0.2)));
    }
}
