//! The interface of a forge, and the errors it can return. Blocking.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};

use autoissue_engine::{Failure, Issue, IssueNumber, PullRequest, Time, Withdrawal};
use tokio_util::sync::CancellationToken;

use crate::declared::{Home, dependencies_in};
use crate::finding::Finding;

/// Why a forge could not do something; prints as the forge's own error does.
#[derive(Debug)]
pub struct ForgeError(Box<dyn ForgeFailure>);

impl Display for ForgeError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl Error for ForgeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// A forge's own error, and what follows from it.
pub trait ForgeFailure: Error + Send + Sync + 'static {
    /// Returns how a task that met this error continues. Missing permissions that every task needs
    /// count as a credentials failure: otherwise every task would fail, each after its agent was
    /// paid.
    fn failure(&self) -> Failure;

    /// Returns what the user can do about it.
    fn hint(&self) -> Option<String>;

    /// Returns whether the error goes away after a while, so that a session may start anyway.
    fn passes(&self) -> bool {
        false
    }

    /// Returns whether the error is caused by the command line or the configuration.
    fn is_usage(&self) -> bool {
        false
    }
}

impl<F: ForgeFailure> From<F> for ForgeError {
    fn from(fault: F) -> Self {
        Self(Box::new(fault))
    }
}

impl ForgeError {
    /// Like [`ForgeFailure::failure`].
    pub fn failure(&self) -> Failure {
        self.0.failure()
    }

    /// Like [`ForgeFailure::hint`].
    pub fn hint(&self) -> Option<String> {
        self.0.hint()
    }

    /// Like [`ForgeFailure::passes`].
    pub fn passes(&self) -> bool {
        self.0.passes()
    }

    /// Like [`ForgeFailure::is_usage`].
    pub fn is_usage(&self) -> bool {
        self.0.is_usage()
    }
}

/// What a forge reports about the repository and the credential.
#[derive(Debug)]
pub struct Description {
    /// The repository's current name; differs from the requested one if it was renamed.
    pub repo: String,
    /// The default branch, if the forge reports one.
    pub default_branch: Option<String>,
    /// Why branches cannot be pushed, as far as the forge reports it.
    pub push_right: Result<(), ForgeError>,
    /// Findings that the user should know about.
    pub findings: Vec<Finding>,
}

/// The open issues that carry a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The issues, by number.
    pub issues: Vec<Issue>,
    /// Warnings for people.
    pub warnings: Vec<String>,
    /// Those of the issues that an open issue of another repository blocks.
    pub blocked_elsewhere: BTreeSet<IssueNumber>,
}

/// Whether an issue still needs work.
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
    /// Title; line breaks become spaces.
    pub title: String,
    /// Body, Markdown.
    pub body: String,
    /// Names of the labels.
    pub labels: Vec<String>,
    /// Name of the author; may be empty.
    pub author: String,
    /// When it is created.
    pub created_at: Time,
    /// A line, an HTML comment, by which a repeated call finds the issue. Added to the body if
    /// missing.
    pub marker: Option<String>,
    /// When the issue was planned: an issue with its marker cannot be older. Zero if unknown.
    pub planned_at: Time,
}

/// A pull request to be published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullRequestDraft {
    /// Issue that it resolves.
    pub issue: IssueNumber,
    /// Title; line breaks become spaces.
    pub title: String,
    /// Body, Markdown.
    pub body: String,
    /// Branch with the work.
    pub head: String,
    /// Commit at its head.
    pub head_commit: String,
    /// Commit that was at its head before, if this work replaces earlier work of ours.
    pub replaces: Option<String>,
    /// Branch to merge it into.
    pub base: String,
    /// Whether to open it as a draft.
    pub draft: bool,
    /// Whether it must be a draft; other drafts are opened as ready to merge if the plan has no
    /// drafts.
    pub must_be_draft: bool,
    /// Names of the labels.
    pub labels: Vec<String>,
    /// A line that begins with `<!-- autoissue`, by which a repeated call finds the pull request.
    /// Added to the body if missing.
    pub marker: String,
    /// When it is created; an update keeps the original time.
    pub created_at: Time,
}

