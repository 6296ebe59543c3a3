//! The supervisor: a tiny process between the engine and one program that ends everything the
//! program started.
//!
//! ```text
//!             control socket (fd 0)                    ┌─ program ─┬─ its children
//!  engine ◄───────────────────────────► supervisor ────┤           └─ …
//!     ▲   header, stdin, commands ►          │          └─ orphans: adopted by the supervisor,
//!     │   ◄ started, exited                 │             which is their child subreaper
//!     └───────────── stdout, stderr ────────┴───── inherited by the program
//! ```
//!
//! It reports an exit only after every descendant is dead, on a socket that the program does not
//! have, so no output can forge it. When the socket closes, the engine is dead, and the supervisor
//! ends everything below it on its own. SIGINT, SIGTERM and SIGHUP do not end it: the engine
//! decides.
//!
//! The program is another file ([`run`]), or a fork of the supervisor itself ([`run_forked`]):
//! running a part of our own binary that must be killable then takes one start of the binary
//! instead of two.
//!
//! There is one per attempt, so it is small: no async runtime, no configuration, and it keeps only
//! input that the program has not read yet. It must not decide when to stop (the engine does),
//! print, or touch a file.
//!
//! ```text
//!  thread `reaper`  ──► Died ────────────────────────┐
//!  thread `control` ──► Terminate, Kill, EngineGone ─┴─► main: Running → Terminating → Killing → report
//! ```

use crate::process_table::{self, Entry};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, kill_process_group, wait, waitid,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long the program may take to stop when the engine is gone and nobody reads its output.
pub(super) const ENGINE_GONE_GRACE: Duration = Duration::from_secs(2);

/// How long killing may take. Only a process that hangs in the kernel (a dead network disk) or
/// forks faster than it is killed lives longer; waiting for it would block the attempt forever, so
/// it is reported as left.
pub(super) const KILL_TIME_MAX: Duration = Duration::from_secs(30);

/// How often survivors are looked for while killing, in addition to each death: reading `/proc` is
/// not a snapshot, and a process that forks meanwhile can be missed.
const KILL_ROUND: Duration = Duration::from_millis(50);

/// More than any kernel accepts as arguments and environment (2 MiB by default), encoded as JSON.
const HEADER_BYTES_MAX: u64 = 32 << 20;

/// A command of the engine, on its own line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Command {
    /// Send more input to a forked program, or to one whose standard input stays open.
    Feed(String),
    /// Close that input.
    CloseStdin,
    /// Ask the program and its group to stop, and kill everything that is left after this many
    /// milliseconds.
    Terminate { grace_ms: u64 },
    /// Kill everything now.
    Kill,
}

/// The first line from the engine, followed by `n_stdin_bytes` bytes for the program. Strings are
/// byte sequences (as `OsString` serializes), because names and arguments need not be text.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) directory: OsString,
    pub(super) n_stdin_bytes: usize,
    pub(super) stdin_stays_open: bool,
    pub(super) stop_signal: StopSignal,
}

/// How a program is asked to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopSignal {
    /// SIGTERM.
    #[default]
    Terminate,
    /// SIGINT.
    Interrupt,
}

/// A line to the engine: first `Started` or `FailedToStart`, finally `Exited`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SupervisorMessage {
    Started {
        pid: i32,
    },
    FailedToStart(String),
    Exited {
        code: Option<i32>,
        signal: Option<i32>,
        was_stopped: bool,
        n_killed_stragglers: u32,
        n_left: u32,
    },
}

