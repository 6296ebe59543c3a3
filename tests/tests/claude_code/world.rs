//! A repository, a model server, and the real program between them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use autoissue_tests::model_server::{Asked, ModelServer, Scenario};
use autoissue_tests::{Run, Sandbox};
use serde_json::{Value, json};

/// Environment variable with the path of the program.
const PROGRAM: &str = "AUTOISSUE_CLAUDE";
/// A model that all releases know at the same price; `sonnet` differs between releases.
const MODEL: &str = "claude-sonnet-4-5";
/// Polling interval of a condition.
const POLL: Duration = Duration::from_millis(20);
/// Longest wait for a condition. Only a broken program takes that long.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// A sandbox whose `claude` is the real one and whose model plays a scenario.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) model: ModelServer,
    scenario: Scenario,
    env: Vec<(String, String)>,
}

impl World {
    /// Creates a world on the local forge, with these executor settings.
    pub(crate) fn new(scenario: Scenario, executor: Value) -> Self {
        let mut executor = executor;
        executor["maxRetries"] = executor.get("maxRetries").cloned().unwrap_or(json!(0));
        let config = json!({"forge": {"kind": "local"}, "executor": executor, "breaker": {"cooldownSeconds": 1}});
        Self::on(Sandbox::new(), scenario, config)
    }

    /// Creates a world from a sandbox with a repository on any forge, and a complete configuration.
    pub(crate) fn on(sandbox: Sandbox, scenario: Scenario, config: Value) -> Self {
        let mut config = config;
        let model = config["agent"].get("model").cloned();
        config["agent"]["model"] = model.unwrap_or(json!(MODEL));
        sandbox.install("claude", &program());
        sandbox.config(&config.to_string());
        let env = vec![("ANTHROPIC_API_KEY".to_owned(), "no-key".to_owned())];
        Self {
            sandbox,
            model: ModelServer::start(),
            scenario,
            env,
        }
    }

    /// Sets another environment variable for the autoissue binary.
    pub(crate) fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Uses an account with a subscription.
    pub(crate) fn with_subscription(mut self) -> Self {
        self.env.clear();
        self.with_env("CLAUDE_CODE_OAUTH_TOKEN", "no-token")
    }

    pub(crate) fn issue(&self, number: u64) {
        self.sandbox.issue(
            number,
            &format!("[Backend] add the file {number}"),
            "Please add it.",
        );
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.sandbox.autoissue(args);
        command.env("ANTHROPIC_BASE_URL", self.model.url(self.scenario));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn exec(&self) -> Run {
        Run::from(
            self.command(&["exec", "go", "--output", "json"])
                .output()
                .expect("the binary runs"),
        )
    }

    pub(crate) fn resume(&self) -> Run {
        Run::from(
            self.command(&["resume", "--output", "json"])
                .output()
                .expect("the binary runs"),
        )
    }

    /// Starts a run; returns once this file exists in the worktree of issue 1.
    pub(crate) fn start_until(&self, file: &str) -> Child {
        let mut command = self.command(&["exec", "go", "--output", "json"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let roots = self.sandbox.state().join("worktrees");
        let exists = || {
            let roots = std::fs::read_dir(&roots).into_iter().flatten().flatten();
            roots
                .map(|root| root.path().join("autoissue-issue-1").join(file))
                .any(|file| file.exists())
        };
        wait_until(|| {
            assert_eq!(
                child.try_wait().expect("it is our child"),
                None,
                "the run ended early"
            );
            exists()
        });
        child
    }

    /// Returns the agents' sessions, in order of their first request.
    pub(crate) fn sessions(&self) -> Vec<String> {
        let mut sessions: Vec<String> = self
            .model
            .asked()
            .into_iter()
            .map(|asked| asked.session)
            .collect();
        let mut seen = std::collections::BTreeSet::new();
        sessions.retain(|session| seen.insert(session.clone()));
        sessions
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.model.asked()
    }

    /// Returns the published file of an issue; `None` if there is none.
    pub(crate) fn published(&self, issue: u64) -> Option<String> {
        let (branch, file) = (
            format!("autoissue/issue-{issue}"),
            format!("issue-{issue}.txt"),
        );
        let is_there = self.sandbox.branches().contains(&branch);
        let listed = if is_there {
            self.sandbox.git(["ls-tree", "-r", "--name-only", &branch])
        } else {
            String::new()
        };
        listed
            .lines()
            .any(|line| line == file)
            .then(|| self.sandbox.git(["show", &format!("{branch}:{file}")]))
    }

    /// Returns the file of an issue in the kept work of each attempt.
    pub(crate) fn salvaged(&self, issue: u64) -> Vec<String> {
        let refs = self.sandbox.mirror_git([
            "for-each-ref",
            "--format=%(refname)",
            "refs/autoissue/salvage",
        ]);
        refs.lines()
            .map(|name| {
                self.sandbox
                    .mirror_git(["show", &format!("{name}:issue-{issue}.txt")])
            })
            .collect()
    }

    /// Returns the running processes that work for this world's repository.
    pub(crate) fn processes(&self) -> Vec<PathBuf> {
        let tag = format!("AUTOISSUE_TAG={}", self.sandbox.tag_prefix());
        let is_ours = |path: &PathBuf| {
            let environ = std::fs::read(path.join("environ")).unwrap_or_default();
            environ
                .split(|byte| *byte == 0)
                .any(|variable| variable.starts_with(tag.as_bytes()))
        };
        let processes = std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        processes.filter(is_ours).collect()
    }
}

/// Returns the program under test.
fn program() -> PathBuf {
    let Some(path) = std::env::var_os(PROGRAM) else {
        panic!(
            "set {PROGRAM} to the absolute path of the Claude Code program (see CONTRIBUTING.md)"
        );
    };
    assert!(
        Path::new(&path).is_absolute(),
        "{PROGRAM} is not an absolute path: {}",
        path.display()
    );
    path.into()
}

#[track_caller]
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < WAIT_MAX, "timed out");
        sleep(POLL);
    }
}

/// Returns an amount from the summary, in dollars.
pub(crate) fn usd(run: &Run, key: &str) -> f64 {
    (run.summary()[key].as_f64().expect("US dollars") * 1e6).round() / 1e6
}

/// Returns a task's outcome and reason.
pub(crate) fn outcome(run: &Run, issue: u64) -> (String, String) {
    let task = run.task(issue);
    let text = |key: &str| task[key].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("reason"))
}
