//! The repository's own commands: checks that verify a change, and setup that prepares a fresh
//! worktree.
//!
//! Commands are configuration, so they are trusted to be shell. Their output and duration are not
//! trusted: both are bounded. They see the agent's environment, not ours. Whether a failed check
//! fails the task is not decided here.

use super::process::{
    Exit, Finished, Line, ProcessError, ProgramSpec, Stdin, StopSignal, SupervisorProgram,
    run_observed,
};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How much of one command's output is kept: enough for a long backtrace and for an agent's next
/// prompt.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// How many lines from the end of a failed setup command's output are repeated in its error.
const LAST_LINES: usize = 20;

/// A command that must pass before a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name in reports.
    pub name: String,
    /// A command line for `/bin/sh -c`.
    pub run: String,
    /// How long it may take.
    pub timeout_minutes: u32,
}

/// Where commands run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEnvironment {
    /// The worktree.
    pub directory: PathBuf,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// See [`ProgramSpec::tag`].
    pub tag: String,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// The check's name.
    pub name: String,
    /// The check's command line.
    pub run: String,
    /// Whether it exited in time, on its own, with exit code 0.
    pub passed: bool,
    /// Its exit code, unless a signal killed it.
    pub exit_code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Whether it was stopped because it took too long.
    pub timed_out: bool,
    /// How long it took.
    pub duration_ms: u64,
    /// Beginning and end of its output, at most [`OUTPUT_BYTES_MAX`].
    pub output: String,
}

