//! What the log says of a task apart from its attempts.

use autoissue_engine::TaskEvent;
use tracing::{debug, info};

pub(super) fn event(seq: u64, kind: &str, event: &TaskEvent) {
    match event {
        TaskEvent::Finished { outcome, .. } => {
            info!(seq, event = kind, outcome = outcome.name(), "journaled");
        }
        TaskEvent::Undecided(_) => info!(seq, event = kind, "journaled"),
        // There are as many of these as issues, or more.
        TaskEvent::Accepted { .. } | TaskEvent::Classified { .. } | TaskEvent::Planned { .. } => {
            debug!(seq, event = kind, "journaled");
        }
    }
}
