//! The outside world in small: a repository with a backlog, and the real binary in a home, state directory and git configuration
//! of their own. Nothing of the machine's user is read or written.

#![expect(
    clippy::disallowed_methods,
    reason = "tests are the outside world: they start the binary under test, git, and fakes"
)]

pub mod github_server;
pub mod guests;
pub mod measure;
mod sandbox;

pub use sandbox::{Run, Sandbox, binary, new_file_patch};
