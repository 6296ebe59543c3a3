//! `autoissue demo`: runs the whole pipeline on a bundled sample repository, with the embedded
//! forge and an agent that applies the patches contained in the sample's issues. Needs no account,
//! no network and no money.
//!
//! ```text
//!   <dir>/logbook      the sample, with its issues in .autoissue/issues
//!   <dir>/state        journal, transcripts, logs, unless AUTOISSUE_STATE_DIR is set
//! ```

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use autoissue_core::demo as sample;
use autoissue_core::session::{Exec, SessionRequest};
use clap::Args;
use serde_json::json;

use crate::args::{Common, RunArgs, ServeArgs};
use crate::config::FlagValue;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::printable::fitted;
use crate::run_session;
use crate::shell::quoted;
use crate::typed::STATE_VARIABLE;
use crate::typed::{Typed, TypedCommand};

/// Arguments of `demo`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// Create the sample here (default: a temporary directory); must be empty or not exist yet
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Print plain lines instead of the live screen
    #[arg(long)]
    pub(crate) headless: bool,
    #[command(flatten)]
    pub(crate) dashboard: ServeArgs,
}

impl DemoArgs {
    /// Returns the parts of the command that later hints repeat.
    pub(super) fn typed(self, common: Common) -> Typed {
        let Self {
            dir: _,
            headless,
            dashboard,
        } = self;
        // The sample has its own configuration and plugins.
        let common = Common {
            config: None,
            ..common
        };
        let run = RunArgs {
            headless,
            dashboard,
            ..RunArgs::default()
        };
        Typed::new(common, run, false, TypedCommand::Demo)
    }
}

/// Maximum number of attempts to find an unused directory name.
const N_NAMES_MAX: u32 = 100;

/// Runs the command.
///
/// # Errors
/// If the sample cannot be written, or the session cannot run.
pub(crate) fn run(invocation: &Invocation, args: &DemoArgs) -> Result<ExitCode, CliError> {
    let directory = match &args.dir {
        Some(directory) => empty(&invocation.current_dir.join(directory))?,
        None => temporary()?,
    };
    let repository = directory.join("logbook");
    sample::create(&repository)?;
    let inside = inside(invocation, &directory, &repository);
    let flags = settings()
        .into_iter()
        .chain(args.dashboard.settings())
        .collect();
    let ready = inside.ready(flags)?;
    let order = SessionRequest::Exec(Exec {
        label: sample::LABEL.to_owned(),
        ..Exec::default()
    });
    let code = run_session::run(&inside, ready, order, args.headless)?;
    if !invocation.console.is_json() {
        invocation
            .console
            .print_exactly(&next_steps(&inside, &directory, &repository))?;
    }
    Ok(code)
}

/// Returns the invocation as if the command had been typed in the sample repository.
fn inside(invocation: &Invocation, directory: &Path, repository: &Path) -> Invocation {
    let mut inside = invocation.clone();
    inside.config_flag = None;
    // The user's own settings would change what the demo shows.
    inside.user_dir = None;
    inside.current_dir = repository.to_owned();
    if !inside.env.iter().any(|(name, _)| name == STATE_VARIABLE) {
        inside.set(STATE_VARIABLE, &directory.join("state").to_string_lossy());
    }
    inside
}

/// Returns the settings that make it a demo, whatever the environment says.
fn settings() -> Vec<FlagValue> {
    fn set(key: &'static str, value: &str) -> FlagValue {
        FlagValue {
            key,
            value: json!(value),
            flag: "demo",
        }
    }

    vec![set("forge.kind", "local"), set("agent.backend", "patch")]
}

fn empty(directory: &Path) -> Result<PathBuf, CliError> {
    let in_use = || CliError::DirectoryInUse {
        path: directory.to_owned(),
    };
    match directory
        .read_dir()
        .map(|mut entries| entries.next().is_none())
    {
        Ok(true) => {}
        Ok(false) => return Err(in_use()),
        Err(_) if directory.symlink_metadata().is_ok() => return Err(in_use()),
        Err(_) => create(directory, true)?,
    }
    directory.canonicalize().map_err(|source| CliError::File {
        what: "find",
        path: directory.to_owned(),
        source,
    })
}

/// Creates a directory in the system's directory for temporary files. It is not removed afterwards.
fn temporary() -> Result<PathBuf, CliError> {
    let parent = std::env::temp_dir();
    let mut last = None;
    for n in 0..N_NAMES_MAX {
        let directory = parent.join(format!("autoissue-demo-{}-{n}", std::process::id()));
        match create(&directory, false) {
            Ok(()) => return empty(&directory),
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("N_NAMES_MAX is at least 1"))
}

fn create(directory: &Path, with_parents: bool) -> Result<(), CliError> {
    let created = DirBuilder::new()
        .mode(0o700)
        .recursive(with_parents)
        .create(directory);
    created.map_err(|source| CliError::File {
        what: "create the directory",
        path: directory.to_owned(),
        source,
    })
}

fn next_steps(inside: &Invocation, directory: &Path, repository: &Path) -> String {
    let state = inside
        .env
        .iter()
        .find(|(name, _)| name == STATE_VARIABLE)
        .map(|(_, value)| value.as_str())
        .unwrap_or_default();
    let all = format!(
        "everything is in {}; remove the directory when you are done",
        directory.display()
    );
    format!(
        "\n{}\n\n{}",
        fitted(&all, inside.console.out.columns()),
        commands(repository, state)
    )
}

/// Returns the commands to try, each on one line, so that it can be copied.
fn commands(repository: &Path, state: &str) -> String {
    let (shown, state) = (quoted(&repository.to_string_lossy()), quoted(state));
    format!(
        "try\n  \
         git -C {shown} log --all --graph --oneline\n  \
         ls {shown}/.autoissue/pulls\n  \
         {STATE_VARIABLE}={state} autoissue status\n  \
         {STATE_VARIABLE}={state} autoissue metrics\n  \
         autoissue init    (in a repository of your own)\n"
    )
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn each_command_to_try_is_on_one_line() {
        let repository = Path::new("/tmp/autoissue-demo-1-0/logbook");
        assert_snapshot!(commands(repository, "/tmp/autoissue-demo-1-0/my state"), @"
        try
          git -C /tmp/autoissue-demo-1-0/logbook log --all --graph --oneline
          ls /tmp/autoissue-demo-1-0/logbook/.autoissue/pulls
          AUTOISSUE_STATE_DIR='/tmp/autoissue-demo-1-0/my state' autoissue status
          AUTOISSUE_STATE_DIR='/tmp/autoissue-demo-1-0/my state' autoissue metrics
          autoissue init    (in a repository of your own)
        ");
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let inside = parent.path().join("a/b");
        assert_eq!(empty(&inside).unwrap(), inside.canonicalize().unwrap());
        std::fs::write(inside.join("file"), "").unwrap();
        assert!(matches!(
            empty(&inside),
            Err(CliError::DirectoryInUse { .. })
        ));
        assert!(matches!(
            empty(&inside.join("file")),
            Err(CliError::DirectoryInUse { .. })
        ));
    }
}
