//! Log lines of the plan's events.

use autoissue_engine::PlanEvent;
use tracing::{debug, info};

pub(super) fn event(seq: u64, kind: &str, event: &PlanEvent) {
    match event {
        PlanEvent::PlannerExited {
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
        PlanEvent::PlannerMetered { .. } => debug!(seq, event = kind, "journaled"),
        _ => info!(seq, event = kind, "journaled"),
    }
}
