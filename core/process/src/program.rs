//! Starts programs for the engine, each under a [supervisor](crate::supervisor) that kills every
//! process it leaves behind.
//!
//! To start a program here, the caller has to choose its directory, its whole environment, its
//! input, and the bound of its output. Nothing is inherited. A program's output is never trusted
//! about how it ended: the supervisor reports that.
//!
//! ```text
//!  spawn(spec) ──► Running ── next_line() ──► Line … Line, None      stdout and stderr, in order of arrival
//!                     │ ───── terminate(), kill() ──►                 at any time
//!                     └────── wait() ──► Exit                         after every descendant is dead
//! ```
//!
//! There are no background tasks: the owner of a [`Running`] drives it, and dropping it ends the
//! program as if the engine had died.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use autoissue_secret::redaction::Redaction;
use rustix::fs::Access;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::select;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::bounded_output::BoundedOutput;
use crate::line_reader::LineReader;
use crate::process_table::{TAG_VARIABLE, end_adopted, start_of, sweep_tagged_exactly};
use crate::supervisor::{Command, Header, KILL_TIME_MAX, StopSignal, SupervisorMessage};

/// Most bytes of standard input for a program: the supervisor keeps them in memory. Prompts are
/// kilobytes.
pub const STDIN_BYTES_MAX: usize = 64 << 20;

/// How long a program that was asked to stop may take to save its state.
pub const TERMINATE_GRACE: Duration = Duration::from_secs(10);

/// How long a supervisor may take to report that the program runs. It takes milliseconds; a machine
/// in trouble takes longer.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a pipe may stay silent but open after all descendants are dead. After that, only an
/// unrelated process that the program talked to can hold its other end, and nothing of ours will
/// follow.
const SILENCE_AFTER_EXIT_MAX: Duration = Duration::from_secs(1);

/// How long a supervisor may take to read a command. It has a thread that does nothing else.
const ORDER_TIME_MAX: Duration = Duration::from_secs(5);

/// How much longer than planned a supervisor may need to end everything before it is killed itself.
const SUPERVISOR_DELAY_MAX: Duration = Duration::from_secs(2);

/// How to start a supervisor: our own binary in its hidden mode.
#[derive(Debug, Clone)]
pub struct SupervisorProgram {
    /// An absolute path, because supervisors run in `/`.
    pub program: PathBuf,
    /// Arguments that make the binary call [`run`](crate::supervisor::run).
    pub args: Vec<OsString>,
    /// Secrets to remove from the output of its programs before anything else reads it.
    pub redaction: Redaction,
}

impl SupervisorProgram {
    /// Returns our own binary as a supervisor that redacts nothing.
    pub fn of(own_program: &Path) -> Self {
        let args = vec!["internal".into(), "supervise".into()];
        Self {
            program: own_program.to_owned(),
            args,
            redaction: Redaction::default(),
        }
    }

    /// Returns a supervisor that redacts secrets.
    #[must_use]
    pub fn hiding(self, redaction: &Redaction) -> Self {
        Self {
            redaction: redaction.clone(),
            ..self
        }
    }
}

/// A program to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramSpec {
    /// The path returned by [`resolve`].
    pub program: PathBuf,
    /// Arguments without the program's name. Anyone on the machine can read them.
    pub args: Vec<OsString>,
    /// The whole environment; [`TAG_VARIABLE`] is added.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory.
    pub directory: PathBuf,
    /// Its standard input.
    pub stdin: Stdin,
    /// How [`Running::terminate`] asks it to stop.
    pub stop_signal: StopSignal,
    /// Lets [`sweep_tagged`] find the program and its descendants if the supervisor is killed.
    /// Unique per running program.
    pub tag: String,
}

/// A program's standard input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stdin {
    /// What it gets at once, at most [`STDIN_BYTES_MAX`].
    pub bytes: Vec<u8>,
    /// Whether it stays open after that, for [`Running::feed`] and [`Running::close_stdin`].
    pub stays_open: bool,
}

