//! Runs a session and displays it: shared by `exec`, `resume`, `demo` and `classify`.
//!
//! ```text
//!   Session::open ─► follower subscribes ─► run ──────────────► Finished ─► summary line, or final report
//!                                           │ events, progress      ▲
//!                       signals ─► stopper ─┘      reporter ────────┘ ends after the last event
//! ```

use std::path::Path;

use autoissue_core::doctor::Finding;
use autoissue_core::engine::{Phase, SessionOutcome};
use autoissue_core::session::{CrashPoint, Finished, Session, SessionRequest, session_dir};
use autoissue_core::summary::{SessionResult, Summary};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot};

use crate::config::suggestion::{nearest_choice, nearest_first};
use crate::console::Console;
use crate::dashboard::{self, Dashboard, Socket};
use crate::dry_run;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::{Invocation, Ready};
use crate::logging;
use crate::narration::Tone;
use crate::printable;
use crate::proposal;
use crate::report::{self, Places, Report};
use crate::reporter::{FailedPlugins, Follower, Json, Live, Plain, Quiet, Reporter};
use crate::signals::Signals;
use crate::terminal::Echo;

/// Number of labels listed if none resembles the one that was typed. Enough for most repositories,
/// and fits on one line.
const N_LABELS_NAMED_MAX: usize = 8;

/// Capacity for notices to the reporter; there are three at most.
const N_NOTICES_MAX: usize = 8;

/// Names the journal write at which a debug build crashes, such as `7:after`.
const CRASH_AT: &str = "AUTOISSUE_TEST_CRASH_AT";

/// How to display a running session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Display {
    /// As set by the flags and the terminal.
    Full {
        /// No live screen, even on a terminal.
        headless: bool,
    },
    /// Only failed plugins, as warnings: otherwise only the result matters.
    FailedPlugins,
}

/// Runs a session, displays it, prints the result and returns the exit code.
///
/// # Errors
/// If it cannot run.
pub(crate) fn run(
    invocation: &Invocation,
    ready: Ready,
    order: SessionRequest,
    headless: bool,
) -> Result<ExitCode, CliError> {
    let state_dir = ready.host.state_dir.clone();
    let finished = until_finished(invocation, ready, order, Display::Full { headless })?;
    print(invocation, &finished, &state_dir)?;
    Ok(SessionResult::of(finished.chronicle.engine()).into())
}

/// Runs a session to its end and displays it.
///
/// # Errors
/// If it cannot run.
pub(crate) fn until_finished(
    invocation: &Invocation,
    ready: Ready,
    order: SessionRequest,
    display: Display,
) -> Result<Finished, CliError> {
    let Ready { loaded, host } = ready;
    let is_dry = matches!(&order, SessionRequest::Exec(exec) if exec.dry_run);
    // A dry run ends too soon for a dashboard to be of use.
    let settings = Some(&loaded.config.dashboard).filter(|settings| settings.enabled && !is_dry);
    let socket = settings.map(Socket::take).transpose()?;
    // A dry run changes nothing, not even log files.
    let logs = logging::directory(&loaded.config.logging, &host.state_dir);
    let logs_are_new = !logs.exists();
    if !is_dry {
        logging::start(&loaded.config.logging, &logs, &invocation.console);
    }
    // Only a plan's dry run spends money without asking first.
    let planning =
        matches!(&order, SessionRequest::Plan(plan) if plan.dry_run && plan.given.is_none())
            .then_some(loaded.config.planner.max_budget_usd);
    let has_past = matches!(order, SessionRequest::Resume(_));
    let state_dir = host.state_dir.clone();
    let opened = Session::open(loaded.config, &host, order);
    if opened.is_err() && !is_dry && logs_are_new {
        logging::remove_empty(&logs);
    }
    let mut session = opened?;
    if let Some(dollars) = planning {
        invocation.console.say(format_args!(
            "calling the planner, which costs up to {dollars}; no issues will be created"
        ));
    }
    if display != Display::FailedPlugins {
        session
            .remarks()
            .iter()
            .for_each(|it| remark(&invocation.console, it));
        if let Some(row) = session.left_behind() {
            invocation.console.warn(&format!(
                "session {} (`{}`) is unfinished, and its unpublished work will be redone. To avoid paying twice, resume it with `{}`",
                row.id,
                row.command,
                invocation.recorded(row).resume(row.id.as_str())
            ));
        }
    }
    if let Some(point) = crash_point(invocation) {
        session.on_commit(point.hook());
    }
    let dashboard = socket
        .map(|socket| serve(invocation, socket, &session, &state_dir))
        .transpose()?;
    let follower = Follower::new(session.bus(), session.id().clone(), state_dir, has_past);
    let runtime = Runtime::new().map_err(|source| CliError::System {
        what: "start threads",
        source,
    })?;
    let finished = runtime.block_on(async {
        let signals = Signals::listen()?;
        let (reporter, echo) = reporter(invocation, session.id().to_string(), display);
        run_and_follow(session, follower, reporter, (signals, echo)).await
    });
    // What still blocks is reading from programs that have exited; nothing depends on it.
    runtime.shutdown_background();
    // Dashboard clients receive the end of the session first.
    drop(dashboard);
    finished
}

