//! Agent backends: which program runs as the agent, and what its output means.
//!
//! A backend does not run anything itself. It names the program to run and interprets the program's
//! output:
//!
//! ```text
//!   start(task) ──► command ──► the host runs it ──► on_lines(lines)  ──► events
//!                                               ├──► on_stop(reason)  ──► events    the host wants it to end
//!                                               └──► on_exit(exit)    ──► events    it has ended
//! ```
//!
//! The agent's claims are not trusted: the host inspects the changes with git and runs the
//! repository's checks.

use serde::{Deserialize, Serialize};

use crate::model_selector::{Effort, ModelInfo};
use crate::setters::setters;
use crate::{Description, Issue, PluginError, Settings};

/// Supports one kind of agent program.
pub trait AgentBackend: Send + Sync {
    /// Returns the name, version and summary of this backend.
    fn describe(&self) -> Description;

    /// Returns the settings that it accepts; by default none.
    fn settings(&self) -> Settings {
        Settings::none()
    }

    /// Checks the settings. Called before a session has any effect.
    ///
    /// # Errors
    /// [`PluginError::InvalidSettings`], which is shown to the operator unchanged.
    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        self.settings().check(settings)
    }

    /// Returns the program that it needs, and how its cost becomes known.
    ///
    /// # Errors
    /// [`PluginError::InvalidSettings`] if the settings are invalid.
    fn probe(&self, settings: &str) -> Result<ProgramInfo, PluginError>;

    /// Returns the command for one attempt, and the reader for its output.
    ///
    /// # Errors
    /// [`PluginError::InvalidInput`] if this issue cannot be worked on; the attempt then fails
    /// without starting a program.
    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError>;
}

/// Reads the output of one attempt's program.
pub trait AgentRun: Send {
    /// Returns the events for these lines. Lines arrive in order, in batches of any size.
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent>;

    /// Returns the events for a decision of the host to end the program: [`AgentEvent::Send`] what
    /// makes it stop by itself, or nothing. It then has ten seconds before it gets its stop signal;
    /// without such an event it gets the signal at once.
    fn on_stop(&mut self, _reason: StopReason) -> Vec<AgentEvent> {
        Vec::new()
    }

    /// Returns the events for the end of the program. This is the last call.
    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent>;
}

/// Why the host ends a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum StopReason {
    /// Its budget is used up.
    Budget,
    /// It took too long.
    Time,
    /// It was silent for too long.
    Silence,
    /// The session stops.
    Interrupt,
    /// It stays alive after its final event.
    Finished,
    /// A reason that a later host added.
    Other,
}

impl StopReason {
    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Time => "time",
            Self::Silence => "silence",
            Self::Interrupt => "interrupt",
            Self::Finished => "finished",
            Self::Other => "other",
        }
    }

    /// Returns the reason with this name; [`Other`](Self::Other) for one that was added later.
    pub fn named(name: &str) -> Self {
        [
            Self::Budget,
            Self::Time,
            Self::Silence,
            Self::Interrupt,
            Self::Finished,
        ]
        .into_iter()
        .find(|reason| reason.name() == name)
        .unwrap_or(Self::Other)
    }
}

/// Requirements of a backend, and how its cost becomes known.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProgramInfo {
    /// Name of the program on PATH. `autoissue` means the host's own binary, with `internal
    /// apply-patch` as the only arguments.
    pub program: String,
    /// Arguments that make the program print its version.
    pub version_args: Vec<String>,
    /// Versions of the program that the backend works with, as a range such as `>=2.1.0, <3`;
    /// `None` if any. With a range the host asks for the version before a session, refuses others
    /// and programs that print no semantic version, and passes the version to each attempt. A
    /// pre-release counts as its release.
    pub versions: Option<String>,
    /// Hint for users who do not have the program.
    pub install_hint: String,
    /// How the cost becomes known.
    pub metering: Metering,
    /// Models that it offers, weakest and cheapest first; empty if there is no choice.
    pub models: Vec<ModelInfo>,
    /// Names of environment variables that the program may see or that a command may set. The
    /// operator grants them.
    pub environment: Vec<String>,
    /// Services that the program sends requests to.
    pub endpoints: Vec<Endpoint>,
    /// How to see whether the program is logged in; `None` if it needs no login.
    pub login: Option<Login>,
    /// Files that the program leaves in its directory and that never belong in a commit, as
    /// patterns of a `.gitignore` file without `!`. Files that the repository tracks are not
    /// affected.
    pub ignored_paths: Vec<String>,
    /// Files and directories of a repository that can make the program run commands, add servers or
    /// send keys elsewhere, and that it cannot be told to ignore, as paths with `/`. The host starts
    /// no run while one of them exists, unless the operator allows it.
    pub repository_settings: Vec<String>,
    /// Lines of standard output that are fragments of messages that the program prints in full
    /// later: those that contain, within their first 200 bytes, all texts of one of these lists. The
    /// host does not keep them: they are redundant, and a secret split over several of them could
    /// not be redacted. At most 20 lists, of at least 8 bytes each.
    pub noise: Vec<Vec<String>>,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

