//! A fake `claude`: accepts its arguments, prints its lines, and changes the working directory as
//! the issue says.
//!
//! The issue body, and so the prompt, contains a line of runs: one list of steps per launch for the
//! issue. The last list also applies to all later launches.
//!
//! ```text
//!   fake: [[{"write": ["a.txt", "text"]}, {"meter": 0.3}, {"result": {}}], [{"api_error": [529, "busy"]}]]
//! ```
//!
//! Without such a line it writes `issue-N.txt` for issue N, spends two cents and succeeds, so that
//! any backlog can be run.
//!
//! A planner (a launch with an answer schema) reads its runs from `$HOME/planner.json` instead.
//!
//! `{"look": "~/seen"}` records what an agent can see of its session, for tests of what must stay
//! hidden: its environment and arguments, its open files, and the command lines of all processes of
//! the session.
//!
//! Like the real program it rejects unknown arguments, never reuses a session id, cannot resume an
//! unknown session, and checks its budget between turns. A run whose steps end before a result
//! prints none. Each launch is recorded in `$HOME/launches.jsonl` with everything it was given.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, exit};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use autoissue_tests::family;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Polling interval of a condition.
const POLL: Duration = Duration::from_millis(5);
/// The version it reports. Since this release the totals of a resumed session continue from the
/// earlier ones.
const VERSION: &str = "2.1.332";
/// The model it reports, and that model's price per million input tokens, US dollars.
const MODEL: &str = "claude-sonnet-5";
const USD_PER_MILLION: f64 = 3.0;
/// Arguments that take a value.
const OPTIONS: [&str; 11] = [
    "--output-format",
    "--model",
    "--effort",
    "--session-id",
    "--resume",
    "--max-turns",
    "--max-budget-usd",
    "--settings",
    "--permission-mode",
    SCHEMA,
    "--tools",
];
/// Passed to planners only.
const SCHEMA: &str = "--json-schema";
/// Arguments without a value.
const SWITCHES: [&str; 5] = [
    "-p",
    "--verbose",
    "--include-partial-messages",
    "--dangerously-skip-permissions",
    "--strict-mcp-config",
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args == ["--version"] {
        say(format!("{VERSION} (Claude Code)"));
        return ExitCode::SUCCESS;
    }
    let options = options(&args);
    let mut prompt = String::new();
    std::io::stdin()
        .read_to_string(&mut prompt)
        .expect("the prompt is UTF-8");
    let earlier = launches();
    note(&args, &prompt);
    let session = take_session(&options, &earlier);
    let (issue, runs) = if options.contains_key(SCHEMA) {
        planner_scenario()
    } else {
        scenario(&prompt)
    };
    let runs = if runs.is_empty() {
        plain_success(&issue)
    } else {
        runs
    };
    let n_earlier = earlier
        .iter()
        .filter(|launch| issue_of(launch) == issue)
        .count();
    let steps = runs
        .get(n_earlier)
        .or(runs.last())
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    say(
        json!({"type": "system", "subtype": "init", "session_id": session, "model": MODEL,
               "claude_code_version": VERSION}),
    );
    let limit = options
        .get("--max-budget-usd")
        .and_then(Value::as_str)
        .and_then(|usd| usd.parse().ok());
    let mut run = FakeRun {
        before: fs::read_to_string(total_file(&session))
            .ok()
            .and_then(|usd| usd.parse().ok())
            .unwrap_or_default(),
        session,
        limit,
        ..FakeRun::default()
    };
    for step in &steps {
        let (what, how) = step
            .as_object()
            .and_then(|step| step.iter().next())
            .expect("a step is `{what: how}`");
        run.step(what, how);
    }
    ExitCode::from(u8::from(run.failed))
}

/// Returns the options by name. Exits like the real program on an unknown option.
fn options(args: &[String]) -> Map<String, Value> {
    let mut found = Map::new();
    let mut args = args.iter().peekable();
    while let Some(arg) = args.next() {
        if arg == "--allowedTools" {
            break;
        }
        if arg == "--disallowedTools" {
            while args.next_if(|tool| !tool.starts_with("--")).is_some() {}
            continue;
        }
        let value = if OPTIONS.contains(&arg.as_str()) {
            args.next().map(String::as_str)
        } else {
            Some("")
        };
        match value {
            Some(value) if !value.is_empty() || SWITCHES.contains(&arg.as_str()) => {
                found.insert(arg.clone(), value.into());
            }
            _ => refuse(&format!("error: unknown option '{arg}'")),
        }
    }
    if found.get("--output-format") != Some(&"stream-json".into())
        || !found.contains_key("--verbose")
    {
        refuse("Error: When using --print, --output-format=stream-json requires --verbose");
    }
    found
}

