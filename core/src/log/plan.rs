//! Log lines of the plan's events.

use autoissue_engine::PlanEvent;
use tracing::{debug, info};

pub(super) fn event(seq: u64, kind: &str, event: &PlanEvent) {
    match event {
        PlanEvent::PlannerExited {
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
        PlanEvent::PlannerMetered { .. } => debug!(seq, event = kind, "journaled"),
        _ => info!(seq, event = kind, "journaled"),
    }
}
