//! The responses: one function from a scenario and a conversation to an answer.

use serde_json::{Value, json};

use super::conversation::Conversation;

/// Text of our prompt after an attempt whose checks failed.
const FEEDBACK: &str = "An earlier attempt was not good enough.";
/// The response up to the token limit.
const HALF: &str = "This is half of it,";
/// Duration of the account's limit, seconds. Long enough for an agent to start and hit it.
const LIMIT_S: u64 = 5;
/// The service's own wording.
const NO_CREDIT: &str = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade \
                         or purchase credits.";
/// Beginning of the planner's prompt, to tell it from agents' prompts.
const PLANNER: &str = "Split the directive below into issues";
/// Beginning of a sub-agent's task, to tell it from the agent's own.
const HELPER_TASK: &str = "Count the files";

/// The behaviour of the model. `issue-N.txt` is the file of the issue named in the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Writes `issue-N.txt` and finishes.
    Success,
    /// Writes and commits the file with the shell, and finishes.
    Shell,
    /// Tries to fetch a page, which is denied; then writes the file.
    Denied,
    /// Writes the file; then each turn costs about a dollar, forever.
    Costly,
    /// Lists files in each turn, forever.
    Loop,
    /// Starts a sub-agent, and finishes when it does.
    Helper,
    /// As the planner: reads `README.md`, tries to write `~/planner-was-here`, and answers with two
    /// issues of which the second depends on the first. As an agent: like [`Self::Success`].
    Planner,
    /// Runs a command that writes half of the file and waits for a file `go` in the home directory;
    /// then writes the rest.
    SlowTool,
    /// Writes the wrong content; if the prompt contains failed checks of an earlier attempt, the
    /// right content.
    SecondTry,
    /// Like [`Self::SecondTry`] in a first attempt, but expensive. If the prompt contains failed
    /// checks of an earlier attempt, each turn costs about a dollar, forever.
    CostlySecondTry,
    /// The first response stops at the token limit.
    MaxTokens,
    /// The model refuses to answer.
    Refusal,
    /// Each response is cut in the middle.
    Cut,
    /// Never responds.
    Hang,
    /// The first two requests of a session fail as overloaded; then like [`Self::Success`].
    OverloadedTwice,
    /// Reports an overload in the middle of the response.
    OverloadedLate,
    /// A subscription's limit applies for some seconds from the first request on; then like
    /// [`Self::Success`].
    LimitReached,
    /// The account has no credit.
    NoCredit,
    /// The conversation is too long.
    TooLong,
    /// Every request fails with this status.
    Refused(u16),
}

/// The supported error statuses.
const STATUSES: [(u16, &str); 7] = [
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (429, "429"),
    (500, "500"),
    (529, "529"),
];

/// The other scenarios by name.
const NAMES: [(Scenario, &str); 19] = [
    (Scenario::Success, "success"),
    (Scenario::Shell, "shell"),
    (Scenario::Denied, "denied"),
    (Scenario::Costly, "costly"),
    (Scenario::Loop, "loop"),
    (Scenario::Helper, "helper"),
    (Scenario::Planner, "planner"),
    (Scenario::SlowTool, "slow-tool"),
    (Scenario::SecondTry, "second-try"),
    (Scenario::CostlySecondTry, "costly-second-try"),
    (Scenario::MaxTokens, "max-tokens"),
    (Scenario::Refusal, "refusal"),
    (Scenario::Cut, "cut"),
    (Scenario::Hang, "hang"),
    (Scenario::OverloadedTwice, "overloaded-twice"),
    (Scenario::OverloadedLate, "overloaded-late"),
    (Scenario::LimitReached, "limit-reached"),
    (Scenario::NoCredit, "no-credit"),
    (Scenario::TooLong, "too-long"),
];

impl Scenario {
    /// Returns the scenario's name in URLs.
    ///
    /// # Panics
    ///
    /// If the scenario has an unsupported status.
    pub fn name(self) -> &'static str {
        let status = STATUSES
            .iter()
            .find(|(status, _)| self == Self::Refused(*status))
            .map(|(_, name)| *name);
        let named = NAMES
            .iter()
            .find(|(scenario, _)| *scenario == self)
            .map(|(_, name)| *name);
        status.or(named).expect("every scenario has a name")
    }

    /// Returns the scenario with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let status = STATUSES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(status, _)| Self::Refused(*status));
        status.or_else(|| {
            NAMES
                .iter()
                .find(|(_, known)| *known == name)
                .map(|(scenario, _)| *scenario)
        })
    }
}

