//! Records the output of the real Claude Code in each scenario of the model server: `record-claude
//! PROGRAM DIRECTORY`.
//!
//! ```text
//!   DIRECTORY/NAME.jsonl   its standard output, with local paths replaced
//!   DIRECTORY/NAME.end     {"code": 1, "signal": null, "stderr": "…"}
//! ```
//!
//! The recordings are the fixtures of `plugins/claude`. Run it by hand to support a new release of
//! the program; changes in its output then show up as differences in git. It runs with its own
//! environment and home, an invalid key, and a model server on loopback.

#![expect(
    clippy::disallowed_methods,
    reason = "tests are the outside world: they start the program under test"
)]

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use autoissue_tests::model_server::{ModelServer, Scenario};
use serde_json::json;
use tempfile::TempDir;

/// Polling interval of a condition.
const POLL: Duration = Duration::from_millis(20);
/// Arguments of every run.
const ARGS: &str =
    "-p --output-format stream-json --verbose --include-partial-messages --model sonnet";
/// What is allowed without asking.
const TOOLS: &str = "--disallowedTools ScheduleWakeup Monitor CronCreate --permission-mode acceptEdits --allowedTools Bash Edit Glob Grep \
     NotebookEdit Read Write";
/// The session of a run that does not resume an earlier one.
const SESSION: &str = "--session-id 11111111-1111-4111-8111-111111111111";
const RESUMED: &str = "--resume 11111111-1111-4111-8111-111111111111";
const PROMPT: &str = "Issue #7: add a file\n";
const SECOND_PROMPT: &str =
    "Issue #7: add a file\n\nAn earlier attempt was not good enough. It says: wrong.\n";

/// Whether, when and how a run is stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Not stopped.
    Never,
    /// Stopped by this signal after it has called the model.
    Asked(&'static str),
    /// Stopped by this signal while its tool is running.
    InTool(&'static str),
}

fn main() {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [program, directory] = args.as_slice() else {
        panic!("usage: record-claude PROGRAM DIRECTORY")
    };
    let recorder = Recorder {
        program: program.clone(),
        directory: directory.clone(),
        server: ModelServer::start(),
    };
    fs::create_dir_all(directory).expect("the directory");
    let session = |more: &str| format!("{SESSION} {more} {TOOLS}");
    let plain = [
        ("success", Scenario::Success),
        ("shell", Scenario::Shell),
        ("denied", Scenario::Denied),
        ("helper", Scenario::Helper),
        ("max-tokens", Scenario::MaxTokens),
        ("refusal", Scenario::Refusal),
        ("cut", Scenario::Cut),
        ("overloaded-twice", Scenario::OverloadedTwice),
        ("overloaded-late", Scenario::OverloadedLate),
        ("limit-reached", Scenario::LimitReached),
        ("no-credit", Scenario::NoCredit),
        ("too-long", Scenario::TooLong),
        ("refused-400", Scenario::Refused(400)),
        ("refused-401", Scenario::Refused(401)),
        ("refused-403", Scenario::Refused(403)),
        ("refused-404", Scenario::Refused(404)),
        ("refused-429", Scenario::Refused(429)),
        ("refused-500", Scenario::Refused(500)),
        ("refused-529", Scenario::Refused(529)),
    ];
    for (name, scenario) in plain {
        recorder.record(name, scenario, &session(""), Stop::Never);
    }
    recorder.record(
        "budget",
        Scenario::Costly,
        &session("--max-budget-usd 2"),
        Stop::Never,
    );
    recorder.record(
        "max-turns",
        Scenario::Loop,
        &session("--max-turns 3"),
        Stop::Never,
    );
    recorder.record(
        "sigterm-in-tool",
        Scenario::SlowTool,
        &session(""),
        Stop::InTool("TERM"),
    );
    recorder.record(
        "sigint-in-tool",
        Scenario::SlowTool,
        &session(""),
        Stop::InTool("INT"),
    );
    recorder.record(
        "sigterm-in-model",
        Scenario::Hang,
        &session(""),
        Stop::Asked("TERM"),
    );
    recorder.record(
        "killed-in-model",
        Scenario::Hang,
        &session(""),
        Stop::Asked("KILL"),
    );
    recorder.record(
        "unknown-session",
        Scenario::Success,
        &format!("{RESUMED} {TOOLS}"),
        Stop::Never,
    );
    recorder.record(
        "unknown-option",
        Scenario::Success,
        "--no-such-option",
        Stop::Never,
    );
    recorder.record(
        "yolo-as-root",
        Scenario::Success,
        &format!("{SESSION} --dangerously-skip-permissions"),
        Stop::Never,
    );
    let place = Place::new();
    recorder.run(
        &place,
        Scenario::SecondTry,
        &session(""),
        Stop::Never,
        PROMPT,
    );
    recorder.keep(
        "taken-session",
        &place,
        &recorder.run(&place, Scenario::Success, &session(""), Stop::Never, PROMPT),
    );
    let resumed = format!("{RESUMED} {TOOLS}");
    let second = recorder.run(
        &place,
        Scenario::SecondTry,
        &resumed,
        Stop::Never,
        SECOND_PROMPT,
    );
    recorder.keep("resumed-session", &place, &second);
}

struct Recorder {
    program: PathBuf,
    directory: PathBuf,
    server: ModelServer,
}

/// A repository and a home directory.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            root: TempDir::new().expect("a temporary directory"),
        };
        for directory in [place.repository(), place.home()] {
            fs::create_dir_all(directory).expect("a directory");
        }
        fs::write(
            place.home().join(".gitconfig"),
            "[user]\n\tname = Ada\n\temail = ada@example.org\n",
        )
        .expect("a file");
        fs::write(place.repository().join("README.md"), "# Sample\n").expect("a file");
        for args in [
            ["init", "--quiet"].as_slice(),
            &["add", "--all"],
            &["commit", "--quiet", "--message", "first"],
        ] {
            let status = place.command("git").args(args).status().expect("git runs");
            assert!(status.success(), "git {args:?}: {status}");
        }
        place
    }

    fn repository(&self) -> PathBuf {
        self.root.path().join("repo")
    }

    fn home(&self) -> PathBuf {
        self.root.path().join("home/me")
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home());
        command.current_dir(self.repository());
        command
    }

    /// Replaces paths of this machine. Some directory names have `-` in place of `/`.
    fn scrub(&self, text: &str) -> String {
        let root = self.root.path().to_string_lossy();
        text.replace(&*root, "")
            .replace(&root.replace(['/', '.'], "-"), "")
    }
}