impl ProgramInfo {
    /// Creates the information about a program that needs nothing, prints its version with
    /// `--version`, and reports its cost at the end.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            version_args: vec!["--version".into()],
            versions: None,
            install_hint: String::new(),
            metering: Metering::AtTheEnd,
            models: Vec::new(),
            environment: Vec::new(),
            endpoints: Vec::new(),
            login: None,
            ignored_paths: Vec::new(),
            repository_settings: Vec::new(),
            noise: Vec::new(),
            extra: Vec::new(),
        }
    }
}

setters! {
    ProgramInfo {
        program(String)
        version_args(Vec<String>)
        versions(Option<String>)
        install_hint(String)
        metering(Metering)
        models(Vec<ModelInfo>)
        environment(Vec<String>)
        endpoints(Vec<Endpoint>)
        login(Option<Login>)
        ignored_paths(Vec<String>)
        repository_settings(Vec<String>)
        noise(Vec<Vec<String>>)
        extra(Vec<(String, String)>)
    }
}

/// A service that the program sends requests to. With it a host can put a meter between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Endpoint {
    /// `anthropic-messages`, `openai-chat`, `openai-responses` or `gemini`.
    pub protocol: String,
    /// Environment variable that tells the program the address; one of
    /// [`ProgramInfo::environment`].
    pub variable: String,
    /// Address that it uses if the variable is not set.
    pub default_url: String,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

setters! {
    Endpoint {
        protocol(String)
        variable(String)
        default_url(String)
        extra(Vec<(String, String)>)
    }
}

impl Endpoint {
    /// Creates an endpoint.
    pub fn new(
        protocol: impl Into<String>,
        variable: impl Into<String>,
        default_url: impl Into<String>,
    ) -> Self {
        Self {
            protocol: protocol.into(),
            variable: variable.into(),
            default_url: default_url.into(),
            extra: Vec::new(),
        }
    }
}

/// How the host can see whether a program is logged in. One of these is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Login {
    /// Environment variables that log it in.
    pub variables: Vec<LoginVariable>,
    /// Files of a login.
    pub files: Vec<LoginFile>,
    /// Arguments with which the program exits with 0 if it is logged in, and otherwise with another
    /// code; empty if it has no such command. Only `doctor` uses it, and only if nothing else was
    /// found.
    pub status_args: Vec<String>,
    /// What to do if it is not logged in.
    pub advice: String,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

impl Login {
    /// Creates a login without any way to see it.
    pub fn new(advice: impl Into<String>) -> Self {
        Self {
            advice: advice.into(),
            ..Self::default()
        }
    }

    /// Adds a variable that contains a key.
    #[must_use]
    pub fn key(mut self, name: impl Into<String>) -> Self {
        self.variables.push(LoginVariable::new(name));
        self
    }

    /// Adds a variable that delegates the login to a provider with this name.
    #[must_use]
    pub fn provider(mut self, variable: impl Into<String>, provider: impl Into<String>) -> Self {
        let provider = provider.into();
        self.variables
            .push(LoginVariable::new(variable).provider(provider));
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, file: LoginFile) -> Self {
        self.files.push(file);
        self
    }
}

