//! Text for backlog events.

use autoissue_core::engine::{CheckResult, Engine, IntakeEvent};

use super::Tone::{self, Detail, Odd, Plain};
use super::{counted, message};
use crate::local_time::LocalTime;
use crate::printable::one_line;

/// Describes an event of this chapter.
pub(super) fn say(event: &IntakeEvent, engine: &Engine, time: &LocalTime) -> Vec<(Tone, String)> {
    let one = |tone, text: String| vec![(tone, text)];
    match event {
        IntakeEvent::BacklogRead {
            n_issues, warnings, ..
        } => {
            let read = (Plain, format!("{} read", counted(*n_issues, "issue")));
            std::iter::once(read)
                .chain(warnings.iter().map(|text| (Odd, message(text))))
                .collect()
        }
        IntakeEvent::BacklogDelayed { failure, until } => {
            let (message, at) = (message(&failure.to_string()), time.clock(until.ms()));
            one(
                Odd,
                format!("reading the backlog failed: {message} · retrying at {at}"),
            )
        }
        IntakeEvent::BacklogRetried => one(Detail, "reading the backlog again".to_owned()),
        IntakeEvent::BacklogAdmitted { estimate, n_tasks } => {
            let budget = engine.ledger().budget;
            one(
                Plain,
                format!(
                    "{} to run, estimated {estimate} of {budget}",
                    counted(*n_tasks, "task")
                ),
            )
        }
        IntakeEvent::BaseChecked { results } => base_checked(results),
    }
}

fn base_checked(results: &[CheckResult]) -> Vec<(Tone, String)> {
    let red = results.iter().filter(|result| !result.passed);
    let red: Vec<_> = red
        .map(|result| {
            (
                Tone::Odd,
                format!(
                    "check `{}` already fails on the base ({})",
                    one_line(&result.name),
                    message(&result.ended)
                ),
            )
        })
        .collect();
    if red.is_empty() {
        vec![(Tone::Detail, "the checks pass on the base".to_owned())]
    } else {
        red
    }
}