/// Runs the supervisor on the control socket, which is its standard input, until its program and
/// all descendants are dead.
///
/// Must be called first in `main`, before any thread is started: this is the hidden mode of the
/// binary.
#[must_use]
pub fn run() -> ExitCode {
    // Nobody would read a message: the engine sees the socket close without a report.
    supervise().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// Like [`run`], for a program that is a function of this binary and reads the engine's input on
/// standard input. It runs in a fork of this process, with its environment, and exits with the code
/// that the function returns.
///
/// Must be called before any thread is started, because a fork only has the calling thread.
#[must_use]
pub fn run_forked(program: fn() -> i32) -> ExitCode {
    supervise_fork(program).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn supervise() -> io::Result<()> {
    let socket = control_socket()?;
    let mut control = BufReader::new(socket.try_clone()?);
    outlive_the_program()?;
    let header = read_header(&mut control)?;
    let stdin = read_stdin(&mut control, header.n_stdin_bytes)?;
    let (program, more) = match start(&header, stdin) {
        Ok(started) => started,
        Err(reason) => return report(&socket, &SupervisorMessage::FailedToStart(reason)),
    };
    let stop_signal = header.stop_signal;
    drop(header);
    watch(program, stop_signal, &socket, control, more)
}

fn supervise_fork(program: fn() -> i32) -> io::Result<()> {
    let socket = control_socket()?;
    outlive_the_program()?;
    let (stdin, more) = io::pipe()?;
    let supervisor = std::process::id();
    let Some(forked) = fork()? else {
        // Only the supervisor may hold the engine's socket: the engine notices the supervisor's
        // death when it closes.
        drop((socket, more));
        let code = begin_forked(supervisor, &stdin).map_or(1, |()| program());
        std::process::exit(code);
    };
    drop(stdin);
    let more = feed(more, Vec::new())?;
    let control = BufReader::new(socket.try_clone()?);
    watch(forked, StopSignal::Terminate, &socket, control, Some(more))
}

fn control_socket() -> io::Result<UnixStream> {
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Reports that the program runs and, once everything it started is dead, how it ended.
fn watch(
    program: Pid,
    stop_signal: StopSignal,
    socket: &UnixStream,
    control: BufReader<UnixStream>,
    more: Option<More>,
) -> io::Result<()> {
    let pid = program.as_raw_pid();
    // If the engine is gone by now, the control thread will notice.
    let _ = report(socket, &SupervisorMessage::Started { pid });
    let exited = Watch::new(program, stop_signal, listen(control, more)?).until_all_are_dead();
    report(socket, &exited)
}

/// The signals that end most programs, but not the supervisor.
const SURVIVED: [i32; 4] = [
    signal_hook::consts::SIGHUP,
    signal_hook::consts::SIGINT,
    signal_hook::consts::SIGQUIT,
    signal_hook::consts::SIGTERM,
];

/// Makes this process adopt orphans, ignore signals that do not come from the engine, and
/// inaccessible to the program.
fn outlive_the_program() -> io::Result<()> {
    for signal in SURVIVED {
        // A handler that does nothing, because the program would inherit "ignore".
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{
            DumpableBehavior, getpid, set_child_subreaper, set_dumpable_behavior,
        };
        set_child_subreaper(Some(getpid()))?;
        // Prevents core dumps, which would contain the environment, and keeps other processes from
        // taking the control socket.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    Ok(())
}

fn read_header(control: &mut impl BufRead) -> io::Result<Header> {
    let mut line = Vec::new();
    control
        .take(HEADER_BYTES_MAX)
        .read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

fn read_stdin(control: &mut impl BufRead, n_bytes: usize) -> io::Result<Vec<u8>> {
    let mut stdin = vec![0; n_bytes];
    control.read_exact(&mut stdin)?;
    Ok(stdin)
}

fn report(mut socket: &UnixStream, report: &SupervisorMessage) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    socket.write_all(&line)
}

/// Sends bytes to the program's standard input, which is closed when this is dropped.
type More = Sender<Vec<u8>>;

/// Starts the program in its own session, so that Ctrl-C in a terminal does not reach it. Returns
/// its process id, and its standard input if that stays open.
///
/// # Errors
/// The reason it could not start, as text.
fn start(header: &Header, stdin: Vec<u8>) -> Result<(Pid, Option<More>), String> {
    let has_no_stdin = stdin.is_empty() && !header.stdin_stays_open;
    let mut program = command(header, has_no_stdin).spawn().map_err(|error| {
        let directory = header.directory.display();
        // The operating system's "not found" does not say whether the program or the directory is
        // missing.
        match std::fs::metadata(&header.directory) {
            Ok(metadata) if metadata.is_dir() => error.to_string(),
            Ok(_) => format!("`{directory}` is not a directory"),
            Err(error) => format!("directory `{directory}`: {error}"),
        }
    })?;
    let mut more = None;
    if let Some(pipe) = program.stdin.take() {
        let fed = feed(pipe, stdin);
        let fed = fed
            .map_err(|error| format!("failed to start a thread for its standard input: {error}"))?;
        more = Some(fed).filter(|_| header.stdin_stays_open);
    }
    let pid = i32::try_from(program.id()).ok().and_then(Pid::from_raw);
    Ok((pid.expect("a process id is positive and fits"), more))
}

/// Forks this process; returns `None` in the child.
fn fork() -> io::Result<Option<Pid>> {
    #[expect(
        unsafe_code,
        reason = "a fork continues with this binary; `Command` would start it again"
    )]
    // SAFETY: this process has one thread (see `run_forked`), so no other thread can hold a lock
    // that the child needs.
    let forked = unsafe { libc::fork() };
    match forked {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Prepares a forked process like a started one: with its own session, killed with the supervisor,
/// and with the default signal handlers and standard input of a program.
fn begin_forked(supervisor: u32, stdin: &impl AsRawFd) -> io::Result<()> {
    leave_terminal_and_die_with(supervisor)?;
    for signal in SURVIVED {
        #[expect(unsafe_code, reason = "the standard library cannot reset handlers")]
        // SAFETY: the default action does not run our code.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    // The engine finds leftover processes by their environment, which cannot be read if a process
    // is not dumpable.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)?;
    #[expect(unsafe_code, reason = "the standard library has no `dup2`")]
    // SAFETY: both descriptors are open, and nothing else owns that of standard input.
    let replaced = unsafe { libc::dup2(stdin.as_raw_fd(), libc::STDIN_FILENO) };
    match replaced {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the supervisor starts the program on behalf of `autoissue_process`"
)]
fn command(header: &Header, has_no_stdin: bool) -> std::process::Command {
    let mut command = std::process::Command::new(&header.program);
    command
        .args(&header.args)
        .current_dir(&header.directory)
        .env_clear();
    command.envs(header.env.iter().map(|(name, value)| (name, value)));
    command.stdin(if has_no_stdin {
        Stdio::null()
    } else {
        Stdio::piped()
    });
    let supervisor = std::process::id();
    #[expect(
        unsafe_code,
        reason = "a session and a death signal can only be set between fork and exec"
    )]
    // SAFETY: the closure runs in the forked child and only makes system calls; it neither
    // allocates nor locks.
    unsafe {
        command.pre_exec(move || leave_terminal_and_die_with(supervisor));
    }
    command
}

fn leave_terminal_and_die_with(supervisor: u32) -> io::Result<()> {
    rustix::process::setsid()?;
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The supervisor may have died before the signal was set.
    if std::os::unix::process::parent_id() != supervisor {
        return Err(rustix::io::Errno::SRCH.into());
    }
    Ok(())
}

/// Writes `stdin` to the program, which may be slow or never read it, and then everything that
/// arrives through the returned sender while it exists.
fn feed(mut pipe: impl Write + Send + 'static, stdin: Vec<u8>) -> io::Result<More> {
    let (sender, more) = channel::<Vec<u8>>();
    // A program may end or close its stdin without reading everything.
    thread::Builder::new()
        .name("feeder".to_owned())
        .spawn(move || {
            pipe.write_all(&stdin).is_ok() && more.iter().all(|it| pipe.write_all(&it).is_ok())
        })?;
    Ok(sender)
}

/// Messages of the two listening threads.
enum SupervisorEvent {
    Died {
        pid: Pid,
        status: WaitStatus,
        was_last: bool,
    },
    Terminate(Duration),
    Kill,
    EngineGone,
}

/// Starts both threads. They end with the process.
fn listen(
    control: BufReader<UnixStream>,
    more: Option<More>,
) -> io::Result<Receiver<SupervisorEvent>> {
    let (events, receiver) = channel();
    let reaper_events = events.clone();
    thread::Builder::new()
        .name("reaper".to_owned())
        .spawn(move || reap(&reaper_events))?;
    thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || obey(control, more, &events))?;
    Ok(receiver)
}

/// Reaps every child until there is none. Because this process adopts orphans, "no child" means "no
/// descendant".
fn reap(events: &Sender<SupervisorEvent>) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                let was_last = has_no_child();
                if events
                    .send(SupervisorEvent::Died {
                        pid,
                        status,
                        was_last,
                    })
                    .is_err()
                    || was_last
                {
                    return;
                }
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

fn has_no_child() -> bool {
    let look_only = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::All, look_only).is_err_and(|error| error == rustix::io::Errno::CHILD)
}

fn obey(control: BufReader<UnixStream>, mut more: Option<More>, events: &Sender<SupervisorEvent>) {
    for line in control.lines().map_while(Result::ok) {
        let message = match serde_json::from_str(&line) {
            Ok(Command::Feed(text)) => {
                // A program that no longer reads has ended, or will be ended.
                let _ = more.as_ref().map(|more| more.send(text.into_bytes()));
                continue;
            }
            Ok(Command::CloseStdin) => {
                more = None;
                continue;
            }
            Ok(Command::Terminate { grace_ms }) => {
                SupervisorEvent::Terminate(Duration::from_millis(grace_ms))
            }
            Ok(Command::Kill) => SupervisorEvent::Kill,
            // The engine is the same build, so other commands do not exist.
            Err(_) => continue,
        };
        if events.send(message).is_err() {
            return;
        }
    }
    // If the program ended at the same moment, nobody listens any more.
    let _ = events.send(SupervisorEvent::EngineGone);
}

#[derive(Clone, Copy)]
enum Phase {
    Running,
    Terminating { until: Instant },
    Killing { until: Instant },
}

/// Watches one program from its start to the death of its last descendant.
struct Watch {
    program: Pid,
    stop_signal: StopSignal,
    events: Receiver<SupervisorEvent>,
    phase: Phase,
    ended: Option<WaitStatus>,
    was_stopped: bool,
    /// Everything that was killed besides the program: process id and start time, because ids are
    /// reused.
    stragglers: BTreeSet<(i32, u64)>,
}

impl Watch {
    fn new(program: Pid, stop_signal: StopSignal, events: Receiver<SupervisorEvent>) -> Self {
        let stragglers = BTreeSet::new();
        Self {
            program,
            stop_signal,
            events,
            phase: Phase::Running,
            ended: None,
            was_stopped: false,
            stragglers,
        }
    }

    fn until_all_are_dead(mut self) -> SupervisorMessage {
        loop {
            match self.next() {
                Ok(SupervisorEvent::Died {
                    pid,
                    status,
                    was_last,
                }) => {
                    self.died(pid, status, was_last);
                    if was_last {
                        return self.exited(0);
                    }
                }
                Ok(SupervisorEvent::Terminate(grace)) => self.terminate(grace),
                Ok(SupervisorEvent::EngineGone) => self.terminate(ENGINE_GONE_GRACE),
                Ok(SupervisorEvent::Kill) => self.stop_by_killing(),
                Err(RecvTimeoutError::Timeout) => match self.phase {
                    Phase::Killing { until } if until <= Instant::now() => {
                        return self.exited(self.n_living());
                    }
                    Phase::Killing { .. } => self.kill_round(),
                    Phase::Running | Phase::Terminating { .. } => self.stop_by_killing(),
                },
                Err(RecvTimeoutError::Disconnected) => return self.exited(self.n_living()),
            }
        }
    }

    fn next(&self) -> Result<SupervisorEvent, RecvTimeoutError> {
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        match self.phase {
            Phase::Running => self
                .events
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
            Phase::Terminating { until } => self.events.recv_timeout(left(until)),
            Phase::Killing { until } => self.events.recv_timeout(left(until).min(KILL_ROUND)),
        }
    }

    fn died(&mut self, pid: Pid, status: WaitStatus, was_last: bool) {
        if pid == self.program {
            self.ended = Some(status);
        }
        if self.ended.is_some() && !(was_last && process_table::IS_COMPLETE) {
            self.start_killing();
        } else if let Phase::Killing { .. } = self.phase {
            // By now this process has adopted its children.
            self.kill_round();
        }
    }

    /// Asks the program and its group to stop, and kills everything after `grace`. A grace shorter
    /// than the running one replaces it.
    fn terminate(&mut self, grace: Duration) {
        let asked = Instant::now() + grace;
        match self.phase {
            Phase::Running => {
                self.was_stopped = true;
                self.phase = Phase::Terminating { until: asked };
                self.signal_group(match self.stop_signal {
                    StopSignal::Terminate => Signal::TERM,
                    StopSignal::Interrupt => Signal::INT,
                });
            }
            Phase::Terminating { until } => {
                self.phase = Phase::Terminating {
                    until: until.min(asked),
                }
            }
            Phase::Killing { .. } => {}
        }
    }

    fn stop_by_killing(&mut self) {
        self.was_stopped |= self.ended.is_none();
        self.start_killing();
    }

    fn start_killing(&mut self) {
        if !matches!(self.phase, Phase::Killing { .. }) {
            self.phase = Phase::Killing {
                until: Instant::now() + KILL_TIME_MAX,
            };
        }
        self.kill_round();
    }

    /// Kills everything that is still alive. Groups go first: killing a fork bomb one by one would
    /// let it replace its members.
    fn kill_round(&mut self) {
        let survivors = self.survivors();
        // Once the program is reaped, its process id may be reused; but without a table there is no
        // other way to reach the rest.
        if self.ended.is_none() || !process_table::IS_COMPLETE {
            self.signal_group(Signal::KILL);
        }
        let own_group = rustix::process::getpgrp().as_raw_pid();
        let groups: BTreeSet<i32> = survivors
            .iter()
            .map(|it| it.group)
            .filter(|it| *it != own_group)
            .collect();
        for group in groups.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        survivors.iter().for_each(process_table::kill);
        let program = self.program.as_raw_pid();
        let stragglers = survivors
            .iter()
            .filter(|it| it.pid != program && !it.is_zombie);
        self.stragglers
            .extend(stragglers.map(|it| (it.pid, it.started)));
    }

    fn survivors(&self) -> Vec<Entry> {
        process_table::descendants_of(rustix::process::getpid().as_raw_pid())
    }

    fn n_living(&self) -> usize {
        self.survivors().iter().filter(|it| !it.is_zombie).count()
    }

    /// Signals the program and its group, which it leads and cannot leave. A failure means that the
    /// group is empty.
    fn signal_group(&self, signal: Signal) {
        let _ = kill_process_group(self.program, signal);
    }

    fn exited(&self, n_left: usize) -> SupervisorMessage {
        SupervisorMessage::Exited {
            code: self.ended.and_then(WaitStatus::exit_status),
            signal: self.ended.and_then(WaitStatus::terminating_signal),
            was_stopped: self.was_stopped,
            n_killed_stragglers: u32::try_from(self.stragglers.len()).unwrap_or(u32::MAX),
            n_left: u32::try_from(n_left).unwrap_or(u32::MAX),
        }
    }
}