/// Why a program did not or cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program does not exist.
    #[error("program `{program}` was not found in {}", list(.looked_in))]
    NotFound {
        /// The requested name or path.
        program: String,
        /// The directories of PATH, or the path itself.
        looked_in: Vec<PathBuf>,
    },
    /// A file with that name exists, but is not executable.
    #[error("`{}` is not an executable file", path.display())]
    NotExecutable {
        /// The file.
        path: PathBuf,
    },
    /// A relative path would depend on the current directory.
    #[error("program `{program}` must be a plain name or an absolute path")]
    NotAbsolute {
        /// The requested path.
        program: String,
    },
    /// The program is in a directory that agents can write to.
    #[error("program `{program}` is `{}`, which is in `{}`, where agents can change it", path.display(), directory.display())]
    Untrusted {
        /// The requested name or path.
        program: String,
        /// Where it was found, or its real path.
        path: PathBuf,
        /// The directory that agents write to.
        directory: PathBuf,
    },
    /// The program that was to be an agent is a shell, whatever its name.
    #[error("program `{program}` is the shell `{}`, which could run anything", path.display())]
    Shell {
        /// The requested name.
        program: String,
        /// Its real path.
        path: PathBuf,
    },
    /// The input is too long.
    #[error("the input for `{}` is too large: {n_bytes} bytes, at most {STDIN_BYTES_MAX} are allowed", program.display())]
    TooMuchInput {
        /// The program.
        program: PathBuf,
        /// Length of its input.
        n_bytes: usize,
    },
    /// The supervisor could not start the program.
    #[error("failed to start `{}` in `{}`: {reason}", program.display(), directory.display())]
    FailedToStart {
        /// The program.
        program: PathBuf,
        /// Its working directory.
        directory: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
    /// The supervisor itself failed.
    #[error("supervisor `{}` failed before starting `{}`", supervisor.display(), program.display())]
    Supervisor {
        /// The supervisor.
        supervisor: PathBuf,
        /// The program it should have started.
        program: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

fn list(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "PATH, which is empty".to_owned();
    }
    let paths: Vec<String> = paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    paths.join(", ")
}

/// Returns the absolute path of `program`, looked up in the directories of `path`.
///
/// Relative directories in `path` are ignored. The result may be a symbolic link, because many
/// programs depend on the name they are called by. Neither the link nor its target may be in one of
/// the directories `outside`. Blocking, microseconds.
///
/// # Errors
/// [`ProcessError::NotFound`], [`NotExecutable`](ProcessError::NotExecutable),
/// [`NotAbsolute`](ProcessError::NotAbsolute), [`Untrusted`](ProcessError::Untrusted).
pub fn resolve(program: &str, path: &OsStr, outside: &[PathBuf]) -> Result<PathBuf, ProcessError> {
    let candidates: Vec<PathBuf> = if Path::new(program).is_absolute() {
        vec![PathBuf::from(program)]
    } else if program.contains('/') {
        return Err(ProcessError::NotAbsolute {
            program: program.to_owned(),
        });
    } else {
        let directories = std::env::split_paths(path).filter(|it| it.is_absolute());
        directories
            .map(|it| it.join(program))
            .filter(|_| !program.is_empty())
            .collect()
    };
    let files: Vec<&PathBuf> = candidates.iter().filter(|it| it.is_file()).collect();
    let Some(found) = files
        .iter()
        .find(|it| rustix::fs::access(it.as_path(), Access::EXEC_OK).is_ok())
    else {
        return Err(match files.first() {
            Some(file) => ProcessError::NotExecutable {
                path: file.to_path_buf(),
            },
            None => ProcessError::NotFound {
                program: program.to_owned(),
                looked_in: looked_in(program, candidates),
            },
        });
    };
    refuse_untrusted(program, found, outside)?;
    Ok(found.to_path_buf())
}

/// Returns the directories that were searched, or the one path that was given.
fn looked_in(program: &str, candidates: Vec<PathBuf>) -> Vec<PathBuf> {
    let is_path = program.contains('/');
    candidates
        .into_iter()
        .map(|it| {
            if is_path {
                it
            } else {
                it.parent().map_or(it.clone(), Path::to_path_buf)
            }
        })
        .collect()
}

fn refuse_untrusted(program: &str, found: &Path, outside: &[PathBuf]) -> Result<(), ProcessError> {
    // A directory that does not exist contains nothing.
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let in_real_directory = found.parent().map_or_else(
        || found.to_path_buf(),
        |it| real(it).join(found.file_name().unwrap_or_default()),
    );
    for path in [found.to_path_buf(), in_real_directory, real(found)] {
        if let Some(directory) = outside
            .iter()
            .find(|it| path.starts_with(it) || path.starts_with(real(it)))
        {
            return Err(ProcessError::Untrusted {
                program: program.to_owned(),
                path,
                directory: directory.clone(),
            });
        }
    }
    Ok(())
}

/// The pipe that a line came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of a program's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it came from.
    pub source: Source,
    /// The text without its terminator. Bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Whether the line was longer than [`LINE_BYTES_MAX`], so that only its beginning is here.
    pub truncated: bool,
}

