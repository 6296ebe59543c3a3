//! `autoissue exec`: runs the open issues with a label.

use autoissue_core::engine::Time;
use autoissue_core::session::{Exec, SessionRequest};
use autoissue_core::summary::SessionResult;
use clap::Args;

use crate::args::{Common, RunArgs, issue_number};
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::local_time::TimeOfDay;
use crate::local_time::now_ms;
use crate::run_session::{self, Display};
use crate::typed::{Typed, TypedCommand, Words};

/// Arguments of `exec`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ExecArgs {
    /// Label of the issues to run
    pub(crate) label: String,
    /// Run only this issue (repeatable)
    #[arg(long = "issue", value_name = "N", value_parser = issue_number)]
    pub(crate) issues: Vec<u64>,
    /// Start as many issues as the budget allows, in order, even if not all fit
    #[arg(long)]
    pub(crate) allow_partial: bool,
    /// Start no new attempts after this time; running ones finish
    #[arg(long, value_name = "HH:MM")]
    pub(crate) until: Option<TimeOfDay>,
    /// Ignore open dependencies that are not part of this run
    #[arg(long)]
    pub(crate) ignore_external_dependencies: bool,
    /// Exit with code 3 instead of 0 if no open issue has the label
    #[arg(long)]
    pub(crate) fail_if_empty: bool,
    /// Show what would run, without changing or spending anything
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl ExecArgs {
    /// Returns the parts of the command that later hints repeat.
    pub(super) fn typed(self, common: Common) -> Typed {
        let Self {
            label,
            issues,
            allow_partial,
            until,
            ignore_external_dependencies,
            fail_if_empty,
            dry_run: _,
            run,
        } = self;
        let mut flags = Words::default();
        flags.values("--issue", issues);
        flags.flag("--allow-partial", allow_partial);
        flags.values("--until", until);
        flags.flag(
            "--ignore-external-dependencies",
            ignore_external_dependencies,
        );
        flags.flag("--fail-if-empty", fail_if_empty);
        Typed::new(common, run, false, TypedCommand::Exec { label, flags })
    }
}

/// Runs the command.
///
/// # Errors
/// If the session cannot run.
pub(crate) fn run(invocation: &Invocation, args: &ExecArgs) -> Result<ExitCode, CliError> {
    let ready = invocation.ready(args.run.settings())?;
    let state_dir = ready.host.state_dir.clone();
    let display = Display::Full {
        headless: args.run.headless,
    };
    let finished =
        run_session::until_finished(invocation, ready, order(invocation, args), display)?;
    run_session::print(invocation, &finished, &state_dir)?;
    let result = SessionResult::of(finished.chronicle.engine());
    let is_empty =
        result == SessionResult::AllDone && finished.chronicle.engine().tasks().is_empty();
    Ok(if args.fail_if_empty && is_empty {
        ExitCode::SomeFailed
    } else {
        result.into()
    })
}

fn order(invocation: &Invocation, args: &ExecArgs) -> SessionRequest {
    SessionRequest::Exec(Exec {
        label: args.label.clone(),
        only: args.issues.clone(),
        allow_partial: args.allow_partial,
        until: args
            .until
            .map(|until| Time::from_ms(invocation.time.next(now_ms(), until))),
        dry_run: args.dry_run,
        ignore_outside: args.ignore_external_dependencies,
        plugins: Vec::new(),
    })
}
