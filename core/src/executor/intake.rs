//! The effects of intake: the backlog, and the checks on the base.

use autoissue_engine::{Failure, Input, IntakeEffect, IntakeInput};

use super::Executor;

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
                fn failed(_: Failure) -> Input {
                    Input::Intake(IntakeInput::BaseChecked {
                        results: Vec::new(),
                    })
                }

                let cancel = self.everything.child_token();
                self.answering(failed, async move { services.check_base(&cancel).await });
            }
        }
    }
}
