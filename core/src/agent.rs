//! Runs one attempt's agent: starts the backend's program, shows and keeps its output, and reports
//! how it ended.
//!
//! ```text
//!   backend.start ─► command ─► process ─► lines ─┬─► transcript (bounded file)
//!                                                 └─► backend ─► events ─► Reading ─► AgentReport
//!                                                                   └─► Seen: a line to show, money spent so far
//! ```
//!
//! The agent's claims go into the report and no further: an end is good only if the backend read a
//! result without an error before anybody stopped the agent, and the program then exited with code
//! 0 or had to be stopped by us.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoissue_engine::{AgentReport, Ended, Failure, Spent, Time, Usd};
use autoissue_plugin_host::is_shell;
use autoissue_plugin_sdk::built_in::BuiltInAgent;
use autoissue_plugin_sdk::{
    AgentBackend, AgentEvent, AgentRun, AgentTask, CommandSpec, Exit as SdkExit, InputFile,
    LimitEnd, Line as SdkLine, Metering, PassedVariable, PluginError, ProgramInfo,
    Source as SdkSource, StopReason, StopSignal as SdkStopSignal,
};
use autoissue_process::{
    Exit, Line, ProcessError, ProgramSpec, Running, STDIN_BYTES_MAX, Source, Stdin, StopSignal,
    SupervisorProgram, TERMINATE_GRACE, error_chain, resolve,
};
use autoissue_secret::redaction::Redaction;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::built_in;
use crate::wall_clock::wall_clock_ms;

/// Bytes of a transcript that are kept. If an agent prints more, its output is still read, because
/// its end matters.
const TRANSCRIPT_BYTES_MAX: u64 = 64 << 20;
/// How often a transcript is flushed while an agent prints, because other processes show it.
const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// How long a pipe must be quiet before an agent is stopped because of its budget: a result that is
/// in the pipe already counts.
const QUIET: Duration = Duration::from_millis(250);
/// How long a pipe is read at most before an agent is stopped because of its budget.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);
/// How long a program may take to exit after its final result and its grace period.
const TERMINATE_AFTER_RESULT: Duration = Duration::from_secs(2);
/// A run never costs this much, US dollars: a backend that reports more is wrong.
const COST_USD_MAX: f64 = 1e6;
/// How many denied tools a report names; more would not add information.
const N_DENIED_MAX: usize = 20;
/// How many notes for the operator a report contains.
const N_NOTES_MAX: usize = 5;
/// How much of a line is searched for the texts that make it noise, in bytes.
const NOISE_HEAD_BYTES: usize = 200;
/// Longest id of an agent's session; a UUID has 36 bytes.
const SESSION_ID_BYTES_MAX: usize = 128;
/// Bytes of an agent's summary that are kept.
const SUMMARY_BYTES_MAX: usize = 16 << 10;
/// Bytes of the last line on standard error that become part of a failure.
const COMPLAINT_BYTES_MAX: usize = 500;
/// The program name that stands for our own binary.
pub const OWN_PROGRAM: &str = "autoissue";

/// How to run an agent.
pub struct Launch {
    /// The task, as the backend gets it.
    pub task: AgentTask,
    /// Where the agent works.
    pub directory: PathBuf,
    /// Where programs are searched for.
    pub path: OsString,
    /// Directories that agents write to: programs are never started from there.
    pub outside: Vec<PathBuf>,
    /// Our own binary.
    pub own_program: PathBuf,
    /// The environment, without the variables that the backend sets.
    pub env: Vec<(OsString, OsString)>,
    /// Variables of it that the user passes to every agent; others of the backend's own are only
    /// passed as the command says.
    pub user_env: Vec<String>,
    /// The tag by which leftover processes are found.
    pub tag: String,
    /// File that the transcript is written to.
    pub transcript: PathBuf,
    /// How long the agent may take.
    pub timeout: Duration,
    /// How long the agent may be silent.
    pub stall: Duration,
    /// How long its program may stay alive after its final result, or after it was stopped because
    /// of its budget or a timeout.
    pub grace: Duration,
}

/// An observation while the agent runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A line to show.
    Line(String),
    /// Its costs so far.
    Spent(Usd),
}

/// What is wanted of a running agent; later values are stronger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgentControl {
    /// Continue.
    #[default]
    Continue,
    /// Stop, because its budget is used up.
    StopForBudget,
    /// Stop, because the session stops.
    Stop,
    /// Kill it.
    Kill,
}

/// Runs the agent to its end. Returns its report, and its last words if an answer was requested.
///
/// # Errors
/// Returns the failure if the agent could not be started; it has cost nothing then.
pub async fn run(
    supervisor: &SupervisorProgram,
    backend: &dyn AgentBackend,
    order: Launch,
    mut control: watch::Receiver<AgentControl>,
    mut on_seen: impl FnMut(Seen) + Send,
) -> Result<(AgentReport, Option<String>), Failure> {
    let info = backend.probe(&order.task.settings).map_err(refused)?;
    check_repository_settings(&info, &order)?;
    let (reader, command) = backend.start(&order.task).map_err(refused)?;
    let mut transcript =
        Transcript::create(&order.transcript, noise(&info)).map_err(|source| Failure::Crash {
            message: format!(
                "failed to write the transcript `{}`: {source}",
                order.transcript.display()
            ),
        })?;
    let files = InputFiles::write(&order, &command.files)?;
    let spec = program_spec(&order, &info.environment, &files, command)?;
    let is_input_open = spec.stdin.stays_open;
    let started = Instant::now();
    let running = autoissue_process::spawn(supervisor, spec)
        .await
        .map_err(|error| not_started(&error))?;
    let mut agent = Conversation {
        running,
        reader,
        reading: Reading::default(),
        redaction: &supervisor.redaction,
        is_input_open,
        n_sent_bytes: 0,
        wants_stop: false,
    };
    let mut why = Watch::new(started, &order);
    loop {
        let action = select! {
            line = agent.running.next_line() => {
                let Some(line) = line else { break };
                transcript.keep(&line);
                agent.reading.note_complaint(&line);
                let events = agent.reader.on_lines(&[sdk_line(&line)]);
                agent.take(events, &mut on_seen).await;
                match why.heard(&agent.reading) {
                    Action::Continue if agent.wants_stop => why.backend_wants_stop(),
                    action => action,
                }
            }
            () = sleep_until(why.deadline()), if why.has_deadline() => why.late(),
            changed = control.changed() => {
                // If the sender is gone, nobody wants anything more.
                let wanted = if changed.is_ok() { *control.borrow_and_update() } else { AgentControl::Kill };
                why.wanted(wanted)
            }
        };
        match action {
            Action::Continue => {}
            Action::Stop { reason, within } => {
                if agent.asked_to_stop(reason, &mut on_seen).await {
                    why.signal_later(within);
                } else {
                    agent.running.terminate_within(within).await;
                }
            }
            Action::Signal { within } => agent.running.terminate_within(within).await,
            Action::Kill => agent.running.kill().await,
        }
    }
    let exit = agent.running.wait().await;
    let is_metered = info.metering == Metering::AsItGoes;
    let was_silent = !agent.reading.has_spoken && why.stopped.is_none();
    let mut ended = SdkExit::default();
    (ended.code, ended.signal) = (exit.code, exit.signal);
    ended.stopped = why.stopped.as_ref().map(Stopped::reason);
    let events = agent.reader.on_exit(ended);
    agent.take(events, &mut on_seen).await;
    transcript.finish();
    drop(files);
    let mut reading = agent.reading;
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let answer = reading.answer.take().or(reading.last_words.take());
    let was_free = reading.was_free(is_metered, was_silent);
    let mut report = reading.report(why.stopped, exit, duration_ms);
    if was_free && report.spent == Spent::Unknown {
        report.spent = Spent::Known(Usd::ZERO);
    }
    Ok((report, answer))
}