/// How a program ended, as its supervisor reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The exit code, unless a signal ended it or it never ran.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether it was asked to stop before it ended; in that case no exit code means success.
    pub stopped_by_us: bool,
    /// Whether the supervisor was killed. Then it is unknown how the program ended, and `signal` is
    /// 9.
    pub supervisor_lost: bool,
    /// How many processes the program left behind, all of which were killed.
    pub n_killed_stragglers: u32,
    /// How many processes could not be killed because they hang in the kernel.
    pub n_left: u32,
}

impl Exit {
    /// For a program that was cancelled before it started.
    const NEVER_STARTED: Self = Self {
        code: None,
        signal: None,
        stopped_by_us: true,
        supervisor_lost: false,
        n_killed_stragglers: 0,
        n_left: 0,
    };

    /// Returns whether the program ended on its own with exit code 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Some(0) && !self.stopped_by_us && !self.supervisor_lost
    }
}

/// Starts a program under a supervisor, and returns once it runs.
///
/// # Errors
/// [`ProcessError::FailedToStart`] with the reason, [`TooMuchInput`](ProcessError::TooMuchInput),
/// [`Supervisor`](ProcessError::Supervisor).
pub async fn spawn(
    supervisor: &SupervisorProgram,
    spec: ProgramSpec,
) -> Result<Running, ProcessError> {
    let (program, directory) = (spec.program.clone(), spec.directory.clone());
    if spec.stdin.bytes.len() > STDIN_BYTES_MAX {
        return Err(ProcessError::TooMuchInput {
            program,
            n_bytes: spec.stdin.bytes.len(),
        });
    }
    let started = async {
        let mut running = start_supervisor(supervisor, spec.tag.clone(), Vec::new())?;
        running.ending.control.send(spec).await?;
        Ok(running)
    };
    until_started(started, supervisor, program, directory).await
}

/// Starts our own binary in a mode that forks (see [`run_forked`](crate::supervisor::run_forked)),
/// and returns once the fork runs. It reads the input from [`Running::feed`].
///
/// # Errors
/// [`Supervisor`](ProcessError::Supervisor).
pub async fn spawn_forked(
    supervisor: &SupervisorProgram,
    mut env: Vec<(OsString, OsString)>,
    tag: String,
) -> Result<Running, ProcessError> {
    // If two variables have the same name, the last one wins. The fork inherits the environment
    // that the supervisor was started with.
    env.push((TAG_VARIABLE.into(), tag.clone().into()));
    let started = async { start_supervisor(supervisor, tag, env) };
    until_started(started, supervisor, supervisor.program.clone(), "/".into()).await
}