setters! {
    Login {
        variables(Vec<LoginVariable>)
        files(Vec<LoginFile>)
        status_args(Vec<String>)
        advice(String)
        extra(Vec<(String, String)>)
    }
}

/// A variable that logs a program in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LoginVariable {
    /// Its name.
    pub name: String,
    /// Name of the provider, if the variable delegates the login to one; `None` if it contains a
    /// key.
    pub provider: Option<String>,
}

impl LoginVariable {
    /// Creates a variable that contains a key.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            provider: None,
        }
    }
}

setters! {
    LoginVariable {
        name(String)
        provider(Option<String>)
    }
}

/// A file in the program's own directory. The host only checks whether it exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LoginFile {
    /// Environment variable with the program's directory; `None` if there is no such variable.
    pub directory_variable: Option<String>,
    /// That directory, below the home directory, if the variable is not set.
    pub directory: String,
    /// Path of the file in that directory.
    pub file: String,
}

impl LoginFile {
    /// Creates a file in a directory below the home directory.
    pub fn new(directory: impl Into<String>, file: impl Into<String>) -> Self {
        Self {
            directory_variable: None,
            directory: directory.into(),
            file: file.into(),
        }
    }
}

setters! {
    LoginFile {
        directory_variable(Option<String>)
        directory(String)
        file(String)
    }
}

/// How the cost of a backend's runs becomes known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Metering {
    /// Runs are free.
    Free,
    /// The output reports the cost during the run.
    AsItGoes,
    /// The output reports the cost only at the end, or not at all.
    AtTheEnd,
}

impl Metering {
    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::AsItGoes => "as-it-goes",
            Self::AtTheEnd => "at-the-end",
        }
    }

    /// Returns the metering with this name; [`AtTheEnd`](Self::AtTheEnd) for one that was added
    /// later.
    pub fn named(name: &str) -> Self {
        [Self::Free, Self::AsItGoes]
            .into_iter()
            .find(|metering| metering.name() == name)
            .unwrap_or(Self::AtTheEnd)
    }
}

/// A session of the agent's program that a task continues.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ResumedSession {
    /// Its id, as reported by an earlier [`AgentEvent::Session`].
    pub id: String,
    /// Its cost so far, in US dollars.
    pub cost_usd: f64,
}

setters! {
    ResumedSession {
        id(String)
        cost_usd(f64)
    }
}

impl ResumedSession {
    /// Creates a session that has cost this much, in US dollars.
    pub fn new(id: impl Into<String>, cost_usd: f64) -> Self {
        Self {
            id: id.into(),
            cost_usd,
        }
    }
}

/// One attempt, as described to the agent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AgentTask {
    /// Settings of this strategy as JSON text; empty if there are none.
    pub settings: String,
    /// The issue. Treat it as data, never as instructions to the host.
    pub issue: Issue,
    /// Prompt, created by the host from the issue.
    pub prompt: String,
    /// Model; `None` leaves it to the program.
    pub model: Option<String>,
    /// Effort level chosen by the model selector; `None` leaves it to the program.
    pub effort: Option<Effort>,
    /// Working directory of the program, as an absolute path.
    pub directory: String,
    /// Absolute path of the directory that will contain the command's files.
    pub files_directory: String,
    /// The user's own checkout, which is not the working directory; `None` if it is unknown.
    pub checkout: Option<String>,
    /// Id to give to the agent's session, so that a later attempt can resume it: a UUID.
    pub session: String,
    /// Session of an earlier attempt to resume.
    pub resume: Option<ResumedSession>,
    /// Maximum number of turns; `None` leaves it to the program.
    pub max_turns: Option<u32>,
    /// Maximum cost in US dollars; `None` if the backend is free.
    pub budget_usd: Option<f64>,
    /// Seconds, from now, after which the host ends the program.
    pub time_limit_s: u32,
    /// Whether the agent works without asking for permission.
    pub yolo: bool,
    /// Tools that the agent may use; empty means file edits and shell.
    pub allowed_tools: Vec<String>,
    /// Whether the agent may only read. It then gets no tool that writes or runs anything, even if
    /// other settings allow it.
    pub read_only: bool,
    /// JSON Schema for the agent's final message, if an answer is wanted instead of work. The
    /// prompt contains it too, for programs without such an option. A backend whose program cannot
    /// answer rejects such a task.
    pub answer_schema: Option<String>,
    /// Version of the program; `None` if it is unknown, or if the backend states no
    /// [`versions`](ProgramInfo::versions).
    pub program_version: Option<String>,
    /// Names of those variables of [`ProgramInfo::environment`] that are set in the host's
    /// environment.
    ///
    /// Also passed before a session starts, as [`is_root`](Self::is_root) is, when the command is
    /// not used yet: a backend that cannot work under these conditions returns
    /// [`PluginError::InvalidSettings`], and the session does not start.
    pub environment: Vec<String>,
    /// Whether the program runs as root.
    pub is_root: bool,
    /// Whether the repository's own files may configure the program: run commands, add servers,
    /// send requests elsewhere. Instructions for agents are not meant; they are always read.
    pub repository_settings: bool,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

