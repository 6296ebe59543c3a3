//! The state of a session, and its views.
//!
//! Every figure comes from the chronicle, so live and past sessions are shown by the same code.

use std::collections::BTreeMap;

use autoissue_core::bus::Envelope;
use autoissue_core::chronicle::{
    Chronicle, CostPoint, Need, NeedKind, SeenFailure, SessionNeed, Span, SpanEnd,
};
use autoissue_core::engine::{
    Breaker, BreakerState, Engine, Event, IssueNumber, Outcome, Phase, Service, SessionStatus,
    Stage, Task, Time, Usd,
};
use autoissue_core::journal::SessionId;
use autoissue_core::summary::rfc3339;

use super::shown::{Screen, Shown};
use super::view;
use crate::local_time::LocalTime;
use crate::narration::{Tone, blocked, ended, message, narrate};
use crate::typed::ReadCommand;

/// Maximum number of attention items in a view.
const N_ATTENTION_MAX: usize = 50;

/// Display settings.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    /// Makes text safe to show.
    pub(crate) screen: Screen,
    /// Time zone for times in sentences.
    pub(crate) time: LocalTime,
    /// Parses the command that started a session.
    pub(crate) read_command: ReadCommand,
}

/// The state of a session.
#[derive(Debug)]
pub(crate) struct Story {
    session: SessionId,
    chronicle: Chronicle,
    /// The command that started it; empty until it is known.
    pub(crate) command: String,
    style: Style,
}

/// Which tasks to return.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// Only tasks in this state.
    pub(crate) state: Option<view::TaskState>,
    /// Only tasks whose number, title or domain contains this.
    pub(crate) text: Option<&'a str>,
    /// Number of tasks to skip.
    pub(crate) offset: usize,
    /// Maximum number of tasks.
    pub(crate) limit: usize,
}

impl Story {
    /// Creates the story of a session without events.
    pub(crate) fn new(session: SessionId, style: Style) -> Self {
        Self {
            session,
            chronicle: Chronicle::default(),
            command: String::new(),
            style,
        }
    }

    /// Returns the number of the last event.
    pub(crate) const fn last_seq(&self) -> u64 {
        self.chronicle.last_seq()
    }

    /// Returns the engine's state after the events.
    pub(crate) const fn engine(&self) -> &Engine {
        self.chronicle.engine()
    }

    pub(crate) const fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// Records whether the session's process died. Returns whether that is new.
    pub(crate) const fn set_cut_off(&mut self, is_cut_off: bool) -> bool {
        let was_cut_off = self.chronicle.is_cut_off();
        self.chronicle.set_cut_off(is_cut_off);
        was_cut_off != is_cut_off
    }

    /// Applies the next event, and returns its view.
    pub(crate) fn take(&mut self, envelope: &Envelope<Event>) -> view::EventView {
        let Envelope { seq, at_ms, event } = envelope;
        self.chronicle.take(envelope);
        let sentence = |sentence: crate::narration::Sentence| view::SentenceView {
            tone: tone(sentence.tone),
            text: self.style.screen.line(&sentence.text),
        };
        view::EventView {
            seq: *seq,
            at: rfc3339(*at_ms),
            kind: kind_of(event),
            issue: event.issue().map(|issue| issue.0),
            sentences: narrate(event, self.engine(), &self.style.time)
                .into_iter()
                .map(sentence)
                .collect(),
        }
    }

    /// Returns the overview; `last_lines` are the newest lines of the agents.
    pub(crate) fn overview(
        &self,
        now_ms: u64,
        last_lines: &BTreeMap<u64, Shown>,
    ) -> view::SessionView {
        let (engine, about) = (self.engine(), self.engine().about());
        let line = |text: &str| self.style.screen.line(text);
        let (attention, n_attention) = self.attention();
        view::SessionView {
            session: self.session.to_string(),
            last_seq: self.last_seq(),
            repository: line(&about.repository),
            label: line(&about.label),
            directive: about.directive.as_deref().map(line),
            base_branch: line(&about.base_branch),
            agent: line(&engine.settings().agent),
            version: line(&about.version),
            status: self.chronicle.status(),
            activity: self.activity(),
            health: self.health(&attention),
            message: self.message(),
            started_at: rfc3339(self.chronicle.started_at_ms()),
            finished_at: self.chronicle.finished_at_ms().map(rfc3339),
            ran_ms: self.chronicle.ran_ms(now_ms),
            now: rfc3339(now_ms),
            counts: self.chronicle.counts(),
            slots: engine.settings().n_slots,
            budget: self.budget(),
            circuit_breaker: self.breakers(),
            running: self
                .chronicle
                .running()
                .map(|task| self.running(task, now_ms, last_lines))
                .collect(),
            attention,
            n_attention,
        }
    }

