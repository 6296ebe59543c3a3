//! Log lines of an attempt's events.

use autoissue_engine::AttemptEvent;
use tracing::{debug, info};

pub(super) fn event(seq: u64, kind: &str, event: &AttemptEvent) {
    match event {
        AttemptEvent::AgentExited {
            cost, estimated, ..
        } => {
            info!(
                seq,
                event = kind,
                cost_usd = cost.dollars(),
                estimated,
                "journaled"
            );
        }
        // There are at least as many of these as issues.
        AttemptEvent::WorktreeLeased { .. } | AttemptEvent::Metered { .. } => {
            debug!(seq, event = kind, "journaled");
        }
        _ => info!(seq, event = kind, "journaled"),
    }
}