impl Recorder {
    fn record(&self, name: &str, scenario: Scenario, args: &str, stop: Stop) {
        let place = Place::new();
        self.keep(
            name,
            &place,
            &self.run(&place, scenario, args, stop, PROMPT),
        );
    }

    fn run(
        &self,
        place: &Place,
        scenario: Scenario,
        args: &str,
        stop: Stop,
        prompt: &str,
    ) -> Output {
        let n_asked = self.server.asked().len();
        let mut command = place.command(&self.program);
        command.args(ARGS.split(' ')).args(args.split_whitespace());
        // Only a subscriber can hit the subscription limit.
        let is_subscriber = scenario == Scenario::LimitReached;
        let login = if is_subscriber {
            "CLAUDE_CODE_OAUTH_TOKEN"
        } else {
            "ANTHROPIC_API_KEY"
        };
        for (name, value) in [
            (login, "no-key"),
            ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("CLAUDE_CODE_MAX_RETRIES", "2"),
            ("DISABLE_AUTOUPDATER", "1"),
        ] {
            command.env(name, value);
        }
        command.env("ANTHROPIC_BASE_URL", self.server.url(scenario));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        // The program may have exited without reading its input.
        let _ = child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(prompt.as_bytes());
        match stop {
            Stop::Never => {}
            Stop::Asked(name) => self.stop(&child, name, || n_asked < self.server.asked().len()),
            Stop::InTool(name) => self.stop(&child, name, || {
                place.repository().join("issue-7.txt").exists()
            }),
        }
        let output = child.wait_with_output().expect("the program ends");
        fs::write(place.home().join("go"), "").expect("the file");
        output
    }

    fn stop(&self, child: &Child, signal: &str, is_time: impl Fn() -> bool) {
        while !is_time() {
            sleep(POLL);
        }
        let status = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status()
            .expect("a signal");
        assert!(status.success(), "kill: {status}");
    }

    fn keep(&self, name: &str, place: &Place, output: &Output) {
        let address = self.server.url(Scenario::Success);
        let address = address
            .trim_start_matches("http://")
            .split('/')
            .next()
            .expect("an address");
        let text = |bytes: &[u8]| {
            place
                .scrub(&String::from_utf8_lossy(bytes))
                .replace(address, "127.0.0.1:1")
        };
        let end = json!({"code": output.status.code(), "signal": output.status.signal(), "stderr": text(&output.stderr)});
        fs::write(
            self.directory.join(format!("{name}.jsonl")),
            text(&output.stdout),
        )
        .expect("the recording");
        fs::write(
            self.directory.join(format!("{name}.end")),
            format!("{end}\n"),
        )
        .expect("the recording");
        writeln!(std::io::stdout(), "{name}: {end}").expect("standard output is open");
    }
}
