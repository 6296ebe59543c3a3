//! The effects of intake: the backlog, and the checks on the base.

use autoissue_engine::{Input, IntakeEffect, IntakeInput};

use super::Executor;
use crate::work::could_not_check;

impl Executor {
    pub(super) fn start_intake(&self, effect: IntakeEffect) {
        let services = self.services.clone();
        match effect {
            IntakeEffect::FetchBacklog {
                source,
                ignore_outside,
            } => {
                let failed = |failure| Input::Intake(IntakeInput::BacklogFailed { failure });
                self.blocking(failed, move || {
                    services
                        .fetch_backlog(&source, ignore_outside)
                        .unwrap_or_else(failed)
                });
            }
            IntakeEffect::CheckBase => {
                let cancel = self.everything.child_token();
                self.answering(|failure| could_not_check(&failure), async move {
                    services.check_base(&cancel).await
                });
            }
        }
    }
}
