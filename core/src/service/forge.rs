//! Where issues and pull requests live: GitHub, or the embedded local forge. One interface for both, blocking.
//!
//! ```text
//!   work ──► Forge ─┬─► local_forge   files in the project
//!                   └─► github        the API of GitHub, or of a GitHub Enterprise host
//! ```
//!
//! Branches are not its business: whoever publishes puts the branch there first (see `mirror`).

use std::collections::BTreeMap;

use autoissue_engine::{Issue, IssueNumber, PullRequest, Time};
use tokio_util::sync::CancellationToken;

use super::github::{Github, GithubError};
use super::local_forge::{self, LocalForge};

/// A forge.
#[derive(Debug)]
pub enum Forge {
    /// Files in the project.
    Local(LocalForge),
    /// GitHub's API.
    Github(Box<Github>),
}

/// Why a forge could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The local forge could not.
    #[error(transparent)]
    Local(#[from] local_forge::ForgeError),
    /// GitHub could not, or would not.
    #[error(transparent)]
    Github(#[from] GithubError),
}

/// The open issues that carry a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The issues, by number.
    pub issues: Vec<Issue>,
    /// What was odd, for people.
    pub warnings: Vec<String>,
}

/// Whether an issue still has to be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueState {
    /// It is open.
    Open,
    /// It is closed, or its pull request is merged.
    Closed,
    /// There is no such issue.
    Missing,
}

/// An issue to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssueDraft {
    /// Title; line ends become spaces.
    pub title: String,
    /// Body, Markdown.
    pub body: String,
    /// Names of the labels.
    pub labels: Vec<String>,
    /// Name of the author; may be empty.
    pub author: String,
    /// When it is created.
    pub created_at: Time,
    /// A line, an HTML comment, by which a repetition finds it. Added to the body where it is missing.
    pub marker: Option<String>,
}

/// A pull request to be published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullRequestDraft {
    /// Issue that it is for.
    pub issue: IssueNumber,
    /// Title; line ends become spaces.
    pub title: String,
    /// Body, Markdown.
    pub body: String,
    /// Branch with the work.
    pub head: String,
    /// Commit at its head.
    pub head_commit: String,
    /// Commit that was at its head before, where this work replaces other work of ours.
    pub replaces: Option<String>,
    /// Branch that it is to be merged into.
    pub base: String,
    /// Whether it is not ready to be merged.
    pub draft: bool,
    /// Names of the labels.
    pub labels: Vec<String>,
    /// A line that begins with `<!-- autoissue`, by which a repetition finds it. Added to the body where it is missing.
    pub marker: String,
    /// When it is created; an update keeps the first time.
    pub created_at: Time,
}

impl Forge {
    /// Returns the open issues that carry the label, without regard to case. Only dependencies that the forge itself knows are
    /// filled in; see [`Forge::states`] for those that a text states.
    ///
    /// # Errors
    /// [`ForgeError`]; one odd issue is a warning, not an error.
    pub fn backlog(&self, label: &str) -> Result<Backlog, ForgeError> {
        match self {
            Self::Local(forge) => {
                let (issues, warnings) = forge.issues(label)?;
                Ok(Backlog { issues, warnings })
            }
            Self::Github(github) => Ok(github.backlog(label)?),
        }
    }

    /// Returns for each number whether its issue is open.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub fn states(&self, numbers: &[IssueNumber]) -> Result<BTreeMap<IssueNumber, IssueState>, ForgeError> {
        match self {
            Self::Local(forge) => Ok(forge.states(numbers)?),
            Self::Github(github) => Ok(github.states(numbers)?),
        }
    }

    /// Returns the open pull request of ours that is for an issue.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub fn pull_request_of(&self, issue: IssueNumber) -> Result<Option<PullRequest>, ForgeError> {
        match self {
            Self::Local(forge) => Ok(forge.pull_request_of(issue)?),
            Self::Github(github) => Ok(github.pull_request_of(issue)?),
        }
    }

    /// Creates a pull request, or finds the open one of the same issue, which it updates where its work was replaced. The second
    /// value tells whether there was one. `cancel` ends only waiting: what was begun is finished.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub fn publish(
        &self,
        draft: &PullRequestDraft,
        cancel: &CancellationToken,
    ) -> Result<(PullRequest, bool), ForgeError> {
        match self {
            Self::Local(forge) => Ok(forge.publish(draft)?),
            Self::Github(github) => Ok(github.publish(draft, cancel)?),
        }
    }

    /// Finds out whether branches may be pushed, after a push has failed.
    ///
    /// # Errors
    /// Why they may not, or cannot.
    pub fn check_push_right(&self) -> Result<(), ForgeError> {
        match self {
            Self::Local(_) => Ok(()),
            Self::Github(github) => Ok(github.check_push_right()?),
        }
    }

    /// Returns how many calls to an API the forge took so far: for an issue, or, with `None`, for none in particular.
    pub fn n_api_calls(&self, issue: Option<IssueNumber>) -> u32 {
        match self {
            Self::Local(_) => 0,
            Self::Github(github) => github.n_calls(issue),
        }
    }
}
