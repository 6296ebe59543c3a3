//! What the log says of a session: each event once it is journaled, each effect when it begins and ends, and whose work a line is
//! about.
//!
//! ```text
//!   session ─► task { issue } ─► attempt { attempt } ─► effect { effect }      spans, the outermost first
//! ```
//!
//! Spans are of the level that is never filtered out: a warning says whose it is also where nothing else is logged. No line holds
//! what outsiders wrote beyond the first line of a failure; the whole of it is in the journal and the transcripts.

use std::time::Duration;

use autoissue_engine::{Effect, Event, Failure, Input, IssueNumber};
use autoissue_journal::SessionId;
use tracing::{Span, debug, error_span, info, warn};

/// Returns the span of a session.
pub(crate) fn session(id: &SessionId) -> Span {
    error_span!("session", session = id.as_str())
}

/// Returns the span of an attempt, or of what else is known, within the current one. The planner's attempts are for no issue.
fn whose(issue: Option<IssueNumber>, attempt: Option<u32>) -> Span {
    let task = issue.map_or_else(Span::current, |issue| error_span!("task", issue = issue.0));
    match attempt {
        Some(attempt) => error_span!(parent: &task, "attempt", attempt),
        None => task,
    }
}

/// Returns the span of an effect.
pub(crate) fn effect(effect: &Effect) -> Span {
    whose(effect.issue(), effect.attempt())
        .in_scope(|| error_span!("effect", effect = effect.name()))
}

/// Logs the end of the current span's effect.
pub(crate) fn answer(input: &Input, took: Duration) {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match input {
        Input::Failed { failure, .. }
        | Input::BacklogFailed { failure }
        | Input::PlanFailed { failure } => {
            debug!(took_ms, reason = headline(failure), "failed");
        }
        _ => debug!(took_ms, "ended"),
    }
}

/// Logs an event that is in the journal under this number.
pub(crate) fn event(seq: u64, kind: &str, event: &Event) {
    let span = whose(event.issue(), attempt_of(event));
    if let Some(failure) = event.failure() {
        let failure_type = failure.failure_type().map_or("interrupted", |it| it.name());
        return span.in_scope(|| {
            warn!(
                seq,
                event = kind,
                failure = failure_type,
                reason = headline(failure),
                "journaled"
            );
        });
    }
    span.in_scope(|| match event {
        Event::ServicePaused {
            service, message, ..
        } => {
            warn!(seq, event = kind, %service, reason = first_line(message), "journaled");
        }
        Event::ServiceFailed { service, .. } | Event::BreakerOpened { service, .. } => {
            warn!(seq, event = kind, %service, "journaled");
        }
        Event::SessionStopping { message, .. } => {
            warn!(seq, event = kind, reason = first_line(message), "journaled");
        }
        Event::TaskFinished { outcome, .. } => {
            info!(seq, event = kind, outcome = outcome.name(), "journaled");
        }
        Event::AgentExited {
            charged, assumed, ..
        }
        | Event::PlannerExited {
            charged, assumed, ..
        } => {
            info!(
                seq,
                event = kind,
                charged_usd = charged.dollars(),
                assumed,
                "journaled"
            );
        }
        // There are as many of these as issues, or more.
        Event::TaskAccepted { .. }
        | Event::TaskClassified { .. }
        | Event::TaskPlanned { .. }
        | Event::WorktreeLeased { .. }
        | Event::SpendMetered { .. }
        | Event::PlannerMetered { .. } => debug!(seq, event = kind, "journaled"),
        _ => info!(seq, event = kind, "journaled"),
    });
}

fn attempt_of(event: &Event) -> Option<u32> {
    match event {
        Event::AttemptStarted { attempt, .. }
        | Event::WorktreeLeased { attempt, .. }
        | Event::SpendMetered { attempt, .. }
        | Event::AgentExited { attempt, .. }
        | Event::WorkCollected { attempt, .. }
        | Event::ChecksFinished { attempt, .. }
        | Event::CollectDelayed { attempt, .. }
        | Event::CollectRetried { attempt, .. }
        | Event::PublishDelayed { attempt, .. }
        | Event::AttemptSuspended { attempt, .. }
        | Event::PublishStarted { attempt, .. }
        | Event::PullRequestOpened { attempt, .. }
        | Event::AttemptFailed { attempt, .. }
        | Event::PlannerStarted { attempt, .. }
        | Event::PlannerMetered { attempt, .. }
        | Event::PlannerExited { attempt, .. }
        | Event::PlannerFailed { attempt, .. }
        | Event::PlanRejected { attempt, .. } => Some(*attempt),
        _ => None,
    }
}

fn headline(failure: &Failure) -> String {
    first_line(&failure.to_string()).to_owned()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
