//! What went wrong, as people and scripts see it: the one place that maps kinds of errors to exit codes and hints.
//!
//! ```text
//! error: the repository is held by session `20261122-1315-7f3a` (process 7, `autoissue exec bug`)
//!   caused by: …
//!   hint: wait for it, or look at it with `autoissue status`
//! ```

mod plugin;
mod project;

use std::error::Error;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use autoissue_core::demo::DemoError;
use autoissue_core::doctor::Finding;
use autoissue_core::git::checkout::CheckoutError;
use autoissue_core::git::mirror::FetchError;
use autoissue_core::git::program::GitError;
use autoissue_core::git::remote::RemoteError;
use autoissue_core::journal::JournalError;
use autoissue_core::journal::repository_lock::LockError;
use autoissue_core::recorded::RecordedError;
use autoissue_core::session::SessionError;
use autoissue_core::strategy::UnknownStrategy;

use crate::config::ConfigError;
use crate::exit_code::ExitCode;
use crate::paint::Paint;
use crate::printable;
use crate::shell::quoted;
use crate::typed::HintContext;

pub(crate) use plugin::PluginCommandError;
pub(crate) use project::ProjectError;

/// How a hint names the command that resumes; it is printed with the flags that were typed.
const RESUME: &str = "`autoissue resume`";

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The configuration cannot be worked with.
    #[error("{}", list(.0))]
    Config(Vec<ConfigError>),
    /// There is no repository to work on.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The session cannot run.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The journal does not answer.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A session in the journal cannot be read.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    /// The sample cannot be made.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// A command about plugins did not do what it was asked.
    #[error(transparent)]
    Plugin(#[from] PluginCommandError),
    /// The session has no such issue.
    #[error("session `{session}` has no issue #{issue}")]
    NoIssue {
        /// Session.
        session: String,
        /// Issue.
        issue: u64,
    },
    /// A configuration is there already.
    #[error("`{}` exists", path.display())]
    ConfigExists {
        /// The file.
        path: PathBuf,
    },
    /// A file is there already, and may be somebody's work.
    #[error("`{}` exists", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// A saved plan cannot be used.
    #[error("`{}` is no plan\n{problems}", path.display())]
    NotAPlan {
        /// The file.
        path: PathBuf,
        /// What is wrong, a line each.
        problems: String,
    },
    /// The directory for the demo is in use.
    #[error("`{}` is not an empty directory", path.display())]
    DirectoryInUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file or directory cannot be used.
    #[error("failed to {what} `{}`", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The program cannot be started as it has to be.
    #[error("failed to {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The dashboard cannot be served.
    #[error("failed to serve the dashboard on `{host}`, port {port}")]
    Dashboard {
        /// The address, as configured.
        host: String,
        /// The port, as configured.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A page cannot go where programs read JSON.
    #[error("a page on standard output is not JSON")]
    PageAmongJson,
    /// Standard output cannot be written.
    #[error("failed to write to standard output")]
    Output(#[source] io::Error),
    /// Whoever read standard output has gone, as `head` does.
    #[error("nobody reads standard output any more")]
    ReaderGone,
}

impl CliError {
    /// Returns how the program ends.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::ReaderGone => ExitCode::Success,
            Self::Config(_)
            | Self::Project(_)
            | Self::NoIssue { .. }
            | Self::ConfigExists { .. }
            | Self::FileExists { .. }
            | Self::NotAPlan { .. }
            | Self::DirectoryInUse { .. }
            | Self::PageAmongJson
            | Self::Demo(DemoError::NotEmpty { .. })
            | Self::Journal(JournalError::NoSession { .. } | JournalError::Ambiguous { .. }) => {
                ExitCode::Usage
            }
            Self::Session(error) => session_exit_code(error),
            Self::Plugin(error) => error.exit_code(),
            Self::Journal(_)
            | Self::Recorded(_)
            | Self::Demo(_)
            | Self::File { .. }
            | Self::System { .. }
            | Self::Dashboard { .. }
            | Self::Output(_) => ExitCode::Error,
        }
    }

    /// Returns what to do about it, where that is not plain. Errors of the configuration carry their own.
    pub(crate) fn hint(&self, context: &HintContext) -> Option<String> {
        match self {
            Self::Project(error) => Some(error.hint()),
            Self::Session(error) => hint(error, context),
            Self::Plugin(error) => error.hint(),
            Self::Journal(error) | Self::Recorded(RecordedError::Journal(error)) => journal_hint(error),
            Self::Recorded(RecordedError::Unreadable { .. }) => {
                Some("use the release that wrote it, or a newer one".to_owned())
            }
            Self::NoIssue { session, .. } => Some(format!("`autoissue status {session}` lists its issues")),
            Self::ConfigExists { .. } => {
                Some("edit it, or remove it first; `autoissue config show` shows what is in force".to_owned())
            }
            Self::FileExists { .. } => Some("name another file, or move this one away".to_owned()),
            Self::NotAPlan { .. } => Some("`autoissue plan --schema` prints what a plan looks like".to_owned()),
            Self::Dashboard { .. } => Some(
                "set `dashboard.host` to an address of this machine, or `--port` to a port that you may use (0 takes any free one)"
                    .to_owned(),
            ),
            Self::PageAmongJson => Some("name a file instead of `-`, or leave out `--output json`".to_owned()),
            Self::DirectoryInUse { .. } => Some("name a directory that does not exist".to_owned()),
            Self::Config(_)
            | Self::Demo(_)
            | Self::File { .. }
            | Self::System { .. }
            | Self::Output(_)
            | Self::ReaderGone => None,
        }
    }

    /// Returns what to print: the error, its causes, and what to do. `context` knows the command that ended so.
    pub(crate) fn report(&self, paint: Paint, context: &HintContext) -> String {
        if matches!(self, Self::ReaderGone) {
            return String::new();
        }
        let mut report = String::new();
        match self {
            // Each has its own lines and hint.
            Self::Config(errors) => {
                errors
                    .iter()
                    .for_each(|error| push_error(&mut report, paint, &error.to_string()));
            }
            Self::Session(SessionError::NotReady { failures }) => {
                for Finding {
                    message, advice, ..
                } in failures
                {
                    push_error(&mut report, paint, &printable::one_line(message));
                    advice
                        .iter()
                        .for_each(|advice| push_hint(&mut report, paint, advice));
                }
            }
            Self::NotAPlan { .. } => push_plan(&mut report, paint, &self.to_string()),
            error => push_error(&mut report, paint, &printable::one_line(&error.to_string())),
        }
        let mut cause = self.source();
        let mut said = self.to_string();
        while let Some(error) = cause {
            let text = printable::one_line(&error.to_string());
            // A cause that only repeats is no news.
            if !said.ends_with(&text) {
                let _ = writeln!(report, "  caused by: {text}");
            }
            said = text;
            cause = error.source();
        }
        if let Some(hint) = self.hint(context) {
            let resume = format!("`{}`", context.typed.resume_newest());
            push_hint(&mut report, paint, &hint.replace(RESUME, &resume));
        }
        report
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Config(vec![error])
    }
}