async fn until_started(
    starting: impl Future<Output = io::Result<Running>>,
    supervisor: &SupervisorProgram,
    program: PathBuf,
    directory: PathBuf,
) -> Result<Running, ProcessError> {
    let started = async {
        let mut running = starting.await?;
        let report = running.ending.control.report().await?;
        Ok((running, report))
    };
    let failed = |source| ProcessError::Supervisor {
        supervisor: supervisor.program.clone(),
        program: program.clone(),
        source,
    };
    let started = timeout(START_TIME_MAX, started)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    match started.map_err(failed)? {
        (mut running, SupervisorMessage::Started { pid }) => {
            running.pid = pid;
            Ok(running)
        }
        (_, SupervisorMessage::FailedToStart(reason)) => Err(ProcessError::FailedToStart {
            program,
            directory,
            reason,
        }),
        (_, SupervisorMessage::Exited { .. }) => Err(failed(io::Error::other(
            "it reported an exit before a start",
        ))),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the only place that starts a supervisor, which starts the program"
)]
fn start_supervisor(
    supervisor: &SupervisorProgram,
    tag: String,
    env: Vec<(OsString, OsString)>,
) -> io::Result<Running> {
    tracing::debug!(tag, "starting our own program");
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut child = tokio::process::Command::new(&supervisor.program)
        .args(&supervisor.args)
        .env_clear()
        .envs(env)
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in our terminal is meant for us only.
        .process_group(0)
        .spawn()?;
    let stdout = LineReader::new(child.stdout.take().expect("stdout is piped, see above"));
    let stderr = LineReader::new(child.stderr.take().expect("stderr is piped, see above"));
    let (read, write) = UnixStream::from_std(ours)?.into_split();
    let control = Control {
        read: BufReader::new(read),
        line: Vec::new(),
        write,
    };
    let ending = Ending {
        control,
        began: child.id().and_then(start_of).unwrap_or_default(),
        supervisor: child,
        tag,
        stop: None,
        sweep: None,
        exit: None,
    };
    Ok(Running {
        pid: 0,
        stdout,
        stderr,
        redaction: supervisor.redaction.clone(),
        ending,
    })
}

/// The engine's end of the control socket.
struct Control {
    read: BufReader<OwnedReadHalf>,
    /// The incomplete next report: reading may be cancelled in between.
    line: Vec<u8>,
    write: OwnedWriteHalf,
}

impl Control {
    /// Sends the header and the program's input.
    async fn send(&mut self, spec: ProgramSpec) -> io::Result<()> {
        let mut env = spec.env;
        // If two variables have the same name, the last one wins.
        env.push((TAG_VARIABLE.into(), spec.tag.into()));
        let header = Header {
            program: spec.program.into_os_string(),
            args: spec.args,
            env,
            directory: spec.directory.into_os_string(),
            n_stdin_bytes: spec.stdin.bytes.len(),
            stdin_stays_open: spec.stdin.stays_open,
            stop_signal: spec.stop_signal,
        };
        let mut header = serde_json::to_vec(&header)?;
        header.push(b'\n');
        self.write.write_all(&header).await?;
        self.write.write_all(&spec.stdin.bytes).await
    }

    async fn command(&mut self, command: &Command) -> io::Result<()> {
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        self.write.write_all(&line).await
    }

    /// Reads the next report. May be cancelled and called again.
    async fn report(&mut self) -> io::Result<SupervisorMessage> {
        if self.read.read_until(b'\n', &mut self.line).await? == 0
            || self.line.last() != Some(&b'\n')
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&std::mem::take(&mut self.line))?)
    }
}

/// A program running under its supervisor.
///
/// Its output must be read, or discarded by [`wait`](Running::wait): a program blocks when its pipe
/// is full.
pub struct Running {
    pid: i32,
    stdout: LineReader<ChildStdout>,
    stderr: LineReader<ChildStderr>,
    redaction: Redaction,
    ending: Ending,
}

impl Running {
    /// Returns the program's process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Returns the next line of either pipe, or `None` once the program and everything that could
    /// write is dead. Known secrets are redacted.
    ///
    /// May be cancelled at any time without losing a byte.
    pub async fn next_line(&mut self) -> Option<Line> {
        loop {
            let found = match self.stdout.pop() {
                Some(line) => Some((Source::Stdout, line)),
                None => self.stderr.pop().map(|line| (Source::Stderr, line)),
            };
            if let Some((source, line)) = found {
                let text = match self.redaction.apply_to_line(&line.text) {
                    Cow::Owned(hidden) => hidden,
                    Cow::Borrowed(_) => line.text,
                };
                return Some(Line {
                    source,
                    text,
                    truncated: line.truncated,
                });
            }
            if !self.stdout.is_open() && !self.stderr.is_open() {
                return None;
            }
            select! {
                () = self.stdout.fill(), if self.stdout.is_open() => {}
                () = self.stderr.fill(), if self.stderr.is_open() => {}
                () = self.ending.silence() => {
                    self.stdout.close();
                    self.stderr.close();
                }
            }
        }
    }

