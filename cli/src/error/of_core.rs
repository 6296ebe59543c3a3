//! What core's errors mean to a person at the command line. What to do about one stands beside its variant in core; here it is put
//! into the words of this command line, where they depend on what was typed.

use autoissue_core::demo::DemoError;
use autoissue_core::forge::{Fault as _, ForgeError};
use autoissue_core::journal::JournalError;
use autoissue_core::plugins::build::BuildError;
use autoissue_core::recorded::RecordedError;
use autoissue_core::session::SessionError;
use autoissue_core::strategy::UnknownStrategy;

use super::Explain;
use crate::exit_code::ExitCode;
use crate::printable;
use crate::shell::quoted;
use crate::typed::HintContext;

/// What to do where git or the system has said what is wrong, and the same may be tried again.
const TRY_AGAIN: &str = "see to the cause (room, rights), then run it again; a session that had begun goes on with `autoissue resume`";

impl Explain for SessionError {
    /// Tells what a person has typed or configured from what went wrong on the way.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::EmptyLabel
            | Self::NotInBacklog { .. }
            | Self::EmptyDirective
            | Self::PlannerOff
            | Self::CannotPlan { .. }
            | Self::Checkout(_)
            | Self::Unset { .. }
            | Self::Token(_)
            | Self::Strategy(_)
            | Self::Plugins(_)
            | Self::Environment(_)
            | Self::NothingToResume { .. }
            | Self::Overtaken { .. }
            | Self::AlreadyOver { .. }
            | Self::OtherProject { .. } => ExitCode::Usage,
            Self::Forge(error) => error.exit_code(),
            Self::Journal(error) => error.exit_code(),
            Self::Recorded(error) => error.exit_code(),
            Self::Git(_)
            | Self::Remote(_)
            | Self::NothingToDecline { .. }
            | Self::NoAgent { .. }
            | Self::NotReady { .. }
            | Self::WorkWaits { .. }
            | Self::Locked(_)
            | Self::Fetch(_)
            | Self::Mirror(_)
            | Self::Worktrees(_)
            | Self::NotWritable { .. }
            | Self::UnreadableOrder { .. }
            | Self::NoRoom { .. }
            | Self::NoRuntime(_)
            | Self::Defect { .. } => ExitCode::Error,
        }
    }

    fn hint(&self, context: &HintContext) -> Option<String> {
        let hint = match self {
            Self::EmptyLabel => "name the label that the issues carry".to_owned(),
            Self::Git(error) => error.hint()?.to_owned(),
            Self::Checkout(error) => error.hint()?.to_owned(),
            Self::NoAgent { install_hint, .. } => {
                format!("{install_hint}; or set `agent.backend`")
            }
            Self::NotInBacklog {
                label, warnings, ..
            } => not_in_backlog(label, warnings),
            Self::WorkWaits { session, .. } => {
                format!("fix this, then run `autoissue resume {session}`; nothing is paid again")
            }
            Self::EmptyDirective => "say in a sentence or two what is to be built".to_owned(),
            Self::PlannerOff => "set `planner.enabled` to true, or take the key out".to_owned(),
            Self::Plugins(error) => error.hint()?,
            Self::Forge(error) => error.hint()?,
            Self::Token(_) => TOKEN.to_owned(),
            Self::Unset { key } => format!("set `{key}` in the configuration"),
            Self::Strategy(error) => strategy_hint(error)?,
            Self::Remote(error) => error.hint().to_owned(),
            Self::Fetch(error) => error.hint().unwrap_or(TRY_AGAIN).to_owned(),
            Self::Locked(error) => error.hint().unwrap_or(TRY_AGAIN).to_owned(),
            Self::Mirror(_) | Self::Worktrees(_) => TRY_AGAIN.to_owned(),
            Self::Journal(error) => error.hint()?,
            Self::Recorded(error) => error.hint()?,
            Self::Environment(error) => error.hint().to_owned(),
            Self::NotWritable { .. } => {
                "worktrees and pull requests go there: see to its rights and the room on its disk"
                    .to_owned()
            }
            Self::Overtaken {
                session, command, ..
            } => format!(
                "`{command}` does what is left; `{}` resumes it anyway",
                (context.read_command)(command).resume(session)
            ),
            Self::NothingToResume { .. } => "`autoissue status` lists all sessions".to_owned(),
            Self::AlreadyOver {
                session, command, ..
            } => format!(
                "show it with `{}`, or start a new session with `{command}`",
                (context.read_command)(command).show(session, None)
            ),
            Self::OtherProject { project, .. } => {
                format!("change into `{}` and resume it there", project.display())
            }
            Self::UnreadableOrder { .. } => "use the release that began it".to_owned(),
            Self::Defect { .. } => {
                "nothing that was journaled is lost: `autoissue resume` goes on; please report this"
                    .to_owned()
            }
            // Each says what to do itself, or has nobody who could do anything.
            Self::NotReady { .. }
            | Self::NoRoom { .. }
            | Self::CannotPlan { .. }
            | Self::NothingToDecline { .. }
            | Self::NoRuntime(_) => return None,
        };
        Some(hint)
    }
}