/// A running program, and the backend that reads and answers it.
struct Conversation<'a> {
    running: Running,
    reader: Box<dyn AgentRun>,
    reading: Reading,
    redaction: &'a Redaction,
    is_input_open: bool,
    n_sent_bytes: usize,
    /// Whether the backend wants the program to end.
    wants_stop: bool,
}

impl Conversation<'_> {
    /// Does what events say, in order.
    async fn take(&mut self, events: Vec<AgentEvent>, on_seen: &mut impl FnMut(Seen)) {
        for event in events {
            match event {
                AgentEvent::Send(_) if !self.is_input_open => {
                    tracing::warn!("the agent backend writes to an input that is not open");
                }
                AgentEvent::Send(text) => {
                    self.n_sent_bytes = self.n_sent_bytes.saturating_add(text.len());
                    if STDIN_BYTES_MAX < self.n_sent_bytes {
                        self.is_input_open = false;
                        let message = "the agent backend sent its program more than 64 MiB";
                        self.reading
                            .take(AgentEvent::Failed(message.to_owned()), on_seen);
                        self.running.kill().await;
                    } else {
                        self.running.feed(text).await;
                    }
                }
                AgentEvent::CloseInput => {
                    self.is_input_open = false;
                    self.running.close_stdin().await;
                }
                AgentEvent::Stop => {
                    self.wants_stop = true;
                    self.reading.is_sealed = true;
                }
                event => self.reading.take(hidden(self.redaction, event), on_seen),
            }
        }
    }

    /// Asks the backend to make the program stop by itself; returns whether it tries.
    async fn asked_to_stop(&mut self, reason: StopReason, on_seen: &mut impl FnMut(Seen)) -> bool {
        let events = self.reader.on_stop(reason);
        let speaks =
            |event: &AgentEvent| matches!(event, AgentEvent::Send(_) | AgentEvent::CloseInput);
        let is_told = self.is_input_open && events.iter().any(speaks);
        self.take(events, on_seen).await;
        is_told
    }
}

/// Refuses to run a program that would obey files in the work tree. An earlier attempt may have
/// written them, at the word of a stranger's issue.
fn check_repository_settings(info: &ProgramInfo, order: &Launch) -> Result<(), Failure> {
    let exists = |path: &String| order.directory.join(path).symlink_metadata().is_ok();
    match repository_settings(info).into_iter().find(exists) {
        Some(path) if !order.task.repository_settings => Err(Failure::Validation {
            message: format!(
                "the work tree contains `{path}`, which could make `{}` run commands or send keys elsewhere; \
                 remove it, or set `agent.repositorySettings` to true if you trust everyone who can change it",
                info.program
            ),
        }),
        _ => Ok(()),
    }
}

/// Returns the files of a repository that the program of a backend would obey. A built-in backend is
/// asked too, because a plugin may run the same program.
pub(crate) fn repository_settings(info: &ProgramInfo) -> Vec<String> {
    let built_in = built_in::agent_that_runs(&info.program).and_then(BuiltInAgent::info);
    let mut paths = info.repository_settings.clone();
    paths.extend(built_in.into_iter().flat_map(|it| it.repository_settings));
    paths
}

fn refused(error: PluginError) -> Failure {
    match error {
        PluginError::Unavailable(message) => Failure::Crash { message },
        PluginError::InvalidSettings(message)
        | PluginError::InvalidInput(message)
        | PluginError::Internal(message) => Failure::Validation { message },
        other => Failure::Validation {
            message: other.to_string(),
        },
    }
}

fn not_started(error: &ProcessError) -> Failure {
    let message = error_chain(error);
    match error {
        // A program may be missing for a moment while its updater replaces it.
        ProcessError::NotFound { .. } | ProcessError::NotExecutable { .. } => Failure::Crash {
            message: format!("{message}; install it, or wait until its update has finished"),
        },
        ProcessError::Supervisor { .. } | ProcessError::FailedToStart { .. } => {
            Failure::Crash { message }
        }
        ProcessError::NotAbsolute { .. }
        | ProcessError::Untrusted { .. }
        | ProcessError::Shell { .. }
        | ProcessError::TooMuchInput { .. } => Failure::Validation { message },
    }
}

/// Returns the directory for the input files of an attempt.
pub(crate) fn files_directory(transcript: &Path) -> PathBuf {
    transcript.with_extension("input")
}

/// The files that a command gets as input, in a directory of their own, which is removed when this
/// is dropped.
struct InputFiles {
    directory: Option<PathBuf>,
    /// The placeholder of each, and its path.
    paths: Vec<(String, PathBuf)>,
}

impl InputFiles {
    fn write(order: &Launch, files: &[InputFile]) -> Result<Self, Failure> {
        let mut written = Self {
            directory: None,
            paths: Vec::new(),
        };
        if files.is_empty() {
            return Ok(written);
        }
        let directory = files_directory(&order.transcript);
        written.directory = Some(directory.clone());
        let failed = |source: io::Error| Failure::Crash {
            message: format!(
                "failed to write the input files in `{}`: {source}",
                directory.display()
            ),
        };
        // A process that died may have left it.
        let _ = std::fs::remove_dir_all(&directory);
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&directory)
            .map_err(failed)?;
        for InputFile { name, content, .. } in files {
            let path = directory.join(name);
            let mut options = File::options();
            options.write(true).create_new(true).mode(0o600);
            options
                .open(&path)
                .and_then(|mut file| file.write_all(content.as_bytes()))
                .map_err(failed)?;
            written.paths.push((format!("{{{name}}}"), path));
        }
        Ok(written)
    }

    /// Replaces placeholders by paths. What replaces one is not searched again.
    fn fill_in(&self, text: &str) -> OsString {
        let mut filled = OsString::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at(at);
            filled.push(before);
            let found = self.paths.iter().find_map(|(placeholder, path)| {
                Some((path, from.strip_prefix(placeholder.as_str())?))
            });
            rest = match found {
                Some((path, after)) => {
                    filled.push(path);
                    after
                }
                None => {
                    filled.push("{");
                    &from[1..]
                }
            };
        }
        filled.push(rest);
        filled
    }
}