fn refuse(words: &str) -> ! {
    writeln!(std::io::stderr(), "{words}").expect("standard error is open");
    exit(1)
}

/// Returns the session id. Exits if it is already in use, or unknown when resuming.
fn take_session(options: &Map<String, Value>, earlier: &[Value]) -> String {
    let is_known = |id: &str| {
        let is_forgotten = in_home(&format!("forgotten-{id}")).exists();
        let mut earlier = earlier.iter();
        !is_forgotten && earlier.any(|launch| launch["args"].to_string().contains(id))
    };
    if let Some(id) = options.get("--resume").and_then(Value::as_str) {
        if !is_known(id) {
            let words = format!("No conversation found with session ID: {id}");
            say(
                json!({"type": "result", "subtype": "error_during_execution", "is_error": true, "session_id": id,
                       "num_turns": 0, "total_cost_usd": 0, "permission_denials": [], "errors": [words]}),
            );
            refuse(&words);
        }
        return id.to_owned();
    }
    let id = options
        .get("--session-id")
        .and_then(Value::as_str)
        .unwrap_or("00000000-0000-4000-8000-000000000000");
    if is_known(id) {
        refuse(&format!("Error: Session ID {id} is already in use."));
    }
    id.to_owned()
}

/// Returns the issue's line and its runs, read from a prompt.
fn scenario(prompt: &str) -> (String, Vec<Value>) {
    let issue = prompt
        .lines()
        .find(|line| line.starts_with("Issue #"))
        .unwrap_or_default()
        .to_owned();
    let runs = prompt.lines().find_map(|line| line.strip_prefix("fake: "));
    let runs = runs
        .map(|runs| serde_json::from_str(runs).expect("the runs are JSON"))
        .unwrap_or_default();
    (issue, runs)
}

/// Stands for the issue in a planner's launch.
const PLANNER: &str = "the planner";

fn planner_scenario() -> (String, Vec<Value>) {
    let runs = fs::read(in_home("planner.json")).expect("the planner's runs");
    (
        PLANNER.to_owned(),
        serde_json::from_slice(&runs).expect("the runs are JSON"),
    )
}

/// Returns the issue's line of a recorded launch.
fn issue_of(launch: &Value) -> String {
    let is_planner = launch["args"]
        .as_array()
        .expect("the arguments")
        .contains(&SCHEMA.into());
    if is_planner {
        PLANNER.to_owned()
    } else {
        scenario(text(launch, "prompt")).0
    }
}

/// Returns the runs for an issue that specifies none.
fn plain_success(issue: &str) -> Vec<Value> {
    let number = issue
        .trim_start_matches("Issue #")
        .split(':')
        .next()
        .unwrap_or_default();
    vec![
        json!([{"write": [format!("issue-{number}.txt"), number]}, {"meter": 0.02}, {"result": {}}]),
    ]
}

fn in_home(name: &str) -> PathBuf {
    Path::new(&std::env::var_os("HOME").expect("a home")).join(name)
}

/// Returns the file that stores the total cost of a session.
fn total_file(session: &str) -> PathBuf {
    in_home(&format!("total-{session}"))
}

fn launches_file() -> PathBuf {
    in_home("launches.jsonl")
}

fn launches() -> Vec<Value> {
    let text = fs::read_to_string(launches_file()).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a launch is JSON"))
        .collect()
}

fn note(args: &[String], prompt: &str) {
    let env: Map<String, Value> = std::env::vars()
        .map(|(name, value)| (name, value.into()))
        .collect();
    let directory = std::env::current_dir().expect("a directory");
    let launch = json!({"pid": std::process::id(), "args": args, "env": env, "directory": directory, "prompt": prompt});
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(launches_file())
        .expect("the launches");
    // A single write, so that concurrent launches do not interleave.
    file.write_all(format!("{launch}\n").as_bytes())
        .expect("the launch is recorded");
}

