//! What the log says of an attempt.

use autoissue_engine::AttemptEvent;
use tracing::{debug, info};

pub(super) fn event(seq: u64, kind: &str, event: &AttemptEvent) {
    match event {
        AttemptEvent::AgentExited {
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
        AttemptEvent::WorktreeLeased { .. } | AttemptEvent::Metered { .. } => {
            debug!(seq, event = kind, "journaled");
        }
        _ => info!(seq, event = kind, "journaled"),
    }
}
