//! Log lines of events of the session as a whole.

use autoissue_engine::SessionEvent;
use tracing::{info, warn};

use super::first_line;

pub(super) fn event(seq: u64, kind: &str, event: &SessionEvent) {
    match event {
        SessionEvent::Stopping { message, .. } => {
            warn!(seq, event = kind, reason = first_line(message), "journaled");
        }
        _ => info!(seq, event = kind, "journaled"),
    }
}