impl From<Vec<ConfigError>> for CliError {
    fn from(errors: Vec<ConfigError>) -> Self {
        Self::Config(errors)
    }
}

/// Tells what a person has typed or configured from what went wrong on the way.
fn session_exit_code(error: &SessionError) -> ExitCode {
    match error {
        SessionError::EmptyLabel
        | SessionError::NotInBacklog { .. }
        | SessionError::EmptyDirective
        | SessionError::PlannerOff
        | SessionError::CannotPlan { .. }
        | SessionError::Checkout(_)
        | SessionError::Unset { .. }
        | SessionError::Token(_)
        | SessionError::Strategy(_)
        | SessionError::Plugins(_)
        | SessionError::Environment(_)
        | SessionError::NothingToResume { .. }
        | SessionError::Overtaken { .. }
        | SessionError::AlreadyOver { .. }
        | SessionError::OtherProject { .. }
        | SessionError::Journal(JournalError::NoSession { .. } | JournalError::Ambiguous { .. }) => {
            ExitCode::Usage
        }
        SessionError::Forge(error) if error.is_usage() => ExitCode::Usage,
        _ => ExitCode::Error,
    }
}

/// Returns what to do about a session that cannot run, where that is not plain.
fn hint(error: &SessionError, context: &HintContext) -> Option<String> {
    match error {
        SessionError::Git(GitError::NotInstalled { .. }) => Some("install git".to_owned()),
        SessionError::Checkout(error) => checkout_hint(error),
        SessionError::NoAgent { install_hint, .. } => Some(format!("{install_hint}; or set `agent.backend`")),
        SessionError::NotInBacklog { warnings, .. } if !warnings.is_empty() => {
            Some(printable::one_line(&warnings.join("; ")))
        }
        SessionError::NotInBacklog { label, .. } => Some(format!(
            "`autoissue classify {}` lists the issues that carry it",
            quoted(label)
        )),
        SessionError::WorkWaits { session, .. } => Some(format!(
            "fix this, then run `autoissue resume {session}`; nothing is paid again"
        )),
        SessionError::EmptyDirective => Some("say in a sentence or two what is to be built".to_owned()),
        SessionError::PlannerOff => Some("set `planner.enabled` to true, or take the key out".to_owned()),
        SessionError::Plugins(error) => error.hint(),
        SessionError::Forge(error) => error.hint(),
        SessionError::Token(_) => Some(
            "log in with `gh auth login`, or set `GITHUB_TOKEN` to a fine-grained token for this repository with Contents, \
             Issues and Pull requests (read and write), or to a classic one with the scope `repo`"
                .to_owned(),
        ),
        SessionError::Unset { key } => Some(format!("set `{key}` in the configuration")),
        SessionError::Strategy(UnknownStrategy::Name { key, .. }) => Some(format!("set `{key}` to one of these")),
        SessionError::Remote(error) => remote_hint(error),
        SessionError::Fetch(FetchError::Unreachable { .. }) => {
            Some(LS_REMOTE.to_owned())
        }
        SessionError::Fetch(FetchError::BranchMissing { .. }) => {
            Some("set `project.baseBranch` to a branch that exists".to_owned())
        }
        SessionError::Locked(LockError::Held { .. }) => Some(
            "wait for it, or look at it with `autoissue status`; two sessions would undo each other's work".to_owned(),
        ),
        SessionError::Locked(LockError::NotOurs { .. }) => Some(
            "remove it, or set `XDG_RUNTIME_DIR` to a directory of mode 0700 that belongs to you".to_owned(),
        ),
        SessionError::Journal(error) | SessionError::Recorded(RecordedError::Journal(error)) => journal_hint(error),
        SessionError::NotWritable { .. } => {
            Some("worktrees and pull requests go there: see to its rights and the room on its disk".to_owned())
        }
        // What git or the system said stands above; each of these may be repeated.
        SessionError::Fetch(FetchError::Failed { .. } | FetchError::Mirror(_))
        | SessionError::Mirror(_)
        | SessionError::Worktrees(_)
        | SessionError::Locked(LockError::Io { .. }) => Some(
            "see to the cause (room, rights), then run it again; a session that had begun goes on with `autoissue resume`"
                .to_owned(),
        ),
        SessionError::Overtaken { session, command, .. } => Some(format!(
            "`{command}` does what is left; `{}` resumes it anyway",
            (context.read_command)(command).resume(session)
        )),
        SessionError::NothingToResume { .. } => Some("`autoissue status` lists all sessions".to_owned()),
        SessionError::AlreadyOver { session, command, .. } => {
            let show = (context.read_command)(command).show(session, None);
            Some(format!("show it with `{show}`, or start a new session with `{command}`"))
        }
        SessionError::OtherProject { project, .. } => {
            Some(format!("change into `{}` and resume it there", project.display()))
        }
        SessionError::UnreadableOrder { .. } => Some("use the release that began it".to_owned()),
        SessionError::Defect { .. } => {
            Some("nothing that was journaled is lost: `autoissue resume` goes on; please report this".to_owned())
        }
        _ => None,
    }
}