/// The response to a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Message(Message),
    /// The beginning of a message; then the connection ends.
    Cut(Message),
    /// The beginning of a message; then an error, although the status was a success.
    Broken(Message, ApiError),
    Error(ApiError),
    /// No response, forever.
    Nothing,
}

/// The model's text and tool calls in one turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// Thinking before the text.
    pub(crate) thinking: &'static str,
    /// What it says.
    pub(crate) text: String,
    /// Tool calls: name and input.
    pub(crate) calls: Vec<(&'static str, Value)>,
    /// The reason to stop, if it is neither a tool call nor the end of the text.
    pub(crate) stop: Option<&'static str>,
    pub(crate) tokens: Tokens,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokens {
    /// Read without the cache.
    pub(crate) input: u64,
    /// Written to the five-minute cache.
    pub(crate) cache_write: u64,
    /// Read from the cache.
    pub(crate) cache_read: u64,
    /// Written by the model.
    pub(crate) output: u64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            input: 4,
            cache_write: 120,
            cache_read: 18_000,
            output: 60,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    /// HTTP status.
    pub(crate) status: u16,
    /// Human-readable message.
    pub(crate) message: String,
    /// When the account's limit ends, seconds since the Unix epoch; set if that is the reason.
    pub(crate) limit_resets_s: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(status: u16, message: &str) -> Self {
        Self {
            status,
            message: message.to_owned(),
            limit_resets_s: None,
        }
    }
}

/// State that the request does not contain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// Number of earlier requests of the agent's session.
    pub(crate) n_earlier: u32,
    /// The current time and the time of the scenario's first request, seconds since the Unix epoch.
    pub(crate) now_s: u64,
    pub(crate) first_s: u64,
}

/// Returns the response to a conversation.
pub(crate) fn answer(scenario: Scenario, conversation: &Conversation, before: Before) -> Answer {
    let limit_resets_s = before.first_s + LIMIT_S;
    match scenario {
        Scenario::Hang => Answer::Nothing,
        Scenario::Refused(status) => Answer::Error(refused(status)),
        Scenario::NoCredit => Answer::Error(ApiError::new(400, NO_CREDIT)),
        Scenario::TooLong => Answer::Error(ApiError::new(
            400,
            "prompt is too long: 250000 tokens > 200000 maximum",
        )),
        Scenario::OverloadedTwice if before.n_earlier < 2 => Answer::Error(refused(529)),
        Scenario::OverloadedLate => {
            Answer::Broken(says("This will not be finished either."), refused(529))
        }
        Scenario::LimitReached if before.now_s < limit_resets_s => Answer::Error(ApiError {
            limit_resets_s: Some(limit_resets_s),
            ..refused(429)
        }),
        Scenario::Cut => Answer::Cut(says(
            "This will never be finished because the connection is cut.",
        )),
        scenario => Answer::Message(turn(scenario, conversation)),
    }
}

