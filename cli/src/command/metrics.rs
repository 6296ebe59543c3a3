//! `autoissue metrics`: what all sessions together came to. Every figure is added up from the journal's events.
//!
//! An attempt and its cost belong to the model that the attempt ran with. A task counts as tried with each of its models, and as
//! done, with its pull request and its code, with the last: what a cheap model failed and a dear one finished is told of both.

use std::collections::{BTreeMap, BTreeSet};

use autoissue_core::engine::{
    AttemptEvent, Engine, Event, Failure, FailureType, IssueNumber, Outcome, Task, Usd,
};
use autoissue_core::recorded::Recorded;
use serde::Serialize;

use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
use crate::narration::counted;
use crate::paint::Paint;
use crate::printable::one_line;
use crate::table::table;

/// Runs the command.
///
/// # Errors
/// Where the journal cannot be read.
pub(crate) fn run(around: &Surroundings) -> Result<ExitCode, CliError> {
    let journal = around.journal()?;
    let mut metrics = Metrics::default();
    for row in journal.sessions(None, usize::MAX)? {
        let Recorded { engine, events, .. } = Recorded::read(&journal, row)?;
        metrics.add(&engine, events.iter().map(|envelope| &envelope.event));
    }
    if around.console.is_json() {
        around.console.json(&metrics.json())?;
    } else {
        around.console.print(&metrics.text(around.console.out))?;
    }
    Ok(ExitCode::Success)
}

/// Figures over all sessions.
#[derive(Debug, Default)]
struct Metrics {
    n_sessions: u32,
    /// What planning cost; part of the total.
    planned: Usd,
    total: Figures,
    by_domain: BTreeMap<String, Figures>,
    by_model: BTreeMap<String, Figures>,
    n_failures: BTreeMap<FailureType, u64>,
}

/// Figures of one group of tasks that were tried.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    /// Tasks that ended after at least one attempt.
    n_tried: u64,
    n_done: u64,
    n_pull_requests: u64,
    n_attempts: u64,
    spent: Usd,
    assumed: Usd,
    added: u64,
    removed: u64,
    n_files: u64,
}

/// The models of a task's attempts.
#[derive(Debug, Default)]
struct Models {
    all: BTreeSet<String>,
    last: String,
}

/// A group as JSON. Rates are null where nothing was counted.
#[derive(Debug, Serialize)]
struct GroupLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    tasks: u64,
    done: u64,
    success_rate: Option<f64>,
    attempts: u64,
    pull_requests: u64,
    spent_usd: f64,
    assumed_usd: f64,
    cost_per_pull_request_usd: Option<f64>,
    lines_added: u64,
    lines_removed: u64,
    files_changed: u64,
}

/// All figures as JSON.
#[derive(Debug, Serialize)]
struct MetricsLine<'a> {
    r#type: &'static str,
    sessions: u32,
    planning_usd: f64,
    total: GroupLine<'a>,
    by_domain: Vec<GroupLine<'a>>,
    by_model: Vec<GroupLine<'a>>,
    /// All types, those that never happened too.
    failures_by_type: BTreeMap<&'static str, u64>,
}