/// A place where issues and pull requests live.
pub trait Forge: Debug + Send + Sync {
    /// Creates whatever must exist before issues can be created.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn prepare(&self) -> Result<(), ForgeError> {
        Ok(())
    }

    /// Reads what the forge reports about the repository and the credential, and uses the
    /// repository's current name from now on. `None` for a forge without a host.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn describe(&mut self) -> Result<Option<Description>, ForgeError> {
        Ok(None)
    }

    /// Returns the deprecation, if any, that the forge has announced for something in use.
    fn notice(&self) -> Option<Finding> {
        None
    }

    /// Returns the open issues that carry the label, ignoring case. Only dependencies that the
    /// forge itself records are filled in; see [`Forge::states`] for those declared in texts.
    ///
    /// # Errors
    /// [`ForgeError`]; a malformed issue is a warning, not an error.
    fn backlog(&self, label: &str) -> Result<Backlog, ForgeError>;

    /// Returns those of the issues that are open, like [`Forge::backlog`]. Closed and missing ones
    /// become warnings.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn issues(&self, numbers: &[IssueNumber]) -> Result<Backlog, ForgeError>;

    /// Returns the labels that issues carry or may carry here.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn labels(&self) -> Result<Vec<String>, ForgeError>;

    /// Creates an issue, or finds the one with the draft's marker and leaves it unchanged. The
    /// second value is the title of an issue that already existed. `cancel` only ends waiting.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn create_issue(
        &self,
        draft: &IssueDraft,
        cancel: &CancellationToken,
    ) -> Result<(IssueNumber, Option<String>), ForgeError>;

    /// Records the dependencies of an issue: in its body unless it states them already, and in the
    /// forge's own records if it has them. `cancel` only ends waiting.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn add_dependencies(
        &self,
        issue: IssueNumber,
        on: &[IssueNumber],
        cancel: &CancellationToken,
    ) -> Result<(), ForgeError>;

    /// Returns the state of each issue.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn states(
        &self,
        numbers: &[IssueNumber],
    ) -> Result<BTreeMap<IssueNumber, IssueState>, ForgeError>;

    /// Returns why an issue from the backlog must no longer be worked on: it is closed, gone,
    /// without the label (unless `label` is empty), or already has a pull request of ours. Pull
    /// requests are looked up only if there may be one: without a branch there is no pull request.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn look_again(
        &self,
        issue: IssueNumber,
        label: &str,
        may_have_pull_request: bool,
    ) -> Result<Option<Withdrawal>, ForgeError>;

    /// Returns our open pull request for an issue.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn pull_request_of(&self, issue: IssueNumber) -> Result<Option<PullRequest>, ForgeError>;

    /// Creates a pull request, or finds the open one for the same issue and updates it if its work
    /// was replaced. The second value is whether it already existed. `cancel` only ends waiting: a
    /// write that has begun is finished.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn publish(
        &self,
        draft: &PullRequestDraft,
        cancel: &CancellationToken,
    ) -> Result<(PullRequest, bool), ForgeError>;

    /// Checks whether branches may be pushed, after a push has failed.
    ///
    /// # Errors
    /// Why pushing is not allowed, or could not be checked.
    fn check_push_right(&self) -> Result<(), ForgeError> {
        Ok(())
    }

    /// Returns the number of API calls so far: for an issue or, with `None`, for no particular one.
    fn n_api_calls(&self, _issue: Option<IssueNumber>) -> u32 {
        0
    }
}

/// Returns the warning about an issue that was requested by number but is not open.
pub(super) fn left_out(issue: IssueNumber, state: IssueState) -> String {
    match state {
        IssueState::Open | IssueState::Closed => format!("issue {issue} is closed"),
        IssueState::Missing => format!("issue {issue} does not exist"),
    }
}

/// Returns a body that states the dependencies, placed before the marker at its end; `None` if it
/// already states them.
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

/// Returns the sentence that states an issue's dependencies; empty if there are none.
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
