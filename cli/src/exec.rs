//! `autoissue exec`: runs the open issues that carry a label.

use autoissue_core::session::{Exec, Order};
use autoissue_core::summary::Verdict;

use crate::args::ExecArgs;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
use crate::local_time::now_ms;
use crate::run_session::{self, Display};

/// Runs the command.
///
/// # Errors
/// Where the session cannot run.
pub(crate) fn run(around: &Surroundings, args: &ExecArgs) -> Result<ExitCode, CliError> {
    let ready = around.ready(args.run.settings())?;
    let state_dir = ready.host.state_dir.clone();
    let display = Display::Full {
        headless: args.run.headless,
    };
    let finished = run_session::until_finished(around, ready, order(around, args), display)?;
    run_session::print(around, &finished, &state_dir)?;
    let verdict = Verdict::of(finished.chronicle.engine());
    let is_empty = verdict == Verdict::AllDone && finished.chronicle.engine().tasks().is_empty();
    Ok(if args.fail_if_empty && is_empty {
        ExitCode::SomeFailed
    } else {
        verdict.into()
    })
}

fn order(around: &Surroundings, args: &ExecArgs) -> Order {
    Order::Exec(Exec {
        label: args.label.clone(),
        only: args.issues.clone(),
        allow_partial: args.allow_partial,
        until_ms: args.until.map(|until| around.time.next(now_ms(), until)),
        dry_run: args.dry_run,
        ignore_outside: args.ignore_external_dependencies,
        plugins: Vec::new(),
    })
}