    fn activity(&self) -> view::Activity {
        match self.engine().phase() {
            _ if self.chronicle.is_still() => view::Activity::Over,
            Phase::New => view::Activity::Starting,
            Phase::Decomposing => view::Activity::SplittingDirective,
            Phase::Confirming => view::Activity::AwaitingConsent,
            Phase::Creating => view::Activity::CreatingIssues,
            Phase::Intake { .. } => view::Activity::ReadingBacklog,
            Phase::Planning => view::Activity::Planning,
            Phase::BaseCheck => view::Activity::CheckingBase,
            Phase::Running => view::Activity::Running,
            Phase::Over(_) => view::Activity::Over,
        }
    }

    fn health(&self, attention: &[view::AttentionView]) -> view::SessionHealth {
        let worst = attention.iter().map(|item| item.kind).min();
        match (self.chronicle.status(), worst) {
            (view::SessionStatus::Failed | view::SessionStatus::CutOff, _) => {
                view::SessionHealth::Trouble
            }
            (_, Some(view::AttentionKind::Session)) => view::SessionHealth::Trouble,
            (view::SessionStatus::Running, _)
                if self.breakers().state == view::BreakerState::Open =>
            {
                view::SessionHealth::Trouble
            }
            (_, Some(_)) => view::SessionHealth::Attention,
            (_, None) => view::SessionHealth::Well,
        }
    }

    fn message(&self) -> Option<Shown> {
        match self.engine().phase() {
            Phase::Over(SessionStatus::Failed { message, .. }) => {
                Some(self.style.screen.line(message))
            }
            _ => None,
        }
    }

    /// Returns the current budget.
    pub(crate) fn budget(&self) -> view::BudgetView {
        let money = self.chronicle.money();
        view::BudgetView {
            budget_usd: money.budget.dollars(),
            spent_usd: money.spent.dollars(),
            assumed_usd: money.assumed.dollars(),
            in_flight_usd: money.metered.dollars(),
            reserved_usd: money.reserved.dollars(),
            available_usd: money.available.dollars(),
            cost_per_pull_request_usd: money.per_pull_request.map(Usd::dollars),
        }
    }

    /// Returns the budget over time.
    pub(crate) fn budget_history(&self) -> view::BudgetHistory {
        fn point(point: &CostPoint) -> view::CostPointView {
            view::CostPointView {
                at: rfc3339(point.at_ms),
                spent_usd: point.spent.dollars(),
                reserved_usd: point.reserved.dollars(),
            }
        }

        view::BudgetHistory {
            now: self.budget(),
            history: self.chronicle.costs().iter().map(point).collect(),
        }
    }

    /// Returns the circuit breakers of the services in use, and of those that have failed.
    pub(crate) fn breakers(&self) -> view::BreakerView {
        let settled = Breaker::default();
        let mut known: BTreeMap<&Service, &Breaker> = self.engine().breakers().iter().collect();
        let agent = self.engine().settings().agent_service();
        known.entry(&agent).or_insert(&settled);
        known.entry(&Service::Forge).or_insert(&settled);
        let services: Vec<_> = known
            .into_iter()
            .map(|(service, breaker)| self.service(service, breaker))
            .collect();
        let state = services
            .iter()
            .map(|service| service.state)
            .max()
            .unwrap_or(view::BreakerState::Closed);
        view::BreakerView { state, services }
    }

    fn service(&self, service: &Service, breaker: &Breaker) -> view::ServiceView {
        let line = |text: &str| self.style.screen.line(text);
        let (state, until, probe, message) = match &breaker.state {
            BreakerState::Closed => (view::BreakerState::Closed, None, None, None),
            BreakerState::Paused { until, message } => {
                (view::BreakerState::Paused, Some(until), None, Some(message))
            }
            BreakerState::Open { until } => (view::BreakerState::Open, Some(until), None, None),
            BreakerState::Probing { issue } => {
                let probe = Some(issue.0).filter(|_| *issue != IssueNumber::SESSION);
                (view::BreakerState::HalfOpen, None, probe, None)
            }
        };
        view::ServiceView {
            service: line(&service_key(service)),
            name: line(&service.to_string()),
            state,
            consecutive_failures: breaker.n_failures,
            until: until.map(|until| rfc3339(until.ms())),
            probe,
            message: message.map(|message| line(message)),
        }
    }

