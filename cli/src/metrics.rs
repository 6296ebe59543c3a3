//! `autoissue metrics`: what all sessions together came to. Every figure is added up from the journal's events.

use std::collections::BTreeMap;

use autoissue_core::engine::{Engine, Outcome, Task, Usd};
use autoissue_core::recorded::Recorded;
use serde::Serialize;

use crate::console::Paint;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
use crate::narration::counted;
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
        metrics.add(&Recorded::read(&journal, row)?.engine);
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
    #[serde(flatten)]
    total: GroupLine<'a>,
    by_domain: Vec<GroupLine<'a>>,
    by_model: Vec<GroupLine<'a>>,
}

impl Metrics {
    fn add(&mut self, engine: &Engine) {
        self.n_sessions += 1;
        if let Some(planning) = engine.planning() {
            self.planned += planning.spent;
            self.total.spent += planning.spent;
            self.total.assumed += planning.assumed;
        }
        for task in engine.tasks().values().filter(|task| 0 < task.n_attempts) {
            let figures = Figures::of(task);
            self.total.add(figures);
            self.by_domain.entry(task.domain().to_owned()).or_default().add(figures);
            let model = task.model.clone().unwrap_or_else(|| "(the agent's own)".to_owned());
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
        }
    }

    fn text(&self, paint: Paint) -> String {
        if self.total.n_tried == 0 && self.planned == Usd::ZERO {
            return format!("{}, no task tried yet\n", counted(self.n_sessions, "session"));
        }
        let total = &self.total;
        let planned = match self.planned {
            Usd::ZERO => String::new(),
            planned => format!(", {planned} for plans"),
        };
        let (assumed, files) = (total.assumed, counted(total.n_files, "file"));
        let rows = [
            ("sessions", self.n_sessions.to_string()),
            ("tasks", format!("{} tried, {} done ({})", total.n_tried, total.n_done, percent(total.success_rate()))),
            ("attempts", total.n_attempts.to_string()),
            ("cost", format!("{} ({assumed} assumed{planned})", total.spent)),
            ("cost per pull request", total.cost_per_pull_request().map_or_else(none, |cost| cost.to_string())),
            ("code", format!("+{} −{} in {files}", total.added, total.removed)),
        ];
        let mut text: String = rows.iter().map(|(name, value)| format!("{name:<22} {value}\n")).collect();
        for (name, groups) in [("domain", &self.by_domain), ("model", &self.by_model)] {
            let rows: Vec<_> = groups.iter().map(|(name, figures)| figures.cells(name)).collect();
            let headings = [name, "tasks", "done", "success", "cost", "per pull request", "code"];
            text.push_str(&format!("\n{}", table(headings, &rows, paint)));
        }
        text
    }
}

fn by_name(groups: &BTreeMap<String, Figures>) -> Vec<GroupLine<'_>> {
    groups.iter().map(|(name, figures)| figures.json(Some(name))).collect()
}

impl Figures {
    fn of(task: &Task) -> Self {
        let is_done = matches!(task.outcome(), Some(Outcome::Done { .. }));
        let work = task.work.as_ref().filter(|_| is_done);
        Self {
            n_tried: u64::from(task.outcome().is_some()),
            n_done: u64::from(is_done),
            n_pull_requests: u64::from(is_done && task.outcome().and_then(Outcome::pull_request).is_some()),
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
        let n = i64::try_from(self.n_pull_requests).ok().filter(|&n| 0 < n)?;
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
            self.cost_per_pull_request().map_or_else(none, |cost| cost.to_string()),
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
    use autoissue_core::engine::Settings;
    use insta::assert_snapshot;

    use super::*;
    use crate::console::json_line;
    use crate::fixture::{admitted, check_failed, shipped};

    fn metrics() -> Metrics {
        let issues = [(1, "One", "backend"), (2, "Two", "frontend"), (3, "Never tried", "backend")];
        let mut events = admitted(Settings::default(), &issues);
        events.extend(shipped(1, 30, 42));
        events.extend(check_failed(2, 310));
        let engine = Engine::replay(&events);
        let mut metrics = Metrics::default();
        metrics.add(&engine);
        metrics.add(&engine);
        metrics
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
        ");
    }

    #[test]
    fn the_same_figures_as_json() {
        assert_snapshot!(json_line(&metrics().json()), @r#"{"type":"metrics","sessions":2,"planning_usd":0.0,"tasks":4,"done":2,"success_rate":0.5,"attempts":4,"pull_requests":2,"spent_usd":7.04,"assumed_usd":0.0,"cost_per_pull_request_usd":3.52,"lines_added":68,"lines_removed":10,"files_changed":4,"by_domain":[{"name":"backend","tasks":2,"done":2,"success_rate":1.0,"attempts":2,"pull_requests":2,"spent_usd":0.84,"assumed_usd":0.0,"cost_per_pull_request_usd":0.42,"lines_added":68,"lines_removed":10,"files_changed":4},{"name":"frontend","tasks":2,"done":0,"success_rate":0.0,"attempts":2,"pull_requests":0,"spent_usd":6.2,"assumed_usd":0.0,"cost_per_pull_request_usd":null,"lines_added":0,"lines_removed":0,"files_changed":0}],"by_model":[{"name":"sonnet","tasks":4,"done":2,"success_rate":0.5,"attempts":4,"pull_requests":2,"spent_usd":7.04,"assumed_usd":0.0,"cost_per_pull_request_usd":3.52,"lines_added":68,"lines_removed":10,"files_changed":4}]}"#);
    }

    #[test]
    fn without_any_task_there_are_no_rates() {
        assert_eq!(Metrics::default().text(Paint::default()), "0 sessions, no task tried yet\n");
    }
}
