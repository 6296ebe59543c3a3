//! What went wrong, as people and scripts see it: the one place that maps errors to exit codes and hints ([`Explain`]), and prints
//! them. What to do about an error of core stands beside its variant there.
//!
//! ```text
//! error: the repository is held by session `20261122-1315-7f3a` (process 7, `autoissue exec bug`)
//!   caused by: …
//!   hint: wait for it, or look at it with `autoissue status`
//! ```

#![deny(clippy::wildcard_enum_match_arm)]

mod of_core;
mod plugin;
mod project;

use std::error::Error;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use autoissue_core::demo::DemoError;
use autoissue_core::doctor::Finding;
use autoissue_core::journal::JournalError;
use autoissue_core::recorded::RecordedError;
use autoissue_core::session::SessionError;

use crate::config::ConfigError;
use crate::exit_code::ExitCode;
use crate::paint::Paint;
use crate::printable;
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

/// What an error means to a person at the command line. All that ends a command has it, and each implementation names every variant:
/// a new one does not compile until it has an exit code and a hint, or none on purpose.
pub(crate) trait Explain: Error {
    /// Returns how the program ends.
    fn exit_code(&self) -> ExitCode;

    /// Returns what to do about it, where that is not plain.
    fn hint(&self, context: &HintContext) -> Option<String>;
}

impl Explain for CliError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::ReaderGone => ExitCode::Success,
            Self::Config(_)
            | Self::NoIssue { .. }
            | Self::ConfigExists { .. }
            | Self::FileExists { .. }
            | Self::NotAPlan { .. }
            | Self::DirectoryInUse { .. }
            | Self::PageAmongJson => ExitCode::Usage,
            Self::Project(error) => error.exit_code(),
            Self::Session(error) => error.exit_code(),
            Self::Journal(error) => error.exit_code(),
            Self::Recorded(error) => error.exit_code(),
            Self::Demo(error) => error.exit_code(),
            Self::Plugin(error) => error.exit_code(),
            Self::File { .. } | Self::System { .. } | Self::Dashboard { .. } | Self::Output(_) => {
                ExitCode::Error
            }
        }
    }

    fn hint(&self, context: &HintContext) -> Option<String> {
        let hint = match self {
            Self::Project(error) => return error.hint(context),
            Self::Session(error) => return error.hint(context),
            Self::Journal(error) => return error.hint(),
            Self::Recorded(error) => return error.hint(),
            Self::Demo(error) => return error.hint(context),
            Self::Plugin(error) => return error.hint(context),
            Self::NoIssue { session, .. } => {
                return Some(format!("`autoissue status {session}` lists its issues"));
            }
            Self::ConfigExists { .. } => {
                "edit it, or remove it first; `autoissue config show` shows what is in force"
            }
            Self::FileExists { .. } => "name another file, or move this one away",
            Self::NotAPlan { .. } => "`autoissue plan --schema` prints what a plan looks like",
            Self::Dashboard { .. } => {
                "set `dashboard.host` to an address of this machine, or `--port` to a port that you may use (0 takes any free one)"
            }
            Self::PageAmongJson => "name a file instead of `-`, or leave out `--output json`",
            Self::DirectoryInUse { .. } => "name a directory that does not exist",
            // Errors of the configuration carry their own; of the others the system has said what is wrong.
            Self::Config(_)
            | Self::File { .. }
            | Self::System { .. }
            | Self::Output(_)
            | Self::ReaderGone => return None,
        };
        Some(hint.to_owned())
    }
}

impl CliError {
    /// Returns what to print: the error, its causes, and what to do. `context` knows the command that ended so.
    pub(crate) fn report(&self, paint: Paint, context: &HintContext) -> String {
        if matches!(self, Self::ReaderGone) {
            return String::new();
        }
        let mut report = String::new();
        if let Self::Config(errors) = self {
            // Each has its own lines and hint.
            errors
                .iter()
                .for_each(|error| push_error(&mut report, paint, &error.to_string()));
        } else if let Self::Session(SessionError::NotReady { failures }) = self {
            for Finding {
                message, advice, ..
            } in failures
            {
                push_error(&mut report, paint, &printable::one_line(message));
                advice
                    .iter()
                    .for_each(|advice| push_hint(&mut report, paint, advice));
            }
        } else if matches!(self, Self::NotAPlan { .. }) {
            push_plan(&mut report, paint, &self.to_string());
        } else {
            push_error(&mut report, paint, &printable::one_line(&self.to_string()));
        }
        for cause in said(self).iter().skip(1) {
            let _ = writeln!(report, "  caused by: {cause}");
        }
        if let Some(hint) = self.hint(context) {
            let resume = format!("`{}`", context.typed.resume_newest());
            push_hint(&mut report, paint, &hint.replace(RESUME, &resume));
        }
        report
    }
}

/// Returns what an error says and what its causes add to that, a line each. A cause that only repeats is no news.
pub(crate) fn said(error: &dyn Error) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = printable::one_line(&error.to_string());
        if !said.last().is_some_and(|last| last.ends_with(&text)) {
            said.push(text);
        }
        next = error.source();
    }
    said
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
        error: `2026` matches 2 sessions
          hint: be more specific: 20261122-1315-7f3a, 20261121-0101-0001
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
