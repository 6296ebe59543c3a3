//! `autoissue plan`: has an agent split a directive into issues, or reads a saved plan; creates the
//! issues and runs them.
//!
//! ```text
//!   directive ─► planner ─┐
//!   --from FILE ──────────┴─► plan ─► --out FILE ─► shown and confirmed, on a terminal ─► created and run
//!                                └─ --dry-run: shown only
//! ```
//!
//! To ask for confirmation, the session stops as if interrupted and resumes once it has an answer,
//! so nothing is lost if the terminal is closed in between.

mod agreement;
mod out;

use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;

use autoissue_core::planner::{self, Document};
use autoissue_core::session::{
    Consent, Finished, PlanOrder, PlannedBefore, Resume, SessionRequest, planned_before,
};
use autoissue_core::summary::SessionResult;
use clap::Args;

use crate::args::Common;
use crate::args::RunArgs;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::{Invocation, Ready};
use crate::run_session::{self, Display};
use crate::typed::{PlanFiles, Typed, TypedCommand};

use agreement::{Agreement, ask};
use out::Out;

/// Arguments of `plan`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlanArgs {
    /// What to build, in words
    #[arg(required_unless_present_any = ["from", "schema"], conflicts_with = "from")]
    pub(crate) directive: Option<String>,
    /// Run a saved (and possibly edited) plan; does not call the planner
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Save the plan to a new file, to review, edit and run with `--from`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Create the issues without asking for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Make and print the plan without creating issues (the planner still costs money)
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the JSON Schema of a saved plan
    #[arg(long, conflicts_with_all = ["directive", "from", "out", "yes", "dry_run"])]
    pub(crate) schema: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl PlanArgs {
    /// Returns the parts of the command that later hints repeat.
    pub(super) fn typed(self, common: Common) -> Typed {
        let Self {
            directive: _,
            from,
            out,
            yes,
            dry_run,
            schema: _,
            run,
        } = self;
        let files = PlanFiles { from, out, dry_run };
        Typed::new(common, run, yes, TypedCommand::Plan(files))
    }
}

/// Maximum size of a plan file, in bytes. A hundred issues of twenty thousand characters take a
/// fraction of it.
const PLAN_BYTES_MAX: u64 = 16 << 20;

/// Runs the command.
///
/// # Errors
/// If the plan is invalid, or the session cannot run.
pub(crate) fn run(invocation: &Invocation, args: &PlanArgs) -> Result<ExitCode, CliError> {
    if args.schema {
        return print_schema(invocation);
    }
    let out = args
        .out
        .as_deref()
        .map(|path| Out::at(&invocation.current_dir, path))
        .transpose()?;
    let ready = invocation.ready(args.run.settings())?;
    let order = order(invocation, args, &ready)?;
    carry_out(invocation, &args.run, ready, order, args.yes, out.as_ref())
}

/// Runs a session that may ask for confirmation.
///
/// # Errors
/// If the session cannot run.
pub(crate) fn carry_out(
    invocation: &Invocation,
    run: &RunArgs,
    ready: Ready,
    order: SessionRequest,
    yes: bool,
    out: Option<&Out>,
) -> Result<ExitCode, CliError> {
    let consent = if !yes && agreement::can_be_asked() {
        Consent::Wanted
    } else {
        Consent::Assumed
    };
    let (state_dir, display) = (
        ready.host.state_dir.clone(),
        Display::Full {
            headless: run.headless,
        },
    );
    let mut finished =
        run_session::until_finished(invocation, ready, with(order, consent), display)?;
    if let Some(out) = out {
        out.save(invocation, &finished)?;
    }
    if finished.chronicle.engine().is_unconfirmed() {
        let consent = match ask(invocation, &finished)? {
            Agreement::Yes => Consent::Assumed,
            Agreement::No => Consent::Refused,
            // The session stays interrupted and can be resumed.
            Agreement::None => return end(invocation, &finished, &state_dir),
        };
        let order = SessionRequest::Resume(Resume {
            session: Some(finished.id.to_string()),
            consent,
        });
        finished = run_session::until_finished(
            invocation,
            invocation.ready(run.settings())?,
            order,
            display,
        )?;
    }
    end(invocation, &finished, &state_dir)
}

