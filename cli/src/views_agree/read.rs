//! Reads counts and amounts from each view as a user or a program would, and records differences
//! from the expectation.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::path::PathBuf;

use autoissue_core::chronicle::{Chronicle, Metrics};
use autoissue_core::engine::Usd;
use autoissue_core::journal::{SessionId, SessionRow, SessionStatus};
use autoissue_core::summary::Summary;
use serde::Serialize;
use serde_json::Value;

use super::journal::Expected;
use crate::command::{metrics, status};
use crate::dashboard::{Story, Wanted, prometheus};
use crate::local_time::LocalTime;
use crate::paint::Paint;
use crate::report::{self, Origin, Places, Report};
use crate::reporter::screen_of;
use crate::typed::Typed;

/// JSON names of the task states.
const STATES: [&str; 8] = [
    "waiting",
    "running",
    "done",
    "already_open",
    "already_merged",
    "needs_you",
    "failed",
    "not_started",
];

/// Differences from the expectation, each with the view.
#[derive(Debug, Default)]
pub(super) struct Objections(pub(super) Vec<String>);

impl Objections {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "most of what is compared is a number"
    )]
    fn same<T: PartialEq + Debug>(&mut self, view: &str, what: impl Display, said: T, expected: T) {
        if said != expected {
            let objection = format!("{view}: {what}: {said:?} instead of {expected:?}");
            self.0.push(objection);
        }
    }

    /// Compares amounts in JSON.
    fn dollars(&mut self, view: &str, json: &Value, amounts: &[(&str, Usd)]) {
        for (what, expected) in amounts {
            let said = json[what].as_f64().map(Usd::from_dollars);
            self.same(view, what, said, Some(*expected));
        }
    }
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

/// Returns the number before one of the words.
fn number_before(text: &str, words: &[&str]) -> Option<u64> {
    let words = words.iter().find_map(|words| text.strip_suffix(words))?;
    words.trim().parse().ok()
}

/// The time at which the views are drawn: half a minute after the last event.
fn now_ms(chronicle: &Chronicle) -> u64 {
    chronicle.last_at_ms() + 30_000
}

/// The dashboard's API, which the page uses, and its Prometheus metrics.
pub(super) fn dashboard(story: &Story, expected: &Expected, objections: &mut Objections) {
    let now_ms = now_ms(story.chronicle());
    let overview = json(&story.overview(now_ms, &BTreeMap::new()));
    let figures = json(&story.metrics(now_ms));
    let amounts = [
        ("budget_usd", expected.budget),
        ("spent_usd", expected.spent()),
        ("assumed_usd", expected.assumed),
        ("in_flight_usd", expected.metered()),
        ("reserved_usd", expected.reserved()),
    ];
    for (view, session, counts, budget) in [
        (
            "dashboard",
            &overview,
            &overview["counts"],
            &overview["budget"],
        ),
        (
            "dashboard metrics",
            &figures["session"],
            &figures["session"]["tasks"],
            &figures["budget"],
        ),
    ] {
        let said = session["status"].as_str();
        objections.same(view, "status", said, Some(expected.status()));
        for state in STATES.iter().chain(&["total"]) {
            let said = counts[state].as_u64();
            objections.same(view, state, said, Some(expected.count(state)));
        }
        objections.dollars(view, budget, &amounts);
        let each = &budget["cost_per_pull_request_usd"];
        let each = each.as_f64().map(Usd::from_dollars);
        objections.same(
            view,
            "cost per pull request",
            each,
            expected.per_pull_request(),
        );
    }
    let view = "dashboard";
    let n_running = overview["running"].as_array().map(Vec::len);
    let n_expected = usize::try_from(expected.count("running")).unwrap();
    objections.same(view, "attempts in flight", n_running, Some(n_expected));
    of_attention(&overview, expected, objections);
    let attempts = figures["session"]["attempts"].as_u64();
    objections.same(view, "attempts", attempts, Some(expected.n_attempts));
    let errors = figures["errors"]["by_type"].as_object().unwrap();
    for (kind, n) in errors {
        let expected = expected.n_failures.get(kind.as_str()).copied();
        objections.same(view, kind, n.as_u64(), Some(expected.unwrap_or_default()));
    }
    of_tasks(story, now_ms, expected, objections);
    let curve = json(&story.budget_history());
    if let Some(last) = curve["history"].as_array().and_then(|points| points.last()) {
        let last = last["spent_usd"].as_f64().map(Usd::from_dollars);
        objections.same(view, "end of the curve", last, Some(expected.spent()));
    }
    of_prometheus(&prometheus(Some(story), now_ms), expected, objections);
}

