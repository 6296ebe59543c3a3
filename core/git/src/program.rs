//! Runs the installed git program with a fixed, safe configuration.
//!
//! Network access and imports use the user's own git, so that ssh, credential helpers, proxies and
//! LFS behave as people expect. Every run goes through [`Git::run`], which fixes the environment,
//! the time limit, the output limit and all configuration that could make git start other programs.
//! Git must never be run in a directory whose `.git` an agent could write: it trusts the
//! configuration that it finds there.
//!
//! ```text
//!   run(dir, args, env, stdin) ─► git (its own process group) ─► stdout, bounded
//!                                    │ late                   └► stderr, bounded, redacted, in the error only
//!                                    └─► the whole group is killed
//!   pipe(…) ─► git ─ stdout ─► git ─► stdout, bounded
//! ```

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Time limit of one git command: a first fetch of a large repository over a slow connection takes
/// minutes, not more.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);

/// Time limit for ssh to print its configuration: to find it, ssh may run a command of the user.
const SSH_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for output after git itself has ended: a shared ssh connection may hold the
/// pipe for hours.
const OUTPUT_GRACE: Duration = Duration::from_secs(5);

/// Most bytes of standard output that are kept; the largest answer that we ask for is one hash per
/// changed file.
const STDOUT_BYTES_MAX: usize = 64 << 20;

/// Most bytes of standard error that are kept: the reason is in the first lines.
const STDERR_BYTES_MAX: usize = 64 << 10;

/// A program that answers no prompts.
const NOBODY: &str = "false";

/// Configuration that overrides every file, so that git starts no programs on behalf of a
/// repository.
const HYGIENE: [&str; 14] = [
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "transfer.fsckObjects=true",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
    // A URL of this kind is a command line.
    "-c",
    "protocol.ext.allow=never",
    // The mirror is bare, and ours; `explicit` in the user's configuration keeps git from finding
    // other bare repositories.
    "-c",
    "safe.bareRepository=all",
];

/// Variables named `GIT_…` that configure access to servers or the location of the user's
/// configuration; all others could redirect a run.
const GIT_VARIABLES_KEPT: [&str; 10] = [
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_NO_VERIFY",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
];

/// The git program of this machine.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
}

/// Why a run of git failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No directory of the search path contains an executable `git`.
    #[error("git is not installed: no `git` in `{}`", path_env.display())]
    NotInstalled {
        /// The search path.
        path_env: OsString,
    },
    /// The program could not be started, or waiting for it failed.
    #[error("failed to run `{command}` in `{}`", dir.display())]
    Start {
        /// The command, without credentials.
        command: String,
        /// The working directory.
        dir: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The run took too long and was killed, together with everything it had started.
    #[error("`{command}` did not finish within {} seconds", limit.as_secs())]
    TimedOut {
        /// The command, without credentials.
        command: String,
        /// The time limit.
        limit: Duration,
    },
    /// The run printed too much.
    #[error("`{command}` printed more than {STDOUT_BYTES_MAX} bytes")]
    TooMuchOutput {
        /// The command, without credentials.
        command: String,
    },
    /// Git ended with an error. Its message comes first, so that a truncated error still shows the
    /// reason.
    #[error("{}`{command}` failed{}", before(stderr), code.map_or_else(String::new, |code| format!(" with exit code {code}")))]
    Failed {
        /// The command, without credentials.
        command: String,
        /// The exit code; `None` if a signal ended it.
        code: Option<i32>,
        /// Its standard error, without credentials.
        stderr: String,
        /// Its standard output, without credentials.
        stdout: Box<str>,
    },
}

impl GitError {
    /// Returns what the user can do about it, unless git's message already says it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotInstalled { .. } => Some("install git"),
            Self::Start { .. }
            | Self::TimedOut { .. }
            | Self::TooMuchOutput { .. }
            | Self::Failed { .. } => None,
        }
    }
}