/// What to do where git cannot reach a remote.
const LS_REMOTE: &str = "see whether `git ls-remote` works with that address; over https the token has to allow it, over ssh your key";

fn remote_hint(error: &RemoteError) -> Option<String> {
    let hint = match error {
        RemoteError::Unreachable { .. } => LS_REMOTE,
        RemoteError::NoBranch { .. } => "set `project.baseBranch` to a branch that exists",
        RemoteError::Empty { .. } => "push a first commit",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn checkout_hint(error: &CheckoutError) -> Option<String> {
    let hint = match error {
        CheckoutError::NotARepository { .. } => "change into a checkout, or set `project.path`",
        CheckoutError::Bare { .. } => "use a clone that has a working directory",
        CheckoutError::NotText { .. } => "rename the directory, or clone into another",
        CheckoutError::NoCommit { .. } => "make a first commit",
        CheckoutError::NoBranch { .. } | CheckoutError::Detached { .. } => {
            "set `project.baseBranch` to a branch that exists"
        }
        CheckoutError::Unreadable { .. } => return None,
    };
    Some(hint.to_owned())
}

fn journal_hint(error: &JournalError) -> Option<String> {
    match error {
        JournalError::DiskFull { .. } => Some("make room, then `autoissue resume`".to_owned()),
        JournalError::ReadOnly { .. } => {
            Some("set `AUTOISSUE_STATE_DIR` to a directory that you may write".to_owned())
        }
        JournalError::Newer { .. } => {
            Some("use the newer release, or another `AUTOISSUE_STATE_DIR`".to_owned())
        }
        JournalError::Damaged { .. } => error.hint(),
        JournalError::Busy { .. } => Some("try again".to_owned()),
        JournalError::PathTooLong { .. } => {
            Some("set `AUTOISSUE_STATE_DIR` to a directory with a shorter path".to_owned())
        }
        JournalError::Other { path, .. } => {
            let directory = path.parent().unwrap_or(path).display();
            Some(format!(
                "see to the rights and the room of `{directory}`; `autoissue resume` then goes on"
            ))
        }
        JournalError::NoSession { .. } => Some("`autoissue status` lists the sessions".to_owned()),
        JournalError::Ambiguous { matches, .. } => {
            let names: Vec<&str> = matches.iter().map(AsRef::as_ref).take(5).collect();
            Some(format!("type more of it: {}", names.join(", ")))
        }
        _ => None,
    }
}

fn push_error(report: &mut String, paint: Paint, text: &str) {
    let _ = writeln!(report, "{} {text}", paint.red("error:"));
}

fn push_hint(report: &mut String, paint: Paint, text: &str) {
    let _ = writeln!(report, "  {} {text}", paint.green("hint:"));
}

/// Adds an error whose first line says what is wrong, and the others where.
fn push_plan(report: &mut String, paint: Paint, text: &str) {
    let mut lines = text.lines().map(printable::one_line);
    push_error(report, paint, &lines.next().unwrap_or_default());
    lines.for_each(|line| {
        let _ = writeln!(report, "  {line}");
    });
}

fn list(errors: &[ConfigError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use autoissue_core::config::Problem;
    use insta::assert_snapshot;

    use super::*;
    use crate::command::read;
    use crate::config::Origin;

    fn report(error: &CliError) -> String {
        error.report(Paint::default(), &HintContext::of("", read))
    }

    #[test]
    fn an_error_says_what_why_and_what_to_do() {
        let path = PathBuf::from("/state/journal.db");
        let journal = CliError::from(JournalError::Ambiguous {
            prefix: "2026".to_owned(),
            matches: vec![
                "20261122-1315-7f3a".parse().unwrap(),
                "20261121-0101-0001".parse().unwrap(),
            ],
        });
        assert_snapshot!(report(&journal), @"
        error: `2026` fits 2 sessions
          hint: type more of it: 20261122-1315-7f3a, 20261121-0101-0001
        ");
        let source = io::Error::from(io::ErrorKind::PermissionDenied);
        let file = CliError::File {
            what: "write",
            path,
            source,
        };
        assert_snapshot!(report(&file), @"
        error: failed to write `/state/journal.db`
          caused by: permission denied
        ");
    }

    #[test]
    fn a_hint_to_resume_keeps_what_was_typed() {
        let path = PathBuf::from("/state/journal.db");
        let full = CliError::from(JournalError::DiskFull { path });
        let typed = HintContext::of("autoissue exec bug --issue 2 --config a.json", read);
        let report = full.report(Paint::default(), &typed);
        assert!(
            report.contains("`autoissue resume --config a.json`"),
            "{report}"
        );
    }

    #[test]
    fn every_problem_of_a_configuration_is_listed() {
        let error = CliError::from(vec![problem("a.b"), problem("c")]);
        assert_snapshot!(report(&error), @"
        error: invalid `a.b` from flag --x
          found: `0`
          allowed: 1 to 256
        error: invalid `c` from flag --x
          found: `0`
          allowed: 1 to 256
        ");
        assert_eq!(error.exit_code(), ExitCode::Usage);
    }

    fn problem(key: &str) -> ConfigError {
        let problem = Problem {
            key: key.to_owned(),
            found: "`0`".to_owned(),
            allowed: "1 to 256".to_owned(),
            hint: None,
        };
        ConfigError::new(
            Origin::Flag {
                name: "--x".to_owned(),
            },
            problem,
        )
    }

    #[test]
    fn kinds_of_errors_have_their_exit_codes() {
        let path = PathBuf::new;
        for (error, code) in [
            (CliError::ReaderGone, ExitCode::Success),
            (
                CliError::Journal(JournalError::Busy { path: path() }),
                ExitCode::Error,
            ),
            (
                CliError::Journal(JournalError::NoSession {
                    wanted: "x".to_owned(),
                }),
                ExitCode::Usage,
            ),
            (
                CliError::Project(ProjectError::NoRepository { directory: path() }),
                ExitCode::Usage,
            ),
            (CliError::ConfigExists { path: path() }, ExitCode::Usage),
            (CliError::Output(io::Error::other("x")), ExitCode::Error),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_news() {
        assert_eq!(report(&CliError::ReaderGone), "");
    }
}
