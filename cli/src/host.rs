//! What a command was invoked with (flags, environment, current directory), and the configuration
//! and state derived from it.
//!
//! Read once at the start and passed on, so that no command accesses the process's environment
//! directly.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use autoissue_core::config::{AuthSettings, SecretOrEnv};
use autoissue_core::journal::{Journal, SessionRow};
use autoissue_core::plugins::host::Compile;
use autoissue_core::plugins::{Grant, PluginArgument};
use autoissue_core::session::Host;

use crate::announced_compiler::AnnouncedCompiler;
use crate::args::Common;
use crate::component::ComponentFile;
use crate::config::state_dir::{config_dir, state_dir};
use crate::config::{self, FlagValue, LoadRequest, Loaded};
use crate::console::Console;
use crate::error::CliError;
use crate::local_time::LocalTime;
use crate::project::{self, git_root};
use crate::shell::quoted;
use crate::typed::{ReadCommand, STATE_VARIABLE, Typed};

/// Sets the length of a minute in agent timeouts, for tests. Release builds ignore it.
const TEST_MINUTE_MS: &str = "AUTOISSUE_TEST_MINUTE_MS";

/// What a command was invoked with.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// The argument of `--config`.
    pub(crate) config_flag: Option<PathBuf>,
    /// The user's configuration directory.
    pub(crate) user_dir: Option<PathBuf>,
    /// The plugins given on the command line.
    plugins: Vec<PluginArgument>,
    /// The grants given on the command line.
    pub(crate) grants: Vec<Grant>,
    /// The environment variables that are valid UTF-8.
    pub(crate) env: Vec<(String, String)>,
    /// The whole environment.
    environment: Vec<(OsString, OsString)>,
    pub(crate) current_dir: PathBuf,
    /// The command line, for display.
    pub(crate) command: String,
    /// Parses a command line such as `command`, or one from the journal.
    pub(crate) read_command: ReadCommand,
    /// The output streams.
    pub(crate) console: Console,
    /// The time zone for display.
    pub(crate) time: LocalTime,
}

/// A configuration that is ready to run.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The configuration, completed from the remote.
    pub(crate) loaded: Loaded,
    /// Everything else that core needs.
    pub(crate) host: Host,
}

impl Invocation {
    /// Reads the process's environment. `read_command` parses all commands.
    ///
    /// # Errors
    /// If there is no current directory.
    pub(crate) fn read(common: &Common, read_command: ReadCommand) -> Result<Self, CliError> {
        fn text((name, value): &(OsString, OsString)) -> Option<(String, String)> {
            Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
        }

        let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        let current_dir = std::env::current_dir();
        let current_dir = current_dir.map_err(|source| CliError::System {
            what: "find the current directory",
            source,
        })?;
        let env: Vec<(String, String)> = environment.iter().filter_map(text).collect();
        Ok(Self {
            config_flag: common.config.clone(),
            user_dir: config_dir(&environment),
            plugins: common.plugins.clone(),
            grants: common.grants.clone(),
            console: Console::new(common, &env),
            command: command_line(&current_dir),
            read_command,
            env,
            environment,
            current_dir,
            time: LocalTime::system(),
        })
    }

