//! Exit codes and hints for core's errors. Most hints are defined next to their variants in core;
//! the ones here depend on the command that the user typed.

use std::io::ErrorKind;

use autoissue_core::demo::DemoError;
use autoissue_core::forge::{ForgeError, ForgeFailure as _};
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

/// Hint when git or the system has explained the failure and retrying may help.
const TRY_AGAIN: &str = "fix the problem (permissions or disk space) and retry; if a session had started, use `autoissue resume`";

impl Explain for SessionError {
    /// Usage errors are what the user typed or configured; everything else went wrong on the way.
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
            | Self::NotOpen { .. }
            | Self::Instructions(_)
            | Self::Plugins(_)
            | Self::Environment(_)
            | Self::NoSession { .. }
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
            Self::EmptyLabel => "pass the label of the issues to run".to_owned(),
            Self::Git(error) => error.hint()?.to_owned(),
            Self::Checkout(error) => error.hint()?,
            Self::NoAgent { install_hint, .. } => {
                format!("{install_hint}, or set `agent.backend` to another agent")
            }
            Self::NotInBacklog {
                label, warnings, ..
            } => not_in_backlog(label, warnings),
            Self::WorkWaits { session, .. } => {
                format!("fix this, then run `autoissue resume {session}`: finished work will be published at no extra cost")
            }
            Self::NotOpen { warnings, .. } => {
                let warnings = warnings.iter().map(|warning| printable::one_line(warning));
                Some(warnings.collect::<Vec<_>>().join("; ")).filter(|text| !text.is_empty())?
            }
            Self::Instructions(_) => {
                "check the path, which is relative to the file that contains it, and that the file is text of at most 64 KiB"
                    .to_owned()
            }
            Self::EmptyDirective => "describe in a sentence or two what to build".to_owned(),
            Self::PlannerOff => "set `planner.enabled` to true, or remove the key".to_owned(),
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
            Self::NotWritable { source, .. }
                if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
            {
                "free some disk space".to_owned()
            }
            Self::NotWritable { .. } => {
                "autoissue writes a lock file and, with the local forge, pull requests there: \
                 make it writable for the user that runs autoissue"
                    .to_owned()
            }
            Self::Overtaken {
                session, command, ..
            } => format!(
                "run `{command}` for the remaining issues, or `{}` to resume it anyway",
                (context.read_command)(command).resume(session)
            ),
            Self::NoSession { .. } | Self::NothingToResume { .. } => {
                "list all sessions with `autoissue status`".to_owned()
            }
            Self::AlreadyOver {
                session, command, ..
            } => format!(
                "show it with `{}`, or start a new session with `{command}`",
                (context.read_command)(command).show(session, None)
            ),
            Self::OtherProject { project, .. } => {
                format!("change to `{}` and resume it there", project.display())
            }
            Self::UnreadableOrder { .. } => "resume it with the build of autoissue that started it".to_owned(),
            Self::Defect { .. } => {
                "everything in the journal is safe: continue with `autoissue resume`, and please report this bug"
                    .to_owned()
            }
            // These messages already say what to do, or there is nothing the user can do.
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
                     Issues and Pull requests (read and write), or to a classic token with the scope `repo`";

fn not_in_backlog(label: &str, warnings: &[String]) -> String {
    let list = format!(
        "list the issues that have it with `autoissue classify {}`",
        quoted(label)
    );
    let warnings = warnings.iter().map(|warning| printable::one_line(warning));
    warnings.chain([list]).collect::<Vec<_>>().join("; ")
}

fn strategy_hint(error: &UnknownStrategy) -> Option<String> {
    match error {
        UnknownStrategy::Name { key, .. } => Some(format!("set `{key}` to one of these")),
        UnknownStrategy::Command(_) => Some(
            "give a program on PATH and its arguments, such as `[\"my-agent\", \"--quiet\"]`; docs/agents.md lists the settings"
                .to_owned(),
        ),
        // The message lists what the plugin provides.
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
            | Self::Outdated { .. }
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
            Self::NotEmpty { .. } => {
                Some("choose an empty directory, or one that does not exist yet".to_owned())
            }
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
            | Self::NoRust { .. }
            | Self::Cargo { .. }
            | Self::NoDependencies { .. }
            | Self::Failed { .. }
            | Self::NotAPlugin { .. } => ExitCode::Error,
        }
    }

    fn hint(&self, _context: &HintContext) -> Option<String> {
        self.hint().map(str::to_owned)
    }
}
