//! Agent backends: which program runs as the agent, and what does its output mean?
//!
//! A backend runs nothing. It says which program to run and reads what that program prints:
//!
//! ```text
//!   start(task) ──► command ──► the host runs it ──► on_lines(lines) ──► events
//!                                               └──► on_exit(exit)   ──► events
//! ```
//!
//! Nothing that an agent says is believed: the host looks at what git shows and runs the repository's checks.

use serde::{Deserialize, Serialize};

use crate::model_selector::Effort;
use crate::{Description, Issue, PluginError, Settings};

/// Knows one kind of agent program.
pub trait AgentBackend: Send + Sync {
    /// Returns who this backend is.
    fn describe(&self) -> Description;

    /// Returns what it takes as settings; by default none.
    fn settings(&self) -> Settings {
        Settings::none()
    }

    /// Returns whether these settings are right. Asked before a session has any effect.
    ///
    /// # Errors
    /// [`PluginError::InvalidSettings`], which is shown to the operator as it is.
    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        self.settings().check(settings)
    }

    /// Returns the program that it needs and how its cost is known.
    ///
    /// # Errors
    /// [`PluginError::InvalidSettings`] where the settings are wrong.
    fn probe(&self, settings: &str) -> Result<ProgramInfo, PluginError>;

    /// Returns the command for one attempt, and the reader of its output.
    ///
    /// # Errors
    /// [`PluginError::InvalidInput`] where this issue cannot be worked on; the attempt then fails without a program started.
    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError>;
}

/// Reads the output of one attempt's program.
pub trait AgentRun: Send {
    /// Returns what the lines mean. Lines come in order, in batches of any size.
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent>;

    /// Returns what the end of the program means. The last call.
    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent>;
}

/// What a backend needs from the machine, and how its cost is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgramInfo {
    /// Program, a name on PATH. `autoissue` means the host's own binary, with the arguments
    /// `internal apply-patch` alone.
    pub program: String,
    /// Arguments that make it print its version.
    pub version_args: Vec<String>,
    /// What to tell someone who does not have it.
    pub install_hint: String,
    /// How its cost is known.
    pub metering: Metering,
    /// Models that it offers, weakest and cheapest first; empty where there is no choice.
    pub models: Vec<String>,
    /// Names of environment variables that the program needs.
    pub environment: Vec<String>,
}

/// How the cost of a backend's runs is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Metering {
    /// It costs nothing.
    Free,
    /// Its output tells the cost while it runs.
    AsItGoes,
    /// Its output tells the cost at the end only.
    AtTheEnd,
}

/// One attempt, as the agent is told of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AgentTask {
    /// Settings of this strategy, one JSON text; empty where there are none.
    pub settings: String,
    /// The issue. Data, never instructions to the host.
    pub issue: Issue,
    /// Prompt, made by the host from the issue.
    pub prompt: String,
    /// Model; `None` leaves it to the program.
    pub model: Option<String>,
    /// How hard it should think, as the model selector said; `None` leaves it to the program.
    pub effort: Option<Effort>,
    /// Directory that the program works in, absolute.
    pub directory: String,
    /// Identifier to give to the agent's session, so that a later attempt can go on with it: a UUID.
    pub session: String,
    /// Session of an earlier attempt to go on with.
    pub resume: Option<String>,
    /// Most turns to take; `None` leaves it to the program.
    pub max_turns: Option<u32>,
    /// Most to spend, US dollars; `None` where the backend is free.
    pub budget_usd: Option<f64>,
    /// Whether the agent asks for no permission.
    pub yolo: bool,
    /// Tools that the agent may use; empty means file edits and shell.
    pub allowed_tools: Vec<String>,
    /// Whether the agent may only look. It then gets no tool that writes or runs anything, whatever else is allowed.
    pub read_only: bool,
    /// JSON Schema that the agent's last words are to fit, where an answer is wanted rather than work. The prompt says so too, for
    /// programs that cannot be told otherwise. A backend whose program answers nothing refuses such a task.
    pub answer_schema: Option<String>,
    /// Facts that later versions add, as name and value:
    /// - `checkout`: the user's own checkout, which is not where the agent works;
    /// - `session-cost`: what the session to go on with has cost so far, US dollars;
    /// - `user`: `root`, where that is who runs the program;
    /// - `environment`: which of the variables that the backend names the program will see, separated by spaces.
    ///
    /// Each may be missing. `user` and `environment` are told before a session begins, when nobody waits for the command yet: a backend
    /// that cannot work so answers [`PluginError::InvalidSettings`], and the session does not begin.
    pub extra: Vec<(String, String)>,
}

