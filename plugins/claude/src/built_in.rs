//! Facts about Claude Code beyond how to run it.

use autoissue_plugin_sdk::built_in::{BuiltInAgent, ModelNames};

use crate::{ClaudeBackend, ClaudeRun, price};

/// Releases of the program that the tests run: the one that was recorded, and the newest one
/// tested.
pub const TESTED_RELEASES: [&str; 2] = ["2.1.197", "2.1.332"];

/// Claude Code, as listed in the host's registry.
pub static BUILT_IN: BuiltInAgent = BuiltInAgent {
    tested_releases: Some(TESTED_RELEASES),
    models: Some(MODELS),
    instruction_files: &["CLAUDE.md", "CLAUDE.local.md"],
    transcript: Some(|| Box::new(ClaudeRun::default())),
    ..BuiltInAgent::new(|| Box::new(ClaudeBackend))
};

pub(crate) const MODELS: ModelNames = ModelNames {
    default: Some("sonnet"),
    // Other models, or ways to choose among them.
    more_aliases: &["fable", "default", "best", "opusplan"],
    // `claude-opus-5-5`, and `us.anthropic.claude-opus-5-5` on Amazon Bedrock.
    maker: "claude",
    cloud_prefix: "anthropic.",
    families: &["fable", "haiku", "mythos", "opus", "sonnet"],
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