impl Git {
    /// Returns the git program from a search path (in the form of `PATH`). Relative entries are
    /// ignored.
    ///
    /// # Errors
    /// [`GitError::NotInstalled`].
    pub fn find(path_env: &OsStr) -> Result<Git, GitError> {
        std::env::split_paths(path_env)
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join("git"))
            .find(|program| is_executable(program))
            .map(|program| Git { program })
            .ok_or_else(|| GitError::NotInstalled {
                path_env: path_env.to_owned(),
            })
    }

    /// Returns a git program that was found before.
    pub(super) fn at(program: PathBuf) -> Git {
        Git { program }
    }

    /// Returns the path of the program.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the version of git, such as `2.47.3`.
    ///
    /// # Errors
    /// Like [`Git::run`].
    pub fn version(&self) -> Result<String, GitError> {
        let none: [(&str, &str); 0] = [];
        let printed = self.run(Path::new("/"), &["version"], &none, None)?;
        let printed = String::from_utf8_lossy(&printed);
        Ok(printed.trim().trim_start_matches("git version ").to_owned())
    }

    /// Runs git in `dir` and returns its standard output. `env` is added to the filtered
    /// environment of this process and overrides it.
    ///
    /// # Errors
    /// [`GitError`]; an exit code other than 0 is [`GitError::Failed`].
    pub fn run<A: AsRef<OsStr>, K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &self,
        dir: &Path,
        args: &[A],
        env: &[(K, V)],
        stdin: Option<&[u8]>,
    ) -> Result<Vec<u8>, GitError> {
        self.run_within(RUN_TIMEOUT, dir, args, env, stdin)
            .map(|printed| printed.stdout)
    }

    /// Like [`Git::run`], with its own time limit; its standard error is available as well.
    ///
    /// # Errors
    /// Like [`Git::run`].
    pub(super) fn run_within<A: AsRef<OsStr>, K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &self,
        limit: Duration,
        dir: &Path,
        args: &[A],
        env: &[(K, V)],
        stdin: Option<&[u8]>,
    ) -> Result<Printed, GitError> {
        let mut command = self.command(dir, stdin_of(stdin));
        command
            .args(args)
            .envs(env.iter().map(|(name, value)| (name, value)));
        let run = Run {
            command: shown(args),
            dir,
            limit,
        };
        let child = command
            .spawn()
            .map_err(|source| run.failed_to_start(source))?;
        run.finish(child, stdin)
    }

    /// Runs git in the directory `from` and pipes its output into git in the directory `into`. The
    /// arguments of the second one depend on the first `N` bytes, which it does not receive.
    /// Returns the output of the second one.
    ///
    /// # Errors
    /// Like [`Git::run`]; if the first run failed, its error.
    pub(super) fn pipe<A: AsRef<OsStr>, const N: usize>(
        &self,
        (from, from_args, stdin): (&Path, &[A], &[u8]),
        into: &Path,
        into_args: impl FnOnce([u8; N]) -> Vec<String>,
        env: &[(String, String)],
    ) -> Result<Vec<u8>, GitError> {
        let first = Run {
            command: shown(from_args),
            dir: from,
            limit: RUN_TIMEOUT,
        };
        let mut command = self.command(from, Stdio::piped());
        command.args(from_args).envs(env.iter().cloned());
        let child = command.spawn();
        let mut child = child.map_err(|source| first.failed_to_start(source))?;
        let mut output = child.stdout.take().expect("stdout is piped, see `command`");
        thread::scope(|scope| {
            // Writes its input and reads its standard error; its output goes to the other run.
            let ended = scope.spawn(|| first.finish(child, Some(stdin)));
            let mut start = [0; N];
            let read = output.read_exact(&mut start);
            let piped = match read {
                Err(source) => Err(first.failed_to_start(source)),
                Ok(()) => {
                    let args = into_args(start);
                    let second = Run {
                        command: shown(&args),
                        dir: into,
                        limit: RUN_TIMEOUT,
                    };
                    let mut command = self.command(into, output.into());
                    command.args(&args).envs(env.iter().cloned());
                    let child = command.spawn();
                    // Our ends of the pipe are closed now, so that each run notices when the other
                    // one ends.
                    drop(command);
                    let child = child.map_err(|source| second.failed_to_start(source));
                    child.and_then(|child| second.finish(child, None))
                }
            };
            match (ended.join().expect("running git does not panic"), piped) {
                // Its output was not read to the end.
                (Err(GitError::Failed { code: None, .. }), Err(error)) => Err(error),
                (first, piped) => first.and(piped).map(|printed| printed.stdout),
            }
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "git runs in trusted directories only, with this module's safe configuration"
    )]
    fn command(&self, dir: &Path, stdin: Stdio) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(dir).args(HYGIENE).process_group(0);
        command.stdin(stdin);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os().filter(|(name, _)| may_redirect(name)) {
            command.env_remove(name);
        }
        // Nobody can answer a prompt, so a missing credential must be an error at once.
        if std::env::var_os("SSH_ASKPASS").is_none() {
            command
                .env("SSH_ASKPASS", NOBODY)
                .env("SSH_ASKPASS_REQUIRE", "force");
        }
        command
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .env_remove("LANGUAGE");
        command
    }
}

