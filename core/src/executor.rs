//! Carries out effects: each one gives exactly one input, a panic and a cancellation included.
//!
//! ```text
//!   Effect ─► start ─┬─ async: agent, checks, setup ───────► services ─┐
//!                    └─ blocking: git, files, forge, strategies ───────┴─► Input ─► dispatcher
//! ```
//!
//! It decides nothing, tries nothing twice, and keeps nothing from one effect to the next but what is needed to stop one.

mod planning;

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use autoissue_engine::{
    AgentReport, AttemptInput, Classification, Doing, Effect, Engine, Failure, Input, IntakeInput,
    Issue, IssueNumber, Outcome, StopReason, Task, TaskInput, Usd,
};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

use crate::agent::Wish;
use crate::log;
use crate::strategy::ChosenModel;
use crate::work::{AttemptId, Foundation, PublishOrder, Workshop};

/// Issues that one thread classifies at least: it takes about a millisecond.
const N_CLASSIFIED_TOGETHER: usize = 64;

/// Starts effects on the async runtime.
pub(crate) struct Executor {
    runtime: Handle,
    workshop: Arc<Workshop>,
    inputs: Sender<Input>,
    tasks: TaskTracker,
    running: Arc<Mutex<HashMap<AttemptId, Running>>>,
    lanes: HashMap<IssueNumber, Arc<tokio::sync::Mutex<()>>>,
    everything: CancellationToken,
}

/// What can be stopped of an attempt.
struct Running {
    wish: watch::Sender<Wish>,
    cancel: CancellationToken,
}

impl Executor {
    pub(crate) fn new(runtime: Handle, workshop: Arc<Workshop>, inputs: Sender<Input>) -> Self {
        Self {
            runtime,
            workshop,
            inputs,
            tasks: TaskTracker::new(),
            running: Arc::default(),
            lanes: HashMap::new(),
            everything: CancellationToken::new(),
        }
    }

    /// Returns what tells when all effects have ended, and what ends them.
    pub(crate) fn handles(&self) -> (TaskTracker, CancellationToken) {
        (self.tasks.clone(), self.everything.clone())
    }

    /// Starts effects. What they need to know of the session is read from the engine now.
    pub(crate) fn start_all(&mut self, effects: Vec<Effect>, engine: &Engine) {
        let mut to_classify = Vec::new();
        for effect in effects {
            match effect {
                Effect::Classify { issue } => to_classify.push(issue),
                effect => log::effect(&effect).in_scope(|| {
                    tracing::debug!("begins");
                    self.start(effect, engine);
                }),
            }
        }
        self.classify(&to_classify);
    }

    /// Classifies issues, on as many threads as there are cores: a thread for each would cost more than the answers.
    fn classify(&self, issues: &[Arc<Issue>]) {
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
        for share in issues.chunks(issues.len().div_ceil(n_threads).max(N_CLASSIFIED_TOGETHER)) {
            let (workshop, inputs, everything) = (
                self.workshop.clone(),
                self.inputs.clone(),
                self.everything.clone(),
            );
            let issues = share.to_vec();
            let classify = move || {
                for issue in issues
                    .into_iter()
                    .take_while(|_| !everything.is_cancelled())
                {
                    let answer =
                        catch_unwind(AssertUnwindSafe(|| workshop.strategies.classify(&issue)));
                    let answer = answer.unwrap_or_else(|_| {
                        tracing::error!(issue = issue.number.0, "a classifier panicked");
                        Ok(unclassified())
                    });
                    let input = match answer {
                        Ok(classification) => Input::Task(TaskInput::Classified {
                            issue: issue.number,
                            classification,
                        }),
                        Err(undecided) => Input::Task(TaskInput::Undecided(undecided)),
                    };
                    // The dispatcher is gone only when the session is over.
                    let _ = inputs.send(input);
                }
            };
            self.tasks.spawn_blocking_on(classify, &self.runtime);
        }
    }

