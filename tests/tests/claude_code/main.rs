//! The real Claude Code, end to end: the real binary runs it against the model server, on the local forge.
//!
//! A target of its own, for it needs a program that is not part of this repository: `AUTOISSUE_CLAUDE` names it, and without that
//! every test here fails and says so. `.ci/run` installs the release that is supported and sets the variable;
//! `.github/CONTRIBUTING.md` has the command for people.
//!
//! Nothing of the machine's user is seen: environment and home are the world's own, the key is none, and the model is on
//! loopback.

mod endings;
mod memory;
mod planning;
mod stopping;
mod world;
