//! Where issues and pull requests live: GitHub, or the embedded local forge.
//!
//! ```text
//!   work ──► Forge ─┬─► local    files in the project
//!                   └─► github   the API of GitHub, or of a GitHub Enterprise host
//! ```
//!
//! Branches are handled elsewhere: the caller pushes a branch before publishing it (see
//! `autoissue_git::mirror`).

pub mod declared;
pub mod finding;
mod forge;
pub mod github;
pub mod local;
mod registry;
mod timestamp;

pub use forge::{
    Backlog, Description, Fault, Forge, ForgeError, IssueDraft, IssueState, PullRequestDraft,
    depends_on,
};
pub use registry::{ForgeKind, OpenError, OpenRequest, Opened};