fn end(
    invocation: &Invocation,
    finished: &Finished,
    state_dir: &Path,
) -> Result<ExitCode, CliError> {
    run_session::print(invocation, finished, state_dir)?;
    Ok(SessionResult::of(finished.chronicle.engine()).into())
}

fn with(order: SessionRequest, consent: Consent) -> SessionRequest {
    match order {
        SessionRequest::Plan(plan) => SessionRequest::Plan(PlanOrder { consent, ..plan }),
        SessionRequest::Resume(resume) => SessionRequest::Resume(Resume { consent, ..resume }),
        other @ SessionRequest::Exec(_) => other,
    }
}

fn order(
    invocation: &Invocation,
    args: &PlanArgs,
    ready: &Ready,
) -> Result<SessionRequest, CliError> {
    if let Some(path) = &args.from {
        let Document {
            directive,
            plan,
            notes,
        } = read(&invocation.current_dir.join(path))?;
        notes.iter().for_each(|note| invocation.console.warn(note));
        let order = PlanOrder {
            directive,
            given: Some(plan),
            dry_run: args.dry_run,
            ..PlanOrder::default()
        };
        return Ok(SessionRequest::Plan(order));
    }
    let directive = args.directive.clone().unwrap_or_default();
    if args.dry_run {
        return Ok(SessionRequest::Plan(PlanOrder {
            directive,
            dry_run: true,
            ..PlanOrder::default()
        }));
    }
    match planned_before(&invocation.journal()?, &ready.host.project, &directive)? {
        Some(PlannedBefore::Unfinished(session)) => {
            let line = format!("resuming session {session}, which has the same directive");
            invocation.console.say(line);
            return Ok(SessionRequest::Resume(Resume {
                session: Some(session.to_string()),
                ..Resume::default()
            }));
        }
        Some(PlannedBefore::Ended { session, plan }) => {
            invocation.console.say(format!(
                "reusing the plan of session {session}, which had the same directive; completed issues are skipped. To get a new plan, change the directive"
            ));
            return Ok(SessionRequest::Plan(PlanOrder {
                directive,
                given: Some(plan),
                ..PlanOrder::default()
            }));
        }
        None => {}
    }
    Ok(SessionRequest::Plan(PlanOrder {
        directive,
        ..PlanOrder::default()
    }))
}

/// Reads a saved plan. Stops reading at the maximum size.
fn read(path: &Path) -> Result<Document, CliError> {
    let failed = |source| CliError::File {
        what: "read",
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(PLAN_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if PLAN_BYTES_MAX < bytes.len() as u64 {
        let problems = format!(
            "it is larger than {} MiB, the maximum for a plan",
            PLAN_BYTES_MAX >> 20
        );
        return Err(CliError::NotAPlan {
            path: path.to_owned(),
            problems,
        });
    }
    let text = String::from_utf8(bytes).map_err(|error| CliError::NotAPlan {
        path: path.to_owned(),
        problems: format!(
            "it is not valid UTF-8 (byte {})",
            error.utf8_error().valid_up_to() + 1
        ),
    })?;
    planner::read(&text).map_err(|error| CliError::NotAPlan {
        path: path.to_owned(),
        problems: error.to_string(),
    })
}

fn print_schema(invocation: &Invocation) -> Result<ExitCode, CliError> {
    invocation.console.document(&planner::schema())?;
    Ok(ExitCode::Success)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_in_the_repository_is_the_one_that_is_printed() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/plan.schema.json");
        let printed = serde_json::to_string_pretty(&autoissue_core::planner::schema()).unwrap();
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            kept.trim_end(),
            printed,
            "regenerate it: `autoissue plan --schema > cli/plan.schema.json`"
        );
    }
}
