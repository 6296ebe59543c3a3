//! Incidents from other projects, each as a run of the real binary with a fake `claude`. The tests
//! are named after the incidents.

mod collecting;
mod false_success;
mod git_work;
mod hostile_input;
mod money;
mod not_dying;
mod whose_fault;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use autoissue_tests::{Run, Sandbox};
use serde_json::{Value, json};

/// Polling interval of a condition.
const POLL: Duration = Duration::from_millis(10);
/// Longest wait for a condition. Only a broken program takes that long.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A sandbox whose `claude` is the fake.
struct World {
    sandbox: Sandbox,
}

impl World {
    /// Creates a sandbox with these settings on top of short limits and delays.
    fn new(settings: Value) -> Self {
        let world = Self {
            sandbox: Sandbox::new(),
        };
        world
            .sandbox
            .install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
        world.configure(settings);
        world
    }

    /// Creates a sandbox whose `claude` is a shell script.
    fn with_script(settings: Value, script: &str) -> Self {
        let world = Self {
            sandbox: Sandbox::new(),
        };
        let path = world.sandbox.home().join("claude.sh");
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo '2.1.332 (Claude Code)'; exit; }}\n{script}\n"
        );
        std::fs::write(&path, script).expect("the script");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .expect("the script is executable");
        world.sandbox.install("claude", &path);
        world.configure(settings);
        world
    }

    fn configure(&self, settings: Value) {
        let mut config = json!({
            "forge": {"kind": "local"},
            "agent": {"backend": "claude"},
            "executor": {"maxRetries": 0, "timeoutMinutes": 1},
            "breaker": {"cooldownSeconds": 1},
        });
        merge(&mut config, settings);
        self.sandbox.config(&config.to_string());
    }

    /// Adds an issue for which the fake runs these steps: a list for each launch.
    fn issue(&self, number: u64, runs: Value) {
        self.sandbox.issue(
            number,
            &format!("[Backend] add {number}"),
            &format!("Please add it.\n\nfake: {runs}\n"),
        );
    }

    fn exec(&self, more: &[&str]) -> Run {
        self.sandbox
            .run([&["exec", "go", "--output", "json"], more].concat())
    }

    fn resume(&self) -> Run {
        self.sandbox.run(["resume", "--output", "json"])
    }

    /// Starts a run; returns once a file exists in the home directory.
    fn start_until(&self, file: &str) -> Child {
        let mut command = self.sandbox.autoissue(["exec", "go", "--output", "json"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        wait_until(|| {
            assert_eq!(
                child.try_wait().expect("it is our child"),
                None,
                "the run ended early"
            );
            self.sandbox.home().join(file).exists()
        });
        child
    }

    /// Returns the launches of the fake, in order.
    fn launches(&self) -> Vec<Value> {
        let text =
            std::fs::read_to_string(self.sandbox.home().join("launches.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Returns a file of an issue's branch; `None` if it does not exist.
    fn published(&self, issue: u64, file: &str) -> Option<String> {
        let branch = format!("autoissue/issue-{issue}");
        let listed = self.sandbox.git(["ls-tree", "-r", "--name-only", &branch]);
        listed
            .lines()
            .any(|line| line == file)
            .then(|| self.sandbox.git(["show", &format!("{branch}:{file}")]))
    }

    /// Returns the text of an issue's pull request.
    fn pull_request(&self, run: &Run, issue: u64) -> String {
        let summary = run.summary();
        let task = summary["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|task| task["issue"] == issue)
            .unwrap();
        self.sandbox.read(
            task["pull_request"]["url"]
                .as_str()
                .expect("a pull request"),
        )
    }

    /// Returns the lines of all kept work that contain a word, in the format of `git grep`:
    /// `ref:path:line`.
    fn salvaged(&self, word: &str) -> String {
        let repositories = std::fs::read_dir(self.sandbox.state().join("repos")).unwrap();
        let mirror = repositories
            .map(|entry| entry.unwrap().path().join("mirror.git"))
            .find(|it| it.exists())
            .unwrap();
        let git = |args: &[&str]| {
            let output = self
                .sandbox
                .command("git")
                .arg("-C")
                .arg(&mirror)
                .args(args)
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let refs = git(&[
            "for-each-ref",
            "--format=%(refname)",
            "refs/autoissue/salvage",
        ]);
        refs.lines()
            .map(|name| git(&["grep", word, name]))
            .collect()
    }

    fn has_pull_requests(&self) -> bool {
        std::fs::read_dir(self.sandbox.project().join(".autoissue/pulls"))
            .is_ok_and(|pulls| pulls.count() > 0)
    }
}

/// Merges one configuration into another.
fn merge(config: &mut Value, over: Value) {
    match (config, over) {
        (Value::Object(config), Value::Object(over)) => {
            over.into_iter()
                .for_each(|(key, value)| merge(config.entry(key).or_insert(Value::Null), value));
        }
        (config, over) => *config = over,
    }
}

#[track_caller]
fn wait_until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < WAIT_MAX, "timed out");
        sleep(POLL);
    }
}

fn is_alive(pid: &str) -> bool {
    let pid = pid
        .trim()
        .parse()
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .expect("a process id");
    rustix::process::test_kill_process(pid).is_ok()
}

fn outcome(run: &Run, issue: u64) -> String {
    run.outcomes()
        .into_iter()
        .find(|(number, _)| *number == issue)
        .expect("the task")
        .1
}

fn usd(run: &Run, key: &str) -> f64 {
    (run.summary()[key].as_f64().expect("US dollars") * 1e6).round() / 1e6
}

/// Returns the value of an argument.
fn argument(launch: &Value, name: &str) -> Option<String> {
    let args: Vec<&str> = launch["args"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    args.iter()
        .position(|arg| *arg == name)
        .and_then(|at| args.get(at + 1))
        .map(ToString::to_string)
}