    /// Sends more input to a forked program, or to one whose standard input stays open. A failure
    /// shows up as the program's end.
    pub async fn feed(&mut self, text: String) {
        self.ending.order(&Command::Feed(text)).await;
    }

    /// Closes the standard input of such a program.
    pub async fn close_stdin(&mut self) {
        self.ending.order(&Command::CloseStdin).await;
    }

    /// Asks the program and its process group to stop, by its stop signal; after [`TERMINATE_GRACE`], or once
    /// the program has ended, all remaining processes are killed. Returns at once: continue
    /// reading, then [`wait`](Running::wait).
    pub async fn terminate(&mut self) {
        self.terminate_within(TERMINATE_GRACE).await;
    }

    /// Like [`terminate`](Running::terminate), with another grace period. If called again, the
    /// shorter one applies.
    pub async fn terminate_within(&mut self, grace: Duration) {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.ending
            .stop(Command::Terminate { grace_ms }, grace)
            .await;
    }

    /// Kills the program and all its descendants. Returns at once, like
    /// [`terminate`](Running::terminate).
    pub async fn kill(&mut self) {
        self.ending.stop(Command::Kill, Duration::ZERO).await;
    }

    /// Discards the remaining output and returns how the program ended, once it and every
    /// descendant is dead.
    pub async fn wait(&mut self) -> Exit {
        while self.next_line().await.is_some() {}
        self.ending.exit().await
    }
}

/// Waits for the exit: the supervisor's report, or its loss.
struct Ending {
    control: Control,
    supervisor: Child,
    /// When the supervisor started, as in the process table.
    began: u64,
    tag: String,
    /// When a supervisor that was asked to stop has taken too long.
    stop: Option<Instant>,
    sweep: Option<JoinHandle<u32>>,
    exit: Option<Exit>,
}

impl Ending {
    async fn stop(&mut self, command: Command, grace: Duration) {
        let until = Instant::now() + grace + KILL_TIME_MAX + SUPERVISOR_DELAY_MAX;
        self.stop = Some(self.stop.map_or(until, |earlier| earlier.min(until)));
        self.order(&command).await;
    }

    /// Sends a command. A supervisor that does not read it was stopped by its own program. It is
    /// killed, because it could no longer kill its program.
    async fn order(&mut self, command: &Command) {
        // A failure means that the supervisor is gone, which `exit` also detects.
        if timeout(ORDER_TIME_MAX, self.control.command(command))
            .await
            .is_err()
        {
            tracing::warn!("killing a supervisor that does not read its commands");
            let _ = self.supervisor.start_kill();
        }
    }

    /// Returns once the program has ended and its pipes have been silent for a while. Starts over
    /// with each call.
    async fn silence(&mut self) {
        self.exit().await;
        sleep(SILENCE_AFTER_EXIT_MAX).await;
    }

    /// May be cancelled and called again: results are stored before the next wait.
    async fn exit(&mut self) -> Exit {
        let exit = match self.exit {
            Some(exit) => exit,
            None => {
                let exit = match self.last_report().await {
                    Some(exit) => exit,
                    None => self.exit_of_the_lost().await,
                };
                *self.exit.insert(exit)
            }
        };
        // It has sent its last report, or is dead; this only removes it from the process table.
        let _ = self.supervisor.wait().await;
        exit
    }

    /// Returns what the supervisor reported, or `None` if it died without a report.
    async fn last_report(&mut self) -> Option<Exit> {
        let report = match self.stop {
            None => self.control.report().await,
            Some(until) => select! {
                report = self.control.report() => report,
                () = sleep_until(until) => {
                    // It was asked to end everything and did not. It cannot ignore this.
                    let _ = self.supervisor.start_kill();
                    self.control.report().await
                }
            },
        };
        match report {
            Ok(SupervisorMessage::Exited {
                code,
                signal,
                was_stopped,
                n_killed_stragglers,
                n_left,
            }) => {
                let stopped_by_us = was_stopped;
                Some(Exit {
                    code,
                    signal,
                    stopped_by_us,
                    supervisor_lost: false,
                    n_killed_stragglers,
                    n_left,
                })
            }
            _ => None,
        }
    }

