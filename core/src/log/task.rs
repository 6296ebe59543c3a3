//! Log lines of a task's events, apart from its attempts.

use autoissue_engine::TaskEvent;
use tracing::{debug, info};

pub(super) fn event(seq: u64, kind: &str, event: &TaskEvent) {
    match event {
        TaskEvent::Finished { outcome, .. } => {
            info!(seq, event = kind, outcome = outcome.name(), "journaled");
        }
        TaskEvent::PluginFailed(_) => info!(seq, event = kind, "journaled"),
        // There are at least as many of these as issues.
        TaskEvent::Accepted { .. }
        | TaskEvent::Classified { .. }
        | TaskEvent::ModelSelected { .. } => {
            debug!(seq, event = kind, "journaled");
        }
    }
}