impl Metrics {
    fn add<'a>(&mut self, engine: &Engine, events: impl Iterator<Item = &'a Event>) {
        self.n_sessions += 1;
        if let Some(planning) = engine.planning() {
            self.planned += planning.spent;
        }
        for task in engine.tasks().values().filter(|task| 0 < task.n_attempts) {
            let figures = Figures::of(task);
            self.total.add(figures);
            self.by_domain
                .entry(task.domain().to_owned())
                .or_default()
                .add(figures);
        }
        // Not all money need be a task's.
        self.total.spent +=
            engine.ledger().spent - engine.tasks().values().map(|task| task.spent).sum();
        self.total.assumed +=
            engine.ledger().assumed - engine.tasks().values().map(|task| task.assumed).sum();
        let mut models: BTreeMap<IssueNumber, Models> = BTreeMap::new();
        for event in events {
            if let Some(kind) = event.failure().and_then(Failure::failure_type) {
                *self.n_failures.entry(kind).or_default() += 1;
            }
            self.add_to_model(&mut models, event);
        }
        for (issue, models) in models {
            self.add_task_to_models(engine.task(issue), models);
        }
    }

    /// Counts attempts and costs under the models that they belong to.
    fn add_to_model(&mut self, models: &mut BTreeMap<IssueNumber, Models>, event: &Event) {
        match event {
            Event::Attempt(AttemptEvent::Started { issue, model, .. }) => {
                let name = model
                    .clone()
                    .unwrap_or_else(|| "(the agent's own)".to_owned());
                self.by_model.entry(name.clone()).or_default().n_attempts += 1;
                let models = models.entry(*issue).or_default();
                models.all.insert(name.clone());
                models.last = name;
            }
            Event::Attempt(AttemptEvent::AgentExited {
                issue,
                charged,
                assumed,
                ..
            }) => {
                let Some(model) = models.get(issue) else {
                    return;
                };
                let figures = self.by_model.entry(model.last.clone()).or_default();
                figures.spent += *charged;
                figures.assumed += if *assumed { *charged } else { Usd::ZERO };
            }
            _ => {}
        }
    }

    fn add_task_to_models(&mut self, task: Option<&Task>, models: Models) {
        let Some(task) = task else { return };
        let ended = Figures {
            n_attempts: 0,
            spent: Usd::ZERO,
            assumed: Usd::ZERO,
            ..Figures::of(task)
        };
        for model in models.all {
            let figures = if model == models.last {
                ended
            } else {
                Figures {
                    n_tried: ended.n_tried,
                    ..Figures::default()
                }
            };
            self.by_model.entry(model).or_default().add(figures);
        }
    }

    fn json(&self) -> MetricsLine<'_> {
        MetricsLine {
            r#type: "metrics",
            sessions: self.n_sessions,
            planning_usd: self.planned.dollars(),
            total: self.total.json(None),
            by_domain: by_name(&self.by_domain),
            by_model: by_name(&self.by_model),
            failures_by_type: FailureType::ALL
                .iter()
                .map(|kind| (kind.name(), self.n_failures_of(*kind)))
                .collect(),
        }
    }

    fn text(&self, paint: Paint) -> String {
        if self.total.n_tried == 0 && self.planned == Usd::ZERO {
            return format!(
                "{}, no task tried yet\n",
                counted(self.n_sessions, "session")
            );
        }
        let total = &self.total;
        let planned = match self.planned {
            Usd::ZERO => String::new(),
            planned => format!(", {planned} for plans"),
        };
        let (assumed, files) = (total.assumed, counted(total.n_files, "file"));
        let rows = [
            ("sessions", self.n_sessions.to_string()),
            (
                "tasks",
                format!(
                    "{} tried, {} done ({})",
                    total.n_tried,
                    total.n_done,
                    percent(total.success_rate())
                ),
            ),
            ("attempts", total.n_attempts.to_string()),
            (
                "cost",
                format!("{} ({assumed} assumed{planned})", total.spent),
            ),
            (
                "cost per pull request",
                total
                    .cost_per_pull_request()
                    .map_or_else(none, |cost| cost.to_string()),
            ),
            (
                "code",
                format!("+{} −{} in {files}", total.added, total.removed),
            ),
        ];
        let mut text: String = rows
            .iter()
            .map(|(name, value)| format!("{name:<22} {value}\n"))
            .collect();
        for (name, groups) in [("domain", &self.by_domain), ("model", &self.by_model)] {
            let rows: Vec<_> = groups
                .iter()
                .map(|(name, figures)| figures.cells(name))
                .collect();
            let headings = [
                name,
                "tasks",
                "done",
                "success",
                "cost",
                "per pull request",
                "code",
            ];
            text.push_str(&format!("\n{}", table(headings, &rows, paint)));
        }
        let failures: Vec<_> = FailureType::ALL
            .iter()
            .map(|kind| {
                [
                    kind.name().to_owned(),
                    self.n_failures_of(*kind).to_string(),
                ]
            })
            .filter(|[_, n]| n != "0")
            .collect();
        if !failures.is_empty() {
            text.push_str(&format!(
                "\n{}",
                table(["failure", "times"], &failures, paint)
            ));
        }
        text
    }

    fn n_failures_of(&self, kind: FailureType) -> u64 {
        self.n_failures.get(&kind).copied().unwrap_or_default()
    }
}

fn by_name(groups: &BTreeMap<String, Figures>) -> Vec<GroupLine<'_>> {
    groups
        .iter()
        .map(|(name, figures)| figures.json(Some(name)))
        .collect()
}

