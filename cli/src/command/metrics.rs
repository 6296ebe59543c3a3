//! `autoissue metrics`: totals over all sessions.

use std::collections::BTreeMap;

use autoissue_core::chronicle::{Figures, Metrics};
use autoissue_core::engine::{FailureType, Usd};
use autoissue_core::recorded;
use serde::Serialize;

use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::narration::counted;
use crate::paint::Paint;
use crate::printable::{fitted, one_line};
use crate::table::{fixed, table};

/// Runs the command.
///
/// # Errors
/// If the journal cannot be read.
pub(crate) fn run(invocation: &Invocation) -> Result<ExitCode, CliError> {
    let journal = invocation.journal()?;
    let mut metrics = Metrics::default();
    for row in journal.sessions(None, usize::MAX)? {
        metrics.add(&recorded::chronicle(&journal, &row, drop)?);
    }
    if invocation.console.is_json() {
        invocation.console.json(&json(&metrics))?;
    } else {
        invocation
            .console
            .page(&text(&metrics, invocation.console.out))?;
    }
    Ok(ExitCode::Success)
}

/// A group as JSON. A rate without any data is null.
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
    estimated_usd: f64,
    cost_per_pull_request_usd: Option<f64>,
    lines_added: u64,
    lines_removed: u64,
    files_changed: u64,
}

/// All figures as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct MetricsLine<'a> {
    r#type: &'static str,
    sessions: u32,
    planning_usd: f64,
    total: GroupLine<'a>,
    by_domain: Vec<GroupLine<'a>>,
    by_model: Vec<GroupLine<'a>>,
    /// All failure types, including those that never occurred.
    failures_by_type: BTreeMap<&'static str, u64>,
}

/// Returns all figures as JSON.
pub(crate) fn json(metrics: &Metrics) -> MetricsLine<'_> {
    MetricsLine {
        r#type: "metrics",
        sessions: metrics.n_sessions,
        planning_usd: metrics.planning.dollars(),
        total: group(None, &metrics.total),
        by_domain: by_domain(metrics)
            .map(|(name, figures)| group(Some(name), figures))
            .collect(),
        by_model: by_model(metrics)
            .map(|(name, figures)| group(Some(name), figures))
            .collect(),
        failures_by_type: n_failures(metrics)
            .map(|(kind, n)| (kind.name(), n))
            .collect(),
    }
}

/// Returns all figures as text.
pub(crate) fn text(metrics: &Metrics, paint: Paint) -> String {
    if metrics.total.n_attempts == 0 && metrics.total.spent == Usd::ZERO {
        return format!(
            "{}, no tasks attempted yet\n",
            counted(metrics.n_sessions, "session")
        );
    }
    let total = &metrics.total;
    let planned = match metrics.planning {
        Usd::ZERO => String::new(),
        planned => format!(", {planned} for planning"),
    };
    let (estimated, files) = (total.estimated, counted(total.n_files, "file"));
    let rows = [
        ("sessions", metrics.n_sessions.to_string()),
        (
            "tasks",
            format!(
                "{} attempted, {} done ({})",
                total.n_tried,
                total.n_done,
                percent(total.success_rate())
            ),
        ),
        ("attempts", total.n_attempts.to_string()),
        (
            "cost",
            format!("{} ({estimated} estimated{planned})", total.spent),
        ),
        (
            "cost per pull request",
            total
                .per_pull_request()
                .map_or_else(none, |cost| cost.to_string()),
        ),
        (
            "code",
            format!("+{} −{} in {files}", total.added, total.removed),
        ),
    ];
    let totals: String = rows
        .iter()
        .map(|(name, value)| format!("{name:<22} {value}\n"))
        .collect();
    let mut text = fitted(&totals, paint.columns());
    let domains: Vec<_> = by_domain(metrics).map(cells).collect();
    let models: Vec<_> = by_model(metrics).map(cells).collect();
    for (name, rows) in [("domain", domains), ("model", models)] {
        let columns = [
            fixed(name),
            fixed("tasks"),
            fixed("done"),
            fixed("success").optional(),
            fixed("cost"),
            fixed("per pull request"),
            fixed("code").optional(),
        ];
        text.push_str(&format!("\n{}", table(columns, &rows, paint)));
    }
    let failures: Vec<_> = n_failures(metrics)
        .filter(|&(_, n)| 0 < n)
        .map(|(kind, n)| [words(kind).to_owned(), n.to_string()])
        .collect();
    if !failures.is_empty() {
        text.push_str(&format!(
            "\n{}",
            table([fixed("failure"), fixed("count")], &failures, paint)
        ));
    }
    text
}

