//! Errors as users and scripts see them: the only place that maps errors to exit codes and hints
//! ([`Explain`]) and prints them. Hints for core's errors are defined next to their variants in
//! core.
//!
//! ```text
//! error: the repository is in use by session `20261122-1315-7f3a` (process 7, `autoissue exec bug`)
//!   caused by: …
//!   hint: wait until it finishes (`autoissue status`); only one session can run per repository
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

/// The resume command as hints write it. It is printed with the flags that the user typed.
const RESUME: &str = "`autoissue resume`";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The configuration is invalid.
    #[error("{}", list(.0))]
    Config(Vec<ConfigError>),
    /// There is no repository to work on.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The session cannot run.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A session in the journal cannot be read.
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    /// The sample repository cannot be created.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// A plugin command failed.
    #[error(transparent)]
    Plugin(#[from] PluginCommandError),
    /// The session has no such issue.
    #[error("session `{session}` has no issue #{issue}")]
    NoIssue { session: String, issue: u64 },
    /// A configuration file already exists.
    #[error("`{}` exists", path.display())]
    ConfigExists { path: PathBuf },
    /// The output file already exists and may contain the user's work.
    #[error("`{}` exists", path.display())]
    FileExists { path: PathBuf },
    /// A saved plan cannot be used.
    #[error("`{}` is not a valid plan\n{problems}", path.display())]
    NotAPlan {
        path: PathBuf,
        /// Problems, one per line.
        problems: String,
    },
    /// The directory for the demo is not empty.
    #[error("`{}` is not an empty directory", path.display())]
    DirectoryInUse { path: PathBuf },
    /// A file or directory cannot be used.
    #[error("failed to {what} `{}`", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The process could not be set up.
    #[error("failed to {what}")]
    System {
        what: &'static str,
        #[source]
        source: io::Error,
    },
    /// The dashboard cannot be served.
    #[error("failed to serve the dashboard on `{host}`, port {port}")]
    Dashboard {
        host: String,
        port: u16,
        #[source]
        source: io::Error,
    },
    /// An HTML or Markdown page and JSON cannot share standard output.
    #[error("a page on standard output cannot be combined with `--output json`")]
    PageAmongJson,
    /// A grant was given, but no plugin that it holds for.
    #[error("`--grant` without `--plugin`")]
    GrantWithoutPlugin,
    /// Standard output cannot be written.
    #[error("failed to write to standard output")]
    Output(#[source] io::Error),
    /// The reader of standard output has exited, as `head` does.
    #[error("standard output was closed")]
    ReaderGone,
}

/// How an error is presented on the command line. Every error that can end a command implements it,
/// and each implementation lists every variant, so a new variant does not compile until it has an
/// exit code and a hint (or explicitly none).
pub(crate) trait Explain: Error {
    /// Returns the exit code.
    fn exit_code(&self) -> ExitCode;

    /// Returns what to do about the error, unless that is obvious.
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
            | Self::PageAmongJson
            | Self::GrantWithoutPlugin => ExitCode::Usage,
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
                return Some(format!("list its issues with `autoissue status {session}`"));
            }
            Self::ConfigExists { .. } => {
                "edit it, or remove it first; `autoissue config show` prints the current settings"
            }
            Self::FileExists { .. } => "choose another file, or move this one",
            Self::NotAPlan { .. } => "print the format of a plan with `autoissue plan --schema`",
            Self::Dashboard { .. } => {
                "set `dashboard.host` to an address of this machine, or `--port` to a port that you are allowed to use (0 picks a free one)"
            }
            Self::PageAmongJson => "write to a file instead of `-`, or omit `--output json`",
            Self::GrantWithoutPlugin => {
                "name the plugin with `--plugin PATH`; to grant it for every run, use `autoissue plugin add PATH --grant GRANT`"
            }
            Self::DirectoryInUse { .. } => {
                "choose an empty directory, or one that does not exist yet"
            }
            // Configuration errors carry their own hints. For the others, the system's message is
            // enough.
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
    /// Returns the text to print: the error, its causes and the hint. `context` knows the command
    /// that failed.
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

/// Returns the messages of an error and its causes, one per line. Skips a cause that only repeats
/// the previous message.
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

/// Adds an error whose first line says what is wrong and whose other lines say where.
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
    fn what_cannot_be_written_is_explained_by_its_cause() {
        let refused = |kind: io::ErrorKind| {
            let error = SessionError::NotWritable {
                path: PathBuf::from("/shop"),
                source: kind.into(),
            };
            report(&CliError::from(error))
        };
        assert!(refused(io::ErrorKind::StorageFull).ends_with("hint: free some disk space\n"));
        let denied = refused(io::ErrorKind::PermissionDenied);
        assert!(denied.contains("make it writable"), "{denied}");
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
    fn a_closed_output_is_not_reported() {
        assert_eq!(report(&CliError::ReaderGone), "");
    }
}