impl Figures {
    fn of(task: &Task) -> Self {
        let is_done = matches!(task.outcome(), Some(Outcome::Done { .. }));
        let work = task.work.as_ref().filter(|_| is_done);
        Self {
            n_tried: u64::from(task.outcome().is_some()),
            n_done: u64::from(is_done),
            n_pull_requests: u64::from(
                is_done && task.outcome().and_then(Outcome::pull_request).is_some(),
            ),
            n_attempts: task.n_attempts.into(),
            spent: task.spent,
            assumed: task.assumed,
            added: work.map_or(0, |work| work.added),
            removed: work.map_or(0, |work| work.removed),
            n_files: work.map_or(0, |work| work.n_files.into()),
        }
    }

    fn add(&mut self, other: Self) {
        self.n_tried += other.n_tried;
        self.n_done += other.n_done;
        self.n_pull_requests += other.n_pull_requests;
        self.n_attempts += other.n_attempts;
        self.spent += other.spent;
        self.assumed += other.assumed;
        self.added += other.added;
        self.removed += other.removed;
        self.n_files += other.n_files;
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 tasks")]
    fn success_rate(&self) -> Option<f64> {
        (0 < self.n_tried).then(|| self.n_done as f64 / self.n_tried as f64)
    }

    /// All costs of the group count, those of failures too.
    fn cost_per_pull_request(&self) -> Option<Usd> {
        let n = i64::try_from(self.n_pull_requests)
            .ok()
            .filter(|&n| 0 < n)?;
        Some(Usd::from_micros(self.spent.micros() / n))
    }

    fn json<'a>(&self, name: Option<&'a str>) -> GroupLine<'a> {
        GroupLine {
            name,
            tasks: self.n_tried,
            done: self.n_done,
            success_rate: self.success_rate(),
            attempts: self.n_attempts,
            pull_requests: self.n_pull_requests,
            spent_usd: self.spent.dollars(),
            assumed_usd: self.assumed.dollars(),
            cost_per_pull_request_usd: self.cost_per_pull_request().map(Usd::dollars),
            lines_added: self.added,
            lines_removed: self.removed,
            files_changed: self.n_files,
        }
    }

    fn cells(&self, name: &str) -> [String; 7] {
        [
            one_line(name),
            self.n_tried.to_string(),
            self.n_done.to_string(),
            percent(self.success_rate()),
            self.spent.to_string(),
            self.cost_per_pull_request()
                .map_or_else(none, |cost| cost.to_string()),
            format!("+{} −{}", self.added, self.removed),
        ]
    }
}

fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(none, |rate| format!("{:.0} %", rate * 100.0))
}

