//! The built-in agent backend that runs OpenAI Codex.
