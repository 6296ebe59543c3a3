//! Hidden modes in which autoissue starts itself: the supervisor of one program, the collector of
//! an attempt's work, the compiler of plugins, the checker of their settings, and the program of the
//! `patch` backend.
//!
//! They read no configuration. All but the last are started by a session and have to start fast, so
//! they are dispatched before anything else is set up.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;

use autoissue_core::apply_patch::{self, ApplyOutcome};
use autoissue_core::git::collector;
use autoissue_core::plugins::{compiler, settings};
use autoissue_core::process::supervisor;
use clap::{Args, Subcommand};

use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;

/// Arguments of `internal`.
#[derive(Clone, Debug, Args)]
pub(crate) struct InternalArgs {
    #[command(subcommand)]
    pub(crate) mode: InternalMode,
}

/// The internal modes.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum InternalMode {
    /// Supervise one program and end its descendants
    Supervise,
    /// Collect the work of an agent, as requested on standard input
    Collect,
    /// Apply the diff on standard input to the current directory
    ApplyPatch,
    /// Compile the component on standard input, within limits
    CompilePlugin,
    /// Check the settings on standard input against their schema, within limits
    CheckSettings,
}

/// Maximum size of a diff, in bytes; far above any issue body.
const DIFF_BYTES_MAX: u64 = 64 << 20;

/// Runs the hidden mode that this process was started in, if it has to start fast.
pub(crate) fn serve() -> Option<std::process::ExitCode> {
    match mode(std::env::args_os().skip(1))? {
        Served::Supervisor => Some(supervisor::run()),
        Served::Collector => Some(supervisor::run_forked(collect)),
        Served::PluginCompiler => Some(exit_code(compiler::serve())),
        Served::SettingsChecker => Some(exit_code(settings::serve())),
    }
}

fn exit_code(code: i32) -> std::process::ExitCode {
    u8::try_from(code).map_or(std::process::ExitCode::FAILURE, Into::into)
}

fn collect() -> i32 {
    // Its messages go to the standard error of the process that started it.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_level(false)
        .without_time()
        .init();
    collector::serve()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Served {
    Supervisor,
    Collector,
    PluginCompiler,
    SettingsChecker,
}

fn mode(mut args: impl Iterator<Item = OsString>) -> Option<Served> {
    let is_internal = args.next().is_some_and(|first| first == "internal");
    let second = args.next().filter(|_| is_internal)?;
    match second.to_str()? {
        "supervise" => Some(Served::Supervisor),
        "collect" => Some(Served::Collector),
        "compile-plugin" => Some(Served::PluginCompiler),
        "check-settings" => Some(Served::SettingsChecker),
        _ => None,
    }
}

/// Runs a hidden mode.
///
/// # Errors
/// If the diff cannot be read.
pub(crate) fn run(invocation: &Invocation, mode: InternalMode) -> Result<ExitCode, CliError> {
    match mode {
        // Reached only with flags before the mode, which autoissue never passes.
        InternalMode::Supervise => {
            let _ = supervisor::run();
            Ok(ExitCode::Success)
        }
        InternalMode::Collect => {
            let _ = supervisor::run_forked(collect);
            Ok(ExitCode::Success)
        }
        InternalMode::CompilePlugin => Ok(done(compiler::serve())),
        InternalMode::CheckSettings => Ok(done(settings::serve())),
        InternalMode::ApplyPatch => apply_patch(invocation),
    }
}

const fn done(code: i32) -> ExitCode {
    if code == 0 {
        ExitCode::Success
    } else {
        ExitCode::Error
    }
}

fn apply_patch(invocation: &Invocation) -> Result<ExitCode, CliError> {
    let mut diff = Vec::new();
    let read = std::io::stdin()
        .lock()
        .take(DIFF_BYTES_MAX)
        .read_to_end(&mut diff);
    read.map_err(|source| CliError::System {
        what: "read the diff from standard input",
        source,
    })?;
    // Uses `.` instead of the resolved path: resolving links is left to git.
    let outcome = apply_patch::run(Path::new("."), &diff);
    invocation.console.print_exactly(&format!("{outcome}\n"))?;
    Ok(match outcome {
        ApplyOutcome::Applied(_) | ApplyOutcome::AlreadyApplied => ExitCode::Success,
        ApplyOutcome::Rejected(_) => ExitCode::Error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_words_start_a_hidden_mode() {
        let mode = |line: &str| mode(line.split(' ').map(OsString::from));
        assert_eq!(mode("internal supervise"), Some(Served::Supervisor));
        assert_eq!(mode("internal collect"), Some(Served::Collector));
        assert_eq!(
            mode("internal compile-plugin"),
            Some(Served::PluginCompiler)
        );
        assert_eq!(
            mode("internal check-settings"),
            Some(Served::SettingsChecker)
        );
        assert_eq!(mode("internal apply-patch"), None);
        assert_eq!(mode("exec internal supervise"), None);
        assert_eq!(mode("internal"), None);
    }
}
