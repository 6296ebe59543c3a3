//! A sandbox whose repository is a clone of one on the fake GitHub server, with a token in the
//! environment.

use std::ffi::OsStr;
use std::fs;
use std::ops::Deref;
use std::process::Command;

use crate::github_server::{GithubServer, HostedRepository, Issue, Rules, Token};
use crate::{Run, Sandbox, new_file_patch};

/// The token of these sandboxes. Only requests of git and of autoissue itself may carry it.
pub const TOKEN: &str = "github_pat_canary7canary";
/// `owner/name` of the repository.
pub const REPOSITORY: &str = "ada/sample";
/// The label that selects issues.
pub const LABEL: &str = "go";

/// A sandbox with its own GitHub server.
pub struct GithubSandbox {
    sandbox: Sandbox,
    /// The server.
    pub server: GithubServer,
    /// The repository on it.
    pub repository: HostedRepository,
}

impl GithubSandbox {
    /// Creates a sandbox with an empty backlog, the free agent, and intervals short enough that
    /// tests do not have to wait.
    pub fn new() -> Self {
        let server = GithubServer::start();
        server.token(TOKEN, Token::fine_grained("ada"));
        server.rules(Rules::scaled_up());
        let repository = server.repository(
            REPOSITORY,
            &[("README.md", "# Sample\n"), ("docs/guide.md", "guide\n")],
        );
        let sandbox = Sandbox::empty();
        let mut clone = sandbox.command("git");
        clone
            .args(["clone", "--quiet", &repository.clone_url()])
            .arg(sandbox.project());
        let cloned = clone.output().expect("git runs");
        assert!(
            cloned.status.success(),
            "{}",
            String::from_utf8_lossy(&cloned.stderr)
        );
        let world = Self {
            sandbox,
            server,
            repository,
        };
        world.executor("{}");
        world
    }

    /// Writes a configuration for GitHub and the free agent, with these executor settings.
    pub fn executor(&self, executor: &str) {
        self.configure("patch", executor);
    }

    /// Writes a configuration for GitHub and an agent, with these executor settings.
    pub fn configure(&self, agent: &str, executor: &str) {
        let github = r#"{"writesPerMinute": 10000, "writesPerHour": 100000}"#;
        self.config(&format!(
            r#"{{"agent": {{"backend": "{agent}"}}, "executor": {executor}, "github": {github}}}"#
        ));
    }

    /// Adds a labelled issue that asks for a file named after its number; returns the number.
    pub fn plain_issue(&self, title: &str) -> u64 {
        let number =
            self.repository.issues().len() as u64 + self.repository.pulls().len() as u64 + 1;
        let body = new_file_patch(&format!("{number}.txt"), "new");
        let given = self
            .repository
            .issue(Issue::new(title).label(LABEL).body(&body));
        assert_eq!(
            given, number,
            "issues and pull requests share one sequence of numbers"
        );
        number
    }

    /// Returns the binary as a command in the repository, with the token.
    pub fn autoissue<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.sandbox.autoissue(args);
        command.env("GITHUB_TOKEN", TOKEN);
        command
    }

    /// Runs the binary to completion, with the token.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::from(self.autoissue(args).output().expect("the binary runs"))
    }

    /// Runs `exec` with the label, `--output json` and further arguments.
    pub fn exec(&self, more: &[&str]) -> Run {
        self.run(["exec", LABEL, "--output", "json"].iter().chain(more))
    }

    /// Returns every file below the state directory, the project's worktrees and its git directory
    /// that contains a text.
    pub fn files_with(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut directories = vec![self.root().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    directories.push(path);
                } else if fs::read(&path).is_ok_and(|bytes| contains(&bytes, text.as_bytes())) {
                    found.push(path.display().to_string());
                }
            }
        }
        found
    }
}

impl Default for GithubSandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for GithubSandbox {
    type Target = Sandbox;
    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
