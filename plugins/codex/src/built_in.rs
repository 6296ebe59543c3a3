//! Facts about OpenAI Codex beyond how to run it.

use autoissue_plugin_sdk::built_in::{BuiltInAgent, ModelNames};

use crate::{CodexBackend, CodexRun, price};

/// Releases of the program that the tests run: the oldest one supported, and the newest one tested.
pub const TESTED_RELEASES: [&str; 2] = ["0.169.0", "0.171.0"];

/// OpenAI Codex, as listed in the host's registry.
///
/// There is no list of tools: see [`permissions`](crate::permissions).
pub static BUILT_IN: BuiltInAgent = BuiltInAgent {
    tested_releases: Some(TESTED_RELEASES),
    models: Some(MODELS),
    instruction_files: &["AGENTS.md", "AGENTS.override.md"],
    transcript: Some(|| Box::new(CodexRun::default())),
    ..BuiltInAgent::new(|| Box::new(CodexBackend))
};

/// `gpt-6.2-sol`: the version comes second.
pub(crate) const MODELS: ModelNames = ModelNames {
    default: Some("gpt-6.2-sol"),
    // Older models that the program still offers.
    more_aliases: &[
        "gpt-6.1-sol",
        "gpt-6-astra",
        "gpt-6-sol",
        "gpt-5.6-sol",
        "gpt-5.6-terra",
        "gpt-5.6-luna",
        "gpt-5.5",
    ],
    maker: "gpt",
    cloud_prefix: "openai.",
    families: &["astra", "codex", "luna", "mini", "sol", "terra"],
    has_list_price: |model| price::listed(model).is_some(),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_model_is_offered() {
        let offered = BUILT_IN.model_aliases();
        assert!(
            offered.contains(&MODELS.default.unwrap().to_owned()),
            "{offered:?}"
        );
    }

    #[test]
    fn every_named_model_has_a_price() {
        for name in BUILT_IN.model_aliases() {
            assert!((MODELS.has_list_price)(&name), "{name}");
        }
    }
}
