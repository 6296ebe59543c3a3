//! What a session would do, for `--dry-run`: the order of the tasks, and for whom each would wait.
//!
//! It is read off the queue's order and the rules of scheduling, not simulated: how long a task runs is not known. Of those
//! that a task would wait for, the nearest ones are named; those wait for others in their turn.
//!
//! ```text
//!   tasks ─► in order, dependencies first ─► affordable? ─► waits for: dependencies · domain · who runs alone · files
//! ```

mod paths;

use std::collections::{BTreeMap, BTreeSet};

use crate::queue::Place;
use crate::{Engine, IssueNumber, NotStarted, Outcome, Task, Usd};
use paths::LastOn;

/// Tasks that are named, beside its dependencies, of those that one would wait for: enough to explain, few enough to read.
const N_WAITS_MAX: usize = 4;

/// What is expected of one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Its issue.
    pub issue: IssueNumber,
    /// Title of the issue.
    pub title: String,
    /// Domain.
    pub domain: String,
    /// Model; `None` leaves it to the program.
    pub model: Option<String>,
    /// What it is expected to cost.
    pub estimate: Usd,
    /// Whether it runs.
    pub fate: Fate,
    /// Earlier tasks that it would wait for, the nearest of each kind, each task once.
    pub waits_for: Vec<(IssueNumber, Why)>,
}

/// Whether a task runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs.
    Runs,
    /// It ends like this without running.
    Ends(Outcome),
}

/// Why a task would wait for an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It depends on it.
    Dependency,
    /// Their domain is the same, and has no room for both.
    Domain,
    /// One of the two runs alone.
    Exclusive,
    /// They work on the same file: this path of the later task.
    Conflict(String),
}

impl Engine {
    /// Returns what is expected of each task: first those that run, in the order in which they would start, then the others.
    pub fn forecast(&self) -> Vec<Forecast> {
        let mut forecaster = Forecaster::new(self);
        let order = in_order(self);
        let (runs, ends): (Vec<_>, Vec<_>) = order
            .into_iter()
            .map(|task| forecaster.forecast(task))
            .partition(|forecast| forecast.fate == Fate::Runs);
        let ended = self
            .tasks()
            .values()
            .filter_map(|task| Some(forecast_of(task, Fate::Ends(task.outcome()?.clone()))));
        runs.into_iter().chain(ends).chain(ended).collect()
    }
}

/// Returns the tasks that have not ended: by their place in the queue, but each after its dependencies.
fn in_order(engine: &Engine) -> Vec<&Task> {
    let open = |number: &IssueNumber| {
        engine
            .task(*number)
            .is_some_and(|task| task.outcome().is_none())
    };
    let mut n_missing: BTreeMap<IssueNumber, usize> = BTreeMap::new();
    let mut ready: BTreeSet<Place> = BTreeSet::new();
    for task in engine
        .tasks()
        .values()
        .filter(|task| task.outcome().is_none())
    {
        let n = task
            .issue
            .dependencies
            .iter()
            .filter(|on| open(&on.number))
            .count();
        n_missing.insert(task.issue.number, n);
        if n == 0 {
            ready.insert(Place::of(&task.issue));
        }
    }
    let mut order = Vec::with_capacity(n_missing.len());
    while let Some(place) = ready.pop_first() {
        let Some(task) = engine.task(place.issue) else {
            continue;
        };
        order.push(task);
        for dependent in &task.dependents {
            if let (Some(n), Some(dependent)) =
                (n_missing.get_mut(dependent), engine.task(*dependent))
            {
                *n -= 1;
                if *n == 0 {
                    ready.insert(Place::of(&dependent.issue));
                }
            }
        }
    }
    order
}

fn forecast_of(task: &Task, fate: Fate) -> Forecast {
    Forecast {
        issue: task.issue.number,
        title: task.issue.title.clone(),
        domain: task.domain().to_owned(),
        model: task.model.clone(),
        estimate: task.estimate,
        fate,
        waits_for: Vec::new(),
    }
}

