//! The effects of intake: the backlog, and the checks on the base.

use autoissue_engine::{Failure, Input, IntakeEffect};

use super::Executor;

impl Executor {
    pub(super) fn start_intake(&self, effect: IntakeEffect) {
        let services = self.services.clone();
        match effect {
            IntakeEffect::FetchBacklog {
                source,
                ignore_outside,
            } => {
                let failed = |failure| Input::BacklogFailed { failure };
                self.blocking(failed, move || {
                    services
                        .fetch_backlog(&source, ignore_outside)
                        .unwrap_or_else(failed)
                });
            }
            IntakeEffect::CheckBase => {
                fn failed(_: Failure) -> Input {
                    Input::BaseChecked {
                        results: Vec::new(),
                    }
                }

                let cancel = self.everything.child_token();
                self.answering(failed, async move { services.check_base(&cancel).await });
            }
        }
    }
}