/// Why the checks have no result.
#[derive(Debug, thiserror::Error)]
pub enum ChecksError {
    /// They were cancelled before all of them had finished.
    #[error("checks were cancelled during `{name}`")]
    Cancelled {
        /// The check that was running or next.
        name: String,
    },
    /// A check could not run at all, which says nothing about the change.
    #[error("check `{name}` could not run")]
    NotRun {
        /// The check.
        name: String,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// A check's supervisor was killed, which says nothing about the change either.
    #[error("check `{name}` lost its supervisor")]
    SupervisorLost {
        /// The check.
        name: String,
    },
}

/// Why a worktree could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A command failed.
    #[error("setup command `{command}` {}: {}\n{last_lines}", how(*.exit_code, *.signal), last_of(last_lines))]
    Failed {
        /// The command line.
        command: String,
        /// Its exit code, unless a signal killed it.
        exit_code: Option<i32>,
        /// The signal that killed it.
        signal: Option<i32>,
        /// The end of its output.
        last_lines: String,
    },
    /// A command took too long.
    #[error("setup command `{command}` was stopped: setup took more than {} s: {}\n{last_lines}", timeout.as_secs(), last_of(last_lines))]
    TimedOut {
        /// The command line.
        command: String,
        /// How long all commands together may take.
        timeout: Duration,
        /// The end of its output.
        last_lines: String,
    },
    /// Setup was cancelled.
    #[error("setup was cancelled during `{command}`")]
    Cancelled {
        /// The command that was running or next.
        command: String,
    },
    /// A command could not run at all.
    #[error("setup command `{command}` could not run")]
    NotRun {
        /// The command line.
        command: String,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// A command's supervisor was killed.
    #[error("setup command `{command}` lost its supervisor")]
    SupervisorLost {
        /// The command line.
        command: String,
    },
}

/// Returns the last line that is not blank, so that a message cut to one line still shows the
/// reason.
fn last_of(lines: &str) -> &str {
    lines
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("it printed nothing")
}

fn how(exit_code: Option<i32>, signal: Option<i32>) -> String {
    match (exit_code, signal) {
        (Some(code), _) => format!("failed with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "did not exit".to_owned(),
    }
}

/// Runs every check, one after the other, even after one has failed. `on_output` gets a check's
/// name and a line.
///
/// # Errors
/// [`ChecksError`]: cancelled, or an error that the change did not cause.
pub async fn run_checks(
    supervisor: &SupervisorProgram,
    checks: &[Check],
    workplace: &CommandEnvironment,
    cancel: &CancellationToken,
    on_output: &mut (dyn FnMut(&str, &Line) + Send),
) -> Result<Vec<CheckResult>, ChecksError> {
    let mut results = Vec::with_capacity(checks.len());
    for check in checks {
        let Check {
            name,
            run,
            timeout_minutes,
        } = check;
        let timeout = Duration::from_secs(60 * u64::from(*timeout_minutes));
        let on_line = &mut |line: &Line| on_output(name, line);
        let finished = run_shell(supervisor, run, workplace, timeout, cancel, on_line).await;
        let finished = finished.map_err(|source| ChecksError::NotRun {
            name: name.clone(),
            source,
        })?;
        if finished.cancelled {
            return Err(ChecksError::Cancelled { name: name.clone() });
        }
        if finished.exit.supervisor_lost {
            return Err(ChecksError::SupervisorLost { name: name.clone() });
        }
        results.push(result(check, finished));
    }
    Ok(results)
}

fn result(check: &Check, finished: Finished) -> CheckResult {
    let Exit { code, signal, .. } = finished.exit;
    CheckResult {
        name: check.name.clone(),
        run: check.run.clone(),
        passed: finished.exit.is_success(),
        exit_code: code,
        signal,
        timed_out: finished.timed_out,
        duration_ms: finished.duration_ms,
        output: finished.output,
    }
}

/// Runs setup commands in order until one fails. `timeout` applies to all of them together;
/// `on_output` gets a command and a line.
///
/// # Errors
/// [`SetupError`] names the command.
pub async fn run_setup(
    supervisor: &SupervisorProgram,
    commands: &[String],
    workplace: &CommandEnvironment,
    timeout: Duration,
    cancel: &CancellationToken,
    on_output: &mut (dyn FnMut(&str, &Line) + Send),
) -> Result<(), SetupError> {
    let start = Instant::now();
    for command in commands {
        let left = timeout.saturating_sub(start.elapsed());
        let on_line = &mut |line: &Line| on_output(command, line);
        let finished = run_shell(supervisor, command, workplace, left, cancel, on_line).await;
        let finished = finished.map_err(|source| SetupError::NotRun {
            command: command.clone(),
            source,
        })?;
        setup_verdict(command.clone(), timeout, &finished)?;
    }
    Ok(())
}

fn setup_verdict(
    command: String,
    timeout: Duration,
    finished: &Finished,
) -> Result<(), SetupError> {
    let last_lines = last_lines(&finished.output);
    let Exit {
        code: exit_code,
        signal,
        ..
    } = finished.exit;
    match () {
        () if finished.exit.is_success() => Ok(()),
        () if finished.cancelled => Err(SetupError::Cancelled { command }),
        () if finished.timed_out => Err(SetupError::TimedOut {
            command,
            timeout,
            last_lines,
        }),
        () if finished.exit.supervisor_lost => Err(SetupError::SupervisorLost { command }),
        () => Err(SetupError::Failed {
            command,
            exit_code,
            signal,
            last_lines,
        }),
    }
}

fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

async fn run_shell(
    supervisor: &SupervisorProgram,
    command: &str,
    workplace: &CommandEnvironment,
    timeout: Duration,
    cancel: &CancellationToken,
    on_line: &mut (dyn FnMut(&Line) + Send),
) -> Result<Finished, ProcessError> {
    let spec = ProgramSpec {
        program: PathBuf::from("/bin/sh"),
        args: vec!["-c".into(), command.into()],
        env: workplace.env.clone(),
        directory: workplace.directory.clone(),
        stdin: Stdin::default(),
        stop_signal: StopSignal::default(),
        tag: workplace.tag.clone(),
    };
    run_observed(supervisor, spec, timeout, OUTPUT_BYTES_MAX, cancel, on_line).await
}
