//! Where issues and pull requests live: GitHub, or the embedded local forge. One interface for both, blocking.
//!
//! ```text
//!   work ──► Forge ─┬─► local_forge   files in the project
//!                   └─► github        the API of GitHub, or of a GitHub Enterprise host
//! ```
//!
//! Branches are not its business: whoever publishes puts the branch there first (see `mirror`).

use std::collections::{BTreeMap, BTreeSet};

use autoissue_engine::{Issue, IssueNumber, PullRequest, Time, Withdrawal};
use tokio_util::sync::CancellationToken;

use crate::declared::{Home, dependencies_in};
use crate::github::{Github, GithubError};
use crate::local::{self, LocalForge};

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
    Local(#[from] local::ForgeError),
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
    /// Of these, those that an open issue of another repository blocks.
    pub blocked_elsewhere: BTreeSet<IssueNumber>,
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
    /// When it was thought of: an issue with its marker is no older. Zero where nobody knows.
    pub planned_at: Time,
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
    /// Whether it must not be anything else; other drafts are ready to be merged where the plan has no drafts.
    pub must_be_draft: bool,
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
                Ok(Backlog {
                    issues,
                    warnings,
                    ..Backlog::default()
                })
            }
            Self::Github(github) => Ok(github.backlog(label)?),
        }
    }

    /// Returns the open ones of these issues, as [`Forge::backlog`] does. Those that are closed or gone become warnings.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub fn issues(&self, numbers: &[IssueNumber]) -> Result<Backlog, ForgeError> {
        match self {
            Self::Local(forge) => {
                let (issues, warnings) = forge.issues_of(numbers)?;
                Ok(Backlog {
                    issues,
                    warnings,
                    ..Backlog::default()
                })
            }
            Self::Github(github) => Ok(github.issues(numbers)?),
        }
    }

    /// Returns the labels that issues carry here, or may carry.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub fn labels(&self) -> Result<Vec<String>, ForgeError> {
        match self {
            Self::Local(forge) => Ok(forge.labels()?),
            Self::Github(github) => Ok(github.labels()?),
        }
    }

    /// Creates an issue, or finds the one with the draft's marker, which is left as it is. The second value tells whether there
    /// was one. `cancel` ends only waiting.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub fn create_issue(
        &self,
        draft: &IssueDraft,
        cancel: &CancellationToken,
    ) -> Result<(IssueNumber, Option<String>), ForgeError> {
        match self {
            Self::Local(forge) => Ok(forge.create_issue(draft)?),
            Self::Github(github) => Ok(github.create_issue(draft, cancel)?),
        }
    }

    /// Writes down what an issue depends on: in its body where that does not say so yet, and in the forge's own books where it has
    /// some. `cancel` ends only waiting.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub fn add_dependencies(
        &self,
        issue: IssueNumber,
        on: &[IssueNumber],
        cancel: &CancellationToken,
    ) -> Result<(), ForgeError> {
        match self {
            Self::Local(forge) => Ok(forge.add_dependencies(issue, on)?),
            Self::Github(github) => Ok(github.add_dependencies(issue, on, cancel)?),
        }
    }

    /// Returns for each number whether its issue is open.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub fn states(
        &self,
        numbers: &[IssueNumber],
    ) -> Result<BTreeMap<IssueNumber, IssueState>, ForgeError> {
        match self {
            Self::Local(forge) => Ok(forge.states(numbers)?),
            Self::Github(github) => Ok(github.states(numbers)?),
        }
    }

    /// Returns whether an issue that was in the backlog is no longer to be worked on: closed, gone, without the label (unless that is
    /// empty), or with a pull request of ours already. Pull requests are looked for only if there may be one: no branch, no pull request.
    ///
    /// # Errors
    /// [`ForgeError`].
    pub fn look_again(
        &self,
        issue: IssueNumber,
        label: &str,
        may_have_pull_request: bool,
    ) -> Result<Option<Withdrawal>, ForgeError> {
        match self {
            Self::Local(forge) => Ok(forge.look_again(issue, label)?),
            Self::Github(github) => Ok(github.look_again(issue, label, may_have_pull_request)?),
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

/// Returns what people are told of an issue that was asked for by its number and is not open.
pub(super) fn left_out(issue: IssueNumber, state: IssueState) -> String {
    match state {
        IssueState::Open | IssueState::Closed => format!("issue {issue} is left out: it is closed"),
        IssueState::Missing => format!("issue {issue} is left out: it is gone"),
    }
}

/// Returns a body that says what its issue depends on, before the marker at its end; `None` where it says so already.
pub(super) fn with_dependencies(body: &str, on: &[IssueNumber]) -> Option<String> {
    let stated = dependencies_in(body, &Home::default());
    let missing: Vec<IssueNumber> = on
        .iter()
        .copied()
        .filter(|on| !stated.contains(on))
        .collect();
    if missing.is_empty() {
        return None;
    }
    let body = body.trim_end();
    let last = body.lines().last().unwrap_or_default();
    let marker = if last.starts_with("<!-- autoissue") {
        last
    } else {
        ""
    };
    let text = body[..body.len() - marker.len()].trim_end();
    let parts = [text, &depends_on(&missing), marker];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Some(parts.join("\n\n") + "\n")
}

/// Returns the sentence by which an issue says what it depends on; empty where that is nothing.
pub fn depends_on(on: &[IssueNumber]) -> String {
    let names: Vec<String> = on.iter().map(ToString::to_string).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("Depends on {}.", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_said_once_and_before_the_marker() {
        fn on(numbers: &[u64]) -> Vec<IssueNumber> {
            numbers.iter().map(|&number| IssueNumber(number)).collect()
        }

        let marker = "<!-- autoissue: planned 00 -->";
        let body = format!("Do it.\n\n{marker}\n");
        let told = with_dependencies(&body, &on(&[12, 13])).unwrap();
        assert_eq!(
            told,
            format!("Do it.\n\nDepends on #12, #13.\n\n{marker}\n")
        );
        assert_eq!(dependencies_in(&told, &Home::default()), on(&[12, 13]));
        assert_eq!(with_dependencies(&told, &on(&[13, 12])), None);
        let more = with_dependencies(&told, &on(&[12, 14])).unwrap();
        assert_eq!(dependencies_in(&more, &Home::default()), on(&[12, 13, 14]));
        assert_eq!(
            with_dependencies("", &on(&[1])).unwrap(),
            "Depends on #1.\n"
        );
        assert_eq!(with_dependencies("x", &[]), None);
    }
}
