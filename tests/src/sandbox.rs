//! A directory with a repository, a home and a state directory, in which the real binary runs.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::scratch::scratch;

/// Returns the program under test. Cargo builds it because it is a binary of this package.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| profile_directory().join("autoissue-under-test"))
}

/// Returns the directory of the programs built in this test program's profile.
fn profile_directory() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a file");
    let profile = own.ancestors().find(|path| path.join("deps").is_dir());
    profile
        .expect("tests are built in a profile's directory")
        .to_owned()
}

/// An isolated environment. Dropping it deletes everything.
pub struct Sandbox {
    root: TempDir,
}

/// A finished run of the binary.
#[derive(Debug)]
pub struct Run {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Sandbox {
    /// Creates a sandbox with a repository of a few files and one commit on `main`, on the local
    /// forge, with the free agent.
    pub fn new() -> Self {
        let sandbox = Self::empty();
        fs::create_dir_all(sandbox.project()).expect("the project's directory");
        sandbox.git(["init", "--quiet", "--initial-branch=main"]);
        for (path, text) in [
            ("README.md", "# Sample\n"),
            ("src/api/server.txt", "one\ntwo\nthree\n"),
            ("web/page.html", "<p>hello</p>\n"),
            ("docs/guide.md", "guide\n"),
        ] {
            sandbox.write(path, text);
        }
        sandbox.git(["add", "--all"]);
        sandbox.git(["commit", "--quiet", "--message", "first"]);
        sandbox.config(r#"{"forge": {"kind": "local"}, "agent": {"backend": "patch"}}"#);
        sandbox
    }

    /// Creates a sandbox without a repository.
    pub fn empty() -> Self {
        let sandbox = Self { root: scratch() };
        fs::create_dir_all(sandbox.home()).expect("the home directory");
        let mut directory = fs::DirBuilder::new();
        directory
            .mode(0o700)
            .create(sandbox.runtime())
            .expect("the runtime directory");
        fs::write(
            sandbox.home().join(".gitconfig"),
            "[user]\n\tname = Ada\n\temail = ada@example.org\n",
        )
        .expect("the git configuration");
        sandbox
    }

    /// Returns the directory that contains everything.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Returns the repository's directory.
    pub fn project(&self) -> PathBuf {
        self.root.path().join("project")
    }

    /// Returns the state directory.
    pub fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    /// Returns the home directory.
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    fn runtime(&self) -> PathBuf {
        self.root.path().join("run")
    }

    /// Installs a program on PATH under a name, before all others.
    pub fn install(&self, name: &str, program: &Path) {
        fs::create_dir_all(self.programs()).expect("the directory of programs");
        std::os::unix::fs::symlink(program, self.programs().join(name))
            .expect("the program's link");
    }

    fn programs(&self) -> PathBuf {
        self.root.path().join("bin")
    }

    fn path(&self) -> OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.programs()).chain(std::env::split_paths(&path));
        std::env::join_paths(all).expect("no directory has a colon in its name")
    }