/// Walks over the tasks in order and remembers what a later one may have to wait for.
struct Forecaster<'a> {
    engine: &'a Engine,
    left: Usd,
    /// Tasks that run, in order.
    running: Vec<IssueNumber>,
    unaffordable: BTreeSet<IssueNumber>,
    last_exclusive: Option<IssueNumber>,
    by_domain: BTreeMap<&'a str, Vec<IssueNumber>>,
    last_on: LastOn<'a>,
}

impl<'a> Forecaster<'a> {
    fn new(engine: &'a Engine) -> Self {
        Self {
            engine,
            left: engine.settings().budget - engine.ledger().spent,
            running: Vec::new(),
            unaffordable: BTreeSet::new(),
            last_exclusive: None,
            by_domain: BTreeMap::new(),
            last_on: LastOn::default(),
        }
    }

    fn forecast(&mut self, task: &'a Task) -> Forecast {
        let is_unfounded = task
            .issue
            .dependencies
            .iter()
            .any(|on| self.unaffordable.contains(&on.number));
        if is_unfounded || self.left < task.estimate {
            self.unaffordable.insert(task.issue.number);
            return forecast_of(
                task,
                Fate::Ends(Outcome::NotStarted {
                    because: NotStarted::Budget,
                }),
            );
        }
        let mut forecast = forecast_of(task, Fate::Runs);
        forecast.waits_for = self.waits_for(task);
        self.left -= task.estimate;
        self.remember(task);
        forecast
    }

    fn waits_for(&self, task: &'a Task) -> Vec<(IssueNumber, Why)> {
        let mut seen = BTreeSet::new();
        let is_open = |on: &IssueNumber| {
            self.engine
                .task(*on)
                .is_some_and(|on| on.outcome().is_none())
        };
        let dependencies = task
            .issue
            .dependencies
            .iter()
            .map(|on| on.number)
            .filter(is_open);
        let mut waits: Vec<_> = dependencies
            .filter(|on| seen.insert(*on))
            .map(|on| (on, Why::Dependency))
            .collect();
        let others = self
            .domain(task)
            .into_iter()
            .chain(self.exclusive(task))
            .chain(self.conflicts(task));
        waits.extend(
            others
                .filter(|(other, _)| seen.insert(*other))
                .take(N_WAITS_MAX),
        );
        waits
    }

    /// Returns the task whose end makes room in the domain.
    fn domain(&self, task: &Task) -> Option<(IssueNumber, Why)> {
        let earlier = self.by_domain.get(task.domain())?;
        let at = earlier
            .len()
            .checked_sub(self.engine.settings().max_per_domain.max(1) as usize)?;
        Some((earlier[at], Why::Domain))
    }

    fn exclusive(&self, task: &Task) -> Option<(IssueNumber, Why)> {
        let runs_alone = self
            .engine
            .settings()
            .exclusive_domains
            .contains(task.domain());
        let nearest = if runs_alone {
            self.running.last().copied()
        } else {
            self.last_exclusive
        };
        nearest.map(|other| (other, Why::Exclusive))
    }

    fn conflicts(&self, task: &'a Task) -> impl Iterator<Item = (IssueNumber, Why)> {
        let nearest = |path: &'a String| {
            Some((
                self.running[self.last_on.find(path)?],
                Why::Conflict(path.clone()),
            ))
        };
        task.paths().iter().filter_map(nearest)
    }

    fn remember(&mut self, task: &'a Task) {
        let issue = task.issue.number;
        if self
            .engine
            .settings()
            .exclusive_domains
            .contains(task.domain())
        {
            self.last_exclusive = Some(issue);
        }
        self.by_domain.entry(task.domain()).or_default().push(issue);
        for path in task.paths() {
            self.last_on.insert(path, self.running.len());
        }
        self.running.push(issue);
    }
}
