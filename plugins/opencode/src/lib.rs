//! The built-in agent backend that runs opencode.
