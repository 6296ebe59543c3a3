//! The money of a session over time, with a limited number of points.

use autoissue_engine::{AttemptEvent, Engine, Event, PlanEvent, SessionEvent, TaskEvent, Usd};

/// Most points of the curve. Wider screens cannot show more; above this, every other point is
/// dropped.
pub(super) const N_POINTS_MAX: usize = 600;

/// The money at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostPoint {
    /// The time, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Spent: settled costs plus what running attempts had metered.
    pub spent: Usd,
    /// Reserved in addition to that.
    pub reserved: Usd,
}

/// The money over time.
#[derive(Clone, Debug, Default)]
pub(super) struct CostCurve {
    points: Vec<CostPoint>,
    /// How many points there are for each one that is kept.
    stride: usize,
    n_skipped: usize,
}

impl CostCurve {
    /// Adds an event; `engine` is the state after it.
    pub(super) fn take(&mut self, at_ms: u64, event: &Event, engine: &Engine) {
        if moves_money(event) {
            let money = engine.ledger();
            self.add(CostPoint {
                at_ms,
                spent: money.spent,
                reserved: money.reserved,
            });
        }
    }

    pub(super) fn points(&self) -> &[CostPoint] {
        &self.points
    }

    fn add(&mut self, point: CostPoint) {
        self.n_skipped += 1;
        if self.n_skipped < self.stride {
            // The newest point always stays, so that the curve ends with the current figures.
            if let Some(last) = self.points.last_mut() {
                *last = point;
            }
            return;
        }
        self.n_skipped = 0;
        self.points.push(point);
        if N_POINTS_MAX < self.points.len() {
            let mut n = 0;
            self.points.retain(|_| {
                n += 1;
                n % 2 == 1
            });
            self.stride = self.stride.max(1) * 2;
        }
    }
}

const fn moves_money(event: &Event) -> bool {
    matches!(
        event,
        Event::Session(SessionEvent::Started { .. } | SessionEvent::Finished { .. })
            | Event::Attempt(
                AttemptEvent::Started { .. }
                    | AttemptEvent::Metered { .. }
                    | AttemptEvent::AgentExited { .. }
                    | AttemptEvent::Failed { .. }
            )
            | Event::Plan(
                PlanEvent::PlannerStarted { .. }
                    | PlanEvent::PlannerMetered { .. }
                    | PlanEvent::PlannerExited { .. }
            )
            | Event::Task(TaskEvent::Finished { .. })
    )
}
