//! `autoissue exec`: runs the open issues that carry a label.

use autoissue_core::session::{Exec, Order};

use crate::args::ExecArgs;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
use crate::local_time::now_ms;
use crate::run_session;

/// Runs the command.
///
/// # Errors
/// Where the session cannot run.
pub(crate) fn run(around: &Surroundings, args: &ExecArgs) -> Result<ExitCode, CliError> {
    let ready = around.ready(args.run.settings())?;
    run_session::run(around, ready, order(around, args), args.run.headless)
}

fn order(around: &Surroundings, args: &ExecArgs) -> Order {
    Order::Exec(Exec {
        label: args.label.clone(),
        only: args.issues.clone(),
        allow_partial: args.allow_partial,
        until_ms: args.until.map(|until| around.time.next(now_ms(), until)),
        dry_run: args.run.dry_run,
        plugins: Vec::new(),
    })
}