    /// Writes a file in the repository.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("the directory");
        fs::write(path, text).expect("the file");
    }

    /// Reads a file in the repository.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.project().join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes the configuration.
    pub fn config(&self, json: &str) {
        self.write("autoissue.config.json", json);
    }

    /// Writes a configuration for the local forge and the free agent, with these executor settings.
    pub fn executor(&self, json: &str) {
        self.config(&format!(
            r#"{{"forge": {{"kind": "local"}}, "agent": {{"backend": "patch"}}, "executor": {json}}}"#
        ));
    }

    /// Adds an issue with the label `go`.
    pub fn issue(&self, number: u64, title: &str, body: &str) {
        self.labelled_issue(number, title, &["go"], body);
    }

    /// Adds an issue with labels.
    pub fn labelled_issue(&self, number: u64, title: &str, labels: &[&str], body: &str) {
        let title = serde_json::to_string(title).expect("a string serializes");
        let labels = labels.join(", ");
        let text = format!(
            "---\nnumber: {number}\ntitle: {title}\nlabels: [{labels}]\nauthor: ada\n\
             created_at: 2026-01-01T00:00:{:02}Z\nstate: open\n---\n\n{body}\n",
            number % 60
        );
        self.write(&format!(".autoissue/issues/{number:04}.md"), &text);
    }

    /// Runs git in the repository; returns its output.
    pub fn git<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let output = self
            .command("git")
            .args(args)
            .current_dir(self.project())
            .output()
            .expect("git runs");
        assert!(
            output.status.success(),
            "git failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .expect("git prints UTF-8")
            .trim_end()
            .to_owned()
    }

    /// Runs git in the mirror of the repository; returns its output.
    pub fn mirror_git<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let repository = fs::read_dir(self.state().join("repos"))
            .expect("a session created it")
            .flatten()
            .next();
        let mirror = repository
            .expect("a single repository")
            .path()
            .join("mirror.git");
        let output = self
            .command("git")
            .arg("--git-dir")
            .arg(mirror)
            .args(args)
            .output()
            .expect("git runs");
        assert!(
            output.status.success(),
            "git failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .expect("git prints UTF-8")
            .trim_end()
            .to_owned()
    }

    /// Returns the prefix of the tags of all processes that work for the repository.
    pub fn tag_prefix(&self) -> String {
        let project = self.project().canonicalize().expect("the project exists");
        format!(
            "{}/",
            autoissue_core::journal::repository_lock::repository_key(project)
        )
    }

    /// Returns autoissue's branches in the repository, sorted.
    pub fn branches(&self) -> Vec<String> {
        let names = self.git([
            "for-each-ref",
            "--format=%(refname:short)",
            "refs/heads/autoissue",
        ]);
        names.lines().map(str::to_owned).collect()
    }

    /// Returns the contents of the pull request files, by name.
    pub fn pulls(&self) -> Vec<String> {
        self.names(".autoissue/pulls")
            .iter()
            .map(|name| self.read(&format!(".autoissue/pulls/{name}")))
            .collect()
    }

    /// Returns the visible names in a directory of the repository, sorted; empty if it does not
    /// exist.
    pub fn names(&self, directory: &str) -> Vec<String> {
        let entries = fs::read_dir(self.project().join(directory))
            .into_iter()
            .flatten()
            .flatten();
        let names = entries.map(|entry| entry.file_name().into_string().expect("a name in UTF-8"));
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// Returns the names of the worktrees in the state directory, including those moved aside,
    /// sorted.
    pub fn worktrees(&self) -> Vec<String> {
        let below = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten();
        let of_checkouts = below(self.state().join("worktrees"));
        let all = of_checkouts.flat_map(|checkout| below(checkout.path()));
        let names = all.map(|entry| entry.file_name().into_string().expect("a name in UTF-8"));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Returns a command with the environment of this sandbox only.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", self.path())
            .env("HOME", self.home())
            .env("XDG_CONFIG_HOME", self.home().join(".config"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("AUTOISSUE_STATE_DIR", self.state())
            .env("XDG_RUNTIME_DIR", self.runtime())
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// Returns the binary as a command in the repository.
    pub fn autoissue<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.command(binary());
        command.args(args).current_dir(self.project());
        command
    }

    /// Starts the binary with its output in pipes.
    pub fn start<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Child {
        let mut command = self.autoissue(args);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    }

    /// Runs the binary to completion.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::from(self.autoissue(args).output().expect("the binary runs"))
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Run {
    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Returns the objects of `--output json`; any other output on standard output fails the test.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        fn parse(line: &str) -> Value {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        }

        self.stdout.lines().map(parse).collect()
    }

    /// Returns the last object, which is the summary.
    #[track_caller]
    pub fn summary(&self) -> Value {
        let last = self.json().pop().expect("a summary");
        assert_eq!(last["type"], "summary", "{last}");
        last
    }

    /// Returns the task of an issue from the summary.
    #[track_caller]
    pub fn task(&self, issue: u64) -> Value {
        let summary = self.summary();
        let mut tasks = summary["tasks"].as_array().expect("tasks").iter();
        tasks
            .find(|task| task["issue"] == issue)
            .unwrap_or_else(|| panic!("no task #{issue}: {summary}"))
            .clone()
    }

    /// Returns the objects of a type.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        let objects = self.json().into_iter();
        objects.filter(|object| object["type"] == kind).collect()
    }

    /// Returns the events in order, each with its type, such as `attempt.started`.
    pub fn story(&self) -> Vec<(String, Value)> {
        let events = self.objects("event").into_iter();
        events
            .map(|mut line| {
                let event = line["event"].take();
                let word = |key: &str| event[key].as_str().expect("a word").to_owned();
                (format!("{}.{}", word("chapter"), word("type")), event)
            })
            .collect()
    }

    /// Returns the events of a type.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let story = self.story().into_iter();
        story
            .filter_map(|(its, event)| (its == kind).then_some(event))
            .collect()
    }

    /// Returns the outcome of each task by issue number.
    #[track_caller]
    pub fn outcomes(&self) -> Vec<(u64, String)> {
        let summary = self.summary();
        let tasks = summary["tasks"].as_array().expect("tasks").iter();
        tasks
            .map(|task| {
                let number = task["issue"].as_u64().expect("a number");
                (
                    number,
                    task["outcome"].as_str().unwrap_or("none").to_owned(),
                )
            })
            .collect()
    }
}

/// Returns a body with a patch that adds a file of one line.
pub fn new_file_patch(path: &str, line: &str) -> String {
    format!("Please add it.\n\n```diff\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+{line}\n```\n")
}