    /// Returns the failures.
    pub(crate) fn errors(&self) -> view::ErrorsView {
        let failure = |failure: &SeenFailure| view::ErrorView {
            at: rfc3339(failure.at_ms),
            issue: failure.issue.map(|issue| issue.0),
            kind: failure.kind.name(),
            message: self.style.screen.line(&failure.message),
            retried: failure.retried,
        };
        let by_type = self.chronicle.n_failures();
        view::ErrorsView {
            total: by_type.values().sum(),
            recent: self.chronicle.failures().rev().map(failure).collect(),
            by_type,
        }
    }

    /// Returns the metrics of the session.
    pub(crate) fn metrics(&self, now_ms: u64) -> view::MetricsView {
        let chronicle = &self.chronicle;
        let session = view::SessionMetrics {
            session: self.session.to_string(),
            status: chronicle.status(),
            started_at: rfc3339(chronicle.started_at_ms()),
            finished_at: chronicle.finished_at_ms().map(rfc3339),
            duration_ms: chronicle.ran_ms(now_ms),
            tasks: chronicle.counts(),
            outcomes: chronicle.outcomes(),
            attempts: chronicle.n_attempts(),
            slots: self.engine().settings().n_slots,
            tokens: chronicle.tokens(),
            agent_ms: chronicle.agent_ms(),
        };
        view::MetricsView {
            session,
            budget: self.budget(),
            circuit_breaker: self.breakers(),
            errors: self.errors(),
        }
    }

    fn running(
        &self,
        task: &Task,
        now_ms: u64,
        last_lines: &BTreeMap<u64, Shown>,
    ) -> view::RunningView {
        let issue = task.issue.number;
        let attempt = task.attempt();
        view::RunningView {
            issue: issue.0,
            title: self.style.screen.line(&task.issue.title),
            url: self.link(&task.issue.url),
            domain: self.style.screen.line(task.domain()),
            model: task
                .model
                .as_deref()
                .map(|model| self.style.screen.line(model)),
            stage: task.stage_name(),
            attempt: attempt.map_or(task.n_attempts, |attempt| attempt.number),
            started_at: rfc3339(
                self.chronicle
                    .running_since_ms(issue)
                    .unwrap_or(self.chronicle.last_at_ms()),
            ),
            spent_usd: task.spent_now().dollars(),
            reserved_usd: attempt.map_or(0.0, |attempt| attempt.unspent().dollars()),
            why: self.why(issue, now_ms),
            last_line: last_lines.get(&issue.0).cloned(),
        }
    }

    fn why(&self, issue: IssueNumber, now_ms: u64) -> Option<Shown> {
        if self.chronicle.is_still() {
            return None;
        }
        let why = self.engine().blocked(issue, Time::from_ms(now_ms))?;
        Some(self.style.screen.line(&blocked(&why, &self.style.time)))
    }

    /// Returns a URL only if a browser may follow it: text from outside must not become a script.
    fn link(&self, url: &str) -> Option<Shown> {
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        is_web.then(|| self.style.screen.line(url))
    }

    /// Returns what needs attention, and how many items there are.
    fn attention(&self) -> (Vec<view::AttentionView>, u32) {
        let needs = self.chronicle.needs();
        let n_needs = u32::try_from(needs.len()).unwrap_or(u32::MAX);
        let named = needs.iter().take(N_ATTENTION_MAX);
        (named.map(|need| self.need(need)).collect(), n_needs)
    }

    fn need(&self, need: &Need<'_>) -> view::AttentionView {
        let (text, hint) = match need {
            Need::Session(need) => self.session_need(need),
            Need::Service { service, breaker } => self.service_need(service, breaker),
            // The kind is shown separately.
            Need::Decision {
                outcome: Outcome::NeedsYou { message: text } | Outcome::Budget { message: text },
                ..
            }
            | Need::Failure {
                outcome: Outcome::Failed { message: text, .. },
                ..
            } => (message(text), None),
            Need::Decision { outcome, .. } | Need::Failure { outcome, .. } => {
                (message(&outcome.to_string()), None)
            }
        };
        let task = match need {
            Need::Session(_) | Need::Service { .. } => None,
            Need::Decision { task, .. } | Need::Failure { task, .. } => Some(task),
        };
        let line = |text: &str| self.style.screen.line(text);
        view::AttentionView {
            kind: match need.kind() {
                NeedKind::Session => view::AttentionKind::Session,
                NeedKind::Service => view::AttentionKind::Service,
                NeedKind::Decision => view::AttentionKind::NeedsYou,
                NeedKind::Failure => view::AttentionKind::Failed,
            },
            issue: task.map(|task| task.issue.number.0),
            title: task.map(|task| line(&task.issue.title)),
            text: line(&text),
            hint: hint.as_deref().map(line),
            url: task.and_then(|task| self.link(&task.issue.url)),
        }
    }