fn serve(
    invocation: &Invocation,
    socket: Socket,
    session: &Session,
    state_dir: &Path,
) -> Result<Dashboard, CliError> {
    let live = dashboard::Live {
        session: session.id().clone(),
        bus: session.bus(),
        breaker_reset: session.breaker_reset(),
    };
    let dashboard = socket.serve(invocation, state_dir, Some(live))?;
    if !invocation.console.quiet {
        invocation
            .console
            .say(format_args!("dashboard: {}", dashboard.url));
    }
    Ok(dashboard)
}

/// Prints a finding that the user should know before the session runs.
fn remark(console: &Console, finding: &Finding) {
    match &finding.advice {
        Some(advice) => console.warn(&format!("{}; {advice}", finding.message)),
        None if !console.quiet => console.say(printable::one_line(&finding.message)),
        None => {}
    }
}

/// Returns where tests want this process to crash. Release builds ignore it.
fn crash_point(invocation: &Invocation) -> Option<CrashPoint> {
    let variable = invocation.env.iter().find(|(name, _)| name == CRASH_AT)?;
    if cfg!(debug_assertions) {
        variable.1.parse().ok()
    } else {
        None
    }
}

async fn run_and_follow(
    session: Session,
    follower: Follower,
    reporter: Box<dyn Reporter>,
    (signals, echo): (Signals, Echo),
) -> Result<Finished, CliError> {
    let (notify, notices) = mpsc::channel(N_NOTICES_MAX);
    let (end, ended) = oneshot::channel();
    let signals = tokio::spawn(signals.obey(session.stopper(), notify, echo.clone()));
    // On its own thread: a stopped terminal or a full pipe blocks only the display.
    let follow = follower.follow(reporter, notices, ended);
    let follower = tokio::task::spawn_blocking(move || Handle::current().block_on(follow));
    let finished = session.run().await;
    // Ends the reporter after its pending events, even if others still hold the bus.
    let _ = end.send(());
    // A display that panicked must not hide the session's result.
    let _ = follower.await;
    echo.restore();
    signals.abort();
    Ok(finished?)
}

/// Returns the reporter, and the state of the terminal's echo.
fn reporter(
    invocation: &Invocation,
    session: String,
    display: Display,
) -> (Box<dyn Reporter>, Echo) {
    let console = invocation.console.clone();
    let time = invocation.time.clone();
    let reporter: Box<dyn Reporter> = match display {
        Display::FailedPlugins => Box::new(FailedPlugins(console)),
        Display::Full { .. } if console.is_json() => Box::new(Json::new(session, console)),
        Display::Full { .. } if console.quiet => Box::new(Quiet(console)),
        Display::Full { headless: false } if console.has_screen => {
            return (Box::new(Live::new(session, time, console)), Echo::off());
        }
        Display::Full { .. } => Box::new(Plain::new(time, console)),
    };
    (reporter, Echo::untouched())
}

