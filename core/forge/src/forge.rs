//! What a forge can do, and why it could not. One interface for all of them, blocking.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};

use autoissue_engine::{Failure, Issue, IssueNumber, PullRequest, Time, Withdrawal};
use tokio_util::sync::CancellationToken;

use crate::declared::{Home, dependencies_in};
use crate::finding::Finding;

/// Why a forge could not do what it was asked; it prints as the forge's own error does.
#[derive(Debug)]
pub struct ForgeError(Box<dyn Fault>);

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

/// A forge's own error: what follows from it.
pub trait Fault: Error + Send + Sync + 'static {
    /// Returns what should happen next to a task that met it. A credential that may not do what every task needs would fail them
    /// all, each after its agent was paid, so that is a matter of credentials.
    fn failure(&self) -> Failure;

    /// Returns what a person can do about it.
    fn hint(&self) -> Option<String>;

    /// Returns whether it is over by itself after a while, so that a session may start all the same.
    fn passes(&self) -> bool {
        false
    }

    /// Returns whether it is about what a person has typed or configured.
    fn is_usage(&self) -> bool {
        false
    }
}

impl<F: Fault> From<F> for ForgeError {
    fn from(fault: F) -> Self {
        Self(Box::new(fault))
    }
}

impl ForgeError {
    /// As [`Fault::failure`].
    pub fn failure(&self) -> Failure {
        self.0.failure()
    }

    /// As [`Fault::hint`].
    pub fn hint(&self) -> Option<String> {
        self.0.hint()
    }

    /// As [`Fault::passes`].
    pub fn passes(&self) -> bool {
        self.0.passes()
    }

    /// As [`Fault::is_usage`].
    pub fn is_usage(&self) -> bool {
        self.0.is_usage()
    }
}

/// What a forge says of the repository and of the credential.
#[derive(Debug)]
pub struct Description {
    /// The repository's name now; another than asked for where it was renamed.
    pub repo: String,
    /// Branch that the forge calls its default, if it says so.
    pub default_branch: Option<String>,
    /// Why branches cannot be pushed, as far as the forge tells.
    pub push_right: Result<(), ForgeError>,
    /// What a person should know of it.
    pub findings: Vec<Finding>,
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

/// Where issues and pull requests live.
pub trait Forge: Debug + Send + Sync {
    /// Makes what is needed before issues are created, where it is missing.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn prepare(&self) -> Result<(), ForgeError> {
        Ok(())
    }

    /// Asks once what the forge says of the repository and the credential, and calls the repository from now on what it is called
    /// there; `None` for a forge without a host.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn describe(&mut self) -> Result<Option<Description>, ForgeError> {
        Ok(None)
    }

    /// Returns what the forge announced, in its answers so far, about the end of something that was used.
    fn notice(&self) -> Option<Finding> {
        None
    }

    /// Returns the open issues that carry the label, without regard to case. Only dependencies that the forge itself knows are
    /// filled in; see [`Forge::states`] for those that a text states.
    ///
    /// # Errors
    /// [`ForgeError`]; one odd issue is a warning, not an error.
    fn backlog(&self, label: &str) -> Result<Backlog, ForgeError>;

    /// Returns the open ones of these issues, as [`Forge::backlog`] does. Those that are closed or gone become warnings.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn issues(&self, numbers: &[IssueNumber]) -> Result<Backlog, ForgeError>;

    /// Returns the labels that issues carry here, or may carry.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn labels(&self) -> Result<Vec<String>, ForgeError>;

    /// Creates an issue, or finds the one with the draft's marker, which is left as it is. The second value tells whether there
    /// was one. `cancel` ends only waiting.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn create_issue(
        &self,
        draft: &IssueDraft,
        cancel: &CancellationToken,
    ) -> Result<(IssueNumber, Option<String>), ForgeError>;

    /// Writes down what an issue depends on: in its body where that does not say so yet, and in the forge's own books where it has
    /// some. `cancel` ends only waiting.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn add_dependencies(
        &self,
        issue: IssueNumber,
        on: &[IssueNumber],
        cancel: &CancellationToken,
    ) -> Result<(), ForgeError>;

    /// Returns for each number whether its issue is open.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn states(
        &self,
        numbers: &[IssueNumber],
    ) -> Result<BTreeMap<IssueNumber, IssueState>, ForgeError>;

    /// Returns whether an issue that was in the backlog is no longer to be worked on: closed, gone, without the label (unless that is
    /// empty), or with a pull request of ours already. Pull requests are looked for only if there may be one: no branch, no pull request.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn look_again(
        &self,
        issue: IssueNumber,
        label: &str,
        may_have_pull_request: bool,
    ) -> Result<Option<Withdrawal>, ForgeError>;

    /// Returns the open pull request of ours that is for an issue.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn pull_request_of(&self, issue: IssueNumber) -> Result<Option<PullRequest>, ForgeError>;

    /// Creates a pull request, or finds the open one of the same issue, which it updates where its work was replaced. The second
    /// value tells whether there was one. `cancel` ends only waiting: what was begun is finished.
    ///
    /// # Errors
    /// [`ForgeError`].
    fn publish(
        &self,
        draft: &PullRequestDraft,
        cancel: &CancellationToken,
    ) -> Result<(PullRequest, bool), ForgeError>;

    /// Finds out whether branches may be pushed, after a push has failed.
    ///
    /// # Errors
    /// Why they may not, or cannot.
    fn check_push_right(&self) -> Result<(), ForgeError> {
        Ok(())
    }

    /// Returns how many calls to an API the forge took so far: for an issue, or, with `None`, for none in particular.
    fn n_api_calls(&self, _issue: Option<IssueNumber>) -> u32 {
        0
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
