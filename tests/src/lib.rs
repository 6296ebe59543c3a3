//! Test environments: a repository with a backlog, and the real binary with its own home, state
//! directory and git configuration. No files of the user are read or written.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the binary under test, git, and fakes"
)]

pub mod family;
pub mod git_trace;
mod github_sandbox;
pub mod github_server;
pub mod guests;
pub mod http;
mod made_up;
pub mod measure;
pub mod model_server;
mod sandbox;
mod scratch;
mod served;
mod terminal;

pub use github_sandbox::{GithubSandbox, LABEL, REPOSITORY, TOKEN};
pub use made_up::{MadeUp, Recipe};
pub use sandbox::{Run, Sandbox, binary, new_file_patch};
pub use scratch::scratch;
pub use served::{Served, Started, port_of};
pub use terminal::{Terminal, TerminalContents};
