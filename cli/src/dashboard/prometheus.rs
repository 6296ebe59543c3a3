//! A session as metrics in the Prometheus text format 0.0.4. Base units, one name per quantity, counters end in `_total`.

use std::fmt::Write;

use super::story::Story;
use super::view::{BreakerState, SessionStatus, TaskState};

/// The type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All ways in which a task may end.
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

/// Text that grows by families of samples.
struct Exposition(String);

/// What a family counts.
#[derive(Clone, Copy)]
enum Kind {
    Gauge,
    Counter,
}

impl Exposition {
    fn family(&mut self, name: &str, kind: Kind, help: &str, samples: &[(&[(&str, &str)], f64)]) {
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let labels: Vec<String> = labels
                .iter()
                .map(|(key, text)| format!("{key}=\"{}\"", escaped(text)))
                .collect();
            let labels = if labels.is_empty() {
                String::new()
            } else {
                format!("{{{}}}", labels.join(","))
            };
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    fn one(&mut self, name: &str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help, &[(&[], value)]);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

/// Returns the current session as metrics; without one, only what is known of the program.
pub(crate) fn text(story: Option<&Story>, now_ms: u64) -> String {
    let mut out = Exposition(String::new());
    let version = env!("CARGO_PKG_VERSION");
    out.family(
        "autoissue_build_info",
        Kind::Gauge,
        "The release of the dashboard.",
        &[(&[("version", version)], 1.0)],
    );
    if let Some(story) = story {
        session(&mut out, story, now_ms);
        tasks(&mut out, story);
        money(&mut out, story);
        breakers(&mut out, story);
    }
    out.0
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^52")]
fn session(out: &mut Exposition, story: &Story, now_ms: u64) {
    let overview = story.metrics(now_ms).session;
    let repository = &story.engine().about().repository;
    let labels = [
        ("session", overview.session.as_str()),
        ("repository", repository.as_str()),
    ];
    out.family(
        "autoissue_session_info",
        Kind::Gauge,
        "The session that the other metrics are about.",
        &[(&labels, 1.0)],
    );
    let states = SessionStatus::ALL.map(|status| {
        (
            [("status", status.name())],
            f64::from(u8::from(status == overview.status)),
        )
    });
    let samples: Vec<(&[_], f64)> = states
        .iter()
        .map(|(labels, value)| (&labels[..], *value))
        .collect();
    out.family(
        "autoissue_session_status",
        Kind::Gauge,
        "Where the session is: 1 for its status.",
        &samples,
    );
    let seconds = |ms: u64| ms as f64 / 1_000.0;
    let started = "When the session began, in seconds since the Unix epoch.";
    out.one(
        "autoissue_session_start_time_seconds",
        Kind::Gauge,
        started,
        seconds(story.chronicle().started_at_ms()),
    );
    out.one(
        "autoissue_session_duration_seconds",
        Kind::Gauge,
        "How long it has run.",
        seconds(overview.duration_ms),
    );
    out.one(
        "autoissue_events_total",
        Kind::Counter,
        "Events in the journal of the session.",
        story.last_seq() as f64,
    );
    out.one(
        "autoissue_slots",
        Kind::Gauge,
        "Attempts that may be in flight.",
        overview.slots.into(),
    );
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^52")]
fn tasks(out: &mut Exposition, story: &Story) {
    let chronicle = story.chronicle();
    let counts = chronicle.counts();
    let states =
        TaskState::ALL.map(|state| ([("state", state.name())], f64::from(counts.n(state))));
    let samples: Vec<(&[_], f64)> = states
        .iter()
        .map(|(labels, value)| (&labels[..], *value))
        .collect();
    out.family(
        "autoissue_tasks",
        Kind::Gauge,
        "Tasks of the session by where they are.",
        &samples,
    );
    let ended = chronicle.outcomes();
    let outcomes = OUTCOMES.map(|name| {
        (
            [("outcome", name)],
            f64::from(ended.get(name).copied().unwrap_or_default()),
        )
    });
    let samples: Vec<(&[_], f64)> = outcomes
        .iter()
        .map(|(labels, value)| (&labels[..], *value))
        .collect();
    out.family(
        "autoissue_tasks_ended_total",
        Kind::Counter,
        "Tasks that have ended, by how.",
        &samples,
    );
    out.one(
        "autoissue_pull_requests_total",
        Kind::Counter,
        "Pull requests opened or brought up to date.",
        chronicle.n_pull_requests().into(),
    );
    out.one(
        "autoissue_attempts_total",
        Kind::Counter,
        "Attempts started.",
        chronicle.n_attempts() as f64,
    );
    let failures: Vec<_> = chronicle
        .n_failures()
        .into_iter()
        .map(|(kind, n)| ([("type", kind)], n as f64))
        .collect();
    let samples: Vec<(&[_], f64)> = failures
        .iter()
        .map(|(labels, value)| (&labels[..], *value))
        .collect();
    out.family(
        "autoissue_failures_total",
        Kind::Counter,
        "Failures, those tried again included.",
        &samples,
    );
    out.one(
        "autoissue_agent_tokens_total",
        Kind::Counter,
        "Tokens that agents used.",
        chronicle.tokens() as f64,
    );
    let seconds = chronicle.agent_ms() as f64 / 1_000.0;
    out.one(
        "autoissue_agent_run_seconds_total",
        Kind::Counter,
        "How long agents ran, all together.",
        seconds,
    );
}

fn money(out: &mut Exposition, story: &Story) {
    let money = story.chronicle().money();
    let (spent, assumed) = (money.spent.dollars(), money.assumed.dollars());
    out.one(
        "autoissue_budget_dollars",
        Kind::Gauge,
        "US dollars that the session may spend.",
        money.budget.dollars(),
    );
    // A gauge: a bill may be less than what was metered before it came.
    out.one(
        "autoissue_spent_dollars",
        Kind::Gauge,
        "US dollars spent: settled, and metered by running agents.",
        spent,
    );
    out.one(
        "autoissue_assumed_dollars_total",
        Kind::Counter,
        "The part of them that is assumed.",
        assumed,
    );
    let (reserved, in_flight) = (money.reserved.dollars(), money.metered.dollars());
    out.one(
        "autoissue_reserved_dollars",
        Kind::Gauge,
        "US dollars left of the reservations of running agents.",
        reserved,
    );
    out.one(
        "autoissue_in_flight_dollars",
        Kind::Gauge,
        "The part of the dollars spent that running agents have metered.",
        in_flight,
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
    let mut labelled = Vec::new();
    for service in &breakers.services {
        for (name, state) in states {
            let labels = [("service", service.service.as_str()), ("state", name)];
            labelled.push((labels, f64::from(u8::from(service.state == state))));
        }
    }
    let samples: Vec<(&[_], f64)> = labelled
        .iter()
        .map(|(labels, value)| (&labels[..], *value))
        .collect();
    out.family(
        "autoissue_circuit_breaker_state",
        Kind::Gauge,
        "State of each service's breaker: 1 for it.",
        &samples,
    );
    let labelled: Vec<_> = breakers
        .services
        .iter()
        .map(|service| {
            (
                [("service", service.service.as_str())],
                f64::from(service.consecutive_failures),
            )
        })
        .collect();
    let samples: Vec<(&[_], f64)> = labelled
        .iter()
        .map(|(labels, value)| (&labels[..], *value))
        .collect();
    let help = "Failures of each service since its last success.";
    out.family(
        "autoissue_circuit_breaker_consecutive_failures",
        Kind::Gauge,
        help,
        &samples,
    );
}