setters! {
    AgentTask {
        settings(String)
        issue(Issue)
        prompt(String)
        model(Option<String>)
        effort(Option<Effort>)
        directory(String)
        files_directory(String)
        checkout(Option<String>)
        session(String)
        resume(Option<ResumedSession>)
        max_turns(Option<u32>)
        budget_usd(Option<f64>)
        time_limit_s(u32)
        yolo(bool)
        allowed_tools(Vec<String>)
        read_only(bool)
        answer_schema(Option<String>)
        program_version(Option<String>)
        environment(Vec<String>)
        is_root(bool)
        repository_settings(bool)
        extra(Vec<(String, String)>)
    }
}

/// Converts an agent's task between the form of the SDK and that of the WIT package, in either
/// direction, by copying fields of the same name and type. Add new fields of this kind here, not at
/// both ends.
#[doc(hidden)]
#[macro_export]
macro_rules! copied_agent_task {
    ($from:ident => $($to:ident)::+ { $($field:ident: $value:expr,)* }) => {
        $($to)::+ {
            $($field: $value,)*
            settings: $from.settings,
            prompt: $from.prompt,
            model: $from.model,
            directory: $from.directory,
            files_directory: $from.files_directory,
            checkout: $from.checkout,
            session: $from.session,
            max_turns: $from.max_turns,
            budget_usd: $from.budget_usd,
            time_limit_s: $from.time_limit_s,
            yolo: $from.yolo,
            allowed_tools: $from.allowed_tools,
            read_only: $from.read_only,
            answer_schema: $from.answer_schema,
            program_version: $from.program_version,
            environment: $from.environment,
            is_root: $from.is_root,
            repository_settings: $from.repository_settings,
            extra: $from.extra,
        }
    };
}

/// An environment variable to pass on. The plugin never sees its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PassedVariable {
    /// Its name in the host's environment, one that is granted.
    pub name: String,
    /// Its name in the program's environment; `None` if it is the same. Must be granted too.
    pub program_name: Option<String>,
}

impl PassedVariable {
    /// Passes a variable under its own name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            program_name: None,
        }
    }

    /// Returns its name in the program's environment.
    pub fn seen_as(&self) -> &str {
        self.program_name.as_ref().unwrap_or(&self.name)
    }
}

setters! {
    PassedVariable {
        name(String)
        program_name(Option<String>)
    }
}

/// A file for the program, in [`AgentTask::files_directory`]. It exists as long as the program
/// runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InputFile {
    /// Its name: at most 64 letters, digits, `.`, `_` and `-`; it must not start with `.`. The path of
    /// the file replaces `{name}` in arguments and in values of variables.
    pub name: String,
    /// Its content.
    pub content: String,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

setters! {
    InputFile {
        name(String)
        content(String)
        extra(Vec<(String, String)>)
    }
}

impl InputFile {
    /// Creates a file.
    pub fn new(name: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            content: content.into(),
            extra: Vec::new(),
        }
    }
}

/// How the host asks a program to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum StopSignal {
    /// SIGTERM.
    #[default]
    Terminate,
    /// SIGINT, as Ctrl-C does.
    Interrupt,
}