    fn start(&mut self, effect: Effect, engine: &Engine) {
        let workshop = self.workshop.clone();
        match effect {
            Effect::FetchBacklog => {
                let label = engine.about().label.clone();
                let planned = engine.planning().map(|planning| planning.created.clone());
                let failed = |failure| Input::Intake(IntakeInput::BacklogFailed { failure });
                self.blocking(failed, move || {
                    let fetched = match planned {
                        Some(numbers) => workshop.fetch_planned(&numbers),
                        None => workshop.fetch_backlog(&label),
                    };
                    fetched.unwrap_or_else(failed)
                });
            }
            Effect::ReadPlan
            | Effect::Decompose { .. }
            | Effect::RecoverPlan { .. }
            | Effect::CreateIssue { .. }
            | Effect::LinkIssue { .. }
            | Effect::StopPlanning { .. } => self.start_planning(effect, engine),
            Effect::Classify { issue } => self.classify(&[issue]),
            Effect::SelectModel {
                issue,
                classification,
                attempt,
                n_substance,
                cap_left,
            } => {
                self.select_model(issue, classification.domain, attempt, n_substance, cap_left);
            }
            Effect::CheckBase => {
                fn failed(_: Failure) -> Input {
                    Input::Intake(IntakeInput::BaseChecked {
                        results: Vec::new(),
                    })
                }

                let cancel = self.everything.child_token();
                self.answering(failed, async move { workshop.check_base(&cancel).await });
            }
            Effect::LeaseWorktree {
                issue,
                attempt,
                start,
            } => {
                let id = AttemptId { issue, attempt };
                let lane = self.lane(issue);
                let (_, cancel) = self.stoppable(id);
                let label = engine.about().label.clone();
                self.attempt(id, async move {
                    let _lane = lane.enter().await;
                    if let Some(found) = workshop.look_again(id, label).await? {
                        return Ok(Input::Attempt(AttemptInput::Withdrawn {
                            issue,
                            attempt,
                            found,
                        }));
                    }
                    let leased = workshop.lease(id, start, &cancel).await;
                    leased.map(|base| {
                        Input::Attempt(AttemptInput::WorktreeLeased {
                            issue,
                            attempt,
                            base,
                        })
                    })
                });
            }
            Effect::RunAgent {
                issue,
                attempt,
                model,
                effort,
                limit,
                resume,
                feedback,
                continues,
                avoid,
            } => {
                let id = AttemptId {
                    issue: issue.number,
                    attempt,
                };
                let (wish, _) = self.stoppable(id);
                let order = crate::work::RunOrder {
                    issue,
                    attempt,
                    model,
                    effort,
                    limit,
                    resume,
                    feedback,
                    continues,
                    avoid,
                };
                let inputs = self.inputs.clone();
                let everything = self.everything.clone();
                let exited = move |report| {
                    Input::Attempt(AttemptInput::AgentExited {
                        issue: id.issue,
                        attempt,
                        report,
                    })
                };
                // A panic tells nothing of what was spent.
                self.attempt_or(
                    id,
                    move |failure| exited(AgentReport::unseen(failure)),
                    async move {
                        // Whoever drops a running agent ends it.
                        let report = everything
                            .run_until_cancelled(workshop.run_agent(order, wish, inputs))
                            .await;
                        match report.unwrap_or(Err(Failure::Interrupted)) {
                            Ok(report) => exited(report),
                            Err(failure) => Input::Attempt(AttemptInput::Failed {
                                issue: id.issue,
                                attempt,
                                failure,
                            }),
                        }
                    },
                );
            }
            Effect::Stop {
                issue,
                attempt,
                reason,
            } => self.stop(AttemptId { issue, attempt }, reason),
            Effect::CollectWork {
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
                    let (work, notes) = workshop.collect(id, &issue, &base).await?;
                    Ok(Input::Attempt(AttemptInput::WorkCollected {
                        issue: id.issue,
                        attempt,
                        work,
                        notes,
                    }))
                });
            }
            Effect::RunChecks {
                issue,
                attempt,
                work,
            } => {
                let id = AttemptId { issue, attempt };
                let (_, cancel) = self.stoppable(id);
                // Work that is built on other work of ours has no base that was checked.
                let base = engine
                    .task(issue)
                    .filter(|task| foundations(engine, task).is_empty())
                    .and_then(|task| task.base.clone());
                self.attempt(id, async move {
                    let results = workshop
                        .run_checks(id, &work, base.as_deref(), &cancel)
                        .await?;
                    Ok(Input::Attempt(AttemptInput::ChecksFinished {
                        issue,
                        attempt,
                        results,
                    }))
                });
            }
            Effect::Publish { issue, attempt } => {
                let order = engine
                    .task(issue)
                    .and_then(|task| PublishOrder::of(engine, task));
                let id = AttemptId { issue, attempt };
                let (_, cancel) = self.stoppable(id);
                self.attempt(id, async move {
                    let order = order.ok_or_else(|| Failure::Validation {
                        message: "there is no work to publish".to_owned(),
                    })?;
                    let publication = workshop.publish(order, cancel).await?;
                    Ok(Input::Attempt(AttemptInput::Published {
                        issue,
                        attempt,
                        publication,
                    }))
                });
            }
            Effect::ReleaseWorktree {
                issue,
                attempt,
                published,
            } => {
                let lane = self.lane(issue);
                self.tasks.spawn_on(
                    async move {
                        let _lane = lane.enter().await;
                        workshop
                            .release(AttemptId { issue, attempt }, published)
                            .await;
                        tracing::debug!("ended");
                    }
                    .in_current_span(),
                    &self.runtime,
                );
            }
        }
    }

    fn select_model(
        &self,
        issue: Arc<Issue>,
        domain: String,
        attempt: u32,
        n_substance: u32,
        cap_left: Usd,
    ) {
        let workshop = self.workshop.clone();
        let number = issue.number;
        let failed = move |failure: Failure| {
            Input::Task(TaskInput::ModelSelected {
                issue: number,
                model: None,
                effort: None,
                reason: format!("left to the agent's program: {failure}"),
            })
        };
        self.blocking(failed, move || {
            match workshop
                .strategies
                .select_model(&issue, &domain, attempt, n_substance, cap_left)
            {
                Ok(ChosenModel {
                    model,
                    effort,
                    reason,
                }) => Input::Task(TaskInput::ModelSelected {
                    issue: number,
                    model,
                    effort,
                    reason,
                }),
                Err(undecided) => Input::Task(TaskInput::Undecided(undecided)),
            }
        });
    }

    /// Runs an effect of an attempt; an error is its failure.
    fn attempt(
        &self,
        id: AttemptId,
        work: impl Future<Output = Result<Input, Failure>> + Send + 'static,
    ) {
        let AttemptId { issue, attempt } = id;
        let failed = move |failure| {
            Input::Attempt(AttemptInput::Failed {
                issue,
                attempt,
                failure,
            })
        };
        self.attempt_or(id, failed, async move { work.await.unwrap_or_else(failed) });
    }

    fn attempt_or(
        &self,
        id: AttemptId,
        panicked: impl Fn(Failure) -> Input + Send + 'static,
        work: impl Future<Output = Input> + Send + 'static,
    ) {
        let running = self.running.clone();
        self.answering(panicked, async move {
            let answer = work.await;
            lock(&running).remove(&id);
            answer
        });
    }

    /// Runs something that blocks, such as git or files.
    fn blocking(
        &self,
        failed: impl Fn(Failure) -> Input + Send + 'static,
        work: impl FnOnce() -> Input + Send + 'static,
    ) {
        let span = Span::current();
        let answer = self.runtime.spawn_blocking(move || span.in_scope(work));
        self.answer(failed, answer);
    }

    fn answering(
        &self,
        failed: impl Fn(Failure) -> Input + Send + 'static,
        work: impl Future<Output = Input> + Send + 'static,
    ) {
        let answer = self.runtime.spawn(work.in_current_span());
        self.answer(failed, answer);
    }

    /// Sends the answer of an effect, or what stands for it if the effect panicked.
    fn answer(
        &self,
        failed: impl Fn(Failure) -> Input + Send + 'static,
        answer: tokio::task::JoinHandle<Input>,
    ) {
        let inputs = self.inputs.clone();
        let began = Instant::now();
        let waiting = async move {
            let input = answer.await.unwrap_or_else(|error| {
                tracing::error!(%error, "an effect panicked");
                failed(Failure::Crash {
                    message: format!("a defect in autoissue: {error}"),
                })
            });
            log::answer(&input, began.elapsed());
            // The dispatcher is gone only when the session is over.
            let _ = inputs.send(input);
        };
        self.tasks
            .spawn_on(waiting.in_current_span(), &self.runtime);
    }

    fn stoppable(&self, id: AttemptId) -> (watch::Receiver<Wish>, CancellationToken) {
        let (wish, wished) = watch::channel(Wish::GoOn);
        let cancel = self.everything.child_token();
        lock(&self.running).insert(
            id,
            Running {
                wish,
                cancel: cancel.clone(),
            },
        );
        (wished, cancel)
    }

    fn stop(&self, id: AttemptId, reason: StopReason) {
        let running = lock(&self.running);
        let Some(running) = running.get(&id) else {
            return;
        };
        let wish = match reason {
            StopReason::Budget => Wish::StopForBudget,
            StopReason::Interrupted => Wish::Stop,
            StopReason::Killed => Wish::Kill,
        };
        if reason != StopReason::Budget {
            running.cancel.cancel();
        }
        running.wish.send_if_modified(|current| {
            let stronger = *current < wish;
            *current = wish.max(*current);
            stronger
        });
    }

    /// Returns a place in the line of those who touch an issue's worktree: one at a time, in the order of their effects.
    fn lane(&mut self, issue: IssueNumber) -> Lane {
        let lane = self.lanes.entry(issue).or_default().clone();
        match lane.clone().try_lock_owned() {
            Ok(guard) => Lane::Entered(guard),
            Err(_) => Lane::Behind(lane),
        }
    }
}

