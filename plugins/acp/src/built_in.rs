//! Facts about the backend beyond how to run it.

use autoissue_plugin_sdk::built_in::BuiltInAgent;

use crate::{AcpBackend, AcpRun};

/// Releases of the agents whose conversations are recorded.
pub const TESTED_RELEASES: [(&str, &str); 4] = [
    ("@agentclientprotocol/claude-agent-acp", "0.49.0"),
    ("@google/gemini-cli", "0.61.0"),
    ("@zed-industries/codex-acp", "0.16.0"),
    ("opencode-ai", "1.18.33"),
];

/// The backend, as listed in the host's registry.
///
/// Its program is whatever the settings name, so there are no releases and no models to list.
pub static BUILT_IN: BuiltInAgent = BuiltInAgent {
    takes_any_model: true,
    takes_command: true,
    instruction_files: &["AGENTS.md", "CLAUDE.md", "CLAUDE.local.md", "GEMINI.md"],
    transcript: Some(|| Box::new(AcpRun::of_transcript())),
    ..BuiltInAgent::new(|| Box::new(AcpBackend))
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_a_name_without_settings() {
        assert_eq!(BUILT_IN.name(), "acp");
        assert_eq!(BUILT_IN.info(), None);
    }
}