impl StopSignal {
    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminate => "terminate",
            Self::Interrupt => "interrupt",
        }
    }

    /// Returns the signal with this name; [`Terminate`](Self::Terminate) for one that was added
    /// later.
    pub fn named(name: &str) -> Self {
        match name == Self::Interrupt.name() {
            true => Self::Interrupt,
            false => Self::Terminate,
        }
    }
}

/// A command for the host to run in the attempt's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CommandSpec {
    /// Name of the program on PATH. `autoissue` means the host's own binary, with `internal
    /// apply-patch` as the only arguments.
    pub program: String,
    /// Arguments. Anyone on the machine can read them: untrusted text belongs in `stdin` or
    /// `files`.
    pub args: Vec<String>,
    /// Environment variables to set, each of them in [`ProgramInfo::environment`] and granted.
    pub env: Vec<(String, String)>,
    /// Variables to pass on from the host's environment.
    pub pass_env: Vec<PassedVariable>,
    /// Text on standard input.
    pub stdin: String,
    /// Whether standard input stays open after that text, for [`AgentEvent::Send`] and
    /// [`AgentEvent::CloseInput`].
    pub keep_stdin_open: bool,
    /// Further input.
    pub files: Vec<InputFile>,
    /// How the host asks the program to stop, if [`AgentRun::on_stop`] does not tell it on its
    /// input.
    pub stop_signal: StopSignal,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

impl CommandSpec {
    /// Creates a command without arguments and input.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            ..Self::default()
        }
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn set_env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, name: impl Into<String>, content: impl Into<String>) -> Self {
        self.files.push(InputFile::new(name, content));
        self
    }
}

setters! {
    CommandSpec {
        program(String)
        args(Vec<String>)
        env(Vec<(String, String)>)
        pass_env(Vec<PassedVariable>)
        stdin(String)
        keep_stdin_open(bool)
        files(Vec<InputFile>)
        stop_signal(StopSignal)
        extra(Vec<(String, String)>)
    }
}

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of the program's output, without its line ending.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Stream that it was printed to.
    pub source: Source,
    /// Text of the line; invalid UTF-8 is replaced.
    pub text: String,
    /// Whether the line was too long and was cut.
    pub truncated: bool,
}

impl Line {
    /// Creates a complete line of standard output.
    pub fn stdout(text: &str) -> Self {
        Self {
            source: Source::Stdout,
            text: text.into(),
            truncated: false,
        }
    }

    /// Creates a complete line of standard error.
    pub fn stderr(text: &str) -> Self {
        Self {
            source: Source::Stderr,
            text: text.into(),
            truncated: false,
        }
    }
}

setters! {
    Line {
        source(Source)
        text(String)
        truncated(bool)
    }
}

/// How the program ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Exit {
    /// Exit code, if it exited.
    pub code: Option<i32>,
    /// Signal that killed it, if any.
    pub signal: Option<i32>,
    /// Why the host ended it; `None` if it ended by itself.
    pub stopped: Option<StopReason>,
}

setters! {
    Exit {
        code(Option<i32>)
        signal(Option<i32>)
        stopped(Option<StopReason>)
    }
}

/// Token usage, and its cost if the program reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Usage {
    /// Tokens read by the model, without those of the cache.
    pub input_tokens: u64,
    /// Tokens written by the model, with those of its reasoning.
    pub output_tokens: u64,
    /// Tokens read from the cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the cache.
    pub cache_write_tokens: u64,
    /// Cost in US dollars, as reported by the program or computed from its prices.
    pub usd: Option<f64>,
}

setters! {
    Usage {
        input_tokens(u64)
        output_tokens(u64)
        cache_read_tokens(u64)
        cache_write_tokens(u64)
        usd(Option<f64>)
    }
}

/// When the limit of an account ends. A backend has no clock, so it passes on what the program
/// reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum LimitEnd {
    /// The program does not report it.
    Unknown,
    /// At this time, in milliseconds since the Unix epoch.
    AtMs(u64),
    /// This many seconds from now.
    InS(u64),
}

