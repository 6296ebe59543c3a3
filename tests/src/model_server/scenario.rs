//! What is said to what: one function from a scenario and a conversation to an answer.

use serde_json::{Value, json};

use super::conversation::Conversation;

/// Words of ours in a prompt that tell of an attempt whose checks failed.
const FEEDBACK: &str = "An earlier attempt was not good enough.";
/// What the model says until it is cut short by the limit of tokens.
const HALF: &str = "This is half of it,";
/// How long the account's limit lasts, seconds. Long enough for an agent to start and meet it.
const LIMIT_S: u64 = 5;
/// As the service words it.
const NO_CREDIT: &str = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade \
                         or purchase credits.";
/// How the planner's prompt begins, by which it is known from those of agents.
const PLANNER: &str = "Split the directive below into issues";
/// How a helper's task begins, by which it is known from the agent's own.
const HELPER_TASK: &str = "Count the files";

/// What the model does. `issue-N.txt` is the file of the issue that the prompt names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scenario {
    /// Writes `issue-N.txt`, and is done.
    Success,
    /// Writes it with the shell and commits it, and is done.
    Shell,
    /// Tries to fetch a page, which is denied; then writes the file.
    Denied,
    /// Writes the file; then each turn costs about a dollar, for ever.
    Costly,
    /// Each turn lists files, for ever.
    Loop,
    /// Starts a helper, and is done when that is.
    Helper,
    /// As the planner it reads `README.md`, tries to write `~/planner-was-here`, and answers with two issues, the second of which
    /// depends on the first; as an agent it does as [`Self::Success`].
    Planner,
    /// Runs a command that writes half of the file and ends when there is a file `go` in the home directory; then writes the rest.
    SlowTool,
    /// Writes the wrong thing; with an earlier attempt's checks in the prompt, the right one.
    SecondTry,
    /// As [`Self::SecondTry`] in a first attempt, and dear; with an earlier attempt's checks in the prompt each turn costs about a
    /// dollar, for ever.
    CostlySecondTry,
    /// Its answer ends at the limit of tokens, once.
    MaxTokens,
    /// Does not want to.
    Refusal,
    /// Each answer is cut in its middle.
    Cut,
    /// Never answers.
    Hang,
    /// The first two tries of a session are refused as overloaded; then as [`Self::Success`].
    OverloadedTwice,
    /// As overloaded in the middle of its answer.
    OverloadedLate,
    /// A subscription's limit is reached for some seconds from the first request on; then as [`Self::Success`].
    LimitReached,
    /// The account has no money.
    NoCredit,
    /// The conversation is too long.
    TooLong,
    /// Every request is refused with this status.
    Refused(u16),
}

/// The statuses with which requests are refused.
const STATUSES: [(u16, &str); 7] = [
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (429, "429"),
    (500, "500"),
    (529, "529"),
];

/// Scenarios by name, but for the statuses.
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
    /// Returns its name in addresses.
    ///
    /// # Panics
    /// For a status that is none of those that a scenario has.
    pub fn name(self) -> &'static str {
        let status = STATUSES
            .iter()
            .find(|(status, _)| self == Self::Refused(*status))
            .map(|(_, name)| *name);
        let named = NAMES
            .iter()
            .find(|(scenario, _)| *scenario == self)
            .map(|(_, name)| *name);
        status.or(named).expect("every scenario is on a list")
    }

    /// Returns the scenario of a name.
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

/// What a request gets.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A message of the model.
    Message(Message),
    /// Its beginning; then the connection ends.
    Cut(Message),
    /// Its beginning; then an error, though the status said that all is well.
    Broken(Message, ApiError),
    /// An error of the service.
    Error(ApiError),
    /// Nothing, for ever.
    Nothing,
}

/// What the model says and does in one turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// What it thinks before.
    pub(crate) thinking: &'static str,
    /// What it says.
    pub(crate) text: String,
    /// Tools that it calls: name and input.
    pub(crate) calls: Vec<(&'static str, Value)>,
    /// Why it stops, where neither a call nor the end of its words is why.
    pub(crate) stop: Option<&'static str>,
    /// What the turn took.
    pub(crate) tokens: Tokens,
}

/// Tokens of one turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokens {
    /// Read, and not from the cache.
    pub(crate) input: u64,
    /// Written to the cache for five minutes.
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

/// An error of the service.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    /// HTTP status.
    pub(crate) status: u16,
    /// For people.
    pub(crate) message: String,
    /// When the account's limit ends, seconds since the Unix epoch, where that is why.
    pub(crate) limit_resets_s: Option<u64>,
}

impl ApiError {
    /// Makes one.
    pub(crate) fn new(status: u16, message: &str) -> Self {
        Self {
            status,
            message: message.to_owned(),
            limit_resets_s: None,
        }
    }
}

/// What a request does not tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// How many requests the agent's session has made before.
    pub(crate) n_earlier: u32,
    /// When this is, and when the first request of the scenario was, seconds since the Unix epoch.
    pub(crate) now_s: u64,
    pub(crate) first_s: u64,
}

/// Returns what is said to a conversation.
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
        Scenario::OverloadedLate => Answer::Broken(
            says("This will not be said to its end either."),
            refused(529),
        ),
        Scenario::LimitReached if before.now_s < limit_resets_s => Answer::Error(ApiError {
            limit_resets_s: Some(limit_resets_s),
            ..refused(429)
        }),
        Scenario::Cut => Answer::Cut(says(
            "This will never be said to its end, for the line is cut.",
        )),
        scenario => Answer::Message(turn(scenario, conversation)),
    }
}

/// Returns the turn of the model that follows on so many answered calls.
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
        (Scenario::Costly, 1..) => dear(runs("This takes much thought.", "ls")),
        (Scenario::CostlySecondTry, _) if conversation.prompt.contains(FEEDBACK) => {
            dear(runs("This takes much thought.", "ls"))
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
            calls("I ask a helper.", "Agent", task)
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
            // Shows that the file of the first attempt is still there, and that the agent remembers having written it.
            calls(
                "Mending it.",
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

/// Returns the turn of a planner.
fn plans(n_results: usize, directory: &str) -> Message {
    match n_results {
        0 => calls(
            "I look at the code.",
            "Read",
            json!({"file_path": format!("{directory}/README.md")}),
        ),
        1 => runs("I write something.", "touch ~/planner-was-here"),
        2 => calls(
            "The plan is made.",
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

/// Returns a first turn: nothing is in the cache yet, and the model thinks.
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
        thinking: "The issue wants a file.",
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
        403 => "your key may not use this",
        404 => "model: no-such-model",
        429 => "this would exceed the limit of requests of your account",
        500 => "internal server error",
        529 => "Overloaded",
        _ => "the request is wrong",
    };
    ApiError::new(status, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name() {
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