/// The listed tasks match the counts above the list.
fn of_attention(overview: &Value, expected: &Expected, objections: &mut Objections) {
    let items = overview["attention"].as_array().unwrap();
    let n_all = overview["n_attention"].as_u64();
    let is_whole = n_all == u64::try_from(items.len()).ok();
    for state in ["needs_you", "failed"] {
        let n = items.iter().filter(|item| item["kind"] == state).count();
        if is_whole {
            let expected = expected.count(state);
            objections.same(
                "dashboard",
                format!("attention {state}"),
                n as u64,
                expected,
            );
        }
    }
}

fn of_tasks(story: &Story, now_ms: u64, expected: &Expected, objections: &mut Objections) {
    let wanted = Wanted {
        limit: usize::MAX,
        ..Wanted::default()
    };
    let tasks = json(&story.tasks(wanted, now_ms));
    let tasks = tasks["tasks"].as_array().unwrap();
    for state in STATES {
        let n = tasks.iter().filter(|task| task["state"] == state).count();
        objections.same("dashboard", state, n as u64, expected.count(state));
    }
    of_each_task("dashboard", tasks, expected, objections);
    let timeline = json(&story.timeline(now_ms));
    let spans = timeline["attempts"].as_array().unwrap();
    let n_running = spans.iter().filter(|it| it["result"] == "running").count();
    let n_expected = expected.count("running");
    // An attempt being interrupted has ended on the timeline but keeps its slot until the session
    // has stopped.
    if n_expected < n_running as u64 {
        objections.same("dashboard", "time line", n_running as u64, n_expected);
    }
}

fn of_each_task(view: &str, tasks: &[Value], expected: &Expected, objections: &mut Objections) {
    let said: BTreeMap<u64, Option<Usd>> = tasks
        .iter()
        .filter_map(|task| {
            let spent = task["spent_usd"].as_f64().map(Usd::from_dollars);
            Some((task["issue"].as_u64()?, spent))
        })
        .collect();
    let expected = expected.tasks();
    let expected: BTreeMap<_, _> = expected
        .map(|(issue, spent)| (issue.0, Some(spent)))
        .collect();
    objections.same(view, "cost of each task", said, expected);
}

fn of_prometheus(text: &str, expected: &Expected, objections: &mut Objections) {
    let view = "prometheus";
    let sample = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse::<f64>().ok())
    };
    #[expect(clippy::cast_precision_loss, reason = "all counts are below 2^52")]
    let mut count = |name: String, n: u64| {
        objections.same(view, &name, sample(&name), Some(n as f64));
    };
    for state in STATES {
        let name = format!("autoissue_tasks{{state=\"{state}\"}}");
        count(name, expected.count(state));
    }
    let name = "autoissue_attempts_total".to_owned();
    count(name, expected.n_attempts);
    let name = "autoissue_pull_requests_total".to_owned();
    count(name, expected.n_pull_requests());
    let status = expected.status();
    count(
        format!("autoissue_session_status{{status=\"{status}\"}}"),
        1,
    );
    for (kind, n) in &expected.n_failures {
        count(format!("autoissue_failures_total{{type=\"{kind}\"}}"), *n);
    }
    for (name, amount) in [
        ("autoissue_budget_dollars", expected.budget),
        ("autoissue_spent_dollars", expected.spent()),
        ("autoissue_assumed_dollars_total", expected.assumed),
        ("autoissue_reserved_dollars", expected.reserved()),
        ("autoissue_in_flight_dollars", expected.metered()),
    ] {
        let said = sample(name).map(Usd::from_dollars);
        objections.same(view, name, said, Some(amount));
    }
}

