//! The log of a session: each event after it is journaled, each effect when it starts and ends,
//! with the task and attempt of each line.
//!
//! ```text
//!   session ─► task { issue } ─► attempt { attempt } ─► effect { effect }      spans, the outermost first
//! ```
//!
//! Spans have a level that is never filtered out, so a warning names its task even if nothing else
//! is logged. Of text written by outsiders, a line contains only the first line of a failure; the
//! full text is in the journal and the transcripts.

mod attempt;
mod plan;
mod service;
mod session;
mod task;

use std::time::Duration;

use autoissue_engine::{
    AttemptInput, Effect, Event, Failure, Input, IntakeInput, IssueNumber, PlanInput,
};
use autoissue_journal::SessionId;
use tracing::{Span, debug, error_span, info, warn};

pub(crate) fn session(id: &SessionId) -> Span {
    error_span!("session", session = id.as_str())
}

/// Returns the span of an attempt, or of the known parts of it, within the current one. The
/// planner's attempts belong to no issue.
fn task_span(issue: Option<IssueNumber>, attempt: Option<u32>) -> Span {
    let task = issue.map_or_else(Span::current, |issue| error_span!("task", issue = issue.0));
    match attempt {
        Some(attempt) => error_span!(parent: &task, "attempt", attempt),
        None => task,
    }
}

pub(crate) fn effect(effect: &Effect) -> Span {
    task_span(effect.issue(), effect.attempt())
        .in_scope(|| error_span!("effect", effect = effect.name()))
}

/// Logs the end of the current span's effect.
pub(crate) fn answer(input: &Input, took: Duration) {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match input {
        Input::Attempt(AttemptInput::Failed { failure, .. })
        | Input::Intake(IntakeInput::BacklogFailed { failure })
        | Input::Plan(PlanInput::Failed { failure }) => {
            debug!(took_ms, reason = headline(failure), "failed");
        }
        _ => debug!(took_ms, "ended"),
    }
}

/// Logs an event that is in the journal under this number. Each chapter has a module that lists the
/// events to log at a level other than `info`.
pub(crate) fn event(seq: u64, kind: &str, event: &Event) {
    task_span(event.issue(), event.attempt()).in_scope(|| {
        if let Some(failure) = event.failure() {
            let failure_type = failure.failure_type().map_or("interrupted", |it| it.name());
            warn!(
                seq,
                event = kind,
                failure = failure_type,
                reason = headline(failure),
                "journaled"
            );
            return;
        }
        match event {
            Event::Session(event) => session::event(seq, kind, event),
            Event::Plan(event) => plan::event(seq, kind, event),
            Event::Intake(_) => info!(seq, event = kind, "journaled"),
            Event::Task(event) => task::event(seq, kind, event),
            Event::Attempt(event) => attempt::event(seq, kind, event),
            Event::Service(event) => service::event(seq, kind, event),
        }
    });
}

fn headline(failure: &Failure) -> String {
    first_line(&failure.to_string()).to_owned()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
