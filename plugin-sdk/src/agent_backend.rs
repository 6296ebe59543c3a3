//! Agent backends: which program runs as the agent, and what its output means.
//!
//! A backend does not run anything itself. It names the program to run and interprets the program's
//! output:
//!
//! ```text
//!   start(task) ──► command ──► the host runs it ──► on_lines(lines) ──► events
//!                                               └──► on_exit(exit)   ──► events
//! ```
//!
//! The agent's claims are not trusted: the host inspects the changes with git and runs the
//! repository's checks.

use serde::{Deserialize, Serialize};

use crate::model_selector::Effort;
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

    /// Returns the events for the end of the program. This is the last call.
    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent>;
}

/// Requirements of a backend, and how its cost becomes known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgramInfo {
    /// Name of the program on PATH. `autoissue` means the host's own binary, with `internal
    /// apply-patch` as the only arguments.
    pub program: String,
    /// Arguments that make the program print its version.
    pub version_args: Vec<String>,
    /// Hint for users who do not have the program.
    pub install_hint: String,
    /// How the cost becomes known.
    pub metering: Metering,
    /// Models that it offers, weakest and cheapest first; empty if there is no choice.
    pub models: Vec<String>,
    /// Names of environment variables that the program needs.
    pub environment: Vec<String>,
}

/// How the cost of a backend's runs becomes known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Metering {
    /// Runs are free.
    Free,
    /// The output reports the cost during the run.
    AsItGoes,
    /// The output reports the cost only at the end.
    AtTheEnd,
}

/// One attempt, as described to the agent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
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
    /// Id to give to the agent's session, so that a later attempt can resume it: a UUID.
    pub session: String,
    /// Session of an earlier attempt to resume.
    pub resume: Option<String>,
    /// Maximum number of turns; `None` leaves it to the program.
    pub max_turns: Option<u32>,
    /// Maximum cost in US dollars; `None` if the backend is free.
    pub budget_usd: Option<f64>,
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
    /// Facts added by later versions, as name and value:
    /// - `checkout`: the user's own checkout, which is not the agent's working directory;
    /// - `session-cost`: cost so far of the session to resume, in US dollars;
    /// - `user`: `root`, if the program runs as root;
    /// - `environment`: the variables named by the backend that the program will see, separated by
    ///   spaces.
    ///
    /// Each may be missing. `user` and `environment` are also passed before a session starts, when
    /// the command is not used yet: a backend that cannot work under these conditions returns
    /// [`PluginError::InvalidSettings`], and the session does not start.
    pub extra: Vec<(String, String)>,
}

impl AgentTask {
    /// Returns a fact from [`extra`](Self::extra).
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.extra
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
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
            session: $from.session,
            resume: $from.resume,
            max_turns: $from.max_turns,
            budget_usd: $from.budget_usd,
            yolo: $from.yolo,
            allowed_tools: $from.allowed_tools,
            read_only: $from.read_only,
            answer_schema: $from.answer_schema,
            extra: $from.extra,
        }
    };
}

/// A command for the host to run in the attempt's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandSpec {
    /// Name of the program on PATH. `autoissue` means the host's own binary, with `internal
    /// apply-patch` as the only arguments.
    pub program: String,
    /// Arguments. Untrusted text belongs in `input`, not here.
    pub args: Vec<String>,
    /// Environment variables to set, in addition to the host's list.
    pub env: Vec<(String, String)>,
    /// Names of variables to pass on from the host's environment.
    pub pass_env: Vec<String>,
    /// Input of the program.
    pub input: CommandInput,
}

/// How the program receives its input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandInput {
    /// No input.
    #[default]
    None,
    /// On standard input.
    Stdin(String),
    /// In a file; its path replaces `{prompt-file}` in the arguments.
    File(String),
}

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of the program's output, without its line ending.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// How the program ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Exit {
    /// Exit code, if it exited.
    pub code: Option<i32>,
    /// Signal that killed it, if any.
    pub signal: Option<i32>,
}

/// Token usage, and its cost if the program reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Tokens read by the model.
    pub input_tokens: u64,
    /// Tokens written by the model.
    pub output_tokens: u64,
    /// Tokens read from the cache.
    pub cache_read_tokens: u64,
    /// Tokens written to the cache.
    pub cache_write_tokens: u64,
    /// Cost in US dollars.
    pub usd: Option<f64>,
}

/// The meaning of a program's output.
///
/// A run that ends without [`Done`](Self::Done) or a failure counts as crashed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum AgentEvent {
    /// Id of the agent's session.
    Session(String),
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
    /// A tool call was denied; contains the tool's name.
    Denied(String),
    /// The service limits the account, until this time in milliseconds since the Unix epoch if
    /// known.
    RateLimited(Option<u64>),
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
    /// The requested answer, as JSON. Without this event, the final message counts as the answer.
    Answer(String),
    /// The agent reports that it finished; contains its summary.
    Done(Option<String>),
    /// The agent gave up; contains the reason.
    Failed(String),
    /// The input is invalid, so that no further attempt can succeed; contains what is wrong.
    Invalid(String),
    /// A remark for the transcript.
    Note(String),
}