/// The first and last lines of the live screen.
pub(super) fn live_screen(chronicle: &Chronicle, expected: &Expected, objections: &mut Objections) {
    let view = "live screen";
    let lines = screen_of(chronicle, now_ms(chronicle));
    let counts: Vec<&str> = lines[0]
        .trim_start_matches('─')
        .split('─')
        .next()
        .unwrap()
        .split(" · ")
        .map(str::trim)
        .collect();
    for (state, words) in [
        ("running", &["running"][..]),
        ("waiting", &["waiting"]),
        ("done", &["done"]),
        ("already_open", &["already open"]),
        ("already_merged", &["already merged"]),
        ("needs_you", &["need you", "needs you"]),
        ("failed", &["failed"]),
        ("not_started", &["not started"]),
    ] {
        let said = counts.iter().find_map(|count| number_before(count, words));
        let said = said.unwrap_or_default();
        objections.same(view, state, said, expected.count(state));
    }
    let money = lines.last().unwrap();
    let amounts = format!(
        "{} spent · {} reserved · of {}",
        expected.spent(),
        expected.reserved(),
        expected.budget
    );
    if !money.ends_with(&amounts) {
        objections.same(view, "money", money.as_str(), &amounts);
    }
}

/// The final report, as text, Markdown and HTML.
pub(super) fn reports(
    chronicle: &Chronicle,
    typed: &Typed,
    expected: &Expected,
    objections: &mut Objections,
) {
    let places = Places {
        transcripts: PathBuf::from("/transcripts"),
        mirror: PathBuf::from("/mirror"),
    };
    let time = LocalTime::utc();
    let report = Report::new("20261122-1315-7f3a", chronicle, &places, typed, &time);
    let origin = Origin {
        command: "autoissue exec bug",
        version: "0.1.0",
    };
    let text = report::text(&report, Paint::default());
    let markdown = report::markdown(&report);
    let page = report::page(&report, chronicle, &origin, &time);
    for (state, heading, id) in [
        ("done", "shipped", "shipped"),
        (
            "already_open",
            "already had an open pull request or branch",
            "open",
        ),
        ("already_merged", "already merged", "merged"),
        ("needs_you", "needs you", "needs-you"),
        ("failed", "failed", "failed"),
        ("not_started", "not started", "not-started"),
        ("unfinished", "not finished", "not-finished"),
    ] {
        let expected = expected.count(state);
        let said = counted_under(&text, "", heading);
        objections.same("report", state, said, expected);
        let said = counted_under(&markdown.to_lowercase(), "## ", heading);
        objections.same("markdown", state, said, expected);
        objections.same("html", state, counted_on_page(&page, id), expected);
    }
    let (spent, budget) = (expected.spent(), expected.budget);
    let cost = format!("spent {spent} of {budget}");
    if !text.lines().any(|line| line.starts_with(&cost)) {
        objections.same("report", "cost", text.as_str(), &cost);
    }
    let in_markdown = cost.replace('$', "\\$");
    if !markdown.contains(&cost) && !markdown.contains(&in_markdown) {
        objections.same("markdown", "cost", markdown.as_str(), &cost);
    }
    let on_page = format!("<dt>spent</dt><dd>{spent}<small> of {budget}</small></dd>");
    if !page.contains(&on_page) {
        objections.same("html", "cost", page.as_str(), &on_page);
    }
    let attempts = format!("<dt>attempts</dt><dd>{}</dd>", expected.n_attempts);
    if !page.contains(&attempts) {
        objections.same("html", "attempts", page.as_str(), &attempts);
    }
}

/// Returns the number of tasks under a heading; 0 if it is missing.
fn counted_under(text: &str, mark: &str, heading: &str) -> u64 {
    let start = format!("{mark}{heading} (");
    let n = text
        .lines()
        .find_map(|line| line.strip_prefix(&start)?.strip_suffix(')'));
    n.map_or(0, |n| n.parse().unwrap())
}

fn counted_on_page(page: &str, id: &str) -> u64 {
    let heading = format!("<h2 id=\"{id}\">");
    let after = page.split_once(&heading).map(|(_, after)| after);
    let n = after.and_then(|after| after.split_once("class=\"count\">")?.1.split_once('<'));
    n.map_or(0, |(n, _)| n.parse().unwrap())
}