impl Drop for InputFiles {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            // It is in the directory of the session, which is removed as a whole later.
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

/// `declared` are the variables that the backend may see or set.
fn program_spec(
    order: &Launch,
    declared: &[String],
    files: &InputFiles,
    command: CommandSpec,
) -> Result<ProgramSpec, Failure> {
    let program = if command.program == OWN_PROGRAM {
        order.own_program.clone()
    } else {
        find_program(&command.program, &order.path, &order.outside)
            .map_err(|error| not_started(&error))?
    };
    let mut env = passed_env(order, declared, &command.pass_env);
    env.extend(
        command
            .env
            .into_iter()
            .map(|(name, value)| (name.into(), files.fill_in(&value))),
    );
    Ok(ProgramSpec {
        program,
        args: command
            .args
            .into_iter()
            .map(|arg| files.fill_in(&arg))
            .collect(),
        env,
        directory: order.directory.clone(),
        stdin: Stdin {
            bytes: command.stdin.into_bytes(),
            stays_open: command.keep_stdin_open,
        },
        stop_signal: match command.stop_signal {
            SdkStopSignal::Interrupt => StopSignal::Interrupt,
            _ => StopSignal::Terminate,
        },
        tag: order.tag.clone(),
    })
}

/// Returns the environment of the program: that of agents, of which the backend's own variables
/// are only those that its command passes, by the name that it wants.
fn passed_env(
    order: &Launch,
    declared: &[String],
    passed: &[PassedVariable],
) -> Vec<(OsString, OsString)> {
    let is_withheld = |name: &OsStr| {
        declared.iter().any(|it| name == it.as_str())
            && !order.user_env.iter().any(|it| name == it.as_str())
    };
    let mut env: Vec<_> = order
        .env
        .iter()
        .filter(|(name, _)| !is_withheld(name))
        .cloned()
        .collect();
    for variable in passed {
        let value = order
            .env
            .iter()
            .find(|(name, _)| name == variable.name.as_str());
        env.extend(value.map(|(_, value)| (variable.seen_as().into(), value.clone())));
    }
    env
}

/// Finds the program of a backend. A shell under another name is still a shell; a copy of one is not
/// recognised.
///
/// # Errors
/// As [`resolve`], and [`ProcessError::Shell`].
pub(crate) fn find_program(
    program: &str,
    path: &OsStr,
    outside: &[PathBuf],
) -> Result<PathBuf, ProcessError> {
    let found = resolve(program, path, outside)?;
    let real = found.canonicalize().unwrap_or_else(|_| found.clone());
    if real.file_name().is_some_and(is_shell) {
        return Err(ProcessError::Shell {
            program: program.to_owned(),
            path: real,
        });
    }
    Ok(found)
}

fn sdk_line(line: &Line) -> SdkLine {
    let source = match line.source {
        Source::Stdout => SdkSource::Stdout,
        Source::Stderr => SdkSource::Stderr,
    };
    let mut given = SdkLine::stdout(&line.text).truncated(line.truncated);
    given.source = source;
    given
}

/// Why we stopped the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stopped {
    Budget,
    Interrupted,
    TimedOut {
        message: String,
        reason: StopReason,
    },
    /// It had given its final result and stayed alive: the result counts.
    AfterItsResult,
}

impl Stopped {
    fn reason(&self) -> StopReason {
        match self {
            Self::Budget => StopReason::Budget,
            Self::Interrupted => StopReason::Interrupt,
            Self::TimedOut { reason, .. } => *reason,
            Self::AfterItsResult => StopReason::Finished,
        }
    }
}

/// What to do with the program now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Continue,
    /// Ask it to stop, by its backend if that knows a way, and kill it after this time.
    Stop {
        reason: StopReason,
        within: Duration,
    },
    /// It was asked by its backend, and has not stopped: signal it.
    Signal {
        within: Duration,
    },
    Kill,
}

/// Watches time limits and requests to stop.
///
/// ```text
///   working ── final result ──► has ended ── grace over, or a stop ──► stopped, and the result counts
///     │ └─ budget used up ─► drained ── quiet ──► stopped ── the meter rises ──► killed
///     └─ timeout, silence, interrupt ──► stopped
///
///   stopped ── its backend tells it ──► grace over ──► signalled
///           └─ no way to tell it ──────────────────► signalled ── grace over ──► killed
/// ```
struct Watch {
    started: Instant,
    heard: Instant,
    timeout: Duration,
    stall: Duration,
    grace: Duration,
    /// When the final result arrived.
    ended: Option<Instant>,
    /// When the budget was found to be used up: output that is already in the pipe is read first.
    drained: Option<Instant>,
    /// The costs when it was stopped because of its budget.
    spent_at_stop: Option<Usd>,
    stopped: Option<Stopped>,
    /// When it gets its signal, after its backend told it to stop, and what it then has left.
    signal: Option<(Instant, Duration)>,
}

impl Watch {
    fn new(started: Instant, order: &Launch) -> Self {
        Self {
            started,
            heard: started,
            timeout: order.timeout,
            stall: order.stall,
            grace: order.grace,
            ended: None,
            drained: None,
            spent_at_stop: None,
            stopped: None,
            signal: None,
        }
    }

    /// Records that a line arrived, and what has been read so far.
    fn heard(&mut self, reading: &Reading) -> Action {
        self.heard = Instant::now();
        self.ended = match self.ended {
            _ if !reading.is_final => None,
            ended => ended.or(Some(self.heard)),
        };
        let spent = reading.seen.unwrap_or_default();
        if self.stopped.is_none() || self.signal.is_some() {
            // An agent that was told to stop may still report what it has spent.
            self.spent_at_stop = Some(spent);
        } else if self.stopped == Some(Stopped::Budget)
            && self.spent_at_stop.is_some_and(|at_stop| at_stop < spent)
        {
            return Action::Kill;
        }
        Action::Continue
    }

    fn has_deadline(&self) -> bool {
        self.stopped.is_none() || self.signal.is_some()
    }

