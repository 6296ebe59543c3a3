//! The built-in agent backend that runs Gemini CLI.
