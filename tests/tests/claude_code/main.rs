//! The real Claude Code, end to end: the autoissue binary runs it against the model server, on the
//! local forge.
//!
//! A separate target because it needs a program outside this repository. `AUTOISSUE_CLAUDE` names
//! it; without the variable every test here fails with a message. `.ci/run` installs the supported
//! release and sets the variable; `CONTRIBUTING.md` has the command for manual runs.
//!
//! Nothing of the user is accessed: environment and home belong to the test, the API key is a
//! dummy, and the model runs on loopback.

mod endings;
mod memory;
mod planner;
mod stopping;
mod world;