    fn deadline(&self) -> Instant {
        if let Some((at, _)) = self.signal {
            return at;
        }
        match (self.ended, self.drained) {
            (Some(ended), None) => ended + self.grace,
            (Some(ended), Some(since)) => (ended + self.grace).min(since + QUIET),
            (None, Some(since)) => (since + DRAIN_TIME_MAX).min(self.heard.max(since) + QUIET),
            (None, None) => (self.started + self.timeout).min(self.heard + self.stall),
        }
    }

    fn late(&mut self) -> Action {
        if let Some((_, within)) = self.signal.take() {
            return Action::Signal { within };
        }
        if self.ended.is_some() {
            return self.stop(Stopped::AfterItsResult, TERMINATE_AFTER_RESULT);
        }
        if self.drained.is_some() {
            return self.stop(Stopped::Budget, self.grace);
        }
        let (message, reason) = if self.started + self.timeout <= Instant::now() {
            let message = format!("the agent took longer than {}", in_words(self.timeout));
            (message, StopReason::Time)
        } else {
            let message = format!("the agent was silent for {}", in_words(self.stall));
            (message, StopReason::Silence)
        };
        self.stop(Stopped::TimedOut { message, reason }, self.grace)
    }

    fn stop(&mut self, stopped: Stopped, within: Duration) -> Action {
        let reason = stopped.reason();
        self.stopped = Some(stopped);
        Action::Stop { reason, within }
    }

    /// Ends the program because its backend wants that.
    fn backend_wants_stop(&mut self) -> Action {
        match self.stopped {
            None => self.stop(Stopped::AfterItsResult, TERMINATE_AFTER_RESULT),
            // It was told to stop, and the backend does not wait for it.
            Some(_) => match self.signal.take() {
                Some((_, within)) => Action::Signal { within },
                None => Action::Continue,
            },
        }
    }

    /// Waits for its backend's way to stop it, before it gets a signal.
    fn signal_later(&mut self, within: Duration) {
        self.signal = Some((Instant::now() + self.grace, within));
    }

    fn wanted(&mut self, control: AgentControl) -> Action {
        match control {
            AgentControl::Continue => return Action::Continue,
            AgentControl::StopForBudget => {
                self.drained.get_or_insert_with(Instant::now);
                return Action::Continue;
            }
            AgentControl::Stop | AgentControl::Kill => {}
        }
        let within = TERMINATE_GRACE;
        let was_stopped = self.stopped.is_some();
        if !was_stopped {
            let stopped = match self.ended {
                Some(_) => Stopped::AfterItsResult,
                None => Stopped::Interrupted,
            };
            self.stopped = Some(stopped);
        }
        match &self.stopped {
            _ if control == AgentControl::Kill => Action::Kill,
            Some(stopped) if !was_stopped => Action::Stop {
                reason: stopped.reason(),
                within,
            },
            _ => {
                self.signal = None;
                Action::Signal { within }
            }
        }
    }
}

/// Formats a limit of whole minutes; tests have shorter ones.
fn in_words(limit: Duration) -> String {
    match limit.as_secs() {
        60 => "1 minute".to_owned(),
        seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    }
}

/// Returns the text of an event for people who watch; `None` if it has none.
pub(crate) fn words(event: AgentEvent) -> Option<String> {
    match event {
        AgentEvent::Text(text) | AgentEvent::Note(text) => Some(text),
        AgentEvent::ToolStart { name, .. } => Some(format!("▸ {name}")),
        _ => None,
    }
}

/// Removes secrets from a backend's event: it may have decoded or assembled text in which the
/// redaction of the line found none.
fn hidden(redaction: &Redaction, event: AgentEvent) -> AgentEvent {
    let hide = |text: String| match redaction.apply(&text) {
        Cow::Owned(hidden) => hidden,
        Cow::Borrowed(_) => text,
    };
    match event {
        AgentEvent::Text(text) => AgentEvent::Text(hide(text)),
        AgentEvent::Note(text) => AgentEvent::Note(hide(text)),
        AgentEvent::ToolStart { id, name, input } => AgentEvent::ToolStart {
            id,
            name: hide(name),
            input: hide(input),
        },
        AgentEvent::Denied(tool) => AgentEvent::Denied(hide(tool)),
        AgentEvent::Model(name) => AgentEvent::Model(hide(name)),
        AgentEvent::OperatorNote(text) => AgentEvent::OperatorNote(hide(text)),
        AgentEvent::Overloaded(message) => AgentEvent::Overloaded(hide(message)),
        AgentEvent::AuthFailed(message) => AgentEvent::AuthFailed(hide(message)),
        AgentEvent::Unreachable(message) => AgentEvent::Unreachable(hide(message)),
        AgentEvent::Answer(text) => AgentEvent::Answer(hide(text)),
        AgentEvent::Done(summary) => AgentEvent::Done(summary.map(hide)),
        AgentEvent::Failed(message) => AgentEvent::Failed(hide(message)),
        AgentEvent::Invalid(message) => AgentEvent::Invalid(hide(message)),
        other => other,
    }
}

/// Everything that the backend has read so far.
#[derive(Debug, Default)]
struct Reading {
    end: Option<Ended>,
    final_cost: Option<Usd>,
    seen: Option<Usd>,
    total_tokens: Option<u64>,
    delta_tokens: u64,
    session: Option<String>,
    summary: Option<String>,
    denied: Vec<String>,
    n_turns: Option<u32>,
    model: Option<String>,
    notes: Vec<String>,
    has_lost_session: bool,
    answer: Option<String>,
    last_words: Option<String>,
    /// The last line on standard error, which is the best explanation for an end without a result.
    complaint: Option<String>,
    /// Whether the program printed anything in its own format.
    has_spoken: bool,
    /// Whether the agent said or did anything.
    has_worked: bool,
    /// Whether a success no longer counts, because the backend has ended the run.
    is_sealed: bool,
    /// Whether the newest end is final: after the service refused a request, a program may try
    /// again.
    is_final: bool,
}

impl Reading {
    fn note_complaint(&mut self, line: &Line) {
        let text = line.text.trim();
        if line.source == Source::Stderr && !text.is_empty() {
            self.complaint = Some(bounded(text.to_owned(), COMPLAINT_BYTES_MAX));
        }
    }