fn none() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::IntakeEvent;
    use autoissue_core::engine::{Settings, Time};
    use insta::assert_snapshot;

    use super::*;
    use crate::console::json_line;
    use crate::fixture::{admitted, at_work, check_failed, shipped};

    fn metrics() -> Metrics {
        let issues = [
            (1, "One", "backend"),
            (2, "Two", "frontend"),
            (3, "Never tried", "backend"),
        ];
        let mut events = admitted(Settings::default(), &issues);
        events.extend(shipped(1, 30, 42));
        events.extend(check_failed(2, 310));
        twice(&events)
    }

    /// Two sessions in which the same happened.
    fn twice(events: &[Event]) -> Metrics {
        let engine = Engine::replay(events);
        let mut metrics = Metrics::default();
        metrics.add(&engine, events.iter());
        metrics.add(&engine, events.iter());
        metrics
    }

    #[test]
    fn an_attempt_counts_under_its_own_model_and_a_task_is_done_under_the_last() {
        let mut events = admitted(Settings::default(), &[(1, "One", "backend")]);
        let (mut first, mut second) = (check_failed(1, 310), shipped(1, 30, 42));
        first.pop();
        for (number, model, attempt) in [(1, "haiku", &mut first), (2, "opus", &mut second)] {
            match &mut attempt[0] {
                Event::Attempt(AttemptEvent::Started {
                    model: its,
                    attempt,
                    ..
                }) => {
                    (*its, *attempt) = (Some(model.to_owned()), number);
                }
                other => panic!("{other:?}"),
            }
        }
        events.extend(first.into_iter().chain(second));
        let metrics = twice(&events);
        let figures = |model: &str| {
            let it = metrics.by_model[model];
            (
                it.n_attempts,
                it.spent.to_string(),
                it.n_tried,
                it.n_done,
                it.n_pull_requests,
                it.added,
            )
        };
        assert_eq!(figures("haiku"), (2, "$6.20".to_owned(), 2, 0, 0, 0));
        assert_eq!(figures("opus"), (2, "$0.84".to_owned(), 2, 2, 2, 68));
        assert_eq!(
            (metrics.total.n_tried, metrics.total.spent.to_string()),
            (2, "$7.04".to_owned())
        );
    }

    #[test]
    fn failures_are_counted_by_type_and_an_interruption_is_none() {
        let (issue, attempt, until) = (IssueNumber(1), 1, Time::from_ms(9));
        let mut events = admitted(Settings::default(), &[(1, "One", "backend")]);
        let message = String::new;
        for failure in [
            Failure::Overloaded { message: message() },
            Failure::Network { message: message() },
            Failure::Interrupted,
            Failure::Network { message: message() },
            Failure::RateLimit {
                message: message(),
                until: None,
            },
        ] {
            events.push(Event::Intake(IntakeEvent::BacklogDelayed {
                failure,
                until,
            }));
        }
        events.extend(at_work(1, attempt));
        let failure = Failure::Timeout { message: message() };
        events.push(Event::Attempt(AttemptEvent::Failed {
            issue,
            attempt,
            failure,
            charged: true,
            retry_at: Some(until),
            kept: false,
            lost_session: false,
        }));
        let counts = twice(&events).json().failures_by_type;
        let expected = [
            ("crash", 0),
            ("network", 4),
            ("overloaded", 2),
            ("rate_limit", 2),
            ("timeout", 2),
            ("task", 0),
        ];
        assert!(
            expected.iter().all(|(kind, n)| counts[kind] == *n),
            "{counts:?}"
        );
        assert_eq!(counts.len(), FailureType::ALL.len());
    }

    #[test]
    fn failures_cost_and_only_published_work_counts_as_code() {
        assert_snapshot!(metrics().text(Paint::default()), @"
        sessions               2
        tasks                  4 tried, 2 done (50 %)
        attempts               4
        cost                   $7.04 ($0.00 assumed)
        cost per pull request  $3.52
        code                   +68 −10 in 4 files

        domain    tasks  done  success  cost   per pull request  code
        backend   2      2     100 %    $0.84  $0.42             +68 −10
        frontend  2      0     0 %      $6.20  –                 +0 −0

        model   tasks  done  success  cost   per pull request  code
        sonnet  4      2     50 %     $7.04  $3.52             +68 −10

        failure  times
        task     2
        ");
    }

    #[test]
    fn the_same_figures_as_json() {
        assert_snapshot!(json_line(&metrics().json()), @r#"
        {"type":"metrics","sessions":2,"planning_usd":0.0,"total":{"tasks":4,"done":2,"success_rate":0.5,"attempts":4,"pull_requests":2,"spent_usd":7.04,"assumed_usd":0.0,"cost_per_pull_request_usd":3.52,"lines_added":68,"lines_removed":10,"files_changed":4},"by_domain":[{"name":"backend","tasks":2,"done":2,"success_rate":1.0,"attempts":2,"pull_requests":2,"spent_usd":0.84,"assumed_usd":0.0,"cost_per_pull_request_usd":0.42,"lines_added":68,"lines_removed":10,"files_changed":4},{"name":"frontend","tasks":2,"done":0,"success_rate":0.0,"attempts":2,"pull_requests":0,"spent_usd":6.2,"assumed_usd":0.0,"cost_per_pull_request_usd":null,"lines_added":0,"lines_removed":0,"files_changed":0}],"by_model":[{"name":"sonnet","tasks":4,"done":2,"success_rate":0.5,"attempts":4,"pull_requests":2,"spent_usd":7.04,"assumed_usd":0.0,"cost_per_pull_request_usd":3.52,"lines_added":68,"lines_removed":10,"files_changed":4}],"failures_by_type":{"auth":0,"crash":0,"network":0,"overloaded":0,"rate_limit":0,"task":2,"timeout":0,"validation":0}}
        "#);
    }

    #[test]
    fn without_any_task_there_are_no_rates() {
        assert_eq!(
            Metrics::default().text(Paint::default()),
            "0 sessions, no task tried yet\n"
        );
    }
}