    fn session_need(&self, need: &SessionNeed<'_>) -> (String, Option<String>) {
        let resume = (self.style.read_command)(&self.command).resume(self.session.as_str());
        let resume = format!("resume it with `{resume}`");
        match need {
            SessionNeed::Failed(why) => ((*why).to_owned(), None),
            SessionNeed::Unconfirmed => (
                "the plan is waiting for your approval".to_owned(),
                Some(resume),
            ),
            SessionNeed::Interrupted(Some(what)) => (
                format!("interrupted: {}", message(what)),
                Some(format!("fix this, then {resume}")),
            ),
            SessionNeed::Interrupted(None) => {
                ("interrupted; all work is saved".to_owned(), Some(resume))
            }
            SessionNeed::CutOff => (
                "the process died; everything in the journal is safe".to_owned(),
                Some(resume),
            ),
        }
    }

    fn service_need(&self, service: &Service, breaker: &Breaker) -> (String, Option<String>) {
        let clock = |until: &Time| self.style.time.clock(until.ms());
        match &breaker.state {
            BreakerState::Open { until } => (
                format!(
                    "{service} failed {} times in a row; next try at {}",
                    breaker.n_failures,
                    clock(until)
                ),
                Some("reset the breaker once the service works again".to_owned()),
            ),
            BreakerState::Paused { until, message } => (
                format!("{service} is paused until {}: {message}", clock(until)),
                Some("it continues automatically".to_owned()),
            ),
            BreakerState::Closed | BreakerState::Probing { .. } => (service.to_string(), None),
        }
    }

    /// Returns the requested tasks: waiting ones in start order, ended ones newest first.
    pub(crate) fn tasks(&self, wanted: Wanted<'_>, now_ms: u64) -> view::TasksView {
        let needle = wanted.text.map(str::to_lowercase);
        let fits = |task: &&Task| {
            wanted
                .state
                .is_none_or(|wanted| wanted == self.chronicle.state(task))
                && needle.as_deref().is_none_or(|needle| holds(task, needle))
        };
        let mut tasks: Vec<&Task> = self.engine().tasks().values().filter(fits).collect();
        tasks.sort_by_cached_key(|task| self.place(task));
        let total = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
        let page = tasks.into_iter().skip(wanted.offset).take(wanted.limit);
        view::TasksView {
            session: self.session.to_string(),
            last_seq: self.last_seq(),
            total,
            offset: u32::try_from(wanted.offset).unwrap_or(u32::MAX),
            tasks: page.map(|task| self.task(task, now_ms)).collect(),
        }
    }

    /// Running first, then waiting by priority and age, then ended, newest first.
    fn place(&self, task: &Task) -> (u8, u64, u64, u64) {
        let number = task.issue.number.0;
        match &task.stage {
            Stage::Running(_) => (0, 0, 0, number),
            Stage::Classifying | Stage::Choosing | Stage::Waiting { .. } => (
                1,
                task.issue.priority().into(),
                task.issue.created_at.ms(),
                number,
            ),
            Stage::Ended(_) => {
                let ended_at_ms = self
                    .chronicle
                    .ended_at_ms(task.issue.number)
                    .unwrap_or_default();
                (2, u64::MAX - ended_at_ms, 0, number)
            }
        }
    }

    /// Returns one task.
    pub(crate) fn task_of(&self, issue: u64, now_ms: u64) -> Option<view::TaskView> {
        self.engine()
            .task(IssueNumber(issue))
            .map(|task| self.task(task, now_ms))
    }