fn by_domain(metrics: &Metrics) -> impl Iterator<Item = (&str, &Figures)> {
    let domains = metrics.by_domain.iter();
    domains.map(|(domain, figures)| (domain.as_str(), figures))
}

fn by_model(metrics: &Metrics) -> impl Iterator<Item = (&str, &Figures)> {
    let models = metrics.by_model.iter();
    models.map(|(model, figures)| (model.as_deref().unwrap_or("(agent default)"), figures))
}

/// Returns the number of failures of each type, including types that never occurred.
fn n_failures(metrics: &Metrics) -> impl Iterator<Item = (FailureType, u64)> {
    let n = |kind: FailureType| metrics.n_failures.get(kind.name()).copied();
    FailureType::ALL
        .into_iter()
        .map(move |kind| (kind, n(kind).unwrap_or_default()))
}

/// Returns what a type of failure means to people.
const fn words(kind: FailureType) -> &'static str {
    match kind {
        FailureType::Validation => "issue cannot be worked on",
        FailureType::Task => "check failed or nothing changed",
        FailureType::Crash => "program crashed",
        FailureType::Timeout => "timeout",
        FailureType::Network => "network",
        FailureType::RateLimit => "rate limit",
        FailureType::Overloaded => "service overloaded",
        FailureType::Auth => "credentials rejected",
    }
}

fn group<'a>(name: Option<&'a str>, figures: &Figures) -> GroupLine<'a> {
    GroupLine {
        name,
        tasks: figures.n_tried,
        done: figures.n_done,
        success_rate: figures.success_rate(),
        attempts: figures.n_attempts,
        pull_requests: figures.n_pull_requests,
        spent_usd: figures.spent.dollars(),
        estimated_usd: figures.estimated.dollars(),
        cost_per_pull_request_usd: figures.per_pull_request().map(Usd::dollars),
        lines_added: figures.added,
        lines_removed: figures.removed,
        files_changed: figures.n_files,
    }
}

fn cells((name, figures): (&str, &Figures)) -> [String; 7] {
    [
        one_line(name),
        figures.n_tried.to_string(),
        figures.n_done.to_string(),
        percent(figures.success_rate()),
        figures.spent.to_string(),
        figures
            .per_pull_request()
            .map_or_else(none, |cost| cost.to_string()),
        format!("+{} −{}", figures.added, figures.removed),
    ]
}

fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(none, |rate| format!("{:.0} %", rate * 100.0))
}

