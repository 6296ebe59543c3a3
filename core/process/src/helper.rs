//! Runs a part of our own program in a child process, so that what it does with untrusted input can
//! neither exhaust this process nor run for ever.
//!
//! ```text
//!   Helper::run(input) ─► own binary in a hidden mode: confine ─► the work ─► output, at most so many bytes
//! ```
//!
//! Unlike a [supervised program](crate::spawn), a helper starts nothing itself and reads its whole
//! input before it writes. It limits itself, because a limit on a process is inherited by what it
//! starts.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

/// Exit code of a helper whose input is invalid.
pub const INVALID_INPUT: i32 = 65;

/// What a process prints when it cannot allocate memory: Rust before it aborts, and the system, for
/// memory and for the stack of a thread.
const OUT_OF_MEMORY: [&str; 3] = [
    "memory allocation of",
    "Cannot allocate memory",
    "Resource temporarily unavailable",
];
/// Most bytes of a helper's messages that are read.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;

/// How a helper ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelperEnd {
    /// With an answer.
    Succeeded,
    /// With [`INVALID_INPUT`].
    InvalidInput,
    /// With another exit code; its message says why.
    Failed,
    /// It used up its processor time.
    OutOfTime,
    /// It used up its memory.
    OutOfMemory,
    /// Its answer was too long.
    TooLong,
    /// By another signal.
    Killed(i32),
}

/// What a helper left behind.
#[derive(Debug)]
pub struct HelperOutput {
    /// How it ended.
    pub end: HelperEnd,
    /// Its answer.
    pub answer: Vec<u8>,
    /// Its messages.
    pub message: String,
}

/// A part of our own program that runs in a child process.
#[derive(Clone, Copy, Debug)]
pub struct Helper<'a> {
    /// Our own program.
    pub program: &'a Path,
    /// The words that start the hidden mode.
    pub args: &'a [&'a str],
    /// Its whole environment.
    pub env: &'a [(&'a str, &'a str)],
    /// Most bytes of its answer.
    pub answer_bytes_max: u64,
}

impl Helper<'_> {
    /// Runs it with `input` on standard input, and blocks until it has ended.
    ///
    /// # Errors
    /// The program cannot be started, or its output cannot be read.
    pub fn run(&self, input: &[u8]) -> io::Result<HelperOutput> {
        #[expect(
            clippy::disallowed_methods,
            reason = "our own program, in an empty environment and with a bound on its output"
        )]
        let mut command = Command::new(self.program);
        let mut child = command
            .args(self.args)
            .env_clear()
            .envs(self.env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let output = self.talk(&mut child, input);
        if output.is_err() {
            // It may have ended already.
            let _ = child.kill();
        }
        let status = child.wait()?;
        let (answer, message) = output?;
        Ok(HelperOutput {
            end: self.end(status, &answer, &message),
            answer,
            message,
        })
    }

    /// Returns its answer and its messages.
    fn talk(&self, child: &mut Child, input: &[u8]) -> io::Result<(Vec<u8>, String)> {
        let piped = "the pipe was just asked for";
        let mut stdin = child.stdin.take().expect(piped);
        let stdout = child.stdout.take().expect(piped);
        let stderr = child.stderr.take().expect(piped);
        let (mut answer, mut message) = (Vec::new(), Vec::new());
        thread::scope(|scope| {
            thread::Builder::new().spawn_scoped(scope, move || {
                // It may end without reading everything; its status says why.
                let _ = stdin.write_all(input);
            })?;
            let messages = &mut message;
            let messages = thread::Builder::new().spawn_scoped(scope, move || {
                stderr.take(MESSAGE_BYTES_MAX).read_to_end(messages)
            })?;
            // Standard output closes here, which ends a helper that writes more than it may.
            stdout
                .take(self.answer_bytes_max.saturating_add(1))
                .read_to_end(&mut answer)?;
            messages.join().expect("reading does not panic")
        })?;
        let message = String::from_utf8_lossy(&message).trim().to_owned();
        Ok((answer, message))
    }

    fn end(&self, status: ExitStatus, answer: &[u8], message: &str) -> HelperEnd {
        let is_out_of_memory = || OUT_OF_MEMORY.iter().any(|text| message.contains(text));
        match (status.code(), status.signal()) {
            _ if self.answer_bytes_max < answer.len() as u64 => HelperEnd::TooLong,
            (Some(0), _) => HelperEnd::Succeeded,
            (Some(INVALID_INPUT), _) => HelperEnd::InvalidInput,
            (_, Some(signal)) if signal == Signal::XCPU.as_raw() => HelperEnd::OutOfTime,
            _ if is_out_of_memory() => HelperEnd::OutOfMemory,
            (Some(_), _) => HelperEnd::Failed,
            (None, signal) => HelperEnd::Killed(signal.unwrap_or_default()),
        }
    }
}

/// Prepares this process, a helper, for its work: it ends with its parent, and its memory, in bytes,
/// and its processor time are limited. At the limit of its time, SIGXCPU ends it.
///
/// Only Linux enforces the limit on memory and the end.
///
/// # Errors
/// The system refuses.
pub fn confine(memory_bytes_max: u64, cpu_max: Duration) -> io::Result<()> {
    // The thread that started it waits for it, so it ends with that thread.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    limit_memory(memory_bytes_max)?;
    // SIGXCPU would leave a core file.
    limit(Resource::Core, 0, 0)?;
    let seconds = cpu_max.as_secs().max(1);
    // At the upper limit the signal would be SIGKILL, as if memory had run out.
    limit(Resource::Cpu, seconds, seconds + 1)
}

/// Limits the memory that this process and its children may allocate, in bytes. Mapped files do
/// not count.
///
/// Only Linux enforces this limit.
///
/// # Errors
/// The system refuses.
pub fn limit_memory(bytes_max: u64) -> io::Result<()> {
    limit(Resource::Data, bytes_max, bytes_max)
}

fn limit(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    setrlimit(
        resource,
        Rlimit {
            current: Some(current.min(most)),
            maximum: Some(maximum.min(most)),
        },
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, input: &[u8]) -> HelperOutput {
        let helper = Helper {
            program: Path::new("/bin/sh"),
            args: &["-c", script],
            env: &[("PATH", "/usr/bin:/bin")],
            answer_bytes_max: 10,
        };
        helper.run(input).unwrap()
    }

    #[test]
    fn a_helper_answers_or_says_why_not() {
        let output = run("cat; echo aside >&2", b"an answer");
        assert_eq!(output.end, HelperEnd::Succeeded);
        assert_eq!(output.answer, b"an answer");
        let refused = run("echo why >&2; exit 65", b"");
        assert_eq!(refused.end, HelperEnd::InvalidInput);
        assert_eq!(refused.message, "why");
        assert_eq!(run("exit 3", b"").end, HelperEnd::Failed);
        assert_eq!(run("kill -KILL $$", b"").end, HelperEnd::Killed(9));
        let aborted = "echo memory allocation of 9 bytes failed >&2; kill -ABRT $$";
        assert_eq!(run(aborted, b"").end, HelperEnd::OutOfMemory);
    }

    #[test]
    fn neither_side_waits_for_the_other_forever() {
        let unread = vec![0; 1 << 20];
        assert_eq!(run("exit 0", &unread).end, HelperEnd::Succeeded);
        let flood = "head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2";
        assert_eq!(run(flood, b"").end, HelperEnd::TooLong);
    }
}