const TOKEN: &str = "log in with `gh auth login`, or set `GITHUB_TOKEN` to a fine-grained token for this repository with Contents, \
                     Issues and Pull requests (read and write), or to a classic one with the scope `repo`";

fn not_in_backlog(label: &str, warnings: &[String]) -> String {
    if warnings.is_empty() {
        format!(
            "`autoissue classify {}` lists the issues that carry it",
            quoted(label)
        )
    } else {
        printable::one_line(&warnings.join("; "))
    }
}

fn strategy_hint(error: &UnknownStrategy) -> Option<String> {
    match error {
        UnknownStrategy::Name { key, .. } => Some(format!("set `{key}` to one of these")),
        // It says what the plugin has instead.
        UnknownStrategy::Plugin(_) => None,
    }
}

impl Explain for JournalError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoSession { .. } | Self::Ambiguous { .. } => ExitCode::Usage,
            Self::DiskFull { .. }
            | Self::ReadOnly { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::Damaged { .. }
            | Self::PathTooLong { .. }
            | Self::Busy { .. }
            | Self::SessionExists { .. }
            | Self::Other { .. } => ExitCode::Error,
        }
    }

    fn hint(&self, _context: &HintContext) -> Option<String> {
        self.hint()
    }
}

impl Explain for RecordedError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Journal(error) => error.exit_code(),
            Self::Unreadable { .. } => ExitCode::Error,
        }
    }

    fn hint(&self, _context: &HintContext) -> Option<String> {
        self.hint()
    }
}

impl Explain for DemoError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotEmpty { .. } => ExitCode::Usage,
            Self::Write { .. } | Self::Forge(_) | Self::Repository { .. } => ExitCode::Error,
        }
    }

    fn hint(&self, _context: &HintContext) -> Option<String> {
        match self {
            Self::NotEmpty { .. } => Some("name a directory that does not exist".to_owned()),
            Self::Forge(error) => error.hint(),
            Self::Write { .. } | Self::Repository { .. } => None,
        }
    }
}

impl Explain for ForgeError {
    fn exit_code(&self) -> ExitCode {
        if self.is_usage() {
            ExitCode::Usage
        } else {
            ExitCode::Error
        }
    }

    fn hint(&self, _context: &HintContext) -> Option<String> {
        self.hint()
    }
}

impl Explain for BuildError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoManifest { .. } | Self::NoTarget | Self::NoLibrary { .. } => ExitCode::Usage,
            Self::NoCargo { .. }
            | Self::Cargo { .. }
            | Self::Failed { .. }
            | Self::NotAPlugin { .. } => ExitCode::Error,
        }
    }

    fn hint(&self, _context: &HintContext) -> Option<String> {
        self.hint().map(str::to_owned)
    }
}
