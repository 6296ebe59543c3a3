//! Text for decisions about a task and for its end.

use autoissue_core::engine::{Engine, Outcome, PluginFailure, PluginFailureAction, TaskEvent, Usd};

use super::Tone::{self, Detail, Warning};
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
        TaskEvent::ModelSelected {
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
        TaskEvent::PluginFailed(plugin_failure) => one(Warning, plugin_failed(plugin_failure)),
        TaskEvent::Finished { issue, outcome } => {
            let spent = engine.task(*issue).map_or(Usd::ZERO, |task| task.spent);
            one(tone_of(outcome), format!("{} · {spent}", ended(outcome)))
        }
    }
}

/// Describes a plugin that failed to decide, and the consequence.
pub(crate) fn plugin_failed(plugin_failure: &PluginFailure) -> String {
    let instead = match plugin_failure.action {
        PluginFailureAction::Fallback => "using the built-in",
        PluginFailureAction::Fail => "the task fails",
        PluginFailureAction::Skip => "the task is skipped",
    };
    // The digest is in the record.
    let plugin = plugin_failure.plugin.split(", ").next().unwrap_or_default();
    format!(
        "{} `{}` made no decision: {} · {instead}",
        one_line(&plugin_failure.strategy),
        one_line(plugin),
        message(&plugin_failure.message)
    )
}

const fn tone_of(outcome: &Outcome) -> Tone {
    match outcome {
        Outcome::Done { .. } => Tone::Good,
        Outcome::AlreadyOpen { .. } | Outcome::AlreadyMerged { .. } => Tone::Plain,
        Outcome::NotStarted { .. } | Outcome::NeedsYou { .. } | Outcome::Budget { .. } => {
            Tone::Warning
        }
        Outcome::NoChange | Outcome::Failed { .. } | Outcome::Skipped { .. } => Tone::Bad,
    }
}