    /// Sets an environment variable.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
        self.environment.push((name.into(), value.into()));
    }

    /// Loads the configuration as far as possible without git. From then on, the dashboard's
    /// credentials are redacted.
    ///
    /// # Errors
    /// As [`config::load`].
    pub(crate) fn load(&self, flags: Vec<FlagValue>) -> Result<Loaded, CliError> {
        let request = LoadRequest {
            config_flag: self.config_flag.clone(),
            user_dir: self.user_dir.clone(),
            current_dir: self.current_dir.clone(),
            env: &self.env,
            flags,
        };
        let loaded = config::load(request)?;
        let AuthSettings {
            password, token, ..
        } = &loaded.config.dashboard.auth;
        let asked_for = [password, token]
            .into_iter()
            .filter_map(|secret| match secret {
                Some(SecretOrEnv::Value(secret)) => Some(secret.expose()),
                _ => None,
            });
        self.console.redaction.learn(asked_for);
        Ok(loaded)
    }

    /// Loads the configuration, finds the repository, and prints warnings.
    ///
    /// # Errors
    /// If the configuration is invalid, or there is no repository to work on.
    pub(crate) fn ready(&self, flags: Vec<FlagValue>) -> Result<Ready, CliError> {
        let mut loaded = self.load(flags)?;
        loaded
            .warnings
            .iter()
            .for_each(|warning| self.console.warn(warning));
        let project = project::checkout(&loaded, &self.current_dir)?;
        project::derive_from_origin(&mut loaded, &project, self.path_env())?;
        let host = self.host(project)?;
        Ok(Ready { loaded, host })
    }

    /// Returns the state directory; it need not exist.
    ///
    /// # Errors
    /// If there is no home directory, or the variable is empty.
    pub(crate) fn state_dir(&self) -> Result<PathBuf, CliError> {
        Ok(state_dir(&self.environment, &self.current_dir)?)
    }

    /// Opens the journal for reading.
    ///
    /// # Errors
    /// As [`Journal::open_read_only`].
    pub(crate) fn journal(&self) -> Result<Journal, CliError> {
        Ok(Journal::open_read_only(&self.state_dir()?)?)
    }

    /// Returns the search path for programs.
    pub(crate) fn path_env(&self) -> &OsStr {
        let path = self.environment.iter().find(|(name, _)| name == "PATH");
        path.map_or_else(|| OsStr::new(""), |(_, value)| value)
    }

    /// Returns the length of a minute in agent timeouts. Only test builds can shorten it.
    fn minute(&self) -> Duration {
        let told = self
            .env
            .iter()
            .find(|(name, _)| name == TEST_MINUTE_MS)
            .and_then(|(_, value)| value.parse().ok());
        told.filter(|_| cfg!(debug_assertions))
            .map_or(Duration::from_secs(60), Duration::from_millis)
    }

    /// Returns the plugins given on the command line, with absolute paths of their components and
    /// the grants given there. Builds those that are directories.
    ///
    /// # Errors
    /// If a build fails.
    pub(crate) fn plugins(&self) -> Result<Vec<PluginArgument>, CliError> {
        let find = |argument: &PluginArgument| {
            let mut path = self.current_dir.join(&argument.path);
            if path.is_dir() {
                path = self.component(&path)?.path;
            }
            Ok(PluginArgument {
                path,
                grants: Grant::all(&self.grants),
                ..argument.clone()
            })
        };
        self.plugins.iter().map(find).collect()
    }

    /// Returns a component given on the command line: a file, or a directory, which is built first.
    ///
    /// # Errors
    /// If the file cannot be read, or the build fails.
    pub(crate) fn component(&self, typed: &Path) -> Result<ComponentFile, CliError> {
        ComponentFile::open(
            self.current_dir.join(typed),
            self.path_env(),
            self.console.quiet,
        )
    }

    /// Returns the command that started a recorded session, as it would be typed here.
    pub(crate) fn recorded(&self, row: &SessionRow) -> Typed {
        let project = Path::new(&row.project_path);
        let typed = (self.read_command)(&row.command);
        let is_inside = || git_root(&self.current_dir).is_ok_and(|root| root == project);
        let is_found = self.current_dir == project || is_inside() && !typed.has_relative_paths();
        let typed = if is_found {
            typed
        } else {
            typed.in_directory(project)
        };
        self.with_sample(typed, project)
    }

    /// Returns the command that started a session, with the flags added by the current command.
    /// `row` is `None` if nothing was recorded.
    pub(crate) fn typed_now(&self, row: Option<&SessionRow>) -> Typed {
        let now = (self.read_command)(&self.command);
        let typed = match row {
            Some(row) => (self.read_command)(&row.command).followed_by(now),
            None => now,
        };
        self.with_sample(typed, &self.current_dir)
    }

    /// The demo works in its own directory, with a state directory that the user's shell does not
    /// know.
    fn with_sample(&self, typed: Typed, project: &Path) -> Typed {
        if !typed.is_demo() {
            return typed;
        }
        let state_dir = self.env.iter().rfind(|(name, _)| name == STATE_VARIABLE);
        typed
            .in_directory(project)
            .with_state_dir(state_dir.map(|(_, value)| value.clone()))
    }

    /// Returns what compiles plugins.
    ///
    /// # Errors
    /// If the path of this program is unknown.
    pub(crate) fn compiler(&self) -> Result<Arc<dyn Compile>, CliError> {
        let compiler = AnnouncedCompiler::new(self.console.clone(), own_program()?);
        Ok(Arc::new(compiler))
    }

    /// Returns everything that core needs besides the configuration.
    ///
    /// # Errors
    /// If there is no directory for state, the path of this program is unknown, or a plugin does
    /// not build.
    pub(crate) fn host(&self, project: PathBuf) -> Result<Host, CliError> {
        Ok(Host {
            state_dir: self.state_dir()?,
            project,
            own_program: own_program()?,
            compiler: self.compiler()?,
            environment: self.environment.clone(),
            command: self.command.clone(),
            minute: self.minute(),
            redaction: self.console.redaction.clone(),
            plugins: self.plugins()?,
        })
    }
}

