//! Why a session cannot run, told apart by what the person has to do.

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
        /// The label that they have to carry.
        label: String,
        /// What was odd about the backlog: an issue that cannot be read is not in it.
        warnings: Vec<String>,
    },
    /// The git program is missing or does not work.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The checkout cannot be worked on.
    #[error(transparent)]
    Checkout(#[from] CheckoutError),
    /// The forge cannot be worked with.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// There is no token for GitHub.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The repository on the forge cannot be reached by git.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// Nobody said what has to be known.
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
    /// The agent gives no answers.
    #[error("{message}")]
    CannotPlan {
        /// What its backend says.
        message: String,
    },
    /// The plan of a session waits for nobody.
    #[error("session `{session}` does not wait for anybody to agree to its plan")]
    NothingToDecline {
        /// Its id.
        session: String,
    },
    /// A plugin cannot be used.
    #[error(transparent)]
    Plugins(#[from] PluginsError),
    /// A strategy is not known.
    #[error(transparent)]
    Strategy(#[from] UnknownStrategy),
    /// The agent's program is not there.
    #[error("the agent `{agent}` cannot run")]
    NoAgent {
        /// The agent backend.
        agent: String,
        /// What to do.
        install_hint: String,
        /// Why.
        #[source]
        source: Box<ProcessError>,
    },
    /// A night would fail, and that can be seen now.
    #[error("{}", messages(failures))]
    NotReady {
        /// What was found, each with what to do about it.
        failures: Vec<Finding>,
    },
    /// Finished work of an earlier session is refused, and whatever this one made would be refused too.
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
    /// The project takes no files, so no work could be done in it.
    #[error("`{}` cannot be written", project.display())]
    NotWritable {
        /// The checkout.
        project: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is nothing to go on with.
    #[error("no unfinished session of `{}` is known", project.display())]
    NothingToResume {
        /// The checkout.
        project: PathBuf,
    },
    /// A newer one has worked here since.
    #[error(
        "session `{session}` was interrupted, but session `{newer}` was begun here after it, and may have done the same work"
    )]
    Overtaken {
        /// The unfinished one.
        session: String,
        /// The command that began it.
        command: String,
        /// The newer one.
        newer: String,
    },
    /// The session is over.
    #[error("session `{session}` is over: it {status}")]
    AlreadyOver {
        /// Its id.
        session: String,
        /// How it ended.
        status: &'static str,
        /// The command that began it, as it was typed.
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
    /// What a session was started with cannot be read back.
    #[error("session `{session}` was started in a way that this release cannot read")]
    UnreadableOrder {
        /// Its id.
        session: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Too much work is kept already.
    #[error("{message}")]
    NoRoom {
        /// How much, and what to do.
        message: String,
    },
    /// The system gives us no thread.
    #[error("failed to start threads")]
    NoRuntime(#[source] std::io::Error),
    /// A defect in autoissue.
    #[error("a defect in autoissue: {message}")]
    Defect {
        /// What the program says of it.
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
