//! The effects of an attempt. Effects on the same issue's worktree run one after the other.

use autoissue_engine::{AgentOrder, AgentReport, AttemptEffect, AttemptInput, Failure, Input};
use tracing::Instrument;

use super::{Executor, lock};
use crate::work::{AttemptId, Looked};

impl Executor {
    pub(super) fn start_attempt(&mut self, effect: AttemptEffect) {
        let services = self.services.clone();
        match effect {
            AttemptEffect::LeaseWorktree {
                issue,
                attempt,
                start,
                label,
                is_asked_for,
            } => {
                let id = AttemptId { issue, attempt };
                let lane = self.lane(issue);
                let (_, cancel) = self.stoppable(id);
                self.attempt(id, async move {
                    let _lane = lane.enter().await;
                    let base = match services.look_again(id, label, is_asked_for).await? {
                        Looked::Open { base } => base,
                        Looked::Withdrawn(found) => {
                            return Ok(Input::Attempt(AttemptInput::Withdrawn {
                                issue,
                                attempt,
                                found,
                            }));
                        }
                    };
                    let leased = services.lease(id, start, base, &cancel).await;
                    leased.map(|base| {
                        Input::Attempt(AttemptInput::WorktreeLeased {
                            issue,
                            attempt,
                            base,
                        })
                    })
                });
            }
            AttemptEffect::RunAgent(order) => self.run_agent(*order),
            AttemptEffect::Stop {
                issue,
                attempt,
                reason,
            } => self.stop(AttemptId { issue, attempt }, reason),
            AttemptEffect::CollectWork {
                issue,
                attempt,
                base,
            } => {
                let id = AttemptId {
                    issue: issue.number,
                    attempt,
                };
                let lane = self.lane(issue.number);
                self.attempt(id, async move {
                    let _lane = lane.enter().await;
                    let (work, notes) = services.collect(id, &issue, &base).await?;
                    Ok(Input::Attempt(AttemptInput::WorkCollected {
                        issue: id.issue,
                        attempt,
                        work,
                        notes,
                    }))
                });
            }
            AttemptEffect::RunChecks {
                issue,
                attempt,
                work,
                base,
            } => {
                let id = AttemptId { issue, attempt };
                let (_, cancel) = self.stoppable(id);
                self.attempt(id, async move {
                    let results = services
                        .run_checks(id, &work, base.as_deref(), &cancel)
                        .await?;
                    Ok(Input::Attempt(AttemptInput::ChecksFinished {
                        issue,
                        attempt,
                        results,
                    }))
                });
            }
            AttemptEffect::Publish(order) => {
                let (issue, attempt) = (order.issue.number, order.attempt);
                let id = AttemptId { issue, attempt };
                let (_, cancel) = self.stoppable(id);
                self.attempt(id, async move {
                    let publication = services.publish(*order, cancel).await?;
                    Ok(Input::Attempt(AttemptInput::Published {
                        issue,
                        attempt,
                        publication,
                    }))
                });
            }
            AttemptEffect::ReleaseWorktree {
                issue,
                attempt,
                published,
            } => {
                let lane = self.lane(issue);
                let (id, running) = (AttemptId { issue, attempt }, self.running.clone());
                let slots = services.slots();
                self.tasks.spawn_on(
                    async move {
                        let _lane = lane.enter().await;
                        // Removing directories slows down creating new ones, but an idle slot creates none.
                        let is_time = || lock(&running).len() < slots;
                        services.release(id, published, is_time).await;
                        tracing::debug!("ended");
                    }
                    .in_current_span(),
                    &self.runtime,
                );
            }
        }
    }

    fn run_agent(&self, order: AgentOrder) {
        let (issue, attempt) = (order.issue.number, order.attempt);
        let id = AttemptId { issue, attempt };
        let (control, _) = self.stoppable(id);
        let (services, inputs) = (self.services.clone(), self.inputs.clone());
        let everything = self.everything.clone();
        let exited = move |report| {
            Input::Attempt(AttemptInput::AgentExited {
                issue,
                attempt,
                report,
            })
        };
        // After a panic, the cost is unknown.
        let panicked = move |failure| exited(AgentReport::unseen(failure));
        self.attempt_or(id, panicked, async move {
            // Dropping the future ends the agent.
            let report = everything
                .run_until_cancelled(services.run_agent(order, control, inputs))
                .await;
            match report.unwrap_or(Err(Failure::Interrupted)) {
                Ok(report) => exited(report),
                Err(failure) => Input::Attempt(AttemptInput::Failed {
                    issue,
                    attempt,
                    failure,
                }),
            }
        });
    }
}
