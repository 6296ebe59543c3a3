//! A session as metrics in the Prometheus text format 0.0.4. Uses base units and one name per
//! quantity; counters end in `_total`.

use std::fmt::Write;

use super::story::Story;
use super::view::{BreakerState, SessionStatus, TaskState};

/// The content type of the format.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All outcomes of a task.
const OUTCOMES: [&str; 9] = [
    "done",
    "already_open",
    "already_merged",
    "no_change",
    "failed",
    "budget",
    "needs_you",
    "skipped",
    "not_started",
];

/// The text of the metrics.
struct Exposition(String);

impl Exposition {
    /// Adds a metric family: a counter if its name ends in `_total`, else a gauge.
    fn family<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = ([(&'a str, &'a str); N], f64)>,
    ) {
        let kind = if name.ends_with("_total") {
            "counter"
        } else {
            "gauge"
        };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let labels = labels.map(|(key, text)| format!("{key}=\"{}\"", escaped(text)));
            let _ = match labels.join(",").as_str() {
                "" => writeln!(self.0, "{name} {value}"),
                labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
            };
        }
    }

    fn one(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, help, [([], value)]);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

/// Returns the metrics of the current session; without one, only those of the program.
pub(crate) fn text(story: Option<&Story>, now_ms: u64) -> String {
    let mut out = Exposition(String::new());
    let version = env!("CARGO_PKG_VERSION");
    out.family(
        "autoissue_build_info",
        "The version of the dashboard.",
        [([("version", version)], 1.0)],
    );
    if let Some(story) = story {
        session(&mut out, story, now_ms);
        tasks(&mut out, story);
        money(&mut out, story);
        breakers(&mut out, story);
    }
    out.0
}

#[expect(clippy::cast_precision_loss, reason = "all counts are below 2^52")]
fn session(out: &mut Exposition, story: &Story, now_ms: u64) {
    let overview = story.metrics(now_ms).session;
    let repository = &story.engine().about().repository;
    let labels = [
        ("session", overview.session.as_str()),
        ("repository", repository.as_str()),
    ];
    out.family(
        "autoissue_session_info",
        "The session that the other metrics describe.",
        [(labels, 1.0)],
    );
    let states = SessionStatus::ALL.map(|status| {
        let is_it = f64::from(u8::from(status == overview.status));
        ([("status", status.name())], is_it)
    });
    out.family(
        "autoissue_session_status",
        "Status of the session: 1 for the current one.",
        states,
    );
    let seconds = |ms: u64| ms as f64 / 1_000.0;
    out.one(
        "autoissue_session_start_time_seconds",
        "Start of the session, in seconds since the Unix epoch.",
        seconds(story.chronicle().started_at_ms()),
    );
    out.one(
        "autoissue_session_duration_seconds",
        "How long the session has run.",
        seconds(overview.duration_ms),
    );
    out.one(
        "autoissue_events_total",
        "Events in the journal of the session.",
        story.last_seq() as f64,
    );
    out.one(
        "autoissue_slots",
        "Maximum number of concurrent attempts.",
        overview.slots.into(),
    );
}

#[expect(clippy::cast_precision_loss, reason = "all counts are below 2^52")]
fn tasks(out: &mut Exposition, story: &Story) {
    let chronicle = story.chronicle();
    let counts = chronicle.counts();
    out.family(
        "autoissue_tasks",
        "Tasks of the session by state.",
        TaskState::ALL.map(|state| ([("state", state.name())], f64::from(counts.n(state)))),
    );
    let ended = chronicle.outcomes();
    let outcomes = OUTCOMES.map(|name| {
        let n = ended.get(name).copied().unwrap_or_default();
        ([("outcome", name)], f64::from(n))
    });
    out.family(
        "autoissue_tasks_ended_total",
        "Tasks that have ended, by outcome.",
        outcomes,
    );
    out.one(
        "autoissue_pull_requests_total",
        "Pull requests opened or updated.",
        chronicle.n_pull_requests().into(),
    );
    out.one(
        "autoissue_attempts_total",
        "Attempts started.",
        chronicle.n_attempts() as f64,
    );
    let failures = chronicle.n_failures().into_iter();
    out.family(
        "autoissue_failures_total",
        "Failures, including those that were retried.",
        failures.map(|(kind, n)| ([("type", kind)], n as f64)),
    );
    out.one(
        "autoissue_agent_tokens_total",
        "Tokens that agents used.",
        chronicle.tokens() as f64,
    );
    out.one(
        "autoissue_agent_run_seconds_total",
        "Total running time of all agents.",
        chronicle.agent_ms() as f64 / 1_000.0,
    );
}

fn money(out: &mut Exposition, story: &Story) {
    let money = story.chronicle().money();
    out.one(
        "autoissue_budget_dollars",
        "Budget of the session, in US dollars.",
        money.budget.dollars(),
    );
    // A gauge, because a final cost may be lower than what was metered before.
    out.one(
        "autoissue_spent_dollars",
        "US dollars spent: settled costs plus what running agents have metered.",
        money.spent.dollars(),
    );
    out.one(
        "autoissue_assumed_dollars_total",
        "Estimated part of the US dollars spent.",
        money.assumed.dollars(),
    );
    out.one(
        "autoissue_reserved_dollars",
        "US dollars reserved for running agents and not yet spent.",
        money.reserved.dollars(),
    );
    out.one(
        "autoissue_in_flight_dollars",
        "Part of the US dollars spent that running agents have metered.",
        money.metered.dollars(),
    );
}

fn breakers(out: &mut Exposition, story: &Story) {
    let breakers = story.breakers();
    let states = [
        ("closed", BreakerState::Closed),
        ("paused", BreakerState::Paused),
        ("half_open", BreakerState::HalfOpen),
        ("open", BreakerState::Open),
    ];
    let samples = breakers.services.iter().flat_map(|service| {
        states.map(|(name, state)| {
            let is_it = f64::from(u8::from(service.state == state));
            (
                [("service", service.service.as_str()), ("state", name)],
                is_it,
            )
        })
    });
    out.family(
        "autoissue_circuit_breaker_state",
        "State of each service's breaker: 1 for the current one.",
        samples,
    );
    let samples = breakers.services.iter().map(|service| {
        let labels = [("service", service.service.as_str())];
        (labels, f64::from(service.consecutive_failures))
    });
    out.family(
        "autoissue_circuit_breaker_consecutive_failures",
        "Failures of each service since its last success.",
        samples,
    );
}