    async fn exit_of_the_lost(&mut self) -> Exit {
        let _ = self.supervisor.start_kill();
        // Once it is dead, this process has adopted its descendants.
        let _ = self.supervisor.wait().await;
        let (tag, began) = (self.tag.clone(), self.began);
        let sweep = self.sweep.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || sweep_tagged_exactly(&tag) + end_adopted(began))
        });
        let n_killed_stragglers = sweep.await.unwrap_or(0);
        let stopped_by_us = self.stop.is_some();
        Exit {
            code: None,
            signal: Some(9),
            stopped_by_us,
            supervisor_lost: true,
            n_killed_stragglers,
            n_left: 0,
        }
    }
}

/// The result of a program that was run to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// Both pipes, line by line in order of arrival; of a long output the first quarter and the
    /// end, with a line between them that says how much was omitted.
    pub output: String,
    /// Whether it was stopped because it took too long.
    pub timed_out: bool,
    /// Whether it was stopped, or never started, because it was cancelled.
    pub cancelled: bool,
    /// Time from its start until everything it had started was dead, in milliseconds.
    pub duration_ms: u64,
}

/// Runs a program to its end, for at most `timeout` (and then [`TERMINATE_GRACE`]), keeping
/// `output_bytes_max` of its output.
///
/// # Errors
/// Those of [`spawn`]. A program that fails, is stopped or is cancelled is not an error here.
pub async fn run_bounded(
    supervisor: &SupervisorProgram,
    spec: ProgramSpec,
    timeout: Duration,
    output_bytes_max: usize,
    cancel: &CancellationToken,
) -> Result<Finished, ProcessError> {
    run_observed(
        supervisor,
        spec,
        timeout,
        output_bytes_max,
        cancel,
        &mut |_| {},
    )
    .await
}

/// Like [`run_bounded`], passing each line to `on_line` as it arrives.
///
/// # Errors
/// Those of [`spawn`].
pub async fn run_observed(
    supervisor: &SupervisorProgram,
    spec: ProgramSpec,
    timeout: Duration,
    output_bytes_max: usize,
    cancel: &CancellationToken,
    on_line: &mut (dyn FnMut(&Line) + Send),
) -> Result<Finished, ProcessError> {
    let start = Instant::now();
    if cancel.is_cancelled() {
        let exit = Exit::NEVER_STARTED;
        return Ok(Finished {
            exit,
            output: String::new(),
            timed_out: false,
            cancelled: true,
            duration_ms: 0,
        });
    }
    let mut running = spawn(supervisor, spec).await?;
    let mut output = BoundedOutput::new(output_bytes_max);
    let (mut timed_out, mut cancelled) = (false, false);
    loop {
        let is_stopping = timed_out || cancelled;
        select! {
            line = running.next_line() => match line {
                Some(line) => {
                    on_line(&line);
                    keep(&mut output, &line);
                }
                None => break,
            },
            () = sleep_until(start + timeout), if !is_stopping => {
                timed_out = true;
                running.terminate().await;
            }
            () = cancel.cancelled(), if !is_stopping => {
                cancelled = true;
                running.terminate().await;
            }
        }
    }
    let exit = running.wait().await;
    let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    // A program that ended on its own at the very moment it should have been stopped was not
    // stopped.
    let (timed_out, cancelled) = (
        timed_out && exit.stopped_by_us,
        cancelled && exit.stopped_by_us,
    );
    Ok(Finished {
        exit,
        output: output.into_text(),
        timed_out,
        cancelled,
        duration_ms,
    })
}