enum Lane {
    Entered(OwnedMutexGuard<()>),
    Behind(Arc<tokio::sync::Mutex<()>>),
}

impl Lane {
    async fn enter(self) -> OwnedMutexGuard<()> {
        match self {
            Self::Entered(guard) => guard,
            Self::Behind(lane) => lane.lock_owned().await,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind it is whole even if a holder panicked: it only ever inserts and removes.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unclassified() -> Classification {
    Classification {
        domain: "unknown".to_owned(),
        by: "none".to_owned(),
        ..Classification::default()
    }
}

/// Returns the finished work of a session that is not published.
pub(crate) fn waiting_of(engine: &Engine) -> Vec<PublishOrder> {
    let waits = |task: &&Task| {
        let attempt = task.attempt();
        attempt.is_some_and(|attempt| matches!(attempt.doing, Doing::Publishing { .. }))
    };
    let tasks = engine.tasks().values().filter(waits);
    tasks
        .filter_map(|task| PublishOrder::of(engine, task))
        .collect()
}

impl PublishOrder {
    /// Returns what is to be published of a task; `None` where there is no work.
    fn of(engine: &Engine, task: &Task) -> Option<Self> {
        Some(Self {
            issue: task.issue.clone(),
            attempt: task.n_attempts,
            work: task.work.clone()?,
            base: task.base.clone()?,
            report: task.report.clone(),
            checks: task.checks.clone(),
            base_checks: engine.base_checks().map(<[_]>::to_vec).unwrap_or_default(),
            model: task.model.clone(),
            cost: task.spent,
            cost_is_assumed: task.assumed > Usd::ZERO,
            foundations: foundations(engine, task),
            agent: engine.settings().agent.clone(),
            base_branch: engine.about().base_branch.clone(),
        })
    }
}

/// Returns the issues of the session whose work a task is built on, each after those that it is built on itself.
fn foundations(engine: &Engine, task: &Task) -> Vec<Foundation> {
    let on = |task: &Task| -> Vec<IssueNumber> {
        let numbers = task.issue.dependencies.iter().map(|on| on.number);
        let is_foundation = |task: &Task| task.outcome().is_none_or(Outcome::is_foundation);
        numbers
            .filter(|number| engine.task(*number).is_some_and(is_foundation))
            .collect()
    };
    let mut order: Vec<IssueNumber> = Vec::new();
    // Depth first without recursion: what is still below is pushed on top, and is taken once that is done.
    let mut stack: Vec<IssueNumber> = on(task).into_iter().rev().collect();
    while let Some(&top) = stack.last() {
        let below: Vec<IssueNumber> = engine.task(top).map(&on).unwrap_or_default();
        let mut missing = below
            .into_iter()
            .rev()
            .filter(|number| !order.contains(number))
            .peekable();
        if missing.peek().is_some() {
            stack.extend(missing);
        } else {
            stack.pop();
            if !order.contains(&top) {
                order.push(top);
            }
        }
    }
    let implied = |number: IssueNumber| {
        let others = order
            .iter()
            .filter(|other| **other != number)
            .filter_map(|other| engine.task(*other));
        others.flat_map(&on).any(|below| below == number)
    };
    let direct = on(task);
    order
        .iter()
        .filter_map(|number| {
            let foundation = engine.task(*number)?;
            let published = foundation
                .publication
                .as_ref()
                .and_then(|publication| publication.pull_request.clone());
            Some(Foundation {
                issue: *number,
                pull_request: published.or_else(|| foundation.outcome()?.pull_request().cloned()),
                is_direct: direct.contains(number) && !implied(*number),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
