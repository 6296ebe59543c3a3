//! Text for decisions about a task and for its end.

use autoissue_core::engine::{Engine, Instead, Outcome, TaskEvent, Undecided, Usd};

use super::Tone::{self, Detail, Odd};
use super::{ended, message, model_name, title};
use crate::printable::one_line;

/// Describes an event of this chapter.
pub(super) fn say(event: &TaskEvent, engine: &Engine) -> Vec<(Tone, String)> {
    let one = |tone, text: String| vec![(tone, text)];
    match event {
        TaskEvent::Accepted { issue } => one(Detail, format!("accepted: {}", title(&issue.title))),
        TaskEvent::Classified { classification, .. } => {
            let reasons = message(&classification.reasons.join("; "));
            let confidence = classification.confidence;
            one(
                Detail,
                format!(
                    "domain {} ({confidence:.1}): {reasons}",
                    one_line(&classification.domain)
                ),
            )
        }
        TaskEvent::Planned {
            model,
            effort,
            reason,
            estimate,
            ..
        } => {
            let effort = effort
                .map(|effort| format!(", effort {}", effort.name()))
                .unwrap_or_default();
            let model = model_name(model.as_deref());
            one(
                Detail,
                format!(
                    "model {model}{effort} ({}), estimated {estimate}",
                    message(reason)
                ),
            )
        }
        TaskEvent::Undecided(undecided) => one(Odd, plugin_failed(undecided)),
        TaskEvent::Finished { issue, outcome } => {
            let spent = engine.task(*issue).map_or(Usd::ZERO, |task| task.spent);
            one(tone_of(outcome), format!("{} · {spent}", ended(outcome)))
        }
    }
}

/// Describes a plugin that failed to decide, and the consequence.
pub(crate) fn plugin_failed(undecided: &Undecided) -> String {
    let instead = match undecided.then {
        Instead::Fallback => "using the built-in",
        Instead::Fail => "the task fails",
        Instead::Skip => "the task is skipped",
    };
    format!(
        "{} made no decision: {} · {instead}",
        one_line(&undecided.strategy),
        message(&undecided.message)
    )
}

const fn tone_of(outcome: &Outcome) -> Tone {
    match outcome {
        Outcome::Done { .. } => Tone::Good,
        Outcome::AlreadyOpen { .. } | Outcome::AlreadyMerged { .. } => Tone::Plain,
        Outcome::NotStarted { .. } | Outcome::NeedsYou { .. } | Outcome::Budget { .. } => Tone::Odd,
        Outcome::NoChange | Outcome::Failed { .. } | Outcome::Skipped { .. } => Tone::Bad,
    }
}
