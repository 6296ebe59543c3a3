//! Where issues and pull requests live: GitHub, or the embedded local forge.
//!
//! ```text
//!   work ──► Forge ─┬─► local    files in the project
//!                   └─► github   the API of GitHub, or of a GitHub Enterprise host
//! ```
//!
//! Branches are not its business: whoever publishes puts the branch there first (see `autoissue_git::mirror`).

pub mod declared;
mod forge;
pub mod github;
pub mod local;
mod timestamp;

pub use forge::{Backlog, Forge, ForgeError, IssueDraft, IssueState, PullRequestDraft, depends_on};
