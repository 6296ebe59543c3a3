//! The agent's program, asked for its version: one that does not even tell that will not work either.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Finding;
use crate::service::process::{ProgramSpec, SupervisorProgram, run_bounded};

/// Programs of 250 MB take a second to start on a cold disk; ten of these are a machine in trouble.
const VERSION_TIME_MAX: Duration = Duration::from_secs(10);
const VERSION_BYTES_MAX: usize = 4_096;

/// What is asked, and of whom.
pub(super) struct Question<'a> {
    /// The agent backend.
    pub(super) name: &'a str,
    /// Its program.
    pub(super) program: PathBuf,
    /// What makes it tell its version.
    pub(super) args: Vec<String>,
    /// The environment of agents.
    pub(super) env: Vec<(OsString, OsString)>,
}

/// Asks a program for its version.
pub(super) async fn version(
    supervisor: &SupervisorProgram,
    question: Question<'_>,
    cancel: &CancellationToken,
) -> Finding {
    let Question { name, program, args, env } = question;
    let shown = program.display().to_string();
    let command = format!("{shown} {}", args.join(" "));
    let spec = ProgramSpec {
        program,
        args: args.into_iter().map(Into::into).collect(),
        env,
        directory: PathBuf::from("/"),
        stdin: Vec::new(),
        tag: format!("doctor-{}", std::process::id()),
    };
    let run = run_bounded(supervisor, spec, VERSION_TIME_MAX, VERSION_BYTES_MAX, cancel).await;
    let advice = format!("see what `{command}` says; install it anew if it does not work");
    let ended = match &run {
        Ok(finished) if finished.exit.is_success() => {
            let version = finished.output.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
            return Finding::ok("agent", format!("{name}, {version}, {shown}"));
        }
        Ok(finished) if finished.timed_out => format!("said nothing for {} seconds", VERSION_TIME_MAX.as_secs()),
        Ok(finished) => match (finished.exit.code, finished.exit.signal) {
            (Some(code), _) => format!("ended with exit code {code}: {}", finished.output.trim()),
            (None, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
        },
        Err(error) => error.to_string(),
    };
    Finding::failure("agent", format!("{name}: `{command}` {ended}"), advice)
}