/// Returns the path of this program.
///
/// # Errors
/// If the system does not know it.
pub(crate) fn own_program() -> Result<PathBuf, CliError> {
    std::env::current_exe().map_err(|source| CliError::System {
        what: "find the path of this program",
        source,
    })
}

/// Flags whose value is a path.
const PATH_FLAGS: [&str; 4] = ["--config", "--from", "--out", "--plugin"];

/// Returns the command line as typed, with the program's bare name. It is recorded and has to mean
/// the same in the repository's root, so relative paths are made absolute unless it was typed
/// there.
fn command_line(current_dir: &Path) -> String {
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let base = (!current_dir.join(".git").exists()).then_some(current_dir);
    let mut words = vec!["autoissue".to_owned()];
    words.extend(with_paths_from(base, &args).iter().map(|arg| quoted(arg)));
    words.join(" ")
}

/// Returns the arguments with their paths made absolute, if there is a `base`.
fn with_paths_from(base: Option<&Path>, args: &[String]) -> Vec<String> {
    let mut is_path = false;
    let kept = |arg: &String| {
        let was_path = std::mem::replace(&mut is_path, PATH_FLAGS.contains(&arg.as_str()));
        match (base, arg.split_once('=')) {
            (Some(base), _) if was_path => absolute(base, arg),
            (Some(base), Some((flag, path))) if PATH_FLAGS.contains(&flag) => {
                format!("{flag}={}", absolute(base, path))
            }
            _ => arg.clone(),
        }
    };
    args.iter().map(kept).collect()
}

/// Makes a path absolute. A `--plugin` value may have a role and `=` before the path, or be the
/// name of a configured plugin.
fn absolute(base: &Path, value: &str) -> String {
    let (kind, path) = match value.split_once('=') {
        Some((kind, path)) if !kind.contains('/') => (Some(kind), path),
        _ => (None, value),
    };
    let joined = base.join(path);
    if !path.contains('/') && !path.contains('.') && !joined.exists() {
        return value.to_owned();
    }
    let path: PathBuf = joined.components().collect();
    let path = path.to_string_lossy();
    kind.map_or_else(
        || path.clone().into_owned(),
        |kind| format!("{kind}={path}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_kept_so_that_they_mean_the_same_in_the_root() {
        let typed = [
            "exec",
            "a/b",
            "--config",
            "a.json",
            "--plugin=classifier=./x.wasm",
            "--plugin",
            "named",
            "--from=/p.json",
        ];
        let typed = typed.map(str::to_owned);
        assert_eq!(
            with_paths_from(Some(Path::new("/p/sub")), &typed),
            [
                "exec",
                "a/b",
                "--config",
                "/p/sub/a.json",
                "--plugin=classifier=/p/sub/x.wasm",
                "--plugin",
                "named",
                "--from=/p.json",
            ]
        );
        assert_eq!(with_paths_from(None, &typed), typed);
    }
}