/// `status`, as a list of sessions and for one session.
pub(super) fn status(chronicle: &Chronicle, expected: &Expected, objections: &mut Objections) {
    let view = "status";
    let line = json(&status::line_of(&row(), &chronicle.totals()));
    let said = line["status"].as_str();
    objections.same(view, "status", said, Some(expected.status()));
    let said = line["n_tasks"].as_u64();
    objections.same(view, "tasks", said, Some(expected.count("total")));
    objections.dollars(view, &line, &[("spent_usd", expected.spent())]);
    of_counts(view, &line["counts"], expected, objections);
    let head = status::head(
        "20261122-1315-7f3a",
        chronicle,
        "status",
        &LocalTime::utc(),
        Paint::default(),
    );
    let amounts = format!(
        "spent {} + {} reserved of {}",
        expected.spent(),
        expected.reserved(),
        expected.budget
    );
    if !head.lines().any(|line| line == amounts) {
        objections.same(view, "money", head.as_str(), &amounts);
    }
}

/// The journal's row of a session; the views use none of its figures.
fn row() -> SessionRow {
    SessionRow {
        id: SessionId::new(0, [0, 1]),
        repository: "owner/shop".to_owned(),
        project_path: "/p/shop".to_owned(),
        command: String::new(),
        version: String::new(),
        started_at_ms: 0,
        settings_json: String::new(),
        status: SessionStatus::Running,
        finished_at_ms: None,
        last_seq: 0,
    }
}

/// JSON counts, which omit zeros.
fn of_counts(view: &str, counts: &Value, expected: &Expected, objections: &mut Objections) {
    for state in &STATES[2..] {
        let said = counts[state].as_u64().unwrap_or_default();
        objections.same(view, state, said, expected.count(state));
    }
}

/// `metrics` for this session alone.
pub(super) fn metrics(chronicle: &Chronicle, expected: &Expected, objections: &mut Objections) {
    let view = "metrics";
    let mut all = Metrics::default();
    all.add(chronicle);
    let line = json(&metrics::json(&all));
    let total = &line["total"];
    let amounts = [
        ("spent_usd", expected.spent()),
        ("assumed_usd", expected.assumed),
    ];
    objections.dollars(view, total, &amounts);
    objections.dollars(view, &line, &[("planning_usd", expected.planned())]);
    for (what, n) in [
        ("done", expected.count("done")),
        ("attempts", expected.n_attempts),
        ("pull_requests", expected.n_pull_requests()),
    ] {
        objections.same(view, what, total[what].as_u64(), Some(n));
    }
    for groups in ["by_domain", "by_model"] {
        let groups_of = line[groups].as_array().unwrap();
        let sum = |key: &str| {
            groups_of
                .iter()
                .filter_map(|it| it[key].as_u64())
                .sum::<u64>()
        };
        objections.same(view, groups, sum("attempts"), expected.n_attempts);
        objections.same(view, groups, sum("done"), expected.count("done"));
        let spent = groups_of.iter().filter_map(|it| it["spent_usd"].as_f64());
        let spent = spent.map(Usd::from_dollars).sum::<Usd>();
        objections.same(view, groups, spent, expected.spent() - expected.planned());
    }
    let failures = line["failures_by_type"].as_object().unwrap();
    for (kind, n) in failures {
        let expected = expected.n_failures.get(kind.as_str()).copied();
        objections.same(view, kind, n.as_u64(), Some(expected.unwrap_or_default()));
    }
    let text = metrics::text(&all, Paint::default());
    let cost = format!("{:<22} {} (", "cost", expected.spent());
    let is_empty = expected.n_attempts == 0 && expected.spent() == Usd::ZERO;
    if !is_empty && !text.lines().any(|line| line.starts_with(&cost)) {
        objections.same(view, "cost", text.as_str(), &cost);
    }
}

/// The last line of `--output json`.
pub(super) fn summary(chronicle: &Chronicle, expected: &Expected, objections: &mut Objections) {
    let view = "summary";
    let line = json(&Summary::new("20261122-1315-7f3a", chronicle));
    let said = line["status"].as_str();
    objections.same(view, "status", said, Some(expected.status()));
    let amounts = [
        ("spent_usd", expected.spent()),
        ("assumed_usd", expected.assumed),
        ("budget_usd", expected.budget),
    ];
    objections.dollars(view, &line, &amounts);
    of_counts(view, &line["counts"], expected, objections);
    let tasks = line["tasks"].as_array().unwrap();
    of_each_task(view, tasks, expected, objections);
}
