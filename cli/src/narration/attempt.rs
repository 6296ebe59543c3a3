//! Text for attempt events.

use autoissue_core::engine::{
    AgentReport, AttemptEvent, CheckResult, Ended, Engine, Publication, Task, Usd, Work,
};

use super::Tone::{self, Detail, Good, Plain, Warning};
use super::{counted, diff_stat, message, next_try, short};
use crate::local_time::{LocalTime, span};
use crate::printable::one_line;

/// Describes an event of this chapter.
pub(super) fn say(event: &AttemptEvent, engine: &Engine, time: &LocalTime) -> Vec<(Tone, String)> {
    let one = |tone, text: String| vec![(tone, text)];
    match event {
        AttemptEvent::Started {
            attempt,
            reserved,
            model,
            ..
        } => {
            let domain = engine
                .task(event.attempt_id().0)
                .map_or("unknown", Task::domain);
            let model = model
                .as_deref()
                .map(|model| format!(" · {}", one_line(model)))
                .unwrap_or_default();
            // If the agent has no choice of models or is free, there is nothing to show here.
            let money = if *reserved == Usd::ZERO {
                String::new()
            } else {
                format!(" · {reserved} reserved")
            };
            one(
                Plain,
                format!(
                    "attempt {attempt} started · {}{model}{money}",
                    one_line(domain)
                ),
            )
        }
        AttemptEvent::WorktreeLeased { base, .. } => {
            one(Detail, format!("worktree ready at {}", short(base)))
        }
        AttemptEvent::Metered { spent, .. } => one(Detail, format!("{spent} spent")),
        AttemptEvent::AgentExited {
            report,
            cost,
            estimated,
            ..
        } => agent_exited(report, *cost, *estimated),
        AttemptEvent::WorkCollected {
            work: Some(work), ..
        } => collected(work),
        AttemptEvent::WorkCollected {
            work: None, notes, ..
        } => std::iter::once("nothing changed".to_owned())
            .chain(notes.iter().map(|note| message(note)))
            .map(|line| (Warning, line))
            .collect(),
        AttemptEvent::ChecksFinished {
            results, passed, ..
        } => checks_finished(results, *passed),
        AttemptEvent::CollectDelayed { failure, until, .. } => {
            let (message, at) = (message(&failure.to_string()), time.clock(until.ms()));
            one(
                Warning,
                format!("not enough space to save the work: {message} · retrying at {at}"),
            )
        }
        AttemptEvent::CollectRetried { .. } => one(Detail, "collecting the work again".to_owned()),
        AttemptEvent::PublishDelayed { failure, until, .. } => {
            let (message, at) = (message(&failure.to_string()), time.clock(until.ms()));
            one(
                Warning,
                format!("publishing failed: {message} · retrying at {at}"),
            )
        }
        AttemptEvent::Interrupted { attempt, .. } => one(
            Plain,
            format!("attempt {attempt} interrupted; will continue on resume"),
        ),
        AttemptEvent::PublishStarted { .. } => one(Detail, "publishing".to_owned()),
        AttemptEvent::Published { publication, .. } => one(Good, published(publication)),
        AttemptEvent::Failed {
            attempt,
            failure,
            retry_at,
            ..
        } => {
            let next = next_try(*retry_at, time);
            one(
                Warning,
                format!(
                    "attempt {attempt} failed: {} · {next}",
                    message(&failure.to_string())
                ),
            )
        }
    }
}

fn agent_exited(report: &AgentReport, cost: Usd, estimated: bool) -> Vec<(Tone, String)> {
    let cost = if estimated {
        format!("{cost} (estimated)")
    } else {
        cost.to_string()
    };
    let ran = span(report.duration_ms);
    let (tone, how) = match &report.ended {
        Ended::Done => (Tone::Plain, format!("agent finished in {ran}, {cost}")),
        Ended::Budget => (
            Tone::Warning,
            format!("agent reached its budget after {ran}, {cost}"),
        ),
        Ended::Failed { failure } => (
            Tone::Warning,
            format!(
                "agent failed after {ran}, {cost}: {}",
                message(&failure.to_string())
            ),
        ),
    };
    let mut said = vec![(tone, how)];
    if !report.denied.is_empty() {
        said.push((
            Tone::Warning,
            format!(
                "the agent was denied {}",
                message(&report.denied.join(", "))
            ),
        ));
    }
    let notes = report.notes.iter();
    said.extend(notes.map(|note| (Tone::Warning, message(note))));
    said
}

fn collected(work: &Work) -> Vec<(Tone, String)> {
    let changed = (
        Tone::Plain,
        format!("{} at {}", diff_stat(work), short(&work.commit)),
    );
    std::iter::once(changed)
        .chain(work.notes.iter().map(|note| (Tone::Warning, message(note))))
        .collect()
}

fn checks_finished(results: &[CheckResult], passed: bool) -> Vec<(Tone, String)> {
    let failed: Vec<String> = results
        .iter()
        .filter(|result| !result.passed)
        .map(|result| format!("`{}` ({})", one_line(&result.name), message(&result.ended)))
        .collect();
    let text = match (passed, failed.is_empty()) {
        (true, true) => format!("{} passed", counted(results.len(), "check")),
        (true, false) => format!(
            "checks passed, except those that also fail on the base: {}",
            failed.join(", ")
        ),
        (false, _) => format!("checks failed: {}", failed.join(", ")),
    };
    vec![(if passed { Tone::Plain } else { Tone::Warning }, text)]
}

fn published(publication: &Publication) -> String {
    match &publication.pull_request {
        None => format!("published branch `{}`", one_line(&publication.branch)),
        Some(pull) if publication.existed => {
            format!(
                "updated pull request #{} {}",
                pull.number,
                one_line(&pull.url)
            )
        }
        Some(pull) => format!(
            "opened pull request #{} {}",
            pull.number,
            one_line(&pull.url)
        ),
    }
}
