//! Facts about Claude Code beyond how to run it.

use autoissue_plugin_sdk::built_in::{BuiltInAgent, Login, ModelNames};

use crate::{ClaudeBackend, ClaudeRun, price};

/// The type of a line appears within this many bytes.
const KIND_BYTES: usize = 200;

/// Releases of the program that the tests run: the one that was recorded, and the newest one
/// tested.
pub const TESTED_RELEASES: [&str; 2] = ["2.1.197", "2.1.332"];

/// Claude Code, as listed in the host's registry.
pub static BUILT_IN: BuiltInAgent = BuiltInAgent {
    login: Some(LOGIN),
    tested_releases: Some(TESTED_RELEASES),
    models: Some(MODELS),
    default_tools: &["Bash", "Edit", "Glob", "Grep", "Read", "Write"],
    instruction_files: &["CLAUDE.md", "CLAUDE.local.md"],
    transcript: Some(|| Box::new(ClaudeRun::default())),
    is_fragment,
    ..BuiltInAgent::new(|| Box::new(ClaudeBackend))
};

const LOGIN: Login = Login {
    keys: &[
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
    ],
    clouds: &[
        ("CLAUDE_CODE_USE_BEDROCK", "Amazon Bedrock"),
        ("CLAUDE_CODE_USE_VERTEX", "Google Vertex AI"),
        ("CLAUDE_CODE_USE_FOUNDRY", "Microsoft Foundry"),
    ],
    directory: ("CLAUDE_CONFIG_DIR", ".claude"),
    file: ".credentials.json",
    advice: "run `claude` once to log in, or set `ANTHROPIC_API_KEY`; not needed if `apiKeyHelper` in its settings provides the key",
};

pub(crate) const MODELS: ModelNames = ModelNames {
    default: "sonnet",
    // Other models, or ways to choose among them.
    more_aliases: &["fable", "default", "best", "opusplan"],
    // `claude-opus-5-5`, and `us.anthropic.claude-opus-5-5` on Amazon Bedrock.
    maker: "claude",
    cloud_prefix: "anthropic.",
    families: &["fable", "haiku", "mythos", "opus", "sonnet"],
    has_list_price: price::is_known,
};

/// Returns whether a line contains a fragment of a message that is later printed in full.
fn is_fragment(line: &str) -> bool {
    let head = &line[..line.floor_char_boundary(KIND_BYTES)];
    head.contains("\"stream_event\"") && head.contains("\"content_block_delta\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_model_is_offered() {
        assert!(
            BUILT_IN
                .model_aliases()
                .contains(&MODELS.default.to_owned())
        );
    }

    #[test]
    fn fragments_are_distinguished_from_complete_messages() {
        for (line, expected) in [
            (
                r#"{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"gh"}}}"#,
                true,
            ),
            (
                r#"{"type":"assistant","message":{"content":[{"type":"text","text":"a \"content_block_delta\" in words"}]}}"#,
                false,
            ),
            (
                r#"{"type":"stream_event","event":{"type":"message_start"}}"#,
                false,
            ),
            ("plain", false),
        ] {
            assert_eq!((BUILT_IN.is_fragment)(line), expected, "{line}");
        }
    }
}
