//! Runs a part of our own program in a child process, so that what it does with untrusted input can
//! neither exhaust this process nor run for ever.
//!
//! ```text
//!   run(input) ─► own binary in a hidden mode: limit_self ─► the work ─► output, at most so many bytes
//! ```
//!
//! Unlike a [supervised program](crate::spawn), a helper starts nothing itself and reads its whole
//! input before it writes. It limits itself, because a limit on a process is inherited by what it
//! starts.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

/// What a process prints when it cannot allocate memory: Rust before it aborts, and the system.
const OUT_OF_MEMORY: [&str; 2] = ["memory allocation of", "Cannot allocate memory"];
/// Most bytes of a helper's messages that are read.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;

/// How a helper ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HelperEnd {
    /// With this exit code.
    Exited(i32),
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

/// Runs `program` with `args` and an empty environment, and blocks until it has ended. It gets
/// `input` on standard input; its answer is read up to `answer_bytes_max` bytes.
///
/// # Errors
/// The program cannot be started, or its output cannot be read.
pub fn run(
    program: &Path,
    args: &[&str],
    input: &[u8],
    answer_bytes_max: u64,
) -> io::Result<HelperOutput> {
    let mut child = Command::new(program)
        .args(args)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let piped = "the pipe was just asked for";
    let mut stdin = child.stdin.take().expect(piped);
    let stdout = child.stdout.take().expect(piped);
    let stderr = child.stderr.take().expect(piped);
    let (mut answer, mut message) = (Vec::new(), Vec::new());
    let read = thread::scope(|scope| {
        scope.spawn(|| {
            // It may end without reading everything; its status says why.
            let _ = stdin.write_all(input);
            drop(stdin);
        });
        let messages = scope.spawn(|| stderr.take(MESSAGE_BYTES_MAX).read_to_end(&mut message));
        // Both pipes close with the end of this block, which ends a helper that writes more.
        let answered = stdout
            .take(answer_bytes_max.saturating_add(1))
            .read_to_end(&mut answer);
        answered.and(messages.join().expect("reading does not panic"))
    });
    let status = child.wait()?;
    read?;
    let message = String::from_utf8_lossy(&message).trim().to_owned();
    let is_too_long = answer_bytes_max < answer.len() as u64;
    let end = match (status.code(), status.signal()) {
        _ if is_too_long => HelperEnd::TooLong,
        _ if OUT_OF_MEMORY.iter().any(|text| message.contains(text)) => HelperEnd::OutOfMemory,
        (_, Some(signal)) if signal == Signal::XCPU.as_raw() => HelperEnd::OutOfTime,
        (Some(code), _) => HelperEnd::Exited(code),
        (None, signal) => HelperEnd::Killed(signal.unwrap_or_default()),
    };
    Ok(HelperOutput {
        end,
        answer,
        message,
    })
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

/// Limits the processor time of this process. Afterwards, SIGXCPU ends it.
///
/// # Errors
/// The system refuses.
pub fn limit_cpu(time: Duration) -> io::Result<()> {
    // That signal would leave a core file.
    limit(Resource::Core, 0, 0)?;
    let seconds = time.as_secs().max(1);
    // At the upper limit the signal would be SIGKILL, as if memory had run out.
    limit(Resource::Cpu, seconds, seconds + 1)
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
