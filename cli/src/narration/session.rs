//! Text for events of the session as a whole.

use autoissue_core::engine::{SessionEvent, SessionOutcome, Settings};

use super::Tone::{self, Bad, Plain, Warning};
use super::{message, subject};
use crate::printable::one_line;

/// Describes an event of this chapter.
pub(super) fn say(event: &SessionEvent) -> Vec<(Tone, String)> {
    let one = |tone, text: String| vec![(tone, text)];
    match event {
        SessionEvent::Started { settings, info, .. } => {
            let (repository, subject) = (one_line(&info.repository), subject(info));
            let text = format!(
                "session of {repository}, {subject}, budget {}",
                settings.budget
            );
            // A dry run is not a session that can be looked up.
            let opening = (!settings.dry_run || info.directive.is_some()).then_some((Plain, text));
            opening.into_iter().chain(deciders(settings)).collect()
        }
        SessionEvent::Resumed { settings } => {
            let text = format!("session resumed, budget {}", settings.budget);
            std::iter::once((Plain, text))
                .chain(deciders(settings))
                .collect()
        }
        SessionEvent::InterruptRequested => one(
            Warning,
            "stopping: no new work will start, and work in progress is being saved".to_owned(),
        ),
        SessionEvent::Interrupted => one(
            Warning,
            "everything is saved; the session can be resumed".to_owned(),
        ),
        SessionEvent::Stopping { message: why, .. } => {
            one(Bad, format!("no more work will start: {}", message(why)))
        }
        SessionEvent::Finished {
            outcome: SessionOutcome::Completed,
        } => one(Plain, "session finished".to_owned()),
        SessionEvent::Finished {
            outcome: SessionOutcome::Failed { message: why, .. },
        } => one(Bad, format!("session failed: {}", message(why))),
    }
}

/// Names the plugins used in this session. Built-ins are not mentioned.
fn deciders(settings: &Settings) -> impl Iterator<Item = (Tone, String)> {
    let plugins = settings
        .deciders
        .iter()
        .filter(|(_, by)| by.contains("sha256"));
    plugins.map(|(strategy, by)| (Tone::Plain, format!("{strategy}: plugin {}", one_line(by))))
}