    fn take(&mut self, event: AgentEvent, on_seen: &mut impl FnMut(Seen)) {
        let failed = |failure| Some(Ended::Failed { failure });
        if self.is_sealed && matches!(event, AgentEvent::Done(_)) {
            return;
        }
        self.note(&event);
        if is_an_end(&event) {
            self.has_lost_session = matches!(event, AgentEvent::SessionGone);
        }
        match event {
            // It is passed to the program as an argument later.
            AgentEvent::Session(id) if is_session_id(&id) => self.session = Some(id),
            AgentEvent::Session(id) => {
                tracing::warn!(
                    id,
                    "the agent's session cannot be resumed: its id is unusual"
                );
            }
            event @ (AgentEvent::Text(_) | AgentEvent::Note(_) | AgentEvent::ToolStart { .. }) => {
                if let AgentEvent::Text(text) = &event {
                    self.last_words = Some(text.clone());
                }
                words(event)
                    .into_iter()
                    .for_each(|text| on_seen(Seen::Line(text)));
            }
            AgentEvent::Answer(text) => self.answer = Some(text),
            AgentEvent::Model(name) => self.model = Some(name),
            AgentEvent::Turns(n) => self.n_turns = Some(n),
            AgentEvent::OperatorNote(text)
                if self.notes.len() < N_NOTES_MAX && !self.notes.contains(&text) =>
            {
                on_seen(Seen::Line(text.clone()));
                self.notes.push(text);
            }
            AgentEvent::UsageDelta(usage) => {
                self.delta_tokens = self
                    .delta_tokens
                    .saturating_add(usage.input_tokens)
                    .saturating_add(usage.output_tokens);
                if let Some(usd) = usage.usd.filter(can_be_a_cost) {
                    self.spent(
                        self.seen.unwrap_or_default() + Usd::from_dollars(usd),
                        on_seen,
                    );
                }
            }
            AgentEvent::UsageTotal(usage) => {
                self.total_tokens = Some(usage.input_tokens.saturating_add(usage.output_tokens));
                if let Some(usd) = usage.usd.filter(can_be_a_cost) {
                    self.spent(Usd::from_dollars(usd), on_seen);
                }
            }
            AgentEvent::FinalCost(usd) if can_be_a_cost(&usd) => {
                // Costs never decrease.
                let cost = self
                    .final_cost
                    .unwrap_or_default()
                    .max(Usd::from_dollars(usd));
                self.final_cost = Some(cost);
                self.spent(cost, on_seen);
            }
            AgentEvent::Denied(tool)
                if self.denied.len() < N_DENIED_MAX && !self.denied.contains(&tool) =>
            {
                self.denied.push(tool);
            }
            AgentEvent::RateLimited(end) => {
                let message = "the account is rate limited".to_owned();
                let until = match end {
                    LimitEnd::AtMs(time) => Some(time),
                    LimitEnd::InS(seconds) => {
                        Some(wall_clock_ms().saturating_add(seconds.saturating_mul(1_000)))
                    }
                    _ => None,
                };
                self.end = failed(Failure::RateLimit {
                    message,
                    until: until.map(Time::from_ms),
                });
            }
            AgentEvent::SessionGone => {
                self.end = failed(task("the agent's session no longer exists"));
            }
            AgentEvent::Overloaded(message) => self.end = failed(Failure::Overloaded { message }),
            AgentEvent::AuthFailed(message) => self.end = failed(Failure::Auth { message }),
            AgentEvent::Unreachable(message) => self.end = failed(Failure::Network { message }),
            AgentEvent::ContextFull => {
                self.end = failed(task(
                    "the conversation no longer fits into the model's context",
                ));
            }
            AgentEvent::TurnsReached => self.end = failed(task("the agent hit its turn limit")),
            AgentEvent::Failed(message) => self.end = failed(Failure::Task { message }),
            AgentEvent::Invalid(message) => self.end = failed(Failure::Validation { message }),
            AgentEvent::BudgetReached => self.end = Some(Ended::Budget),
            AgentEvent::Done(summary) => {
                self.end = Some(Ended::Done);
                self.last_words = summary.clone().or(self.last_words.take());
                self.summary = summary.map(|text| bounded(text, SUMMARY_BYTES_MAX));
            }
            _ => {}
        }
    }

    /// Records how far the run has come.
    fn note(&mut self, event: &AgentEvent) {
        self.has_spoken |= !matches!(event, AgentEvent::Note(_));
        match event {
            AgentEvent::Text(_)
            | AgentEvent::Thinking(_)
            | AgentEvent::ToolStart { .. }
            | AgentEvent::ToolEnd { .. } => {
                self.has_worked = true;
                self.is_final &= self.end == Some(Ended::Done);
            }
            event if is_an_end(event) => self.is_final = true,
            _ => {}
        }
    }

    /// Returns whether nothing can have been spent although no cost was reported: the program died
    /// without output, or the service refused to do anything. The cost of such a run is known to be
    /// zero.
    fn was_free(&self, is_metered: bool, was_silent: bool) -> bool {
        let is_refused = self.has_lost_session
            || matches!(
                &self.end,
                Some(Ended::Failed {
                    failure: Failure::RateLimit { .. }
                        | Failure::Overloaded { .. }
                        | Failure::Auth { .. }
                        | Failure::Network { .. },
                })
            );
        let is_unmetered = self.final_cost.is_none() && self.seen.is_none();
        // Tokens without a price cost something.
        let has_used_tokens = 0 < self.total_tokens.unwrap_or(self.delta_tokens);
        is_unmetered
            && !has_used_tokens
            && ((was_silent && is_metered) || (is_refused && (is_metered || !self.has_worked)))
    }

    fn spent(&mut self, so_far: Usd, on_seen: &mut impl FnMut(Seen)) {
        self.seen = Some(so_far);
        on_seen(Seen::Spent(so_far));
    }

    fn report(self, stopped: Option<Stopped>, exit: Exit, duration_ms: u64) -> AgentReport {
        let ended = match stopped {
            Some(Stopped::Budget) => Ended::Budget,
            Some(Stopped::Interrupted) => Ended::Failed {
                failure: Failure::Interrupted,
            },
            Some(Stopped::TimedOut { message, .. }) => Ended::Failed {
                failure: Failure::Timeout { message },
            },
            Some(Stopped::AfterItsResult) => self
                .end
                .unwrap_or_else(|| crashed("exited without a result", exit)),
            None => self.end.map_or_else(
                || crashed("exited without a result", exit),
                |end| checked(end, exit),
            ),
        };
        let ended = with_complaint(ended, self.complaint.as_deref());
        AgentReport {
            ended,
            spent: match (self.final_cost, self.seen) {
                // It continued after its final cost.
                (Some(cost), Some(seen)) if cost < seen => Spent::AtLeast(seen),
                (Some(cost), _) => Spent::Known(cost),
                (None, Some(seen)) => Spent::AtLeast(seen),
                (None, None) => Spent::Unknown,
            },
            session: self.session,
            summary: self.summary,
            denied: self.denied,
            n_turns: self.n_turns,
            model: self.model,
            notes: self.notes,
            has_lost_session: self.has_lost_session,
            tokens: self.total_tokens.unwrap_or(self.delta_tokens),
            duration_ms,
        }
    }
}

