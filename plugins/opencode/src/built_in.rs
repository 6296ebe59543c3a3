//! Facts about opencode beyond how to run it.

use autoissue_plugin_sdk::built_in::{BuiltInAgent, ModelNames};

use crate::{OpencodeBackend, OpencodeRun, config, price};

/// Releases of the program that the tests run: the one that was recorded, which is also the newest
/// one tested.
pub const TESTED_RELEASES: [&str; 2] = ["1.18.33", "1.18.33"];

/// opencode, as listed in the host's registry.
pub static BUILT_IN: BuiltInAgent = BuiltInAgent {
    tested_releases: Some(TESTED_RELEASES),
    models: Some(MODELS),
    instruction_files: &config::INSTRUCTIONS,
    transcript: Some(|| Box::new(OpencodeRun::default())),
    ..BuiltInAgent::new(|| Box::new(OpencodeBackend))
};

const MODELS: ModelNames = ModelNames {
    default: None,
    more_aliases: &[],
    // Names are `provider/model`, of any provider.
    maker: "anthropic/claude",
    cloud_prefix: "anthropic.",
    families: &["fable", "haiku", "mythos", "opus", "sonnet"],
    has_list_price: |model| price::of(model).is_some(),
};