    fn task(&self, task: &Task, now_ms: u64) -> view::TaskView {
        let line = |text: &str| self.style.screen.line(text);
        let outcome = task.outcome();
        let is_open = outcome.is_none();
        view::TaskView {
            issue: task.issue.number.0,
            title: line(&task.issue.title),
            url: self.link(&task.issue.url),
            domain: line(task.domain()),
            model: task.model.as_deref().map(line),
            state: self.chronicle.state(task),
            stage: task.stage_name(),
            attempts: task.n_attempts,
            estimate_usd: task.estimate.dollars(),
            spent_usd: task.spent_now().dollars(),
            assumed_usd: task.assumed.dollars(),
            why: self.why(task.issue.number, now_ms),
            outcome: outcome.map(Outcome::name),
            reason: outcome
                .filter(|outcome| !matches!(outcome, Outcome::Done { .. }))
                .map(|outcome| line(&ended(outcome))),
            last_failure: task
                .last_failure
                .as_ref()
                .filter(|_| is_open)
                .map(|(_, message)| line(message)),
            pull_request: outcome.and_then(Outcome::pull_request).map(|pull| {
                view::PullRequestView {
                    number: pull.number,
                    url: self.link(&pull.url),
                }
            }),
            branch: task
                .publication
                .as_ref()
                .map(|publication| line(&publication.branch)),
            changes: task.work.as_ref().map(|work| view::ChangesView {
                files: work.n_files,
                added: work.added,
                removed: work.removed,
            }),
            checks: task
                .checks
                .iter()
                .map(|check| view::CheckView {
                    name: line(&check.name),
                    passed: check.passed,
                    ended: line(&check.ended),
                })
                .collect(),
            ended_at: self.chronicle.ended_at_ms(task.issue.number).map(rfc3339),
        }
    }

    /// Returns the attempts on a timeline.
    pub(crate) fn timeline(&self, now_ms: u64) -> view::TimelineView {
        let span = |span: Span| view::SpanView {
            issue: span.issue.0,
            attempt: span.attempt,
            domain: self.style.screen.line(
                self.engine()
                    .task(span.issue)
                    .map_or("unknown", Task::domain),
            ),
            started_at: rfc3339(span.from_ms),
            ended_at: span.ended_at_ms.map(rfc3339),
            result: match span.end {
                SpanEnd::Running => view::SpanResult::Running,
                SpanEnd::Shipped => view::SpanResult::Published,
                SpanEnd::Failed => view::SpanResult::Failed,
                SpanEnd::NeedsYou => view::SpanResult::NeedsYou,
                SpanEnd::Interrupted => view::SpanResult::Interrupted,
            },
        };
        let ends_at_ms = if self.chronicle.is_still() {
            self.chronicle.last_at_ms()
        } else {
            now_ms
        };
        view::TimelineView {
            session: self.session.to_string(),
            started_at: rfc3339(self.chronicle.started_at_ms()),
            ends_at: rfc3339(ends_at_ms),
            attempts: self.chronicle.spans().map(span).collect(),
        }
    }
}

/// Returns the name of a service in the API.
pub(crate) fn service_key(service: &Service) -> String {
    match service {
        Service::Agent(name) => format!("agent:{name}"),
        Service::Forge => "forge".to_owned(),
        Service::Machine => "machine".to_owned(),
    }
}

fn holds(task: &Task, needle: &str) -> bool {
    task.issue.number.to_string().contains(needle)
        || task.issue.title.to_lowercase().contains(needle)
        || task.domain().contains(needle)
}

const fn tone(tone: Tone) -> view::ToneView {
    match tone {
        Tone::Detail => view::ToneView::Detail,
        Tone::Plain => view::ToneView::Plain,
        Tone::Good => view::ToneView::Good,
        Tone::Odd => view::ToneView::Odd,
        Tone::Bad => view::ToneView::Bad,
    }
}