/// Returns whether an event is about the end of the run.
fn is_an_end(event: &AgentEvent) -> bool {
    matches!(
        event,
        AgentEvent::Done(_)
            | AgentEvent::RateLimited(_)
            | AgentEvent::Overloaded(_)
            | AgentEvent::AuthFailed(_)
            | AgentEvent::Unreachable(_)
            | AgentEvent::ContextFull
            | AgentEvent::TurnsReached
            | AgentEvent::SessionGone
            | AgentEvent::Failed(_)
            | AgentEvent::Invalid(_)
            | AgentEvent::BudgetReached
    )
}

/// Returns whether an amount of US dollars is plausible as the cost of a run.
fn can_be_a_cost(usd: &f64) -> bool {
    (0.0..COST_USD_MAX).contains(usd)
}

/// Returns whether a text can be the id of an agent's session, and cannot be an option of its
/// program.
fn is_session_id(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/=+@".contains(c);
    text.len() <= SESSION_ID_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_plain)
}

fn task(message: &str) -> Failure {
    Failure::Task {
        message: message.to_owned(),
    }
}

/// Accepts a good end only if the program exited successfully too.
fn checked(end: Ended, exit: Exit) -> Ended {
    if end == Ended::Done && !exit.is_success() {
        crashed("reported success, but its program failed", exit)
    } else {
        end
    }
}