fn none() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::{
        AttemptEvent, Event, Failure, IntakeEvent, IssueNumber, Settings, Time,
    };
    use insta::assert_snapshot;

    use super::*;
    use crate::console::json_line;
    use crate::fixture::{admitted, at_work, check_failed, shipped, told};
    use crate::table::at_60_and_80;

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

    #[test]
    fn the_name_of_a_row_is_shown_on_every_terminal() {
        let issues = [(1, "One", "documentation"), (2, "Two", "frontend")];
        let mut events = admitted(Settings::default(), &issues);
        events.extend(shipped(1, 30, 42));
        events.extend(check_failed(2, 310));
        let metrics = twice(&events);
        assert_snapshot!(at_60_and_80(|paint| text(&metrics, paint)), @"
        sessions               2
        tasks                  4 attempted, 2 done (50 %)
        attempts               4
        cost                   $7.04 ($0.00 estimated)
        cost per pull request  $3.52
        code                   +68 −10 in 4 files

        domain         tasks  done  success  cost   per pull request
        documentation  2      2     100 %    $0.84  $0.42
        frontend       2      0     0 %      $6.20  –

        model   tasks  done  success  cost   per pull request
        sonnet  4      2     50 %     $7.04  $3.52

        failure                          count
        check failed or nothing changed  2

        sessions               2
        tasks                  4 attempted, 2 done (50 %)
        attempts               4
        cost                   $7.04 ($0.00 estimated)
        cost per pull request  $3.52
        code                   +68 −10 in 4 files

        domain         tasks  done  success  cost   per pull request  code
        documentation  2      2     100 %    $0.84  $0.42             +68 −10
        frontend       2      0     0 %      $6.20  –                 +0 −0

        model   tasks  done  success  cost   per pull request  code
        sonnet  4      2     50 %     $7.04  $3.52             +68 −10

        failure                          count
        check failed or nothing changed  2
        ");
    }

    /// Returns the metrics of two identical sessions.
    fn twice(events: &[Event]) -> Metrics {
        let chronicle = told(events);
        let mut metrics = Metrics::default();
        metrics.add(&chronicle);
        metrics.add(&chronicle);
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
            let it = metrics.by_model[&Some(model.to_owned())];
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
            counted: true,
            retry_at: Some(until),
            kept: false,
            lost_session: false,
        }));
        let counts = json(&twice(&events)).failures_by_type;
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
        assert_snapshot!(text(&metrics(), Paint::default()), @"
        sessions               2
        tasks                  4 attempted, 2 done (50 %)
        attempts               4
        cost                   $7.04 ($0.00 estimated)
        cost per pull request  $3.52
        code                   +68 −10 in 4 files

        domain    tasks  done  success  cost   per pull request  code
        backend   2      2     100 %    $0.84  $0.42             +68 −10
        frontend  2      0     0 %      $6.20  –                 +0 −0

        model   tasks  done  success  cost   per pull request  code
        sonnet  4      2     50 %     $7.04  $3.52             +68 −10

        failure                          count
        check failed or nothing changed  2
        ");
    }

    #[test]
    fn the_same_figures_as_json() {
        assert_snapshot!(json_line(&json(&metrics())), @r#"
        {"type":"metrics","sessions":2,"planning_usd":0.0,"total":{"tasks":4,"done":2,"success_rate":0.5,"attempts":4,"pull_requests":2,"spent_usd":7.04,"estimated_usd":0.0,"cost_per_pull_request_usd":3.52,"lines_added":68,"lines_removed":10,"files_changed":4},"by_domain":[{"name":"backend","tasks":2,"done":2,"success_rate":1.0,"attempts":2,"pull_requests":2,"spent_usd":0.84,"estimated_usd":0.0,"cost_per_pull_request_usd":0.42,"lines_added":68,"lines_removed":10,"files_changed":4},{"name":"frontend","tasks":2,"done":0,"success_rate":0.0,"attempts":2,"pull_requests":0,"spent_usd":6.2,"estimated_usd":0.0,"cost_per_pull_request_usd":null,"lines_added":0,"lines_removed":0,"files_changed":0}],"by_model":[{"name":"sonnet","tasks":4,"done":2,"success_rate":0.5,"attempts":4,"pull_requests":2,"spent_usd":7.04,"estimated_usd":0.0,"cost_per_pull_request_usd":3.52,"lines_added":68,"lines_removed":10,"files_changed":4}],"failures_by_type":{"auth":0,"crash":0,"network":0,"overloaded":0,"rate_limit":0,"task":2,"timeout":0,"validation":0}}
        "#);
    }

    #[test]
    fn without_any_task_there_are_no_rates() {
        assert_eq!(
            text(&Metrics::default(), Paint::default()),
            "0 sessions, no tasks attempted yet\n"
        );
    }
}