/// Returns the type of an event as in the journal. The event's JSON starts with it.
fn kind_of(event: &Event) -> String {
    /// Keeps the first bytes that are written, and then stops the writer.
    struct Head(Vec<u8>);

    impl std::io::Write for Head {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.extend_from_slice(bytes);
            // `{"chapter":"…","type":"…"` has eight quotes; the rest may contain a whole issue.
            let n_quotes = self.0.iter().filter(|byte| **byte == b'"').count();
            if n_quotes < 8 {
                Ok(bytes.len())
            } else {
                Err(std::io::ErrorKind::WriteZero.into())
            }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut head = Head(Vec::new());
    let _ = serde_json::to_writer(&mut head, event);
    let text = String::from_utf8_lossy(&head.0);
    let words: Vec<&str> = text.split('"').skip(3).step_by(4).take(2).collect();
    words.join(".")
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::{PullRequest, Settings};
    use autoissue_core::engine::{ServiceEvent, SessionEvent};
    use autoissue_core::secret::redaction::Redaction;

    use super::*;
    use crate::fixture::{a_second_apart, admitted, at_work, check_failed, finished, shipped};

    fn told(events: &[Event]) -> Story {
        let style = Style {
            screen: Screen::new(Redaction::default()),
            time: LocalTime::utc(),
            read_command: crate::command::read,
        };
        let mut story = Story::new(SessionId::new(0, [0, 1]), style);
        for envelope in a_second_apart(events) {
            story.take(&envelope);
        }
        story
    }

    fn night() -> Vec<Event> {
        let issues = [
            (1, "One", "backend"),
            (2, "<script>alert(1)</script>", "frontend"),
            (3, "Three\u{1b}[2J", "database"),
            (4, "Four", "database"),
        ];
        let mut events = admitted(Settings::default(), &issues);
        events.extend(shipped(1, 30, 42));
        events.extend(check_failed(2, 310));
        events.extend(at_work(3, 1));
        events
    }

    #[test]
    fn a_view_says_where_every_task_is_and_why_it_waits() {
        let story = told(&night());
        let overview = story.overview(60_000, &BTreeMap::from([(3, Shown::default())]));
        let counts = view::Counts {
            total: 4,
            waiting: 1,
            running: 1,
            done: 1,
            failed: 1,
            ..Default::default()
        };
        assert_eq!(overview.counts, counts);
        assert_eq!(
            (overview.status, overview.health),
            (view::SessionStatus::Running, view::SessionHealth::Attention)
        );
        let waiting = story.tasks(
            Wanted {
                state: Some(view::TaskState::Waiting),
                limit: 9,
                ..Wanted::default()
            },
            60_000,
        );
        let why = waiting.tasks[0].why.as_ref().map(Shown::as_str);
        assert_eq!(
            (waiting.total, why),
            (1, Some("domain database is busy with #3"))
        );
    }

    #[test]
    fn only_a_web_address_becomes_a_link() {
        let mut events = admitted(
            Settings::default(),
            &[(1, "One", "backend"), (2, "Two", "frontend")],
        );
        let evil = PullRequest {
            number: 1,
            url: "javascript:alert(1)".to_owned(),
        };
        events.push(finished(
            1,
            Outcome::Done {
                pull_request: Some(evil),
            },
        ));
        events.extend(shipped(2, 31, 10));
        let story = told(&events);
        let url = |issue| story.task_of(issue, 0).unwrap().pull_request.unwrap().url;
        assert_eq!(url(1), None);
        assert_eq!(
            url(2).unwrap().as_str(),
            "https://github.com/owner/shop/pull/31"
        );
    }

    #[test]
    fn a_page_of_tasks_is_a_part_of_all_matching_tasks() {
        let issues: Vec<(u64, String)> = (1..=50).map(|n| (n, format!("Task {n}"))).collect();
        let issues: Vec<_> = issues
            .iter()
            .map(|(n, title)| (*n, title.as_str(), "backend"))
            .collect();
        let story = told(&admitted(Settings::default(), &issues));
        let page = story.tasks(
            Wanted {
                text: Some("TASK 1"),
                offset: 2,
                limit: 3,
                ..Wanted::default()
            },
            0,
        );
        let numbers: Vec<u64> = page.tasks.iter().map(|task| task.issue).collect();
        assert_eq!(
            (page.total, page.offset, numbers),
            (11, 2, vec![11, 12, 13])
        );
    }

    #[test]
    fn the_kind_of_an_event_is_read_without_its_rest() {
        let mut events = night();
        events.push(Event::Session(SessionEvent::Interrupted));
        for event in events {
            let whole: serde_json::Value = serde_json::to_value(&event).unwrap();
            let (chapter, kind) = (&whole["chapter"], &whole["type"]);
            let expected = [chapter, kind].map(|word| word.as_str().unwrap()).join(".");
            assert_eq!(kind_of(&event), expected);
        }
    }

    #[test]
    fn an_open_breaker_is_the_worst_of_all_states() {
        let service = Service::Agent(Settings::default().agent);
        let mut events = night();
        events.push(Event::Service(ServiceEvent::BreakerOpened {
            service,
            until: Time::from_ms(99_000),
            n_failures: 5,
            since: None,
        }));
        let overview = told(&events).overview(60_000, &BTreeMap::new());
        assert_eq!(overview.circuit_breaker.state, view::BreakerState::Open);
        assert_eq!(overview.health, view::SessionHealth::Trouble);
        assert_eq!(
            overview.circuit_breaker.services.len(),
            2,
            "the forge is listed too"
        );
    }
}