fn stdin_of(input: Option<&[u8]>) -> Stdio {
    if input.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    }
}

/// Returns the host that ssh connects to for a name, which may be an alias from the user's
/// configuration; `None` if ssh is not in the search path or does not report it.
pub fn ssh_host(path_env: &OsStr, name: &str) -> Option<String> {
    let program = std::env::split_paths(path_env)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("ssh"))
        .find(|program| is_executable(program))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the user's own ssh, which git would run; it prints its configuration without connecting"
    )]
    let mut command = Command::new(program);
    command.args(["-G", name]).process_group(0);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let run = Run {
        command: format!("ssh -G {name}"),
        dir: Path::new("/"),
        limit: SSH_TIMEOUT,
    };
    let printed = run.finish(command.spawn().ok()?, None).ok()?;
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    let host = printed
        .lines()
        .find_map(|line| line.strip_prefix("hostname "))?;
    Some(host.trim().to_ascii_lowercase()).filter(|host| !host.is_empty())
}

/// The parameters of a run in progress.
struct Run<'a> {
    command: String,
    dir: &'a Path,
    limit: Duration,
}

/// The output of a successful run.
#[derive(Debug)]
pub(super) struct Printed {
    stdout: Vec<u8>,
    stderr: Receiver<Captured>,
}

impl Printed {
    /// Returns its standard error, without credentials. May wait for it for seconds.
    pub(super) fn said(&self) -> String {
        said(&self.stderr)
    }
}

/// A stream's first bytes, and whether there were more.
#[derive(Debug)]
struct Captured {
    bytes: Vec<u8>,
    truncated: bool,
}

impl Run<'_> {
    fn failed_to_start(&self, source: io::Error) -> GitError {
        GitError::Start {
            command: self.command.clone(),
            dir: self.dir.to_owned(),
            source,
        }
    }

    fn finish(&self, mut child: Child, stdin: Option<&[u8]>) -> Result<Printed, GitError> {
        feed(&mut child, stdin);
        let stdout = capture(child.stdout.take(), STDOUT_BYTES_MAX);
        let stderr = capture(child.stderr.take(), STDERR_BYTES_MAX);
        let status = self.wait(child)?;
        let stdout = take(&stdout);
        if !status.success() {
            let stderr = said(&stderr);
            let stdout = redact(&String::from_utf8_lossy(&stdout.bytes)).into_boxed_str();
            return Err(GitError::Failed {
                command: self.command.clone(),
                code: status.code(),
                stderr,
                stdout,
            });
        }
        if stdout.truncated {
            return Err(GitError::TooMuchOutput {
                command: self.command.clone(),
            });
        }
        Ok(Printed {
            stdout: stdout.bytes,
            stderr,
        })
    }

    /// Waits in a separate thread, so that the time limit needs no polling.
    fn wait(&self, mut child: Child) -> Result<ExitStatus, GitError> {
        let group = i32::try_from(child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let (ended, end) = channel();
        thread::spawn(move || ended.send(child.wait()));
        match end.recv_timeout(self.limit) {
            Ok(waited) => waited.map_err(|source| self.failed_to_start(source)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                if let Some(group) = group {
                    // The group may be gone already, as intended.
                    let _ =
                        rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                }
                Err(GitError::TimedOut {
                    command: self.command.clone(),
                    limit: self.limit,
                })
            }
        }
    }
}

