//! The outside world in small: a repository with a backlog, and the real binary in a home, state directory and git configuration
//! of their own. Nothing of the machine's user is read or written.

#![expect(
    clippy::disallowed_methods,
    reason = "tests are the outside world: they start the binary under test, git, and fakes"
)]

mod github_sandbox;
pub mod github_server;
pub mod measure;
mod sandbox;
mod terminal;

pub use github_sandbox::{GithubSandbox, LABEL, REPOSITORY, TOKEN};
pub use sandbox::{Run, Sandbox, binary, new_file_patch};
pub use terminal::{Sight, Terminal};