fn say(line: impl ToString) {
    let mut out = std::io::stdout().lock();
    // The reader may already be gone; changes to the directory must not depend on it.
    let _ = out
        .write_all(format!("{}\n", line.to_string()).as_bytes())
        .and_then(|()| out.flush());
}

/// Prints a line of bytes that may not be valid text.
fn print_bytes(bytes: &Value) {
    fn byte(byte: &Value) -> u8 {
        byte.as_u64()
            .and_then(|byte| u8::try_from(byte).ok())
            .expect("a byte")
    }

    let mut line: Vec<u8> = bytes.as_array().expect("bytes").iter().map(byte).collect();
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(&line).and_then(|()| out.flush());
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn string(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// Returns a path; a leading `~/` stands for `$HOME`.
fn path(value: &Value) -> PathBuf {
    match string(value).strip_prefix("~/") {
        Some(rest) => in_home(rest),
        None => string(value).into(),
    }
}

#[derive(Default)]
struct FakeRun {
    session: String,
    limit: Option<f64>,
    /// The session's cost before this run.
    before: f64,
    spent: f64,
    n_messages: u32,
    cost: Option<f64>,
    denied: Vec<String>,
    failed: bool,
    deaf: Option<(Runtime, Signal)>,
}

impl FakeRun {
    fn step(&mut self, what: &str, how: &Value) {
        match what {
            "write" => self.write(&path(&how[0]), string(&how[1])),
            "run" => shell(string(how)),
            "huge_file" => File::create(path(&how[0]))
                .and_then(|file| file.set_len(how[1].as_u64().expect("a size in bytes")))
                .expect("the huge file"),
            "say" => self.assistant(string(how)),
            "print" => say(string(how)),
            "print_bytes" => print_bytes(how),
            "look" => look(&path(how)),
            "flood" => {
                (0..how.as_u64().expect("a number of lines")).for_each(|_| say("x".repeat(1_000)))
            }
            "meter" => self.meter(how.as_f64().expect("US dollars")),
            "cost" => self.cost = how.as_f64(),
            "deaf_to_budget" => self.limit = None,
            "forget_session" => {
                File::create(in_home(&format!("forgotten-{}", self.session)))
                    .expect("the session is removed");
            }
            "denied" => self.denied.push(string(how).to_owned()),
            "result" => self.result(how),
            "api_error" => self.api_error(how[0].as_u64().expect("a status"), string(&how[1])),
            "limit_for_s" => limit(how.as_u64().expect("seconds")),
            "wait_for" => wait_for(&path(how)),
            "ignore_sigterm" => self.ignore_sigterm(),
            "wait_for_sigterm" => self.wait_for_sigterm(),
            "stall" => loop {
                std::thread::park();
            },
            "complain" => {
                writeln!(std::io::stderr(), "{}", string(how)).expect("standard error is open");
            }
            "exit" => exit(i32::try_from(how.as_i64().expect("a code")).expect("a code")),
            _ => panic!("unknown step: {what}"),
        }
    }

    /// Writes a file, like the tool of that name.
    fn write(&mut self, path: &Path, content: &str) {
        let id = format!("toolu_{}", self.n_messages);
        let input = json!({"file_path": path, "content": content});
        self.message(json!([{"type": "tool_use", "id": id, "name": "Write", "input": input}]));
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).expect("the directory");
        }
        fs::write(path, content).expect("the file");
        let content = json!([{"type": "tool_result", "tool_use_id": id, "content": "written"}]);
        self.say(json!({"type": "user", "message": {"role": "user", "content": content}}));
    }

    fn assistant(&mut self, text: &str) {
        self.message(json!([{"type": "text", "text": text}]));
    }

    fn message(&mut self, content: Value) {
        self.start_message(0);
        let message = json!({"id": format!("msg_{}", self.n_messages), "model": MODEL, "content": content,
                             "usage": {"input_tokens": 0, "output_tokens": 0}});
        self.say(json!({"type": "assistant", "message": message}));
    }

    fn start_message(&mut self, n_tokens: u64) {
        self.n_messages += 1;
        let message = json!({"id": format!("msg_{}", self.n_messages), "model": MODEL,
                             "usage": {"input_tokens": n_tokens, "output_tokens": 0}});
        self.say(
            json!({"type": "stream_event", "event": {"type": "message_start", "message": message}}),
        );
    }

    /// Prints a line with the session id.
    fn say(&self, mut line: Value) {
        line["session_id"] = self.session.clone().into();
        line["parent_tool_use_id"] = Value::Null;
        say(line);
    }

    /// Takes a turn that costs `usd`, then checks its budget, which covers this run alone.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a test spends a few dollars"
    )]
    fn meter(&mut self, usd: f64) {
        self.spent += usd;
        self.start_message((usd / USD_PER_MILLION * 1e6).round() as u64);
        self.say(json!({"type": "stream_event", "event": {"type": "message_delta", "usage": {"output_tokens": 0}}}));
        if self.limit.is_some_and(|limit| limit <= self.spent) {
            self.result(
                &json!({"subtype": "error_max_budget_usd", "is_error": true, "result": null,
                                "errors": ["Reached maximum budget"]}),
            );
            exit(1);
        }
    }

    /// Prints a result: a successful one, with `changes` applied.
    fn result(&mut self, changes: &Value) {
        let cost = self.before + self.cost.unwrap_or(self.spent);
        fs::write(total_file(&self.session), cost.to_string()).expect("the total is written");
        let denials: Vec<Value> = self
            .denied
            .iter()
            .map(|tool| json!({"tool_name": tool}))
            .collect();
        let mut line = json!({
            "type": "result", "subtype": "success", "is_error": false, "api_error_status": null, "num_turns": 1,
            "result": "Done.", "stop_reason": "end_turn", "session_id": self.session, "total_cost_usd": cost,
            "modelUsage": {MODEL: {"inputTokens": 1000, "outputTokens": 50, "costUSD": cost}},
            "permission_denials": denials, "terminal_reason": "completed",
        });
        for (key, value) in changes.as_object().expect("the changes of a result") {
            line[key] = value.clone();
        }
        self.failed = line["is_error"] == true;
        say(line);
    }

    /// Prints an API error in the program's own format.
    fn api_error(&mut self, status: u64, words: &str) {
        let kind = match status {
            401 | 403 => "authentication_failed",
            404 => "model_not_found",
            429 => "rate_limit",
            500.. => "server_error",
            _ => "invalid_request",
        };
        let message = json!({"id": "s", "model": "<synthetic>", "content": [{"type": "text", "text": words}]});
        self.say(json!({"type": "assistant", "error": kind, "message": message}));
        self.result(&json!({"is_error": true, "api_error_status": status, "result": words}));
    }

    /// Ignores SIGTERM from now on.
    fn ignore_sigterm(&mut self) {
        let runtime = Runtime::new().expect("a runtime");
        let signal = runtime
            .block_on(async { signal(SignalKind::terminate()) })
            .expect("a handler");
        self.deaf = Some((runtime, signal));
    }

    fn wait_for_sigterm(&mut self) {
        let (runtime, signal) = self.deaf.as_mut().expect("`ignore_sigterm` ran earlier");
        runtime.block_on(signal.recv());
    }
}

fn limit(seconds: u64) {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    let info = json!({"status": "rejected", "resetsAt": now.as_secs() + seconds, "rateLimitType": "five_hour"});
    say(json!({"type": "rate_limit_event", "rate_limit_info": info}));
}

fn look(into: &Path) {
    fn link(entry: &fs::DirEntry) -> Option<String> {
        fs::read_link(entry.path())
            .ok()
            .map(|target| target.display().to_string())
    }

    let files: Vec<String> = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| link(&entry))
        .collect();
    let environment = fs::read("/proc/self/environ").unwrap_or_default();
    let seen = json!({
        "args": std::env::args().collect::<Vec<_>>(),
        "environment": String::from_utf8_lossy(&environment).split_terminator('\0').collect::<Vec<_>>(),
        "files": files,
        "command_lines": family::command_lines(),
    });
    fs::write(into, format!("{seen}\n")).expect("the file");
}

fn wait_for(path: &Path) {
    while !path.exists() {
        sleep(POLL);
    }
}

#[expect(clippy::disallowed_methods, reason = "agents start programs")]
fn shell(script: &str) {
    let status = Command::new("sh")
        .args(["-c", script])
        .status()
        .expect("a shell");
    assert!(status.success(), "`{script}` failed: {status}");
}