/// Prints the result of a session.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn print(
    invocation: &Invocation,
    finished: &Finished,
    state_dir: &Path,
) -> Result<(), CliError> {
    let session = finished.id.as_str();
    let console = &invocation.console;
    let row = invocation
        .journal()
        .ok()
        .and_then(|journal| journal.session(session).ok());
    let typed = invocation.typed_now(row.as_ref());
    let nothing = nothing_found(finished);
    let result = if console.is_json() {
        let mut summary = Summary::new(session, &finished.chronicle);
        summary.reason = summary.reason.or(nothing);
        console.json(&summary)
    } else if let Some(answer) = proposal::answer(
        finished.chronicle.engine(),
        &session_dir(state_dir, &finished.id),
        &typed,
        console.out,
    ) {
        console.page(&answer)
    } else if dry_run::is_whole_answer(finished.chronicle.engine()) {
        console.page(&dry_run::text(&finished.chronicle, &typed, console.out))
    } else {
        let places = Places {
            transcripts: session_dir(state_dir, &finished.id),
            mirror: finished.mirror.clone(),
        };
        let mut report = Report::new(
            session,
            &finished.chronicle,
            &places,
            &typed,
            &invocation.time,
        );
        if let Some(nothing) = nothing {
            report.verdict = Some((Tone::Plain, nothing));
        }
        report.is_recorded = is_recorded(finished);
        console.print_exactly(&report::text(&report, console.out))
    };
    match result {
        // The session ran, so its exit code counts even if the output was closed.
        Err(CliError::ReaderGone) => Ok(()),
        other => other,
    }
}

/// Returns whether the session can be looked up later: neither a dry run nor a session with nothing
/// to do is recorded.
fn is_recorded(finished: &Finished) -> bool {
    let engine = finished.chronicle.engine();
    let is_dry = engine.settings().dry_run && engine.plan_progress().is_none();
    !is_dry && nothing_found(finished).is_none()
}

/// Returns why a session had nothing to do, with the labels that were probably meant; `None` for
/// any other session.
fn nothing_found(finished: &Finished) -> Option<String> {
    let engine = finished.chronicle.engine();
    let is_nothing = *engine.phase() == Phase::Over(SessionOutcome::Completed)
        && engine.tasks().is_empty()
        && engine.plan_progress().is_none();
    is_nothing.then(|| no_issue_carries(&engine.info().label, &finished.known_labels))
}

/// Returns the message that no open issue has a label, with similar labels that exist.
pub(crate) fn no_issue_carries(label: &str, known: &[String]) -> String {
    let said = format!(
        "no open issue has the label `{}`",
        printable::one_line(label)
    );
    if known
        .iter()
        .any(|it| it.to_lowercase() == label.to_lowercase())
    {
        return said;
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let named = |labels: Vec<&str>| {
        let labels = labels
            .into_iter()
            .map(|it| format!("`{}`", printable::one_line(it)));
        labels.collect::<Vec<String>>().join(", ")
    };
    match (nearest_choice(label, &known), &known[..]) {
        (Some(meant), _) => format!("{said}; did you mean {}?", named(vec![meant])),
        (None, []) => said,
        (None, _) => {
            let nearest = nearest_first(label, &known);
            let n_more = known.len().saturating_sub(N_LABELS_NAMED_MAX);
            let more = if n_more == 0 {
                String::new()
            } else {
                format!(" and {n_more} more")
            };
            let nearest = nearest.into_iter().take(N_LABELS_NAMED_MAX).collect();
            format!("{said}; existing labels: {}{more}", named(nearest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_label_is_suggested_or_existing_ones_are_listed() {
        let known = ["night", "bug", "Docs"].map(str::to_owned);
        for (label, expected) in [
            ("nihgt", "; did you mean `night`?"),
            ("docs", ""),
            ("x", "; existing labels: `bug`, `Docs`, `night`"),
        ] {
            assert_eq!(
                no_issue_carries(label, &known),
                format!("no open issue has the label `{label}`{expected}")
            );
        }
        assert_eq!(
            no_issue_carries("x", &[]),
            "no open issue has the label `x`"
        );
    }
}