fn keep(output: &mut BoundedOutput, line: &Line) {
    output.push(&line.text);
    output.push(if line.truncated {
        " … (line truncated)\n"
    } else {
        "\n"
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    struct Places {
        root: tempfile::TempDir,
    }

    impl Places {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            for name in ["bin", "more", "worktrees/one"] {
                fs::create_dir_all(root.path().join(name)).unwrap();
            }
            Self { root }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.root.path().join(name)
        }

        fn file(&self, name: &str, mode: u32) -> PathBuf {
            let path = self.at(name);
            fs::write(&path, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }

        fn resolve(&self, program: &str) -> Result<PathBuf, ProcessError> {
            let path = [
                PathBuf::from("relative"),
                self.at("bin"),
                self.at("more"),
                self.at("worktrees/one"),
            ];
            resolve(
                program,
                &std::env::join_paths(path).unwrap(),
                &[self.at("worktrees"), self.at("absent")],
            )
        }
    }

    #[test]
    fn the_first_executable_file_on_path_is_taken() {
        let places = Places::new();
        fs::create_dir(places.at("bin/tool")).unwrap();
        let tool = places.file("more/tool", 0o755);
        assert_eq!(places.resolve("tool").unwrap(), tool);
        let earlier = places.file("bin/other", 0o755);
        places.file("more/other", 0o755);
        assert_eq!(places.resolve("other").unwrap(), earlier);
        assert_eq!(places.resolve(tool.to_str().unwrap()).unwrap(), tool);
    }

    #[test]
    fn a_link_keeps_the_name_it_is_called_by() {
        let places = Places::new();
        let link = places.at("bin/cargo");
        symlink(places.file("more/rustup", 0o755), &link).unwrap();
        assert_eq!(places.resolve("cargo").unwrap(), link);
    }

    #[test]
    fn a_missing_program_names_where_it_was_looked_for() {
        let places = Places::new();
        let error = places.resolve("absent").unwrap_err().to_string();
        assert!(
            error.contains("`absent`") && error.contains(places.at("more").to_str().unwrap()),
            "{error}"
        );
        assert!(!error.contains("relative"), "{error}");
        assert!(matches!(
            places.resolve("/absent/tool"),
            Err(ProcessError::NotFound { .. })
        ));
        assert!(matches!(
            places.resolve(""),
            Err(ProcessError::NotFound { .. })
        ));
    }

    #[test]
    fn a_file_that_is_not_executable_is_not_reported_as_missing() {
        let places = Places::new();
        let plain = places.file("bin/plain", 0o644);
        assert!(
            matches!(places.resolve("plain"), Err(ProcessError::NotExecutable { path }) if path == plain)
        );
        let better = places.file("more/plain", 0o755);
        assert_eq!(places.resolve("plain").unwrap(), better);
    }

    #[test]
    fn a_program_in_a_worktree_is_refused_whichever_way_it_is_reached() {
        let places = Places::new();
        let planted = places.file("worktrees/one/planted", 0o755);
        symlink(&planted, places.at("bin/link")).unwrap();
        symlink(
            places.file("more/harmless", 0o755),
            places.at("worktrees/one/outward"),
        )
        .unwrap();
        symlink(places.at("worktrees/one"), places.at("way")).unwrap();
        let through_link = places.at("way/outward");
        for program in [
            "planted",
            "link",
            "outward",
            planted.to_str().unwrap(),
            through_link.to_str().unwrap(),
        ] {
            let refused = matches!(places.resolve(program), Err(ProcessError::Untrusted { .. }));
            assert!(refused, "{program}");
        }
    }

    #[test]
    fn a_relative_path_is_refused() {
        let places = Places::new();
        assert!(matches!(
            places.resolve("./tool"),
            Err(ProcessError::NotAbsolute { .. })
        ));
        assert!(matches!(
            places.resolve("bin/tool"),
            Err(ProcessError::NotAbsolute { .. })
        ));
    }

    #[test]
    fn exit_code_0_after_sigterm_is_not_success() {
        let exit = Exit {
            code: Some(0),
            stopped_by_us: false,
            ..Exit::NEVER_STARTED
        };
        assert!(exit.is_success());
        assert!(
            !Exit {
                stopped_by_us: true,
                ..exit
            }
            .is_success()
        );
        assert!(
            !Exit {
                supervisor_lost: true,
                ..exit
            }
            .is_success()
        );
        assert!(
            !Exit {
                code: Some(1),
                ..exit
            }
            .is_success()
        );
        assert!(!Exit { code: None, ..exit }.is_success());
    }
}
