//! Log lines of events of the services that all tasks share.

use autoissue_engine::ServiceEvent;
use tracing::{info, warn};

use super::first_line;

pub(super) fn event(seq: u64, kind: &str, event: &ServiceEvent) {
    match event {
        ServiceEvent::Paused {
            service, message, ..
        } => {
            warn!(seq, event = kind, %service, reason = first_line(message), "journaled");
        }
        ServiceEvent::Failed { service, .. } | ServiceEvent::BreakerOpened { service, .. } => {
            warn!(seq, event = kind, %service, "journaled");
        }
        _ => info!(seq, event = kind, "journaled"),
    }
}
