//! The built-in agent backend that runs any program which edits files.