/// Writes the input in a separate thread: git may answer before it has read everything. A git that
/// stops reading is not an error.
fn feed(child: &mut Child, stdin: Option<&[u8]>) {
    if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), stdin.map(<[u8]>::to_vec)) {
        thread::spawn(move || pipe.write_all(&bytes));
    }
}

/// Reads a stream to its end in a separate thread, keeping at most `bytes_max`.
fn capture(stream: Option<impl Read + Send + 'static>, bytes_max: usize) -> Receiver<Captured> {
    let (sender, receiver) = channel();
    if let Some(mut stream) = stream {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // A read error counts as the end of the stream; the exit status shows whether the run
            // succeeded.
            let _ = stream
                .by_ref()
                .take(bytes_max as u64)
                .read_to_end(&mut bytes);
            let dropped = io::copy(&mut stream, &mut io::sink()).unwrap_or(0);
            sender.send(Captured {
                bytes,
                truncated: dropped > 0,
            })
        });
    }
    receiver
}

fn take(captured: &Receiver<Captured>) -> Captured {
    captured.recv_timeout(OUTPUT_GRACE).unwrap_or(Captured {
        bytes: Vec::new(),
        truncated: false,
    })
}

fn said(stderr: &Receiver<Captured>) -> String {
    redact(&without_our_own(&String::from_utf8_lossy(
        &take(stderr).bytes,
    )))
}

/// Removes git's message about our askpass program: it is irrelevant, and would come first.
fn without_our_own(said: &str) -> String {
    let own = format!("error: unable to read askpass response from '{NOBODY}'");
    said.lines()
        .filter(|line| *line != own)
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_owned()
}

fn before(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!("{said}: ")
    }
}

