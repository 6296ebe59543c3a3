//! Files of a repository by which agents are known to be configured.

/// Files and directories that can make one of the known agents run commands, add servers, grant
/// permissions or send keys elsewhere: for backends that do not know which program they run. See
/// [`ProgramInfo::repository_settings`](crate::ProgramInfo::repository_settings).
pub const OF_ANY_AGENT: &[&str] = &[
    // aider
    ".aider.conf.yml",
    ".aider.model.metadata.json",
    ".aider.model.settings.yml",
    // Claude Code
    ".claude/settings.json",
    ".claude/settings.local.json",
    ".mcp.json",
    ".codex",
    // Variables for several of them.
    ".env",
    ".gemini",
    "gptme.toml",
    ".opencode",
    "opencode.json",
    "opencode.jsonc",
    ".pi",
    ".qwen",
];
