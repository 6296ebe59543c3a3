//! Carries out effects: each one gives exactly one input, even after a panic or a cancellation.
//!
//! ```text
//!   Effect ─► its chapter ─┬─ async: agent, checks, setup ──────► services ─┐
//!                          └─ blocking: git, files, forge, strategies ──────┴─► Input ─► dispatcher
//! ```
//!
//! The executor makes no decisions and retries nothing. From one effect to the next, it keeps only
//! what is needed to stop an effect.

mod attempt;
mod intake;
mod plan;
mod task;

use std::collections::HashMap;
use std::future::Future;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use autoissue_engine::{AttemptInput, Effect, Failure, Input, IssueNumber, StopReason, TaskEffect};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

use crate::agent::AgentControl;
use crate::log;
use crate::work::{AttemptId, Services};

/// Starts effects on the async runtime.
pub(crate) struct Executor {
    runtime: Handle,
    services: Arc<Services>,
    inputs: Sender<Input>,
    tasks: TaskTracker,
    running: Arc<Mutex<HashMap<AttemptId, Running>>>,
    lanes: HashMap<IssueNumber, Arc<tokio::sync::Mutex<()>>>,
    everything: CancellationToken,
}

/// What can be stopped in an attempt.
struct Running {
    control: watch::Sender<AgentControl>,
    cancel: CancellationToken,
}

impl Executor {
    pub(crate) fn new(runtime: Handle, services: Arc<Services>, inputs: Sender<Input>) -> Self {
        Self {
            runtime,
            services,
            inputs,
            tasks: TaskTracker::new(),
            running: Arc::default(),
            lanes: HashMap::new(),
            everything: CancellationToken::new(),
        }
    }

    /// Returns a tracker that ends when all effects have ended, and a token that ends them.
    pub(crate) fn handles(&self) -> (TaskTracker, CancellationToken) {
        (self.tasks.clone(), self.everything.clone())
    }

    pub(crate) fn start_all(&mut self, effects: Vec<Effect>) {
        let mut to_classify = Vec::new();
        for effect in effects {
            match effect {
                Effect::Task(TaskEffect::Classify { issue }) => to_classify.push(issue),
                effect => log::effect(&effect).in_scope(|| {
                    tracing::debug!("started");
                    self.start(effect);
                }),
            }
        }
        self.classify(&to_classify);
    }

    fn start(&mut self, effect: Effect) {
        match effect {
            Effect::Plan(effect) => self.start_plan(effect),
            Effect::Intake(effect) => self.start_intake(effect),
            Effect::Task(effect) => self.start_task(effect),
            Effect::Attempt(effect) => self.start_attempt(effect),
        }
    }

    /// Runs an effect of an attempt; an error becomes its failure.
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

    /// Runs a blocking function, such as git or file operations.
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

    /// Sends the answer of an effect, or a substitute if the effect panicked.
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
                    message: format!("bug in autoissue: {error}"),
                })
            });
            log::answer(&input, began.elapsed());
            // The dispatcher is gone only when the session has ended.
            let _ = inputs.send(input);
        };
        self.tasks
            .spawn_on(waiting.in_current_span(), &self.runtime);
    }

    fn stoppable(&self, id: AttemptId) -> (watch::Receiver<AgentControl>, CancellationToken) {
        let (control, wished) = watch::channel(AgentControl::Continue);
        let cancel = self.everything.child_token();
        lock(&self.running).insert(
            id,
            Running {
                control,
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
        let control = match reason {
            StopReason::Budget => AgentControl::StopForBudget,
            StopReason::Interrupted => AgentControl::Stop,
            StopReason::Killed => AgentControl::Kill,
        };
        if reason != StopReason::Budget {
            running.cancel.cancel();
        }
        running.control.send_if_modified(|current| {
            let stronger = *current < control;
            *current = control.max(*current);
            stronger
        });
    }

    /// Returns a place in the queue for an issue's worktree, which effects use one at a time, in
    /// order.
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
    // The contents are valid even if a holder panicked: it only inserts and removes.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
