//! Why a session cannot run: one variant for each thing that the user has to do about it.

use std::io;
use std::path::PathBuf;

use autoissue_engine::IssueNumber;
use autoissue_forge::github::TokenError;
use autoissue_forge::{ForgeError, OpenError};
use autoissue_git::checkout::CheckoutError;
use autoissue_git::mirror::{FetchError, MirrorError};
use autoissue_git::program::GitError;
use autoissue_git::remote::RemoteError;
use autoissue_git::worktrees::WorktreeError;
use autoissue_journal::JournalError;
use autoissue_journal::repository_lock::LockError;
use autoissue_process::ProcessError;
use autoissue_process::environment::EnvironmentError;

use super::Finding;
use crate::config::InstructionsError;
use crate::plugins::PluginsError;
use crate::recorded::RecordedError;
use crate::strategy::UnknownStrategy;

/// Why a session cannot run.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The label is empty.
    #[error("the label is empty")]
    EmptyLabel,
    /// Issues that were asked for by number are not in the backlog.
    #[error("{}", not_in_backlog(issues, label))]
    NotInBacklog {
        /// Their numbers.
        issues: Vec<u64>,
        /// The label that they need.
        label: String,
        /// Warnings about the backlog: an issue that cannot be read is not in it.
        warnings: Vec<String>,
    },
    /// An issue that was asked for is not open.
    #[error("{issue} is not an open issue")]
    NotOpen {
        /// Its number.
        issue: IssueNumber,
        /// What the forge says about it.
        warnings: Vec<String>,
    },
    /// The instructions for agents cannot be read.
    #[error(transparent)]
    Instructions(#[from] InstructionsError),
    /// The git program is missing or does not work.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The checkout cannot be used.
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
    /// The forge cannot be used.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// There is no token for GitHub.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The repository on the forge cannot be reached by git.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A required setting is missing.
    #[error("`{key}` is not set")]
    Unset {
        /// The key.
        key: &'static str,
    },
    /// The configuration forbids planning.
    #[error("`planner.enabled` is false")]
    PlannerOff,
    /// The directive is empty.
    #[error("the directive is empty")]
    EmptyDirective,
    /// The agent's backend cannot answer planning prompts.
    #[error("{message}")]
    CannotPlan {
        /// The backend's message.
        message: String,
    },
    /// The session has no plan that is waiting for approval.
    #[error("session `{session}` has no plan waiting for approval")]
    NothingToDecline {
        /// Its id.
        session: String,
    },
    /// A plugin cannot be used.
    #[error(transparent)]
    Plugins(#[from] PluginsError),
    /// A strategy is unknown.
    #[error(transparent)]
    Strategy(#[from] UnknownStrategy),
    /// The agent's program is missing.
    #[error("the agent `{agent}` cannot run")]
    NoAgent {
        /// The agent backend.
        agent: String,
        /// How to install it.
        install_hint: String,
        /// Why it cannot run.
        #[source]
        source: Box<ProcessError>,
    },
    /// Checks before the start found that the session would fail.
    #[error("{}", messages(failures))]
    NotReady {
        /// The failures, each with advice.
        failures: Vec<Finding>,
    },
    /// The forge refuses finished work of an earlier session, and would refuse this session's work
    /// too.
    #[error("the finished work of session `{session}` on {issue} cannot be published: {reason}")]
    WorkWaits {
        /// The earlier session.
        session: String,
        /// The issue.
        issue: IssueNumber,
        /// Why.
        reason: String,
    },
    /// The agent's environment cannot be made as configured.
    #[error("`agent.env` cannot be used")]
    Environment(#[from] EnvironmentError),
    /// Another session holds the repository.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A session in the journal cannot be read.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    /// The base cannot be fetched.
    #[error("failed to fetch the base")]
    Fetch(#[from] FetchError),
    /// The mirror cannot be used.
    #[error("failed to open the mirror of the repository")]
    Mirror(#[from] MirrorError),
    /// The worktrees cannot be used.
    #[error("failed to prepare the worktrees")]
    Worktrees(#[from] WorktreeError),
    /// A directory of the checkout is not writable, so no work could be done there.
    #[error("`{}` is not writable", path.display())]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// No session has run here.
    #[error("no session found for `{}`", project.display())]
    NoSession {
        /// The checkout.
        project: PathBuf,
    },
    /// There is no session to resume.
    #[error("no unfinished session found for `{}`", project.display())]
    NothingToResume {
        /// The checkout.
        project: PathBuf,
    },
    /// A newer session has run here since.
    #[error(
        "session `{session}` was interrupted, but session `{newer}` was started here after it and may have done the same work"
    )]
    Overtaken {
        /// The unfinished one.
        session: String,
        /// The command that started it.
        command: String,
        /// The newer one.
        newer: String,
    },
    /// The session has already ended.
    #[error("session `{session}` has already {status}")]
    AlreadyOver {
        /// Its id.
        session: String,
        /// How it ended.
        status: &'static str,
        /// The command that started it, as it was typed.
        command: String,
    },
    /// The session belongs to another checkout.
    #[error("session `{session}` belongs to `{}`", project.display())]
    OtherProject {
        /// Its id.
        session: String,
        /// Its checkout.
        project: PathBuf,
    },
    /// The stored request of a session cannot be read back.
    #[error(
        "session `{session}` was started with options that this build of autoissue cannot read"
    )]
    UnreadableOrder {
        /// Its id.
        session: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Too much work has been kept already.
    #[error("{message}")]
    NoRoom {
        /// How much is kept, and what to do.
        message: String,
    },
    /// The system cannot start another thread.
    #[error("failed to start threads")]
    NoRuntime(#[source] std::io::Error),
    /// A bug in autoissue.
    #[error("bug in autoissue: {message}")]
    Defect {
        /// What went wrong.
        message: String,
    },
}

fn not_in_backlog(issues: &[u64], label: &str) -> String {
    let names: Vec<String> = issues.iter().map(|issue| format!("#{issue}")).collect();
    let (noun, verb) = if names.len() == 1 {
        ("issue", "is")
    } else {
        ("issues", "are")
    };
    format!(
        "{noun} {} {verb} not open with the label `{label}`",
        names.join(", ")
    )
}

fn messages(failures: &[Finding]) -> String {
    failures
        .iter()
        .map(|it| it.message.as_str())
        .collect::<Vec<_>>()
        .join("; ")
}

impl From<OpenError> for SessionError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unset { key } => Self::Unset { key },
            OpenError::Token(error) => Self::Token(error),
            OpenError::Remote(error) => Self::Remote(error),
            OpenError::Forge(error) => Self::Forge(error),
        }
    }
}