fn crashed(what: &str, exit: Exit) -> Ended {
    let how = match (exit.code, exit.signal) {
        _ if exit.supervisor_lost => "its supervisor was killed".to_owned(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "unknown exit status".to_owned(),
    };
    Ended::Failed {
        failure: Failure::Crash {
            message: format!("the agent {what} ({how})"),
        },
    }
}

/// Adds the program's own last complaint to a failure that the backend could not explain.
fn with_complaint(mut ended: Ended, complaint: Option<&str>) -> Ended {
    if let Ended::Failed {
        failure: Failure::Crash { message } | Failure::Timeout { message },
    } = &mut ended
        && let Some(complaint) = complaint
    {
        message.push_str(": ");
        message.push_str(complaint);
    }
    ended
}

fn bounded(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

/// Returns the texts that make a line of a backend's program noise. A built-in backend is asked
/// too, because a plugin may run the same program.
fn noise(info: &ProgramInfo) -> Vec<Vec<String>> {
    let built_in = built_in::agent_that_runs(&info.program).and_then(BuiltInAgent::info);
    let mut noise = info.noise.clone();
    noise.extend(built_in.into_iter().flat_map(|it| it.noise));
    noise
}

/// The file that keeps what an agent printed.
struct Transcript {
    file: BufWriter<File>,
    flushed_at: Instant,
    n_bytes: u64,
    failed: bool,
    noise: Vec<Vec<String>>,
}

impl Transcript {
    fn create(path: &Path, noise: Vec<Vec<String>>) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        Ok(Self {
            file: BufWriter::new(File::create(path)?),
            flushed_at: Instant::now(),
            n_bytes: 0,
            failed: false,
            noise,
        })
    }

    /// Returns whether a line is a fragment of a message that is printed in full later: nobody reads
    /// it, and a secret split over several of them could not be redacted.
    fn is_noise(&self, line: &Line) -> bool {
        let head = &line.text[..line.text.floor_char_boundary(NOISE_HEAD_BYTES)];
        if line.source == Source::Stderr {
            return false;
        }
        let mut lists = self.noise.iter();
        lists.any(|texts| texts.iter().all(|text| head.contains(text)))
    }

    /// Keeps a line. If the transcript can no longer be written, the agent continues anyway.
    fn keep(&mut self, line: &Line) {
        if self.failed || TRANSCRIPT_BYTES_MAX < self.n_bytes || self.is_noise(line) {
            return;
        }
        self.n_bytes += line.text.len() as u64 + 1;
        let mut written = writeln!(self.file, "{}", line.text);
        if TRANSCRIPT_BYTES_MAX < self.n_bytes {
            written = written.and_then(|()| {
                writeln!(
                    self.file,
                    "… left out: more than {TRANSCRIPT_BYTES_MAX} bytes …"
                )
            });
        }
        if FLUSH_EVERY <= self.flushed_at.elapsed() {
            written = written.and_then(|()| self.file.flush());
            self.flushed_at = Instant::now();
        }
        if let Err(error) = written {
            tracing::warn!(%error, "the transcript is incomplete");
            self.failed = true;
        }
    }

    fn finish(mut self) {
        if let Err(error) = self.file.flush() {
            tracing::warn!(%error, "the transcript is incomplete");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use autoissue_claude::ClaudeBackend;
    use autoissue_plugin_sdk::Usage;

    use super::*;

    #[test]
    fn a_transcript_keeps_whole_messages_but_not_their_fragments() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("1.log");
        let mut transcript =
            Transcript::create(&path, noise(&ClaudeBackend.probe("").unwrap())).unwrap();
        for text in [
            r#"{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"gh"}}}"#,
            r#"{"type":"assistant","message":{"content":[{"type":"text","text":"a \"content_block_delta\" in words"}]}}"#,
            "plain",
        ] {
            transcript.keep(&Line {
                source: Source::Stdout,
                text: text.to_owned(),
                truncated: false,
            });
        }
        transcript.finish();
        let kept = std::fs::read_to_string(path).unwrap();
        assert_eq!(kept.lines().count(), 2, "{kept}");
        assert!(
            kept.contains("in words") && kept.ends_with("\nplain\n"),
            "{kept}"
        );
    }

    fn spent(events: impl IntoIterator<Item = AgentEvent>) -> Spent {
        let mut reading = Reading::default();
        events
            .into_iter()
            .for_each(|event| reading.take(event, &mut |_| {}));
        let exit = Exit {
            code: Some(0),
            signal: None,
            stopped_by_us: false,
            supervisor_lost: false,
            n_killed_stragglers: 0,
            n_left: 0,
        };
        reading.report(None, exit, 0).spent
    }

    #[test]
    fn the_final_cost_is_the_highest_one_and_counts_only_if_nothing_follows_it() {
        fn total(usd: f64) -> AgentEvent {
            AgentEvent::UsageTotal(Usage::default().usd(usd))
        }

        let bill = AgentEvent::FinalCost;
        let known = |cents| Spent::Known(Usd::from_cents(cents));
        assert_eq!(
            spent([total(0.7), bill(0.5)]),
            known(50),
            "metered costs are a guess"
        );
        assert_eq!(spent([bill(0.9), bill(0.2)]), known(90));
        assert_eq!(
            spent([bill(0.5), total(3.5)]),
            Spent::AtLeast(Usd::from_cents(3_50))
        );
        assert_eq!(spent([bill(0.5), total(3.5), bill(3.0)]), known(3_00));
        assert_eq!(spent([]), Spent::Unknown);
        let tokens = Usage::default().input_tokens(u64::MAX).output_tokens(5);
        assert_eq!(
            spent([AgentEvent::UsageTotal(tokens)]),
            Spent::Unknown,
            "and no overflow"
        );
    }

    #[test]
    fn the_last_line_on_standard_error_is_part_of_the_failure() {
        let line = |source, text: &str| Line {
            source,
            text: text.to_owned(),
            truncated: false,
        };
        let exit = Exit {
            code: Some(1),
            signal: None,
            stopped_by_us: false,
            supervisor_lost: false,
            n_killed_stragglers: 0,
            n_left: 0,
        };
        let ended = |stopped| {
            let mut reading = Reading::default();
            for (source, text) in [
                (Source::Stderr, "warning: old"),
                (Source::Stderr, "Cannot find module 'x' "),
                (Source::Stderr, "  "),
                (Source::Stdout, "bye"),
            ] {
                reading.note_complaint(&line(source, text));
            }
            match reading.report(stopped, exit, 0).ended {
                Ended::Failed { failure } => failure.to_string(),
                other => format!("{other:?}"),
            }
        };
        assert!(
            ended(None).ends_with("(exit code 1): Cannot find module 'x'"),
            "{}",
            ended(None)
        );
        let silent = Stopped::TimedOut {
            message: "the agent was silent for 10 minutes".to_owned(),
            reason: StopReason::Silence,
        };
        assert!(ended(Some(silent)).ends_with("silent for 10 minutes: Cannot find module 'x'"));
        assert_eq!(ended(Some(Stopped::Budget)), "Budget");
    }

    #[test]
    fn a_cost_that_is_not_an_amount_is_ignored() {
        for usd in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            assert_eq!(spent([AgentEvent::FinalCost(usd)]), Spent::Unknown, "{usd}");
            let usage = Usage::default().usd(usd);
            assert_eq!(
                spent([AgentEvent::UsageDelta(usage), AgentEvent::UsageTotal(usage)]),
                Spent::Unknown,
                "{usd}"
            );
        }
    }

    fn was_free(events: Vec<AgentEvent>, is_metered: bool) -> bool {
        let mut reading = Reading::default();
        events
            .into_iter()
            .for_each(|event| reading.take(event, &mut |_| {}));
        let was_silent = !reading.has_spoken;
        reading.was_free(is_metered, was_silent)
    }

    #[test]
    fn an_unmetered_run_is_free_only_if_nothing_can_have_been_spent() {
        let session = || AgentEvent::Session("s".into());
        let text = || AgentEvent::Text("working".into());
        let refused = || AgentEvent::Overloaded("529".into());
        let usage = || AgentEvent::UsageTotal(Usage::default().usd(0.5));
        let complaint = || AgentEvent::Note("illegal instruction".into());
        assert!(was_free(vec![], true));
        assert!(was_free(vec![complaint()], true));
        assert!(
            !was_free(vec![], false),
            "an agent may print only at the end"
        );
        assert!(
            !was_free(vec![session()], true),
            "it may have asked the model"
        );
        assert!(was_free(vec![session(), refused()], true));
        assert!(was_free(vec![session(), refused()], false));
        assert!(was_free(vec![AgentEvent::SessionGone], false));
        assert!(!was_free(vec![text(), AgentEvent::SessionGone], false));
        assert!(!was_free(vec![text(), refused()], false));
        assert!(!was_free(vec![usage(), refused()], true));
        let unpriced = AgentEvent::UsageDelta(Usage::default().output_tokens(9));
        assert!(
            !was_free(vec![unpriced, refused()], true),
            "tokens without a price cost something"
        );
        assert!(!was_free(
            vec![session(), AgentEvent::Failed("gave up".into())],
            true
        ));
    }

    #[test]
    fn a_refusal_is_final_unless_the_agent_continues() {
        let is_final = |events: Vec<AgentEvent>| {
            let mut reading = Reading::default();
            events
                .into_iter()
                .for_each(|event| reading.take(event, &mut |_| {}));
            reading.is_final
        };
        let (done, refused) = (
            || AgentEvent::Done(None),
            || AgentEvent::Overloaded("529".into()),
        );
        let text = || AgentEvent::Text("again".into());
        assert!(is_final(vec![done()]) && is_final(vec![refused()]));
        assert!(is_final(vec![done(), text()]), "a result is the end");
        assert!(!is_final(vec![refused(), text()]));
    }

    fn ended(
        events: impl IntoIterator<Item = AgentEvent>,
        stopped: Option<Stopped>,
    ) -> AgentReport {
        let mut reading = Reading::default();
        events
            .into_iter()
            .for_each(|event| reading.take(event, &mut |_| {}));
        let exit = Exit {
            code: Some(0),
            signal: None,
            stopped_by_us: false,
            supervisor_lost: false,
            n_killed_stragglers: 0,
            n_left: 0,
        };
        reading.report(stopped, exit, 0)
    }

    #[test]
    fn the_last_event_about_the_end_counts() {
        let (done, refused) = (
            || AgentEvent::Done(None),
            || AgentEvent::Overloaded("529".into()),
        );
        let gone = || AgentEvent::SessionGone;
        assert_eq!(ended([refused(), done()], None).ended, Ended::Done);
        let text = AgentEvent::Text("more".into());
        assert_eq!(ended([done(), text], None).ended, Ended::Done);
        for event in [
            refused(),
            gone(),
            AgentEvent::Failed("no".into()),
            AgentEvent::ContextFull,
        ] {
            let report = ended([done(), event], None);
            assert!(matches!(report.ended, Ended::Failed { .. }), "{report:?}");
        }
        assert!(ended([refused(), gone()], None).has_lost_session);
        assert!(!ended([gone(), refused()], None).has_lost_session);
        assert!(!ended([gone(), done()], None).has_lost_session);
        assert_eq!(
            ended([AgentEvent::BudgetReached, done()], None).ended,
            Ended::Done
        );
    }

    #[test]
    fn what_the_host_did_counts_more_than_events() {
        let done = || [AgentEvent::Done(None)];
        let late = || Stopped::TimedOut {
            message: "late".into(),
            reason: StopReason::Time,
        };
        assert_eq!(ended(done(), Some(Stopped::Budget)).ended, Ended::Budget);
        for stopped in [Stopped::Interrupted, late()] {
            let report = ended(done(), Some(stopped));
            assert!(matches!(report.ended, Ended::Failed { .. }), "{report:?}");
        }
        assert_eq!(
            ended(done(), Some(Stopped::AfterItsResult)).ended,
            Ended::Done
        );
    }

    #[test]
    fn facts_are_the_last_ones_and_lists_name_each_thing_once() {
        let denied = |tool: &str| AgentEvent::Denied(tool.into());
        let note = |text: String| AgentEvent::OperatorNote(text);
        let mut events = vec![
            AgentEvent::Model("a".into()),
            AgentEvent::Turns(1),
            AgentEvent::Model("b".into()),
            AgentEvent::Turns(2),
            denied("Bash"),
            denied("Write"),
            denied("Bash"),
        ];
        events.extend((0..20).map(|n| note(format!("note {}", n / 2))));
        let report = ended(events, None);
        assert_eq!(
            (report.model.as_deref(), report.n_turns),
            (Some("b"), Some(2))
        );
        assert_eq!(report.denied, ["Bash", "Write"]);
        assert_eq!(
            report.notes,
            ["note 0", "note 1", "note 2", "note 3", "note 4"]
        );
    }

    #[test]
    fn a_backend_that_ends_the_run_has_the_last_word() {
        let mut reading = Reading::default();
        reading.take(AgentEvent::TurnsReached, &mut |_| {});
        reading.is_sealed = true;
        reading.take(AgentEvent::Done(None), &mut |_| {});
        assert!(matches!(reading.end, Some(Ended::Failed { .. })));
        let mut finished = Reading::default();
        finished.take(AgentEvent::Done(None), &mut |_| {});
        finished.is_sealed = true;
        finished.take(AgentEvent::Failed("a trap".into()), &mut |_| {});
        assert!(matches!(finished.end, Some(Ended::Failed { .. })));
        let mut watch = Watch::new(Instant::now(), &launch(&[], &[]));
        let (reason, within) = (StopReason::Finished, TERMINATE_AFTER_RESULT);
        assert_eq!(watch.backend_wants_stop(), Action::Stop { reason, within });
        assert_eq!(watch.backend_wants_stop(), Action::Continue);
        watch.signal_later(within);
        assert_eq!(watch.backend_wants_stop(), Action::Signal { within });
    }

    #[test]
    fn input_files_are_private_and_gone_afterwards() {
        let session = tempfile::tempdir().unwrap();
        let order = Launch {
            transcript: session.path().join("attempt-1.log"),
            ..launch(&[], &[])
        };
        let files = [InputFile::new("log", "a"), InputFile::new("MCP.json", "b")];
        let written = InputFiles::write(&order, &files).unwrap();
        let directory = files_directory(&order.transcript);
        assert_eq!(
            std::fs::read_to_string(directory.join("MCP.json")).unwrap(),
            "b"
        );
        let mode = std::fs::metadata(&directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let shown = directory.display();
        assert_eq!(
            written.fill_in("--log={log} {{MCP.json} {other} é"),
            OsString::from(format!("--log={shown}/log {{{shown}/MCP.json {{other}} é"))
        );
        // A process that died may have left the directory.
        std::mem::forget(written);
        drop(InputFiles::write(&order, &files).unwrap());
        assert!(!directory.exists());
        let none = InputFiles::write(&order, &[]).unwrap();
        assert_eq!(none.fill_in("{log}"), "{log}");
        assert!(!directory.exists());
    }

    #[test]
    fn a_limit_in_seconds_counts_from_now() {
        let until = |end| match ended([AgentEvent::RateLimited(end)], None).ended {
            Ended::Failed {
                failure: Failure::RateLimit { until, .. },
            } => until.map(Time::ms),
            other => panic!("{other:?}"),
        };
        assert_eq!(until(LimitEnd::Unknown), None);
        assert_eq!(until(LimitEnd::AtMs(5)), Some(5));
        let before = wall_clock_ms() + 60_000;
        let found = until(LimitEnd::InS(60)).unwrap();
        assert!((before..=wall_clock_ms() + 60_000).contains(&found));
        assert!(until(LimitEnd::InS(u64::MAX)).is_some(), "and no overflow");
    }

    fn launch(env: &[(&str, &str)], user_env: &[&str]) -> Launch {
        Launch {
            task: AgentTask::default(),
            directory: PathBuf::new(),
            path: OsString::new(),
            outside: Vec::new(),
            own_program: PathBuf::new(),
            env: env
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            user_env: user_env.iter().map(ToString::to_string).collect(),
            tag: String::new(),
            transcript: PathBuf::new(),
            timeout: Duration::from_secs(60),
            stall: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        }
    }

    #[test]
    fn a_program_sees_only_the_variables_that_its_command_passes() {
        let names = |env: &[(&str, &str)], user_env: &[&str], passed: &[PassedVariable]| {
            let declared = ["KEY".to_owned(), "OTHER".to_owned()];
            passed_env(&launch(env, user_env), &declared, passed)
                .into_iter()
                .map(|(name, value)| format!("{}={}", name.display(), value.display()))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let env = [("HOME", "/h"), ("KEY", "k"), ("OTHER", "o")];
        assert_eq!(names(&env, &[], &[]), "HOME=/h");
        assert_eq!(
            names(&env, &[], &[PassedVariable::new("KEY")]),
            "HOME=/h KEY=k"
        );
        assert_eq!(
            names(
                &env,
                &[],
                &[PassedVariable::new("KEY").program_name("OTHER")]
            ),
            "HOME=/h OTHER=k"
        );
        assert_eq!(names(&env, &["OTHER"], &[]), "HOME=/h OTHER=o");
        assert_eq!(names(&[], &[], &[PassedVariable::new("KEY")]), "");
    }

    #[test]
    fn a_program_that_its_backend_told_to_stop_gets_its_signal_later() {
        let grace = Duration::from_secs(10);
        let mut watch = Watch::new(Instant::now(), &launch(&[], &[]));
        let asked = watch.wanted(AgentControl::Stop);
        let reason = StopReason::Interrupt;
        let within = TERMINATE_GRACE;
        assert_eq!(asked, Action::Stop { reason, within });
        watch.signal_later(within);
        assert!(watch.has_deadline() && watch.deadline() <= Instant::now() + grace);
        assert_eq!(watch.late(), Action::Signal { within });
        assert!(!watch.has_deadline());
        assert_eq!(watch.wanted(AgentControl::Stop), Action::Signal { within });
        assert_eq!(watch.wanted(AgentControl::Kill), Action::Kill);
        assert_eq!(watch.stopped, Some(Stopped::Interrupted));
    }

    #[test]
    fn a_session_id_is_a_name_and_not_an_option() {
        for id in [
            "7e4d9a52-0000-4000-8000-000000000000",
            "abc",
            "a.b:c_d",
            "s/1=+@",
        ] {
            assert!(is_session_id(id), "{id}");
        }
        for id in [
            "",
            "--dangerously-skip-permissions",
            "/etc/passwd",
            "a b",
            "a\n",
            &"a".repeat(129),
        ] {
            assert!(!is_session_id(id), "{id}");
        }
    }
}