fn is_executable(program: &Path) -> bool {
    program
        .metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn may_redirect(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("GIT_") && !GIT_VARIABLES_KEPT.contains(&name.as_ref())
}

fn shown<A: AsRef<OsStr>>(args: &[A]) -> String {
    let args: Vec<_> = args
        .iter()
        .map(|arg| arg.as_ref().to_string_lossy())
        .collect();
    redact(&format!("git {}", args.join(" ")))
}

/// Returns the text with the user and password of every URL replaced by `***`.
pub(crate) fn redact(text: &str) -> String {
    let mut parts = text.split("://");
    let mut redacted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let host_end = part
            .find(|c: char| c == '/' || c.is_whitespace() || "'\"<>".contains(c))
            .unwrap_or(part.len());
        redacted.push_str("://");
        match part[..host_end].rfind('@') {
            Some(at) => {
                redacted.push_str("***");
                redacted.push_str(&part[at..]);
            }
            None => redacted.push_str(part),
        }
    }
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Home, git};

    #[test]
    fn credentials_in_urls_are_redacted() {
        let check = |text: &str, expected: &str| assert_eq!(redact(text), expected);
        check(
            "fatal: https://me:tok@host/x.git: no",
            "fatal: https://***@host/x.git: no",
        );
        check(
            "a 'https://tok@h' and ssh://git@h:22/p",
            "a 'https://***@h' and ssh://***@h:22/p",
        );
        check("https://host/a@b", "https://host/a@b");
        check("git@host:path", "git@host:path");
        check("", "");
    }

    #[test]
    fn a_path_without_git_is_a_typed_error() {
        let empty = tempfile::tempdir().unwrap();
        let found = Git::find(empty.path().as_os_str());
        assert!(
            matches!(found, Err(GitError::NotInstalled { .. })),
            "{found:?}"
        );
    }

    #[test]
    fn a_directory_named_git_is_not_git() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("git")).unwrap();
        assert!(Git::find(dir.path().as_os_str()).is_err());
    }

    #[test]
    fn version_is_a_number() {
        assert!(
            git()
                .version()
                .unwrap()
                .starts_with(|c: char| c.is_ascii_digit())
        );
    }

    #[test]
    fn a_late_run_is_killed_with_its_children() {
        let home = Home::new();
        let pipe = home.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        let (sender, ended) = channel();
        let reader = pipe.clone();
        thread::spawn(move || sender.send(std::fs::read(reader)));
        // The shell and its child hold the pipe, which closes when both are dead.
        let args = ["-c", "alias.late=!sleep 1000 >pipe", "late"];
        let run = git().run_within(
            Duration::from_millis(200),
            home.path(),
            &args,
            &home.env(),
            None,
        );
        assert!(matches!(run, Err(GitError::TimedOut { .. })), "{run:?}");
        // If they died before opening it, nothing else would wake the reader.
        drop(rustix::fs::open(
            &pipe,
            rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK,
            rustix::fs::Mode::empty(),
        ));
        assert!(
            ended.recv_timeout(Duration::from_secs(60)).is_ok(),
            "a process is still alive"
        );
    }

    #[test]
    fn a_failure_contains_the_exit_code_and_stderr() {
        let home = Home::new();
        let ended = git().run(
            home.path(),
            &["rev-parse", "--verify", "https://me:tok@host"],
            &home.env(),
            None,
        );
        let Err(GitError::Failed {
            code,
            stderr,
            command,
            stdout,
        }) = ended
        else {
            panic!("{ended:?}")
        };
        assert_eq!(code, Some(128));
        assert!(
            !stderr.is_empty() && !stderr.contains("tok") && !command.contains("tok"),
            "{command}: {stderr}"
        );
        let shown = GitError::Failed {
            code,
            stderr: stderr.clone(),
            command: command.clone(),
            stdout,
        }
        .to_string();
        assert_eq!(
            shown,
            format!("{stderr}: `{command}` failed with exit code 128")
        );
    }

    #[test]
    fn the_message_about_our_askpass_program_is_removed() {
        let said =
            "error: unable to read askpass response from 'false'\nfatal: could not read Username\n";
        assert_eq!(without_our_own(said), "fatal: could not read Username");
    }

    #[test]
    fn a_url_starts_no_program() {
        let home = Home::new();
        let fired = home.path().join("fired");
        let address = format!("ext::touch {}", fired.display());
        for allowed in [
            "protocol.allow=always",
            "protocol.ext.allow=always",
            "protocol.ext.allow=user",
        ] {
            let (key, value) = allowed.split_once('=').unwrap();
            home.git(".", &["config", "--global", key, value]);
            let asked = git().run(
                home.path(),
                &["ls-remote", "--", &address],
                &home.env(),
                None,
            );
            assert!(asked.is_err() && !fired.exists(), "{allowed}: {asked:?}");
        }
    }

    #[test]
    fn input_reaches_git() {
        let home = Home::new();
        let hash = git()
            .run(
                home.path(),
                &["hash-object", "--stdin"],
                &home.env(),
                Some(b"hello\n"),
            )
            .unwrap();
        assert_eq!(hash, b"ce013625030ba8dba906f756967f9e9ca394464a\n");
    }

    #[test]
    fn variables_that_redirect_are_dropped() {
        for name in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_CONFIG_COUNT",
            "GIT_EXTERNAL_DIFF",
            "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        ] {
            assert!(may_redirect(OsStr::new(name)), "{name}");
        }
        for name in ["HOME", "SSH_AUTH_SOCK", "https_proxy", "GIT_SSH_COMMAND"] {
            assert!(!may_redirect(OsStr::new(name)), "{name}");
        }
    }
}
