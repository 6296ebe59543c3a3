//! Facts about Gemini CLI beyond how to run it.

use autoissue_plugin_sdk::built_in::{BuiltInAgent, ModelNames};

use crate::{GeminiBackend, GeminiRun, price};

/// Releases of the program that were recorded, oldest and newest.
pub const TESTED_RELEASES: [&str; 2] = ["0.61.0", "0.61.0"];

/// Gemini CLI, as listed in the host's registry.
pub static BUILT_IN: BuiltInAgent = BuiltInAgent {
    tested_releases: Some(TESTED_RELEASES),
    models: Some(MODELS),
    // It reads `GEMINI.md` of parent directories only up to the root of the work tree.
    instruction_files: &[],
    transcript: Some(|| Box::new(GeminiRun::default())),
    ..BuiltInAgent::new(|| Box::new(GeminiBackend))
};

pub(crate) const MODELS: ModelNames = ModelNames {
    default: Some("pro"),
    // Older names for ways to choose among models.
    more_aliases: &["auto-gemini-2.5", "auto-gemini-3"],
    // `gemini-3.1-pro-preview`.
    maker: "gemini",
    cloud_prefix: "",
    families: &["customtools", "flash", "lite", "preview", "pro"],
    has_list_price: price::is_known,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_model_is_offered() {
        assert!(
            BUILT_IN
                .model_aliases()
                .contains(&MODELS.default.unwrap().to_owned())
        );
    }
}
