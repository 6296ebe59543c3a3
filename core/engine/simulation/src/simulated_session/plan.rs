//! Answers to the effects of a plan. The forge remembers the created issues, and the disk the
//! planner's answers, even if the process dies.

use autoissue_engine::*;
use autoissue_engine::{AttemptInput, IntakeInput, PlanInput};

use super::{SimulatedSession, Upcoming, world};

impl SimulatedSession {
    pub(super) fn carry_out_plan(&mut self, effect: PlanEffect) {
        let delay = self.rng.u64(..120_000);
        match effect {
            PlanEffect::Read { .. } => self.later(
                delay,
                Upcoming::Answer(Input::Plan(PlanInput::Read {
                    plan: self.plan.clone(),
                })),
            ),
            PlanEffect::Decompose(order) => {
                self.decompose(order.attempt, order.task.budget_usd.map(Usd::from_dollars));
            }
            PlanEffect::Recover { attempt } => {
                let is_of_it = |input: &Input| matches!(input, Input::Plan(PlanInput::Decomposed { attempt: of, .. }) if *of == attempt);
                let recorded = self
                    .recorded
                    .clone()
                    .filter(is_of_it)
                    .unwrap_or_else(|| unseen(attempt));
                self.later(delay, Upcoming::Answer(recorded));
            }
            PlanEffect::CreateIssue(order) => self.create_issue(order.position, delay),
            PlanEffect::LinkIssue { position, .. } => {
                let linked = Input::Plan(PlanInput::IssueLinked {
                    position,
                    n_api_calls: 1,
                });
                let failed = self.rates.forge_failure(&mut self.rng, self.now);
                self.later(
                    delay,
                    Upcoming::Answer(
                        failed.map_or(linked, |failure| Input::Plan(PlanInput::Failed { failure })),
                    ),
                );
            }
            PlanEffect::Stop { reason } => self.stop_plan(reason),
        }
    }

    pub(super) fn fetch_planned(&mut self) {
        let created: Vec<IssueNumber> = self.forge.values().copied().collect();
        let issues = world::backlog_of(&self.plan, &created);
        let fetched = Input::Intake(IntakeInput::BacklogFetched {
            issues,
            warnings: vec![],
            n_api_calls: 0,
        });
        let failed = self.rates.forge_failure(&mut self.rng, self.now);
        let answer = failed.map_or(fetched, |failure| {
            Input::Intake(IntakeInput::BacklogFailed { failure })
        });
        let delay = self.rng.u64(..120_000);
        self.later(delay, Upcoming::Answer(answer));
    }

    fn decompose(&mut self, attempt: u32, limit: Option<Usd>) {
        match self.rates.start_failure(&mut self.rng, self.now) {
            Some(failure) => {
                let report = ended(Ended::Failed { failure }, Spent::Known(Usd::ZERO));
                self.later(
                    10,
                    Upcoming::Answer(Input::Plan(PlanInput::Decomposed {
                        attempt,
                        report: Box::new(report),
                        answer: None,
                    })),
                );
            }
            None => self.let_work(IssueNumber::SESSION, attempt, limit),
        }
    }

    /// Returns the end of an agent as reported to the engine; the answer of a planner is on disk
    /// before it is reported.
    pub(super) fn exited(
        &mut self,
        issue: IssueNumber,
        attempt: u32,
        report: AgentReport,
    ) -> Input {
        if issue != IssueNumber::SESSION {
            return Input::Attempt(AttemptInput::AgentExited {
                issue,
                attempt,
                report,
            });
        }
        let is_done = report.ended == Ended::Done;
        let answer = if is_done {
            world::answer(&mut self.rng, &self.plan)
        } else {
            None
        };
        let decomposed = Input::Plan(PlanInput::Decomposed {
            attempt,
            report: Box::new(report),
            answer,
        });
        self.recorded = Some(decomposed.clone());
        decomposed
    }

    /// Creates an issue once, whether or not the answer arrives.
    fn create_issue(&mut self, position: u32, delay: u64) {
        let failure = self.rates.forge_failure(&mut self.rng, self.now);
        let is_lost = failure.is_some() && self.rng.bool();
        let existed = self.forge.contains_key(&position);
        if failure.is_none() || is_lost {
            let next = self
                .forge
                .values()
                .map(|number| number.0)
                .max()
                .unwrap_or(0)
                + self.rng.u64(1..4);
            self.forge.entry(position).or_insert(IssueNumber(next));
        }
        let answer = match failure {
            Some(failure) => Input::Plan(PlanInput::Failed { failure }),
            None => {
                let number = self.forge[&position];
                Input::Plan(PlanInput::IssueCreated {
                    position,
                    number,
                    existed,
                    n_api_calls: 2,
                })
            }
        };
        self.later(delay, Upcoming::Answer(answer));
    }

    fn stop_plan(&mut self, reason: StopReason) {
        fn waits(upcoming: &Upcoming) -> bool {
            matches!(
                upcoming,
                Upcoming::Answer(Input::Plan(
                    PlanInput::IssueCreated { .. } | PlanInput::IssueLinked { .. }
                ))
            )
        }

        let planners = self
            .agents
            .iter_mut()
            .filter(|((issue, _), _)| *issue == IssueNumber::SESSION);
        planners.for_each(|(_, agent)| agent.stopped = Some(reason));
        let keys: Vec<_> = self
            .timeline
            .iter()
            .filter(|(_, h)| waits(h))
            .map(|(&key, _)| key)
            .collect();
        for key in keys
            .into_iter()
            .filter(|_| self.rng.bool())
            .collect::<Vec<_>>()
        {
            self.timeline.remove(&key);
            self.later(
                10,
                Upcoming::Answer(Input::Plan(PlanInput::Failed {
                    failure: Failure::Interrupted,
                })),
            );
        }
    }
}

fn unseen(attempt: u32) -> Input {
    let report = ended(
        Ended::Failed {
            failure: Failure::Interrupted,
        },
        Spent::Unknown,
    );
    Input::Plan(PlanInput::Decomposed {
        attempt,
        report: Box::new(report),
        answer: None,
    })
}

fn ended(ended: Ended, spent: Spent) -> AgentReport {
    AgentReport {
        ended,
        spent,
        session: None,
        summary: None,
        denied: vec![],
        n_turns: None,
        model: None,
        notes: Vec::new(),
        has_lost_session: false,
        tokens: 0,
        duration_ms: 0,
    }
}
