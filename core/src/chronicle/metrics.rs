//! Figures over several sessions: by domain, by model, by type of failure.
//!
//! An attempt and its cost count for the model that the attempt ran with. A task counts as tried
//! for each of its models; as done, with its pull request and code, only for the last one. If a
//! cheap model failed a task and an expensive one finished it, the task counts for both.

use std::collections::{BTreeMap, BTreeSet};

use autoissue_engine::{AttemptEvent, Event, IssueNumber, Outcome, OutcomeGroup, Task, Usd};

use super::Chronicle;
use super::money::per;

/// Figures over several sessions.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Sessions.
    pub n_sessions: u32,
    /// Cost of planning; part of the total.
    pub planning: Usd,
    /// All figures together, including costs that belong to no task.
    pub total: Figures,
    /// By the tasks' domain.
    pub by_domain: BTreeMap<String, Figures>,
    /// By the attempts' model; `None` means that the agent chose it.
    pub by_model: BTreeMap<Option<String>, Figures>,
    /// Failures by the name of their type, including retried ones; lists types that never occurred
    /// too.
    pub n_failures: BTreeMap<&'static str, u64>,
}

/// Figures of a group of tried tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Tasks that ended after at least one attempt.
    pub n_tried: u64,
    /// Those whose work is published.
    pub n_done: u64,
    /// Those of them with a pull request.
    pub n_pull_requests: u64,
    /// Attempts started.
    pub n_attempts: u64,
    /// Spent: settled costs plus what running attempts have metered.
    pub spent: Usd,
    /// The part of it that is estimated, because an agent did not report its cost.
    pub estimated: Usd,
    /// Lines that published work added.
    pub added: u64,
    /// Lines that it removed.
    pub removed: u64,
    /// Files that it changed.
    pub n_files: u64,
}

/// The costs of attempts with each model, and the models of each task.
#[derive(Clone, Debug, Default)]
pub(super) struct ModelUse {
    by_model: BTreeMap<Option<String>, Figures>,
    of_task: BTreeMap<IssueNumber, ModelsOfTask>,
}

#[derive(Clone, Debug, Default)]
struct ModelsOfTask {
    all: BTreeSet<Option<String>>,
    last: Option<String>,
}

impl Metrics {
    /// Adds a session.
    pub fn add(&mut self, chronicle: &Chronicle) {
        self.n_sessions += 1;
        let money = chronicle.money();
        self.planning += money.planning;
        for task in chronicle.engine.tasks().values() {
            if task.n_attempts == 0 {
                continue;
            }
            let figures = Figures::of(task);
            let domain = self.by_domain.entry(task.domain().to_owned());
            domain.or_default().add(figures);
            self.total.add(Figures {
                spent: Usd::ZERO,
                estimated: Usd::ZERO,
                ..figures
            });
        }
        // The session's figure, because some costs belong to no task.
        self.total.spent += money.spent;
        self.total.estimated += money.estimated;
        for (kind, n) in chronicle.n_failures() {
            *self.n_failures.entry(kind).or_default() += n;
        }
        self.add_models(chronicle);
    }

    fn add_models(&mut self, chronicle: &Chronicle) {
        for (model, figures) in &chronicle.models.by_model {
            self.by_model
                .entry(model.clone())
                .or_default()
                .add(*figures);
        }
        for (issue, models) in &chronicle.models.of_task {
            let Some(task) = chronicle.engine.task(*issue) else {
                continue;
            };
            for model in &models.all {
                let figures = Figures::with_model(task, *model == models.last);
                self.by_model.entry(model.clone()).or_default().add(figures);
            }
        }
    }
}

impl Figures {
    fn of(task: &Task) -> Self {
        let is_done = task.outcome().map(Outcome::group) == Some(OutcomeGroup::Done);
        let work = task.work.as_ref().filter(|_| is_done);
        Self {
            n_tried: u64::from(task.outcome().is_some()),
            n_done: u64::from(is_done),
            n_pull_requests: u64::from(
                is_done && task.outcome().and_then(Outcome::pull_request).is_some(),
            ),
            n_attempts: task.n_attempts.into(),
            spent: task.spent_now(),
            estimated: task.estimated,
            added: work.map_or(0, |work| work.added),
            removed: work.map_or(0, |work| work.removed),
            n_files: work.map_or(0, |work| work.n_files.into()),
        }
    }

    /// Returns what a task adds to the figures of one of its models, apart from attempts and their
    /// settled costs.
    fn with_model(task: &Task, is_last: bool) -> Self {
        let whole = Self::of(task);
        if is_last {
            Self {
                n_attempts: 0,
                spent: task.spent_now() - task.spent,
                estimated: Usd::ZERO,
                ..whole
            }
        } else {
            Self {
                n_tried: whole.n_tried,
                ..Self::default()
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.n_tried += other.n_tried;
        self.n_done += other.n_done;
        self.n_pull_requests += other.n_pull_requests;
        self.n_attempts += other.n_attempts;
        self.spent += other.spent;
        self.estimated += other.estimated;
        self.added += other.added;
        self.removed += other.removed;
        self.n_files += other.n_files;
    }

    /// Returns the share of tried tasks that are done; `None` if none was tried.
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 tasks")]
    pub fn success_rate(&self) -> Option<f64> {
        (0 < self.n_tried).then(|| self.n_done as f64 / self.n_tried as f64)
    }

    /// Returns the amount spent per pull request, failures included; `None` without a pull request.
    pub fn per_pull_request(&self) -> Option<Usd> {
        per(self.spent, self.n_pull_requests)
    }
}

impl ModelUse {
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Attempt(AttemptEvent::Started { issue, model, .. }) => {
                self.by_model.entry(model.clone()).or_default().n_attempts += 1;
                let models = self.of_task.entry(*issue).or_default();
                models.all.insert(model.clone());
                models.last.clone_from(model);
            }
            Event::Attempt(AttemptEvent::AgentExited {
                issue,
                cost,
                estimated,
                ..
            }) => {
                let Some(models) = self.of_task.get(issue) else {
                    return;
                };
                let figures = self.by_model.entry(models.last.clone()).or_default();
                figures.spent += *cost;
                figures.estimated += if *estimated { *cost } else { Usd::ZERO };
            }
            _ => {}
        }
    }
}