impl AgentTask {
    /// Returns a fact of [`extra`](Self::extra).
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.extra
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Makes an agent's task of another form of it, the SDK's of the WIT package's or the other way round: fields of one name and type are
/// copied. Such a field is added here once, and at neither end.
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
    /// Program, a name on PATH. `autoissue` means the host's own binary, with the arguments
    /// `internal apply-patch` alone.
    pub program: String,
    /// Arguments. Text from outside belongs in `input`, not here.
    pub args: Vec<String>,
    /// Environment variables to set, beyond the host's list.
    pub env: Vec<(String, String)>,
    /// Names of the host's variables to pass on.
    pub pass_env: Vec<String>,
    /// What the program gets to read.
    pub input: CommandInput,
}

/// How the program gets its input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandInput {
    /// It gets none.
    #[default]
    None,
    /// On standard input.
    Stdin(String),
    /// In a file, whose path replaces `{prompt-file}` in the arguments.
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

/// A line that the program printed, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it was printed.
    pub source: Source,
    /// Its text; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// Whether its end was cut off for its length.
    pub truncated: bool,
}

impl Line {
    /// Makes a whole line of standard output.
    pub fn stdout(text: &str) -> Self {
        Self {
            source: Source::Stdout,
            text: text.into(),
            truncated: false,
        }
    }

    /// Makes a whole line of standard error.
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
    /// Exit code, where it exited.
    pub code: Option<i32>,
    /// Signal, where one ended it.
    pub signal: Option<i32>,
}

/// Tokens, and their cost where the program tells it.
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
    /// Cost, US dollars.
    pub usd: Option<f64>,
}

/// What a program's output means.
///
/// A run that shows neither [`Done`](Self::Done) nor a failure by its end has crashed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum AgentEvent {
    /// The agent's session has this identifier.
    Session(String),
    /// The agent says something.
    Text(String),
    /// The agent thinks aloud.
    Thinking(String),
    /// A tool starts.
    ToolStart {
        /// Identifier of the call.
        id: String,
        /// Name of the tool.
        name: String,
        /// Arguments, JSON.
        input: String,
    },
    /// A tool has ended.
    ToolEnd {
        /// Identifier of the call.
        id: String,
        /// Whether it succeeded.
        ok: bool,
        /// What it printed.
        output: String,
    },
    /// Used since the last such event.
    UsageDelta(Usage),
    /// Used so far, all in all. Replaces what the deltas added up to.
    UsageTotal(Usage),
    /// The cost of the run is known and final, US dollars.
    FinalCost(f64),
    /// A tool call was denied; its name.
    Denied(String),
    /// The service limits the account, until this time in milliseconds since the Unix epoch where it is known.
    RateLimited(Option<u64>),
    /// The service is overloaded or out of order.
    Overloaded(String),
    /// The service does not accept the credentials, or nothing that is asked of it with this configuration. It is tried once more;
    /// then the session waits for a person.
    AuthFailed(String),
    /// The service cannot be reached.
    Unreachable(String),
    /// The conversation does not fit the model any more.
    ContextFull,
    /// The run's budget is used up.
    BudgetReached,
    /// The run's turns are used up.
    TurnsReached,
    /// The agent gives the answer that was asked for, JSON. Without this event its last words count.
    Answer(String),
    /// The agent says that it is done; its summary.
    Done(Option<String>),
    /// The agent gave up; its reason.
    Failed(String),
    /// The input is wrong, so that no further attempt can succeed; what is wrong.
    Invalid(String),
    /// Something that the transcript should keep.
    Note(String),
}