/// The meaning of a program's output.
///
/// Which event counts if several are about the same thing:
///
/// - The end: the last of [`RateLimited`](Self::RateLimited), [`Overloaded`](Self::Overloaded),
///   [`AuthFailed`](Self::AuthFailed), [`Unreachable`](Self::Unreachable),
///   [`ContextFull`](Self::ContextFull), [`BudgetReached`](Self::BudgetReached),
///   [`TurnsReached`](Self::TurnsReached), [`SessionGone`](Self::SessionGone),
///   [`Failed`](Self::Failed), [`Invalid`](Self::Invalid) and [`Done`](Self::Done). A program that
///   recovers needs no event for it: a later `Done` counts.
/// - What the host did counts more than any event: a run that it ended because of a limit or an
///   interrupt has not succeeded, except if its final event came before.
/// - `Done` counts only if the program then exits with 0, or if the host had to end it. Without an
///   event about the end, the run counts as crashed.
/// - Cost: the highest [`FinalCost`](Self::FinalCost), if no usage with a higher cost follows it.
///   Otherwise the last [`UsageTotal`](Self::UsageTotal), plus each later
///   [`UsageDelta`](Self::UsageDelta); it is then a lower bound.
/// - Tokens: the last `UsageTotal`; without one, the sum of the `UsageDelta`s.
/// - [`Session`](Self::Session), [`Model`](Self::Model), [`Turns`](Self::Turns),
///   [`Answer`](Self::Answer): the last one. [`Denied`](Self::Denied) and
///   [`OperatorNote`](Self::OperatorNote): each different one, up to 20 and 5.
///
/// So do not report a general `Failed` for an exit code if the output has said more.
///
/// Texts that people see in one line (`Model`, `Denied`, `OperatorNote`) are cut to 2,000 bytes,
/// without control characters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum AgentEvent {
    /// Id of the agent's session: at most 128 letters, digits and `-_.:/=+@`, the first of them a
    /// letter or a digit. Others are ignored.
    Session(String),
    /// Name of the model that answers, which need not be the one that was asked for.
    Model(String),
    /// Text written by the agent.
    Text(String),
    /// Reasoning of the agent.
    Thinking(String),
    /// A tool call started.
    ToolStart {
        /// Id of the call.
        id: String,
        /// Name of the tool.
        name: String,
        /// Arguments, JSON.
        input: String,
    },
    /// A tool call ended.
    ToolEnd {
        /// Id of the call.
        id: String,
        /// Whether it succeeded.
        ok: bool,
        /// Output of the tool.
        output: String,
    },
    /// Usage since the last event of this kind.
    UsageDelta(Usage),
    /// Total usage so far. Replaces the sum of the deltas.
    UsageTotal(Usage),
    /// Final cost of the run in US dollars.
    FinalCost(f64),
    /// Number of turns so far.
    Turns(u32),
    /// A tool call was denied; contains the tool's name.
    Denied(String),
    /// The service limits the account.
    RateLimited(LimitEnd),
    /// The service is overloaded or unavailable.
    Overloaded(String),
    /// The service rejects the credentials, or every request with this configuration. The host
    /// tries once more, then interrupts the session.
    AuthFailed(String),
    /// The service cannot be reached.
    Unreachable(String),
    /// The conversation no longer fits the model's context.
    ContextFull,
    /// The run reached its budget.
    BudgetReached,
    /// The run reached its turn limit.
    TurnsReached,
    /// The session to resume no longer exists. The next attempt starts a new one, and this one does
    /// not count as a try. It costs nothing if the agent did nothing and no cost is reported.
    SessionGone,
    /// The requested answer, as JSON. Without this event, the final message counts as the answer.
    Answer(String),
    /// The agent reports that it finished; contains its summary.
    Done(Option<String>),
    /// The agent gave up; contains the reason.
    Failed(String),
    /// The input is invalid, so that no further attempt can succeed; contains what is wrong.
    Invalid(String),
    /// Text to write to the program's standard input, which must be open. The run fails if all
    /// these texts together are longer than 64 MiB.
    Send(String),
    /// Closes the program's standard input.
    CloseInput,
    /// Ends the program, as if the host wanted it to end. An event about the end comes first, and a
    /// later `Done` does not count: a backend can enforce a limit that its program does not have.
    Stop,
    /// A remark for the transcript.
    Note(String),
    /// Something that the operator should know, such as an outdated program. It is in the report.
    OperatorNote(String),
}