/// Returns the model's turn after the given number of tool results.
fn turn(scenario: Scenario, conversation: &Conversation) -> Message {
    let file = format!(
        "{}/issue-{}.txt",
        conversation.directory,
        conversation.issue()
    );
    match (scenario, conversation.n_results) {
        (Scenario::Refusal, _) => Message {
            stop: Some("refusal"),
            ..says("")
        },
        (Scenario::MaxTokens, _) if !conversation.said.contains(HALF) => Message {
            stop: Some("max_tokens"),
            ..says(HALF)
        },
        (Scenario::MaxTokens, _) => says("and this is the rest."),
        (Scenario::Loop, _) => runs("Again.", "ls"),
        (Scenario::Costly, 1..) => dear(runs("This needs a lot of thought.", "ls")),
        (Scenario::CostlySecondTry, _) if conversation.prompt.contains(FEEDBACK) => {
            dear(runs("This needs a lot of thought.", "ls"))
        }
        (Scenario::CostlySecondTry, 0) => dear(writes(&file, "wrong\n")),
        (Scenario::Denied, 0) => calls(
            "Looking it up.",
            "WebFetch",
            json!({"url": "http://127.0.0.1:9/", "prompt": "What is there?"}),
        ),
        (Scenario::Denied, 1) => writes(&file, "done without the page\n"),
        (Scenario::Helper, 0) if conversation.prompt.starts_with(HELPER_TASK) => {
            says("There are four.")
        }
        (Scenario::Helper, 0) => {
            let task = json!({"description": "Count", "prompt": HELPER_TASK, "subagent_type": "general-purpose"});
            calls("Starting a sub-agent.", "Agent", task)
        }
        (Scenario::Planner, n) if conversation.prompt.starts_with(PLANNER) => {
            plans(n, &conversation.directory)
        }
        (Scenario::Shell, 0) => {
            let commit = "git add --all && git commit --quiet --message 'Add a file'";
            runs(
                "Adding the file.",
                &format!("echo by shell > '{file}' && {commit}"),
            )
        }
        (Scenario::SlowTool, 0) => runs(
            "This takes a while.",
            &format!(
                "echo half > '{file}'; until test -f ~/go; do sleep 0.1; done; echo whole > '{file}'"
            ),
        ),
        (Scenario::SecondTry, 0) if conversation.prompt.contains(FEEDBACK) => {
            // Shows that the first attempt's file still exists and that the agent remembers writing
            // it.
            calls(
                "Fixing it.",
                "Edit",
                json!({"file_path": file, "old_string": "wrong", "new_string": "right"}),
            )
        }
        (Scenario::SecondTry, 0) => writes(&file, "wrong\n"),
        (
            Scenario::Success
            | Scenario::Planner
            | Scenario::OverloadedTwice
            | Scenario::LimitReached
            | Scenario::Costly,
            0,
        ) => writes(&file, "done\n"),
        _ => says("Done: the file is written."),
    }
}

/// Returns a planner's turn.
fn plans(n_results: usize, directory: &str) -> Message {
    match n_results {
        0 => calls(
            "Looking at the code.",
            "Read",
            json!({"file_path": format!("{directory}/README.md")}),
        ),
        1 => runs("Writing something.", "touch ~/planner-was-here"),
        2 => calls(
            "The plan is ready.",
            "StructuredOutput",
            json!({"issues": [
                {"title": "Add the user table", "body": "Requirements: a table.\n\nAcceptance: it is there.",
                 "labels": ["database"], "complexity": "simple", "depends_on": []},
                {"title": "Log in", "body": "Requirements: a form.", "labels": ["backend", "auth"], "complexity": "medium",
                 "depends_on": [1]},
            ]}),
        ),
        _ => says("This is the plan."),
    }
}

fn says(text: &str) -> Message {
    Message {
        text: text.to_owned(),
        ..Message::default()
    }
}

fn calls(text: &str, tool: &'static str, input: Value) -> Message {
    Message {
        calls: vec![(tool, input)],
        ..says(text)
    }
}

fn runs(text: &str, command: &str) -> Message {
    calls(
        text,
        "Bash",
        json!({"command": command, "description": "Do what has to be done"}),
    )
}

/// Returns a first turn: nothing is cached yet, and the model thinks.
fn writes(file: &str, content: &str) -> Message {
    let tokens = Tokens {
        input: 12,
        cache_write: 18_000,
        cache_read: 0,
        output: 240,
    };
    let message = calls(
        "Writing the file.",
        "Write",
        json!({"file_path": file, "content": content}),
    );
    Message {
        thinking: "The issue asks for a file.",
        tokens,
        ..message
    }
}

/// Makes a turn cost about a dollar.
fn dear(message: Message) -> Message {
    let tokens = Tokens {
        input: 10_000,
        output: 60_000,
        ..Tokens::default()
    };
    Message { tokens, ..message }
}

fn refused(status: u16) -> ApiError {
    let words = match status {
        401 => "invalid x-api-key",
        403 => "your key is not allowed to use this",
        404 => "model: no-such-model",
        429 => "this would exceed your account's request limit",
        500 => "internal server error",
        529 => "Overloaded",
        _ => "the request is invalid",
    };
    ApiError::new(status, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_name() {
        let all = NAMES.iter().map(|(scenario, _)| *scenario);
        for scenario in all.chain(
            STATUSES
                .iter()
                .map(|(status, _)| Scenario::Refused(*status)),
        ) {
            assert_eq!(Scenario::named(scenario.name()), Some(scenario));
        }
        assert_eq!(Scenario::named("no such"), None);
    }
}
